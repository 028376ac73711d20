// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "takt/data/dataset/features.h"

namespace takt::dataset {

struct DatasetSummary {
  DatasetFormat format = DatasetFormat::kV30;
  std::string robot_type;
  int fps = 0;
  int64_t episodes = 0, frames = 0;
  double duration_s = 0;
  double shortest_s = 0, longest_s = 0;   // episodes
  std::vector<std::string> tasks;
  std::map<std::string, int64_t> task_episodes;  // task -> episodes that do it
  std::vector<Feature> features;          // without the default ones
  int64_t data_files = 0, films = 0;      // that are there
  uint64_t data_bytes = 0, film_bytes = 0, meta_bytes = 0;
  int64_t missing_files = 0;              // data files and films that are named and not there
  bool unfinished = false;                // a writer left it open: .takt is there
  std::vector<std::string> notes;         // files and keys that are not known here
};

// What is in a dataset, from its meta files and the sizes of the others. Errors: as LoadDataset.
DatasetSummary Summarise(const std::filesystem::path& folder);

}  // namespace takt::dataset
