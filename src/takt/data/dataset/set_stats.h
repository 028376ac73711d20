// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

#include "takt/core/base/progress.h"
#include "takt/data/dataset/stats.h"

namespace takt::dataset {

struct SetStatsOptions {
  bool pictures = true;  // decode the sampled frames of every film and picture; otherwise what the set says is kept
  bool write = false;    // put the result into the set: meta/stats.json, and the statistics of each episode
};

struct SetStatsReport {
  StatsMap stats;          // of the whole set
  int64_t episodes = 0;
  int64_t changed = 0;     // episodes whose statistics differ from what the set says
  bool written = false;
};

// Computes the statistics of a set anew, exactly: of every episode and of the whole. With `write`, files of meta/ are
// replaced one by one, each atomically; nothing else of the set changes.
// Errors: as LoadDataset; bad_input where a file is missing or damaged; io.
// Cost: every data file is read; about 100 frames of every episode and camera are decoded.
SetStatsReport ComputeSetStats(const std::filesystem::path& folder, const SetStatsOptions& options,
                               const ProgressSink& progress = nullptr);

}  // namespace takt::dataset
