// SPDX-License-Identifier: Apache-2.0
#include "takt/infer/reuse/fixed.h"

#include <gtest/gtest.h>

#include <cmath>

#include "takt/core/base/error.h"
#include "takt/infer/reuse/test_schedules.h"

namespace takt::reuse {
namespace {

TEST(Uniform, SpacesEvenly) {
  const auto blocks = TransformerBlocks(2);
  EXPECT_EQ(FreshSteps(Uniform(blocks, 10, 4), 5), (std::vector<int>{0, 2, 5, 7}));
  EXPECT_EQ(Uniform(blocks, 10, 10).cells, AllCompute(blocks, 10).cells);
  EXPECT_EQ(FreshSteps(Uniform(blocks, 10, 1), 0), (std::vector<int>{0}));
  const Schedule line = Uniform(blocks, 6, 3, 1);
  EXPECT_EQ(line.at(1, 0), (Cell{Source::kOwn, 0}));
  EXPECT_EQ(line.at(3, 0), (Cell{Source::kOwn, 1}));
  EXPECT_THROW(Uniform(blocks, 10, 0), Error);
  EXPECT_THROW(Uniform(blocks, 10, 11), Error);
  EXPECT_THROW(Uniform({}, 10, 1), Error);
}

TEST(Fora, TellsAttentionFromFeedForward) {
  Schedule s = Fora(TransformerBlocks(1), 7, 2, 3);
  s.made_by.clear();
  EXPECT_EQ(s, FromRows({"#-#-#-#", "#-#-#-#", "#--#--#"}));
  EXPECT_EQ(ComputedCells(Fora(TransformerBlocks(1), 7, 1, 2'000'000'000)), 15u);
  EXPECT_THROW(Fora(TransformerBlocks(1), 7, 0, 1), Error);
  EXPECT_THROW(Fora(TransformerBlocks(1), 7, 1, -1), Error);
}

TEST(TeaCache, ComputesWhereTheInputHasMoved) {
  // Steps of size 1, 1, 1, 3, 1, 1: sums reach 3 at step 3, and 3 again at step 4.
  const std::vector<float> inputs = {10, 11, 12, 13, 16, 17, 18};
  std::vector<double> distances = RelativeL1(inputs, 7);
  ASSERT_EQ(distances.size(), 6u);
  EXPECT_DOUBLE_EQ(distances[3], 3.0 / 13);
  distances = {1, 1, 1, 3, 1, 1};
  EXPECT_EQ(FreshSteps(TeaCache(TransformerBlocks(1), distances, {.threshold = 3}), 0), (std::vector<int>{0, 3, 4, 6}));
  EXPECT_EQ(FreshSteps(TeaCache(TransformerBlocks(1), distances, {.threshold = 0}), 0).size(), 7u);
  EXPECT_EQ(FreshSteps(TeaCache(TransformerBlocks(1), distances, {.threshold = 1e9}), 0), (std::vector<int>{0, 6}));
  // d -> 2 d^2: 2, 2, 2, 18, 2, 2
  EXPECT_EQ(FreshSteps(TeaCache(TransformerBlocks(1), distances, {.threshold = 4, .coefficients = {0, 0, 2}}), 2),
            (std::vector<int>{0, 2, 4, 6}));
  EXPECT_EQ(TeaCache(TransformerBlocks(1), {}, {}).steps, 1);
}

TEST(TeaCache, FindsTheThresholdForSoManyComputations) {
  std::vector<double> distances;
  for (int k = 1; k < 100; ++k) distances.push_back(0.01 + 0.2 * std::exp(-k / 10.0) + 0.02 * (k % 7));
  for (int updates = 2; updates <= 100; ++updates) {
    const double threshold = TeaCacheThreshold(distances, updates);
    const size_t found = FreshSteps(TeaCache(TransformerBlocks(1), distances, {.threshold = threshold}), 0).size();
    EXPECT_LE(found, static_cast<size_t>(updates));
    if (threshold > 0) {
      const auto below = TeaCache(TransformerBlocks(1), distances, {.threshold = threshold * (1 - 1e-6)});
      EXPECT_GT(FreshSteps(below, 0).size(), static_cast<size_t>(updates));
    }
  }
  EXPECT_THROW(TeaCacheThreshold(distances, 1), Error);
  EXPECT_EQ(TeaCacheThreshold(std::vector<double>(9, 0.0), 2), TeaCacheThreshold(std::vector<double>(9, 0.0), 3));
}

TEST(TeaCache, RefusesWhatIsNoDistance) {
  const auto blocks = TransformerBlocks(1);
  EXPECT_THROW(TeaCache(blocks, std::vector<double>{1, NAN}, {}), Error);
  EXPECT_THROW(TeaCache(blocks, std::vector<double>{1, -1}, {}), Error);
  EXPECT_THROW(TeaCache(blocks, std::vector<double>{1, 1}, {.threshold = NAN}), Error);
  EXPECT_THROW(TeaCache(blocks, std::vector<double>{1, 1}, {.coefficients = {-5}}), Error);
  EXPECT_THROW(RelativeL1(std::vector<float>{1, 2, 3}, 2), Error);
  EXPECT_THROW(RelativeL1(std::vector<float>{}, 2), Error);
  EXPECT_THROW(RelativeL1(std::vector<float>{0, 1}, 2), Error);
  EXPECT_THROW(RelativeL1(std::vector<float>{1, NAN}, 2), Error);
  EXPECT_EQ(RelativeL1(std::vector<float>{0, 0}, 2), std::vector<double>{0});
}

}  // namespace
}  // namespace takt::reuse
