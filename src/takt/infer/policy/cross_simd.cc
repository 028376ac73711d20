// SPDX-License-Identifier: Apache-2.0
#include "takt/infer/policy/cross.h"

#include <algorithm>
#include <cmath>

#include "takt/core/nn/norm.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "takt/infer/policy/cross_simd.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <hwy/contrib/math/math-inl.h>

HWY_BEFORE_NAMESPACE();
namespace takt::policy {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::CappedTag<float, 16>;  // rows are whole multiples of 16

// Rows wider than this are centred in two passes over memory; 4096 is what a config may ask for.
constexpr int kMaxWidth = 4096;

// The row less its mean, padded with zeros to ld; its 1 / standard deviation is returned.
HWY_INLINE float Centre(const float* HWY_RESTRICT row, int n, int64_t ld, float* HWY_RESTRICT centred) {
  const D d;
  const int lanes = static_cast<int>(hn::Lanes(d));
  auto sum = hn::Zero(d);
  int i = 0;
  for (; i + lanes <= n; i += lanes) sum = hn::Add(sum, hn::Load(d, row + i));
  if (i < n) sum = hn::Add(sum, hn::MaskedLoad(hn::FirstN(d, static_cast<size_t>(n - i)), d, row + i));
  const float mean = hn::GetLane(hn::SumOfLanes(d, sum)) / static_cast<float>(n);
  const auto mean_v = hn::Set(d, mean);
  auto square = hn::Zero(d);
  for (i = 0; i + lanes <= n; i += lanes) {
    const auto v = hn::Sub(hn::Load(d, row + i), mean_v);
    hn::Store(v, d, centred + i);
    square = hn::MulAdd(v, v, square);
  }
  if (i < n) {
    const auto mask = hn::FirstN(d, static_cast<size_t>(n - i));
    const auto v = hn::IfThenElseZero(mask, hn::Sub(hn::MaskedLoad(mask, d, row + i), mean_v));
    hn::Store(v, d, centred + i);
    square = hn::MulAdd(v, v, square);
    i += lanes;
  }
  for (; i < ld; i += lanes) hn::Store(hn::Zero(d), d, centred + i);
  return 1 / std::sqrt(hn::GetLane(hn::SumOfLanes(d, square)) / static_cast<float>(n) + nn::kLayerNormEps);
}

void FoldedCrossAll(const float* HWY_RESTRICT x, int count, int n, int64_t ld, const FoldedToken* memory, int memory_count,
                    int heads, int reach, const float* HWY_RESTRICT out_bias, float* HWY_RESTRICT y) {
  const D d;
  const int lanes = static_cast<int>(hn::Lanes(d));
  HWY_ALIGN float centred[kMaxWidth];
  HWY_ALIGN float logits[kMaxMemory * kMaxHeads];  // [memory, head_ld]
  const int head_ld = (heads + lanes - 1) / lanes * lanes;
  for (int t = 0; t < count; ++t) {
    const float rstd = Centre(x + t * ld, n, ld, centred);
    const int seen = reach < 0 ? memory_count : std::min(memory_count, t + reach + 1);
    for (int s = 0; s < seen; ++s) {
      for (int h = 0; h < heads; ++h) {
        const float* HWY_RESTRICT key = memory[s].key + h * ld;
        auto a = hn::Zero(d), b = hn::Zero(d);
        int64_t i = 0;
        for (; i + 2 * lanes <= ld; i += 2 * lanes) {
          a = hn::MulAdd(hn::Load(d, centred + i), hn::Load(d, key + i), a);
          b = hn::MulAdd(hn::Load(d, centred + i + lanes), hn::Load(d, key + i + lanes), b);
        }
        for (; i < ld; i += lanes) a = hn::MulAdd(hn::Load(d, centred + i), hn::Load(d, key + i), a);
        logits[s * head_ld + h] = hn::GetLane(hn::SumOfLanes(d, hn::Add(a, b))) * rstd + memory[s].bias[h];
      }
      for (int h = heads; h < head_ld; ++h) logits[s * head_ld + h] = 0;
    }
    // Softmax over the memory, one head in each lane.
    for (int h = 0; h < head_ld; h += lanes) {
      auto most = hn::Load(d, logits + h);
      for (int s = 1; s < seen; ++s) most = hn::Max(most, hn::Load(d, logits + s * head_ld + h));
      auto total = hn::Zero(d);
      for (int s = 0; s < seen; ++s) {
        const auto e = hn::Exp(d, hn::Sub(hn::Load(d, logits + s * head_ld + h), most));
        hn::Store(e, d, logits + s * head_ld + h);
        total = hn::Add(total, e);
      }
      const auto scale = hn::Div(hn::Set(d, 1.0f), total);
      for (int s = 0; s < seen; ++s) {
        hn::Store(hn::Mul(hn::Load(d, logits + s * head_ld + h), scale), d, logits + s * head_ld + h);
      }
    }
    for (int64_t i = 0; i < ld; i += lanes) {
      auto a = hn::Load(d, out_bias + i), b = hn::Zero(d);
      for (int s = 0; s < seen; ++s) {
        const float* HWY_RESTRICT value = memory[s].value + i;
        const float* HWY_RESTRICT p = logits + s * head_ld;
        int h = 0;
        for (; h + 2 <= heads; h += 2) {
          a = hn::MulAdd(hn::Set(d, p[h]), hn::Load(d, value + h * ld), a);
          b = hn::MulAdd(hn::Set(d, p[h + 1]), hn::Load(d, value + (h + 1) * ld), b);
        }
        if (h < heads) a = hn::MulAdd(hn::Set(d, p[h]), hn::Load(d, value + h * ld), a);
      }
      hn::Store(hn::Add(a, b), d, y + t * ld + i);
    }
  }
}

void AddAll(const float* HWY_RESTRICT x, int64_t n, float* HWY_RESTRICT y) {
  const D d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  for (int64_t i = 0; i < n; i += lanes) hn::Store(hn::Add(hn::Load(d, y + i), hn::Load(d, x + i)), d, y + i);
}

void AddLineAll(const float* HWY_RESTRICT a, const float* HWY_RESTRICT b, float w, int64_t n, float* HWY_RESTRICT y) {
  const D d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto weight = hn::Set(d, w);
  for (int64_t i = 0; i < n; i += lanes) {
    const auto va = hn::Load(d, a + i);
    const auto value = hn::MulAdd(weight, hn::Sub(va, hn::Load(d, b + i)), va);
    hn::Store(hn::Add(hn::Load(d, y + i), value), d, y + i);
  }
}

HWY_INLINE hn::Vec<D> LoadRow(const float* HWY_RESTRICT row) { return hn::Load(D(), row); }
HWY_INLINE hn::Vec<D> LoadRow(const uint16_t* HWY_RESTRICT row) {
  const hn::Rebind<uint32_t, D> d32;
  const hn::Rebind<uint16_t, D> d16;
  return hn::BitCast(D(), hn::ShiftLeft<16>(hn::PromoteTo(d32, hn::LoadU(d16, row))));
}

template <class T>
HWY_INLINE void SumRowsOf(const float* HWY_RESTRICT coefficients, const T* HWY_RESTRICT rows, int count, int64_t n,
                          float* HWY_RESTRICT y) {
  const D d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t i = 0;
  for (; i + 4 * lanes <= n; i += 4 * lanes) {
    auto a = hn::Zero(d), b = hn::Zero(d), c = hn::Zero(d), e = hn::Zero(d);
    for (int r = 0; r < count; ++r) {
      const T* HWY_RESTRICT row = rows + r * n + i;
      const auto w = hn::Set(d, coefficients[r]);
      a = hn::MulAdd(w, LoadRow(row), a);
      b = hn::MulAdd(w, LoadRow(row + lanes), b);
      c = hn::MulAdd(w, LoadRow(row + 2 * lanes), c);
      e = hn::MulAdd(w, LoadRow(row + 3 * lanes), e);
    }
    hn::Store(a, d, y + i);
    hn::Store(b, d, y + i + lanes);
    hn::Store(c, d, y + i + 2 * lanes);
    hn::Store(e, d, y + i + 3 * lanes);
  }
  for (; i < n; i += lanes) {
    auto a = hn::Zero(d);
    for (int r = 0; r < count; ++r) a = hn::MulAdd(hn::Set(d, coefficients[r]), LoadRow(rows + r * n + i), a);
    hn::Store(a, d, y + i);
  }
}

void SumRowsF32(const float* coefficients, const float* rows, int count, int64_t n, float* y) {
  SumRowsOf(coefficients, rows, count, n, y);
}
void SumRowsBf16(const float* coefficients, const uint16_t* rows, int count, int64_t n, float* y) {
  SumRowsOf(coefficients, rows, count, n, y);
}

}  // namespace HWY_NAMESPACE
}  // namespace takt::policy
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace takt::policy {

HWY_EXPORT(FoldedCrossAll);
HWY_EXPORT(AddAll);
HWY_EXPORT(AddLineAll);
HWY_EXPORT(SumRowsF32);
HWY_EXPORT(SumRowsBf16);

void FoldedCross(const float* x, int count, int n, int64_t ld, std::span<const FoldedToken> memory, int heads, int reach,
                 const float* out_bias, float* y) {
  HWY_DYNAMIC_DISPATCH(FoldedCrossAll)(x, count, n, ld, memory.data(), static_cast<int>(memory.size()), heads, reach, out_bias, y);
}

void AddRows(const float* x, int64_t n, float* y) { HWY_DYNAMIC_DISPATCH(AddAll)(x, n, y); }

void AddLine(const float* a, const float* b, float w, int64_t n, float* y) {
  HWY_DYNAMIC_DISPATCH(AddLineAll)(a, b, w, n, y);
}

void SumRows(const float* coefficients, const float* rows, int count, int64_t n, float* y) {
  HWY_DYNAMIC_DISPATCH(SumRowsF32)(coefficients, rows, count, n, y);
}

void SumRows(const float* coefficients, const uint16_t* rows, int count, int64_t n, float* y) {
  HWY_DYNAMIC_DISPATCH(SumRowsBf16)(coefficients, rows, count, n, y);
}

}  // namespace takt::policy
#endif  // HWY_ONCE
