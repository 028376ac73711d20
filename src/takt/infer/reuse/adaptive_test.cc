// SPDX-License-Identifier: Apache-2.0
#include "takt/infer/reuse/adaptive.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "takt/core/base/error.h"
#include "takt/core/base/file.h"
#include "takt/core/base/rng.h"
#include "takt/infer/reuse/test_schedules.h"

namespace takt::reuse {
namespace {

StepMatrix RandomMatrix(int steps, uint64_t seed) {
  StepMatrix m{.steps = steps, .values = std::vector<double>(static_cast<size_t>(steps) * steps)};
  for (int a = 0; a < steps; ++a) {
    m.at(a, a) = 1;
    for (int t = a + 1; t < steps; ++t) {
      m.at(a, t) = m.at(t, a) = Rng(seed).UniformDouble(static_cast<uint64_t>(a * steps + t)) * 2 - 1;
    }
  }
  return m;
}

// As the header says it, for one choice of steps.
double ValueOf(const StepMatrix& s, const std::vector<int>& updates, Objective objective) {
  double value = 0;
  for (size_t m = 0; m < updates.size(); ++m) {
    const int end = m + 1 < updates.size() ? updates[m + 1] : s.steps;
    for (int t = updates[m]; t < end; ++t) {
      if (objective == Objective::kAnchor) value += s.at(updates[m], t);
      if (objective == Objective::kAdjacent && t > updates[m]) value += s.at(t - 1, t);
    }
  }
  return value;
}

TEST(AdaptiveUpdates, IsAsGoodAsTryingEverything) {
  for (int steps = 1; steps <= 12; ++steps) {
    for (const Objective objective : {Objective::kAnchor, Objective::kAdjacent}) {
      for (const bool larger : {true, false}) {
        for (int forced = 0; forced <= std::min(steps - 1, 2); ++forced) {
          const StepMatrix s = RandomMatrix(steps, static_cast<uint64_t>(steps));
          const UpdateOptions options{.objective = objective, .larger_is_better = larger, .forced_last = forced};
          const std::vector<Updates> curve = AdaptiveCurve(s, steps, options);
          for (int updates = 1; updates <= steps - forced; ++updates) {
            double best = NAN;
            for (uint32_t mask = 0; mask < 1u << (steps - forced - 1); ++mask) {
              if (std::popcount(mask) != updates - 1) continue;
              std::vector<int> choice = {0};
              for (int k = 1; k < steps; ++k) {
                if (k >= steps - forced || (mask >> (k - 1) & 1)) choice.push_back(k);
              }
              const double value = ValueOf(s, choice, objective);
              if (!(larger ? value <= best : value >= best)) best = value;
            }
            const Updates found = AdaptiveUpdates(s, updates, options);
            ASSERT_EQ(found.steps.size(), static_cast<size_t>(updates + forced));
            ASSERT_NEAR(found.value, best, 1e-12);
            ASSERT_NEAR(found.value, ValueOf(s, found.steps, objective), 1e-12);
            ASSERT_EQ(found.steps, curve[static_cast<size_t>(updates - 1)].steps);
            ASSERT_EQ(found.value, curve[static_cast<size_t>(updates - 1)].value);
          }
        }
      }
    }
  }
}

TEST(AdaptiveUpdates, OfThePapersObjectiveIsASort) {
  const StepMatrix s = RandomMatrix(40, 3);
  std::vector<int> by_change;
  for (int k = 1; k < 40; ++k) by_change.push_back(k);
  std::sort(by_change.begin(), by_change.end(), [&](int a, int b) { return s.at(a - 1, a) < s.at(b - 1, b); });
  std::vector<int> expected = {0};
  expected.insert(expected.end(), by_change.begin(), by_change.begin() + 6);
  std::sort(expected.begin(), expected.end());
  EXPECT_EQ(AdaptiveUpdates(s, 7, {.objective = Objective::kAdjacent}).steps, expected);
}

TEST(AdaptiveUpdates, AllStepsAreEveryStep) {
  const StepMatrix s = RandomMatrix(9, 5);
  EXPECT_EQ(AdaptiveUpdates(s, 9).steps.size(), 9u);
  EXPECT_NEAR(AdaptiveUpdates(s, 9).value, 9, 1e-12);
  EXPECT_EQ(AdaptiveUpdates(s, 1, {.forced_last = 9}).steps.size(), 9u);
  EXPECT_EQ(AdaptiveUpdates(s, 9, {.forced_last = 4}).steps.size(), 9u);
}

TEST(AdaptiveUpdates, RefusesWhatItCannotRead) {
  StepMatrix s = RandomMatrix(6, 1);
  EXPECT_THROW(AdaptiveUpdates(s, 0), Error);
  EXPECT_THROW(AdaptiveUpdates(s, 7), Error);
  EXPECT_THROW(AdaptiveUpdates(s, 2, {.forced_last = -1}), Error);
  EXPECT_THROW(AdaptiveUpdates(s, 2, {.forced_last = 7}), Error);
  EXPECT_THROW(AdaptiveUpdates({.steps = 6, .values = {1, 2}}, 2), Error);
  EXPECT_THROW(AdaptiveUpdates({}, 1), Error);
  s.at(3, 4) = NAN;
  EXPECT_THROW(AdaptiveUpdates(s, 2), Error);
}

// Cases {K, updates, similarity, steps, value} made by others; the value must be reached, ties are allowed.
void ExpectSameValues(const std::string& path, double tolerance) {
  const nlohmann::json cases = nlohmann::json::parse(ReadTextFile(path));
  ASSERT_FALSE(cases.empty());
  for (const auto& c : cases) {
    StepMatrix s{.steps = c["K"].get<int>(), .values = {}};
    for (const auto& row : c["similarity"]) {
      for (const auto& value : row) s.values.push_back(value.get<double>());
    }
    const Updates found = AdaptiveUpdates(s, c["updates"].get<int>());
    EXPECT_NEAR(found.value, c["value"].get<double>(), tolerance);
    EXPECT_NEAR(ValueOf(s, c["steps"].get<std::vector<int>>(), Objective::kAnchor), found.value, tolerance);
  }
}

TEST(AdaptiveUpdates, ReachesTheGolden) {
  ExpectSameValues(TAKT_SOURCE_DIR "/src/takt/infer/reuse/testdata/updates.json", 1e-12);
}

TEST(AdaptiveUpdates, ReachesWhatTheReleasedSchedulerReaches) {
  const std::string path = TAKT_SHARED_DATA "/policy/bac_schedules.json";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "needs ../shared/data/policy/bac_schedules.json";
  ExpectSameValues(path, 1e-6);  // the file has six digits
}

// ---- union

std::vector<double> SomeScores(size_t n) {
  std::vector<double> scores;
  for (size_t i = 0; i < n; ++i) scores.push_back(Rng(11).UniformDouble(i));
  return scores;
}

Schedule RandomSchedule(int layers, int steps, double density, uint64_t seed) {
  Schedule s = AllCompute(TransformerBlocks(layers), steps);
  for (size_t i = s.blocks.size(); i < s.cells.size(); ++i) {
    if (!(Rng(seed).UniformDouble(i) < density)) s.cells[i] = {Source::kOwn, 0};
  }
  return s;
}

TEST(TopBlocks, AreTheLargest) {
  const auto blocks = TransformerBlocks(2);
  const std::vector<double> scores = {1, 5, 5, 4, 9, 2};
  EXPECT_EQ(TopBlocks(blocks, scores, 2, false), (std::vector<int>{1, 4}));
  EXPECT_EQ(TopBlocks(blocks, scores, 2, true), (std::vector<int>{2, 5}));
  EXPECT_EQ(TopBlocks(blocks, scores, 0, false), (std::vector<int>{}));
  EXPECT_EQ(TopBlocks(blocks, scores, 99, true), (std::vector<int>{2, 5}));
  EXPECT_THROW(TopBlocks(blocks, std::vector<double>{1}, 2, false), Error);
  EXPECT_THROW(TopBlocks(blocks, std::vector<double>{1, 2, 3, 4, 5, NAN}, 2, false), Error);
}

TEST(BubblingUnion, AddsTheStepsOfFeedForwardBehind) {
  const Schedule s = FromRows({"#-------", "#-#-----", "#--#----", "#---#---", "#----#--", "#-----#-"});
  EXPECT_EQ(BubblingUnion(s, std::vector<int>{0, 3}),
            FromRows({"#--#--#-", "#-#-----", "#--#----", "#---#-#-", "#----#--", "#-----#-"}));
  EXPECT_EQ(BubblingUnion(s, std::vector<int>{2, 5}),
            FromRows({"#-------", "#-#-----", "#--#--#-", "#---#---", "#----#--", "#-----#-"}));
  EXPECT_EQ(BubblingUnion(s, std::vector<int>{}), s);
  EXPECT_THROW(BubblingUnion(s, std::vector<int>{6}), Error);
  EXPECT_THROW(BubblingUnion(s, std::vector<int>{-1}), Error);
}

TEST(BubblingUnion, IsIdempotentMonotoneAndFreeOfOrder) {
  for (uint64_t seed = 0; seed < 50; ++seed) {
    const Schedule s = RandomSchedule(4, 20, 0.15, seed);
    const std::vector<double> scores = SomeScores(12);
    std::vector<int> upstream = TopBlocks(s.blocks, scores, 1 + static_cast<int>(seed % 8), seed % 2);
    const Schedule once = BubblingUnion(s, upstream);
    EXPECT_TRUE(FindFaults(once).empty());
    EXPECT_EQ(BubblingUnion(once, upstream), once);
    size_t stale = 0;
    for (size_t i = 0; i < s.cells.size(); ++i) {
      stale += s.cells[i].source == Source::kCompute && once.cells[i].source != Source::kCompute;
    }
    // A larger set of blocks computes no less.
    const Schedule more = BubblingUnion(s, TopBlocks(s.blocks, scores, 9, seed % 2));
    for (size_t i = 0; i < s.cells.size(); ++i) {
      stale += once.cells[i].source == Source::kCompute && more.cells[i].source != Source::kCompute;
    }
    EXPECT_EQ(stale, 0u);
    std::reverse(upstream.begin(), upstream.end());
    EXPECT_EQ(BubblingUnion(s, upstream), once);
    // What it is for: no block of the set is stale where a feed-forward block behind it is fresh.
    for (const int u : upstream) {
      for (int v = u + 1; v < s.block_count(); ++v) {
        if (s.blocks[v].kind != BlockKind::kFeedForward) continue;
        for (const int k : FreshSteps(once, v)) EXPECT_EQ(once.at(k, u).source, Source::kCompute);
      }
    }
  }
}

BlockSimilarity AllMetrics(int steps, uint64_t seed) {
  BlockSimilarity s{RandomMatrix(steps, seed), RandomMatrix(steps, seed + 100), RandomMatrix(steps, seed + 200)};
  for (StepMatrix* m : {&s.l1, &s.mse}) {
    for (double& value : m->values) value = std::abs(value);
    for (int k = 0; k < steps; ++k) m->at(k, k) = 0;
  }
  return s;
}

TEST(BacSchedule, GivesEveryBlockItsSteps) {
  std::vector<BlockSimilarity> similarity;
  for (uint64_t b = 0; b < 12; ++b) similarity.push_back(AllMetrics(30, b));
  const auto blocks = TransformerBlocks(4);
  for (const Metric metric : {Metric::kCosine, Metric::kL1, Metric::kMse}) {
    const Schedule s = BacSchedule(blocks, similarity, {.updates = 4, .metric = metric, .union_blocks = 0});
    EXPECT_TRUE(FindFaults(s).empty());
    for (int b = 0; b < 12; ++b) {
      EXPECT_EQ(FreshSteps(s, b), AdaptiveUpdates(similarity[static_cast<size_t>(b)].of(metric), 4,
                                                  {.larger_is_better = LargerIsBetter(metric)})
                                      .steps);
    }
  }
  const Schedule plain = BacSchedule(blocks, similarity, {.updates = 4, .union_blocks = 0});
  const Schedule united = BacSchedule(blocks, similarity, {.updates = 4, .union_blocks = 3});
  EXPECT_EQ(ComputedCells(plain), 48u);
  EXPECT_GT(ComputedCells(united), 48u);
  const Schedule shared = BacSchedule(blocks, similarity, {.updates = 4, .shared = true});
  for (int b = 1; b < 12; ++b) EXPECT_EQ(FreshSteps(shared, b), FreshSteps(shared, 0));
  EXPECT_EQ(ComputedCells(shared), 48u);
  EXPECT_EQ(ComputedCells(BacSchedule(blocks, similarity, {.updates = 30})), 360u);
  for (int b = 0; b < 12; ++b) {
    EXPECT_EQ(
        FreshSteps(BacSchedule(blocks, similarity, {.updates = 4, .forced_last = 2, .union_blocks = 0}), b).back(), 29);
  }
  EXPECT_EQ(united.made_by, "bac updates=4 metric=cosine objective=anchor forced_last=0 union=3 order=0");
  EXPECT_THROW(BacSchedule(blocks, std::vector<BlockSimilarity>{}, {}), Error);
  similarity[5] = AllMetrics(29, 1);
  EXPECT_THROW(BacSchedule(blocks, similarity, {.updates = 4}), Error);
  EXPECT_THROW(BacSchedule(blocks, similarity, {.updates = 4, .shared = true}), Error);
}

}  // namespace
}  // namespace takt::reuse
