// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>

#include "takt/core/base/rng.h"
#include "takt/data/capture/camera.h"
#include "takt/data/splat/model/splats.h"

namespace takt::splat {

// A cloud of splats of mixed sizes, opacities and shapes in front of TestCamera.
inline Splats TestCloud(size_t n, int sh_degree, uint64_t seed, float log_scale = -2.0f) {
  Splats s;
  s.sh_degree = sh_degree;
  s.Resize(n);
  const Rng rng(seed);
  const auto fill = [&](std::vector<float>& v, uint64_t stream, float scale, float offset) {
    for (size_t i = 0; i < v.size(); ++i) v[i] = offset + scale * Rng(seed, stream).Normal4(i)[0];
  };
  fill(s.means, 1, 0.6f, 0.0f);
  fill(s.log_scales, 2, 0.7f, log_scale);
  fill(s.quats, 3, 1.0f, 0.0f);
  fill(s.logits, 4, 2.0f, 0.5f);
  fill(s.sh, 5, 0.3f, 0.1f);
  return s;
}

// Looks at the origin from 3 units away, slightly turned; the principal point is off the centre.
inline capture::Camera TestCamera(int width_px, int height_px) {
  capture::Camera c;
  c.width_px = width_px, c.height_px = height_px;
  c.fx = 0.9 * width_px, c.fy = 0.92 * width_px;
  c.cx = 0.48 * width_px, c.cy = 0.53 * height_px;
  const double angle = 0.3;
  c.cam_from_world.rotation = {std::cos(angle), 0, -std::sin(angle), 0, 1, 0, std::sin(angle), 0, std::cos(angle)};
  c.cam_from_world.translation = {0.05, -0.1, 3.0};
  return c;
}

}  // namespace takt::splat
