// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>

#include "takt/data/capture/camera.h"
#include "takt/data/splat/model/splats.h"
#include "takt/data/splat/render/rasterize_simd.h"

namespace takt::splat {

// A camera in single precision, with what projection needs precomputed.
struct ProjectionCamera {
  std::array<float, 9> rotation;     // cam_from_world
  std::array<float, 3> translation;
  std::array<float, 3> eye;          // camera centre in the world
  float fx, fy, cx, cy;
  float x_lo, x_hi, y_lo, y_hi;      // x/z and y/z are clamped to these in the Jacobian: 15 % outside the picture
  float width_px, height_px;
};
ProjectionCamera MakeProjectionCamera(const capture::Camera& camera);

// Projects splats [begin, end) and writes those that can reach a pixel to `out` (room for end - begin), in index order.
// Returns how many. `sh_degree` <= splats.sh_degree.
size_t ProjectSplats(const Splats& splats, size_t begin, size_t end, const ProjectionCamera& camera, int sh_degree,
                     Projected* out);

}  // namespace takt::splat
