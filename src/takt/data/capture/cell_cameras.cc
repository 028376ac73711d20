// SPDX-License-Identifier: Apache-2.0
#include "takt/data/capture/cell_cameras.h"

#include <array>
#include <cmath>
#include <numbers>

namespace takt::capture::cell {
namespace {

using Vec3d = std::array<double, 3>;

Vec3d Unit(const Vec3d& v) {
  const double length = std::sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]);
  return {v[0] / length, v[1] / length, v[2] / length};
}

Vec3d Cross(const Vec3d& a, const Vec3d& b) {
  return {a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]};
}

}  // namespace

Camera LookAt(const Vec3d& eye, const Vec3d& target, double horizontal_fov_rad, int width_px, int height_px) {
  const Vec3d forward = Unit({target[0] - eye[0], target[1] - eye[1], target[2] - eye[2]});
  const Vec3d right = Unit(Cross(forward, {0, 0, 1}));
  const Vec3d down = Cross(forward, right);
  Camera camera;
  camera.width_px = width_px;
  camera.height_px = height_px;
  camera.fx = camera.fy = 0.5 * width_px / std::tan(0.5 * horizontal_fov_rad);
  camera.cx = 0.5 * width_px;
  camera.cy = 0.5 * height_px;
  RigidTransform& pose = camera.cam_from_world;
  for (size_t i = 0; i < 3; ++i) {
    pose.rotation[i] = right[i], pose.rotation[3 + i] = down[i], pose.rotation[6 + i] = forward[i];
  }
  const RigidTransform turn{pose.rotation, {0, 0, 0}};
  const Vec3d rotated = turn.Apply(eye);
  pose.translation = {-rotated[0], -rotated[1], -rotated[2]};
  return camera;
}

std::vector<Camera> CameraPath(int count, int width_px, int height_px) {
  constexpr double kSweeps = 2.0, kHalfSweep_rad = 0.88, kFov_rad = 65 * std::numbers::pi / 180;
  std::vector<Camera> cameras;
  for (int i = 0; i < count; ++i) {
    const double u = (i + 0.5) / count;
    // Between a sine and a triangle wave: smooth turns, even speed between them.
    const double phase = 2 * std::numbers::pi * kSweeps * u - 0.5 * std::numbers::pi;
    const double azimuth = kHalfSweep_rad * std::asin(0.92 * std::sin(phase)) / std::asin(0.92);
    const double elevation = 0.06 + 0.56 * u + 0.05 * std::sin(3.1 * phase);
    const double radius = 4.15 - 0.45 * u + 0.25 * std::cos(1.7 * phase);
    const Vec3d target = {kLookAtX_m + 0.18 * std::sin(2.3 * phase), kLookAtY_m + 0.12 * std::cos(1.3 * phase),
                          kLookAtZ_m + 0.10 * std::sin(1.9 * phase)};
    const Vec3d eye = {kLookAtX_m + radius * std::cos(elevation) * std::sin(azimuth),
                       kLookAtY_m - radius * std::cos(elevation) * std::cos(azimuth),
                       kLookAtZ_m + radius * std::sin(elevation)};
    cameras.push_back(LookAt(eye, target, kFov_rad, width_px, height_px));
  }
  return cameras;
}

}  // namespace takt::capture::cell
