// SPDX-License-Identifier: Apache-2.0
#include "takt/data/scene/score/shapes.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "takt/data/scene/model/walk.h"

namespace takt::scene::score {
namespace {

constexpr int kSegments = 24;

TriMesh PartMesh(const Part& part, const ScoreOptions& options) {
  const Vec3& s = part.size_m;
  switch (part.shape) {
    case ShapeKind::kBox:
      return BoxMesh(s);
    case ShapeKind::kCylinder:
      return CylinderMesh(s.x(), s.z(), kSegments);
    case ShapeKind::kSphere:
      return SphereMesh(s.x(), kSegments / 2);
    case ShapeKind::kCapsule:
      return CapsuleMesh(s.x(), s.z(), kSegments / 2);
    case ShapeKind::kMesh:
      break;
  }
  TriMesh mesh = ReadMesh(options.assets / part.mesh);
  if (!(s.maxCoeff() > 0)) return mesh;
  Vec3 low = mesh.vertices_m[0], high = low;
  for (const Vec3& v : mesh.vertices_m) low = low.cwiseMin(v), high = high.cwiseMax(v);
  for (Vec3& v : mesh.vertices_m) {
    for (int i = 0; i < 3; ++i) {
      if (high[i] > low[i]) v[i] *= s[i] / (high[i] - low[i]);
    }
  }
  return mesh;
}

Shape MakeShape(const Node& node, const Pose& world_from_node, const ScoreOptions& options) {
  Shape shape;
  shape.node = &node;
  const auto size = node.extra.find("size");
  shape.sized = size == node.extra.end() || size->second != "assumed";
  shape.size_m = node.size_m;
  shape.world_from_box = world_from_node * Pose::Translation(0, 0, node.size_m.z() / 2);
  const Eigen::Matrix3d r = world_from_node.rotation.toRotationMatrix();
  shape.yaw_rad = std::atan2(r(1, 0), r(0, 0));
  if (node.parts.empty()) {
    Append(&shape.mesh, BoxMesh(node.size_m), shape.world_from_box);
  } else {
    for (const Part& part : node.parts)
      Append(&shape.mesh, PartMesh(part, options), world_from_node * part.object_from_part);
  }
  shape.low_m = Vec3::Constant(INFINITY);
  shape.high_m = Vec3::Constant(-INFINITY);
  for (const Vec3& v : shape.mesh.vertices_m)
    shape.low_m = shape.low_m.cwiseMin(v), shape.high_m = shape.high_m.cwiseMax(v);
  double area = 0;
  Vec3 sum = Vec3::Zero();
  for (const auto& t : shape.mesh.triangles) {
    const Vec3 &a = shape.mesh.vertices_m[t[0]], &b = shape.mesh.vertices_m[t[1]], &c = shape.mesh.vertices_m[t[2]];
    const double twice = (b - a).cross(c - a).norm();
    area += twice;
    sum += twice / 3 * (a + b + c);
  }
  shape.centroid_m = area > 0 ? Vec3(sum / area) : shape.world_from_box.translation_m;
  return shape;
}

}  // namespace

bool Inside(const std::vector<Vec2>& polygon, const Vec2& point) {
  bool inside = false;
  for (size_t i = 0, j = polygon.size() - 1; i < polygon.size(); j = i++) {
    const Vec2 &p = polygon[i], &q = polygon[j];
    if ((p.y() > point.y()) != (q.y() > point.y()) &&
        point.x() < (q.x() - p.x()) * (point.y() - p.y()) / (q.y() - p.y()) + p.x()) {
      inside = !inside;
    }
  }
  return inside;
}

World BuildWorld(const Scene& scene, const ScoreOptions& options) {
  World world;
  world.floor_m = scene.room.floor_m;
  Walk(scene, [&](const Node& node, const Node*, const Pose& world_from_node) {
    if (node.kind == NodeKind::kObject) world.shapes.push_back(MakeShape(node, world_from_node, options));
  });
  double floor = INFINITY;
  for (const Shape& shape : world.shapes) floor = std::min(floor, shape.low_m.z());
  world.floor_z_m = std::isfinite(floor) ? floor : 0;
  if (world.floor_m.empty()) return world;
  Vec2 low = world.floor_m[0], high = low;
  for (const Vec2& corner : world.floor_m) low = low.cwiseMin(corner), high = high.cwiseMax(corner);
  world.plan_center_m = (low + high) / 2;
  for (const Vec2& corner : world.floor_m) {
    world.plan_half_m = std::max(world.plan_half_m, (corner - world.plan_center_m).cwiseAbs().maxCoeff());
  }
  for (const Opening& opening : scene.room.openings) {
    const size_t n = world.floor_m.size(), wall = static_cast<size_t>(opening.wall_idx);
    if (opening.wall_idx < 0 || wall >= n) continue;
    const Vec2 a = world.floor_m[wall], along = (world.floor_m[(wall + 1) % n] - a).normalized();
    const Vec2 at = a + along * (opening.offset_m + opening.width_m / 2);
    Door door;
    door.opening = &opening;
    // The floor is counter-clockwise, so the room lies to the left of its edges: +y of this frame.
    door.world_from_opening = Pose::Yaw(std::atan2(along.y(), along.x()),
                                        {at.x(), at.y(), world.floor_z_m + opening.sill_m + opening.height_m / 2});
    door.size_m = {opening.width_m, kArchThicknessM, opening.height_m};
    world.doors.push_back(door);
  }
  return world;
}

}  // namespace takt::scene::score

namespace takt::scene {

ScoreReport Score(const Scene& scene, const ScoreOptions& options) {
  ScoreReport report;
  const score::World world = score::BuildWorld(scene, options);
  for (const score::Shape& shape : world.shapes) {
    ObjectScore& object = report.objects.emplace_back();
    object.id = shape.node->id;
    object.name = shape.node->name;
    object.sized = shape.sized;
    report.unsized += !shape.sized;
  }
  score::ScoreCollision(world, options, &report);
  score::ScoreBounds(world, options, &report);
  score::ScoreSupport(world, options, &report);
  score::ScorePlan(world, options, &report);
  score::ScoreOpenings(world, options, &report);
  double sum = 0;
  int accessible = 0;
  for (const ObjectScore& object : report.objects) {
    report.in_collision += !object.colliding_with.empty();
    report.out_of_bound += object.out_of_bound;
    report.supported += object.supported;
    if (!std::isnan(object.accessibility)) sum += object.accessibility, ++accessible;
  }
  if (accessible > 0) report.accessibility = sum / accessible;
  if (report.unsized > 0) {
    report.notes.push_back(
        fmt::format("{} of {} objects have no known shape: the file names assets and does not hold them; they are left "
                    "out of collision, "
                    "bounds, support, accessibility and openings, and navigability is not computed",
                    report.unsized, report.objects.size()));
  }
  if (accessible == 0) report.notes.push_back("no object states a functional side: accessibility is not computed");
  if (world.doors.empty()) report.notes.push_back("the room has no door or window: opening clearance is not computed");
  return report;
}

}  // namespace takt::scene
