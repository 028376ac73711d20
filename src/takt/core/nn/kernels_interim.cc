// SPDX-License-Identifier: Apache-2.0
#include "takt/core/nn/activation.h"
#include "takt/core/nn/attention.h"
#include "takt/core/nn/nn_ref.h"
#include "takt/core/nn/norm.h"

#include <algorithm>
#include <vector>

namespace takt::nn {

void Gelu(const float* x, size_t n, float* y) {
  std::transform(x, x + n, y, [](float v) { return static_cast<float>(ref::Gelu(v)); });
}
void Mish(const float* x, size_t n, float* y) {
  std::transform(x, x + n, y, [](float v) { return static_cast<float>(ref::Mish(v)); });
}
void Silu(const float* x, size_t n, float* y) {
  std::transform(x, x + n, y, [](float v) { return static_cast<float>(ref::Silu(v)); });
}
void Softmax(float* x, int64_t ldx, int rows, int cols) { ref::Softmax(x, ldx, rows, cols); }

size_t AttentionScratchBytes(const AttentionShape&) { return 0; }
void Attention(const AttentionShape& shape, const float* q, int64_t ldq, const float* k, int64_t ldk, const float* v,
               int64_t ldv, const float* bias, int64_t ldb, float* y, int64_t ldy, Scratch&) {
  ref::Attention(shape, q, ldq, k, ldk, v, ldv, bias, ldb, y, ldy);
}

}  // namespace takt::nn
