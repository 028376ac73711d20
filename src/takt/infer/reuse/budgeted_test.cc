// SPDX-License-Identifier: Apache-2.0
#include "takt/infer/reuse/budgeted.h"

#include <gtest/gtest.h>

#include <cmath>

#include "takt/core/base/error.h"
#include "takt/infer/reuse/adaptive.h"
#include "takt/infer/reuse/test_chain.h"
#include "takt/infer/reuse/test_schedules.h"

namespace takt::reuse {
namespace {

Costs Equal(size_t blocks) { return {.block = std::vector<double>(blocks, 1.0), .step = 0}; }

TEST(CoupledError, IsTheFormula) {
  const Chain chain(1, 8, 4, 1);
  const auto similarity = chain.Similarity();
  const auto d = [&](int b, int a, int t) { return similarity[static_cast<size_t>(b)].mse.at(a, t); };
  const Schedule s = FromRows({"#-#-", "#--#", "##--"});
  const double expected = d(0, 0, 1) + d(0, 2, 3)                       // l0.sa
                          + d(1, 0, 1) + d(1, 0, 2) + 0.5 * d(0, 2, 3)  // l0.ca in step 3 reads l0.sa of step 2
                          + d(2, 1, 2) + d(2, 1, 3) +
                          3 * 0.5 * (d(0, 0, 1) + d(1, 0, 1));  // l0.ffn in step 1, kept for 3
  EXPECT_NEAR(CoupledError(s, similarity, {.coupling = 0.5}), expected, 1e-12);
  EXPECT_EQ(CoupledError(AllCompute(chain.blocks(), 4), similarity, {}), 0);
  EXPECT_THROW(CoupledError(FromRows({"#-#-", "#--#", "###/"}), similarity, {}), Error);
  EXPECT_THROW(CoupledError(FromRows({"#-#", "#--", "###"}), similarity, {}), Error);
}

TEST(Budgeted, OfOneBlockIsTheExactProgramme) {
  const Chain chain(1, 8, 30, 2);
  const auto similarity = chain.Similarity();
  const std::vector<Block> block = {{0, BlockKind::kFeedForward}};
  for (const Metric metric : {Metric::kCosine, Metric::kL1, Metric::kMse}) {
    for (int updates = 1; updates <= 30; ++updates) {
      const Updates exact =
          AdaptiveUpdates(similarity[2].of(metric), updates, {.larger_is_better = LargerIsBetter(metric)});
      const double error = metric == Metric::kCosine ? 30 - exact.value : exact.value;
      const auto found = Budgeted(block, std::span(similarity).subspan(2), Equal(1),
                                  {.max_work = static_cast<double>(updates), .metric = metric});
      EXPECT_NEAR(found.error, error, 1e-9);
      EXPECT_LE(found.work, updates);
    }
  }
}

TEST(Budgeted, ComesNearToTryingEverything) {
  double excess = 0;
  int cases = 0;
  for (uint64_t seed = 0; seed < 3; ++seed) {
    const Chain chain(1, 6, 6, seed);
    const auto similarity = chain.Similarity();
    const Costs costs{.block = {1, 1.5, 2.5}, .step = 0.1};
    for (const double budget : {6.0, 9.0, 14.0, 20.0}) {
      for (const double coupling : {0.0, 0.3}) {
        BudgetOptions options{.max_work = budget, .coupling = coupling};
        double best = INFINITY;
        for (uint32_t mask = 0; mask < 1u << 15; ++mask) {
          Schedule s = AllCompute(chain.blocks(), 6);
          for (size_t i = 0; i < 15; ++i) {
            if (!(mask >> i & 1)) s.cells[3 + i] = {Source::kOwn, 0};
          }
          if (Work(s, costs) <= budget) best = std::min(best, CoupledError(s, similarity, options));
        }
        const BudgetedSchedule found = Budgeted(chain.blocks(), similarity, costs, options);
        EXPECT_LE(found.work, budget);
        EXPECT_EQ(found.work, Work(found.schedule, costs));
        EXPECT_NEAR(found.error, CoupledError(found.schedule, similarity, options), 1e-12);
        EXPECT_GE(found.error, best - 1e-12);
        if (best > 0) excess += found.error / best - 1;
        ++cases;
      }
    }
  }
  RecordProperty("mean_excess", std::to_string(excess / cases));
  EXPECT_LT(excess / cases, 0.03);
}

TEST(Budgeted, IsNeverWorseInItsModelThanTheSharedSchedule) {
  for (uint64_t seed = 0; seed < 3; ++seed) {
    const Chain chain(3, 8, 40, seed);
    const auto similarity = chain.Similarity();
    for (const int updates : {2, 5, 12}) {
      const Schedule shared =
          BacSchedule(chain.blocks(), similarity, {.updates = updates, .metric = Metric::kMse, .shared = true});
      const BudgetOptions options{.max_work = 9.0 * updates};
      EXPECT_LE(Budgeted(chain.blocks(), similarity, Equal(9), options).error,
                CoupledError(shared, similarity, options) + 1e-12);
    }
  }
}

TEST(Budgeted, SpendsWhereItHelps) {
  const Chain chain(2, 8, 20, 4);
  const auto similarity = chain.Similarity();
  EXPECT_EQ(ComputedCells(Budgeted(chain.blocks(), similarity, Equal(6), {.max_work = 120}).schedule), 120u);
  EXPECT_EQ(ComputedCells(Budgeted(chain.blocks(), similarity, Equal(6), {.max_work = 6}).schedule), 6u);
  const Schedule forced = Budgeted(chain.blocks(), similarity, Equal(6), {.max_work = 30, .forced_last = 3}).schedule;
  for (int b = 0; b < 6; ++b) {
    for (int k = 17; k < 20; ++k) EXPECT_EQ(forced.at(k, b).source, Source::kCompute);
  }
  // A block for nothing is computed more often, but not in every step: from stale values it would do harm.
  Costs costs = Equal(6);
  costs.block[2] = 0;
  const Schedule free = Budgeted(chain.blocks(), similarity, costs, {.max_work = 20}).schedule;
  EXPECT_GT(FreshSteps(free, 2).size(), FreshSteps(free, 0).size());
}

TEST(Budgeted, RefusesWhatItCannotKeep) {
  const Chain chain(1, 8, 10, 1);
  auto similarity = chain.Similarity();
  const auto blocks = chain.blocks();
  try {
    Budgeted(blocks, similarity, {.block = {1, 1, 2}, .step = 0.5}, {.max_work = 8});
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kInfeasibleBudget);
    EXPECT_NE(e.hint().find("9"), std::string::npos) << e.hint();
  }
  EXPECT_THROW(Budgeted(blocks, similarity, Equal(3), {.max_work = NAN}), Error);
  EXPECT_THROW(Budgeted(blocks, similarity, Equal(2), {.max_work = 9}), Error);
  EXPECT_THROW(Budgeted(blocks, std::span(similarity).first(2), Equal(3), {.max_work = 9}), Error);
  EXPECT_THROW(Budgeted(blocks, similarity, Equal(3), {.max_work = 9, .coupling = -1}), Error);
  EXPECT_THROW(Budgeted(blocks, similarity, Equal(3), {.max_work = 9, .block_coupling = {1}}), Error);
  EXPECT_THROW(Budgeted(blocks, similarity, Equal(3), {.max_work = 9, .forced_last = 11}), Error);
  similarity[1].mse.at(2, 3) = NAN;
  EXPECT_THROW(Budgeted(blocks, similarity, Equal(3), {.max_work = 9}), Error);
}

}  // namespace
}  // namespace takt::reuse
