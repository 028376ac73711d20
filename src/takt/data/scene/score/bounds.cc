// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "takt/core/base/rng.h"
#include "takt/data/scene/score/shapes.h"

namespace takt::scene::score {
namespace {

bool Convex(const std::vector<Vec2>& polygon) {
  const size_t n = polygon.size();
  for (size_t i = 0; i < n; ++i) {
    const Vec2 u = polygon[(i + 1) % n] - polygon[i], v = polygon[(i + 2) % n] - polygon[(i + 1) % n];
    if (u.x() * v.y() - u.y() * v.x() < 0) return false;
  }
  return true;
}

// Part of `count` points, drawn uniformly on the surface, that lies over the floor.
double SampledRatio(const Shape& shape, const std::vector<Vec2>& floor_m, int count, const Rng& rng) {
  const auto& v = shape.mesh.vertices_m;
  std::vector<double> sums;
  double sum = 0;
  for (const auto& t : shape.mesh.triangles) sums.push_back(sum += (v[t[1]] - v[t[0]]).cross(v[t[2]] - v[t[0]]).norm());
  int inside = 0;
  for (int i = 0; i < count; ++i) {
    const auto counter = static_cast<uint64_t>(i);
    const auto words = rng.Words(counter);
    const double at = (static_cast<double>(words[0]) + 0.5) * 0x1p-32 * sum;
    const size_t idx =
        std::min(static_cast<size_t>(std::upper_bound(sums.begin(), sums.end(), at) - sums.begin()), sums.size() - 1);
    double a = words[1] * 0x1p-32, b = words[2] * 0x1p-32;
    if (a + b > 1) a = 1 - a, b = 1 - b;
    const auto& t = shape.mesh.triangles[idx];
    const Vec3 point = v[t[0]] + a * (v[t[1]] - v[t[0]]) + b * (v[t[2]] - v[t[0]]);
    inside += Inside(floor_m, point.head<2>());
  }
  return static_cast<double>(inside) / count;
}

}  // namespace

void ScoreBounds(const World& world, const ScoreOptions& options, ScoreReport* report) {
  const bool convex = !world.floor_m.empty() && Convex(world.floor_m);
  for (size_t i = 0; i < world.shapes.size(); ++i) {
    const Shape& shape = world.shapes[i];
    if (!shape.sized) continue;
    ObjectScore& object = report->objects[i];
    const double box_m3 = shape.size_m.prod();
    const int count =
        static_cast<int>(std::clamp(box_m3 * options.samples_per_m3, static_cast<double>(options.min_samples), 1e7));
    // All points hit where the corners of the bounds do: then there is nothing to draw.
    bool all = convex;
    for (int corner = 0; corner < 4 && all; ++corner) {
      all = Inside(world.floor_m,
                   {corner & 1 ? shape.low_m.x() : shape.high_m.x(), corner & 2 ? shape.low_m.y() : shape.high_m.y()});
    }
    object.in_bound_ratio = all ? 1 : SampledRatio(shape, world.floor_m, count, Rng(options.seed, i));
    object.out_of_bound = !(object.in_bound_ratio >= options.in_bound_ratio);
  }
}

}  // namespace takt::scene::score
