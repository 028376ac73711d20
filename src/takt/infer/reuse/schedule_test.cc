// SPDX-License-Identifier: Apache-2.0
#include "takt/infer/reuse/schedule.h"

#include <gtest/gtest.h>

#include <cmath>

#include "takt/core/base/error.h"
#include "takt/infer/reuse/test_schedules.h"

namespace takt::reuse {
namespace {

TEST(BlockNames, GoThereAndBack) {
  for (const Block& block : TransformerBlocks(12)) {
    Block back;
    ASSERT_TRUE(ParseBlockName(BlockName(block), &back));
    EXPECT_EQ(back, block);
  }
  EXPECT_EQ(BlockName(TransformerBlocks(2)[5]), "l1.ffn");
  EXPECT_EQ(TransformerBlocks(2, false).size(), 4u);
  Block block;
  for (const char* name : {"", "l", "l.", "l.sa", "l0", "l0.", "l0.x", "l00.sa", "l-1.sa", "l-0.sa", "l+1.sa",
                           "l99999999999.sa", "l1x.sa", "L0.sa", "l0.sa ", " l0.sa"}) {
    EXPECT_FALSE(ParseBlockName(name, &block)) << name;
  }
}

TEST(Schedule, AllComputeIsValidAndCostsEverything) {
  const Schedule s = AllCompute(TransformerBlocks(8), 100);
  EXPECT_TRUE(FindFaults(s).empty());
  EXPECT_EQ(ComputedCells(s), 2400u);
  EXPECT_EQ(ComputeShare(s, {.block = BlockFlops(s.blocks, {}), .step = 1e6}), 1.0);
  const std::vector<Origin> origins = ResolveOrigins(s);
  for (size_t i = 0; i < origins.size(); ++i) {
    ASSERT_EQ(origins[i].step * 24 + origins[i].block, static_cast<int>(i));
    ASSERT_EQ(origins[i].step_before, -1);
  }
}

TEST(Schedule, FlopsOfTheModelOfThePaper) {
  // DP-T on RoboMimic: 8 layers, T = 10, D = 256, 100 steps: 15.77 GFLOP with embeddings and head (BAC, table 1).
  double sum = 0;
  for (const double flops :
       BlockFlops(TransformerBlocks(8),
                  {.tokens = 10, .width = 256, .hidden = 1024, .memory_tokens = 3, .memory_ready = false})) {
    sum += 100 * flops;
  }
  EXPECT_GT(sum, 15.2e9);
  EXPECT_LT(sum, 15.77e9);
}

TEST(Schedule, OriginsFollowTheSources) {
  const Schedule s = FromRows({"#--#/-k",   // l0.sa
                               "##-/k-#",   // l0.ca
                               "#--tt-/",   // l0.ffn
                               "kk#----",   // l1.sa
                               "#------",   // l1.ca
                               "#k-----"},  // l1.ffn
                              4);
  const std::vector<Origin> origins = ResolveOrigins(s);
  const auto at = [&](int k, int b) { return origins[static_cast<size_t>(k * 6 + b)]; };
  EXPECT_EQ(at(2, 0).step, 0);  // held from the last fresh step
  EXPECT_EQ(at(4, 0).step, 3);  // a line through 0 and 3, one step on
  EXPECT_EQ(at(4, 0).step_before, 0);
  EXPECT_DOUBLE_EQ(at(4, 0).weight, 1.0 / 3);
  EXPECT_EQ(at(6, 0).step, 3);  // of its kind, the self-attentions: itself in step 3 came after l1.sa in step 2
  EXPECT_EQ(at(6, 0).block, 0);
  EXPECT_EQ(at(3, 1).step_before, 0);
  EXPECT_DOUBLE_EQ(at(3, 1).weight, 2.0);
  EXPECT_EQ(at(4, 1).step, 1);
  EXPECT_EQ(at(4, 1).block, 1);  // l1.ca was fresh in step 0, l0.ca in step 1
  EXPECT_EQ(at(5, 2).step, 4);   // what comes from the previous tick is fresh
  EXPECT_EQ(at(6, 2).step_before, 3);
  EXPECT_EQ(at(1, 5).step, 0);
  EXPECT_EQ(at(1, 5).block, 5);
}

TEST(Schedule, KindReachesAcrossLayersWithinAPass) {
  const Schedule s = FromRows({"##", "##", "##", "kk", "kk", "kk"});
  const std::vector<Origin> origins = ResolveOrigins(s);
  for (int k = 0; k < 2; ++k) {
    for (int b = 3; b < 6; ++b) {
      EXPECT_EQ(origins[static_cast<size_t>(k * 6 + b)].step, k);
      EXPECT_EQ(origins[static_cast<size_t>(k * 6 + b)].block, b - 3);
    }
  }
}

TEST(Schedule, WorkCountsWhatIsComputed) {
  const Schedule s = FromRows({"#-#-", "####", "tttt"}, 4);
  const Costs costs{.block = {1, 10, 100}, .step = 1000};
  EXPECT_DOUBLE_EQ(Work(s, costs), 4000 + 2 + 40 + 400 / 4);
  EXPECT_DOUBLE_EQ(ComputeShare(s, costs), 4142.0 / 4444);
  EXPECT_EQ(ComputedCells(s), 6u);
  EXPECT_EQ(ComputeShare(s, {.block = {0, 0, 0}, .step = 0}), 1.0);
  EXPECT_THROW(Work(s, {.block = {1, 2}, .step = 0}), Error);
  EXPECT_THROW(Work(s, {.block = {1, 2, -1}, .step = 0}), Error);
  EXPECT_THROW(Work(s, {.block = {1, 2, NAN}, .step = 0}), Error);
  EXPECT_THROW(Work(s, {.block = {1, 2, 3}, .step = INFINITY}), Error);
}

TEST(Schedule, FromUpdatesExtrapolatesOnceTwoValuesAreThere) {
  const Schedule s = FromUpdates(TransformerBlocks(1), 6, {{0, 2}, {3, 0, 3}, {0}}, 1);
  EXPECT_EQ(s, FromRows({"#-#///", "#--#//", "#-----"}));
  EXPECT_EQ(FreshSteps(s, 1), (std::vector<int>{0, 3}));
  EXPECT_THROW(FromUpdates(TransformerBlocks(1), 6, {{0}, {1}, {0}}), Error);
  EXPECT_THROW(FromUpdates(TransformerBlocks(1), 6, {{0}, {0, 6}, {0}}), Error);
  EXPECT_THROW(FromUpdates(TransformerBlocks(1), 6, {{0}, {0, -1}, {0}}), Error);
  EXPECT_THROW(FromUpdates(TransformerBlocks(1), 6, {{0}, {0}}), Error);
  EXPECT_THROW(FromUpdates(TransformerBlocks(1), 6, {{0}, {0}, {0}}, 2), Error);
}

TEST(Schedule, RefusesWhatCannotBe) {
  EXPECT_THROW(AllCompute(TransformerBlocks(1), 0), Error);
  EXPECT_THROW(AllCompute(TransformerBlocks(1), -1), Error);
  EXPECT_THROW(AllCompute(TransformerBlocks(1), kMaxSteps + 1), Error);
  EXPECT_THROW(AllCompute({}, 4), Error);
  EXPECT_THROW(AllCompute({{1, BlockKind::kSelfAttention}, {0, BlockKind::kSelfAttention}}, 4), Error);
  EXPECT_THROW(AllCompute({{0, BlockKind::kSelfAttention}, {0, BlockKind::kSelfAttention}}, 4), Error);
  EXPECT_THROW(AllCompute({{-1, BlockKind::kSelfAttention}}, 4), Error);
  Schedule s = AllCompute(TransformerBlocks(1), 4);
  s.at(1, 1).source = static_cast<Source>(7);
  EXPECT_EQ(FindFaults(s).size(), 1u);
  s = AllCompute(TransformerBlocks(1), 4);
  s.at(2, 1) = {Source::kKind, 1};
  EXPECT_EQ(FindFaults(s).size(), 1u);
  s.at(2, 1) = {Source::kOwn, 2};
  EXPECT_EQ(FindFaults(s).size(), 1u);
  s = AllCompute(TransformerBlocks(1), 4);
  s.cells.pop_back();
  EXPECT_EQ(FindFaults(s).size(), 1u);
  s = AllCompute(TransformerBlocks(1), 4);
  s.tick_refresh = 4;
  EXPECT_EQ(FindFaults(s).size(), 1u);
}

TEST(Schedule, PictureHasAColourForEachSource) {
  const Schedule s = FromRows({"#-k", "#--", "ttt"}, 2);
  const Image8 image = SchedulePicture(s, 2);
  ASSERT_EQ(image.width_px, 6);
  ASSERT_EQ(image.height_px, 6);
  const auto at = [&](int k, int b) {
    const uint8_t* p = image.row(2 * b + 1) + (2 * k + 1) * 3;
    return std::vector<int>{p[0], p[1], p[2]};
  };
  EXPECT_EQ(at(0, 0), (std::vector<int>{20, 20, 20}));
  EXPECT_EQ(at(2, 0), (std::vector<int>{90, 140, 235}));
  EXPECT_EQ(at(1, 2), (std::vector<int>{70, 180, 110}));
  EXPECT_GT(at(1, 1)[1], at(2, 1)[1]);  // older is redder
  EXPECT_THROW(SchedulePicture(s, 0), Error);
  EXPECT_THROW(SchedulePicture(s, 65), Error);
}

}  // namespace
}  // namespace takt::reuse
