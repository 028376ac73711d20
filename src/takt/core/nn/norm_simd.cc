// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

#include "takt/core/nn/norm.h"
#include "takt/core/nn/quant_rows.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "takt/core/nn/norm_simd.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "takt/core/nn/math_simd-inl.h"

#ifndef TAKT_NN_NORM_ONCE
#define TAKT_NN_NORM_ONCE
namespace takt::nn {

struct NormJob {
  const float* x;
  int64_t ldx;
  int rows;
  int64_t cols;
  const float *gamma, *beta;
  float eps;
};

// The row's codes after an addition of this have the low byte code + 128; the sum is rounded to whole numbers, half to even.
constexpr float kCodeMagic = 12582912.0f + 128.0f;

}  // namespace takt::nn
#endif

HWY_BEFORE_NAMESPACE();
namespace takt::nn {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

constexpr int kSums = 4;  // independent sums hide the latency of an addition

// The first count < kLanes floats, then `rest`.
HWY_INLINE VF LoadTail(const float* p, int64_t count, float rest) {
  alignas(64) float tail[kLanes];
  for (int64_t i = 0; i < kLanes; ++i) tail[i] = i < count ? p[i] : rest;
  return hn::Load(DF(), tail);
}

// sum_k f(vector k), as a scalar. f sees `rest` beyond the end of the row, for which it must give 0.
template <class F>
HWY_INLINE float SumRow(const float* x, int64_t cols, float rest, const F& f) {
  const DF d;
  VF sum[kSums] = {hn::Zero(d), hn::Zero(d), hn::Zero(d), hn::Zero(d)};
  int64_t k = 0;
  for (; k + kSums * kLanes <= cols; k += kSums * kLanes) {
    for (int i = 0; i < kSums; ++i) sum[i] = f(sum[i], hn::LoadU(d, x + k + i * kLanes));
  }
  for (; k + kLanes <= cols; k += kLanes) sum[0] = f(sum[0], hn::LoadU(d, x + k));
  if (k < cols) sum[1] = f(sum[1], LoadTail(x + k, cols - k, rest));
  return hn::GetLane(hn::SumOfLanes(d, hn::Add(hn::Add(sum[0], sum[1]), hn::Add(sum[2], sum[3]))));
}

// A row as it is.
struct Plain {
  HWY_INLINE VF operator()(VF v, int64_t) const { return v; }
  HWY_INLINE VF Tail(VF v, int64_t, int64_t) const { return v; }
};

// A row normalised: mean and variance are measured once, values are computed anew each time they are asked for.
struct Normalised {
  HWY_INLINE Normalised(const NormJob& job, const float* row) : gamma(job.gamma), beta(job.beta) {
    const DF d;
    const float count = static_cast<float>(job.cols);
    mean = SumRow(row, job.cols, 0.0f, [](VF sum, VF v) HWY_ATTR { return hn::Add(sum, v); }) / count;
    const VF centre = hn::Set(d, mean);
    const float squares = SumRow(row, job.cols, mean, [centre](VF sum, VF v) HWY_ATTR {
      const VF difference = hn::Sub(v, centre);
      return hn::MulAdd(difference, difference, sum);
    });
    inverse = 1.0f / std::sqrt(squares / count + job.eps);
  }
  HWY_INLINE VF Scale(VF v, VF g, VF b) const {
    const DF d;
    return hn::MulAdd(hn::Mul(hn::Sub(v, hn::Set(d, mean)), hn::Set(d, inverse)), g, b);
  }
  HWY_INLINE VF operator()(VF v, int64_t k) const {
    const DF d;
    return Scale(v, gamma ? hn::LoadU(d, gamma + k) : hn::Set(d, 1.0f), beta ? hn::LoadU(d, beta + k) : hn::Zero(d));
  }
  HWY_INLINE VF Tail(VF v, int64_t k, int64_t count) const {
    const DF d;
    return Scale(v, gamma ? LoadTail(gamma + k, count, 0.0f) : hn::Set(d, 1.0f),
                 beta ? LoadTail(beta + k, count, 0.0f) : hn::Zero(d));
  }
  const float *gamma, *beta;
  float mean, inverse;
};

// The bits of max |f(x)| over a row: they order as the numbers do, with infinity and then NaN above all others.
template <class F>
HWY_INLINE int32_t LargestBits(const float* x, int64_t cols, const F& f) {
  const DF d;
  const DI di;
  VI most[2] = {hn::Zero(di), hn::Zero(di)};
  const VI no_sign = hn::Set(di, 0x7FFFFFFF);
  int64_t k = 0;
  for (; k + 2 * kLanes <= cols; k += 2 * kLanes) {
    for (int i = 0; i < 2; ++i) {
      const VF v = f(hn::LoadU(d, x + k + i * kLanes), k + i * kLanes);
      most[i] = hn::Max(most[i], hn::And(hn::BitCast(di, v), no_sign));
    }
  }
  for (; k + kLanes <= cols; k += kLanes) {
    most[0] = hn::Max(most[0], hn::And(hn::BitCast(di, f(hn::LoadU(d, x + k), k)), no_sign));
  }
  if (k < cols) {
    alignas(64) float tail[kLanes];
    hn::Store(f.Tail(LoadTail(x + k, cols - k, 0.0f), k, cols - k), d, tail);
    const VF v = LoadTail(tail, cols - k, 0.0f);
    most[1] = hn::Max(most[1], hn::And(hn::BitCast(di, v), no_sign));
  }
  return hn::GetLane(hn::MaxOfLanes(di, hn::Max(most[0], most[1])));
}

template <bool kClamp, class F>
HWY_INLINE void CodesOfRow(const float* x, int64_t cols, float inverse, const F& f, uint8_t* codes) {
  const DF d;
  const hn::Rebind<uint32_t, DF> du;
  const hn::Rebind<uint8_t, DF> d8;
  const VF factor = hn::Set(d, inverse), magic = hn::Set(d, kCodeMagic);
  const auto encode = [&](VF v) HWY_ATTR {
    VF steps = hn::Mul(v, factor);
    if constexpr (kClamp) steps = hn::Min(hn::Max(steps, hn::Set(d, -127.0f)), hn::Set(d, 127.0f));
    const auto bits = hn::BitCast(du, hn::Add(steps, magic));
#if HWY_TARGET == HWY_SCALAR
    return hn::Set(d8, static_cast<uint8_t>(hn::GetLane(bits)));
#else
    return hn::TruncateTo(d8, bits);
#endif
  };
  int64_t k = 0;
  for (; k + kLanes <= cols; k += kLanes) hn::StoreU(encode(f(hn::LoadU(d, x + k), k)), d8, codes + k);
  if (k < cols) {
    alignas(64) uint8_t tail[kLanes];
    hn::Store(encode(f.Tail(LoadTail(x + k, cols - k, 0.0f), k, cols - k)), d8, tail);
    std::memcpy(codes + k, tail, static_cast<size_t>(cols - k));
  }
}

// f makes the row that is quantised out of the row that is stored.
template <class F>
HWY_INLINE void QuantiseRow(const float* x, const F& f, const QuantRows& out, int row, const float* act_scale) {
  uint8_t* codes = out.codes + row * out.ld;
  const int32_t bits = LargestBits(x, out.cols, f);
  std::memset(codes + out.cols, 128, static_cast<size_t>(out.ld - out.cols));
  if (bits >= 0x7F800000) {
    out.scale[row] = std::numeric_limits<float>::quiet_NaN();
    std::memset(codes, 128, static_cast<size_t>(out.cols));
    return;
  }
  if (act_scale) {
    out.scale[row] = *act_scale;
    return CodesOfRow<true>(x, out.cols, 1.0f / *act_scale, f, codes);
  }
  float largest;
  std::memcpy(&largest, &bits, sizeof(largest));
  out.scale[row] = largest * (1.0f / 127.0f);
  // A row so small that the inverse overflows is zero for all that follows.
  const float inverse = largest >= 1e-36f ? 127.0f / largest : 0.0f;
  CodesOfRow<false>(x, out.cols, inverse, f, codes);
}

void QuantiseRows(const float* x, int64_t ldx, const QuantRows& out, const float* act_scale) {
  for (int row = 0; row < out.rows; ++row) QuantiseRow(x + row * ldx, Plain(), out, row, act_scale);
}

void NormQuantiseRows(const NormJob& job, const QuantRows& out, const float* act_scale) {
  for (int row = 0; row < out.rows; ++row) {
    const float* x = job.x + row * job.ldx;
    QuantiseRow(x, Normalised(job, x), out, row, act_scale);
  }
}

void NormRows(const NormJob& job, float* y, int64_t ldy) {
  const DF d;
  for (int row = 0; row < job.rows; ++row) {
    const float* in = job.x + row * job.ldx;
    float* out = y + row * ldy;
    const Normalised normalised(job, in);
    int64_t k = 0;
    for (; k + kLanes <= job.cols; k += kLanes) hn::StoreU(normalised(hn::LoadU(d, in + k), k), d, out + k);
    if (k < job.cols) {
      alignas(64) float tail[kLanes];
      hn::Store(normalised.Tail(LoadTail(in + k, job.cols - k, 0.0f), k, job.cols - k), d, tail);
      std::memcpy(out + k, tail, static_cast<size_t>(job.cols - k) * sizeof(float));
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace takt::nn
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include "takt/core/nn/activation.h"

namespace takt::nn {

HWY_EXPORT(QuantiseRows);
HWY_EXPORT(NormQuantiseRows);
HWY_EXPORT(NormRows);

void Quantise(const float* x, int64_t ldx, const QuantRows& out, const float* act_scale) {
  HWY_DYNAMIC_DISPATCH(QuantiseRows)(x, ldx, out, act_scale);
}

void LayerNorm(const float* x, int64_t ldx, int rows, int64_t cols, const float* gamma, const float* beta, float* y,
               int64_t ldy, float eps) {
  HWY_DYNAMIC_DISPATCH(NormRows)({x, ldx, rows, cols, gamma, beta, eps}, y, ldy);
}

void LayerNormQuantise(const float* x, int64_t ldx, const float* gamma, const float* beta, const QuantRows& out,
                       const float* act_scale, float eps) {
  HWY_DYNAMIC_DISPATCH(NormQuantiseRows)({x, ldx, out.rows, out.cols, gamma, beta, eps}, out, act_scale);
}

void GeluQuantise(float* x, int64_t ldx, const QuantRows& out, const float* act_scale) {
  for (int row = 0; row < out.rows; ++row) Gelu(x + row * ldx, static_cast<size_t>(out.cols), x + row * ldx);
  Quantise(x, ldx, out, act_scale);
}

}  // namespace takt::nn
#endif  // HWY_ONCE
