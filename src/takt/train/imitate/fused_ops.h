// SPDX-License-Identifier: Apache-2.0
#pragma once

// Private to takt_imitate, as network.h: operations of attention_simd.cc and bf16_rows_simd.cc that libtorch's autograd can differentiate.
#include <ATen/core/Tensor.h>

#include "takt/train/imitate/attention.h"

namespace takt::imitate {

// From [n, rows, 3 * heads * width], queries, keys and values side by side, to [n, rows, heads * width].
at::Tensor FusedSelfAttention(const at::Tensor& qkv, const AttentionShape& shape);
// From queries [n, rows, heads * width] and keys and values [n, columns, 2 * heads * width].
at::Tensor FusedCrossAttention(const at::Tensor& q, const at::Tensor& kv, const AttentionShape& shape);

// x weight^T + bias of f32 tensors, products in bfloat16 with sums in f32, rounded to bfloat16 before the bias. All gradients
// are products of the same kind. x is kept for the backward pass in bfloat16.
at::Tensor Bf16Linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias);
// Bf16Linear of gelu (erf form) of another one; what lies between stays in bfloat16.
at::Tensor Bf16FeedForward(const at::Tensor& x, const at::Tensor& weight1, const at::Tensor& bias1, const at::Tensor& weight2,
                           const at::Tensor& bias2);

}  // namespace takt::imitate
