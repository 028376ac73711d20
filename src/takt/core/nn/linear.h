// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "takt/core/nn/quant_rows.h"
#include "takt/core/nn/scratch.h"

namespace takt::nn {

enum class Precision {
  kF32,   // weights and activations in f32
  kBf16,  // both rounded to bfloat16, sums in f32
  kW8A8,  // int8 weights with a scale per output, int8 activations with a scale per row, exact integer sums
  kW4A8,  // int4 weights with a scale per output and group of inputs, activations as before
};

// What happens to x W^T + b before it is stored.
enum class Epilogue {
  kStore,  // y = v
  kGelu,   // y = gelu(v), erf form
  kMish,   // y = mish(v)
  kSilu,   // y = silu(v)
  kAdd,    // y = y + v, a residual branch
};

struct PackedWeights;

// A linear layer, packed at load time into panels that its kernels stream:
//
//   y[M, N] = f(x[M, K] W[N, K]^T + b[N])
//
// The weights are row-major [N, K] as checkpoints hold them, bias [N] or null; both are copied. Copies of a Linear share the
// packed weights. Functions are const and safe to call from several threads, each with its own Scratch.
//
// Integer products: y = scale_x[m] scale_w[n] sum_k q_x[m, k] q_w[n, k] + b[n] with the sum exact in 32 bits for K <= 131072;
// a row with NaN or infinity gives NaN.
// Errors: Pack* throw bad_input where a size is < 1 or too large, or a code is out of its range. Apply checks nothing but
// the size of its scratch.
// Cost: Apply allocates nothing and runs on the calling thread. The measured speeds are in bench/RESULTS.md.
// Determinism: the same bytes for the same instruction set; a row of y depends on no other row of x, nor on M.
class Linear {
 public:
  Linear() = default;

  static Linear PackF32(const float* w, const float* bias, int n, int64_t k);
  // Weights are rounded to nearest, ties to even.
  static Linear PackBf16(const float* w, const float* bias, int n, int64_t k);
  // q [N, K] codes -127..127 (-128 is allowed); scale [N]: w ~ q * scale.
  static Linear PackW8(const int8_t* q, const float* scale, const float* bias, int n, int64_t k);
  // q [N, K] codes -8..7, one a byte; scale [N, ceil(K / group)]; group: a multiple of 8.
  static Linear PackW4(const int8_t* q, const float* scale, int group, const float* bias, int n, int64_t k);

  // The layer with only the first n outputs and the first k inputs, over the same packed weights: for elastic models.
  // k: a multiple of 8 (of the group for kW4A8), or K itself. Errors: bad_input for others. Cost: about n k additions
  // for integers.
  Linear Leading(int n, int64_t k) const;

  Precision precision() const { return precision_; }
  int n() const { return n_; }
  int64_t k() const { return k_; }
  // Bytes of the packed weights, scales and bias.
  size_t bytes() const;

  // Scratch that Apply and ApplyQuantised need for at most max_m rows.
  size_t ScratchBytes(int max_m) const;

  // x [M, K] f32 with ldx elements from row to row; y [M, N] likewise; they may not overlap.
  // act_scale: for integer weights, a given scale for all activations; null measures one for each row. Others ignore it.
  void Apply(const float* x, int64_t ldx, int m, float* y, int64_t ldy, Epilogue epilogue, Scratch& scratch,
             const float* act_scale = nullptr) const;
  // The same from quantised rows, for integer weights only; xq.cols is K.
  void ApplyQuantised(const QuantRows& xq, float* y, int64_t ldy, Epilogue epilogue, Scratch& scratch) const;

 private:
  Precision precision_ = Precision::kF32;
  int n_ = 0, group_ = 0;
  int64_t k_ = 0;
  std::shared_ptr<const PackedWeights> weights_;
};

}  // namespace takt::nn
