// SPDX-License-Identifier: Apache-2.0
#include "takt/infer/policy/vision.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "takt/core/base/error.h"
#include "takt/core/io/resize.h"
#include "takt/core/nn/activation.h"
#include "takt/core/nn/norm.h"
#include "takt/infer/policy/cross.h"

namespace takt::policy {
namespace {

std::string Prefix(int picture_idx) { return fmt::format("vision.{}.", picture_idx); }

int Pooled(const PictureInput& input) { return std::max(input.n_query, 1) * input.n_emb; }

int Values(const PictureInput& input) { return 3 * input.patch_px * input.patch_px; }

}  // namespace

VisionEncoder::VisionEncoder(const Model& model, int picture_idx, nn::Precision precision)
    : input_(model.config.pictures[static_cast<size_t>(picture_idx)]),
      patches_(input_.width_px / input_.patch_px * (input_.height_px / input_.patch_px)),
      patch_(PackTensor(model, Prefix(picture_idx) + "patch", input_.n_emb, Values(input_), precision)),
      proj_(PackTensor(model, Prefix(picture_idx) + "proj", input_.out_dim, Pooled(input_), nn::Precision::kF32)),
      norm_(model.Get(Prefix(picture_idx) + "norm.weight").data()),
      norm_bias_(model.Get(Prefix(picture_idx) + "norm.bias").data()),
      pos_(patches_ * RowStride(input_.n_emb)),
      pixels_(patches_ * RowStride(Values(input_))),
      x_(patches_ * RowStride(input_.n_emb)),
      pooled_(RowStride(Pooled(input_))),
      gathered_(RowStride(input_.n_emb)),
      weights_(static_cast<size_t>(patches_)) {
  if (input_.n_query > 0) queries_ = model.Get(Prefix(picture_idx) + "queries").data();
  const std::vector<float>& pos = model.Get(Prefix(picture_idx) + "pos_emb");
  const int n = input_.n_emb;
  for (int p = 0; p < patches_; ++p) std::copy_n(pos.data() + p * n, n, pos_.data() + p * RowStride(n));
  for (int l = 0; l < input_.n_layer; ++l) {
    layers_.emplace_back(model, fmt::format("{}layers.{}.", Prefix(picture_idx), l), n, input_.n_head, precision);
  }
  size_t bytes = std::max(patch_.ScratchBytes(patches_), proj_.ScratchBytes(1));
  for (const EncoderLayer& layer : layers_) bytes = std::max(bytes, layer.ScratchBytes(patches_));
  scratch_.emplace(bytes);
}

void VisionEncoder::Encode(const Image8& picture, float* out) {
  if (picture.channels != 3 || picture.width_px < 1 || picture.height_px < 1) {
    throw Error(ErrorCode::kBadInput, input_.key, "is no picture of three channels");
  }
  Image8 resized;
  const Image8* seen = &picture;
  if (picture.width_px != input_.width_px || picture.height_px != input_.height_px) {
    resized = ResizeArea(picture, input_.width_px, input_.height_px);
    seen = &resized;
  }
  const int side = input_.patch_px, columns = input_.width_px / side, n = input_.n_emb;
  const int64_t pixel_ld = RowStride(Values(input_)), ld = RowStride(n);
  for (int p = 0; p < patches_; ++p) {
    float* to = pixels_.data() + p * pixel_ld;
    for (int y = 0; y < side; ++y) {
      const uint8_t* from = seen->row(p / columns * side + y) + p % columns * side * 3;
      for (int i = 0; i < 3 * side; ++i) *to++ = static_cast<float>(from[i]) * (2.0f / 255) - 1;
    }
  }
  patch_.Apply(pixels_.data(), pixel_ld, patches_, x_.data(), ld, nn::Epilogue::kStore, *scratch_);
  for (int64_t i = 0; i < x_.size(); ++i) x_.data()[i] += pos_.data()[i];
  for (const EncoderLayer& layer : layers_) layer.Apply(x_.data(), patches_, *scratch_);
  nn::LayerNorm(x_.data(), ld, patches_, n, norm_, norm_bias_, x_.data(), ld);
  Pool();
  proj_.Apply(pooled_.data(), pooled_.size(), 1, out, input_.out_dim, nn::Epilogue::kStore, *scratch_);
}

void VisionEncoder::Pool() {
  const int n = input_.n_emb;
  const int64_t ld = RowStride(n);
  std::fill_n(pooled_.data(), pooled_.size(), 0.0f);
  for (int q = 0; q < std::max(input_.n_query, 1); ++q) {
    std::fill(weights_.begin(), weights_.end(), 1.0f / static_cast<float>(patches_));
    if (queries_) {
      for (int p = 0; p < patches_; ++p) {
        double dot = 0;
        for (int i = 0; i < n; ++i) dot += static_cast<double>(queries_[q * n + i]) * x_.data()[p * ld + i];
        weights_[static_cast<size_t>(p)] = static_cast<float>(dot / std::sqrt(static_cast<double>(n)));
      }
      nn::Softmax(weights_.data(), patches_, 1, patches_);
    }
    SumRows(weights_.data(), x_.data(), patches_, ld, gathered_.data());
    std::copy_n(gathered_.data(), n, pooled_.data() + q * n);
  }
}

double VisionEncoder::flops() const {
  const double m = patches_, n = input_.n_emb;
  return 2 * m * n * Values(input_) + input_.n_layer * (24 * m * n * n + 4 * m * m * n) +
         4 * m * n * input_.n_query + 2.0 * Pooled(input_) * input_.out_dim;
}

void EncodeInstruction(const Model& model, std::string_view instruction, float* out) {
  const int dim = model.config.instruction_dim;
  const size_t count = std::min(instruction.size(), static_cast<size_t>(model.config.instruction_bytes));
  const std::vector<float>&bytes = model.Get("instruction.bytes"), &pos = model.Get("instruction.pos_emb");
  const std::vector<float>&w = model.Get("instruction.proj.weight"), &b = model.Get("instruction.proj.bias");
  std::vector<double> mean(static_cast<size_t>(dim));
  for (size_t i = 0; i < count; ++i) {
    const auto byte = static_cast<size_t>(static_cast<uint8_t>(instruction[i]));
    for (size_t d = 0; d < mean.size(); ++d) mean[d] += std::tanh(bytes[byte * mean.size() + d] + pos[i * mean.size() + d]);
  }
  for (int o = 0; o < dim; ++o) {
    double sum = b[static_cast<size_t>(o)];
    for (size_t d = 0; d < mean.size() && count > 0; ++d) {
      sum += w[static_cast<size_t>(o) * mean.size() + d] * mean[d] / static_cast<double>(count);
    }
    out[o] = static_cast<float>(sum);
  }
}

}  // namespace takt::policy
