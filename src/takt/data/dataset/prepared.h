// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <vector>

#include "takt/data/dataset/dataset.h"
#include "takt/data/dataset/stats.h"
#include "takt/data/dataset/writer.h"

// What the writer shares with the verbs that copy episodes; no public header includes it.
namespace takt::dataset {

struct PreparedEpisode::State {
  int64_t length = 0;
  std::vector<std::string> tasks;
  std::vector<int64_t> task_of_frame;                 // [length] indices into tasks
  std::map<std::string, Array> columns;               // all features but the default ones and videos
  std::map<std::string, std::vector<uint8_t>> films;  // videos, as MP4
  StatsMap stats;                                     // of the features that are not default
  std::map<std::string, PictureHistogram> pictures;   // of the picture features; absent where only `stats` is known
  nlohmann::ordered_json extra;
};

// Pictures [T] as the column of a feature of dtype "image": struct{bytes: PNG, path}.
Array PngColumn(const std::vector<Image8>& pictures);

// Statistics of a whole set, exactly: every value of every column is read. Pictures are left out.
// Cost: one pass over the data for each block of columns that fits 512 MB. Errors: as EpisodeReader::Read; cancelled.
StatsMap ComputeColumnStats(const Dataset& dataset, const ProgressSink& progress);

// meta/takt_pictures.json: what picture statistics of a union need. Empty when it is absent or does not cover `episodes`.
using PictureHistograms = std::map<std::string, PictureHistogram>;
PictureHistograms LoadPictureHistograms(const std::filesystem::path& root, int64_t episodes);
std::string FormatPictureHistograms(const PictureHistograms& pictures, int64_t episodes);

// Packs the files of a v3.0 set that is open in `tree` into few, and computes its statistics (DatasetWriter::Finish).
class TwinTree;
void PackDataset(TwinTree& tree, const WriterOptions& options, const ProgressSink& progress);

// Replaces the histograms of a writer whose episodes came without: those of the sets they were copied from.
void SetPictureHistograms(DatasetWriter& writer, PictureHistograms pictures);

}  // namespace takt::dataset
