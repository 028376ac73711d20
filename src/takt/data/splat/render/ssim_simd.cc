// SPDX-License-Identifier: Apache-2.0
#include "takt/data/splat/render/ssim_simd.h"

#include <algorithm>
#include <cstddef>
#include <vector>

#include "takt/core/base/parallel.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "takt/data/splat/render/ssim_simd.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#ifndef TAKT_SSIM_ONCE
#define TAKT_SSIM_ONCE
namespace takt::splat {

constexpr int kRadius = 5;
constexpr int kTaps = 2 * kRadius + 1;
constexpr int kStripRows = 48;
// exp(-k^2 / (2 * 1.5^2)), normalised; index = distance from the centre.
constexpr float kWindow[kRadius + 1] = {0.26601172f, 0.21300554f, 0.10936069f, 0.03600077f, 0.00759876f, 0.00102838f};

// One strip of rows of one plane. Rows of `maps` hold d SSIM / d (mean x, E[x^2], E[xy]) of the whole plane.
struct SsimStrip {
  const float *x, *y;
  float* maps;            // [3, height, width] of this plane, or null
  float* gradient;        // of this plane
  float gradient_scale;
  int width, height, row_begin, row_end;
};

}  // namespace takt::splat
#endif

HWY_BEFORE_NAMESPACE();
namespace takt::splat {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;

// A row with room for the window on both sides and for a whole vector at the end, all zero.
struct PaddedRow {
  explicit PaddedRow(int width) : stride(static_cast<size_t>(width) + 2 * kRadius + 64), data(stride, 0.0f) {}
  size_t stride;
  std::vector<float> data;
  float* begin() { return data.data() + kRadius; }
};

// out[i] = sum_k window[k] in[i + k], `in` padded.
HWY_INLINE void BlurRow(const float* in, int width, float* out) {
  const D d;
  const int lanes = static_cast<int>(hn::Lanes(d));
  for (int i = 0; i < width; i += lanes) {
    V sum = hn::Mul(hn::Set(d, kWindow[0]), hn::LoadU(d, in + i));
    for (int k = 1; k <= kRadius; ++k) {
      sum = hn::MulAdd(hn::Set(d, kWindow[k]), hn::Add(hn::LoadU(d, in + i - k), hn::LoadU(d, in + i + k)), sum);
    }
    hn::StoreU(sum, d, out + i);
  }
}

// The vertical blur at column i of the ring of the last 11 rows; `rows[j]` is row y - 5 + j.
HWY_INLINE V BlurColumn(const float* const* rows, int i) {
  const D d;
  V sum = hn::Mul(hn::Set(d, kWindow[0]), hn::LoadU(d, rows[kRadius] + i));
  for (int k = 1; k <= kRadius; ++k) {
    sum = hn::MulAdd(hn::Set(d, kWindow[k]),
                     hn::Add(hn::LoadU(d, rows[kRadius - k] + i), hn::LoadU(d, rows[kRadius + k] + i)), sum);
  }
  return sum;
}

// A ring of the last 11 horizontally blurred rows of `count` quantities.
class Ring {
 public:
  Ring(int count, int width) : stride_(static_cast<size_t>(width) + 64), data_(stride_ * kTaps * count, 0.0f) {}
  float* row(int quantity, int y) {
    const int slot = ((y % kTaps) + kTaps) % kTaps;
    return data_.data() + (static_cast<size_t>(quantity) * kTaps + slot) * stride_;
  }
  size_t stride() const { return stride_; }

 private:
  size_t stride_;
  std::vector<float> data_;
};

double SsimStripForward(const SsimStrip& s) {
  const D d;
  const int lanes = static_cast<int>(hn::Lanes(d));
  PaddedRow x(s.width), y(s.width), xx(s.width), yy(s.width), xy(s.width);
  Ring ring(5, s.width);
  std::vector<float> out(static_cast<size_t>(s.width) + 64, 0.0f), maps[3] = {out, out, out};
  double total = 0;
  for (int in = s.row_begin - kRadius; in < s.row_end + kRadius; ++in) {
    if (in < 0 || in >= s.height) {
      for (int q = 0; q < 5; ++q) std::fill_n(ring.row(q, in), ring.stride(), 0.0f);
    } else {
      const float* source_x = s.x + static_cast<size_t>(in) * s.width;
      const float* source_y = s.y + static_cast<size_t>(in) * s.width;
      for (int i = 0; i < s.width; ++i) {
        const float a = source_x[i], b = source_y[i];
        x.begin()[i] = a, y.begin()[i] = b;
        xx.begin()[i] = a * a, yy.begin()[i] = b * b, xy.begin()[i] = a * b;
      }
      PaddedRow* quantities[5] = {&x, &y, &xx, &yy, &xy};
      for (int q = 0; q < 5; ++q) BlurRow(quantities[q]->begin(), s.width, ring.row(q, in));
    }
    const int row = in - kRadius;
    if (row < s.row_begin) continue;
    const float* rows[5][kTaps];
    for (int q = 0; q < 5; ++q) {
      for (int j = 0; j < kTaps; ++j) rows[q][j] = ring.row(q, row - kRadius + j);
    }
    const V c1 = hn::Set(d, 0.0001f), c2 = hn::Set(d, 0.0009f), two = hn::Set(d, 2.0f), one = hn::Set(d, 1.0f);
    for (int i = 0; i < s.width; i += lanes) {
      const V mx = BlurColumn(rows[0], i), my = BlurColumn(rows[1], i);
      const V sxx = hn::NegMulAdd(mx, mx, BlurColumn(rows[2], i));
      const V syy = hn::NegMulAdd(my, my, BlurColumn(rows[3], i));
      const V sxy = hn::NegMulAdd(mx, my, BlurColumn(rows[4], i));
      const V a = hn::MulAdd(two, hn::Mul(mx, my), c1), b = hn::MulAdd(two, sxy, c2);
      const V c = hn::MulAdd(mx, mx, hn::MulAdd(my, my, c1)), e = hn::Add(hn::Add(sxx, syy), c2);
      const V inverse = hn::Div(one, hn::Mul(c, e));
      const V value = hn::Mul(hn::Mul(a, b), inverse);
      hn::StoreU(value, d, out.data() + i);
      if (!s.maps) continue;
      const V d_sxy = hn::Mul(two, hn::Mul(a, inverse));
      const V d_sxx = hn::Neg(hn::Mul(value, hn::Mul(c, inverse)));
      V d_mx = hn::Mul(two, hn::Sub(hn::Mul(my, hn::Mul(b, inverse)), hn::Mul(mx, hn::Mul(value, hn::Mul(e, inverse)))));
      d_mx = hn::NegMulAdd(d_sxy, my, hn::NegMulAdd(hn::Mul(two, d_sxx), mx, d_mx));
      hn::StoreU(d_mx, d, maps[0].data() + i);
      hn::StoreU(d_sxx, d, maps[1].data() + i);
      hn::StoreU(d_sxy, d, maps[2].data() + i);
    }
    for (int i = 0; i < s.width; ++i) total += out[i];
    if (s.maps) {
      const size_t plane = static_cast<size_t>(s.width) * s.height, at = static_cast<size_t>(row) * s.width;
      for (int q = 0; q < 3; ++q) std::copy_n(maps[q].data(), s.width, s.maps + q * plane + at);
    }
  }
  return total;
}

void SsimStripBackward(const SsimStrip& s) {
  const D d;
  const int lanes = static_cast<int>(hn::Lanes(d));
  const size_t plane = static_cast<size_t>(s.width) * s.height;
  PaddedRow padded(s.width);
  Ring ring(3, s.width);
  const std::vector<float> empty(static_cast<size_t>(s.width) + 64, 0.0f);
  std::vector<float> out[3] = {empty, empty, empty};
  for (int in = s.row_begin - kRadius; in < s.row_end + kRadius; ++in) {
    for (int q = 0; q < 3; ++q) {
      if (in < 0 || in >= s.height) {
        std::fill_n(ring.row(q, in), ring.stride(), 0.0f);
        continue;
      }
      std::copy_n(s.maps + q * plane + static_cast<size_t>(in) * s.width, s.width, padded.begin());
      BlurRow(padded.begin(), s.width, ring.row(q, in));
    }
    const int row = in - kRadius;
    if (row < s.row_begin) continue;
    const float* rows[3][kTaps];
    for (int q = 0; q < 3; ++q) {
      for (int j = 0; j < kTaps; ++j) rows[q][j] = ring.row(q, row - kRadius + j);
    }
    for (int i = 0; i < s.width; i += lanes) {
      for (int q = 0; q < 3; ++q) hn::StoreU(BlurColumn(rows[q], i), d, out[q].data() + i);
    }
    const size_t at = static_cast<size_t>(row) * s.width;
    for (int i = 0; i < s.width; ++i) {
      s.gradient[at + i] +=
          s.gradient_scale * (out[0][i] + 2.0f * s.x[at + i] * out[1][i] + s.y[at + i] * out[2][i]);
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace takt::splat
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace takt::splat {

HWY_EXPORT(SsimStripForward);
HWY_EXPORT(SsimStripBackward);

double Ssim(const float* x, const float* y, int width_px, int height_px, int planes, float gradient_scale,
            float* gradient) {
  const size_t plane = static_cast<size_t>(width_px) * height_px;
  const int strips = (height_px + kStripRows - 1) / kStripRows;
  std::vector<float> maps(gradient ? 3 * plane * planes : 0, 0.0f);
  std::vector<double> sums(static_cast<size_t>(planes) * strips, 0.0);
  const float scale = gradient_scale / static_cast<float>(plane * planes);
  const auto strip = [&](size_t job) {
    const size_t p = job / strips;
    const int begin = static_cast<int>(job % strips) * kStripRows;
    return SsimStrip{x + p * plane, y + p * plane, gradient ? maps.data() + 3 * p * plane : nullptr,
                     gradient ? gradient + p * plane : nullptr, scale, width_px, height_px, begin,
                     std::min(height_px, begin + kStripRows)};
  };
  ParallelFor(sums.size(), 1, [&](size_t begin, size_t end) {
    for (size_t job = begin; job < end; ++job) sums[job] = HWY_DYNAMIC_DISPATCH(SsimStripForward)(strip(job));
  });
  if (gradient) {
    ParallelFor(sums.size(), 1, [&](size_t begin, size_t end) {
      for (size_t job = begin; job < end; ++job) HWY_DYNAMIC_DISPATCH(SsimStripBackward)(strip(job));
    });
  }
  double total = 0;
  for (const double s : sums) total += s;
  return total / static_cast<double>(plane * planes);
}

}  // namespace takt::splat
#endif  // HWY_ONCE
