// SPDX-License-Identifier: Apache-2.0
#include "takt/data/demo/motion/chain.h"

#include <cmath>

namespace takt::demo {
namespace {

using Mat3 = Eigen::Matrix3d;

// Rodrigues' formula; quicker than through a quaternion, and this is the innermost loop of inverse kinematics.
Mat3 AxisRotation(const Vec3& axis, double angle_rad) {
  const double s = std::sin(angle_rad), c = std::cos(angle_rad), t = 1 - c;
  const double x = axis.x(), y = axis.y(), z = axis.z();
  Mat3 r;
  r << t * x * x + c, t * x * y - s * z, t * x * z + s * y,  //
      t * x * y + s * z, t * y * y + c, t * y * z - s * x,   //
      t * x * z - s * y, t * y * z + s * x, t * z * z + c;
  return r;
}

}  // namespace

Joints Chain::Lower() const {
  Joints q(Size());
  for (int j = 0; j < Size(); ++j) q[j] = joints[static_cast<size_t>(j)].lower_rad;
  return q;
}

Joints Chain::Upper() const {
  Joints q(Size());
  for (int j = 0; j < Size(); ++j) q[j] = joints[static_cast<size_t>(j)].upper_rad;
  return q;
}

bool Chain::WithinLimits(const Joints& q, double slack_rad) const {
  if (q.size() != Size()) return false;
  for (int j = 0; j < Size(); ++j) {
    const ChainJoint& joint = joints[static_cast<size_t>(j)];
    if (!(q[j] >= joint.lower_rad - slack_rad && q[j] <= joint.upper_rad + slack_rad)) return false;
  }
  return true;
}

Pose ToolPose(const Chain& chain, const Joints& q) { return ToolPose(chain, q, nullptr); }

Pose ToolPose(const Chain& chain, const Joints& q, ToolJacobian* jacobian) {
  // The motion so far maps points of the zero posture to where they are now.
  Mat3 rotation = Mat3::Identity();
  Vec3 translation = Vec3::Zero();
  const int n = chain.Size();
  Eigen::Matrix<double, 3, Eigen::Dynamic, 0, 3, kMaxJoints> axes(3, n), points(3, n);
  for (int j = 0; j < n; ++j) {
    const ChainJoint& joint = chain.joints[static_cast<size_t>(j)];
    const Vec3 point = rotation * joint.point_in_world + translation;
    axes.col(j) = rotation * joint.axis_in_world;
    points.col(j) = point;
    rotation = rotation * AxisRotation(joint.axis_in_world, q[j]);
    translation = point - rotation * joint.point_in_world;
  }
  Pose pose;
  pose.rotation = Quat(Mat3(rotation * chain.world_from_tool_zero.rotation.toRotationMatrix())).normalized();
  pose.translation_m = rotation * chain.world_from_tool_zero.translation_m + translation;
  if (jacobian != nullptr) {
    jacobian->resize(6, n);
    for (int j = 0; j < n; ++j) {
      const Vec3 axis = axes.col(j), lever = pose.translation_m - points.col(j);
      jacobian->col(j).head<3>() = axis.cross(lever);
      jacobian->col(j).tail<3>() = axis;
    }
  }
  return pose;
}

double AngleBetween(const Quat& a, const Quat& b) {
  const Quat d = a.conjugate() * b;
  return 2 * std::atan2(d.vec().norm(), std::abs(d.w()));
}

}  // namespace takt::demo
