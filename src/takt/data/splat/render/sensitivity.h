// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <span>
#include <vector>

#include "takt/core/base/progress.h"
#include "takt/data/capture/camera.h"
#include "takt/data/splat/model/splats.h"

namespace takt::splat {

// How much the rendered pictures change when a parameter of a splat changes: the diagonal of the Gauss-Newton matrix,
//   H[i] = sum over cameras, pixels and colour channels of (d colour / d parameter_i)^2 / (pixels * 3 of all cameras),
// so that a small error e_i in parameter i adds about H[i] * e_i^2 to the mean squared error of the pictures
// (colours in [0, 1]). Parameters are those of Splats: world units, log scales, logit, SH coefficients.
struct Sensitivity {
  std::vector<float> importance;  // [N] sum over pixels of alpha * transmittance, in pixels
  std::vector<float> removal;     // [N] mean squared error that removing this splat alone adds (first order, exact for one)
  std::vector<float> means;       // [N, 3]
  std::vector<float> log_scales;  // [N, 3]
  std::vector<float> rotation;    // [N, 3] per radian of rotation about the splat's own x, y, z axis
  std::vector<float> logits;      // [N]
  std::vector<float> sh;          // [N, K] per coefficient, the same for the three colour channels

  size_t size() const { return importance.size(); }
};

// Sums over the cameras, with pictures composited over `background`. Exact to first order in each parameter alone; the
// turn of the viewing direction when a mean moves is left out. Deterministic for any thread count.
// Cost: about one backward pass a camera. Errors: bad_input when there are no splats or no cameras; cancelled.
Sensitivity ComputeSensitivity(const Splats& splats, std::span<const capture::Camera> cameras,
                               const std::array<float, 3>& background = {0, 0, 0}, const ProgressSink& progress = {});

// `count` cameras spread evenly on a sphere around the splats (their 5 % to 95 % bounds), all looking at its centre
// and just seeing it whole: they stand in for a capture.
std::vector<capture::Camera> SphereCameras(const Splats& splats, int count, int width_px, int height_px);

}  // namespace takt::splat
