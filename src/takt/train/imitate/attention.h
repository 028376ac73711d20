// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

namespace takt::imitate {

// Many small attentions at once: for each of `batch` sequences and each head, softmax(q k^T / sqrt(width)) v.
struct AttentionShape {
  size_t batch = 0, heads = 0;
  size_t rows = 0, columns = 0;  // of queries; of keys and values
  size_t width = 0;              // numbers in a head
  // Query t sees keys 0 ... t + ahead (and never less than key 0); columns or more: all.
  size_t ahead = 0;
  double p_drop = 0;             // of each weight, in steps of 1 / 65536; what is kept is scaled up
  uint64_t drop_seed = 0, drop_counter = 0;  // numbers drop_counter ... + DropCounters() - 1 of kStreamDropout are drawn
  size_t DropCounters() const { return batch * heads * ((rows * columns + 7) / 8); }
};

// A matrix [batch, length, heads * width] inside of rows of `stride` numbers.
template <class T>
struct AttentionMatrix {
  T* data = nullptr;
  size_t stride = 0;
};

// out [batch, rows, heads * width]; weights [batch, heads, rows, columns] are kept for the backward pass: those that were
// dropped with a minus sign.
// Determinism: for any thread count. Cost: no allocation but some kB for each thread.
void AttentionForward(const AttentionShape& shape, AttentionMatrix<const float> q, AttentionMatrix<const float> k,
                      AttentionMatrix<const float> v, float* weights, AttentionMatrix<float> out);

// The gradients of q, k and v, which are overwritten.
void AttentionBackward(const AttentionShape& shape, AttentionMatrix<const float> q, AttentionMatrix<const float> k,
                       AttentionMatrix<const float> v, const float* weights, AttentionMatrix<const float> out_gradient,
                       AttentionMatrix<float> q_gradient, AttentionMatrix<float> k_gradient, AttentionMatrix<float> v_gradient);

}  // namespace takt::imitate
