// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "takt/core/base/progress.h"
#include "takt/data/demo/perturb.h"

namespace takt::demo {

struct VerifyOptions {
  std::filesystem::path dataset;
  bool perturbed = true;   // half the time step, friction 20 % down and up
  bool from_seed = false;  // plan each episode anew from its seed and compare every action
  bool particles = false;  // liquid once more with spheres (carry_open_cup)
  int64_t episode = -1;    // only this one; -1 = all
  ProgressSink progress;
};

// What was found out about one episode.
struct EpisodeCheck {
  int64_t episode = 0;
  bool exact = false;                                     // the recorded actions give the recorded digest
  bool judged = false;                                    // and the judge keeps it again
  bool planned = true;                                    // from_seed: the same actions came out
  bool dry = true;                                        // particles: none was spilled
  std::array<bool, kPerturbations.size()> survived = {};  // perturbed
  std::string detail;                                     // what went wrong first; empty where nothing did
};

struct VerifyReport {
  std::vector<EpisodeCheck> checks;
  int exact = 0, judged = 0, planned = 0, dry = 0, robust = 0;  // robust: survived every perturbation
  std::array<int, kPerturbations.size()> survived = {};
  double cpu_s = 0;
  // Whether the promise holds: every episode is exact, judged good again, and as its seed says.
  bool ok() const;
};

// `takt demo verify`: simulates every episode of a dataset again from its record, and tells which ones give the same
// bits and which ones survive other physics. Reads single sets and merged ones.
// Errors: not_found; bad_input (no dataset of takt demo; damaged); as MakeStage; cancelled.
VerifyReport Verify(const VerifyOptions& options);

}  // namespace takt::demo
