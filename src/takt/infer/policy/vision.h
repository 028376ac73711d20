// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "takt/infer/policy/layers.h"

namespace takt::policy {

// The vision transformer of one picture input, packed: docs/formats/policy.md.
class VisionEncoder {
 public:
  // Borrows the model. `picture_idx`: of config.pictures.
  VisionEncoder(const Model& model, int picture_idx, nn::Precision precision);
  // `picture`: 3 channels, any size. out [out_dim]. Errors: bad_input for another number of channels.
  // Cost: allocates only where the picture has to be resized.
  void Encode(const Image8& picture, float* out);
  double flops() const;

 private:
  void Pool();

  PictureInput input_;
  int patches_;
  std::vector<EncoderLayer> layers_;
  nn::Linear patch_, proj_;
  const float *norm_, *norm_bias_, *queries_ = nullptr;
  Floats pos_, pixels_, x_, pooled_, gathered_;
  std::vector<float> weights_;  // [patches] of one query
  std::optional<nn::Scratch> scratch_;
};

// The instruction's numbers, out [instruction_dim].
void EncodeInstruction(const Model& model, std::string_view instruction, float* out);

}  // namespace takt::policy
