// SPDX-License-Identifier: Apache-2.0
// Softmax of one row: included once for each instruction set.
#if defined(TAKT_CORE_NN_SOFTMAX_SIMD_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TAKT_CORE_NN_SOFTMAX_SIMD_INL_H_
#undef TAKT_CORE_NN_SOFTMAX_SIMD_INL_H_
#else
#define TAKT_CORE_NN_SOFTMAX_SIMD_INL_H_
#endif

#include <hwy/highway.h>

#include <cstdint>
#include <cstring>
#include <limits>

#include "takt/core/nn/math_simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace takt::nn {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// exp(x - largest) of a vector. NaN comes through: what subtracting gives is added again where it is no number.
HWY_INLINE VF SoftmaxPower(VF x, VF largest) {
  const DF d;
  const VF shifted = hn::Sub(x, largest);
  return hn::IfThenElse(hn::IsNaN(shifted), shifted, Exp(d, shifted));
}

// In place, over whole vectors and a tail.
HWY_INLINE void SoftmaxRow(float* x, int cols) {
  const DF d;
  const float lowest = -std::numeric_limits<float>::infinity();
  const int whole = cols / kLanes * kLanes, rest = cols - whole;
  alignas(64) float tail[kLanes];
  for (int i = 0; i < kLanes; ++i) tail[i] = i < rest ? x[whole + i] : lowest;
  VF most = hn::Load(d, tail);
  for (int i = 0; i < whole; i += kLanes) most = hn::Max(most, hn::LoadU(d, x + i));
  const VF largest = hn::MaxOfLanes(d, most);
  VF sum = SoftmaxPower(hn::Load(d, tail), largest);
  hn::Store(sum, d, tail);
  for (int i = 0; i < whole; i += kLanes) {
    const VF e = SoftmaxPower(hn::LoadU(d, x + i), largest);
    hn::StoreU(e, d, x + i);
    sum = hn::Add(sum, e);
  }
  const VF inverse = hn::Div(hn::Set(d, 1.0f), hn::SumOfLanes(d, sum));
  for (int i = 0; i < whole; i += kLanes) hn::StoreU(hn::Mul(hn::LoadU(d, x + i), inverse), d, x + i);
  if (rest > 0) {
    hn::Store(hn::Mul(hn::Load(d, tail), inverse), d, tail);
    std::memcpy(x + whole, tail, static_cast<size_t>(rest) * sizeof(float));
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace takt::nn
HWY_AFTER_NAMESPACE();

#endif
