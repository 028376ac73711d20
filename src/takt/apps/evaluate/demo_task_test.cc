// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "takt/apps/evaluate/evaluate.h"
#include "takt/apps/evaluate/windows.h"
#include "takt/core/base/error.h"
#include "takt/core/base/file.h"
#include "takt/data/demo/generate.h"
#include "takt/data/demo/record.h"

namespace takt::evaluate {
namespace {

// A set of two demonstrations with pictures, made once in each process: ctest runs every test in one of its own.
const std::string& Dataset() {
  static const std::string folder = [] {
    demo::GenerateOptions options;
    options.task = demo::TaskKind::kPickPlace;
    options.episodes = 2;
    options.seed = 7;
    options.width_px = 48;
    options.height_px = 32;
    options.codec = "png";
    options.front = demo::FrontCamera::kStation;
    options.out = std::filesystem::path(testing::TempDir()) / ("takt_evaluate_demos_" + std::to_string(getpid()));
    std::filesystem::remove_all(options.out);
    demo::Generate(options);
    return options.out.string();
  }();
  return folder;
}

policy::PolicyConfig Config() {
  policy::PolicyConfig config;
  config.state_keys = {"observation.state"};
  config.state_dims = {6};
  config.action_dim = 6;
  config.fps = 25;
  return config;
}

// The attempt behind a start of the task.
demo::Attempt AttemptOf(const Start& start) {
  for (const auto& entry : std::filesystem::directory_iterator(Dataset() + "/meta")) {
    if (!entry.path().filename().string().starts_with("takt_demo_")) continue;
    demo::AttemptOptions options = demo::OptionsOfRecord(entry.path());
    EXPECT_EQ(options.stage.seed, 7u);
    options.stage.seed += 1'000'000'007;
    return demo::MakeAttempt(options, start.seed);
  }
  ADD_FAILURE() << "no record";
  return {};
}

Outcome Play(Episode& episode, const std::vector<demo::Action>& actions) {
  for (size_t k = 0; !episode.Now().over; ++k) episode.Step(actions[std::min(k, actions.size() - 1)]);
  return episode.Now();
}

TEST(DemoTask, TheDemonstratorSucceedsInScenesThatNobodyShowed) {
  const auto task = MakeDemoTask(Dataset(), Config());
  const std::vector<Start> starts = task->Starts(0, 2);
  EXPECT_EQ(task->Starts(1, 1)[0], starts[1]);
  for (const Start& start : starts) {
    const demo::Attempt attempt = AttemptOf(start);
    ASSERT_EQ(attempt.reason, demo::Reason::kKept);
    EXPECT_EQ(start.max_steps, 2 * static_cast<int>(attempt.frames.size()));
    std::vector<demo::Action> actions;
    for (const demo::Frame& frame : attempt.frames) actions.push_back(frame.action);
    const auto episode = task->Begin(start);
    EXPECT_EQ(episode->Observe().state, attempt.frames[0].state);
    const Outcome outcome = Play(*episode, actions);
    EXPECT_TRUE(outcome.success) << outcome.detail;
    EXPECT_EQ(outcome.score, 1);

    // The same way with an open gripper moves nothing.
    for (demo::Action& action : actions) action.back() = attempt.frames[0].action.back();
    const Outcome open = Play(*task->Begin(start), actions);
    EXPECT_FALSE(open.success);
    EXPECT_EQ(open.score, 0);
    EXPECT_FALSE(open.detail.empty());
  }
}

TEST(DemoTask, ShowsWhatThePolicyAsksFor) {
  policy::PolicyConfig config = Config();
  config.state_keys = {"observation.environment_state", "observation.state"};
  config.state_dims = {14, 6};
  config.pictures = {{"observation.images.wrist", 96, 96}, {"observation.images.front", 96, 96}};
  const auto task = MakeDemoTask(Dataset(), config);
  const Start start = task->Starts(0, 1)[0];
  const auto episode = task->Begin(start);
  const policy::Observation seen = episode->Observe();
  const demo::Attempt attempt = AttemptOf(start);
  std::vector<float> wanted = attempt.frames[0].environment;
  wanted.insert(wanted.end(), attempt.frames[0].state.begin(), attempt.frames[0].state.end());
  EXPECT_EQ(seen.state, wanted);
  EXPECT_EQ(seen.instruction, attempt.instruction);
  ASSERT_EQ(seen.pictures.size(), 2u);
  EXPECT_EQ(seen.pictures[0].width_px, 48);
  EXPECT_EQ(seen.pictures[0].height_px, 32);
  EXPECT_EQ(seen.pictures[1].pixels, episode->Draw().pixels);
  EXPECT_NE(seen.pictures[0].pixels, seen.pictures[1].pixels);
}

TEST(Windows, AreWhatTheSetHolds) {
  policy::PolicyConfig config = Config();
  config.pictures = {{"observation.images.front", 96, 96}};
  const Window window = DatasetWindow(Dataset(), config, 1, 5), first = DatasetWindow(Dataset(), config, 1, 0);
  ASSERT_EQ(window.size(), 2u);
  ASSERT_EQ(first.size(), 1u);
  EXPECT_EQ(window[1].state.size(), 6u);
  EXPECT_EQ(window[1].pictures[0].width_px, 48);
  EXPECT_FALSE(window[1].instruction.empty());
  EXPECT_EQ(DatasetWindow(Dataset(), config, 1, 4)[1].state, window[0].state);
  EXPECT_EQ(DatasetWindow(Dataset(), config, 1, 4)[1].pictures[0].pixels, window[0].pictures[0].pixels);
  const std::vector<Window> some = DatasetWindows(Dataset(), config, 5, 0);
  ASSERT_EQ(some.size(), 5u);
  EXPECT_NE(some[0][0].state, some[4][0].state);
  EXPECT_NE(DatasetWindows(Dataset(), config, 5, 1)[0].back().state, some[0].back().state);
  EXPECT_THROW(DatasetWindow(Dataset(), config, 7, 0), Error);
  EXPECT_THROW(DatasetWindow(Dataset(), config, 1, 100000), Error);
  EXPECT_THROW(DatasetWindow(Dataset(), config, 1, -1), Error);
  config.state_dims = {5};
  EXPECT_THROW(DatasetWindow(Dataset(), config, 1, 5), Error);
  config.state_keys = {"observation.force"};
  EXPECT_THROW(DatasetWindow(Dataset(), config, 1, 5), Error);
}

TEST(DemoTask, WhatDoesNotFitIsNamed) {
  const auto fails = [](const policy::PolicyConfig& config, const std::string& word) {
    try {
      MakeDemoTask(Dataset(), config);
      ADD_FAILURE() << word;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kBadInput);
      EXPECT_NE((error.message() + error.hint()).find(word), std::string::npos) << error.what();
    }
  };
  policy::PolicyConfig config = Config();
  config.state_dims = {5};
  fails(config, "5 of observation.state");
  config = Config();
  config.state_keys = {"observation.force"};
  fails(config, "observation.force");
  config = Config();
  config.action_dim = 2;
  fails(config, "actions of 2");
  config = Config();
  config.fps = 10;
  fails(config, "10 Hz");
  config = Config();
  config.pictures = {{"observation.images.ceiling", 96, 96}};
  fails(config, "ceiling");
  EXPECT_THROW(MakeTask("demo:/nowhere", Config()), Error);
}

}  // namespace
}  // namespace takt::evaluate
