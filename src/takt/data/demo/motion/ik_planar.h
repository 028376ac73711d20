// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Eigen/Core>
#include <array>
#include <optional>
#include <vector>

#include "takt/data/demo/motion/chain.h"

namespace takt::demo {

// The closed form of an arm with a yaw, three parallel pitches across it and a roll along the tool's z through its origin.
// Once the yaw has turned the arm's plane through the target, the pitches are a planar three-bar arm.
// Source: the law of cosines; Craig, "Introduction to Robotics", ch. 4.
class PlanarArm {
 public:
  // Empty where the axes are others (beyond 1e-6).
  static std::optional<PlanarArm> Of(const Chain& chain);

  // Every branch whose joints fit into the limits: two yaws, two elbows, whole turns of each joint. The tool's position is
  // met exactly, its attitude as far as it lies in the plane: the caller judges.
  std::vector<Joints> Solve(const Pose& world_from_tool) const;
  // Yaws that put the arm's plane through a point; none where it is closer to the yaw axis than the plane is.
  std::vector<double> Yaws(const Vec3& point_in_world) const;
  // Of the arm's plane.
  Vec3 Normal(double yaw_rad) const;

 private:
  const Chain* chain_ = nullptr;
  Vec3 up_, normal_, forward_, origin_;       // of the plane at yaw 0: forward x up = normal
  double offset_m_ = 0;                       // of the tool from the yaw axis, along the normal
  std::array<double, 3> sign_{};              // of the pitches about the normal
  std::array<Eigen::Vector2d, 4> points_;     // pitch axes and tool, at zero, in the plane
  double tool_angle_ = 0;                     // of the approach in the plane, at zero
};

}  // namespace takt::demo
