// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "takt/core/geom/mesh.h"
#include "takt/core/geom/pose.h"

namespace takt::demo {

// Triangles laid out for rays and boxes; small meshes, so every query looks at all of them.
class GraspMesh {
 public:
  explicit GraspMesh(const TriMesh& mesh);

  struct Hit {
    double t_m;
    Vec3 normal;  // outward, unit
  };
  struct SurfacePoint {
    Vec3 point_m, normal;
  };

  bool Empty() const { return triangles_.empty(); }
  double Extent() const { return extent_m_; }  // the largest side of the bounding box
  // Where the surface lies for three uniform numbers, evenly by area.
  SurfacePoint Sample(double u0, double u1, double u2) const;
  // All crossings of a ray with t > 0, by distance.
  void Cast(const Vec3& from_m, const Vec3& direction, std::vector<Hit>* hits) const;
  // Whether an oriented box touches a triangle or lies inside.
  bool OverlapsBox(const Pose& object_from_box, const Vec3& half_m) const;
  bool Inside(const Vec3& point_m) const;

 private:
  struct Triangle {
    Vec3 a, e1, e2, normal;
  };
  std::vector<Triangle> triangles_;
  std::vector<double> area_ends_;  // running sum, m^2
  double extent_m_ = 0;
};

}  // namespace takt::demo
