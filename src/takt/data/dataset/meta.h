// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "takt/data/dataset/features.h"
#include "takt/data/dataset/parquet/parquet.h"
#include "takt/data/dataset/stats.h"

// The files under meta/ of a LeRobot dataset, read and written (docs/formats/lerobot.md).
namespace takt::dataset {

// meta/info.json.
struct DatasetInfo {
  DatasetFormat format = DatasetFormat::kV30;
  std::string robot_type;  // empty: null
  int fps = 30;
  int64_t total_episodes = 0, total_frames = 0, total_tasks = 0;
  int64_t chunks_size = 1000;
  int64_t data_files_size_in_mb = 100, video_files_size_in_mb = 200;  // v3.0
  std::string data_path, video_path;  // patterns; video_path is empty where there is no video
  nlohmann::ordered_json splits;
  std::vector<Feature> features;  // the default ones included, in the file's order
  nlohmann::ordered_json other;   // keys that are not known here, kept

  const Feature* Find(std::string_view name) const;
};

// Patterns of the format, default features and splits filled in.
DatasetInfo MakeInfo(DatasetFormat format, int fps, const std::string& robot_type,
                     const std::vector<Feature>& features);
// Errors: bad_input naming `subject` (no JSON, a key is missing or of another type, a feature that CheckFeature refuses,
// a feature twice); unsupported for another codebase_version.
DatasetInfo ParseInfo(const std::string& text, const std::string& subject);
std::string FormatInfo(const DatasetInfo& info);

// Parses JSON as Python writes it: NaN and Infinity become null. Errors: bad_input naming `subject`.
nlohmann::ordered_json ParseJson(std::string_view text, const std::string& subject);
// Indented by 4, UTF-8 as it is, bytes that are none replaced; one newline at the end.
std::string FormatJson(const nlohmann::ordered_json& json);
// One line, one newline at the end.
std::string FormatJsonLine(const nlohmann::ordered_json& json);

// A pattern such as "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet" with its values in place.
// Errors: bad_input for an unknown name or form, an index that is negative or above 10^9, a path that is absolute or
// leads out of the set ("..").
std::filesystem::path ExpandPattern(const std::string& pattern, const std::map<std::string, int64_t>& numbers,
                                    const std::string& video_key);

// Which file of v3.0, and where in the film of a camera.
struct FilePlace {
  int64_t chunk = 0, file = 0;
  bool operator==(const FilePlace&) const = default;
  bool operator<(const FilePlace& o) const { return chunk != o.chunk ? chunk < o.chunk : file < o.file; }
};
struct VideoPlace {
  FilePlace place;
  double from_s = 0, to_s = 0;
};

// One row of the table of episodes.
struct EpisodeMeta {
  int64_t index = 0;
  std::vector<std::string> tasks;
  int64_t length = 0;  // frames
  int64_t from = 0, to = 0;  // [from, to) in the whole set
  FilePlace data;                           // v3.0; v2.1 has a file for each episode
  std::map<std::string, VideoPlace> videos;  // v3.0
  StatsMap stats;                           // empty unless asked for
  nlohmann::ordered_json other;             // v2.1: keys that are not known here
};

// Where an episode's files are, relative to the folder. Errors: as ExpandPattern.
std::filesystem::path DataPath(const DatasetInfo& info, const EpisodeMeta& episode);
std::filesystem::path VideoPath(const DatasetInfo& info, const EpisodeMeta& episode, const std::string& key);
std::filesystem::path DataPath(const DatasetInfo& info, FilePlace place);                           // v3.0
std::filesystem::path VideoPath(const DatasetInfo& info, FilePlace place, const std::string& key);  // v3.0
std::filesystem::path EpisodesPath(FilePlace place);                                                // v3.0

// The table of episodes as Parquet (v3.0).
std::vector<Field> EpisodeFields(const DatasetInfo& info);
std::vector<Array> EpisodeColumns(const DatasetInfo& info, const std::vector<EpisodeMeta>& rows, FilePlace meta_file);
// Columns that are not known here are named in `notes`.
// Errors: bad_input (a column is missing or of another kind, a value is missing).
std::vector<EpisodeMeta> ReadEpisodeRows(const ParquetReader& reader, const DatasetInfo& info, bool with_stats,
                                         std::vector<std::string>* notes = nullptr);

// tasks.parquet, as pandas writes a frame indexed by the task.
std::vector<uint8_t> FormatTasksParquet(const std::vector<std::string>& tasks);
// Task of each index. Errors: bad_input (no task column, indices that are not 0 ... n-1 in some order).
std::vector<std::string> ReadTasksParquet(const ParquetReader& reader);

// {"info": {"features": ...}} as Hugging Face `datasets` reads its column types from a data file.
std::string HuggingFaceMetadata(const DatasetInfo& info);
// The columns of a data file: the features but for videos.
std::vector<Field> DataFields(const DatasetInfo& info);

// {"action": {"min": ...}} of a set, in the order of the features.
nlohmann::ordered_json StatsFileJson(const DatasetInfo& info, const StatsMap& stats);

}  // namespace takt::dataset
