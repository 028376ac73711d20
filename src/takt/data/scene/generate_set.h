// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "takt/core/base/progress.h"
#include "takt/data/scene/diversity.h"
#include "takt/data/scene/model/scene_io.h"

namespace takt::scene {

struct GenerateSetOptions {
  std::string recipe;  // name of a built-in recipe, or a TOML file
  int count = 1;
  uint64_t seed = 0;
  std::filesystem::path out;  // folder; made where it is not there
  Format format = Format::kXml;
  std::filesystem::path report;  // HTML page; empty: none
  ProgressSink progress;
};

struct GenerateSetReport {
  std::string recipe;
  std::string id;  // of the manifest
  std::vector<std::filesystem::path> files;
  DiversityReport diversity;  // of the first kMaxMeasured scenes
  double generate_s = 0;      // wall clock, drawing and proving
  double write_s = 0;
};
constexpr int kMaxMeasured = 5000;
constexpr int kMaxScenes = 1'000'000;

// `takt scene generate`: scenes 0 ... count - 1 of a recipe as scene_00000.xml ... in a folder, with manifest.json
// (kind "scene.generate"). Every scene that is written holds its certificate. Files of an earlier run of the same names
// are replaced. Errors: as LoadRecipe and GenerateScene; bad_input for a count outside [1, kMaxScenes]; io.
// Determinism: equal options give equal scene files for any number of threads.
GenerateSetReport GenerateSet(const GenerateSetOptions& options);

}  // namespace takt::scene
