// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

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
  // Work space, padded to whole units of outputs; all but the mask for one head.
  float* keys;    // [head_dim, padded s], transposed
  float* values;  // [s, padded head_dim]
  float* scores;  // [m, padded s]
  float* mask;    // [m, padded s], -inf where there is no key
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

// out[m, n] = a[m, k] w[k, n], all f32, in whole vectors: w and out have room for them.
HWY_INLINE void Product(const float* a, int64_t lda, int m, const float* w, int64_t ldw, int n, int k, float* out,
                        int64_t ldo) {
  const uint32_t* words = reinterpret_cast<const uint32_t*>(w);
  for (int c = 0; c < n; c += kTileWidth) {
    const int columns = std::min(kColumns, (n - c + kLanes - 1) / kLanes);
    ForTiles(m, OpF32::kMaxRows, [&](int row, int rows) HWY_ATTR {
      TileColumns<OpF32>(rows, columns,
                         {reinterpret_cast<const uint8_t*>(a + row * lda), 4 * lda, words + c, ldw, k, kZeroSums, 0,
                          out + row * ldo + c, ldo, words + c});
    });
  }
}

// row = softmax(row * scale + mask), over a multiple of kLanes entries, the last of them masked where they are padding.
HWY_INLINE void MaskedSoftmax(float* row, const float* mask, float scale, int padded) {
  const DF d;
  const VF factor = hn::Set(d, scale);
  VF most = hn::MulAdd(hn::Load(d, row), factor, hn::Load(d, mask));
  hn::Store(most, d, row);
  for (int t = kLanes; t < padded; t += kLanes) {
    const VF v = hn::MulAdd(hn::Load(d, row + t), factor, hn::Load(d, mask + t));
    hn::Store(v, d, row + t);
    most = hn::Max(most, v);
  }
  const VF largest = hn::MaxOfLanes(d, most);
  VF sum = hn::Zero(d);
  for (int t = 0; t < padded; t += kLanes) {
    const VF e = SoftmaxPower(hn::Load(d, row + t), largest);
    hn::Store(e, d, row + t);
    sum = hn::Add(sum, e);
  }
  const VF inverse = hn::Div(hn::Set(d, 1.0f), hn::SumOfLanes(d, sum));
  for (int t = 0; t < padded; t += kLanes) hn::Store(hn::Mul(hn::Load(d, row + t), inverse), d, row + t);
}

void AttentionHeads(const AttentionJob& job) {
  const AttentionShape& shape = job.shape;
  const int s = shape.s, dim = shape.head_dim;
  const int padded = static_cast<int>(AlignUp(static_cast<size_t>(s), kLanes));
  const int64_t ld_keys = static_cast<int64_t>(AlignUp(static_cast<size_t>(s), kOutputUnit));
  const int64_t ld_values = static_cast<int64_t>(AlignUp(static_cast<size_t>(dim), kOutputUnit));
  const float scale = 1.0f / std::sqrt(static_cast<float>(dim));
  // Heads of whole vectors are read and written where they lie.
  const bool whole = dim % kLanes == 0;
  for (int m = 0; m < shape.m; ++m) {
    float* mask = job.mask + m * ld_keys;
    if (job.bias) {
      std::copy_n(job.bias + m * job.ldb, s, mask);
    } else {
      std::fill_n(mask, s, 0.0f);
    }
    std::fill(mask + s, mask + padded, -std::numeric_limits<float>::infinity());
  }
  for (int i = 0; i < dim; ++i) std::fill(job.keys + i * ld_keys + s, job.keys + i * ld_keys + padded, 0.0f);
  for (int t = 0; !whole && t < s; ++t) std::fill(job.values + t * ld_values + dim, job.values + (t + 1) * ld_values, 0.0f);
  for (int h = 0; h < shape.heads; ++h) {
    const int64_t at = static_cast<int64_t>(h) * dim;
    Transpose(job.k + at, job.ldk, s, dim, job.keys, ld_keys);
    Product(job.q + at, job.ldq, shape.m, job.keys, ld_keys, s, dim, job.scores, ld_keys);
    for (int m = 0; m < shape.m; ++m) MaskedSoftmax(job.scores + m * ld_keys, job.mask + m * ld_keys, scale, padded);
    if (whole) {
      Product(job.scores, ld_keys, shape.m, job.v + at, job.ldv, dim, s, job.y + at, job.ldy);
      continue;
    }
    for (int t = 0; t < s; ++t) std::copy_n(job.v + t * job.ldv + at, dim, job.values + t * ld_values);
    // The keys are done with; the queries take turns in their place.
    for (int m = 0; m < shape.m; ++m) {
      Product(job.scores + m * ld_keys, ld_keys, 1, job.values, ld_values, dim, s, job.keys, ld_values);
      std::copy_n(job.keys, dim, job.y + m * job.ldy + at);
    }
    for (int i = 0; i < dim; ++i) std::fill(job.keys + i * ld_keys + s, job.keys + i * ld_keys + padded, 0.0f);
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
  return Scratch::BytesFor<float>(d * s) + Scratch::BytesFor<float>(largest.s * d) +
         2 * Scratch::BytesFor<float>(largest.m * s);
}

void Attention(const AttentionShape& shape, const float* q, int64_t ldq, const float* k, int64_t ldk, const float* v,
               int64_t ldv, const float* bias, int64_t ldb, float* y, int64_t ldy, Scratch& scratch) {
  if (shape.m < 1) return;
  Scratch::Frame frame(scratch);
  const size_t s = AlignUp(static_cast<size_t>(shape.s), kOutputUnit);
  const size_t d = AlignUp(static_cast<size_t>(shape.head_dim), kOutputUnit);
  AttentionJob job{shape, q, k, v, bias, ldq, ldk, ldv, ldb, y, ldy, nullptr, nullptr, nullptr, nullptr};
  job.keys = frame.Take<float>(d * s);
  job.values = frame.Take<float>(shape.s * d);
  job.scores = frame.Take<float>(shape.m * s);
  job.mask = frame.Take<float>(shape.m * s);
  HWY_DYNAMIC_DISPATCH(AttentionHeads)(job);
}

}  // namespace takt::nn
#endif  // HWY_ONCE
