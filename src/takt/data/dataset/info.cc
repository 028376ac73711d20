// SPDX-License-Identifier: Apache-2.0
#include "takt/data/dataset/info.h"

#include <algorithm>
#include <set>

#include "takt/core/base/error.h"
#include "takt/data/dataset/dataset.h"

namespace takt::dataset {

namespace fs = std::filesystem;

DatasetSummary Summarise(const fs::path& folder) {
  const Dataset set = LoadDataset(folder);
  DatasetSummary summary;
  summary.format = set.info.format;
  summary.robot_type = set.info.robot_type;
  summary.fps = set.info.fps;
  summary.episodes = static_cast<int64_t>(set.episodes.size());
  summary.tasks = set.tasks;
  summary.notes = set.notes;
  summary.unfinished = fs::exists(folder / ".takt");
  for (const Feature& feature : set.info.features) {
    if (!IsDefaultFeature(feature.name)) summary.features.push_back(feature);
  }
  std::set<fs::path> data, films;
  int64_t shortest = set.episodes.empty() ? 0 : INT64_MAX, longest = 0;
  for (const EpisodeMeta& episode : set.episodes) {
    summary.frames += episode.length;
    shortest = std::min(shortest, episode.length);
    longest = std::max(longest, episode.length);
    for (const std::string& task : episode.tasks) ++summary.task_episodes[task];
    data.insert(folder / DataPath(set.info, episode));
    for (const Feature& feature : set.info.features) {
      if (!feature.IsVideo() || set.info.video_path.empty()) continue;
      if (set.info.format == DatasetFormat::kV30 && episode.videos.find(feature.name) == episode.videos.end()) continue;
      films.insert(folder / VideoPath(set.info, episode, feature.name));
    }
  }
  summary.duration_s = static_cast<double>(summary.frames) / summary.fps;
  summary.shortest_s = static_cast<double>(shortest) / summary.fps;
  summary.longest_s = static_cast<double>(longest) / summary.fps;
  const auto count = [&](const std::set<fs::path>& paths, int64_t* files, uint64_t* bytes) {
    for (const fs::path& path : paths) {
      std::error_code failed;
      const uint64_t size = fs::file_size(path, failed);
      if (failed) {
        ++summary.missing_files;
      } else {
        ++*files;
        *bytes += size;
      }
    }
  };
  count(data, &summary.data_files, &summary.data_bytes);
  count(films, &summary.films, &summary.film_bytes);
  for (const auto& entry : fs::recursive_directory_iterator(folder / "meta")) {
    if (entry.is_regular_file()) summary.meta_bytes += entry.file_size();
  }
  return summary;
}

}  // namespace takt::dataset
