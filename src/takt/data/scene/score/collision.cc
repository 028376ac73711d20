// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <numeric>

#include "takt/data/scene/score/shapes.h"

namespace takt::scene::score {
namespace {

// Where the segment p q cuts the triangle t, ends and edges included. Segments in its plane cut nothing: other edges of
// the two triangles do.
bool SegmentCuts(const Vec3& p, const Vec3& q, const Vec3* t, Vec3* at) {
  const Vec3 u = t[1] - t[0], v = t[2] - t[0], n = u.cross(v), d = q - p;
  const double down = n.dot(d);
  if (std::abs(down) <= 1e-12 * n.norm() * d.norm()) return false;
  const double s = n.dot(t[0] - p) / down;
  if (!(s >= 0 && s <= 1)) return false;
  const Vec3 w = p + s * d - t[0];
  const double uu = u.dot(u), uv = u.dot(v), vv = v.dot(v), wu = w.dot(u), wv = w.dot(v);
  const double det = uu * vv - uv * uv;
  const double a = (vv * wu - uv * wv) / det, b = (uu * wv - uv * wu) / det;
  if (!(a >= 0 && b >= 0 && a + b <= 1)) return false;
  *at = p + s * d;
  return true;
}

struct Box {
  Vec3 low_m, high_m;
  bool Meets(const Box& other) const {
    return (low_m.array() <= other.high_m.array()).all() && (other.low_m.array() <= high_m.array()).all();
  }
};

// Corners of the triangles of `shape` that touch `box`, moved by `by`.
void Collect(const Shape& shape, const Box& box, const Vec3& by, std::vector<std::array<Vec3, 3>>* triangles,
             std::vector<Box>* boxes) {
  triangles->clear();
  boxes->clear();
  for (const auto& t : shape.mesh.triangles) {
    std::array<Vec3, 3> corners;
    for (size_t i = 0; i < 3; ++i) corners[i] = shape.mesh.vertices_m[t[i]] + by;
    const Box own = {corners[0].cwiseMin(corners[1]).cwiseMin(corners[2]),
                     corners[0].cwiseMax(corners[1]).cwiseMax(corners[2])};
    if (!own.Meets(box)) continue;
    triangles->push_back(corners);
    boxes->push_back(own);
  }
}

// Whether surface a meets surface b moved by `by`; with `contacts`, all the ends of their cuts.
bool SurfacesMeet(const Shape& a, const Shape& b, const Vec3& by, std::vector<Vec3>* contacts) {
  const Box box_a = {a.low_m, a.high_m}, box_b = {b.low_m + by, b.high_m + by};
  if (!box_a.Meets(box_b)) return false;
  std::vector<std::array<Vec3, 3>> ta, tb;
  std::vector<Box> ba, bb;
  Collect(a, box_b, Vec3::Zero(), &ta, &ba);
  Collect(b, box_a, by, &tb, &bb);
  // Sweep along x, so that hundreds of triangles against hundreds stay cheap.
  std::vector<size_t> order(tb.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t i, size_t j) { return bb[i].low_m.x() < bb[j].low_m.x(); });
  bool meet = false;
  for (size_t i = 0; i < ta.size(); ++i) {
    for (const size_t j : order) {
      if (bb[j].low_m.x() > ba[i].high_m.x()) break;
      if (!ba[i].Meets(bb[j]) || !TrianglesMeet(ta[i].data(), tb[j].data(), contacts)) continue;
      if (!contacts) return true;
      meet = true;
    }
  }
  return meet;
}

}  // namespace

bool TrianglesMeet(const Vec3* a, const Vec3* b, std::vector<Vec3>* contacts) {
  bool meet = false;
  Vec3 at;
  for (int i = 0; i < 3; ++i) {
    if (SegmentCuts(a[i], a[(i + 1) % 3], b, &at) || SegmentCuts(b[i], b[(i + 1) % 3], a, &at)) {
      meet = true;
      if (!contacts) return true;
    }
  }
  if (!meet) return false;
  for (int i = 0; i < 3; ++i) {
    if (SegmentCuts(a[i], a[(i + 1) % 3], b, &at)) contacts->push_back(at);
    if (SegmentCuts(b[i], b[(i + 1) % 3], a, &at)) contacts->push_back(at);
  }
  return true;
}

void ScoreCollision(const World& world, const ScoreOptions& options, ScoreReport* report) {
  std::vector<Vec3> contacts;
  for (size_t i = 0; i < world.shapes.size(); ++i) {
    for (size_t j = i + 1; j < world.shapes.size(); ++j) {
      const Shape &a = world.shapes[i], &b = world.shapes[j];
      if (!a.sized || !b.sized) continue;
      contacts.clear();
      if (!SurfacesMeet(a, b, Vec3::Zero(), &contacts)) continue;
      Vec3 mean = Vec3::Zero();
      for (const Vec3& contact : contacts) mean += contact / static_cast<double>(contacts.size());
      const Vec3 away = b.centroid_m - mean;
      const double length = away.norm();
      // SceneEval divides by zero here, and the moved mesh of NaN collides with nothing.
      if (!(length > 0)) continue;
      if (!SurfacesMeet(a, b, away / length * options.collision_move_m, nullptr)) continue;
      report->objects[i].colliding_with.push_back(b.node->id);
      report->objects[j].colliding_with.push_back(a.node->id);
    }
  }
}

}  // namespace takt::scene::score
