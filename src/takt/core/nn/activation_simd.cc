// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <cstring>

#include "takt/core/nn/activation.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "takt/core/nn/activation_simd.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "takt/core/nn/softmax_simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace takt::nn {
namespace HWY_NAMESPACE {

template <class F>
HWY_INLINE void Map(const float* x, size_t n, float* y, const F& f) {
  const DF d;
  size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) hn::StoreU(f(hn::LoadU(d, x + i)), d, y + i);
  if (i == n) return;
  alignas(64) float tail[kLanes] = {};
  std::memcpy(tail, x + i, (n - i) * sizeof(float));
  hn::Store(f(hn::Load(d, tail)), d, tail);
  std::memcpy(y + i, tail, (n - i) * sizeof(float));
}

void MapGelu(const float* x, size_t n, float* y) {
  Map(x, n, y, [](VF v) HWY_ATTR { return GeluV(DF(), v); });
}
void MapMish(const float* x, size_t n, float* y) {
  Map(x, n, y, [](VF v) HWY_ATTR { return MishV(DF(), v); });
}
void MapSilu(const float* x, size_t n, float* y) {
  Map(x, n, y, [](VF v) HWY_ATTR { return SiluV(DF(), v); });
}
void SoftmaxRows(float* x, int64_t ldx, int rows, int cols) {
  for (int row = 0; row < rows; ++row) SoftmaxRow(x + row * ldx, cols);
}

}  // namespace HWY_NAMESPACE
}  // namespace takt::nn
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace takt::nn {

HWY_EXPORT(MapGelu);
HWY_EXPORT(MapMish);
HWY_EXPORT(MapSilu);
HWY_EXPORT(SoftmaxRows);

void Gelu(const float* x, size_t n, float* y) { HWY_DYNAMIC_DISPATCH(MapGelu)(x, n, y); }
void Mish(const float* x, size_t n, float* y) { HWY_DYNAMIC_DISPATCH(MapMish)(x, n, y); }
void Silu(const float* x, size_t n, float* y) { HWY_DYNAMIC_DISPATCH(MapSilu)(x, n, y); }
void Softmax(float* x, int64_t ldx, int rows, int cols) { HWY_DYNAMIC_DISPATCH(SoftmaxRows)(x, ldx, rows, cols); }

}  // namespace takt::nn
#endif  // HWY_ONCE
