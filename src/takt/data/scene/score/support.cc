// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "takt/core/base/rng.h"
#include "takt/data/scene/score/shapes.h"

namespace takt::scene::score {
namespace {

// Where rays start: the lowest vertices, and points on the faces between them that look down. Lifted.
std::vector<Vec3> Origins(const Shape& shape, const ScoreOptions& options, const Rng& rng) {
  const auto& v = shape.mesh.vertices_m;
  const double bottom = shape.low_m.z() + options.support_distance_m;
  const Vec3 lift(0, 0, options.support_lift_m);
  std::vector<Vec3> origins;
  for (const Vec3& vertex : v) {
    if (vertex.z() <= bottom) origins.push_back(vertex + lift);
  }
  std::vector<size_t> faces;
  double largest = 0;
  for (size_t i = 0; i < shape.mesh.triangles.size(); ++i) {
    const auto& t = shape.mesh.triangles[i];
    if (!(v[t[0]].z() <= bottom && v[t[1]].z() <= bottom && v[t[2]].z() <= bottom)) continue;
    const Vec3 n = (v[t[1]] - v[t[0]]).cross(v[t[2]] - v[t[0]]);
    if (!(std::abs(n.z()) > options.support_facing * n.norm())) continue;
    faces.push_back(i);
    largest = std::max(largest, n.norm() / 2);
  }
  if (faces.empty()) return origins;
  int each =
      std::max(options.support_min_samples, static_cast<int>(std::min(1e6, largest * options.support_samples_per_m2)));
  if (static_cast<double>(each) * static_cast<double>(faces.size()) > options.support_max_samples) {
    each = std::max(1, options.support_max_samples / static_cast<int>(std::min(faces.size(), size_t{1} << 30)));
  }
  uint64_t counter = 0;
  for (const size_t face : faces) {
    const auto& t = shape.mesh.triangles[face];
    const Vec3 u = v[t[1]] - v[t[0]], w = v[t[2]] - v[t[0]];
    for (int i = 0; i < each; ++i) {
      const auto words = rng.Words(counter++);
      double a = words[0] * 0x1p-32, b = words[1] * 0x1p-32;
      if (a + b > 1) a = 1 - a, b = 1 - b;
      origins.push_back(v[t[0]] + a * u + b * w + lift);
    }
  }
  return origins;
}

// Triangles that could be hit, in x and y.
struct Target {
  Vec2 low_m, high_m;
  Vec2 a_m, u_m, w_m;  // corner and edges
  double a_z = 0, u_z = 0, w_z = 0, det = 0;
};

void AddTargets(const Shape& other, const Vec3& low_m, const Vec3& high_m, double reach_low,
                std::vector<Target>* targets) {
  const auto& v = other.mesh.vertices_m;
  for (const auto& t : other.mesh.triangles) {
    const Vec3 &a = v[t[0]], &b = v[t[1]], &c = v[t[2]];
    const Vec3 low = a.cwiseMin(b).cwiseMin(c), high = a.cwiseMax(b).cwiseMax(c);
    if (low.x() > high_m.x() || high.x() < low_m.x() || low.y() > high_m.y() || high.y() < low_m.y()) continue;
    if (low.z() > high_m.z() || high.z() < reach_low) continue;
    Target target;
    target.low_m = low.head<2>(), target.high_m = high.head<2>();
    target.a_m = a.head<2>(), target.u_m = (b - a).head<2>(), target.w_m = (c - a).head<2>();
    target.a_z = a.z(), target.u_z = b.z() - a.z(), target.w_z = c.z() - a.z();
    target.det = target.u_m.x() * target.w_m.y() - target.u_m.y() * target.w_m.x();
    if (std::abs(target.det) > 1e-15) targets->push_back(target);  // upright faces are not hit by rays along them
  }
}

// Distance down to the first hit below `origin`; infinite where there is none.
double Drop(const std::vector<Target>& targets, const Vec3& origin) {
  double drop = INFINITY;
  for (const Target& t : targets) {
    if (origin.x() < t.low_m.x() || origin.x() > t.high_m.x() || origin.y() < t.low_m.y() || origin.y() > t.high_m.y())
      continue;
    const Vec2 p = origin.head<2>() - t.a_m;
    const double a = (p.x() * t.w_m.y() - p.y() * t.w_m.x()) / t.det,
                 b = (t.u_m.x() * p.y() - t.u_m.y() * p.x()) / t.det;
    if (!(a >= -1e-12 && b >= -1e-12 && a + b <= 1 + 1e-12)) continue;
    const double down = origin.z() - (t.a_z + a * t.u_z + b * t.w_z);
    if (down >= 0 && down < drop) drop = down;
  }
  return drop;
}

// Whether `point` lies in the convex hull of `points`, edges included.
bool InHull(std::vector<Vec2> points, const Vec2& point) {
  std::sort(points.begin(), points.end(),
            [](const Vec2& a, const Vec2& b) { return a.x() != b.x() ? a.x() < b.x() : a.y() < b.y(); });
  points.erase(std::unique(points.begin(), points.end()), points.end());
  if (points.size() < 3) return false;
  const auto turn = [](const Vec2& a, const Vec2& b, const Vec2& c) {
    return (b.x() - a.x()) * (c.y() - a.y()) - (b.y() - a.y()) * (c.x() - a.x());
  };
  std::vector<Vec2> hull;
  for (int pass = 0; pass < 2; ++pass) {
    const size_t base = hull.size();
    for (const Vec2& p : points) {
      while (hull.size() >= base + 2 && turn(hull[hull.size() - 2], hull.back(), p) <= 0) hull.pop_back();
      hull.push_back(p);
    }
    hull.pop_back();
    std::reverse(points.begin(), points.end());
  }
  if (hull.size() < 3) return false;
  for (size_t i = 0; i < hull.size(); ++i) {
    if (turn(hull[i], hull[(i + 1) % hull.size()], point) < -1e-12) return false;
  }
  return true;
}

}  // namespace

void ScoreSupport(const World& world, const ScoreOptions& options, ScoreReport* report) {
  std::vector<Target> targets;
  for (size_t i = 0; i < world.shapes.size(); ++i) {
    const Shape& shape = world.shapes[i];
    if (!shape.sized) continue;
    const std::vector<Vec3> origins = Origins(shape, options, Rng(options.seed, i + (uint64_t{1} << 32)));
    Vec3 low = Vec3::Constant(INFINITY), high = Vec3::Constant(-INFINITY);
    for (const Vec3& origin : origins) low = low.cwiseMin(origin), high = high.cwiseMax(origin);
    targets.clear();
    for (size_t j = 0; j < world.shapes.size(); ++j) {
      if (j != i && world.shapes[j].sized) {
        AddTargets(world.shapes[j], low, high, low.z() - options.support_distance_m, &targets);
      }
    }
    std::vector<Vec2> contacts;
    double least = INFINITY;
    const double floor_top = world.floor_z_m + kArchThicknessM / 2;
    for (const Vec3& origin : origins) {
      // Each mesh answers with its first hit; the nearest of them decides here, since one contact is as good as two.
      double drop = Drop(targets, origin);
      if (origin.z() >= floor_top && origin.z() - floor_top < drop && Inside(world.floor_m, origin.head<2>())) {
        drop = origin.z() - floor_top;
      }
      least = std::min(least, drop);
      if (drop < options.support_distance_m) contacts.push_back(origin.head<2>());
    }
    ObjectScore& object = report->objects[i];
    if (least < options.support_distance_m) object.support_gap_m = least;
    object.supported = contacts.size() >= 4 && InHull(contacts, shape.centroid_m.head<2>());
  }
}

}  // namespace takt::scene::score
