// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "takt/data/splat/model/splats.h"
#include "takt/data/splat/render/project_simd.h"

namespace takt::splat {

// Where the gradient of one splat goes; lengths as in Splats, K of the rendered degree.
struct SplatGradientRow {
  float* mean;       // [3]
  float* log_scale;  // [3]
  float* quat;       // [4]
  float* logit;      // [1]
  float* sh;         // [3, K]
};

// From the sums that BlendTileBackward made for a splat (kGradientSums, added over its tiles) to the gradient by its
// parameters. `p` is the splat as it was projected.
void ProjectBackward(const Splats& splats, const Projected& p, const ProjectionCamera& camera, int sh_degree,
                     const float* sums, const SplatGradientRow& out);

}  // namespace takt::splat
