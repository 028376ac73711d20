// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "takt/core/io/image.h"
#include "takt/data/dataset/meta.h"
#include "takt/data/dataset/video/video.h"

namespace takt::dataset {

// A LeRobot dataset in a folder: what its files under meta/ say. Frames are read by EpisodeReader.
struct Dataset {
  std::filesystem::path folder;
  DatasetInfo info;
  std::vector<std::string> tasks;     // task_index -> what to do
  std::vector<EpisodeMeta> episodes;  // in the order of the files
  StatsMap stats;                     // meta/stats.json (v3.0); empty where there is none
  std::map<int64_t, nlohmann::ordered_json> extras;  // meta/takt_episodes.jsonl: episode -> its line, less the number
  std::vector<std::string> notes;     // what is kept but not understood: files and keys
};

struct LoadOptions {
  bool episode_stats = false;  // also the statistics of each episode
};

// Reads everything under meta/. Errors: not_found (no meta/info.json); bad_input for any file that cannot be read as its
// format says; unsupported for another version. Cost: linear in the number of episodes.
Dataset LoadDataset(const std::filesystem::path& folder, const LoadOptions& options = {});

// The parts of LoadDataset, for who wants to go on after one that fails.
DatasetInfo LoadInfo(const std::filesystem::path& folder);
std::vector<std::string> LoadTasks(const std::filesystem::path& folder, const DatasetInfo& info);
std::vector<EpisodeMeta> LoadEpisodes(const std::filesystem::path& folder, const DatasetInfo& info,
                                      const LoadOptions& options, std::vector<std::string>* notes);
StatsMap LoadStats(const std::filesystem::path& folder, std::vector<std::string>* notes);
std::map<int64_t, nlohmann::ordered_json> LoadExtras(const std::filesystem::path& folder);
// Files under meta/ that no format names.
std::vector<std::string> UnknownMetaFiles(const std::filesystem::path& folder, const DatasetInfo& info);

// The frames of one episode; columns as the data file holds them, of `length` rows.
struct EpisodeData {
  int64_t length = 0;
  std::map<std::string, Array> columns;

  // A column of numbers, row by row. Errors: not_found; bad_input for a column of something else, or missing values.
  Values Numbers(const std::string& name) const;
};

// Reads episodes of a set, best in rising order: the file and the row group of the last one stay open.
class EpisodeReader {
 public:
  // Borrows the set.
  explicit EpisodeReader(const Dataset& dataset);
  EpisodeReader(const EpisodeReader&) = delete;
  EpisodeReader& operator=(const EpisodeReader&) = delete;
  ~EpisodeReader();

  // `columns`: only these; empty: all. Errors: not_found (the file); bad_input (damage, fewer rows than the tables say).
  EpisodeData Read(const EpisodeMeta& episode, const std::vector<std::string>& columns = {});

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Rows [first, first + count) of an array.
Array SliceArray(const Array& array, size_t first, size_t count);
// The values at the bottom of lists of lists; none may be missing. Errors: bad_input naming `subject`.
Values FlatValues(const Array& array, const std::string& subject);

// The piece of film that shows an episode. Frames are found by from_timestamp and fps.
// Errors: as VideoPath.
VideoClip ClipOf(const Dataset& dataset, const EpisodeMeta& episode, const std::string& key);

// Pictures of an episode, from film or embedded PNG. Frames are numbered within the episode.
class PictureReader {
 public:
  // Borrows the set.
  explicit PictureReader(const Dataset& dataset);
  ~PictureReader();

  // visit(frame, picture) for each of `frames`, which rise.
  // Errors: not_found, bad_input: the film or the data file is missing or damaged, or has no such frame.
  void Read(const EpisodeMeta& episode, const std::string& key, const std::vector<int64_t>& frames,
            const std::function<void(int64_t frame, const Image8& picture)>& visit);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace takt::dataset
