// SPDX-License-Identifier: Apache-2.0
#include "takt/data/splat/render/metrics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "takt/core/base/parallel.h"
#include "takt/core/base/rng.h"
#include "takt/data/splat/render/ssim_simd.h"

namespace takt::splat {
namespace {

std::vector<float> Noise(size_t n, uint64_t seed) {
  std::vector<float> v(n);
  for (size_t i = 0; i < n; ++i) v[i] = Rng(seed).Uniform(i);
  return v;
}

// The definition, pixel by pixel in double.
double SsimByDefinition(const std::vector<double>& x, const std::vector<double>& y, int w, int h) {
  double window[11], sum = 0, total = 0;
  for (int k = 0; k < 11; ++k) sum += window[k] = std::exp(-(k - 5) * (k - 5) / 4.5);
  for (double& v : window) v /= sum;
  for (int r = 0; r < h; ++r) {
    for (int c = 0; c < w; ++c) {
      double mx = 0, my = 0, xx = 0, yy = 0, xy = 0;
      for (int i = 0; i < 11; ++i) {
        for (int j = 0; j < 11; ++j) {
          const int rr = r + i - 5, cc = c + j - 5;
          if (rr < 0 || rr >= h || cc < 0 || cc >= w) continue;
          const double a = x[rr * w + cc], b = y[rr * w + cc], g = window[i] * window[j];
          mx += g * a, my += g * b, xx += g * a * a, yy += g * b * b, xy += g * a * b;
        }
      }
      total += (2 * mx * my + 1e-4) * (2 * (xy - mx * my) + 9e-4) /
               ((mx * mx + my * my + 1e-4) * (xx - mx * mx + yy - my * my + 9e-4));
    }
  }
  return total / (w * h);
}

TEST(SsimTest, MatchesTheDefinitionAndItsFiniteDifferences) {
  for (const auto& [w, h] : {std::pair{1, 1}, {7, 5}, {23, 61}, {33, 17}}) {
    const size_t n = static_cast<size_t>(w) * h;
    const auto x = Noise(n, 1), y = Noise(n, 2);
    std::vector<float> gradient(n, 0.0f);
    const double value = Ssim(x.data(), y.data(), w, h, 1, 2.0f, gradient.data());
    std::vector<double> wide(x.begin(), x.end());
    const std::vector<double> target(y.begin(), y.end());
    EXPECT_NEAR(value, SsimByDefinition(wide, target, w, h), 2e-5);
    for (size_t i = 0; i < n; i += 1 + n / 20) {
      const double keep = wide[i], step = 1e-5;
      wide[i] = keep + step;
      const double above = SsimByDefinition(wide, target, w, h);
      wide[i] = keep - step;
      const double below = SsimByDefinition(wide, target, w, h);
      wide[i] = keep;
      EXPECT_NEAR(gradient[i], 2 * (above - below) / (2 * step), 2e-4 / static_cast<double>(n) + 1e-6) << w << "x" << h;
    }
  }
}

TEST(SsimTest, SameForAnyThreadCount) {
  const auto x = Noise(3 * 150 * 130, 1), y = Noise(3 * 150 * 130, 2);
  std::vector<float> first(x.size(), 0.0f), other(x.size(), 0.0f);
  SetThreadCount(1);
  const double a = Ssim(x.data(), y.data(), 150, 130, 3, 1, first.data());
  SetThreadCount(3);
  const double b = Ssim(x.data(), y.data(), 150, 130, 3, 1, other.data());
  SetThreadCount(0);
  EXPECT_EQ(a, b);
  EXPECT_EQ(first, other);
}

TEST(MetricsTest, PsnrOfKnownErrors) {
  Picture a, b;
  a.Resize(8, 8), b.Resize(8, 8);
  EXPECT_EQ(Psnr(a, b), 100.0);
  for (float& v : b.planes) v = 0.1f;
  EXPECT_NEAR(Psnr(a, b), 20.0, 1e-5);
  for (float& v : b.planes) v = 7.0f;  // clamps to 1
  EXPECT_NEAR(Psnr(a, b), 0.0, 1e-5);
  EXPECT_NEAR(MeanSsim(b, b), 1.0, 1e-6);
}

TEST(MetricsTest, AlphaIsCompositedOverTheBackground) {
  Image8 image(1, 1, 4);
  image.pixels = {255, 0, 128, 51};
  const Picture p = ToPicture(image, {0.0f, 1.0f, 1.0f});
  EXPECT_NEAR(p.plane(0)[0], 0.2f, 1e-6);
  EXPECT_NEAR(p.plane(1)[0], 0.8f, 1e-6);
  EXPECT_NEAR(p.plane(3)[0], 0.2f, 1e-6);
}

}  // namespace
}  // namespace takt::splat
