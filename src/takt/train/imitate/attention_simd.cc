// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <vector>

#include "takt/core/base/parallel.h"
#include "takt/core/base/rng.h"
#include "takt/train/imitate/attention.h"
#include "takt/train/imitate/streams.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "takt/train/imitate/attention_simd.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "takt/core/nn/math_simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace takt::imitate {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
using D = hn::CappedTag<float, 16>;
using V = hn::Vec<D>;

// c [R, n] = a [R, k] b [k, n], for one vector of columns at a time. a is read at r * a_row + i * a_column.
template <size_t R>
void MultiplyRows(size_t k, size_t n, const float* a, size_t a_row, size_t a_column, const float* b, size_t b_row, float* c,
                  size_t c_row) {
  const D d;
  const size_t lanes = hn::Lanes(d);
  for (size_t j = 0; j < n; j += lanes) {
    const auto mask = hn::FirstN(d, std::min(lanes, n - j));
    const bool whole = j + lanes <= n;
    V sum[R];
    for (size_t r = 0; r < R; ++r) sum[r] = hn::Zero(d);
    for (size_t i = 0; i < k; ++i) {
      const float* row = b + i * b_row + j;
      const V x = whole ? hn::LoadU(d, row) : hn::MaskedLoad(mask, d, row);
      for (size_t r = 0; r < R; ++r) sum[r] = hn::MulAdd(hn::Set(d, a[r * a_row + i * a_column]), x, sum[r]);
    }
    for (size_t r = 0; r < R; ++r) {
      if (whole) {
        hn::StoreU(sum[r], d, c + r * c_row + j);
      } else {
        hn::BlendedStore(sum[r], mask, d, c + r * c_row + j);
      }
    }
  }
}

void Multiply(size_t m, size_t k, size_t n, const float* a, size_t a_row, size_t a_column, const float* b, size_t b_row,
              float* c, size_t c_row) {
  size_t r = 0;
  for (; r + 8 <= m; r += 8) MultiplyRows<8>(k, n, a + r * a_row, a_row, a_column, b, b_row, c + r * c_row, c_row);
  for (; r + 4 <= m; r += 4) MultiplyRows<4>(k, n, a + r * a_row, a_row, a_column, b, b_row, c + r * c_row, c_row);
  for (; r < m; ++r) MultiplyRows<1>(k, n, a + r * a_row, a_row, a_column, b, b_row, c + r * c_row, c_row);
}

// [rows, columns] -> [columns, rows]
void Transpose(size_t rows, size_t columns, const float* in, size_t in_row, float* out) {
  for (size_t r = 0; r < rows; ++r) {
    for (size_t c = 0; c < columns; ++c) out[c * rows + r] = in[r * in_row + c];
  }
}

// Softmax of scale * x over the first `seen` numbers of a row of n; the rest becomes 0.
void Softmax(float* x, size_t seen, size_t n, float scale) {
  const D d;
  const size_t lanes = hn::Lanes(d);
  V largest_lanes = hn::Set(d, x[0]);
  for (size_t i = 0; i < seen; i += lanes) {
    const auto shown = hn::FirstN(d, std::min(lanes, seen - i));
    largest_lanes = hn::Max(largest_lanes, hn::IfThenElse(shown, hn::MaskedLoad(shown, d, x + i), largest_lanes));
  }
  const float largest = hn::GetLane(hn::MaxOfLanes(d, largest_lanes));
  V sum = hn::Zero(d);
  for (size_t i = 0; i < n; i += lanes) {
    const auto there = hn::FirstN(d, std::min(lanes, n - i));
    const auto shown = hn::FirstN(d, i < seen ? std::min(lanes, seen - i) : 0);
    const V raw = hn::MaskedLoad(there, d, x + i);
    const V e = hn::IfThenElseZero(
        shown, nn::HWY_NAMESPACE::Exp(d, hn::Mul(hn::Set(d, scale), hn::Sub(raw, hn::Set(d, largest)))));
    sum = hn::Add(sum, e);
    hn::BlendedStore(e, there, d, x + i);
  }
  const V factor = hn::Set(d, 1.0f / hn::GetLane(hn::SumOfLanes(d, sum)));
  for (size_t i = 0; i < n; i += lanes) {
    const auto there = hn::FirstN(d, std::min(lanes, n - i));
    hn::BlendedStore(hn::Mul(factor, hn::MaskedLoad(there, d, x + i)), there, d, x + i);
  }
}

struct Drop {
  explicit Drop(const AttentionShape& s)
      : threshold(static_cast<uint32_t>(std::lround(s.p_drop * 65536))),
        scale(65536.0f / static_cast<float>(65536 - threshold)) {}
  uint32_t threshold;
  float scale;
};

void ForwardImpl(const AttentionShape& s, const AttentionMatrix<const float>& q, const AttentionMatrix<const float>& k,
                 const AttentionMatrix<const float>& v, float* weights, const AttentionMatrix<float>& out, size_t begin,
                 size_t end) {
  const size_t cells = s.rows * s.columns;
  const float scale = static_cast<float>(1 / std::sqrt(static_cast<double>(s.width)));
  const Drop drop(s);
  const Rng rng(s.drop_seed, kStreamDropout);
  std::vector<float> turned(s.width * s.columns), kept(drop.threshold > 0 ? cells : 0);
  for (size_t i = begin; i < end; ++i) {
    const size_t n = i / s.heads, at = i % s.heads * s.width;
    const float* qi = q.data + n * s.rows * q.stride + at;
    const float* ki = k.data + n * s.columns * k.stride + at;
    const float* vi = v.data + n * s.columns * v.stride + at;
    float* w = weights + i * cells;
    Transpose(s.columns, s.width, ki, k.stride, turned.data());
    Multiply(s.rows, s.width, s.columns, qi, q.stride, 1, turned.data(), s.columns, w, s.columns);
    for (size_t t = 0; t < s.rows; ++t) Softmax(w + t * s.columns, std::min(s.columns, t + s.ahead + 1), s.columns, scale);
    const float* used = w;
    if (drop.threshold > 0) {
      const uint64_t counter = s.drop_counter + i * ((cells + 7) / 8);
      for (size_t c = 0; c < cells; c += 8) {
        const auto words = rng.Words(counter + c / 8);
        for (size_t j = c; j < std::min(cells, c + 8); ++j) {
          const bool dropped = (words[j % 8 / 2] >> (16 * (j % 2)) & 0xffff) < drop.threshold;
          kept[j] = dropped ? 0.0f : w[j] * drop.scale;
          if (dropped) w[j] = -w[j];
        }
      }
      used = kept.data();
    }
    Multiply(s.rows, s.columns, s.width, used, s.columns, 1, vi, v.stride, out.data + n * s.rows * out.stride + at, out.stride);
  }
}

void BackwardImpl(const AttentionShape& s, const AttentionMatrix<const float>& q, const AttentionMatrix<const float>& k,
                  const AttentionMatrix<const float>& v, const float* weights, const AttentionMatrix<const float>& go,
                  const AttentionMatrix<float>& gq, const AttentionMatrix<float>& gk, const AttentionMatrix<float>& gv,
                  size_t begin, size_t end) {
  const size_t cells = s.rows * s.columns;
  const float scale = static_cast<float>(1 / std::sqrt(static_cast<double>(s.width)));
  const Drop drop(s);
  std::vector<float> turned(s.width * s.columns), gradient(cells), kept(drop.threshold > 0 ? cells : 0);
  for (size_t i = begin; i < end; ++i) {
    const size_t n = i / s.heads, at = i % s.heads * s.width;
    const size_t row = n * s.rows, column = n * s.columns;
    const float* w = weights + i * cells;
    const float* used = w;
    if (drop.threshold > 0) {
      for (size_t c = 0; c < cells; ++c) kept[c] = std::signbit(w[c]) ? 0.0f : w[c] * drop.scale;
      used = kept.data();
    }
    const float* g = go.data + row * go.stride + at;
    Multiply(s.columns, s.rows, s.width, used, 1, s.columns, g, go.stride, gv.data + column * gv.stride + at, gv.stride);
    Transpose(s.columns, s.width, v.data + column * v.stride + at, v.stride, turned.data());
    Multiply(s.rows, s.width, s.columns, g, go.stride, 1, turned.data(), s.columns, gradient.data(), s.columns);
    for (size_t t = 0; t < s.rows; ++t) {
      float* x = gradient.data() + t * s.columns;
      const float* p = w + t * s.columns;
      const float* u = used + t * s.columns;
      // Of what was used, u = p * mask: the gradient of p is x * mask, and that of the scores p (x mask - sum p x mask).
      float sum = 0;
      for (size_t j = 0; j < s.columns; ++j) sum += u[j] * x[j];
      for (size_t j = 0; j < s.columns; ++j) x[j] = scale * (u[j] * x[j] - std::abs(p[j]) * sum);
    }
    Multiply(s.rows, s.columns, s.width, gradient.data(), s.columns, 1, k.data + column * k.stride + at, k.stride,
             gq.data + row * gq.stride + at, gq.stride);
    Multiply(s.columns, s.rows, s.width, gradient.data(), 1, s.columns, q.data + row * q.stride + at, q.stride,
             gk.data + column * gk.stride + at, gk.stride);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace takt::imitate
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace takt::imitate {

HWY_EXPORT(ForwardImpl);
HWY_EXPORT(BackwardImpl);

namespace {

constexpr size_t kGrain = 16;  // heads

}  // namespace

void AttentionForward(const AttentionShape& shape, AttentionMatrix<const float> q, AttentionMatrix<const float> k,
                      AttentionMatrix<const float> v, float* weights, AttentionMatrix<float> out) {
  ParallelFor(shape.batch * shape.heads, kGrain, [&](size_t begin, size_t end) {
    HWY_DYNAMIC_DISPATCH(ForwardImpl)(shape, q, k, v, weights, out, begin, end);
  });
}

void AttentionBackward(const AttentionShape& shape, AttentionMatrix<const float> q, AttentionMatrix<const float> k,
                       AttentionMatrix<const float> v, const float* weights, AttentionMatrix<const float> out_gradient,
                       AttentionMatrix<float> q_gradient, AttentionMatrix<float> k_gradient, AttentionMatrix<float> v_gradient) {
  ParallelFor(shape.batch * shape.heads, kGrain, [&](size_t begin, size_t end) {
    HWY_DYNAMIC_DISPATCH(BackwardImpl)(shape, q, k, v, weights, out_gradient, q_gradient, k_gradient, v_gradient, begin, end);
  });
}

}  // namespace takt::imitate
#endif  // HWY_ONCE
