// SPDX-License-Identifier: Apache-2.0
// Elementary functions on vectors, for the kernels of this folder: included once for each instruction set.
#if defined(TAKT_CORE_NN_MATH_SIMD_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TAKT_CORE_NN_MATH_SIMD_INL_H_
#undef TAKT_CORE_NN_MATH_SIMD_INL_H_
#else
#define TAKT_CORE_NN_MATH_SIMD_INL_H_
#endif

#include <hwy/highway.h>

#include <cstdint>

HWY_BEFORE_NAMESPACE();
namespace takt::nn {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// The vectors of this folder: at most 16 lanes, as many as the unit that outputs are padded to.
using DF = hn::CappedTag<float, 16>;
using DI = hn::CappedTag<int32_t, 16>;
using DU = hn::CappedTag<uint32_t, 16>;
using VF = hn::Vec<DF>;
using VI = hn::Vec<DI>;
using VU = hn::Vec<DU>;
constexpr int kLanes = HWY_TARGET == HWY_SCALAR ? 1 : HWY_MIN(HWY_MAX_BYTES, 64) / 4;

// exp(x + low) for |low| < 0.06; relative error below 3e-7 where the result is a normal float, inf above, exactly 0 below
// x = -104. Whether NaN comes through depends on the instruction set: callers multiply by or add what was NaN.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V ExpSum(D d, V x, V low) {
  const hn::Rebind<int32_t, D> di;
  x = hn::Min(hn::Max(x, hn::Set(d, -110.0f)), hn::Set(d, 90.0f));
  const V n = hn::Round(hn::Mul(x, hn::Set(d, 1.44269504f)));
  // ln 2 in two parts, the first with few digits: n times it is exact.
  V r = hn::NegMulAdd(n, hn::Set(d, 0.693359375f), x);
  r = hn::Add(hn::NegMulAdd(n, hn::Set(d, -2.12194440e-4f), r), low);
  // The series of exp up to r^7 / 7!; |r| < 0.41.
  V p = hn::MulAdd(r, hn::Set(d, 1.0f / 5040), hn::Set(d, 1.0f / 720));
  p = hn::MulAdd(r, p, hn::Set(d, 1.0f / 120));
  p = hn::MulAdd(r, p, hn::Set(d, 1.0f / 24));
  p = hn::MulAdd(r, p, hn::Set(d, 1.0f / 6));
  p = hn::MulAdd(r, p, hn::Set(d, 0.5f));
  p = hn::Add(hn::MulAdd(hn::Mul(r, r), p, r), hn::Set(d, 1.0f));
  // 2^n as a product of two powers, so that both ends of the range are reached.
  const auto ni = hn::ConvertTo(di, n);
  const auto half = hn::ShiftRight<1>(ni);
  const auto bias = hn::Set(di, 127);
  const V a = hn::BitCast(d, hn::ShiftLeft<23>(hn::Add(half, bias)));
  const V b = hn::BitCast(d, hn::ShiftLeft<23>(hn::Add(hn::Sub(ni, half), bias)));
  return hn::Mul(hn::Mul(p, a), b);
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE V Exp(D d, V x) {
  return ExpSum(d, x, hn::Zero(d));
}

inline constexpr float kGeluTail[8] = {0.119629297f,   0.120753984f, 0.0999132988f, 0.128562317f,
                                       -0.0536850413f, 0.20635511f,  -0.157204053f, 0.0356750138f};

// x Phi(x). With a = |x|: Phi(-a) = exp(-a^2 / 2) t P(t), t = 1 / (1 + 0.3 a). P is our own minimax fit of degree 7 to
// erfcx(a / sqrt 2) / (2 t) over a in [0, 14], in relative error (1.5e-7).
template <class D, class V = hn::Vec<D>>
HWY_INLINE V GeluV(D d, V x) {
  const V a = hn::Min(hn::Abs(x), hn::Set(d, 15.0f)), one = hn::Set(d, 1.0f);  // exp(-15^2 / 2) is 0
  const V t = hn::Div(one, hn::MulAdd(hn::Set(d, 0.3f), a, one));
  V p = hn::MulAdd(t, hn::Set(d, kGeluTail[7]), hn::Set(d, kGeluTail[6]));
  for (int i = 5; i >= 0; --i) p = hn::MulAdd(t, p, hn::Set(d, kGeluTail[i]));
  // a^2 = high^2 + (a - high)(a + high), the first exact: the tail is as precise as the middle.
  const hn::Rebind<uint32_t, D> du;
  const V high = hn::BitCast(d, hn::And(hn::BitCast(du, a), hn::Set(du, 0xFFFFF000u)));
  const V half = hn::Set(d, -0.5f);
  const V low = hn::Mul(hn::Mul(hn::Sub(a, high), hn::Add(a, high)), half);
  const V e = ExpSum(d, hn::Mul(hn::Mul(high, high), half), low);
  const V tail = hn::Mul(x, hn::Mul(e, hn::Mul(t, p)));
  return hn::IfThenElse(hn::Gt(x, hn::Zero(d)), hn::Sub(x, tail), tail);
}

// x tanh(log(1 + e)) with e = exp(x): x n / (n + 2), n = e (e + 2).
template <class D, class V = hn::Vec<D>>
HWY_INLINE V MishV(D d, V x) {
  const V two = hn::Set(d, 2.0f);
  const V e = Exp(d, hn::Min(x, hn::Set(d, 30.0f)));
  const V n = hn::Mul(e, hn::Add(e, two));
  return hn::Mul(x, hn::Div(n, hn::Add(n, two)));
}

// x e / (1 + e) for x < 0, x / (1 + e) for others, e = exp(-|x|).
template <class D, class V = hn::Vec<D>>
HWY_INLINE V SiluV(D d, V x) {
  const V e = Exp(d, hn::Neg(hn::Abs(x)));
  const V top = hn::IfThenElse(hn::Lt(x, hn::Zero(d)), hn::Mul(x, e), x);
  return hn::Div(top, hn::Add(hn::Set(d, 1.0f), e));
}

}  // namespace HWY_NAMESPACE
}  // namespace takt::nn
HWY_AFTER_NAMESPACE();

#endif
