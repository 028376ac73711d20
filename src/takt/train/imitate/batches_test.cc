// SPDX-License-Identifier: Apache-2.0
#include "takt/train/imitate/batches.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "takt/core/base/error.h"
#include "takt/core/base/parallel.h"
#include "takt/train/imitate/teleop.h"
#include "takt/train/imitate/test_demonstrations.h"

namespace takt::imitate {
namespace {

TEST(Normaliser, MapsTheRangeAndLeavesConstantsAtZero) {
  const TrainingConfig config = TestConfig("{}", false);
  const Demonstrations demonstrations = TestDemonstrations(config, 6);
  const Normaliser state = FitNormaliser(demonstrations, &Episode::state, 3);
  EXPECT_EQ(state.scale[2], 1);
  EXPECT_EQ(state.offset[2], -7);
  const Normaliser action = FitNormaliser(demonstrations, &Episode::action, 2);
  for (int column = 0; column < 2; ++column) {
    float low = 2, high = -2;
    for (const Episode& episode : demonstrations.episodes) {
      for (size_t i = static_cast<size_t>(column); i < episode.action.size(); i += 2) {
        const float x = episode.action[i] * action.scale[static_cast<size_t>(column)] + action.offset[static_cast<size_t>(column)];
        low = std::min(low, x);
        high = std::max(high, x);
      }
    }
    EXPECT_NEAR(low, -1, 1e-5);
    EXPECT_NEAR(high, 1, 1e-5) << "however small the numbers are";
  }
}

TEST(Batches, CutsWindowsAsTheOriginalDoes) {
  const TrainingConfig config = TestConfig(R"({"batch_size": 16, "held_out": 0})", false);
  const Demonstrations demonstrations = TestDemonstrations(config, 1);
  const Batches batches(demonstrations, config, 3);
  // Starts from -(2 - 1) to 20 - 8 + (4 - 1); `now` is one later.
  EXPECT_EQ(batches.train().front().now, 0);
  EXPECT_EQ(batches.train().back().now, 16);
  EXPECT_EQ(batches.train().size(), 17u);
  EXPECT_TRUE(batches.held_out().empty());
  Batch batch;
  // 17 batches of 16 are 16 passes: every moment comes 16 times.
  std::multiset<float> seen;
  for (int64_t step = 0; step < 17; ++step) {
    batches.Train(step, &batch);
    for (size_t b = 0; b < 16; ++b) seen.insert(batch.state[(b * 2 + 1) * 3]);
  }
  for (const float state : seen) EXPECT_EQ(seen.count(state), 16u);
}

TEST(Batches, NameRelativeActionsFromTheNewestState) {
  TrainingConfig config = TestConfig(R"({"batch_size": 17, "held_out": 0})", false);
  config.policy.relative_action_dims = 1;
  const Demonstrations demonstrations = TestDemonstrations(config, 1);
  const Episode& episode = demonstrations.episodes[0];
  const Batches batches(demonstrations, config, 3);
  Batch batch;
  batches.Train(0, &batch);
  const Normaliser &state = batches.state(), &action = batches.action();
  float low = 2, high = -2;
  for (size_t b = 0; b < 17; ++b) {
    const float newest = (batch.state[(b * 2 + 1) * 3] - state.offset[0]) / state.scale[0];
    for (size_t t = 0; t < 8; ++t) {
      const float* named = &batch.actions[(b * 8 + t) * 2];
      low = std::min(low, named[0]);
      high = std::max(high, named[0]);
      const float first = (named[0] - action.offset[0]) / action.scale[0] + newest;
      const float second = (named[1] - action.offset[1]) / action.scale[1];
      bool there = false;
      for (size_t k = 0; k < 20; ++k) {
        there = there || (std::abs(episode.action[2 * k] - first) < 1e-3f && std::abs(episode.action[2 * k + 1] - second) < 1e-6f);
      }
      EXPECT_TRUE(there) << first << ' ' << second;
    }
  }
  EXPECT_NEAR(low, -1, 1e-5);
  EXPECT_NEAR(high, 1, 1e-5);
}

TEST(Batches, DoNotDependOnThreadsAndMixAsTheyShould) {
  for (const bool flow : {false, true}) {
    const TrainingConfig config = TestConfig(R"({"batch_size": 5, "draws_per_sample": 3, "shift_px": 1})", true, flow);
    const Demonstrations demonstrations = TestDemonstrations(config, 4);
    const Batches batches(demonstrations, config, 3);
    EXPECT_EQ(batches.held_out_episodes(), 1);
    Batch one, four;
    SetThreadCount(1);
    batches.Train(7, &one);
    SetThreadCount(4);
    batches.Train(7, &four);
    EXPECT_EQ(one.noisy, four.noisy);
    EXPECT_EQ(one.target, four.target);
    EXPECT_EQ(one.patches, four.patches);
    EXPECT_EQ(one.bytes, four.bytes);
    if (!flow) continue;
    // noisy = (1 - tau) noise + tau action and target = action - noise: so noisy = action - (1 - tau) target.
    const size_t size = 8 * 2;
    for (size_t n = 0; n < 15; ++n) {
      const float* action = one.actions.data() + n / 3 * size;
      const double rest = (action[0] - one.noisy[n * size]) / one.target[n * size];
      for (size_t i = 1; i < size; ++i) {
        EXPECT_NEAR(one.noisy[n * size + i], action[i] - rest * one.target[n * size + i], 1e-4);
      }
    }
  }
}

TEST(TrainingConfig, NamesWhatIsWrong) {
  const auto message = [](const std::string& training) -> std::string {
    try {
      TestConfig(training, true);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kBadInput);
      return error.what();
    }
    return "nothing";
  };
  EXPECT_NE(message(R"({"batch_size": 0})").find("batch_size"), std::string::npos);
  EXPECT_NE(message(R"({"batch_size": 1.5})").find("batch_size"), std::string::npos);
  EXPECT_NE(message(R"({"learning_rate": "x"})").find("learning_rate"), std::string::npos);
  EXPECT_NE(message(R"({"bf16": 1})").find("bf16"), std::string::npos);
  EXPECT_NE(message(R"({"shift_px": 4})").find("shift_px"), std::string::npos);
  EXPECT_NE(message(R"({"auxiliary": {"key": "nothing"}, "shift_px": 1})").find("nothing"), std::string::npos);
  EXPECT_NE(message(R"({"auxiliary": {"key": "observation.environment_state", "dims": [99]}, "shift_px": 1})").find("99"), std::string::npos);
  EXPECT_NE(message(R"({"auxiliary": {"key": "observation.environment_state", "dims": [-1]}, "shift_px": 1})").find("dims"), std::string::npos);
  EXPECT_NE(message(R"({"picture_stride": 2, "shift_px": 1})").find("picture_stride"), std::string::npos);
  EXPECT_NE(message("[]").find("training"), std::string::npos);
  EXPECT_EQ(message(R"({"shift_px": 1})"), "nothing");
  DatasetFacts facts;
  facts.columns = {{"observation.state", 2}, {"action", 2}};
  facts.fps = 10;
  EXPECT_THROW(ParseTrainingConfig("{", "test", facts), Error);
  const TrainingConfig config = ParseTrainingConfig(FindBuiltinConfig("pusht_state").text, "test", facts);
  EXPECT_EQ(config.policy.state_keys, std::vector<std::string>{"observation.state"});
  EXPECT_THROW(FindBuiltinConfig("nothing"), Error);
}

TEST(Teleop, IsSlowerDriftsAndKeepsWhatBelongsTogether) {
  const TrainingConfig config = TestConfig(R"({"shift_px": 1})", true);
  const Demonstrations clean = TestDemonstrations(config, 30);
  Demonstrations noisy = clean;
  AddTeleopNoise(0, 1, 1, 2, &noisy);
  EXPECT_EQ(noisy.episodes[3].action, clean.episodes[3].action);
  AddTeleopNoise(1, 1, 1, 2, &noisy);
  CheckDemonstrations(noisy, config);
  double longer = 0, square = 0, count = 0;
  for (size_t e = 0; e < 30; ++e) {
    const Episode& episode = noisy.episodes[e];
    longer += static_cast<double>(episode.length) / static_cast<double>(clean.episodes[e].length) / 30;
    for (size_t t = 0; t < static_cast<size_t>(episode.length); ++t) {
      // The clean action follows from the state.
      const float clean_action = 100 * std::sin(std::atan2(episode.state[3 * t], episode.state[3 * t + 1]) + 0.2f);
      square += std::pow(episode.action[2 * t] - clean_action, 2);
      ++count;
    }
  }
  EXPECT_GT(longer, 1.2);
  EXPECT_LT(longer, 1.9);
  const double deviation = std::sqrt(square / count);
  EXPECT_GT(deviation, 2) << "of a range of 200, 2 % are 4";
  EXPECT_LT(deviation, 5);
}

}  // namespace
}  // namespace takt::imitate
