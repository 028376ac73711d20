// SPDX-License-Identifier: Apache-2.0
#include "takt/data/splat/train/loss.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "takt/core/base/parallel.h"
#include "takt/data/splat/render/ssim_simd.h"

namespace takt::splat {

double PhotometricLoss(const Picture& rendered, const Picture& target, float ssim_weight, float coverage_weight,
                       Picture* d_rendered) {
  d_rendered->Resize(rendered.width_px, rendered.height_px);
  const size_t pixels = rendered.pixels();
  const float colour_scale = (1.0f - ssim_weight) / static_cast<float>(3 * pixels);
  const float coverage_scale = coverage_weight / static_cast<float>(pixels);
  constexpr size_t kGrain = 32768;
  std::vector<double> sums((4 * pixels + kGrain - 1) / kGrain, 0.0);
  ParallelFor(4 * pixels, kGrain, [&](size_t begin, size_t end) {
    double sum = 0;
    for (size_t i = begin; i < end; ++i) {
      const float scale = i < 3 * pixels ? colour_scale : coverage_scale;
      const float difference = rendered.planes[i] - target.planes[i];
      sum += static_cast<double>(scale * std::abs(difference));
      d_rendered->planes[i] = difference > 0 ? scale : (difference < 0 ? -scale : 0.0f);
    }
    sums[begin / kGrain] = sum;
  });
  double loss = 0;
  for (const double s : sums) loss += s;
  if (ssim_weight > 0) {
    const double ssim = Ssim(rendered.planes.data(), target.planes.data(), rendered.width_px, rendered.height_px, 3,
                             -ssim_weight, d_rendered->planes.data());
    loss += ssim_weight * (1 - ssim);
  }
  return loss;
}

}  // namespace takt::splat
