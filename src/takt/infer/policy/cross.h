// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

namespace takt::policy {

// What cross-attention makes of one memory token, all that does not depend on the actions multiplied out. With the block's
// LayerNorm n(x) = xhat * gamma + beta, q = Wq n + bq, k and v of the token, and per head h of width d:
//
//   key_h   = gamma * Wq_h^T k_h / sqrt(d)               logit_h(x) = xhat . key_h + bias_h
//   bias_h  = (Wq_h beta + bq_h) . k_h / sqrt(d)
//   value_h = Wo_h v_h                                   block(x)   = sum_token,h softmax(logit)_token,h value_h + bo
//
// A diffusion policy has two or three memory tokens, so D x D products for queries and outputs become a few dot products:
// the same function, at a twentieth of the arithmetic.
struct FoldedToken {
  const float* key = nullptr;    // [heads, ld]
  const float* value = nullptr;  // [heads, ld]
  const float* bias = nullptr;   // [heads]
};

// y[t] = the cross-attention block of x[t], tokens t = 0 ... count - 1. x, y [count, ld], n numbers of a row in use, ld a
// multiple of 16; out_bias [ld]. A token t sees memory tokens s <= t + reach; reach < 0: all of them.
// Arguments: at most kMaxMemory tokens and kMaxHeads heads. Cost: 4 count tokens heads n FLOP.
// Determinism: the same bytes for the same instruction set.
inline constexpr int kMaxMemory = 65, kMaxHeads = 64;
void FoldedCross(const float* x, int count, int n, int64_t ld, std::span<const FoldedToken> memory, int heads, int reach,
                 const float* out_bias, float* y);
// In plain double arithmetic.
void FoldedCrossRef(const float* x, int count, int n, int64_t ld, std::span<const FoldedToken> memory, int heads, int reach,
                    const float* out_bias, float* y);

// y += x, n numbers. n a multiple of 16.
void AddRows(const float* x, int64_t n, float* y);
// y += a + w (a - b): a line through two earlier values of a block.
void AddLine(const float* a, const float* b, float w, int64_t n, float* y);

// y = sum_i coefficients[i] rows[i], rows [count, n]. n a multiple of 16.
void SumRows(const float* coefficients, const float* rows, int count, int64_t n, float* y);
// The same for rows in bfloat16, the upper halves of floats.
void SumRows(const float* coefficients, const uint16_t* rows, int count, int64_t n, float* y);

}  // namespace takt::policy
