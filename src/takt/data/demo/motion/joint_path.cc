// SPDX-License-Identifier: Apache-2.0
#include "takt/data/demo/motion/joint_path.h"

#include <algorithm>
#include <cmath>

#include "takt/core/base/error.h"

namespace takt::demo {
namespace {

std::array<Joints, 6> Line(const Joints& a, const Joints& b) {
  std::array<Joints, 6> p;
  for (int i = 0; i < 6; ++i) p[static_cast<size_t>(i)] = a + (b - a) * (i / 5.0);
  return p;
}

// Unit speed and no curvature at both ends.
std::array<Joints, 6> Blend(const Joints& corner, const Joints& u, const Joints& v, double d) {
  return {corner - d * u, corner - 0.6 * d * u, corner - 0.2 * d * u, corner + 0.2 * d * v, corner + 0.6 * d * v,
          corner + d * v};
}

Joints BezierAt(const std::array<Joints, 6>& p, double t) {
  const double r = 1 - t, t2 = t * t, r2 = r * r;
  return r2 * r2 * r * p[0] + 5 * t * r2 * r2 * p[1] + 10 * t2 * r2 * r * p[2] + 10 * t2 * t * r2 * p[3] +
         5 * t2 * t2 * r * p[4] + t2 * t2 * t * p[5];
}

bool BlendValid(const PathSpace& space, const std::array<Joints, 6>& bezier) {
  const double length = Distance(space, bezier[0], bezier[2]) * 2.5 + Distance(space, bezier[3], bezier[5]) * 2.5;
  const int parts = std::max(4, static_cast<int>(std::ceil(length / space.resolution_m)));
  for (int i = 1; i < parts; ++i) {
    if (!space.valid(BezierAt(bezier, static_cast<double>(i) / parts))) return false;
  }
  return true;
}

}  // namespace

void JointPath::Add(const std::array<Joints, 6>& bezier, double length) {
  starts_.push_back(Length());
  lengths_.push_back(length);
  pieces_.push_back(bezier);
}

PathPoint JointPath::At(double s) const {
  const auto found = std::upper_bound(starts_.begin(), starts_.end(), s);
  const size_t i = found == starts_.begin() ? 0 : static_cast<size_t>(found - starts_.begin()) - 1;
  const double length = lengths_[i];
  const double t = std::clamp((s - starts_[i]) / length, 0.0, 1.0), r = 1 - t;
  const auto& p = pieces_[i];
  PathPoint point;
  point.q = BezierAt(p, t);
  const double t2 = t * t, r2 = r * r;
  point.dq_ds = (5 / length) * (r2 * r2 * (p[1] - p[0]) + 4 * t * r2 * r * (p[2] - p[1]) + 6 * t2 * r2 * (p[3] - p[2]) +
                                4 * t2 * t * r * (p[4] - p[3]) + t2 * t2 * (p[5] - p[4]));
  point.d2q_ds2 = (20 / (length * length)) *
                  (r2 * r * (p[2] - 2 * p[1] + p[0]) + 3 * t * r2 * (p[3] - 2 * p[2] + p[1]) +
                   3 * t2 * r * (p[4] - 2 * p[3] + p[2]) + t2 * t * (p[5] - 2 * p[4] + p[3]));
  return point;
}

JointPath SmoothPath(const std::vector<Waypoint>& waypoints, const PathSpace* space) {
  std::vector<Waypoint> corners;
  for (const Waypoint& w : waypoints) {
    if (corners.empty() || (w.q - corners.back().q).norm() > 1e-9) corners.push_back(w);
  }
  if (corners.size() < 2) throw Error(ErrorCode::kBadInput, "path", "has fewer than two different points");
  JointPath path;
  Joints from = corners[0].q;  // where the line to the next corner begins
  for (size_t i = 1; i + 1 < corners.size(); ++i) {
    if (!(corners[i].tolerance_rad > 0)) {
      throw Error(ErrorCode::kBadInput, "path", "has a corner without tolerance inside", "cut the path there");
    }
    const Joints in = corners[i].q - corners[i - 1].q, out = corners[i + 1].q - corners[i].q;
    const Joints u = in.normalized(), v = out.normalized();
    const double bend = (u - v).norm();
    if (bend < 1e-9) continue;
    // Each corner may use half of its edges, so that neighbours do not meet.
    double d = std::min({0.5 * in.norm(), 0.5 * out.norm(), corners[i].tolerance_rad / (0.1875 * bend)});
    std::array<Joints, 6> bezier = Blend(corners[i].q, u, v, d);
    for (int halving = 0; space != nullptr && halving < 6 && !BlendValid(*space, bezier); ++halving) {
      d *= 0.5;
      bezier = Blend(corners[i].q, u, v, d);
    }
    if (const double line = (bezier[0] - from).norm(); line > 1e-9) path.Add(Line(from, bezier[0]), line);
    path.Add(bezier, 2 * d);
    from = bezier[5];
  }
  if (const double line = (corners.back().q - from).norm(); line > 1e-9) path.Add(Line(from, corners.back().q), line);
  return path;
}

}  // namespace takt::demo
