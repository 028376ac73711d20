// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cmath>

namespace takt::capture {

// p_in_cam = R * p_in_world + t. R is row-major and orthonormal with determinant +1.
struct RigidTransform {
  std::array<double, 9> rotation = {1, 0, 0, 0, 1, 0, 0, 0, 1};
  std::array<double, 3> translation = {0, 0, 0};

  std::array<double, 3> Apply(const std::array<double, 3>& p) const {
    std::array<double, 3> q;
    for (int i = 0; i < 3; ++i) {
      q[i] = rotation[3 * i] * p[0] + rotation[3 * i + 1] * p[1] + rotation[3 * i + 2] * p[2] + translation[i];
    }
    return q;
  }
  RigidTransform Inverse() const {
    RigidTransform inverse;
    for (int i = 0; i < 3; ++i) {
      for (int j = 0; j < 3; ++j) inverse.rotation[3 * i + j] = rotation[3 * j + i];
    }
    for (int i = 0; i < 3; ++i) {
      inverse.translation[i] =
          -(inverse.rotation[3 * i] * translation[0] + inverse.rotation[3 * i + 1] * translation[1] +
            inverse.rotation[3 * i + 2] * translation[2]);
    }
    return inverse;
  }
};

// A pinhole camera without distortion. Camera axes are OpenCV's: x right, y down, z forward. Pixel (0, 0) has its
// centre at (0.5, 0.5): u = fx * x / z + cx.
struct Camera {
  int width_px = 0;
  int height_px = 0;
  double fx = 0, fy = 0;  // focal lengths [px]
  double cx = 0, cy = 0;  // principal point [px]
  RigidTransform cam_from_world;

  std::array<double, 3> CenterInWorld() const { return cam_from_world.Inverse().translation; }
};

// The same camera for pictures `factor` times smaller (cropped to whole blocks, as takt::Downscale does).
inline Camera Downscale(const Camera& camera, int factor) {
  Camera c = camera;
  c.width_px /= factor;
  c.height_px /= factor;
  c.fx /= factor, c.fy /= factor, c.cx /= factor, c.cy /= factor;
  return c;
}

}  // namespace takt::capture
