// SPDX-License-Identifier: Apache-2.0
#include "takt/core/nn/peak_simd.h"

#include <algorithm>
#include <cstdint>

#include "takt/core/base/clock.h"
#include "takt/core/nn/targets_simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "takt/core/nn/peak_simd.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace takt::nn {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

constexpr int kChains = 12;  // independent sums: more than the latency of an instruction needs
constexpr int64_t kSteps = 200000;

// Runs the loop once; returns operations done.
double RunPeak(PeakKind kind) {
  const hn::CappedTag<float, 16> d;
  using V = decltype(hn::Zero(d));
  const double lanes = static_cast<double>(hn::Lanes(d));
  V sum[kChains];
  for (V& s : sum) s = hn::Zero(d);
  V a = hn::Set(d, 1e-3f), b = hn::Set(d, 1e-3f);
  double per_lane = 2;
#if HWY_TARGET == HWY_AVX3
  if (kind == PeakKind::kInt8) {
    if (!HasVnni512()) return 0;
    for (int64_t i = 0; i < kSteps; ++i) {
#pragma GCC unroll 12
      for (int c = 0; c < kChains; ++c) __asm__ volatile("vpdpbusd %2, %1, %0" : "+v"(sum[c].raw) : "v"(a.raw), "v"(b.raw));
    }
    per_lane = 8;
  } else if (kind == PeakKind::kBf16) {
    if (!HasBf16_512()) return 0;
    for (int64_t i = 0; i < kSteps; ++i) {
#pragma GCC unroll 12
      for (int c = 0; c < kChains; ++c) __asm__ volatile("vdpbf16ps %2, %1, %0" : "+v"(sum[c].raw) : "v"(a.raw), "v"(b.raw));
    }
    per_lane = 4;
  } else {
    for (int64_t i = 0; i < kSteps; ++i) {
#pragma GCC unroll 12
      for (int c = 0; c < kChains; ++c) __asm__ volatile("vfmadd231ps %2, %1, %0" : "+v"(sum[c].raw) : "v"(a.raw), "v"(b.raw));
    }
  }
#else
  if (kind != PeakKind::kF32) return 0;
  for (int64_t i = 0; i < kSteps; ++i) {
#pragma GCC unroll 12
    for (int c = 0; c < kChains; ++c) sum[c] = hn::MulAdd(a, b, sum[c]);
  }
#endif
  V total = hn::Zero(d);
  for (const V& s : sum) total = hn::Add(total, s);
  volatile float sink = hn::GetLane(total);
  static_cast<void>(sink);
  return per_lane * lanes * kChains * static_cast<double>(kSteps);
}

}  // namespace HWY_NAMESPACE
}  // namespace takt::nn
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace takt::nn {

HWY_EXPORT(RunPeak);

double PeakGops(PeakKind kind) {
  double best = 0;
  for (int run = 0; run < 8; ++run) {
    const double begin_s = ThreadCpuSeconds();
    const double ops = HWY_DYNAMIC_DISPATCH(RunPeak)(kind);
    best = std::max(best, 1e-9 * ops / (ThreadCpuSeconds() - begin_s));
  }
  return best;
}

}  // namespace takt::nn
#endif  // HWY_ONCE
