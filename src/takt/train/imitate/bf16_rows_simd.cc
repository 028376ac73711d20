// SPDX-License-Identifier: Apache-2.0
#include "takt/train/imitate/bf16_rows.h"

#include <algorithm>
#include <vector>

#include "takt/core/base/parallel.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "takt/train/imitate/bf16_rows_simd.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "takt/core/nn/math_simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace takt::imitate {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
using D = hn::CappedTag<float, 16>;
using V = hn::Vec<D>;
using Half = hn::Rebind<uint16_t, D>;
using Word = hn::Rebind<uint32_t, D>;
using SignedWord = hn::Rebind<int32_t, D>;

constexpr float kInvSqrt2Pi = 0.39894228f;

HWY_INLINE V Widen(hn::Vec<Half> x) { return hn::BitCast(D(), hn::ShiftLeft<16>(hn::PromoteTo(Word(), x))); }

HWY_INLINE hn::Vec<Half> Narrow(V x) {
  const Word d;
  const auto bits = hn::BitCast(d, x);
  const auto odd = hn::And(hn::ShiftRight<16>(bits), hn::Set(d, 1));
  const auto rounded = hn::ShiftRight<16>(hn::Add(bits, hn::Add(odd, hn::Set(d, 0x7fff))));
  return hn::DemoteTo(Half(), hn::BitCast(SignedWord(), rounded));
}

// What is at x + i, with `left` numbers left: whole vectors, or zeros behind the end.
HWY_INLINE V LoadFloats(const float* x, size_t left) {
  const D d;
  return left >= hn::Lanes(d) ? hn::LoadU(d, x) : hn::MaskedLoad(hn::FirstN(d, left), d, x);
}
HWY_INLINE V LoadHalves(const uint16_t* x, size_t left) {
  const Half d;
  return Widen(left >= hn::Lanes(d) ? hn::LoadU(d, x) : hn::MaskedLoad(hn::FirstN(d, left), d, x));
}
HWY_INLINE void StoreFloats(V v, float* out, size_t left) {
  const D d;
  if (left >= hn::Lanes(d)) return hn::StoreU(v, d, out);
  hn::BlendedStore(v, hn::FirstN(d, left), d, out);
}
HWY_INLINE void StoreHalves(V v, uint16_t* out, size_t left) {
  const Half d;
  if (left >= hn::Lanes(d)) return hn::StoreU(Narrow(v), d, out);
  hn::BlendedStore(Narrow(v), hn::FirstN(d, left), d, out);
}

// Phi(x), and e = exp(-x^2 / 2), to 1e-5: bfloat16 keeps three digits. With a = |x|, Phi(-a) = e P(1 / (1 + 0.33267 a));
// P is cubic (Abramowitz and Stegun, 26.2.16).
HWY_INLINE V NormalShare(V x, V* e) {
  const D d;
  const V a = hn::Min(hn::Abs(x), hn::Set(d, 13.0f)), one = hn::Set(d, 1.0f);
  *e = nn::HWY_NAMESPACE::Exp(d, hn::Mul(hn::Mul(a, a), hn::Set(d, -0.5f)));
  const V t = hn::Div(one, hn::MulAdd(hn::Set(d, 0.33267f), a, one));
  const V p = hn::MulAdd(t, hn::MulAdd(t, hn::Set(d, 0.9372980f), hn::Set(d, -0.1201676f)), hn::Set(d, 0.4361836f));
  const V tail = hn::Mul(hn::Mul(*e, hn::Set(d, kInvSqrt2Pi)), hn::Mul(t, p));
  return hn::IfThenElse(hn::Gt(x, hn::Zero(d)), hn::Sub(one, tail), tail);
}

void ToBf16Rows(size_t n, const float* x, uint16_t* out) {
  const size_t lanes = hn::Lanes(D());
  for (size_t i = 0; i < n; i += lanes) StoreHalves(LoadFloats(x + i, n - i), out + i, n - i);
}

void FromBf16Rows(RowShape s, const uint16_t* x, const float* bias, float* out) {
  const size_t lanes = hn::Lanes(D());
  for (size_t r = 0; r < s.rows; ++r, x += s.columns, out += s.columns) {
    for (size_t c = 0; c < s.columns; c += lanes) {
      V v = LoadHalves(x + c, s.columns - c);
      if (bias) v = hn::Add(v, LoadFloats(bias + c, s.columns - c));
      StoreFloats(v, out + c, s.columns - c);
    }
  }
}

void ToBf16WithSumsRows(RowShape s, const float* x, uint16_t* out, float* sums) {
  const size_t lanes = hn::Lanes(D());
  for (size_t r = 0; r < s.rows; ++r, x += s.columns, out += s.columns) {
    for (size_t c = 0; c < s.columns; c += lanes) {
      const size_t left = s.columns - c;
      const V v = LoadFloats(x + c, left);
      StoreHalves(v, out + c, left);
      StoreFloats(hn::Add(LoadFloats(sums + c, left), v), sums + c, left);
    }
  }
}

void GeluForwardRows(RowShape s, const uint16_t* x, const float* bias, uint16_t* out) {
  const size_t lanes = hn::Lanes(D());
  for (size_t r = 0; r < s.rows; ++r, x += s.columns, out += s.columns) {
    for (size_t c = 0; c < s.columns; c += lanes) {
      const size_t left = s.columns - c;
      const V v = hn::Add(LoadHalves(x + c, left), LoadFloats(bias + c, left));
      V e;
      StoreHalves(hn::Mul(v, NormalShare(v, &e)), out + c, left);
    }
  }
}

// gelu'(x) = Phi(x) + x phi(x).
void GeluBackwardRows(RowShape s, const uint16_t* x, const float* bias, const uint16_t* gradient, uint16_t* out,
                      float* sums) {
  const D d;
  const size_t lanes = hn::Lanes(d);
  for (size_t r = 0; r < s.rows; ++r, x += s.columns, gradient += s.columns, out += s.columns) {
    for (size_t c = 0; c < s.columns; c += lanes) {
      const size_t left = s.columns - c;
      const V v = hn::Add(LoadHalves(x + c, left), LoadFloats(bias + c, left));
      V e;
      const V share = NormalShare(v, &e);
      const V slope = hn::MulAdd(v, hn::Mul(e, hn::Set(d, kInvSqrt2Pi)), share);
      const V g = hn::Mul(LoadHalves(gradient + c, left), slope);
      StoreHalves(g, out + c, left);
      StoreFloats(hn::Add(LoadFloats(sums + c, left), g), sums + c, left);
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace takt::imitate
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace takt::imitate {
namespace {

constexpr size_t kBlockRows = 128;

HWY_EXPORT(ToBf16Rows);
HWY_EXPORT(FromBf16Rows);
HWY_EXPORT(ToBf16WithSumsRows);
HWY_EXPORT(GeluForwardRows);
HWY_EXPORT(GeluBackwardRows);

// Calls body(shape of the block, first number of the block) for blocks of rows.
template <class Body>
void ForBlocks(RowShape shape, const Body& body) {
  ParallelFor(shape.rows, kBlockRows, [&](size_t begin, size_t end) {
    body(RowShape{end - begin, shape.columns}, begin * shape.columns);
  });
}

// The same with a row of sums for each block, added up in their order.
template <class Body>
void ForBlocksWithSums(RowShape shape, float* sums, const Body& body) {
  const size_t blocks = (shape.rows + kBlockRows - 1) / kBlockRows;
  std::vector<float> parts(blocks * shape.columns);
  ParallelFor(shape.rows, kBlockRows, [&](size_t begin, size_t end) {
    body(RowShape{end - begin, shape.columns}, begin * shape.columns, parts.data() + begin / kBlockRows * shape.columns);
  });
  std::fill(sums, sums + shape.columns, 0.0f);
  for (size_t b = 0; b < blocks; ++b) {
    for (size_t c = 0; c < shape.columns; ++c) sums[c] += parts[b * shape.columns + c];
  }
}

}  // namespace

void ToBf16(RowShape shape, const float* x, uint16_t* out) {
  ForBlocks(shape, [&](RowShape s, size_t at) { HWY_DYNAMIC_DISPATCH(ToBf16Rows)(s.rows * s.columns, x + at, out + at); });
}

void FromBf16(RowShape shape, const uint16_t* x, const float* bias, float* out) {
  ForBlocks(shape, [&](RowShape s, size_t at) { HWY_DYNAMIC_DISPATCH(FromBf16Rows)(s, x + at, bias, out + at); });
}

void ToBf16WithSums(RowShape shape, const float* x, uint16_t* out, float* sums) {
  ForBlocksWithSums(shape, sums, [&](RowShape s, size_t at, float* part) {
    HWY_DYNAMIC_DISPATCH(ToBf16WithSumsRows)(s, x + at, out + at, part);
  });
}

void GeluForward(RowShape shape, const uint16_t* x, const float* bias, uint16_t* out) {
  ForBlocks(shape, [&](RowShape s, size_t at) { HWY_DYNAMIC_DISPATCH(GeluForwardRows)(s, x + at, bias, out + at); });
}

void GeluBackward(RowShape shape, const uint16_t* x, const float* bias, const uint16_t* out_gradient, uint16_t* x_gradient,
                  float* sums) {
  ForBlocksWithSums(shape, sums, [&](RowShape s, size_t at, float* part) {
    HWY_DYNAMIC_DISPATCH(GeluBackwardRows)(s, x + at, bias, out_gradient + at, x_gradient + at, part);
  });
}

}  // namespace takt::imitate
#endif  // HWY_ONCE
