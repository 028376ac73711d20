// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <numbers>

#include "takt/core/base/error.h"
#include "takt/data/sim/camera/camera.h"

namespace takt::sim {
namespace {

capture::Camera CameraFromFocal(int width_px, int height_px, double fov_rad, int across_px, const Pose& world_from_camera) {
  if (width_px <= 0 || height_px <= 0) {
    throw Error(ErrorCode::kBadInput, "camera", "has no pixels", "choose a width and a height of at least 1");
  }
  if (!(fov_rad > 0) || !(fov_rad < std::numbers::pi)) {
    throw Error(ErrorCode::kBadInput, "camera", "has an angle of view outside 0 to pi", "angles are in radians");
  }
  capture::Camera camera;
  camera.width_px = width_px, camera.height_px = height_px;
  camera.fx = camera.fy = 0.5 * across_px / std::tan(fov_rad / 2);
  camera.cx = 0.5 * width_px, camera.cy = 0.5 * height_px;
  SetWorldFromCamera(world_from_camera, &camera);
  return camera;
}

}  // namespace

capture::Camera CameraFromVerticalFov(int width_px, int height_px, double vertical_fov_rad, const Pose& world_from_camera) {
  return CameraFromFocal(width_px, height_px, vertical_fov_rad, height_px, world_from_camera);
}

capture::Camera CameraFromHorizontalFov(int width_px, int height_px, double horizontal_fov_rad,
                                        const Pose& world_from_camera) {
  return CameraFromFocal(width_px, height_px, horizontal_fov_rad, width_px, world_from_camera);
}

Pose LookAt(const Vec3& eye_m, const Vec3& target_m, const Vec3& up) {
  const Vec3 forward = (target_m - eye_m).normalized();
  const Vec3 right = forward.cross(up);
  if (!forward.allFinite() || !(right.norm() > 1e-9 * up.norm()) || !(forward.norm() > 0.5)) {
    throw Error(ErrorCode::kBadInput, "camera", "has no direction", "the target must be away from the eye, and up across the view");
  }
  Eigen::Matrix3d axes;
  axes.col(0) = right.normalized();
  axes.col(1) = forward.cross(axes.col(0));
  axes.col(2) = forward;
  return {Quat(axes).normalized(), eye_m};
}

Pose WorldFromCamera(const capture::Camera& camera) {
  const capture::RigidTransform t = camera.cam_from_world.Inverse();
  Eigen::Matrix3d r;
  for (int i = 0; i < 9; ++i) r(i / 3, i % 3) = t.rotation[i];
  return {Quat(r).normalized(), Vec3(t.translation[0], t.translation[1], t.translation[2])};
}

void SetWorldFromCamera(const Pose& world_from_camera, capture::Camera* camera) {
  const Pose inverse = world_from_camera.Inverse();
  const Eigen::Matrix3d r = inverse.rotation.toRotationMatrix();
  for (int i = 0; i < 9; ++i) camera->cam_from_world.rotation[i] = r(i / 3, i % 3);
  for (int k = 0; k < 3; ++k) camera->cam_from_world.translation[k] = inverse.translation_m[k];
}

}  // namespace takt::sim
