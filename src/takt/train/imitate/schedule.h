// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "takt/train/imitate/training_config.h"

namespace takt::imitate {

// Where a training stands between 0 and 1. With a duration, the clock is asked every kDecideEvery steps; in between, steps
// go on at the rate that was seen last. A copy goes on the same way until the clock is asked again.
struct Schedule {
  static constexpr int64_t kDecideEvery = 50;

  int64_t steps = 0;     // planned; 0: `seconds` decides
  double seconds = 0;
  int64_t decided_at = 0;   // step of the last decision
  double decided_share = 0;
  double share_per_step = 0;

  double Share(int64_t step) const;                 // of the training that is done before this step
  bool Due(int64_t step) const;                     // whether Decide is to be called before this step
  void Decide(int64_t step, double elapsed_s);      // the share never falls
};

// Linear to `learning_rate` over the share `warmup`, then a cosine to 0 at 1.
double LearningRate(const TrainingBlock& block, double share);

}  // namespace takt::imitate
