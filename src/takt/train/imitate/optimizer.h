// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "takt/train/imitate/training_config.h"

namespace takt::imitate {

// AdamW with decoupled decay (Loshchilov & Hutter 2019) and a moving average of the weights, over one flat buffer.
struct OptimizerState {
  std::vector<float> moment1, moment2;  // [n]
  std::vector<float> average;           // [n]: what is exported
  int64_t step = 0;                     // updates made
};
OptimizerState MakeOptimizer(const float* values, size_t n);

// One update: clips the gradient to clip_norm, steps, and averages. `decayed`: the first so many numbers shrink.
// The decay of the average in update s = 0, 1, 2 ... is min(ema_max, 1 - s^-ema_power), and 0 in the first two: as EMAModel
// of real-stanford/diffusion_policy.
// Returns the norm of the gradient before it was clipped. Determinism: for any thread count.
// Errors: bad_input ("training") when the gradient is not finite; nothing is changed then.
double OptimizerStep(const TrainingBlock& block, double learning_rate, size_t n, size_t decayed, const float* gradient,
                     float* values, OptimizerState* state);

}  // namespace takt::imitate
