// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "takt/train/imitate/training_config.h"

namespace takt::imitate {

// One demonstration in memory, in the units of the set; nothing is normalised.
struct Episode {
  int64_t length = 0;             // T: control steps
  std::string instruction;        // UTF-8
  std::vector<float> state;       // [T, state_dim]: the state keys of the policy, end to end
  std::vector<float> action;      // [T, action_dim]
  std::vector<float> auxiliary;   // [T, auxiliary_dim]; empty where the configuration asks for none
  // Of each picture input of the policy: frames 0, stride, 2 stride ... as [ceil(T / stride), height, width, 3] RGB.
  std::vector<std::vector<uint8_t>> pictures;
};

struct Demonstrations {
  std::vector<Episode> episodes;
  int auxiliary_dim = 0;
};

// Checks that every episode has the sizes that the configuration asks for, and only finite numbers.
// Errors: bad_input naming the episode.
void CheckDemonstrations(const Demonstrations& demonstrations, const TrainingConfig& config);

// What the network sees of x is x * scale + offset.
struct Normaliser {
  std::vector<float> scale, offset;  // [columns]
};
// Minimum and maximum of every column over all episodes are mapped to -1 and 1; a column that does not change (to within
// 1e-6 of its size) is mapped to 0 with scale 1. `columns` is one of Episode's arrays.
Normaliser FitNormaliser(const Demonstrations& demonstrations, std::vector<float> Episode::*columns, int dim);

}  // namespace takt::imitate
