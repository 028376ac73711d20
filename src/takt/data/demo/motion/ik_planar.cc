// SPDX-License-Identifier: Apache-2.0
#include "takt/data/demo/motion/ik_planar.h"

#include <cmath>
#include <numbers>

namespace takt::demo {
namespace {

constexpr double kTurn = 2 * std::numbers::pi;
constexpr double kStraight = 1e-6;

double Angle(const Eigen::Vector2d& v) { return std::atan2(v.y(), v.x()); }

Eigen::Vector2d Turn(double angle_rad, const Eigen::Vector2d& v) {
  const double c = std::cos(angle_rad), s = std::sin(angle_rad);
  return {c * v.x() - s * v.y(), s * v.x() + c * v.y()};
}

// The angle shifted by whole turns into the limits of the joint, the one nearest to their middle; NaN where none fits.
double Fit(double angle_rad, const ChainJoint& joint) {
  const double middle = 0.5 * (joint.lower_rad + joint.upper_rad);
  const double angle = angle_rad - kTurn * std::round((angle_rad - middle) / kTurn);
  constexpr double kSlack = 1e-9;
  if (angle >= joint.lower_rad - kSlack && angle <= joint.upper_rad + kSlack) {
    return std::min(std::max(angle, joint.lower_rad), joint.upper_rad);
  }
  return std::nan("");
}

}  // namespace

std::optional<PlanarArm> PlanarArm::Of(const Chain& chain) {
  if (chain.Size() != 5) return std::nullopt;
  PlanarArm arm;
  arm.chain_ = &chain;
  const auto& j = chain.joints;
  arm.up_ = j[0].axis_in_world;
  arm.normal_ = j[1].axis_in_world;
  arm.origin_ = j[0].point_in_world;
  arm.forward_ = arm.up_.cross(arm.normal_);
  if (!(std::abs(arm.up_.dot(arm.normal_)) < kStraight)) return std::nullopt;
  const auto in_plane = [&](const Vec3& p) {
    return Eigen::Vector2d(arm.forward_.dot(p - arm.origin_), arm.up_.dot(p - arm.origin_));
  };
  for (size_t i = 0; i < 3; ++i) {
    arm.sign_[i] = j[i + 1].axis_in_world.dot(arm.normal_);
    if (!(std::abs(arm.sign_[i]) > 1 - kStraight)) return std::nullopt;
    arm.sign_[i] = arm.sign_[i] > 0 ? 1 : -1;
    arm.points_[i] = in_plane(j[i + 1].point_in_world);
  }
  const Vec3 tool = chain.world_from_tool_zero.translation_m;
  const Vec3 approach = chain.world_from_tool_zero.rotation * Vec3::UnitZ();
  arm.points_[3] = in_plane(tool);
  arm.offset_m_ = arm.normal_.dot(tool - arm.origin_);
  arm.tool_angle_ = std::atan2(arm.up_.dot(approach), arm.forward_.dot(approach));
  const bool roll_along_tool = std::abs(j[4].axis_in_world.dot(approach)) > 1 - kStraight &&
                               (tool - j[4].point_in_world).cross(approach).norm() < kStraight;
  const bool tool_in_plane = std::abs(approach.dot(arm.normal_)) < kStraight;
  const bool bars = (arm.points_[1] - arm.points_[0]).norm() > kStraight &&
                    (arm.points_[2] - arm.points_[1]).norm() > kStraight;
  if (!roll_along_tool || !tool_in_plane || !bars) return std::nullopt;
  return arm;
}

std::vector<double> PlanarArm::Yaws(const Vec3& point_in_world) const {
  const Vec3 d = point_in_world - origin_;
  // A positive yaw turns forward towards up x forward = -normal.
  const Eigen::Vector2d flat(forward_.dot(d), -normal_.dot(d));
  const double length = flat.norm();
  if (!(length > std::abs(offset_m_)) || length < 1e-9) return {};
  const double at = Angle(flat);
  const double side = std::asin(offset_m_ / length);
  return {at + side, at + std::numbers::pi - side};
}

Vec3 PlanarArm::Normal(double yaw_rad) const { return Eigen::AngleAxisd(yaw_rad, up_) * normal_; }

std::vector<Joints> PlanarArm::Solve(const Pose& world_from_tool) const {
  const auto& j = chain_->joints;
  std::vector<Joints> solutions;
  const Vec3 approach_in_world = world_from_tool.rotation * Vec3::UnitZ();
  const Vec3 opening_in_world = world_from_tool.rotation * Vec3::UnitY();
  for (const double yaw_exact : Yaws(world_from_tool.translation_m)) {
    const double yaw = Fit(yaw_exact, j[0]);
    if (std::isnan(yaw)) continue;
    const Eigen::AngleAxisd back(-yaw, up_);
    const Vec3 p = back * (world_from_tool.translation_m - origin_);
    const Vec3 a = back * approach_in_world;
    const double tilt = std::atan2(up_.dot(a), forward_.dot(a)) - tool_angle_;  // sum of the pitches
    const Eigen::Vector2d bar1 = points_[1] - points_[0], bar2 = points_[2] - points_[1], bar3 = points_[3] - points_[2];
    const Eigen::Vector2d wrist = Eigen::Vector2d(forward_.dot(p), up_.dot(p)) - points_[0] - Turn(tilt, bar3);
    const double l1 = bar1.norm(), l2 = bar2.norm();
    const double cosine = (wrist.squaredNorm() - l1 * l1 - l2 * l2) / (2 * l1 * l2);
    if (!(std::abs(cosine) <= 1)) continue;
    for (const double elbow_side : {1.0, -1.0}) {
      const double elbow = elbow_side * std::acos(cosine) - (Angle(bar2) - Angle(bar1));
      const double shoulder = Angle(wrist) - Angle(bar1 + Turn(elbow, bar2));
      Joints q(5);
      q << yaw, Fit(sign_[0] * shoulder, j[1]), Fit(sign_[1] * elbow, j[2]),
          Fit(sign_[2] * (tilt - shoulder - elbow), j[3]), 0;
      if (q.hasNaN()) continue;
      // What is left is the roll: from the opening axis without it to the one wanted, about the joint's axis now.
      const Quat without = ToolPose(*chain_, q).rotation;
      const Vec3 opening = without * Vec3::UnitY();
      const Vec3 axis = without * (chain_->world_from_tool_zero.rotation.conjugate() * j[4].axis_in_world);
      const double roll = std::atan2(axis.dot(opening.cross(opening_in_world)), opening.dot(opening_in_world));
      q[4] = Fit(roll, j[4]);
      if (!q.hasNaN()) solutions.push_back(q);
    }
  }
  return solutions;
}

}  // namespace takt::demo
