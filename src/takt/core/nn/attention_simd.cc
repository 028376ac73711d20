// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "takt/core/nn/attention.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "takt/core/nn/attention_simd.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "takt/core/nn/linear_tile_simd-inl.h"
#include "takt/core/nn/softmax_simd-inl.h"

#ifndef TAKT_NN_ATTENTION_ONCE
#define TAKT_NN_ATTENTION_ONCE
namespace takt::nn {

struct AttentionJob {
  AttentionShape shape;
  const float *q, *k, *v, *bias;
  int64_t ldq, ldk, ldv, ldb;
  float* y;
  int64_t ldy;
  // Work space for one head; padded to whole units of outputs.
  float* keys;    // [head_dim, padded s], transposed
  float* values;  // [s, padded head_dim]
  float* scores;  // [m, padded s]
};

}  // namespace takt::nn
#endif

HWY_BEFORE_NAMESPACE();
namespace takt::nn {
namespace HWY_NAMESPACE {

// to[i, t] = from[t, i] for t < s, i < d.
HWY_INLINE void Transpose(const float* from, int64_t ld, int s, int d, float* to, int64_t ldt) {
  int t = 0;
#if HWY_TARGET != HWY_SCALAR
  const hn::FixedTag<float, 4> d4;
  for (; t + 4 <= s; t += 4) {
    const float* row = from + t * ld;
    int i = 0;
    for (; i + 4 <= d; i += 4) {
      const auto a = hn::LoadU(d4, row + i), b = hn::LoadU(d4, row + ld + i);
      const auto c = hn::LoadU(d4, row + 2 * ld + i), e = hn::LoadU(d4, row + 3 * ld + i);
      const auto ab0 = hn::InterleaveLower(d4, a, b), ab1 = hn::InterleaveUpper(d4, a, b);
      const auto ce0 = hn::InterleaveLower(d4, c, e), ce1 = hn::InterleaveUpper(d4, c, e);
      float* out = to + i * ldt + t;
      hn::StoreU(hn::ConcatLowerLower(d4, ce0, ab0), d4, out);
      hn::StoreU(hn::ConcatUpperUpper(d4, ce0, ab0), d4, out + ldt);
      hn::StoreU(hn::ConcatLowerLower(d4, ce1, ab1), d4, out + 2 * ldt);
      hn::StoreU(hn::ConcatUpperUpper(d4, ce1, ab1), d4, out + 3 * ldt);
    }
    for (; i < d; ++i) {
      for (int j = 0; j < 4; ++j) to[i * ldt + t + j] = row[j * ld + i];
    }
  }
#endif
  for (; t < s; ++t) {
    for (int i = 0; i < d; ++i) to[i * ldt + t] = from[t * ld + i];
  }
}

// out[m, n] = a[m, k] w[k, n], all f32; w is aligned and padded to whole units, out too.
HWY_INLINE void Product(const float* a, int64_t lda, int m, const float* w, int64_t ldw, int n, int k, float* out,
                        int64_t ldo) {
  const uint32_t* words = reinterpret_cast<const uint32_t*>(w);
  for (int c = 0; c < n; c += kTileWidth) {
    const int columns = std::min(kColumns, (n - c + kLanes - 1) / kLanes);
    ForTiles(m, OpF32::kMaxRows, [&](int row, int rows) HWY_ATTR {
      const TileJob<float> tile{reinterpret_cast<const uint8_t*>(a + row * lda), 4 * lda, words + c, ldw, k, kZeroSums, 0,
                                out + row * ldo + c, ldo, words + c};
      TileColumns<OpF32>(rows, columns, tile);
    });
  }
}

void AttentionHeads(const AttentionJob& job) {
  const DF d;
  const AttentionShape& shape = job.shape;
  const int64_t ld_keys = static_cast<int64_t>(AlignUp(static_cast<size_t>(shape.s), kOutputUnit));
  const int64_t ld_values = static_cast<int64_t>(AlignUp(static_cast<size_t>(shape.head_dim), kOutputUnit));
  const VF scale = hn::Set(d, 1.0f / std::sqrt(static_cast<float>(shape.head_dim)));
  const size_t head_bytes = static_cast<size_t>(shape.head_dim) * sizeof(float);
  alignas(64) float out[OpF32::kMaxRows * kTileWidth];
  for (int i = 0; i < shape.head_dim; ++i) std::fill(job.keys + i * ld_keys + shape.s, job.keys + (i + 1) * ld_keys, 0.0f);
  for (int t = 0; t < shape.s; ++t) std::fill(job.values + t * ld_values + shape.head_dim, job.values + (t + 1) * ld_values, 0.0f);
  for (int h = 0; h < shape.heads; ++h) {
    const int64_t at = static_cast<int64_t>(h) * shape.head_dim;
    Transpose(job.k + at, job.ldk, shape.s, shape.head_dim, job.keys, ld_keys);
    for (int t = 0; t < shape.s; ++t) std::memcpy(job.values + t * ld_values, job.v + t * job.ldv + at, head_bytes);
    Product(job.q + at, job.ldq, shape.m, job.keys, ld_keys, shape.s, shape.head_dim, job.scores, ld_keys);
    for (int m = 0; m < shape.m; ++m) {
      float* row = job.scores + m * ld_keys;
      const float* bias = job.bias ? job.bias + m * job.ldb : nullptr;
      int t = 0;
      for (; t + kLanes <= shape.s; t += kLanes) {
        const VF b = bias ? hn::LoadU(d, bias + t) : hn::Zero(d);
        hn::Store(hn::MulAdd(hn::Load(d, row + t), scale, b), d, row + t);
      }
      for (; t < shape.s; ++t) {
        alignas(64) float one[kLanes] = {row[t]}, b[kLanes] = {bias ? bias[t] : 0.0f};
        row[t] = hn::GetLane(hn::MulAdd(hn::Load(d, one), scale, hn::Load(d, b)));
      }
      SoftmaxRow(row, shape.s);
    }
    const uint32_t* values = reinterpret_cast<const uint32_t*>(job.values);
    for (int c = 0; c < shape.head_dim; c += kTileWidth) {
      const int count = std::min(kTileWidth, shape.head_dim - c), columns = (count + kLanes - 1) / kLanes;
      ForTiles(shape.m, OpF32::kMaxRows, [&](int row, int rows) HWY_ATTR {
        const TileJob<float> tile{reinterpret_cast<const uint8_t*>(job.scores + row * ld_keys), 4 * ld_keys, values + c,
                                  ld_values, shape.s, kZeroSums, 0, out, kTileWidth, values + c};
        TileColumns<OpF32>(rows, columns, tile);
        for (int r = 0; r < rows; ++r) {
          std::memcpy(job.y + (row + r) * job.ldy + at + c, out + r * kTileWidth, static_cast<size_t>(count) * sizeof(float));
        }
      });
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace takt::nn
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace takt::nn {

HWY_EXPORT(AttentionHeads);

size_t AttentionScratchBytes(const AttentionShape& largest) {
  const size_t s = AlignUp(static_cast<size_t>(largest.s), kOutputUnit);
  const size_t d = AlignUp(static_cast<size_t>(largest.head_dim), kOutputUnit);
  return Scratch::BytesFor<float>(largest.head_dim * s) + Scratch::BytesFor<float>(largest.s * d) +
         Scratch::BytesFor<float>(largest.m * s);
}

void Attention(const AttentionShape& shape, const float* q, int64_t ldq, const float* k, int64_t ldk, const float* v,
               int64_t ldv, const float* bias, int64_t ldb, float* y, int64_t ldy, Scratch& scratch) {
  if (shape.m < 1) return;
  Scratch::Frame frame(scratch);
  const size_t s = AlignUp(static_cast<size_t>(shape.s), kOutputUnit);
  const size_t d = AlignUp(static_cast<size_t>(shape.head_dim), kOutputUnit);
  AttentionJob job{shape, q, k, v, bias, ldq, ldk, ldv, ldb, y, ldy, nullptr, nullptr, nullptr};
  job.keys = frame.Take<float>(shape.head_dim * s);
  job.values = frame.Take<float>(shape.s * d);
  job.scores = frame.Take<float>(shape.m * s);
  HWY_DYNAMIC_DISPATCH(AttentionHeads)(job);
}

}  // namespace takt::nn
#endif  // HWY_ONCE
