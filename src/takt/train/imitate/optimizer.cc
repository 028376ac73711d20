// SPDX-License-Identifier: Apache-2.0
#include "takt/train/imitate/optimizer.h"

#include <algorithm>
#include <cmath>

#include "takt/core/base/error.h"
#include "takt/core/base/parallel.h"
#include "takt/train/imitate/optimizer_simd.h"

namespace takt::imitate {
namespace {

constexpr size_t kGrain = 16384;

}  // namespace

OptimizerState MakeOptimizer(const float* values, size_t n) {
  OptimizerState state;
  state.moment1.resize(n);
  state.moment2.resize(n);
  state.average.assign(values, values + n);
  return state;
}

double OptimizerStep(const TrainingBlock& block, double learning_rate, size_t n, size_t decayed, const float* gradient,
                     float* values, OptimizerState* state) {
  std::vector<double> squares((n + kGrain - 1) / kGrain);
  ParallelFor(n, kGrain, [&](size_t begin, size_t end) { squares[begin / kGrain] = SumSquares(end - begin, gradient + begin); });
  double square = 0;
  for (const double s : squares) square += s;
  const double norm = std::sqrt(square);
  if (!std::isfinite(norm)) {
    throw Error(ErrorCode::kBadInput, "training", "has come to a gradient that is not finite", "lower learning_rate");
  }
  const auto s = static_cast<double>(state->step++);
  AdamWFactors f;
  f.beta1 = static_cast<float>(block.beta1);
  f.beta2 = static_cast<float>(block.beta2);
  f.correction1 = static_cast<float>(1 / (1 - std::pow(block.beta1, s + 1)));
  f.correction2 = static_cast<float>(1 / (1 - std::pow(block.beta2, s + 1)));
  f.learning_rate = static_cast<float>(learning_rate);
  f.gradient_scale = static_cast<float>(block.clip_norm > 0 && norm > block.clip_norm ? block.clip_norm / norm : 1);
  f.average_rest = static_cast<float>(1 - std::min(block.ema_max, 1 - std::pow(std::max(s, 1.0), -block.ema_power)));
  const auto update = [&](size_t first, size_t count, double decay) {
    AdamWFactors range = f;
    range.shrink = static_cast<float>(1 - learning_rate * decay);
    ParallelFor(count, kGrain, [&](size_t begin, size_t end) {
      const size_t at = first + begin;
      AdamWUpdate(range, end - begin, gradient + at, values + at, state->moment1.data() + at, state->moment2.data() + at,
                  state->average.data() + at);
    });
  };
  update(0, decayed, block.weight_decay);
  update(decayed, n - decayed, 0);
  return norm;
}

}  // namespace takt::imitate
