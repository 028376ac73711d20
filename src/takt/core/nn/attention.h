// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "takt/core/nn/scratch.h"

namespace takt::nn {

// Shapes of one attention: D = heads * head_dim.
struct AttentionShape {
  int m = 0;         // queries
  int s = 0;         // keys and values
  int heads = 0;     // H
  int head_dim = 0;  // d
};

size_t AttentionScratchBytes(const AttentionShape& largest);

// Multi-head attention in f32, for short sequences (M and S up to some hundreds):
//
//   y[m, h*d + i] = sum_t softmax_t(q_h[m] . k_h[t] / sqrt(d) + bias[m, t]) v_h[t, i]
//
// q [M, D], k and v [S, D], y [M, D] f32 with their row strides in elements: parts of a joint projection are passed as they
// lie. bias [M, S] or null, the same for all heads: 0 where a query may look, -inf where it may not. A query that may look
// nowhere gets NaN. y overlaps nothing else.
// Errors: internal where the scratch is too small. Cost: no allocation, one thread.
// Determinism: the same bytes for the same instruction set; a row does not depend on M.
void Attention(const AttentionShape& shape, const float* q, int64_t ldq, const float* k, int64_t ldk, const float* v,
               int64_t ldv, const float* bias, int64_t ldb, float* y, int64_t ldy, Scratch& scratch);

// bias[m, t] for the two masks that the policies use, [M, S] f32: query m sees the keys t <= m + reach.
// Causal self-attention has reach 0. A diffusion policy's memory (time token first, M action tokens) has reach 1.
void CausalBias(int m, int s, int reach, float* bias, int64_t ldb);

}  // namespace takt::nn
