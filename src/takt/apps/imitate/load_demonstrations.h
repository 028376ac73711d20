// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "takt/core/base/progress.h"
#include "takt/core/io/artefact.h"
#include "takt/core/io/image.h"
#include "takt/data/dataset/dataset.h"
#include "takt/train/imitate/demonstrations.h"

namespace takt::imitate {

// Columns, cameras and rate of a LeRobot set, for ParseTrainingConfig.
DatasetFacts FactsOf(const dataset::Dataset& set);

struct LoadDemonstrationsOptions {
  int64_t episodes = 0;                      // only the first so many; 0: all
  uint64_t max_bytes = uint64_t{12} << 30;  // of pictures in memory
  ProgressSink progress;
};

// Reads what a configuration asks for out of a LeRobot set: columns as float, pictures decoded, resized and kept as bytes.
// Errors: bad_input (fewer episodes than asked for, columns of something else, damage); unsupported: the pictures would
// take more than max_bytes, with the stride that would do as the hint; not_found; io; cancelled.
// Cost: every film is decoded once, on all threads. Determinism: for any thread count.
Demonstrations LoadDemonstrations(const dataset::Dataset& set, const TrainingConfig& config,
                                  const LoadDemonstrationsOptions& options);

// The mean over the area that a pixel of the result covers, in 8 bits, rounded to nearest; enlarging repeats pixels.
// `out`: [height, width, 3]. Errors: bad_input unless the picture has 3 channels and at least one pixel.
void ResizeArea(const Image8& picture, int width_px, int height_px, uint8_t* out);

// The files under meta/ that say what a set is, hashed, for a manifest. Errors: io.
std::vector<ArtefactFile> SetInputs(const std::filesystem::path& folder);

}  // namespace takt::imitate
