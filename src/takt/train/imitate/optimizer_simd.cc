// SPDX-License-Identifier: Apache-2.0
#include "takt/train/imitate/optimizer_simd.h"

#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "takt/train/imitate/optimizer_simd.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace takt::imitate {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;

constexpr float kEpsilon = 1e-8f;

void AdamWUpdateImpl(const AdamWFactors& f, size_t n, const float* gradient, float* values, float* moment1,
                     float* moment2, float* average) {
  const D d;
  const V beta1 = hn::Set(d, f.beta1), rest1 = hn::Set(d, 1.0f - f.beta1);
  const V beta2 = hn::Set(d, f.beta2), rest2 = hn::Set(d, 1.0f - f.beta2);
  const V rate = hn::Set(d, f.learning_rate * f.correction1), correction2 = hn::Set(d, f.correction2);
  const V shrink = hn::Set(d, f.shrink), scale = hn::Set(d, f.gradient_scale), rest = hn::Set(d, f.average_rest);
  const V epsilon = hn::Set(d, kEpsilon);
  const size_t lanes = hn::Lanes(d);
  for (size_t i = 0; i < n; i += lanes) {
    const size_t left = n - i < lanes ? n - i : lanes;
    const auto mask = hn::FirstN(d, left);
    const V g = hn::Mul(scale, hn::MaskedLoad(mask, d, gradient + i));
    const V m = hn::MulAdd(beta1, hn::MaskedLoad(mask, d, moment1 + i), hn::Mul(rest1, g));
    const V v = hn::MulAdd(beta2, hn::MaskedLoad(mask, d, moment2 + i), hn::Mul(rest2, hn::Mul(g, g)));
    const V denominator = hn::Add(hn::Sqrt(hn::Mul(v, correction2)), epsilon);
    const V p = hn::Sub(hn::Mul(shrink, hn::MaskedLoad(mask, d, values + i)), hn::Div(hn::Mul(rate, m), denominator));
    const V a = hn::MaskedLoad(mask, d, average + i);
    hn::BlendedStore(m, mask, d, moment1 + i);
    hn::BlendedStore(v, mask, d, moment2 + i);
    hn::BlendedStore(p, mask, d, values + i);
    hn::BlendedStore(hn::MulAdd(rest, hn::Sub(p, a), a), mask, d, average + i);
  }
}

double SumSquaresImpl(size_t n, const float* values) {
  const hn::ScalableTag<double> d;
  const hn::Rebind<float, hn::ScalableTag<double>> half;
  const size_t lanes = hn::Lanes(d);
  auto sum = hn::Zero(d);
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    const auto v = hn::PromoteTo(d, hn::LoadU(half, values + i));
    sum = hn::MulAdd(v, v, sum);
  }
  double total = hn::GetLane(hn::SumOfLanes(d, sum));
  for (; i < n; ++i) total += double{values[i]} * values[i];
  return total;
}

}  // namespace HWY_NAMESPACE
}  // namespace takt::imitate
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace takt::imitate {

HWY_EXPORT(AdamWUpdateImpl);
HWY_EXPORT(SumSquaresImpl);

void AdamWUpdate(const AdamWFactors& factors, size_t n, const float* gradient, float* values, float* moment1,
                 float* moment2, float* average) {
  HWY_DYNAMIC_DISPATCH(AdamWUpdateImpl)(factors, n, gradient, values, moment1, moment2, average);
}

double SumSquares(size_t n, const float* values) { return HWY_DYNAMIC_DISPATCH(SumSquaresImpl)(n, values); }

}  // namespace takt::imitate
#endif  // HWY_ONCE
