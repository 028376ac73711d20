// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Eigen/Core>
#include <string>
#include <vector>

#include "takt/core/geom/pose.h"

namespace takt::demo {

inline constexpr int kMaxJoints = 8;

// One number for each joint of an arm; lives on the stack.
using Joints = Eigen::Matrix<double, Eigen::Dynamic, 1, 0, kMaxJoints, 1>;
// Tool twist (linear m/s first, angular rad/s) by joint velocity [6, joints], in the world.
using ToolJacobian = Eigen::Matrix<double, 6, Eigen::Dynamic, 0, 6, kMaxJoints>;

struct ChainJoint {
  std::string name;
  Vec3 axis_in_world = Vec3::UnitZ();   // unit length, where all joints are at zero
  Vec3 point_in_world = Vec3::Zero();   // on the axis, where all joints are at zero
  double lower_rad = -3.14159265358979;
  double upper_rad = 3.14159265358979;
  double max_velocity_rad_s = 1;
  double max_acceleration_rad_s2 = 5;
  double max_jerk_rad_s3 = 100;
  double max_torque_nm = 1e9;
};

// A serial arm of revolute joints as a product of exponentials: world_from_tool(q) = e^(S1 q1) ... e^(Sn qn) M.
// The tool: z points along the approach, y along the opening of the gripper, the origin lies between the finger tips.
// Source: Brockett 1984; Lynch and Park, "Modern Robotics", ch. 4.
struct Chain {
  std::vector<ChainJoint> joints;  // from the base outwards, at most kMaxJoints
  Pose world_from_tool_zero;       // M

  int Size() const { return static_cast<int>(joints.size()); }
  Joints Lower() const;
  Joints Upper() const;
  // Whether every joint lies within its limits, give or take `slack_rad`; false for NaN.
  bool WithinLimits(const Joints& q, double slack_rad = 1e-9) const;
};

// Cost: about 0.1 us for each joint.
Pose ToolPose(const Chain& chain, const Joints& q);
// As ToolPose, and the Jacobian of the tool's origin.
Pose ToolPose(const Chain& chain, const Joints& q, ToolJacobian* jacobian);

// The angle of the rotation between two attitudes, in [0, pi].
double AngleBetween(const Quat& a, const Quat& b);

}  // namespace takt::demo
