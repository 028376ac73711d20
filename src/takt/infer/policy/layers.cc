// SPDX-License-Identifier: Apache-2.0
#include "takt/infer/policy/layers.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "takt/core/nn/norm.h"

namespace takt::policy {

nn::Linear PackWeights(const float* w, const float* bias, int n, int64_t k, nn::Precision precision) {
  if (precision == nn::Precision::kF32) return nn::Linear::PackF32(w, bias, n, k);
  if (precision == nn::Precision::kBf16) return nn::Linear::PackBf16(w, bias, n, k);
  const bool four = precision == nn::Precision::kW4A8;
  const int64_t group = four ? 32 : k, groups = (k + group - 1) / group;
  const float most_code = four ? 7 : 127;
  std::vector<int8_t> codes(static_cast<size_t>(n) * static_cast<size_t>(k));
  std::vector<float> scales(static_cast<size_t>(n * groups));
  for (int64_t row = 0; row < n; ++row) {
    for (int64_t g = 0; g < groups; ++g) {
      const int64_t begin = row * k + g * group, end = row * k + std::min(k, (g + 1) * group);
      float most = 0;
      for (int64_t i = begin; i < end; ++i) most = std::max(most, std::abs(w[i]));
      const float scale = most > 0 ? most / most_code : 1;
      scales[static_cast<size_t>(row * groups + g)] = scale;
      for (int64_t i = begin; i < end; ++i) codes[static_cast<size_t>(i)] = static_cast<int8_t>(std::nearbyint(w[i] / scale));
    }
  }
  return four ? nn::Linear::PackW4(codes.data(), scales.data(), static_cast<int>(group), bias, n, k)
              : nn::Linear::PackW8(codes.data(), scales.data(), bias, n, k);
}

nn::Linear PackTensor(const Model& model, const std::string& prefix, int n, int64_t k, nn::Precision precision) {
  return PackWeights(model.Get(prefix + ".weight").data(), model.Get(prefix + ".bias").data(), n, k, precision);
}

EncoderLayer::EncoderLayer(const Model& model, const std::string& prefix, int n_emb, int n_head, nn::Precision precision)
    : n_(n_emb),
      heads_(n_head),
      norm1_(model.Get(prefix + "norm1.weight").data()),
      norm1_bias_(model.Get(prefix + "norm1.bias").data()),
      norm2_(model.Get(prefix + "norm2.weight").data()),
      norm2_bias_(model.Get(prefix + "norm2.bias").data()),
      qkv_(PackWeights(model.Get(prefix + "self_attn.in_proj_weight").data(),
                       model.Get(prefix + "self_attn.in_proj_bias").data(), 3 * n_emb, n_emb, precision)),
      out_(PackTensor(model, prefix + "self_attn.out_proj", n_emb, n_emb, precision)),
      ffn1_(PackTensor(model, prefix + "linear1", 4 * n_emb, n_emb, precision)),
      ffn2_(PackTensor(model, prefix + "linear2", n_emb, 4 * n_emb, precision)) {}

size_t EncoderLayer::ScratchBytes(int tokens) const {
  const size_t row = static_cast<size_t>(tokens * RowStride(n_));
  size_t inner = nn::AttentionScratchBytes({tokens, tokens, heads_, n_ / heads_});
  for (const nn::Linear* linear : {&qkv_, &out_, &ffn1_, &ffn2_}) inner = std::max(inner, linear->ScratchBytes(tokens));
  return 2 * nn::Scratch::BytesFor<float>(row) + nn::Scratch::BytesFor<float>(4 * row) + inner;
}

void EncoderLayer::Apply(float* x, int tokens, nn::Scratch& scratch) const {
  nn::Scratch::Frame frame(scratch);
  const int64_t ld = RowStride(n_);
  float* normed = frame.Take<float>(static_cast<size_t>(tokens * ld));
  float* wide = frame.Take<float>(static_cast<size_t>(tokens * 4 * ld));
  float* mixed = frame.Take<float>(static_cast<size_t>(tokens * ld));
  nn::LayerNorm(x, ld, tokens, n_, norm1_, norm1_bias_, normed, ld);
  qkv_.Apply(normed, ld, tokens, wide, 4 * ld, nn::Epilogue::kStore, scratch);
  nn::Attention({tokens, tokens, heads_, n_ / heads_}, wide, 4 * ld, wide + n_, 4 * ld, wide + 2 * n_, 4 * ld, nullptr, 0, mixed,
                ld, scratch);
  out_.Apply(mixed, ld, tokens, x, ld, nn::Epilogue::kAdd, scratch);
  nn::LayerNorm(x, ld, tokens, n_, norm2_, norm2_bias_, normed, ld);
  ffn1_.Apply(normed, ld, tokens, wide, 4 * ld, nn::Epilogue::kGelu, scratch);
  ffn2_.Apply(wide, 4 * ld, tokens, x, ld, nn::Epilogue::kAdd, scratch);
}

}  // namespace takt::policy
