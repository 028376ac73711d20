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
constexpr int kChains = 12;  // independent sums: more than the latency of an instruction needs
constexpr int64_t kSteps = 200000;

#if HWY_TARGET == HWY_AVX3
// The loop stands in assembler, so that no compiler makes it slower or faster than the instruction.
#define TAKT_STEP(i, r) i " %[a], %[b], %%zmm" #r "\n\t"
#define TAKT_PEAK_LOOP(i)                                                                                            \
  {                                                                                                                  \
    int64_t left = kSteps;                                                                                           \
    __asm__ volatile("1:\n\t" TAKT_STEP(i, 0) TAKT_STEP(i, 1) TAKT_STEP(i, 2) TAKT_STEP(i, 3) TAKT_STEP(i, 4)         \
                         TAKT_STEP(i, 5) TAKT_STEP(i, 6) TAKT_STEP(i, 7) TAKT_STEP(i, 8) TAKT_STEP(i, 9)             \
                             TAKT_STEP(i, 10) TAKT_STEP(i, 11) "dec %[left]\n\t"                                     \
                     "jnz 1b"                                                                                        \
                     : [left] "+r"(left)                                                                             \
                     : [a] "v"(a), [b] "v"(a)                                                                        \
                     : "cc", "zmm0", "zmm1", "zmm2", "zmm3", "zmm4", "zmm5", "zmm6", "zmm7", "zmm8", "zmm9", "zmm10",  \
                       "zmm11");                                                                                     \
  }
#endif

// Runs the loop once; returns operations done.
double RunPeak(PeakKind kind) {
#if HWY_TARGET == HWY_AVX3
  const __m512 a = _mm512_set1_ps(1e-3f);
  const double sums = 16.0 * kChains * static_cast<double>(kSteps);
  switch (kind) {
    case PeakKind::kF32: TAKT_PEAK_LOOP("vfmadd231ps"); return 2 * sums;
    case PeakKind::kBf16:
      if (!HasBf16_512()) return 0;
      TAKT_PEAK_LOOP("vdpbf16ps");
      return 4 * sums;
    case PeakKind::kInt8:
      if (!HasVnni512()) return 0;
      TAKT_PEAK_LOOP("vpdpbusd");
      return 8 * sums;
  }
  return 0;
#else
  return 0 * static_cast<double>(kind == PeakKind::kF32);
#endif
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
