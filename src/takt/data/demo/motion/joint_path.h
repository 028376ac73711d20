// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <vector>

#include "takt/data/demo/motion/chain.h"
#include "takt/data/demo/motion/rrt.h"

namespace takt::demo {

// A corner of a polyline, and how far (Euclidean, rad) the curve may pass from it.
struct Waypoint {
  Joints q;
  double tolerance_rad = 0.1;  // ignored at the ends; 0: the path stops there
};

// The place on a path and its first two derivatives by the path parameter s.
struct PathPoint {
  Joints q, dq_ds, d2q_ds2;
};

// A curve with two continuous derivatives: straight lines at unit speed, joined by quintic Bezier blends. At a blend of
// half length d between directions u and v the curve leaves the corner by 3/16 d |u - v|.
class JointPath {
 public:
  double Length() const { return starts_.empty() ? 0 : starts_.back() + lengths_.back(); }
  PathPoint At(double s) const;                     // s is clamped to [0, Length()]
  const std::vector<double>& Breaks() const { return starts_; }  // where pieces begin; the second derivative kinks there

 private:
  friend JointPath SmoothPath(const std::vector<Waypoint>&, const PathSpace*);
  void Add(const std::array<Joints, 6>& bezier, double length);
  std::vector<double> starts_, lengths_;
  std::vector<std::array<Joints, 6>> pieces_;
};

// Rounds the corners of a polyline. With a `space`, every blend is checked at the space's resolution and halved until it
// is valid (after 6 halvings it is taken as it is: it then hugs a checked polyline within 1/64 of the tolerance).
// Repeated points are dropped. Errors: bad_input for fewer than two different points or a tolerance of 0 inside (cut the
// path there).
JointPath SmoothPath(const std::vector<Waypoint>& waypoints, const PathSpace* space = nullptr);

}  // namespace takt::demo
