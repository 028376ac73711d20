// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "takt/core/base/diagnostic.h"
#include "takt/core/base/progress.h"

namespace takt::dataset {

struct ValidateOptions {
  bool statistics = true;  // compute them anew and compare
  bool decode = false;     // decode every frame of every film and picture, and compare picture statistics
};

struct ValidateReport {
  std::vector<Diagnostic> diagnostics;  // docs/errors/dataset.md; faults of one kind are one entry
  int64_t errors = 0, warnings = 0, notes = 0;
  int64_t episodes = 0, frames = 0;     // as the table of episodes says
  int64_t data_files = 0, films = 0;    // opened
  int64_t frames_decoded = 0;

  bool ok() const { return errors == 0; }
};

// Checks a LeRobot dataset against itself: totals, lengths, indices and ranges, timestamps, tasks, the columns against
// the features, films (there, size, rate, number of frames), statistics computed anew, files that are missing and files
// that nothing names. What is missing is said once for all files of a kind, and the rest is checked.
// Errors: cancelled. Whatever is wrong with the set is a diagnostic.
// Cost: reads every data file once (twice with statistics of a whole set) and the header of every film.
ValidateReport Validate(const std::filesystem::path& folder, const ValidateOptions& options = {},
                        const ProgressSink& progress = nullptr);

}  // namespace takt::dataset
