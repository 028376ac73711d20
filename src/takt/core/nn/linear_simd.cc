// SPDX-License-Identifier: Apache-2.0
#include "takt/core/nn/linear_simd.h"

#include "takt/core/nn/targets_simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "takt/core/nn/linear_simd.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "takt/core/nn/linear_tile_simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace takt::nn {
namespace HWY_NAMESPACE {

// A pair of bfloat16 taken apart: the element with the higher index is the upper half of a float.
struct OpBf16 {
  struct Pair {
    VF even, odd;
  };
  using T = float;
  using D = DF;
  using Weights = Pair;
  using Inputs = Pair;
  using Finish = FinishFloat;
  static constexpr int kMaxRows = 4;
  static HWY_INLINE const float* Init(const LinearJob&, int) { return kZeroSums; }
  static HWY_INLINE Pair Split(VU v) {
    return {hn::BitCast(DF(), hn::ShiftLeft<16>(v)), hn::BitCast(DF(), hn::And(v, hn::Set(DU(), 0xFFFF0000u)))};
  }
  static HWY_INLINE Weights LoadWeights(const uint32_t* w) { return Split(hn::Load(DU(), w)); }
  static HWY_INLINE Inputs Spread(uint32_t word) { return Split(hn::Set(DU(), word)); }
  static HWY_INLINE VF Dot(VF sum, Inputs a, Weights w) {
    return hn::MulAdd(a.odd, w.odd, hn::MulAdd(a.even, w.even, sum));
  }
};

#if HWY_TARGET == HWY_AVX3
// Behind HasBf16_512() only. The instruction stands in assembler because Highway's target does not allow its intrinsic.
struct OpBf16Native {
  using T = float;
  using D = DF;
  using Weights = VU;
  using Inputs = VU;
  using Finish = FinishFloat;
  static constexpr int kMaxRows = 6;
  static HWY_INLINE const float* Init(const LinearJob&, int) { return kZeroSums; }
  static HWY_INLINE Weights LoadWeights(const uint32_t* w) { return hn::Load(DU(), w); }
  static HWY_INLINE Inputs Spread(uint32_t word) { return hn::Set(DU(), word); }
  static HWY_INLINE VF Dot(VF sum, Inputs a, Weights w) {
    __asm__("vdpbf16ps %2, %1, %0" : "+v"(sum.raw) : "v"(a.raw), "v"(w.raw));
    return sum;
  }
};
#endif

int Width() { return kTileWidth; }

void F32(const LinearJob& job) { RunTiles<OpF32>(job); }

void Bf16(const LinearJob& job) {
#if HWY_TARGET == HWY_AVX3
  if (HasBf16_512()) return RunTiles<OpBf16Native>(job);
#endif
  RunTiles<OpBf16>(job);
}

void RoundRows(const float* x, int64_t ldx, int m, int64_t k, uint16_t* out, int64_t ldo) {
  const DF d;
  const DU du;
  const hn::Rebind<uint16_t, DF> dh;
  const auto round = [&](const float* from, uint16_t* to) HWY_ATTR {
    const VF v = hn::LoadU(d, from);
    const VU bits = hn::BitCast(du, v);
    const VU odd = hn::And(hn::ShiftRight<16>(bits), hn::Set(du, 1));
    const VU nearest = hn::Add(bits, hn::Add(odd, hn::Set(du, 0x7FFF)));
    const VU quiet = hn::Or(bits, hn::Set(du, 0x400000));
    const VU rounded = hn::IfThenElse(hn::RebindMask(du, hn::IsNaN(v)), quiet, nearest);
    hn::StoreU(hn::TruncateTo(dh, hn::ShiftRight<16>(rounded)), dh, to);
  };
  const int64_t whole = k / kLanes * kLanes;
  for (int row = 0; row < m; ++row) {
    const float* from = x + row * ldx;
    uint16_t* to = out + row * ldo;
    for (int64_t i = 0; i < whole; i += kLanes) round(from + i, to + i);
    if (whole < k) {
      float tail[kLanes] = {};
      for (int64_t i = whole; i < k; ++i) tail[i - whole] = from[i];
      round(tail, to + whole);
    }
    for (int64_t i = (k + kLanes - 1) / kLanes * kLanes; i < ldo; ++i) to[i] = 0;
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace takt::nn
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace takt::nn {

HWY_EXPORT(Width);
HWY_EXPORT(F32);
HWY_EXPORT(Bf16);
HWY_EXPORT(RoundRows);

int PanelWidth() { return HWY_DYNAMIC_DISPATCH(Width)(); }
void RunF32(const LinearJob& job) { HWY_DYNAMIC_DISPATCH(F32)(job); }
void RunBf16(const LinearJob& job) { HWY_DYNAMIC_DISPATCH(Bf16)(job); }
void RoundRowsToBf16(const float* x, int64_t ldx, int m, int64_t k, uint16_t* out, int64_t ldo) {
  HWY_DYNAMIC_DISPATCH(RoundRows)(x, ldx, m, k, out, ldo);
}

}  // namespace takt::nn
#endif  // HWY_ONCE
