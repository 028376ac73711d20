// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <vector>

#include "takt/core/base/progress.h"
#include "takt/data/demo/pusht/expert.h"

namespace takt::demo {

struct PushTDemoOptions {
  PushTExpertOptions expert;
  int max_steps = 200;       // an episode that takes longer shows nobody how
  double noise_px = 4;       // standard deviation, on each axis, of what is added to the actions of noisy episodes
  double noisy_share = 0.5;  // of episodes
};

// One demonstration of T steps, from the start that its seed draws.
struct PushTDemo {
  uint32_t seed = 0;
  bool solved = false;  // coverage over 0.95 within max_steps
  bool noisy = false;
  double coverage = 0;  // at the end
  int plans = 0;
  std::vector<std::array<float, 20>> observations;  // [T] before the action
  std::vector<std::array<float, 2>> actions;        // [T] as planned, without noise
};

// Lets the expert solve one start. It goes on a little beyond success, as long as the coverage still rises.
// In noisy episodes the world gets the action plus correlated noise, and the planned action is recorded: so a policy sees how to
// come back from where its own errors will take it (Laskey et al., "DART", CoRL 2017).
// Determinism: a pure function of its arguments. Cost: about a second of CPU.
PushTDemo DemonstratePushT(uint32_t seed, const PushTDemoOptions& options);

// What is added to the action of a step in an episode, px; nothing where the episode is not noisy.
sim::Vec2 PushTNoise_px(uint32_t seed, int step, const PushTDemoOptions& options);
bool PushTIsNoisy(uint32_t seed, const PushTDemoOptions& options);

struct PushTGenerateOptions {
  std::filesystem::path out;  // folder of the dataset
  int episodes = 200;         // to keep, in the whole set
  uint32_t seed = 0;          // of the first start; the next ones count up
  PushTDemoOptions demo;
  ProgressSink progress;
};

struct PushTGenerateReport {
  int kept = 0, attempts = 0;  // of the whole set, resumed runs included
  int run_kept = 0, run_attempts = 0;
  int64_t frames = 0;
  int median_steps = 0, longest_steps = 0;
  double mean_coverage = 0;
  double cpu_s = 0, wall_s = 0;  // of this run
  uint64_t dataset_bytes = 0;
};

// `takt demo pusht`: demonstrations, seed after seed, until `episodes` are kept, as a LeRobot v3.0 set of 10 frames a second with
// observation.state [20] px (nine keypoints, then the disc) and action [2] px, both float32. Each episode has a line in
// meta/takt_episodes.jsonl: seed, steps, coverage, whether noise was added, and the options that decide it.
// Attempts run in parallel; what is written does not depend on the number of threads. A folder that was left unfinished is
// gone on with. Errors: bad_input (options out of range; a folder made with other options; seeds of evaluation, 100000 and up,
// are refused); infeasible_budget (more than half of the starts failed); cancelled (go on by the same call); as DatasetWriter.
PushTGenerateReport GeneratePushT(const PushTGenerateOptions& options);

struct PushTReplay {
  uint32_t seed = 0;
  double recorded = 0, coverage = 0;  // at the end: in the record, and now
};

// Carries out the actions of one recorded episode again, noise included; the coverage is that of the record, bit for bit.
// visit(world), where it is not null, before the first step and after each.
// Errors: not_found; bad_input (not made by takt demo pusht); as LoadDataset.
PushTReplay ReplayPushT(const std::filesystem::path& dataset, int64_t episode,
                        const std::function<void(const sim::PushT& world)>& visit = nullptr);

}  // namespace takt::demo
