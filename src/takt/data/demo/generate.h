// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "takt/core/base/progress.h"
#include "takt/data/dataset/writer.h"
#include "takt/data/demo/attempt.h"
#include "takt/data/demo/look.h"
#include "takt/data/demo/perturb.h"

namespace takt::demo {

// A splat file behind the scene, and where it is: p_in_world = scale * Rz(yaw) p_in_splat + place.
struct BackgroundOptions {
  std::filesystem::path splat;  // empty: none
  double scale = 1;             // metres per unit of the splats
  double yaw_rad = 0;
  Vec3 place_m = Vec3::Zero();
  std::vector<std::string> hide;  // LookOptions::in_background
};

struct GenerateOptions {
  TaskKind task = TaskKind::kPickPlace;
  std::string recipe;         // a built-in name or a file; empty: DefaultRecipe(task)
  std::string robot;          // empty: the recipe's
  std::filesystem::path out;  // folder of the dataset
  int episodes = 100;         // to keep, in the whole set
  int max_attempts = 0;       // 0: 20 for each episode, at least 100
  uint64_t seed = 0;
  int fps = 25;
  double speed = 0.8;   // AttemptOptions
  int sort_steps = 2;   // StageOptions
  bool cameras = true;  // record pictures
  int width_px = 128, height_px = 128;
  FrontCamera front = FrontCamera::kTask;  // LookOptions
  bool randomise_look = true;              // LookOptions
  BackgroundOptions background;
  dataset::DatasetFormat format = dataset::DatasetFormat::kV30;
  std::string codec = "h264";          // "h264", "av1", or "png" for pictures inside the data files
  int shard_idx = 0, shard_count = 1;  // this process takes attempts shard_idx, shard_idx + shard_count, ...
  // Keep only what also survives half the time step and friction 20 % up and down. Costs four more simulations.
  bool robust = false;
  JudgeLimits limits;
  Randomisation random;
  std::filesystem::path report;  // HTML; empty: none
  ProgressSink progress;
};

struct ReasonExample {
  uint64_t attempt = 0;
  std::string detail;
};

struct GenerateReport {
  std::string recipe, robot;
  int kept = 0, attempts = 0;                                     // of the whole set, resumed runs included
  std::array<int, kReasonCount> reasons = {};                     // [Reason] attempts that ended so
  std::array<std::vector<ReasonExample>, kReasonCount> examples;  // of this run, at most three each
  int64_t frames = 0;
  double seconds_of_motion = 0;
  AttemptCost cost;                                 // CPU seconds of this run, all attempts
  double render_s = 0, robust_s = 0, encode_s = 0;  // CPU seconds of this run
  double cpu_s = 0, wall_s = 0;                     // of this run
  int run_kept = 0, run_attempts = 0;               // of this run
  uint64_t dataset_bytes = 0;
  double yield() const { return attempts ? static_cast<double>(kept) / attempts : 0; }
};

// `takt demo generate`: attempts, in order, until `episodes` are kept, as a LeRobot dataset that any reader opens.
// Attempts run in parallel; which ones are kept does not depend on the number of threads. Every kept episode has a line
// in meta/takt_episodes.jsonl with all that makes it again: seed, attempt, digest, what the gripper held. A folder that
// was left unfinished is gone on with. Errors: as LoadRecipe, MakeStage, DatasetWriter; infeasible_budget when
// max_attempts are not enough (what was kept stays); bad_input for options out of range, or a folder that was made with
// other options; cancelled (go on by the same call).
GenerateReport Generate(const GenerateOptions& options);

// The part of the options that decides an attempt; the recipe is still to be loaded.
AttemptOptions AttemptOptionsOf(const GenerateOptions& options);

// "3 ik, 1 slip": how often each reason occurred, the most frequent first.
std::string ReasonLine(const std::array<int, kReasonCount>& reasons);

}  // namespace takt::demo
