// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "takt/data/demo/execute.h"
#include "takt/data/demo/judge/judge.h"
#include "takt/data/demo/stage.h"

namespace takt::demo {

struct AttemptOptions {
  StageOptions stage;
  int fps = 25;        // control steps and frames a second
  double speed = 0.8;  // share of the arm's velocity limits that motions may use, (0, 1]
  JudgeLimits limits;
};

// What a policy sees and does at one control step; the picture is rendered from `qpos` later.
struct Frame {
  std::vector<float> state;        // [J + 1] before the action
  std::vector<float> environment;  // [S, 14] for each step of the task: poses (x y z, w x y z) of object and target
  Action action;                   // [J + 1]
  std::vector<double> qpos;        // of the model, before the action
};

// The gripper is meant to hold `object_idx` during the actions [begin, end).
struct HeldRun {
  int object_idx = 0;
  size_t begin = 0, end = 0;
};

// How an attempt spent its time, CPU seconds of its thread.
struct AttemptCost {
  double stage_s = 0, plan_s = 0, physics_s = 0, judge_s = 0;
};

struct Attempt {
  uint64_t index = 0;
  Reason reason = Reason::kKept;
  std::string detail;             // one line for people; empty where kept
  std::vector<Finding> findings;  // what the judge said
  std::string instruction;
  std::vector<Frame> frames;  // [T]
  std::vector<HeldRun> held;
  std::vector<float> features;  // EpisodeFeatures
  std::string digest;           // Execution::Digest; empty where nothing was executed
  AttemptCost cost;
};

// Stages, plans, executes and judges attempt `index`. What cannot be planned or fails in physics is an answer with a
// reason, not an error. Steps are planned one after another, each from where physics left the objects. Errors: as
// MakeStage. Determinism: a pure function of its arguments, but for `cost`.
Attempt MakeAttempt(const AttemptOptions& options, uint64_t index);

// The actions of an attempt in the physics of `model` (the stage's or a variant), from the start of the stage.
struct Replayed {
  Trace trace;  // ends early where the simulation diverged
  std::string digest;
  bool diverged = false;
};
Replayed Replay(const Stage& stage, std::shared_ptr<const sim::Model> model, int fps,
                const std::vector<Action>& actions, const std::vector<HeldRun>& held);

}  // namespace takt::demo
