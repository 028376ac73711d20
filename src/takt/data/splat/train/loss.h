// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "takt/data/splat/render/renderer.h"

namespace takt::splat {

// (1 - ssim_weight) * mean |rendered - target| + ssim_weight * (1 - mean SSIM) over pixels and colours, plus
// coverage_weight * mean |coverage difference|. `d_rendered` receives the gradient by `rendered`, all four planes.
// Determinism: independent of the thread count. Source: Kerbl et al. 2023, eq. 7.
double PhotometricLoss(const Picture& rendered, const Picture& target, float ssim_weight, float coverage_weight,
                       Picture* d_rendered);

}  // namespace takt::splat
