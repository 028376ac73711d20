// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Eigen/Core>
#include <Eigen/Geometry>
#include <cmath>

namespace takt {

using Vec2 = Eigen::Vector2d;
using Vec3 = Eigen::Vector3d;
using Quat = Eigen::Quaterniond;  // Hamilton; Quat(w, x, y, z); files and arrays hold w x y z

// A rigid transform b_from_a: p_in_b = b_from_a * p_in_a. Compose as c_from_a = c_from_b * b_from_a.
struct Pose {
  Quat rotation = Quat::Identity();            // unit length
  Vec3 translation_m = Vec3::Zero();

  static Pose Translation(double x_m, double y_m, double z_m) { return {Quat::Identity(), {x_m, y_m, z_m}}; }
  // Rotation about +z by `yaw_rad` at a place.
  static Pose Yaw(double yaw_rad, const Vec3& translation_m = Vec3::Zero()) {
    return {Quat(std::cos(yaw_rad / 2), 0, 0, std::sin(yaw_rad / 2)), translation_m};
  }

  Pose operator*(const Pose& other) const {
    return {(rotation * other.rotation).normalized(), rotation * other.translation_m + translation_m};
  }
  Vec3 operator*(const Vec3& point_m) const { return rotation * point_m + translation_m; }
  Pose Inverse() const { return {rotation.conjugate(), rotation.conjugate() * -translation_m}; }
};

}  // namespace takt
