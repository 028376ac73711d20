// SPDX-License-Identifier: Apache-2.0
// What schedules do to a network whose blocks see each other, which no similarity matrix shows.
#include <gtest/gtest.h>

#include "takt/infer/reuse/adaptive.h"
#include "takt/infer/reuse/budgeted.h"
#include "takt/infer/reuse/fixed.h"
#include "takt/infer/reuse/test_chain.h"

namespace takt::reuse {
namespace {

constexpr int kLayers = 8, kSteps = 40, kUpdates = 5, kChains = 6;

struct Errors {
  double uniform = 0, shared = 0, blocks = 0, united = 0, budgeted = 0;
};

Errors ErrorsOf(const Chain& chain) {
  const auto similarity = chain.Similarity();
  const auto bac = [&](const BacOptions& options) {
    return chain.RelativeError(BacSchedule(chain.blocks(), similarity, options));
  };
  const Costs costs{.block = std::vector<double>(chain.blocks().size(), 1.0), .step = 0};
  const double work = kUpdates * static_cast<double>(chain.blocks().size());
  return {.uniform = chain.RelativeError(Uniform(chain.blocks(), kSteps, kUpdates)),
          .shared = bac({.updates = kUpdates, .shared = true}),
          .blocks = bac({.updates = kUpdates, .union_blocks = 0}),
          .united = bac({.updates = kUpdates, .union_blocks = 8}),
          .budgeted = chain.RelativeError(Budgeted(chain.blocks(), similarity, costs, {.max_work = work}).schedule)};
}

TEST(Chain, AllComputeHasTheBitsOfNoSchedule) {
  const Chain chain(4, 16, 20, 1);
  EXPECT_EQ(chain.Run(AllCompute(chain.blocks(), 20)), chain.RunPlainly());
  EXPECT_EQ(chain.RelativeError(Uniform(chain.blocks(), 20, 20)), 0);
  EXPECT_GT(chain.RelativeError(Uniform(chain.blocks(), 20, 19)), 0);
}

TEST(Chain, MoreUpdatesOfAllBlocksTogetherErrLess) {
  const Chain chain(4, 16, kSteps, 1);
  const auto similarity = chain.Similarity();
  double before = 1e9;
  for (const int updates : {1, 2, 4, 8, 16, 32, 40}) {
    const double error =
        chain.RelativeError(BacSchedule(chain.blocks(), similarity, {.updates = updates, .shared = true}));
    EXPECT_LT(error, before) << updates;
    before = error;
  }
  EXPECT_EQ(before, 0);
}

// BAC, section 4.3: with steps of its own each block is nearer to the truth where the others are exact, and the whole
// is farther from it than with steps that all share, since blocks compute from stale values and keep the result. The
// union mends part of it.
TEST(Chain, StepsOfEachBlockAloneAreWorseThanSharedOnes) {
  int blocks_worse = 0, united_better = 0, budgeted_best = 0;
  Errors sum;
  for (int seed = 0; seed < kChains; ++seed) {
    const Chain chain(kLayers, 16, kSteps, static_cast<uint64_t>(seed));
    const Errors e = ErrorsOf(chain);
    blocks_worse += e.blocks > e.shared;
    united_better += e.united < e.blocks;
    budgeted_best += e.budgeted < e.shared && e.budgeted < e.blocks && e.budgeted < e.uniform;
    sum.uniform += e.uniform;
    sum.shared += e.shared;
    sum.blocks += e.blocks;
    sum.united += e.united;
    sum.budgeted += e.budgeted;
  }
  EXPECT_GE(blocks_worse, kChains - 1);
  EXPECT_GE(united_better, kChains - 1);
  EXPECT_GE(budgeted_best, kChains - 1);
  EXPECT_GT(sum.blocks, 1.05 * sum.shared);
  EXPECT_LT(sum.united, 0.95 * sum.blocks);
  EXPECT_LT(sum.budgeted, 0.95 * sum.shared);
  EXPECT_LT(sum.shared, sum.uniform);
  RecordProperty("uniform", std::to_string(sum.uniform / kChains));
  RecordProperty("shared", std::to_string(sum.shared / kChains));
  RecordProperty("blocks", std::to_string(sum.blocks / kChains));
  RecordProperty("united", std::to_string(sum.united / kChains));
  RecordProperty("budgeted", std::to_string(sum.budgeted / kChains));
}

// The other sources run through the same loop: of the same kind, and along a line.
TEST(Chain, OtherSourcesAreRunAsThePageSays) {
  const Chain chain(2, 8, 6, 3);
  Schedule s = AllCompute(chain.blocks(), 6);
  for (int b = 3; b < 6; ++b) s.at(2, b) = {Source::kKind, 0};
  const auto got = chain.Run(s), exact = chain.RunPlainly();
  EXPECT_EQ(got[1], exact[1]);
  EXPECT_NE(got[2], exact[2]);
  EXPECT_EQ(got[3], exact[3]);  // nothing is kept from a step of this kind
  std::vector<double> h = chain.Input(2);
  std::vector<std::vector<double>> y;
  for (int b = 0; b < 6; ++b) {
    y.push_back(b < 3 ? chain.Compute(b, 2, h) : y[static_cast<size_t>(b - 3)]);
    for (size_t i = 0; i < h.size(); ++i) h[i] += y.back()[i];
  }
  EXPECT_EQ(got[2], h);
}

// Where outputs move along a line, a line is nearer than a value that is held.
TEST(Chain, ALineIsNearerThanAHeldValueOnSlowChains) {
  double held = 0, line = 0;
  for (uint64_t seed = 0; seed < kChains; ++seed) {
    const Chain chain(4, 16, 200, seed);
    held += chain.RelativeError(Uniform(chain.blocks(), 200, 100));
    line += chain.RelativeError(Uniform(chain.blocks(), 200, 100, 1));
  }
  EXPECT_LT(line, held);
}

}  // namespace
}  // namespace takt::reuse
