// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "takt/core/nn/attention.h"
#include "takt/core/nn/linear.h"
#include "takt/core/nn/scratch.h"
#include "takt/infer/policy/buffer.h"
#include "takt/infer/policy/model.h"

namespace takt::policy {

// Packs [n, k] weights for a precision. Integers: to nearest, a scale for each output (8 bits) or for 32 inputs (4 bits).
nn::Linear PackWeights(const float* w, const float* bias, int n, int64_t k, nn::Precision precision);
nn::Linear PackTensor(const Model& model, const std::string& prefix, int n, int64_t k, nn::Precision precision);

// A pre-norm transformer layer without memory: x <- x + SA(LN1 x); x <- x + FFN(LN2 x), GELU between. Rows of encoders (the
// condition's, the vision transformer's), packed.
class EncoderLayer {
 public:
  EncoderLayer(const Model& model, const std::string& prefix, int n_emb, int n_head, nn::Precision precision);
  size_t ScratchBytes(int tokens) const;
  // x [tokens, ld], in place; ld = RowStride(n_emb).
  void Apply(float* x, int tokens, nn::Scratch& scratch) const;

 private:
  int n_, heads_;
  const float *norm1_, *norm1_bias_, *norm2_, *norm2_bias_;  // of the model, which must live on
  nn::Linear qkv_, out_, ffn1_, ffn2_;
};

}  // namespace takt::policy
