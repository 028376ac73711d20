// SPDX-License-Identifier: Apache-2.0
#include "takt/data/splat/render/metrics.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "takt/core/base/parallel.h"
#include "takt/data/splat/render/ssim_simd.h"

namespace takt::splat {

double Psnr(const Picture& a, const Picture& b) {
  const size_t values = 3 * a.pixels();
  double sum = 0;
  for (size_t i = 0; i < values; ++i) {
    const double d = double{std::clamp(a.planes[i], 0.0f, 1.0f)} - double{std::clamp(b.planes[i], 0.0f, 1.0f)};
    sum += d * d;
  }
  const double mse = sum / static_cast<double>(values);
  return mse > 1e-10 ? -10 * std::log10(mse) : 100.0;
}

double MeanSsim(const Picture& a, const Picture& b) {
  const auto clamped = [](const Picture& p) {
    std::vector<float> v(p.planes.begin(), p.planes.begin() + static_cast<std::ptrdiff_t>(3 * p.pixels()));
    for (float& x : v) x = std::clamp(x, 0.0f, 1.0f);
    return v;
  };
  return Ssim(clamped(a).data(), clamped(b).data(), a.width_px, a.height_px, 3, 0, nullptr);
}

Picture ToPicture(const Image8& image, const std::array<float, 3>& background) {
  Picture p;
  p.Resize(image.width_px, image.height_px);
  const int channels = image.channels;
  const bool colour = channels >= 3, alpha = channels == 2 || channels == 4;
  ParallelFor(static_cast<size_t>(image.height_px), 32, [&](size_t begin, size_t end) {
    for (size_t y = begin; y < end; ++y) {
      const uint8_t* row = image.row(static_cast<int>(y));
      for (int x = 0; x < image.width_px; ++x) {
        const uint8_t* pixel = row + static_cast<size_t>(x) * channels;
        const size_t at = y * image.width_px + x;
        const float coverage = alpha ? pixel[channels - 1] * (1.0f / 255.0f) : 1.0f;
        for (int c = 0; c < 3; ++c) {
          const float value = pixel[colour ? c : 0] * (1.0f / 255.0f);
          p.plane(c)[at] = coverage * value + (1.0f - coverage) * background[c];
        }
        p.plane(3)[at] = coverage;
      }
    }
  });
  return p;
}

}  // namespace takt::splat
