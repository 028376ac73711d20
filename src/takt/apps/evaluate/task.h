// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "takt/core/base/progress.h"
#include "takt/core/io/image.h"
#include "takt/core/policy/policy_config.h"
#include "takt/infer/policy/model.h"

namespace takt::evaluate {

// Where an episode begins, and when it is over at the latest.
struct Start {
  uint64_t seed = 0;
  int max_steps = 0;  // control steps
  friend bool operator==(const Start&, const Start&) = default;
};

// How an episode stands.
struct Outcome {
  double score = 0;      // of the episode so far, [0, 1]
  bool success = false;  // reached; it ends the episode
  bool over = false;     // nothing more can come: succeeded, diverged or out of steps
  std::string detail;    // why not, one line; empty where there is nothing to say
};

// One run of a task. Not thread-safe.
class Episode {
 public:
  virtual ~Episode() = default;
  // What the policy sees now. Cost: the rendering, where the policy asked for pictures.
  virtual policy::Observation Observe() = 0;
  // One control step. Arguments: [action_dim]. Not after the end.
  virtual void Step(std::span<const float> action) = 0;
  virtual Outcome Now() const = 0;
  // A picture for people.
  virtual Image8 Draw() = 0;
};

// A closed-loop problem with an endless row of starts that no demonstration has seen. Functions are const and safe to
// call from several threads; a task outlives its episodes. Determinism: an episode is a pure function of its start and
// its actions.
class Task {
 public:
  virtual ~Task() = default;
  virtual std::string name() const = 0;    // "pusht", "demo:DIR"
  virtual std::string metric() const = 0;  // what the score is, for people
  virtual double control_hz() const = 0;
  // Starts number `first` to `first + count - 1`. Cost: for demo tasks, a motion plan for each scene that is tried.
  virtual std::vector<Start> Starts(int first, int count, const ProgressSink& progress = {}) const = 0;
  virtual std::unique_ptr<Episode> Begin(const Start& start) const = 0;
};

// Push-T with the published rules: 20 numbers of state (keypoints and disc, px), a point in px as action, 10 Hz, 300
// steps, seeds from 100000. Score: the largest min(coverage / 0.95, 1) of the episode; success: coverage above 0.95.
// Actions are clamped to the table, 0 ... 512 px, the action space of the published environment.
// Errors: bad_input where the policy wants what the task does not have.
std::unique_ptr<Task> MakePushTTask(const policy::PolicyConfig& config);

// The task that a dataset of `takt demo generate` shows, in scenes that it does not hold: its own options with another
// seed. Only scenes that the demonstrator solves are started: the others may have no solution. Time limit: twice that
// demonstration. Score 1 or 0. Success: every object is where the task wants it, at rest and untouched by the robot,
// for the judge's settle_s, and no liquid was spilled; judged as demonstrations are, but for what the gripper did on
// the way. Pictures are rendered as the dataset's were, in its size, and only those that the policy asks for;
// `observation.environment_state` is there for policies that want it. Errors: not_found; bad_input (no set of takt
// demo; the policy wants other inputs, another frame rate or other actions).
std::unique_ptr<Task> MakeDemoTask(const std::string& dataset, const policy::PolicyConfig& config);

// "pusht", or "demo:" and a dataset. Errors: as the makers; bad_input for another word.
std::unique_ptr<Task> MakeTask(const std::string& spec, const policy::PolicyConfig& config);

}  // namespace takt::evaluate
