// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "takt/data/scene/score/raster.h"
#include "takt/data/scene/score/shapes.h"

namespace takt::scene::score {
namespace {

// Whether two boxes share volume: separating axes, touching is not sharing.
bool BoxesMeet(const Pose& world_from_a, const Vec3& size_a, const Pose& world_from_b, const Vec3& size_b) {
  const Pose a_from_b = world_from_a.Inverse() * world_from_b;
  const Eigen::Matrix3d r = a_from_b.rotation.toRotationMatrix(), abs_r = (r.cwiseAbs().array() + 1e-12).matrix();
  const Vec3 ha = size_a / 2, hb = size_b / 2, t = a_from_b.translation_m;
  for (int i = 0; i < 3; ++i) {
    if (std::abs(t[i]) >= ha[i] + abs_r.row(i).dot(hb)) return false;
    if (std::abs(t.dot(r.col(i))) >= hb[i] + abs_r.col(i).dot(ha)) return false;
  }
  for (int i = 0; i < 3; ++i) {
    for (int j = 0; j < 3; ++j) {
      const int i1 = (i + 1) % 3, i2 = (i + 2) % 3, j1 = (j + 1) % 3, j2 = (j + 2) % 3;
      const double ra = ha[i1] * abs_r(i2, j) + ha[i2] * abs_r(i1, j);
      const double rb = hb[j1] * abs_r(i, j2) + hb[j2] * abs_r(i, j1);
      if (std::abs(t[i2] * r(i1, j) - t[i1] * r(i2, j)) >= ra + rb) return false;
    }
  }
  return true;
}

// Draws what of the opening the triangles within `depth_m` of it cover.
void Project(const Door& door, const Shape& shape, double depth_m, double px_per_m, Mask* map) {
  const Pose opening_from_world = door.world_from_opening.Inverse();
  std::vector<Vec3> local;
  for (const Vec3& v : shape.mesh.vertices_m) local.push_back(opening_from_world * v);
  const double left = -door.size_m.x() / 2, top = door.size_m.z() / 2;
  for (const auto& t : shape.mesh.triangles) {
    double low = INFINITY, high = -INFINITY;
    for (const uint32_t k : t) low = std::min(low, local[k].y()), high = std::max(high, local[k].y());
    if (!(low <= depth_m && high >= 0)) continue;
    std::array<Pixel, 3> corners;
    for (size_t i = 0; i < 3; ++i) {
      const Vec3& p = local[t[i]];
      corners[i] = {static_cast<int>(std::clamp((p.x() - left) * px_per_m, -1e6, 1e6)),
                    static_cast<int>(std::clamp((top - p.z()) * px_per_m, -1e6, 1e6))};
    }
    map->FillPolygon(corners, 255);
  }
}

}  // namespace

void ScoreOpenings(const World& world, const ScoreOptions& options, ScoreReport* report) {
  for (const Door& door : world.doors) {
    OpeningScore& score = report->openings.emplace_back();
    score.id = door.opening->id;
    score.kind = door.opening->kind;
    const double depth =
        (score.kind == OpeningKind::kDoor ? door.size_m.x() : options.window_depth_m) + kArchThicknessM / 2;
    const Pose world_from_space = door.world_from_opening * Pose::Translation(0, depth / 2, 0);
    const Vec3 space_m(door.size_m.x(), depth, door.size_m.z());
    const double w = std::ceil(door.size_m.x() * options.opening_px_per_m),
                 h = std::ceil(door.size_m.z() * options.opening_px_per_m);
    if (!(w >= 1 && h >= 1 && w * h <= 1e8)) continue;
    Mask covered(static_cast<int>(w), static_cast<int>(h));
    for (const Shape& shape : world.shapes) {
      if (!shape.sized || !BoxesMeet(world_from_space, space_m, shape.world_from_box, shape.size_m)) continue;
      score.interfering.push_back(shape.node->id);
      Project(door, shape, depth, options.opening_px_per_m, &covered);
    }
    score.occlusion = static_cast<double>(covered.Count()) / static_cast<double>(covered.Area());
  }
}

}  // namespace takt::scene::score
