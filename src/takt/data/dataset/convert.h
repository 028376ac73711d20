// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "takt/core/base/progress.h"
#include "takt/data/dataset/features.h"
#include "takt/data/dataset/video/video.h"

namespace takt::dataset {

// How pictures are kept.
enum class PictureCoding { kAsIs, kH264, kAv1, kPng };

struct ConvertOptions {
  std::optional<DatasetFormat> format;  // none: that of the first input
  PictureCoding pictures = PictureCoding::kAsIs;
  int crf = -1, preset = -1;            // of films that are encoded anew; -1 as in VideoOptions
  std::vector<int64_t> episodes;        // of the one input (convert): only these; empty: all
  int data_file_mb = 100, video_file_mb = 200;  // v3.0
};

struct ConvertReport {
  int64_t episodes = 0, frames = 0, tasks = 0;
  int64_t films_copied = 0, films_encoded = 0;  // of one episode and one camera each
  uint64_t bytes = 0;
  std::vector<std::string> notes;  // what could not be taken along
};

// Writes `in` anew into the folder `out`: v2.1 <-> v3.0, another coding of pictures, some of its episodes. Films are
// copied as packets where the coding stays and episodes begin at key frames; otherwise they are decoded and encoded.
// Values, tasks, the lines of takt_episodes.jsonl, and keys of info.json and files under meta/ that are not known here are
// kept; statistics of pictures are taken over, all others computed. A run that was stopped is gone on with.
// Errors: bad_input (damage; a file is missing: takt dataset validate names all); not_found for an episode; io.
ConvertReport Convert(const std::filesystem::path& in, const std::filesystem::path& out, const ConvertOptions& options,
                      const ProgressSink& progress = nullptr);

// The same for many sets, one after another, into one: shards of one job, say. They must have the same features and fps.
// Tasks are numbered anew, those with the same words are one.
// Errors: and bad_input for sets that differ, naming how.
ConvertReport Merge(const std::vector<std::filesystem::path>& in, const std::filesystem::path& out,
                    const ConvertOptions& options, const ProgressSink& progress = nullptr);

}  // namespace takt::dataset
