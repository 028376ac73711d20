// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace takt::splat {

// Mean structural similarity of two planar pictures, and its gradient by the first.
// Window: 11 x 11 Gaussian, sigma 1.5, zero outside the picture; C1 = 0.01^2, C2 = 0.03^2 for values in [0, 1].
//   x, y      [planes, height_px, width_px]
//   gradient  same shape, or null; receives += gradient_scale * d mean / d x
// Determinism: independent of the thread count. Cost: about 250 flops a value with the gradient.
// Source: Wang et al., "Image quality assessment: from error visibility to structural similarity", 2004, with the
// window and padding of 3DGS.
double Ssim(const float* x, const float* y, int width_px, int height_px, int planes, float gradient_scale,
            float* gradient);

}  // namespace takt::splat
