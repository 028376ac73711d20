// SPDX-License-Identifier: Apache-2.0
#include "takt/data/splat/train/adam_simd.h"

#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "takt/data/splat/train/adam_simd.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace takt::splat {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;

// Rows are 1 to 48 long, so the tail matters as much as the body: it is a masked vector.
void AdamUpdateImpl(const AdamStep& s, size_t n, const float* gradient, const float* rate, float* parameter,
                    float* moment1, float* moment2) {
  const D d;
  const V beta1 = hn::Set(d, s.beta1), beta2 = hn::Set(d, s.beta2);
  const V rest1 = hn::Set(d, 1.0f - s.beta1), rest2 = hn::Set(d, 1.0f - s.beta2);
  const V correction1 = hn::Set(d, s.correction1), correction2 = hn::Set(d, s.correction2);
  const V epsilon = hn::Set(d, s.epsilon);
  const auto update = [&](V g, V r, V p, V& m, V& v) {
    m = hn::MulAdd(beta1, m, hn::Mul(rest1, g));
    v = hn::MulAdd(beta2, v, hn::Mul(rest2, hn::Mul(g, g)));
    const V denominator = hn::Add(hn::Sqrt(hn::Mul(v, correction2)), epsilon);
    return hn::Sub(p, hn::Div(hn::Mul(r, hn::Mul(m, correction1)), denominator));
  };
  const size_t lanes = hn::Lanes(d);
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    V m = hn::LoadU(d, moment1 + i), v = hn::LoadU(d, moment2 + i);
    const V p = update(hn::LoadU(d, gradient + i), hn::LoadU(d, rate + i), hn::LoadU(d, parameter + i), m, v);
    hn::StoreU(m, d, moment1 + i);
    hn::StoreU(v, d, moment2 + i);
    hn::StoreU(p, d, parameter + i);
  }
  if (i == n) return;
  const auto mask = hn::FirstN(d, n - i);
  V m = hn::MaskedLoad(mask, d, moment1 + i), v = hn::MaskedLoad(mask, d, moment2 + i);
  const V p = update(hn::MaskedLoad(mask, d, gradient + i), hn::MaskedLoad(mask, d, rate + i),
                     hn::MaskedLoad(mask, d, parameter + i), m, v);
  hn::BlendedStore(m, mask, d, moment1 + i);
  hn::BlendedStore(v, mask, d, moment2 + i);
  hn::BlendedStore(p, mask, d, parameter + i);
}

}  // namespace HWY_NAMESPACE
}  // namespace takt::splat
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace takt::splat {

HWY_EXPORT(AdamUpdateImpl);

AdamStep MakeAdamStep(long step) {
  AdamStep s;
  s.correction1 = static_cast<float>(1.0 / (1.0 - std::pow(double{s.beta1}, static_cast<double>(step))));
  s.correction2 = static_cast<float>(1.0 / (1.0 - std::pow(double{s.beta2}, static_cast<double>(step))));
  return s;
}

void AdamUpdate(const AdamStep& step, size_t n, const float* gradient, const float* rate, float* parameter,
                float* moment1, float* moment2) {
  HWY_DYNAMIC_DISPATCH(AdamUpdateImpl)(step, n, gradient, rate, parameter, moment1, moment2);
}

}  // namespace takt::splat
#endif  // HWY_ONCE
