// SPDX-License-Identifier: Apache-2.0
#include "takt/data/scene/solids.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

#include "takt/core/base/error.h"
#include "takt/data/scene/model/polygon.h"
#include "takt/data/sim/arms.h"
#include "takt/data/sim/camera/model_camera.h"

namespace takt::scene {
namespace {

constexpr std::array<double, 4> kFloorRgba = {0.78, 0.76, 0.73, 1};
constexpr std::array<double, 4> kWallRgba = {0.90, 0.89, 0.87, 1};
// Muted, so that a colour that somebody chose stands out.
constexpr std::array<std::array<double, 4>, 8> kPalette = {{{0.66, 0.60, 0.53, 1}, {0.55, 0.62, 0.66, 1},
                                                            {0.64, 0.66, 0.57, 1}, {0.70, 0.59, 0.55, 1},
                                                            {0.58, 0.58, 0.66, 1}, {0.72, 0.68, 0.58, 1},
                                                            {0.54, 0.64, 0.60, 1}, {0.66, 0.58, 0.64, 1}}};

std::array<double, 4> ColorOf(const Scene& scene, const std::string& part_material, const Node& node) {
  const std::string& id = part_material.empty() ? node.material : part_material;
  for (const Material& material : scene.materials) {
    if (material.id == id) return material.rgba;
  }
  uint32_t hash = 2166136261u;
  for (const char c : node.category.empty() ? node.id : node.category) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619u;
  return kPalette[(hash >> 13) % kPalette.size()];
}

TriMesh PrimitiveMesh(ShapeKind shape, const Vec3& size_m) {
  switch (shape) {
    case ShapeKind::kCylinder: return CylinderMesh(size_m[0], size_m[2], 32);
    case ShapeKind::kSphere: return SphereMesh(size_m[0], 32);
    case ShapeKind::kCapsule: return CapsuleMesh(size_m[0], size_m[2], 32);
    case ShapeKind::kBox:
    case ShapeKind::kMesh: break;
  }
  return BoxMesh(size_m);
}

Solid PartSolid(const Scene& scene, const Node& node, const Part& part, const std::filesystem::path& folder) {
  Solid solid;
  solid.shape = part.shape;
  solid.size_m = part.size_m;
  solid.node_from_solid = part.object_from_part;
  solid.rgba = ColorOf(scene, part.material, node);
  if (part.shape != ShapeKind::kMesh) {
    solid.mesh = PrimitiveMesh(part.shape, part.size_m);
    return solid;
  }
  solid.mesh_file = part.mesh;
  solid.mesh = ReadMesh(folder / part.mesh);
  solid.size_m = Vec3::Ones();
  if (part.size_m != Vec3::Zero()) {
    Vec3 low = solid.mesh.vertices_m[0], high = low;
    for (const Vec3& v : solid.mesh.vertices_m) low = low.cwiseMin(v), high = high.cwiseMax(v);
    for (int k = 0; k < 3; ++k) solid.size_m[k] = high[k] > low[k] ? part.size_m[k] / (high[k] - low[k]) : 1;
    for (Vec3& v : solid.mesh.vertices_m) v = v.cwiseProduct(solid.size_m);
  }
  return solid;
}

std::vector<Solid> RobotSolids(const Node& node, const std::filesystem::path& folder) {
  const auto builtin = sim::BuiltInRobots();
  const bool is_builtin = std::find(builtin.begin(), builtin.end(), node.robot) != builtin.end();
  const sim::Robot robot = sim::LoadRobot(is_builtin ? node.robot : (folder / node.robot).string());
  sim::CompileOptions compile;
  compile.asset_folder = robot.asset_folder;
  compile.subject = node.robot;
  const auto model = sim::Model::Compile(robot.mjcf, compile);
  sim::World world(model);
  for (size_t j = 0; j < robot.info.joints.size() && j < robot.info.home_rad.size(); ++j) {
    const auto& joint = model->joints()[model->JointIdx(robot.info.joints[j])];
    world.mutable_qpos()[joint.qpos_idx] = robot.info.home_rad[j];
  }
  std::vector<Solid> solids;
  for (sim::CameraShape& shape : sim::ShapesOfModel(*model)) {
    Solid solid;
    solid.mesh = std::move(shape.mesh);
    solid.node_from_solid = world.BodyPose(shape.body_idx) * shape.body_from_shape;
    for (int c = 0; c < 4; ++c) solid.rgba[c] = shape.material.rgba[c];
    solids.push_back(std::move(solid));
  }
  return solids;
}

// The wall as boxes around its openings: between the edges of all openings, what none of them covers.
void AddWall(const Node& room, int wall_idx, std::vector<Solid>* solids) {
  const size_t n = room.floor_m.size();
  const Vec2 from = room.floor_m[wall_idx], to = room.floor_m[(static_cast<size_t>(wall_idx) + 1) % n];
  const double length_m = (to - from).norm();
  if (!(length_m > 0)) return;
  std::vector<double> cuts = {0, length_m};
  for (const Opening& opening : room.openings) {
    if (opening.wall_idx != wall_idx) continue;
    for (const double x : {opening.offset_m, opening.offset_m + opening.width_m}) {
      if (x > 0 && x < length_m) cuts.push_back(x);
    }
  }
  std::sort(cuts.begin(), cuts.end());
  const Pose room_from_wall = Pose::Yaw(std::atan2(to[1] - from[1], to[0] - from[0]), {from[0], from[1], 0});
  const auto add = [&](double x0, double x1, double z0, double z1) {
    if (!(x1 - x0 > 1e-9) || !(z1 - z0 > 1e-9)) return;
    // A wall reaches around its corners by its thickness.
    if (x0 <= 0) x0 = -kWallThickness_m;
    if (x1 >= length_m) x1 = length_m + kWallThickness_m;
    Solid solid;
    solid.shape = ShapeKind::kBox;
    solid.size_m = {x1 - x0, kWallThickness_m, z1 - z0};
    solid.mesh = BoxMesh(solid.size_m);
    solid.node_from_solid = room_from_wall * Pose::Translation((x0 + x1) / 2, -kWallThickness_m / 2, (z0 + z1) / 2);
    solid.rgba = kWallRgba;
    solid.wall_idx = wall_idx;
    solids->push_back(std::move(solid));
  };
  for (size_t i = 0; i + 1 < cuts.size(); ++i) {
    std::vector<std::pair<double, double>> holes;
    for (const Opening& opening : room.openings) {
      const double middle = (cuts[i] + cuts[i + 1]) / 2;
      if (opening.wall_idx == wall_idx && middle > opening.offset_m && middle < opening.offset_m + opening.width_m) {
        holes.emplace_back(opening.sill_m, opening.sill_m + opening.height_m);
      }
    }
    std::sort(holes.begin(), holes.end());
    double z = 0;
    for (const auto& [bottom, top] : holes) {
      add(cuts[i], cuts[i + 1], z, std::min(bottom, room.height_m));
      z = std::max(z, top);
    }
    add(cuts[i], cuts[i + 1], z, room.height_m);
  }
}

Solid FloorSolid(const Node& room) {
  Solid floor;
  floor.rgba = kFloorRgba;
  const auto n = static_cast<uint32_t>(room.floor_m.size());
  for (const double z : {-kFloorThickness_m, 0.0}) {
    for (const Vec2& corner : room.floor_m) floor.mesh.vertices_m.emplace_back(corner[0], corner[1], z);
  }
  for (const auto& t : Triangulate(room.floor_m, room.id)) {
    floor.mesh.triangles.push_back({n + t[0], n + t[1], n + t[2]});
    floor.mesh.triangles.push_back({t[0], t[2], t[1]});
  }
  for (uint32_t i = 0; i < n; ++i) {
    const uint32_t next = (i + 1) % n;
    floor.mesh.triangles.push_back({i, next, n + next});
    floor.mesh.triangles.push_back({i, n + next, n + i});
  }
  return floor;
}

double Volume(const TriMesh& mesh) {
  double six = 0;
  for (const auto& t : mesh.triangles) {
    six += mesh.vertices_m[t[0]].dot(mesh.vertices_m[t[1]].cross(mesh.vertices_m[t[2]]));
  }
  return std::abs(six) / 6;
}

}  // namespace

std::vector<std::array<uint32_t, 3>> Triangulate(const std::vector<Vec2>& corners, const std::string& subject) {
  const auto fail = [&] {
    throw Error(ErrorCode::kBadInput, subject, "has a floor that is no simple polygon", "list its corners once around");
  };
  if (corners.size() < 3 || !IsSimple(corners)) fail();
  std::vector<uint32_t> left(corners.size());
  std::iota(left.begin(), left.end(), 0u);
  if (SignedArea(corners) < 0) std::reverse(left.begin(), left.end());
  const auto cross = [&](uint32_t a, uint32_t b, uint32_t c) {
    const Vec2 u = corners[b] - corners[a], v = corners[c] - corners[a];
    return u[0] * v[1] - u[1] * v[0];
  };
  std::vector<std::array<uint32_t, 3>> triangles;
  while (left.size() > 3) {
    size_t ear = left.size();
    double best = -1;
    for (size_t i = 0; i < left.size(); ++i) {
      const uint32_t a = left[(i + left.size() - 1) % left.size()], b = left[i], c = left[(i + 1) % left.size()];
      const double area = cross(a, b, c);
      if (!(area >= 0) || !(area > best)) continue;
      bool empty = true;
      for (const uint32_t p : left) {
        if (p == a || p == b || p == c) continue;
        if (cross(a, b, p) >= 0 && cross(b, c, p) >= 0 && cross(c, a, p) >= 0) empty = false;
      }
      if (empty) ear = i, best = area;
    }
    if (ear == left.size()) fail();
    const uint32_t a = left[(ear + left.size() - 1) % left.size()], b = left[ear], c = left[(ear + 1) % left.size()];
    if (best > 0) triangles.push_back({a, b, c});
    left.erase(left.begin() + static_cast<std::ptrdiff_t>(ear));
  }
  triangles.push_back({left[0], left[1], left[2]});
  return triangles;
}

std::vector<Solid> NodeSolids(const Scene& scene, const Node& node, const std::filesystem::path& folder) {
  std::vector<Solid> solids;
  if (node.kind == NodeKind::kRoom) {
    solids.push_back(FloorSolid(node));
    for (size_t wall = 0; wall < node.floor_m.size(); ++wall) AddWall(node, static_cast<int>(wall), &solids);
  } else if (node.kind == NodeKind::kObject) {
    if (!node.robot.empty()) return RobotSolids(node, folder);
    for (const Part& part : node.parts) solids.push_back(PartSolid(scene, node, part, folder));
    if (node.parts.empty()) {
      Part box;
      box.size_m = node.size_m;
      box.object_from_part = Pose::Translation(0, 0, node.size_m[2] / 2);
      solids.push_back(PartSolid(scene, node, box, folder));
    }
  }
  return solids;
}

double MassKg(const Node& node, const std::vector<Solid>& solids) {
  if (node.mass_kg > 0) return node.mass_kg;
  double volume_m3 = 0;
  for (const Solid& solid : solids) {
    const Vec3& s = solid.size_m;
    const double radius_m = s[0] / 2, ball_m3 = 4 * std::numbers::pi / 3 * radius_m * radius_m * radius_m;
    switch (solid.shape) {
      case ShapeKind::kBox: volume_m3 += s.prod(); break;
      case ShapeKind::kCylinder: volume_m3 += std::numbers::pi * radius_m * radius_m * s[2]; break;
      case ShapeKind::kSphere: volume_m3 += ball_m3; break;
      case ShapeKind::kCapsule: volume_m3 += ball_m3 + std::numbers::pi * radius_m * radius_m * std::max(0.0, s[2] - s[0]); break;
      case ShapeKind::kMesh: volume_m3 += Volume(solid.mesh); break;
    }
  }
  return 500 * volume_m3;
}

}  // namespace takt::scene
