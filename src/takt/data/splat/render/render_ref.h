// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "takt/data/splat/render/renderer.h"

namespace takt::splat {

// The same image formation as Renderer, written to be read: double precision, every pixel visits every splat.
// `gradients` (optional) receives d loss / d parameters for d_picture, rows for all splats in order.
// Cost: O(pixels x splats).
Picture RenderReference(const Splats& splats, const capture::Camera& camera, const RenderOptions& options,
                        const Picture* d_picture = nullptr, SplatGradients* gradients = nullptr);

// The loss sum(d_picture * picture) in double, for finite differences: parameters as doubles, layouts as in Splats.
struct DoubleSplats {
  int sh_degree = 0;
  bool antialiased = false;
  std::vector<double> means, log_scales, quats, logits, sh;
};
DoubleSplats ToDouble(const Splats& splats);
double ReferenceLoss(const DoubleSplats& splats, const capture::Camera& camera, const RenderOptions& options,
                     const Picture& d_picture);

}  // namespace takt::splat
