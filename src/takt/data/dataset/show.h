// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "takt/core/base/progress.h"

namespace takt::dataset {

struct ShowOptions {
  std::vector<int64_t> episodes;  // which to show; empty: the first `count`, evenly spread over the set
  int count = 4;
  int frames = 8;                 // pictures in a strip
  int width_px = 0;               // pictures wider than this are made smaller; 0 = 160
};

struct ShowReport {
  int64_t episodes = 0;  // in the set
  int64_t shown = 0;
  int64_t pictures = 0;
  uint64_t bytes = 0;    // of the page
};

// Writes one HTML file about a set: what is in it, a table of its episodes, and of each chosen episode a strip of
// pictures for every camera, its tasks and a plot of every vector over time. What cannot be read is said on the page.
// Errors: as LoadDataset; not_found for an episode that is not there; io.
ShowReport Show(const std::filesystem::path& folder, const std::filesystem::path& page, const ShowOptions& options,
                const ProgressSink& progress = nullptr);

}  // namespace takt::dataset
