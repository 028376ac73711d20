// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <string>

#include "takt/core/base/rng.h"
#include "takt/train/imitate/demonstrations.h"

namespace takt::imitate {

// A small policy; `pictures`: with one 8 x 8 camera and an instruction of 6 bytes too.
inline TrainingConfig TestConfig(const std::string& training, bool pictures, bool flow = false) {
  DatasetFacts facts;
  facts.columns = {{"observation.state", 3}, {"action", 2}, {"observation.environment_state", 2}};
  facts.pictures = {{"observation.images.front", {8, 8}}};
  facts.fps = 10;
  std::string text = R"({"state_keys": ["observation.state"], "horizon": 8, "n_obs_steps": 2, "n_action_steps": 4,
                         "n_emb": 16, "n_head": 2, "n_layer": 2, "train_steps": 50, "training": )" + training;
  if (flow) text += R"(, "head": "flow")";
  if (pictures) {
    text += R"(, "instruction_bytes": 6, "instruction_dim": 4, "pictures": [{"key": "observation.images.front",
               "width_px": 8, "height_px": 8, "patch_px": 4, "n_emb": 8, "n_head": 2, "n_layer": 1, "out_dim": 4}])";
  }
  return ParseTrainingConfig(text + "}", "test", facts);
}

// Episodes of 20 + e steps in which the action is a smooth function of the state; the third state never changes.
inline Demonstrations TestDemonstrations(const TrainingConfig& config, int episodes) {
  Demonstrations demonstrations;
  demonstrations.auxiliary_dim = config.training.auxiliary_key.empty() ? 0 : 2;
  for (int e = 0; e < episodes; ++e) {
    Episode episode;
    episode.length = 20 + e;
    episode.instruction = e % 2 ? "left" : "right hand";
    const float phase = 6.28f * Rng(1).Uniform(static_cast<uint64_t>(e));
    for (int64_t t = 0; t < episode.length; ++t) {
      const float angle = phase + 0.2f * static_cast<float>(t);
      episode.state.insert(episode.state.end(), {std::sin(angle), std::cos(angle), 7.0f});
      episode.action.insert(episode.action.end(), {100 * std::sin(angle + 0.2f), 0.01f * std::cos(angle + 0.2f)});
      if (demonstrations.auxiliary_dim > 0) episode.auxiliary.insert(episode.auxiliary.end(), {angle, -angle});
    }
    if (!config.policy.pictures.empty()) {
      episode.pictures.resize(1);
      const int64_t kept = (episode.length + config.training.picture_stride - 1) / config.training.picture_stride;
      for (int64_t i = 0; i < kept * 8 * 8 * 3; ++i) {
        episode.pictures[0].push_back(static_cast<uint8_t>(Rng(2).Words(static_cast<uint64_t>(i))[0]));
      }
    }
    demonstrations.episodes.push_back(episode);
  }
  return demonstrations;
}

}  // namespace takt::imitate
