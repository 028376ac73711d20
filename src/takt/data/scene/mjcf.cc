// SPDX-License-Identifier: Apache-2.0
#include "takt/data/scene/mjcf.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <pugixml.hpp>
#include <sstream>
#include <vector>

#include "takt/core/base/error.h"
#include "takt/core/geom/mesh.h"
#include "takt/data/scene/model/walk.h"
#include "takt/data/sim/arms.h"
#include "takt/data/sim/mjcf_merge.h"

namespace takt::scene {
namespace {

using pugi::xml_node;

constexpr double kDensity_kg_m3 = 500, kWall_m = 0.1, kFloorFriction = 0.8;
constexpr std::array<double, 4> kWallColour = {0.85, 0.85, 0.82, 1}, kFloorColour = {0.6, 0.6, 0.6, 1};

template <typename Values>
std::string Join(const Values& values) {
  std::string text;
  for (const double value : values) text += fmt::format("{}{}", text.empty() ? "" : " ", value);
  return text;
}
std::string Join(const Vec3& v) { return Join(std::array<double, 3>{v.x(), v.y(), v.z()}); }

void SetPose(xml_node element, const Pose& pose) {
  const Quat& q = pose.rotation;
  element.append_attribute("pos") = Join(pose.translation_m).c_str();
  element.append_attribute("quat") = Join(std::array<double, 4>{q.w(), q.x(), q.y(), q.z()}).c_str();
}

double Volume(const TriMesh& mesh) {
  double six = 0;
  for (const auto& [a, b, c] : mesh.triangles)
    six += mesh.vertices_m[a].dot(mesh.vertices_m[b].cross(mesh.vertices_m[c]));
  return six / 6;
}

class Writer {
 public:
  Writer(const Scene& scene, const MjcfOptions& options) : scene_(scene), options_(options) {
    if (!(options.timestep_s > 0 && options.timestep_s <= 1))
      throw Error(ErrorCode::kBadInput, "timestep", fmt::format("is {} s; it must be in (0, 1]", options.timestep_s));
    for (const Material& material : scene.materials) colours_[material.id] = material.rgba;
    root_ = document_.append_child("mujoco");
    root_.append_attribute("model") = scene.name.empty() ? "scene" : scene.name.c_str();
    xml_node compiler = root_.append_child("compiler");
    compiler.append_attribute("angle") = "radian";
    compiler.append_attribute("autolimits") = "true";
    xml_node option = root_.append_child("option");
    option.append_attribute("timestep") = fmt::format("{}", options.timestep_s).c_str();
    option.append_attribute("cone") = "elliptic";
    option.append_attribute("impratio") = "10";
    option.append_child("flag").append_attribute("multiccd") = "enable";
    // MuJoCo 2 guesses the room for contacts from the bodies; a cup of 18 boxes on a plate needs more.
    xml_node size = root_.append_child("size");
    int objects = 0;
    Walk(scene, [&](const Node& node, const Node*, const Pose&) { objects += node.kind == NodeKind::kObject; });
    const int contacts = std::max(400, 20 * objects);  // 50 parts on a bench have 500
    size.append_attribute("nconmax") = contacts;
    size.append_attribute("njmax") = 3 * contacts;
    // Twice the step is the stiffest contact that stays stable: softer ones let a part that drops sink by millimetres into
    // the thin floor of a bin, and deep contacts of flat shapes have normals that point sideways.
    xml_node contact = root_.append_child("default").append_child("geom");
    contact.append_attribute("solref") = fmt::format("{} 1", 2 * options.timestep_s).c_str();
    contact.append_attribute("solimp") = "0.95 0.99 0.001";
    assets_ = root_.append_child("asset");
    world_ = root_.append_child("worldbody");
  }

  std::string Text() {
    Floor();
    if (options_.walls) Walls();
    Walk(scene_, [&](const Node& node, const Node*, const Pose& world_from_node) {
      if (node.kind != NodeKind::kObject) return;
      if (node.robot.empty())
        Object(node, world_from_node);
      else if (options_.robots)
        robots_.emplace_back(&node, world_from_node);
    });
    std::ostringstream out;
    document_.save(out, "  ", pugi::format_indent | pugi::format_no_declaration);
    std::string text = out.str();
    for (const auto& [node, pose] : robots_) {
      const sim::Robot robot = LoadNodeRobot(*node, options_);
      text = sim::MergeMjcf(text, "", {robot.mjcf, robot.asset_folder, RobotPrefix(node->id), pose, node->id});
    }
    return text;
  }

  static sim::Robot LoadNodeRobot(const Node& node, const MjcfOptions& options) {
    const std::vector<std::string> built_in = sim::BuiltInRobots();
    if (std::find(built_in.begin(), built_in.end(), node.robot) != built_in.end()) return sim::LoadRobot(node.robot);
    return sim::LoadRobot(Inside(options.folder, node.robot, node.id).string());
  }

 private:
  static std::filesystem::path Inside(const std::filesystem::path& folder, const std::string& name,
                                      const std::string& id) {
    if (folder.empty())
      throw Error(ErrorCode::kBadInput, "object '" + id + "'",
                  "names the file '" + name + "', and no folder was given");
    std::error_code code;
    const std::filesystem::path root = std::filesystem::weakly_canonical(folder, code);
    const std::filesystem::path path = std::filesystem::weakly_canonical(root / name, code);
    const std::filesystem::path relative = path.lexically_relative(root);
    if (code || relative.empty() || *relative.begin() == "..")
      throw Error(ErrorCode::kBadInput, "object '" + id + "'",
                  "names the file '" + name + "' outside the folder of the scene");
    return path;
  }

  void Colour(xml_node geom, const std::string& part, const std::string& object) {
    const auto found = colours_.find(part.empty() ? object : part);
    geom.append_attribute("rgba") = Join(found == colours_.end() ? Material().rgba : found->second).c_str();
  }

  void Floor() {
    xml_node geom = world_.append_child("geom");
    geom.append_attribute("name") = "floor";
    geom.append_attribute("type") = "plane";
    geom.append_attribute("size") = "0 0 0.1";
    geom.append_attribute("friction") = kFloorFriction;
    geom.append_attribute("rgba") = Join(kFloorColour).c_str();
  }

  // Boxes outside wall `wall_idx` over the part of the wall from `from_m` to `to_m`, `low_m` to `high_m` above the
  // floor.
  void WallBox(size_t wall_idx, int* count, double from_m, double to_m, double low_m, double high_m) {
    if (!(to_m - from_m > 1e-6) || !(high_m - low_m > 1e-6)) return;
    const std::vector<Vec2>& floor = scene_.room.floor_m;
    const Vec2 a = floor[wall_idx], b = floor[(wall_idx + 1) % floor.size()];
    const Vec2 along = (b - a).normalized(), outside(along.y(), -along.x());
    const Vec2 centre = a + along * ((from_m + to_m) / 2) + outside * (kWall_m / 2);
    xml_node geom = world_.append_child("geom");
    geom.append_attribute("name") = fmt::format("wall{}#{}", wall_idx, (*count)++).c_str();
    geom.append_attribute("type") = "box";
    geom.append_attribute("size") = Join(Vec3((to_m - from_m) / 2, kWall_m / 2, (high_m - low_m) / 2)).c_str();
    geom.append_attribute("friction") = kFloorFriction;
    geom.append_attribute("rgba") = Join(kWallColour).c_str();
    SetPose(geom, Pose::Yaw(std::atan2(along.y(), along.x()), {centre.x(), centre.y(), (low_m + high_m) / 2}));
  }

  void Walls() {
    const Node& room = scene_.room;
    if (!(room.height_m > 0)) return;
    for (size_t i = 0; i < room.floor_m.size(); ++i) {
      const double length_m = (room.floor_m[(i + 1) % room.floor_m.size()] - room.floor_m[i]).norm();
      std::vector<const Opening*> openings;
      for (const Opening& opening : room.openings)
        if (opening.wall_idx >= 0 && static_cast<size_t>(opening.wall_idx) == i) openings.push_back(&opening);
      std::stable_sort(openings.begin(), openings.end(),
                       [](const Opening* a, const Opening* b) { return a->offset_m < b->offset_m; });
      double at_m = 0;
      int count = 0;
      for (const Opening* opening : openings) {
        const double from_m = std::clamp(opening->offset_m, at_m, length_m);
        const double to_m = std::clamp(opening->offset_m + opening->width_m, from_m, length_m);
        WallBox(i, &count, at_m, from_m, 0, room.height_m);
        WallBox(i, &count, from_m, to_m, 0, std::min(opening->sill_m, room.height_m));
        WallBox(i, &count, from_m, to_m, opening->sill_m + opening->height_m, room.height_m);
        at_m = to_m;
      }
      WallBox(i, &count, at_m, length_m, 0, room.height_m);
    }
  }

  void NeedSize(const Node& node, const Vec3& size_m) {
    if (!(size_m.allFinite() && size_m.minCoeff() > 0 && size_m.maxCoeff() < 1e4))
      throw Error(ErrorCode::kBadInput, "object '" + node.id + "'",
                  fmt::format("has a part of {} x {} x {} m", size_m.x(), size_m.y(), size_m.z()),
                  "sizes are positive");
  }

  // Writes one part; returns its volume.
  double PartGeom(xml_node body, const Node& node, const Part& part, size_t part_idx, std::vector<xml_node>* geoms) {
    xml_node geom = body.append_child("geom");
    geoms->push_back(geom);
    geom.append_attribute("name") = fmt::format("{}#{}", node.id, part_idx).c_str();
    geom.append_attribute("friction") = node.friction;
    Colour(geom, part.material, node.material);
    SetPose(geom, part.object_from_part);
    if (part.shape == ShapeKind::kMesh) return MeshGeom(geom, node, part, part_idx);
    NeedSize(node, part.size_m);
    const Vec3 half = part.size_m / 2;
    switch (part.shape) {
      case ShapeKind::kCylinder:
        geom.append_attribute("type") = "cylinder";
        geom.append_attribute("size") = Join(std::array<double, 2>{half.x(), half.z()}).c_str();
        return M_PI * half.x() * half.x() * part.size_m.z();
      case ShapeKind::kSphere:
        geom.append_attribute("type") = "sphere";
        geom.append_attribute("size") = Join(std::array<double, 1>{half.x()}).c_str();
        return 4. / 3 * M_PI * half.x() * half.x() * half.x();
      case ShapeKind::kCapsule: {
        const double straight_m = std::max(part.size_m.z() - part.size_m.x(), 1e-6);
        geom.append_attribute("type") = "capsule";
        geom.append_attribute("size") = Join(std::array<double, 2>{half.x(), straight_m / 2}).c_str();
        return M_PI * half.x() * half.x() * (straight_m + 4. / 3 * half.x());
      }
      default:
        geom.append_attribute("type") = "box";
        geom.append_attribute("size") = Join(half).c_str();
        return part.size_m.prod();
    }
  }

  double MeshGeom(xml_node geom, const Node& node, const Part& part, size_t part_idx) {
    const std::filesystem::path path = Inside(options_.folder, part.mesh, node.id);
    TriMesh mesh = ReadMesh(path);
    if (part.size_m != Vec3::Zero()) {
      NeedSize(node, part.size_m);
      Vec3 low = mesh.vertices_m[0], high = low;
      for (const Vec3& vertex : mesh.vertices_m) low = low.cwiseMin(vertex), high = high.cwiseMax(vertex);
      const Vec3 scale = part.size_m.cwiseQuotient((high - low).cwiseMax(1e-9));
      for (Vec3& vertex : mesh.vertices_m) vertex = vertex.cwiseProduct(scale);
    }
    const TriMesh hull = ConvexHull(mesh.vertices_m, path.string());
    const std::string name = fmt::format("{}#{}", node.id, part_idx);
    xml_node asset = assets_.append_child("mesh");
    asset.append_attribute("name") = name.c_str();
    std::string vertices, faces;
    for (const Vec3& vertex : hull.vertices_m) vertices += Join(vertex) + " ";
    for (const auto& [a, b, c] : hull.triangles) faces += fmt::format("{} {} {} ", a, b, c);
    asset.append_attribute("vertex") = vertices.c_str();
    asset.append_attribute("face") = faces.c_str();
    geom.append_attribute("type") = "mesh";
    geom.append_attribute("mesh") = name.c_str();
    return Volume(hull);
  }

  void Object(const Node& node, const Pose& world_from_node) {
    xml_node body = world_.append_child("body");
    body.append_attribute("name") = node.id.c_str();
    SetPose(body, world_from_node);
    if (!node.fixed) {
      xml_node joint = body.append_child("joint");
      joint.append_attribute("name") = node.id.c_str();
      joint.append_attribute("type") = "free";
      joint.append_attribute("damping") = "2e-5";  // stands in for rolling friction: a screwdriver comes to rest in a second
    }
    std::vector<Part> parts = node.parts;
    if (parts.empty()) {
      Part box;
      box.size_m = node.size_m;
      box.object_from_part = Pose::Translation(0, 0, node.size_m.z() / 2);
      parts.push_back(box);
    }
    std::vector<xml_node> geoms;
    std::vector<double> volumes;
    double total = 0;
    for (size_t i = 0; i < parts.size(); ++i) {
      volumes.push_back(PartGeom(body, node, parts[i], i, &geoms));
      total += volumes.back();
    }
    const double mass_kg = node.mass_kg > 0 ? node.mass_kg : kDensity_kg_m3 * total;
    for (size_t i = 0; i < geoms.size(); ++i)
      geoms[i].append_attribute("mass") = fmt::format("{}", mass_kg * volumes[i] / total).c_str();
  }

  const Scene& scene_;
  const MjcfOptions& options_;
  std::map<std::string, std::array<double, 4>> colours_;
  pugi::xml_document document_;
  xml_node root_, assets_, world_;
  std::vector<std::pair<const Node*, Pose>> robots_;
};

}  // namespace

std::string SceneToMjcf(const Scene& scene, const MjcfOptions& options) { return Writer(scene, options).Text(); }

std::shared_ptr<const sim::Model> CompileScene(const Scene& scene, const MjcfOptions& options) {
  sim::CompileOptions compile;
  compile.subject = scene.name.empty() ? "scene" : scene.name;
  Walk(scene, [&](const Node& node, const Node*, const Pose&) {
    if (node.robot.empty() || !options.robots) return;
    const sim::Robot robot = Writer::LoadNodeRobot(node, options);
    if (!robot.asset_folder.empty()) compile.more_folders.push_back(robot.asset_folder);
  });
  return sim::Model::Compile(SceneToMjcf(scene, options), compile);
}

std::string RobotPrefix(std::string_view object_id) { return std::string(object_id) + "/"; }

}  // namespace takt::scene
