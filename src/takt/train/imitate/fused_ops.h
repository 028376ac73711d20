// SPDX-License-Identifier: Apache-2.0
#pragma once

// Private to takt_imitate, as network.h: operations of attention_simd.cc that libtorch's autograd can differentiate.
#include <ATen/core/Tensor.h>

#include "takt/train/imitate/attention.h"

namespace takt::imitate {

// From [n, rows, 3 * heads * width], queries, keys and values side by side, to [n, rows, heads * width].
at::Tensor FusedSelfAttention(const at::Tensor& qkv, const AttentionShape& shape);
// From queries [n, rows, heads * width] and keys and values [n, columns, 2 * heads * width].
at::Tensor FusedCrossAttention(const at::Tensor& q, const at::Tensor& kv, const AttentionShape& shape);

}  // namespace takt::imitate
