// SPDX-License-Identifier: Apache-2.0
#include "takt/core/nn/linear_simd.h"

#include "takt/core/nn/targets_simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "takt/core/nn/linear_int_simd.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "takt/core/nn/linear_tile_simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace takt::nn {
namespace HWY_NAMESPACE {

// (scale_w sum) scale_x + b, for one vector of outputs.
struct FinishW8 {
  HWY_INLINE FinishW8(const LinearJob& job, int n)
      : bias(hn::Load(DF(), job.weights->bias.data() + n)),
        scale(hn::Load(DF(), job.weights->scale.data() + n)),
        row_scale(job.row_scale) {}
  HWY_INLINE VF operator()(const int32_t* sums, int row) const {
    const DF d;
    const VF v = hn::Mul(hn::ConvertTo(d, hn::Load(DI(), sums)), scale);
    return hn::MulAdd(v, hn::Set(d, row_scale[row]), bias);
  }
  VF bias, scale;
  const float* row_scale;
};

// sum scale_x + b: int4 sums carry the scales of their groups.
struct FinishW4 {
  HWY_INLINE FinishW4(const LinearJob& job, int n)
      : bias(hn::Load(DF(), job.weights->bias.data() + n)), row_scale(job.row_scale) {}
  HWY_INLINE VF operator()(const float* sums, int row) const {
    return hn::MulAdd(hn::Load(DF(), sums), hn::Set(DF(), row_scale[row]), bias);
  }
  VF bias;
  const float* row_scale;
};

// sum[i] += sum over the 4 bytes of word i of unsigned a times signed w, exact.
struct DotBytes {
#if HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX2
  // Bytes widened to 16 bits, even and odd apart, and added in pairs: no product of bytes saturates there.
  using D16 = hn::Repartition<int16_t, DI>;
  struct Halves {
    VI even, odd;
  };
  using Weights = Halves;
  using Inputs = Halves;
  static constexpr int kMaxRows = 4;
  static HWY_INLINE Weights Prepare(VI w) {
    const auto halves = hn::BitCast(D16(), w);
    return {hn::BitCast(DI(), hn::ShiftRight<8>(hn::ShiftLeft<8>(halves))), hn::BitCast(DI(), hn::ShiftRight<8>(halves))};
  }
  static HWY_INLINE Inputs Spread(uint32_t word) {
    return {hn::Set(DI(), static_cast<int32_t>(word & 0x00FF00FFu)),
            hn::Set(DI(), static_cast<int32_t>((word >> 8) & 0x00FF00FFu))};
  }
  static HWY_INLINE VI Pairs(VI a, VI w) {
#if HWY_TARGET == HWY_AVX3
    return VI{_mm512_madd_epi16(a.raw, w.raw)};
#else
    return VI{_mm256_madd_epi16(a.raw, w.raw)};
#endif
  }
  static HWY_INLINE VI Dot(VI sum, Inputs a, Weights w) {
    return hn::Add(sum, hn::Add(Pairs(a.even, w.even), Pairs(a.odd, w.odd)));
  }
#else
  struct Bytes {
    VI of[4];
  };
  using Weights = Bytes;
  using Inputs = Bytes;
  static constexpr int kMaxRows = 4;
  static HWY_INLINE Weights Prepare(VI w) {
    return {{hn::ShiftRight<24>(hn::ShiftLeft<24>(w)), hn::ShiftRight<24>(hn::ShiftLeft<16>(w)),
             hn::ShiftRight<24>(hn::ShiftLeft<8>(w)), hn::ShiftRight<24>(w)}};
  }
  static HWY_INLINE Inputs Spread(uint32_t word) {
    const DI d;
    return {{hn::Set(d, static_cast<int32_t>(word & 255)), hn::Set(d, static_cast<int32_t>(word >> 8 & 255)),
             hn::Set(d, static_cast<int32_t>(word >> 16 & 255)), hn::Set(d, static_cast<int32_t>(word >> 24))}};
  }
  static HWY_INLINE VI Dot(VI sum, const Inputs& a, const Weights& w) {
    for (int i = 0; i < 4; ++i) sum = hn::Add(sum, hn::Mul(a.of[i], w.of[i]));
    return sum;
  }
#endif
};

#if HWY_TARGET == HWY_AVX3
// Behind HasVnni512() only. The instruction stands in assembler because Highway's target does not allow its intrinsic.
struct DotBytesVnni {
  using Weights = VI;
  using Inputs = VI;
  static constexpr int kMaxRows = 6;
  static HWY_INLINE Weights Prepare(VI w) { return w; }
  static HWY_INLINE Inputs Spread(uint32_t word) { return hn::Set(DI(), static_cast<int32_t>(word)); }
  static HWY_INLINE VI Dot(VI sum, Inputs a, Weights w) {
    __asm__("vpdpbusd %2, %1, %0" : "+v"(sum.raw) : "v"(a.raw), "v"(w.raw));
    return sum;
  }
};
#endif

template <class Bytes>
struct OpW8 : Bytes {
  using T = int32_t;
  using D = DI;
  using Finish = FinishW8;
  static HWY_INLINE const int32_t* Init(const LinearJob& job, int n) { return job.weights->compensation.data() + n; }
  static HWY_INLINE typename Bytes::Weights LoadWeights(const uint32_t* w) {
    return Bytes::Prepare(hn::BitCast(DI(), hn::Load(DU(), w)));
  }
};

// Four codes + 8, one a byte, to int8.
HWY_INLINE VI MinusEight(VU codes) {
#if HWY_TARGET == HWY_SCALAR
  // Kept from borrowing by the highest bit.
  const DU d;
  return hn::BitCast(DI(), hn::Xor(hn::Sub(hn::Or(codes, hn::Set(d, 0x80808080u)), hn::Set(d, 0x08080808u)),
                                   hn::Set(d, 0x80808080u)));
#else
  const hn::Repartition<int8_t, DI> d8;
  return hn::BitCast(DI(), hn::Sub(hn::BitCast(d8, codes), hn::Set(d8, 8)));
#endif
}

template <class Bytes>
struct OpW4 {
  using T = float;
  using Finish = FinishW4;
};

// A tile of int4: codes become int8 in registers, the integer sums of a group are scaled and added in f32.
template <class Bytes, int kRows, int kCols>
HWY_INLINE void TileW4(const LinearJob& job, const uint8_t* HWY_RESTRICT a, const uint32_t* HWY_RESTRICT w, int64_t step,
                       int n, float* out) {
  const DF d;
  const DI di;
  const DU du;
  const int64_t stride = static_cast<int64_t>(job.weights->bias.size());
  const VU low_bits = hn::Set(du, 0x0F0F0F0Fu);
  VF total[kRows][kCols];
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 8
    for (int c = 0; c < kCols; ++c) total[r][c] = hn::Zero(d);
  }
  for (int64_t k = 0, group = 0; k < job.words_k; ++group) {
    const int32_t* compensation = job.weights->compensation.data() + group * stride + n;
    VI sum[kRows][kCols];
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 8
      for (int c = 0; c < kCols; ++c) sum[r][c] = hn::Load(di, compensation + c * kLanes);
    }
    for (const int64_t end = std::min(job.words_k, k + job.group_words); k < end; ++k) {
      typename Bytes::Weights low[kCols], high[kCols];
#pragma GCC unroll 8
      for (int c = 0; c < kCols; ++c) {
        const VU word = hn::Load(du, w + c * kLanes);
        low[c] = Bytes::Prepare(MinusEight(hn::And(word, low_bits)));
        high[c] = Bytes::Prepare(MinusEight(hn::And(hn::ShiftRight<4>(word), low_bits)));
      }
#pragma GCC unroll 8
      for (int r = 0; r < kRows; ++r) {
        const auto a0 = Bytes::Spread(LoadWord(a + r * job.lda_bytes + 8 * k));
        const auto a1 = Bytes::Spread(LoadWord(a + r * job.lda_bytes + 8 * k + 4));
#pragma GCC unroll 8
        for (int c = 0; c < kCols; ++c) sum[r][c] = Bytes::Dot(Bytes::Dot(sum[r][c], a0, low[c]), a1, high[c]);
      }
      w += step;
    }
    const float* scale = job.weights->scale.data() + group * stride + n;
#pragma GCC unroll 8
    for (int c = 0; c < kCols; ++c) {
      const VF s = hn::Load(d, scale + c * kLanes);
#pragma GCC unroll 8
      for (int r = 0; r < kRows; ++r) total[r][c] = hn::MulAdd(hn::ConvertTo(d, sum[r][c]), s, total[r][c]);
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 8
    for (int c = 0; c < kCols; ++c) hn::StoreU(total[r][c], d, out + r * kMaxPanelWidth + c * kLanes);
  }
}

template <class Bytes, int kCols>
HWY_NOINLINE void TileRowsW4(int rows, const LinearJob& job, const uint8_t* a, const uint32_t* w, int64_t step, int n,
                             float* out) {
  switch (rows) {
    case 1: return TileW4<Bytes, 1, kCols>(job, a, w, step, n, out);
    case 2: return TileW4<Bytes, 2, kCols>(job, a, w, step, n, out);
    case 3: return TileW4<Bytes, 3, kCols>(job, a, w, step, n, out);
    case 4: return TileW4<Bytes, 4, kCols>(job, a, w, step, n, out);
  }
  if constexpr (Bytes::kMaxRows > 4) {
    if (rows == 5) return TileW4<Bytes, 5, kCols>(job, a, w, step, n, out);
    return TileW4<Bytes, 6, kCols>(job, a, w, step, n, out);
  }
}

template <class Bytes>
HWY_INLINE void RunW4Tiles(const LinearJob& job) {
  constexpr int kTile = 2 * kLanes;  // two kinds of sums share the registers
  const PackedPanels& panels = *job.weights->panels;
  float* sums = reinterpret_cast<float*>(job.sums);
  for (int panel = job.n_begin; panel < job.n_end; panel += panels.width) {
    const int step = panels.Step(panel);
    const int end = std::min(job.n_end, panel + panels.width);
    for (int n = panel; n < end; n += kTile) {
      const uint32_t* w = panels.Panel(panel) + (n - panel);
      const int count = std::min(end - n, kTile);
      ForTiles(job.m, Bytes::kMaxRows, [&](int row, int rows) HWY_ATTR {
        const uint8_t* a = job.a + row * job.lda_bytes;
        if (count > kLanes) {
          TileRowsW4<Bytes, 2>(rows, job, a, w, step, n, sums);
        } else {
          TileRowsW4<Bytes, 1>(rows, job, a, w, step, n, sums);
        }
        Finish<OpW4<Bytes>>(job, row, rows, n, count, sums);
      });
    }
  }
}

void W8(const LinearJob& job) {
#if HWY_TARGET == HWY_AVX3
  if (HasVnni512()) return RunTiles<OpW8<DotBytesVnni>>(job);
#endif
  RunTiles<OpW8<DotBytes>>(job);
}

void W4(const LinearJob& job) {
#if HWY_TARGET == HWY_AVX3
  if (HasVnni512()) return RunW4Tiles<DotBytesVnni>(job);
#endif
  RunW4Tiles<DotBytes>(job);
}

}  // namespace HWY_NAMESPACE
}  // namespace takt::nn
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace takt::nn {

HWY_EXPORT(W8);
HWY_EXPORT(W4);

void RunW8(const LinearJob& job) { HWY_DYNAMIC_DISPATCH(W8)(job); }
void RunW4(const LinearJob& job) { HWY_DYNAMIC_DISPATCH(W4)(job); }

}  // namespace takt::nn
#endif  // HWY_ONCE
