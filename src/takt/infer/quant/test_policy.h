// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include <memory>
#include <string>
#include <vector>

#include "takt/core/base/rng.h"
#include "takt/infer/policy/policy.h"

namespace takt::quant {

// A small policy over a state of 5 numbers.
inline policy::PolicyConfig TestConfig(int n_emb = 64, int n_layer = 3) {
  policy::PolicyConfig config;
  config.state_keys = {"observation.state"};
  config.state_dims = {5};
  config.action_dim = 2;
  config.fps = 10;
  config.n_emb = n_emb, config.n_head = 4, config.n_layer = n_layer;
  return config;
}

// Random weights with what makes quantisation hard in trained models: larger matrices than at the start of training,
// norms with a few channels far above the others, biases, and values of attention of very different size.
inline std::shared_ptr<policy::Model> TestModel(const policy::PolicyConfig& config, uint64_t seed) {
  auto model = std::make_shared<policy::Model>(policy::RandomModel(config, seed));
  const Rng rng(seed, 4711);
  uint64_t counter = 0;
  for (auto& [name, values] : model->tensors) {
    if (!name.starts_with("model.decoder.")) continue;
    const bool norm = name.find(".norm") != std::string::npos, gamma = norm && name.ends_with("weight");
    const bool matrix = !norm && name.ends_with("weight");
    for (size_t i = 0; i < values.size(); ++i) {
      const float normal = rng.Normal4(counter++)[0];
      if (matrix) values[i] *= 3;
      if (gamma) values[i] = (1 + 0.2f * normal) * (i % 23 == 5 ? 15.0f : 1.0f);
      if (!matrix && !gamma) values[i] += 0.05f * normal;
      // The rows of the values in the joint projection.
      const size_t d = static_cast<size_t>(config.n_emb);
      if (name.ends_with("in_proj_weight") && i / d >= 2 * d && i / d % 19 == 2) values[i] *= 12;
    }
  }
  return model;
}

inline std::vector<std::vector<policy::Observation>> TestWindows(const policy::PolicyConfig& config, int count,
                                                                 uint64_t seed) {
  std::vector<std::vector<policy::Observation>> windows;
  const Rng rng(seed, 99);
  uint64_t counter = 0;
  for (int w = 0; w < count; ++w) {
    std::vector<policy::Observation> window(static_cast<size_t>(config.n_obs_steps));
    for (policy::Observation& observation : window) {
      for (int i = 0; i < config.state_dim(); ++i) observation.state.push_back(2 * rng.Uniform(counter++) - 1);
    }
    windows.push_back(std::move(window));
  }
  return windows;
}

}  // namespace takt::quant
