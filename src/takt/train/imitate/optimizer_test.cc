// SPDX-License-Identifier: Apache-2.0
#include "takt/train/imitate/optimizer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "takt/core/base/error.h"
#include "takt/core/base/rng.h"
#include "takt/train/imitate/schedule.h"

namespace takt::imitate {
namespace {

TEST(Optimizer, AgreesWithTheFormula) {
  TrainingBlock block;
  block.clip_norm = 2;
  block.weight_decay = 0.1;
  constexpr size_t n = 41, decayed = 20;
  std::vector<float> values(n), gradient(n);
  for (size_t i = 0; i < n; ++i) values[i] = Rng(1).Normal4(i)[0];
  std::vector<double> p(values.begin(), values.end()), m(n), v(n), average(p);
  OptimizerState state = MakeOptimizer(values.data(), n);
  for (int step = 0; step < 6; ++step) {
    double square = 0;
    for (size_t i = 0; i < n; ++i) {
      gradient[i] = Rng(2, static_cast<uint64_t>(step)).Normal4(i)[0];
      square += double{gradient[i]} * gradient[i];
    }
    EXPECT_NEAR(OptimizerStep(block, 0.01, n, decayed, gradient.data(), values.data(), &state), std::sqrt(square), 1e-5);
    const double decay = step < 2 ? 0 : 1 - std::pow(step, -0.75);
    for (size_t i = 0; i < n; ++i) {
      const double g = gradient[i] * std::min(1.0, 2 / std::sqrt(square));
      m[i] = 0.9 * m[i] + 0.1 * g;
      v[i] = 0.95 * v[i] + 0.05 * g * g;
      p[i] -= 0.01 * (i < decayed ? 0.1 : 0) * p[i];
      p[i] -= 0.01 * m[i] / (1 - std::pow(0.9, step + 1)) / (std::sqrt(v[i] / (1 - std::pow(0.95, step + 1))) + 1e-8);
      average[i] = decay * average[i] + (1 - decay) * p[i];
      EXPECT_NEAR(values[i], p[i], 1e-5);
      EXPECT_NEAR(state.average[i], average[i], 1e-5);
    }
  }
  gradient[3] = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> before = values;
  EXPECT_THROW(OptimizerStep(block, 0.01, n, decayed, gradient.data(), values.data(), &state), Error);
  EXPECT_EQ(values, before);
}

TEST(Schedule, FollowsStepsOrTheClock) {
  TrainingBlock block;
  block.warmup = 0.1;
  block.learning_rate = 2;
  EXPECT_EQ(LearningRate(block, 0), 0);
  EXPECT_NEAR(LearningRate(block, 0.05), 1, 1e-12);
  EXPECT_NEAR(LearningRate(block, 0.1), 2, 1e-12);
  EXPECT_NEAR(LearningRate(block, 0.55), 1, 1e-12);
  EXPECT_NEAR(LearningRate(block, 1), 0, 1e-12);

  Schedule steps;
  steps.steps = 10;
  EXPECT_EQ(steps.Share(5), 0.5);
  EXPECT_FALSE(steps.Due(50));
  Schedule clock;
  clock.seconds = 100;
  clock.Decide(50, 10);
  EXPECT_NEAR(clock.Share(50), 0.1, 1e-12);
  EXPECT_NEAR(clock.Share(100), 0.2, 1e-12);
  clock.Decide(100, 15);  // faster than it looked: the share does not fall
  EXPECT_NEAR(clock.Share(100), 0.2, 1e-12);
  clock.Decide(150, 60);
  EXPECT_NEAR(clock.Share(150), 0.6, 1e-12);
}

}  // namespace
}  // namespace takt::imitate
