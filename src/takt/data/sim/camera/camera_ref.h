// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <limits>
#include <span>

#include "takt/data/sim/camera/camera.h"
#include "takt/data/sim/camera/shading.h"

namespace takt::sim {

// What is behind the shapes at a pixel, from splats: premultiplied colour, light let through, median depth.
struct BackgroundPixel {
  std::array<float, 3> rgb = {0, 0, 0};
  float transmittance = 1;
  float depth = std::numeric_limits<float>::infinity();
};

// One ray of CameraRenderer, written to be read: double precision, every ray meets every triangle. No supersampling.
struct ReferencePixel {
  Vec3 rgb = Vec3::Zero();  // as displayed, 0-1
  double depth_m = std::numeric_limits<double>::infinity();
  uint32_t segmentation = 0;
};
class ReferenceTracer {
 public:
  ReferenceTracer(std::span<const CameraShape> shapes, std::span<const Pose> world_from_body);
  // The ray through (x_px, y_px); the middle of pixel (i, j) is (i + 0.5, j + 0.5). Cost: O(triangles).
  ReferencePixel Trace(const capture::Camera& camera, double x_px, double y_px, const CameraOptions& options,
                       const BackgroundPixel& background = {}) const;

 private:
  struct Triangle {
    Vec3 corner_m[3], in_body_m[3], normal[3];  // in world, in body; shading normals in world
    size_t shape_idx;
  };
  struct Hit {
    const Triangle* triangle = nullptr;
    double t = std::numeric_limits<double>::infinity(), u = 0, v = 0;
  };
  Hit Closest(const Vec3& origin, const Vec3& direction, double t_min) const;
  bool Blocked(const Vec3& origin, const Vec3& direction, double t_max) const;
  std::span<const CameraShape> shapes_;
  std::vector<TextureMap> textures_;
  std::vector<Eigen::Matrix3d> body_from_world_;
  std::vector<Triangle> triangles_;
};

}  // namespace takt::sim
