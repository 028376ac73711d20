// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "takt/core/base/progress.h"
#include "takt/core/io/image.h"
#include "takt/data/dataset/features.h"
#include "takt/data/dataset/parquet/array.h"
#include "takt/data/dataset/video/video.h"

namespace takt::dataset {

struct PictureHistogram;

struct WriterOptions {
  DatasetFormat format = DatasetFormat::kV30;
  int fps = 30;
  std::string robot_type;
  std::vector<Feature> features;  // without the default ones; pictures with dtype "video" (MP4) or "image" (PNG)
  VideoOptions video;             // fps is taken from above
  int chunk_files = 1000;         // files (v3.0) or episodes (v2.1) in a folder
  int data_file_mb = 100;         // v3.0: a data file is full at this size
  int video_file_mb = 200;        // v3.0: a film is full at this size
  nlohmann::ordered_json other;   // further keys of info.json; may be null
  bool sync = false;              // also safe against a power cut: fsync before an episode counts
};

// One demonstration of T frames.
struct Episode {
  std::vector<std::string> tasks;                     // what it does, in words; at least one
  std::vector<int64_t> task_of_frame;                 // [T] indices into `tasks`; empty: all frames do tasks[0]
  std::map<std::string, Values> columns;              // feature -> [T, elements of its shape], row by row
  std::map<std::string, std::vector<Image8>> images;  // picture feature -> [T] RGB of the feature's size
  nlohmann::ordered_json extra;                       // one line of meta/takt_episodes.jsonl (seed, recipe ...); may be null
};

// An episode that is encoded: what AddEpisode does before it writes.
struct PreparedEpisode {
  PreparedEpisode();
  PreparedEpisode(PreparedEpisode&&) noexcept;
  PreparedEpisode& operator=(PreparedEpisode&&) noexcept;
  ~PreparedEpisode();

  struct State;
  std::unique_ptr<State> state;
};

// What a finished set holds.
struct WriteSummary {
  int64_t episodes = 0, frames = 0, tasks = 0;
  uint64_t bytes = 0;  // of all files
};

// Writes a LeRobot dataset, episode by episode, into a folder.
//
// Crash-safe: at any moment the folder is a whole set of all episodes whose AddEpisode returned, and perhaps the one in
// progress; any reader opens it, no repair is needed. One rename makes an episode visible (docs/formats/lerobot.md).
// A folder that was left, finished or not, is gone on with by opening it again.
// Determinism: the same episodes give the same bytes, however often the writer was killed and opened again.
// Cost: AddEpisode does not depend on the number of episodes written; Finish packs them once.
class DatasetWriter {
 public:
  // Makes `folder`, or goes on with the set in it. Nothing is visible before the first episode.
  // Errors: bad_input (options; a set with another format, fps or other features; a folder with something else in it);
  // io (also: another writer holds the folder).
  DatasetWriter(const std::filesystem::path& folder, const WriterOptions& options);
  DatasetWriter(const DatasetWriter&) = delete;
  DatasetWriter& operator=(const DatasetWriter&) = delete;
  ~DatasetWriter();  // without Finish(): the set stays as it is, open for more

  int64_t episodes() const;  // written so far, those found in the folder included
  int64_t frames() const;
  // The lines of meta/takt_episodes.jsonl, one for each episode written; null where it had none.
  const std::vector<nlohmann::ordered_json>& extras() const;

  // Encodes and writes one episode. Errors: bad_input (a feature is missing or unknown, a wrong count, size or type,
  // NaN is allowed in floats); io. After an error the set is as it was before.
  void AddEpisode(const Episode& episode);
  // The two halves of AddEpisode. Prepare (films, PNGs, statistics) is where the time goes; it is const and may run on
  // several threads at once. Add writes, in the order of the calls; one thread.
  PreparedEpisode Prepare(const Episode& episode) const;
  // `extra`, where it is not null, takes the place of Episode::extra: what is known only when it is this one's turn.
  void Add(PreparedEpisode episode, nlohmann::ordered_json extra = nullptr);

  // Packs the files (v3.0), computes the statistics of the whole set exactly and leaves plain folders behind. The writer
  // takes no more episodes. A set without an episode is an error. Errors: bad_input; io; cancelled (the set is whole,
  // and the next writer can finish it).
  WriteSummary Finish(const ProgressSink& progress = nullptr);

 private:
  struct State;
  friend void SetPictureHistograms(DatasetWriter& writer, std::map<std::string, PictureHistogram> pictures);
  std::unique_ptr<State> state_;
};

}  // namespace takt::dataset
