// SPDX-License-Identifier: Apache-2.0
#include "takt/apps/evaluate/evaluate.h"

#include <gtest/gtest.h>

#include <cmath>

#include "takt/core/base/error.h"
#include "takt/core/base/file.h"
#include "takt/core/base/parallel.h"
#include "takt/core/base/rng.h"
#include "takt/data/sim/pusht.h"

namespace takt::evaluate {
namespace {

policy::PolicyConfig PushTConfig() {
  policy::PolicyConfig config;
  config.state_keys = {"observation.state"};
  config.state_dims = {20};
  config.action_dim = 2;
  config.fps = 10;
  return config;
}

// Walks about by chance: what an untrained policy does.
class Wanderer : public Actor {
 public:
  explicit Wanderer(double spread_px) : spread_px_(spread_px) {}
  void Reset(uint64_t seed) override {
    rng_ = Rng(seed);
    tick_ = 0;
  }
  policy::Chunk Act(std::span<const policy::Observation> window) override {
    EXPECT_EQ(window.size(), tick_ == 0 ? 1u : 2u);
    policy::Chunk chunk{8, 2, {}};
    for (uint64_t k = 0; k < 8; ++k) {
      const auto n = rng_.Normal4(8 * tick_ + k);
      for (size_t a = 0; a < 2; ++a) {
        chunk.actions.push_back(window.back().state[18 + a] + static_cast<float>(spread_px_) * n[a]);
      }
    }
    ++tick_;
    return chunk;
  }

 private:
  double spread_px_;
  Rng rng_{0};
  uint64_t tick_ = 0;
};

MakeActor Wanderers(double spread_px) {
  return [spread_px] { return std::make_unique<Wanderer>(spread_px); };
}

TEST(Evaluate, PushTStartsAreThePublishedOnes) {
  const auto task = MakePushTTask(PushTConfig());
  const std::vector<Start> starts = task->Starts(3, 2);
  ASSERT_EQ(starts.size(), 2u);
  EXPECT_EQ(starts[0].seed, 100003u);
  EXPECT_EQ(starts[1].max_steps, 300);
  sim::PushT world;
  world.Reset(100003);
  const auto state = world.Observation();
  EXPECT_EQ(task->Begin(starts[0])->Observe().state, std::vector<float>(state.begin(), state.end()));
}

TEST(Evaluate, EpisodesEndAndScoreTheirBestMoment) {
  const auto task = MakePushTTask(PushTConfig());
  const auto episode = task->Begin(task->Starts(0, 1)[0]);
  sim::PushT world;
  world.Reset(100000);
  double best = 0;
  for (int k = 0; k < 300; ++k) {
    ASSERT_FALSE(episode->Now().over);
    const std::vector<float> action = {256.0f + 200.0f * std::sin(0.3f * static_cast<float>(k)), 900.0f};
    episode->Step(action);
    world.Step({static_cast<double>(action[0]), 512});  // beyond the table: clamped
    best = std::max(best, world.Reward());
    ASSERT_EQ(episode->Now().score, best);
  }
  EXPECT_TRUE(episode->Now().over);
  EXPECT_FALSE(episode->Now().success);
  EXPECT_THROW(episode->Step(std::vector<float>{1}), Error);
}

TEST(Evaluate, PoliciesOfAnotherTaskAreRefused) {
  policy::PolicyConfig config = PushTConfig();
  config.action_dim = 6;
  EXPECT_THROW(MakeTask("pusht", config), Error);
  config = PushTConfig();
  config.state_dims = {7};
  EXPECT_THROW(MakeTask("pusht", config), Error);
  config = PushTConfig();
  config.pictures.push_back({"observation.images.front", 96, 96});
  EXPECT_THROW(MakeTask("pusht", config), Error);
  EXPECT_THROW(MakeTask("tetris", PushTConfig()), Error);
}

TEST(Evaluate, ThreadsChangeNothing) {
  const auto task = MakePushTTask(PushTConfig());
  const std::vector<Start> starts = task->Starts(0, 6);
  std::vector<Evaluation> runs;
  for (int threads : {1, 2}) {
    SetThreadCount(threads);
    RunOptions options;
    options.films = 1;
    runs.push_back(RunEpisodes(*task, Wanderers(60), 2, starts, options, "wanderer"));
  }
  SetThreadCount(0);
  for (size_t i = 0; i < starts.size(); ++i) {
    EXPECT_EQ(runs[0].episodes[i].score, runs[1].episodes[i].score);
    EXPECT_EQ(runs[0].episodes[i].steps, runs[1].episodes[i].steps);
  }
  ASSERT_EQ(runs[0].films.size(), 1u);
  EXPECT_EQ(FilmStrip(runs[0].films[0]).pixels, FilmStrip(runs[1].films[0]).pixels);
}

TEST(Evaluate, AWandererFailsAndOtherNoiseIsAnotherWalk) {
  const auto task = MakePushTTask(PushTConfig());
  const std::vector<Start> starts = task->Starts(0, 6);
  RunOptions options;
  const Evaluation one = RunEpisodes(*task, Wanderers(60), 2, starts, options, "one");
  options.noise_seed = 1;
  const Evaluation other = RunEpisodes(*task, Wanderers(60), 2, starts, options, "other");
  EXPECT_EQ(one.successes(), 0);
  EXPECT_LT(one.mean_score(), 0.7);
  const Comparison c = Compare(one, other);
  EXPECT_EQ(c.counts.neither, 6);
  EXPECT_NE(c.score_difference, 0);
  EXPECT_LE(c.score_interval.low, c.score_difference);
  EXPECT_GE(c.score_interval.high, c.score_difference);
  EXPECT_THROW(Compare(one, RunEpisodes(*task, Wanderers(60), 2, task->Starts(1, 6), options, "late")), Error);
}

TEST(Evaluate, RecordsAndReports) {
  const auto task = MakePushTTask(PushTConfig());
  RunOptions options;
  options.films = 1;
  std::vector<Evaluation> runs = {RunEpisodes(*task, Wanderers(60), 2, task->Starts(0, 2), options, "sixty"),
                                  RunEpisodes(*task, Wanderers(20), 2, task->Starts(0, 2), options, "twenty")};
  const auto json = ToJson(runs[0], true);
  const std::vector<EpisodeResult> again = EpisodesOfJson(json, "record");
  ASSERT_EQ(again.size(), 2u);
  EXPECT_EQ(again[1].start, runs[0].episodes[1].start);
  EXPECT_EQ(again[1].score, runs[0].episodes[1].score);
  EXPECT_THROW(EpisodesOfJson({{"per_episode", 3}}, "record"), Error);
  EXPECT_THROW(EpisodesOfJson({{"per_episode", {{{"seed", "x"}}}}}, "record"), Error);
  const std::filesystem::path path = std::filesystem::path(testing::TempDir()) / "evaluation.html";
  WriteEvaluationReport(*task, "a wanderer", runs, path);
  const std::string page = ReadTextFile(path);
  EXPECT_NE(page.find("only the first"), std::string::npos);
  EXPECT_NE(page.find("<img"), std::string::npos);
  EXPECT_EQ(page.find("nan"), std::string::npos);
}

}  // namespace
}  // namespace takt::evaluate
