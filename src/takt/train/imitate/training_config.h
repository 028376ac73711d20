// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "takt/core/policy/policy_config.h"

namespace takt::imitate {

// The block "training" of a configuration: how the weights are made.
struct TrainingBlock {
  int batch_size = 64;          // observations in a step
  int draws_per_sample = 4;     // noise and time are drawn so often for each: an observation is encoded once
  double learning_rate = 3e-4;  // at its highest
  double warmup = 0.03;         // share of the training until then; a cosine leads from there to 0
  double weight_decay = 1e-3;   // AdamW; none for biases, norms and embeddings
  double beta1 = 0.9, beta2 = 0.95;
  double ema_power = 0.75;      // decay of the exported average after n steps: 1 - (1 + n)^-power, at most ema_max
  double ema_max = 0.9999;
  double clip_norm = 1;         // of the gradient; 0: not clipped
  double p_drop_emb = 0, p_drop_attn = 0.01;  // dropout: of embeddings, and of attention and branches
  int shift_px = 4;             // pictures are moved by up to so many pixels, each side, the edge repeated
  int picture_stride = 1;       // only every so-manyth picture is kept, and only those steps are trained on
  bool bf16 = false;            // products with factors in bf16 where the processor has them (AVX-512 BF16); all else in f32
  std::string auxiliary_key;    // a column that a linear head, not exported, predicts from the condition; empty: none
  std::vector<int> auxiliary_dims;  // which of its numbers; empty: all
  double auxiliary_weight = 0.1;
  double held_out = 0.03;       // share of the episodes that is never trained on
};

struct TrainingConfig {
  policy::PolicyConfig policy;
  TrainingBlock training;
};

// What the configuration may leave to the set.
struct DatasetFacts {
  std::map<std::string, int> columns;  // numbers in each column
  std::map<std::string, std::pair<int, int>> pictures;  // width and height [px] of each camera
  double fps = 0;
};

// Reads a configuration: the fields of PolicyConfig and the block "training". Left out, state_keys are those of
// observation.environment_state and observation.state that the set has; dimensions, fps, kind and schema are the set's.
// Errors: bad_input naming `subject` and the field, for a column that the set lacks too; as ParsePolicyConfig.
TrainingConfig ParseTrainingConfig(const std::string& text, const std::string& subject, const DatasetFacts& facts,
                                   std::vector<std::string>* notes = nullptr);
// The whole configuration as it is stored beside the weights.
std::string TrainingConfigText(const TrainingConfig& config);

// The configurations that come with takt, by name.
struct BuiltinConfig {
  std::string name, purpose, text;  // text: JSON
};
const std::vector<BuiltinConfig>& BuiltinConfigs();
// Errors: not_found, naming those there are.
const BuiltinConfig& FindBuiltinConfig(const std::string& name);

}  // namespace takt::imitate
