// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>

#include "takt/core/io/image.h"
#include "takt/data/splat/render/renderer.h"

namespace takt::splat {

// -10 log10 of the mean squared error over pixels and colours, both clamped to [0, 1]; 100 dB for equal pictures.
double Psnr(const Picture& a, const Picture& b);

// Mean SSIM of the colours clamped to [0, 1], window as in ssim_simd.h.
double MeanSsim(const Picture& a, const Picture& b);

// A photograph as planes: colours in [0, 1] over `background`, and its alpha as coverage (1 where it has none).
Picture ToPicture(const Image8& image, const std::array<float, 3>& background);

}  // namespace takt::splat
