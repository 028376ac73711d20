// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "takt/data/demo/motion/chain.h"

namespace takt::demo {

inline ChainJoint MakeJoint(const Vec3& axis, const Vec3& point, double lower, double upper) {
  ChainJoint joint;
  joint.axis_in_world = axis;
  joint.point_in_world = point;
  joint.lower_rad = lower;
  joint.upper_rad = upper;
  joint.max_velocity_rad_s = 2;
  joint.max_acceleration_rad_s2 = 6;
  joint.max_jerk_rad_s3 = 180;
  return joint;
}

// A desk arm: yaw, three pitches, roll; stretched out along x where all joints are zero.
inline Chain DeskArm() {
  Chain chain;
  const Vec3 y = Vec3::UnitY();
  chain.joints = {MakeJoint(Vec3::UnitZ(), {0.05, 0, 0}, -2.8, 2.8), MakeJoint(y, {0.05, 0, 0.11}, -2, 2),
                  MakeJoint(-y, {0.08, 0, 0.27}, -2.6, 2.6), MakeJoint(y, {0.23, 0, 0.27}, -2, 2),
                  MakeJoint(Vec3::UnitX(), {0.3, 0, 0.27}, -3, 3)};
  Eigen::Matrix3d r;
  r.col(2) = Vec3::UnitX();
  r.col(1) = Vec3::UnitY();
  r.col(0) = r.col(1).cross(r.col(2));
  chain.world_from_tool_zero = {Quat(r), {0.38, 0, 0.27}};
  return chain;
}

// Seven axes with the link lengths that the maker of the Panda publishes.
inline Chain SevenAxes() {
  Chain chain;
  const Vec3 z = Vec3::UnitZ(), y = Vec3::UnitY();
  chain.joints = {MakeJoint(z, {0, 0, 0.333}, -2.8973, 2.8973),    MakeJoint(y, {0, 0, 0.333}, -1.7628, 1.7628),
                  MakeJoint(z, {0, 0, 0.649}, -2.8973, 2.8973),    MakeJoint(-y, {0.0825, 0, 0.649}, -3.0718, -0.0698),
                  MakeJoint(z, {0, 0, 1.033}, -2.8973, 2.8973),    MakeJoint(-y, {0, 0, 1.033}, -0.0175, 3.7525),
                  MakeJoint(-z, {0.088, 0, 1.033}, -2.8973, 2.8973)};
  chain.world_from_tool_zero = {Quat(0, 1, 0, 0), {0.088, 0, 1.033 - 0.107 - 0.1034}};
  return chain;
}

}  // namespace takt::demo
