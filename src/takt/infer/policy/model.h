// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "takt/core/io/image.h"
#include "takt/core/policy/policy_config.h"

namespace takt::policy {

// A policy as it lies on the disk: its config, and every weight as float32. docs/formats/policy.md.
struct Model {
  PolicyConfig config;
  std::map<std::string, std::vector<float>> tensors;  // row-major, shapes as ExpectedTensors says
  std::string sha256;                                 // of model.safetensors

  const std::vector<float>& Get(const std::string& name) const;  // must exist
};

// Names and shapes of all tensors that a config asks for.
std::map<std::string, std::vector<int64_t>> ExpectedTensors(const PolicyConfig& config);

// Errors: as LoadPolicyConfig; unsupported for a key of the config that is not known; bad_input naming the tensor: one that is missing, has another shape or a number that is
// not finite, or a normaliser that is missing. Tensors that nothing asks for are listed in `notes`.
Model LoadModel(const std::filesystem::path& folder, std::vector<std::string>* notes = nullptr);
// From the bytes of model.safetensors. Errors: as LoadModel.
Model ParseModel(const PolicyConfig& config, std::vector<uint8_t> safetensors, const std::string& subject,
                 std::vector<std::string>* notes = nullptr);
// A model of random weights: N(0, 0.02) matrices as the original initialises them, for tests and speed.
Model RandomModel(const PolicyConfig& config, uint64_t seed);
// Writes config.json and model.safetensors. With `half` the weights are F16, which halves the file and rounds each to 11
// bits; what normalises states and actions stays F32. Errors: bad_input naming a tensor whose numbers F16 cannot hold; io.
void SaveModel(const Model& model, const std::filesystem::path& folder, bool half = false);

// What the robot sees at one control step.
struct Observation {
  std::vector<float> state;      // [state_dim] all state keys, in their units
  std::vector<Image8> pictures;  // one for each of config.pictures, of any size; 3 channels
  std::string instruction;
};

}  // namespace takt::policy
