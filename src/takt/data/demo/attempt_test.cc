// SPDX-License-Identifier: Apache-2.0
#include "takt/data/demo/attempt.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "takt/core/base/error.h"
#include "takt/core/base/parallel.h"
#include "takt/data/demo/perturb.h"

namespace takt::demo {
namespace {

AttemptOptions OptionsFor(TaskKind kind, uint64_t seed = 1) {
  AttemptOptions options;
  options.stage.task = kind;
  options.stage.recipe = scene::LoadRecipe(std::string(DefaultRecipe(kind)));
  options.stage.seed = seed;
  return options;
}

std::vector<Action> ActionsOf(const Attempt& attempt) {
  std::vector<Action> actions;
  for (const Frame& frame : attempt.frames) actions.push_back(frame.action);
  return actions;
}

class EveryTaskRuns : public testing::TestWithParam<int> {};

TEST_P(EveryTaskRuns, IsKeptRepeatedAndReplayedBitForBit) {
  const AttemptOptions options = OptionsFor(static_cast<TaskKind>(GetParam()));
  const Attempt attempt = MakeAttempt(options, 0);
  ASSERT_EQ(attempt.reason, Reason::kKept) << attempt.detail;
  EXPECT_GT(attempt.frames.size(), 50u);
  ASSERT_FALSE(attempt.held.empty());

  // On another thread, the same bits.
  Attempt again;
  ParallelFor(2, 1, [&](size_t begin, size_t) {
    if (begin == 1) again = MakeAttempt(options, 0);
  });
  EXPECT_EQ(again.digest, attempt.digest);
  EXPECT_EQ(ActionsOf(again), ActionsOf(attempt));

  // From the actions alone, the same bits; and the judge keeps it again.
  const Stage stage = MakeStage(options.stage, 0);
  const Replayed replayed = Replay(stage, stage.model, options.fps, ActionsOf(attempt), attempt.held);
  EXPECT_EQ(replayed.digest, attempt.digest);
  EXPECT_EQ(Judge(replayed.trace, options.limits).reason(), Reason::kKept);

  // One bit of one action is another episode.
  std::vector<Action> other = ActionsOf(attempt);
  other[10][0] = std::nextafter(other[10][0], 10.0f);
  EXPECT_NE(Replay(stage, stage.model, options.fps, other, attempt.held).digest, attempt.digest);
}

INSTANTIATE_TEST_SUITE_P(Task, EveryTaskRuns, testing::Range(0, kTaskCount),
                         [](const auto& info) { return std::string(TaskName(static_cast<TaskKind>(info.param))); });

TEST(Stage, ScenesComeToRest) {
  for (const TaskKind kind : {TaskKind::kPickPlace, TaskKind::kCarryOpenCup}) {
    const AttemptOptions options = OptionsFor(kind);
    for (uint64_t i = 0; i < 12; ++i) {
      const Stage stage = MakeStage(options.stage, i);
      Execution run(stage, stage.model, options.fps);
      EXPECT_TRUE(run.Settle()) << TaskName(kind) << " " << i;
    }
  }
}

TEST(Stage, DrawsDifferentEpisodes) {
  const AttemptOptions options = OptionsFor(TaskKind::kStack);
  const Stage a = MakeStage(options.stage, 0), b = MakeStage(options.stage, 1), c = MakeStage(options.stage, 0);
  EXPECT_NE(a.start_rad, b.start_rad);
  EXPECT_EQ(a.start_rad, c.start_rad);
  EXPECT_EQ(a.task.instruction, c.task.instruction);
}

TEST(Stage, RecoveriesBeginAnywhereNearTheTask) {
  AttemptOptions options = OptionsFor(TaskKind::kPickPlace);
  options.stage.random.recovery = 0.75;
  int closed = 0, away = 0, kept = 0;
  for (uint64_t i = 0; i < 16; ++i) {
    const Stage stage = MakeStage(options.stage, i);
    double bend = 0;
    for (size_t j = 0; j < stage.start_rad.size(); ++j) {
      bend = std::max(bend, std::abs(stage.start_rad[j] - stage.robot.home_rad[j]));
    }
    away += bend > options.stage.random.posture_rad + 1e-9;
    closed += stage.start_opening_m == 0;
    const Attempt attempt = MakeAttempt(options, i);
    kept += attempt.reason == Reason::kKept;
    ASSERT_FALSE(attempt.frames.empty()) << attempt.detail;
    EXPECT_NEAR(attempt.frames[0].state.back(), stage.start_opening_m, 2e-3);
    EXPECT_NEAR(attempt.frames[0].state[0], stage.start_rad[0], 2e-2);
  }
  EXPECT_GE(away, 8);
  EXPECT_LE(away, 15);
  EXPECT_GE(closed, 3);
  EXPECT_GE(kept, 14);
}

TEST(Execution, RefusesAFrameRateThatDoesNotDivideThePhysics) {
  const AttemptOptions options = OptionsFor(TaskKind::kStack);
  const Stage stage = MakeStage(options.stage, 0);
  EXPECT_THROW(Execution(stage, stage.model, 30), Error);
  EXPECT_NO_THROW(Execution(stage, stage.model, 50));
}

class Spoilt : public testing::Test {
 protected:
  void SetUp() override {
    options_ = OptionsFor(TaskKind::kStack);
    attempt_ = MakeAttempt(options_, 0);
    ASSERT_EQ(attempt_.reason, Reason::kKept) << attempt_.detail;
    stage_ = MakeStage(options_.stage, 0);
    actions_ = ActionsOf(attempt_);
  }
  std::vector<Reason> Reasons(const std::vector<Action>& actions, const std::vector<HeldRun>& held) const {
    std::vector<Reason> reasons;
    for (const Finding& f :
         Judge(Replay(stage_, stage_.model, options_.fps, actions, held).trace, options_.limits).findings) {
      reasons.push_back(f.reason);
    }
    return reasons;
  }
  static bool Has(const std::vector<Reason>& reasons, Reason reason) {
    return std::find(reasons.begin(), reasons.end(), reason) != reasons.end();
  }

  AttemptOptions options_;
  Attempt attempt_;
  Stage stage_;
  std::vector<Action> actions_;
};

TEST_F(Spoilt, OpeningOnTheWayIsADrop) {
  const HeldRun& run = attempt_.held.front();
  for (size_t k = (run.begin + run.end) / 2; k < run.end; ++k) actions_[k].back() = 0.08f;
  EXPECT_TRUE(Has(Reasons(actions_, attempt_.held), Reason::kDrop));
}

TEST_F(Spoilt, EndingAtTheReleaseIsUnsettled) {
  actions_.resize(attempt_.held.back().end + 3);
  EXPECT_TRUE(Has(Reasons(actions_, attempt_.held), Reason::kUnsettled));
}

TEST_F(Spoilt, StandingStillIsIdle) {
  actions_.insert(actions_.begin() + 8, 20, actions_[8]);
  std::vector<HeldRun> held = attempt_.held;
  for (HeldRun& run : held) {
    run.begin += 20;
    run.end += 20;
  }
  EXPECT_EQ(Reasons(actions_, held), std::vector<Reason>{Reason::kIdle});
}

TEST_F(Spoilt, PuttingDownElsewhereIsMissed) {
  const HeldRun& run = attempt_.held.back();
  for (size_t k = run.begin; k < actions_.size(); ++k) {
    actions_[k][0] += static_cast<float>(0.5 * std::min(1.0, static_cast<double>(k - run.begin) / 30));
  }
  EXPECT_TRUE(Has(Reasons(actions_, attempt_.held), Reason::kMissed));
}

TEST_F(Spoilt, SurvivesOtherPhysicsUnspoilt) {
  for (const Perturbation& perturbation : kPerturbations) {
    const Verdict verdict =
        JudgePerturbed(stage_, perturbation, options_.fps, actions_, attempt_.held, options_.limits);
    EXPECT_TRUE(verdict.findings.empty()) << perturbation.name << ": " << verdict.findings.front().what;
  }
}

}  // namespace
}  // namespace takt::demo
