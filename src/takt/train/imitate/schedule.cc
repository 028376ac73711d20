// SPDX-License-Identifier: Apache-2.0
#include "takt/train/imitate/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace takt::imitate {

double Schedule::Share(int64_t step) const {
  if (steps > 0) return std::min(1.0, static_cast<double>(step) / static_cast<double>(steps));
  return std::min(1.0, decided_share + static_cast<double>(step - decided_at) * share_per_step);
}

bool Schedule::Due(int64_t step) const {
  if (steps > 0) return false;
  return step % kDecideEvery == 0 || step == 1 || step == 5 || step == 20;  // the first estimates are coarse
}

void Schedule::Decide(int64_t step, double elapsed_s) {
  const double share = std::max(Share(step), std::min(1.0, elapsed_s / seconds));
  share_per_step = step > 0 ? elapsed_s / seconds / static_cast<double>(step) : 0;
  decided_at = step;
  decided_share = share;
}

double LearningRate(const TrainingBlock& block, double share) {
  if (share < block.warmup) return block.learning_rate * share / block.warmup;
  const double left = block.warmup < 1 ? (share - block.warmup) / (1 - block.warmup) : 0;
  return block.learning_rate * 0.5 * (1 + std::cos(std::numbers::pi * std::min(left, 1.0)));
}

}  // namespace takt::imitate
