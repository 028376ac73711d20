// SPDX-License-Identifier: Apache-2.0
#include "takt/data/demo/motion/grasp_mesh.h"

#include <algorithm>
#include <cmath>

namespace takt::demo {
namespace {

// Whether the projections on `axis` of a triangle and of a box around the origin are apart.
bool Apart(const Vec3& axis, const Vec3& a, const Vec3& b, const Vec3& c, const Vec3& half_m) {
  const double pa = axis.dot(a), pb = axis.dot(b), pc = axis.dot(c);
  const double radius = axis.cwiseAbs().dot(half_m);
  return std::min({pa, pb, pc}) > radius || std::max({pa, pb, pc}) < -radius;
}

// Source: Akenine-Moller 2001, separating axes of a triangle and a box.
bool Touches(const Vec3& a, const Vec3& b, const Vec3& c, const Vec3& half_m) {
  const Vec3 low = a.cwiseMin(b).cwiseMin(c), high = a.cwiseMax(b).cwiseMax(c);
  if ((low.array() > half_m.array()).any() || (high.array() < -half_m.array()).any()) return false;
  const Vec3 edges[3] = {b - a, c - b, a - c};
  if (Apart(edges[0].cross(edges[1]), a, b, c, half_m)) return false;
  for (const Vec3& edge : edges) {
    for (int k = 0; k < 3; ++k) {
      if (Apart(Vec3::Unit(k).cross(edge), a, b, c, half_m)) return false;
    }
  }
  return true;
}

}  // namespace

GraspMesh::GraspMesh(const TriMesh& mesh) {
  if (mesh.vertices_m.empty()) return;
  Vec3 low = mesh.vertices_m[0], high = low;
  double area = 0;
  for (const auto& t : mesh.triangles) {
    const Vec3 &a = mesh.vertices_m[t[0]], &b = mesh.vertices_m[t[1]], &c = mesh.vertices_m[t[2]];
    low = low.cwiseMin(a).cwiseMin(b).cwiseMin(c);
    high = high.cwiseMax(a).cwiseMax(b).cwiseMax(c);
    const Vec3 cross = (b - a).cross(c - a);
    if (!(cross.norm() > 1e-14)) continue;
    triangles_.push_back({a, b - a, c - a, cross.normalized()});
    area_ends_.push_back(area += cross.norm() / 2);
  }
  extent_m_ = (high - low).maxCoeff();
}

GraspMesh::SurfacePoint GraspMesh::Sample(double u0, double u1, double u2) const {
  size_t i = static_cast<size_t>(std::upper_bound(area_ends_.begin(), area_ends_.end(), u0 * area_ends_.back()) -
                                 area_ends_.begin());
  i = std::min(i, triangles_.size() - 1);
  const double r = std::sqrt(u1);
  const Triangle& t = triangles_[i];
  return {t.a + t.e1 * (r * (1 - u2)) + t.e2 * (r * u2), t.normal};
}

void GraspMesh::Cast(const Vec3& from_m, const Vec3& direction, std::vector<Hit>* hits) const {
  hits->clear();
  for (const Triangle& t : triangles_) {
    // Moller and Trumbore 1997.
    const Vec3 p = direction.cross(t.e2);
    const double determinant = t.e1.dot(p);
    if (std::abs(determinant) < 1e-14) continue;
    const Vec3 s = from_m - t.a;
    const double u = s.dot(p) / determinant;
    if (!(u >= 0 && u <= 1)) continue;
    const Vec3 q = s.cross(t.e1);
    const double v = direction.dot(q) / determinant;
    if (!(v >= 0 && u + v <= 1)) continue;
    const double distance = t.e2.dot(q) / determinant;
    if (distance > 0) hits->push_back({distance, t.normal});
  }
  std::sort(hits->begin(), hits->end(), [](const Hit& a, const Hit& b) { return a.t_m < b.t_m; });
}

bool GraspMesh::Inside(const Vec3& point_m) const {
  // A direction without symmetry, so that edges are hardly ever met; leaving counts up, entering down.
  const Vec3 direction = Vec3(0.3712, 0.5589, 0.7415).normalized();
  std::vector<Hit> hits;
  Cast(point_m, direction, &hits);
  int leaving = 0;
  for (const Hit& hit : hits) leaving += hit.normal.dot(direction) > 0 ? 1 : -1;
  return leaving > 0;
}

bool GraspMesh::OverlapsBox(const Pose& object_from_box, const Vec3& half_m) const {
  const Pose box_from_object = object_from_box.Inverse();
  const Eigen::Matrix3d r = box_from_object.rotation.toRotationMatrix();
  const double radius = half_m.norm();
  for (const Triangle& t : triangles_) {
    // The plane of the triangle first: most are far.
    if (std::abs(t.normal.dot(object_from_box.translation_m - t.a)) > radius) continue;
    const Vec3 a = r * t.a + box_from_object.translation_m;
    if (Touches(a, a + r * t.e1, a + r * t.e2, half_m)) return true;
  }
  return Inside(object_from_box.translation_m);
}

}  // namespace takt::demo
