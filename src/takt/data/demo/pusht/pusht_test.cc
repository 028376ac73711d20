// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>

#include "takt/core/base/error.h"
#include "takt/core/base/file.h"
#include "takt/core/base/parallel.h"
#include "takt/data/dataset/dataset.h"
#include "takt/data/dataset/validate.h"
#include "takt/data/demo/pusht/generate.h"

namespace takt::demo {
namespace {

namespace fs = std::filesystem;

class PushTDemoTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("takt_pusht_" + std::to_string(::getpid()));
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  void TearDown() override {
    SetThreadCount(0);
    fs::remove_all(folder_);
  }
  PushTGenerateOptions Options(const char* name, int episodes) const {
    PushTGenerateOptions options;
    options.out = folder_ / name;
    options.episodes = episodes;
    options.demo.expert.beam = 4;  // quick
    options.demo.expert.refined = 2;
    options.seed = 16;
    return options;
  }
  static std::string Bytes(const fs::path& set) {
    std::string all;
    for (const char* file : {"meta/info.json", "meta/stats.json", "meta/takt_episodes.jsonl", "data/chunk-000/file-000.parquet"}) {
      all += ReadTextFile(set / file, 1 << 24);
    }
    return all;
  }
  fs::path folder_;
};

TEST(PushTWay, DistanceToTheBlock) {
  EXPECT_DOUBLE_EQ(DistanceToBlock_px({0, -10}), 10);
  EXPECT_DOUBLE_EQ(DistanceToBlock_px({63, 34}), 5);
  EXPECT_DOUBLE_EQ(DistanceToBlock_px({25, 100}), 10);
  EXPECT_LT(DistanceToBlock_px({0, 15}), 0);
  EXPECT_DOUBLE_EQ(DistanceToBlock_px({30, 45}), 15);  // in the corner, from both
}

TEST(PushTWay, FramesGoThereAndBack) {
  const BlockPose pose{{200, 300}, 2.3};
  const Vec2 p = pose.ToBlock(pose.ToWorld({17, 80}));
  EXPECT_NEAR(p[0], 17, 1e-9);
  EXPECT_NEAR(p[1], 80, 1e-9);
  EXPECT_NEAR(Length(pose.ToWorld(sim::kPushTCog_px) - pose.cog_px), 0, 1e-9);
}

TEST(PushTWay, GoesAroundAndKeepsClear) {
  for (int k = 0; k < 24; ++k) {
    const BlockPose pose{{256, 256}, 0.4 * k};
    const Vec2 from = pose.ToWorld({-80 + 7.0 * k, -70}), to = pose.ToWorld({40, 80});
    const std::vector<Vec2> way = WayAround(pose, from, to);
    ASSERT_FALSE(way.empty());
    EXPECT_NEAR(Length(way.back() - to), 0, 1e-9);
    Vec2 at = from;
    for (const Vec2& corner : way) {
      for (int i = 0; i <= 20; ++i) {
        EXPECT_GT(DistanceToBlock_px(pose.ToBlock(at + (i / 20.0) * (corner - at))), sim::kPushTAgentRadius_px + 3);
      }
      at = corner;
    }
  }
  // Straight where nothing is in the way; away first where it starts too near.
  EXPECT_EQ(WayAround({{256, 256}, 0}, {50, 50}, {450, 60}).size(), 1u);
  EXPECT_EQ(WayAround({{256, 256}, 0}, {256, 256 - 45 - 16}, {450, 60}).size(), 2u);
}

TEST(PushTExpert, SolvesMostStarts) {
  int solved = 0;
  for (uint32_t seed = 16; seed < 20; ++seed) {
    PushTDemoOptions options;
    options.expert.beam = 4;
    options.expert.refined = 2;
    const PushTDemo demo = DemonstratePushT(seed, options);
    solved += demo.solved;
    ASSERT_EQ(demo.observations.size(), demo.actions.size());
    for (size_t t = 0; t < demo.actions.size(); ++t) {
      for (const float x : demo.actions[t]) ASSERT_TRUE(x >= 0 && x <= sim::kPushTSize_px);
      if (t == 0) continue;
      // No leaps, but where a plan is dropped on the way.
      EXPECT_LT(std::hypot(demo.actions[t][0] - demo.actions[t - 1][0], demo.actions[t][1] - demo.actions[t - 1][1]), 40);
    }
  }
  EXPECT_GE(solved, 3);
}

TEST(PushTExpert, RepeatsItself) {
  PushTDemoOptions options;
  options.max_steps = 15;
  options.expert.beam = 3;
  const PushTDemo a = DemonstratePushT(5, options), b = DemonstratePushT(5, options);
  EXPECT_EQ(a.actions, b.actions);
  EXPECT_EQ(a.observations, b.observations);
}

TEST(PushTNoise, HasTheDeviationAndTheShareThatWereAskedFor) {
  PushTDemoOptions options;
  options.noisy_share = 0.5;
  options.noise_px = 4;
  int noisy = 0;
  double sum2 = 0, lag = 0;
  int count = 0;
  for (uint32_t seed = 0; seed < 400; ++seed) {
    if (!PushTIsNoisy(seed, options)) {
      EXPECT_EQ(PushTNoise_px(seed, 3, options), (Vec2{0, 0}));
      continue;
    }
    ++noisy;
    for (int t = 0; t < 50; ++t) {
      const Vec2 n = PushTNoise_px(seed, t, options), next = PushTNoise_px(seed, t + 1, options);
      sum2 += n[0] * n[0] + n[1] * n[1];
      lag += n[0] * next[0] + n[1] * next[1];
      count += 2;
    }
  }
  EXPECT_NEAR(noisy, 200, 40);
  EXPECT_NEAR(std::sqrt(sum2 / count), 4, 0.2);
  EXPECT_NEAR(lag / sum2, 0.75, 0.05);
}

TEST_F(PushTDemoTest, SetsAreTheSameForAnyNumberOfThreadsAndResumeAnywhere) {
  SetThreadCount(1);
  GeneratePushT(Options("one", 2));
  SetThreadCount(2);
  GeneratePushT(Options("two", 1));
  const PushTGenerateReport report = GeneratePushT(Options("two", 2));
  EXPECT_EQ(report.kept, 2);
  EXPECT_EQ(report.run_kept, 1);
  EXPECT_EQ(Bytes(folder_ / "one"), Bytes(folder_ / "two"));

  const dataset::Dataset set = dataset::LoadDataset(folder_ / "two");
  EXPECT_EQ(set.info.fps, 10);
  ASSERT_EQ(set.episodes.size(), 2u);
  for (int64_t e = 0; e < 2; ++e) {
    int steps = -1;
    const PushTReplay replay = ReplayPushT(folder_ / "two", e, [&](const sim::PushT&) { ++steps; });
    EXPECT_EQ(replay.coverage, replay.recorded) << e;
    EXPECT_GT(replay.coverage, sim::kPushTSuccess);
    EXPECT_EQ(steps, set.episodes[static_cast<size_t>(e)].length);
    EXPECT_LT(replay.seed, sim::kPushTEvaluationSeed);
  }
  EXPECT_THROW(ReplayPushT(folder_ / "two", 2), Error);

  PushTGenerateOptions other = Options("two", 3);
  other.demo.noise_px = 5;
  EXPECT_THROW(GeneratePushT(other), Error);
}

TEST_F(PushTDemoTest, RefusesWhatMakesNoSense) {
  const auto refused = [&](auto change) {
    PushTGenerateOptions options = Options("none", 1);
    change(options);
    try {
      GeneratePushT(options);
    } catch (const Error& error) {
      return error.code() == ErrorCode::kBadInput;
    }
    return false;
  };
  EXPECT_TRUE(refused([](auto& o) { o.seed = 100000; }));
  EXPECT_TRUE(refused([](auto& o) { o.seed = 99999, o.episodes = 2; }));
  EXPECT_TRUE(refused([](auto& o) { o.episodes = 0; }));
  EXPECT_TRUE(refused([](auto& o) { o.demo.noise_px = std::nan(""); }));
  EXPECT_TRUE(refused([](auto& o) { o.demo.noisy_share = 2; }));
  EXPECT_TRUE(refused([](auto& o) { o.demo.max_steps = 0; }));
  EXPECT_TRUE(refused([](auto& o) { o.out = ""; }));
}

TEST_F(PushTDemoTest, GivesUpWhereNothingIsSolved) {
  PushTGenerateOptions options = Options("hard", 40);
  options.demo.max_steps = 1;
  options.demo.expert.beam = options.demo.expert.refined = options.demo.expert.pushes = 1;
  try {
    GeneratePushT(options);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInfeasibleBudget);
  }
}

}  // namespace
}  // namespace takt::demo
