// SPDX-License-Identifier: Apache-2.0
#include "takt/data/dataset/dataset.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <sstream>
#include <utility>

#include "takt/core/base/error.h"
#include "takt/core/base/file.h"

namespace takt::dataset {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

// visit(line number from 1, value) for every line that is not empty.
void ForEachLine(const fs::path& path, const std::function<void(size_t, const Json&)>& visit) {
  const std::string text = ReadTextFile(path);
  size_t begin = 0, line = 0;
  while (begin < text.size()) {
    size_t end = text.find('\n', begin);
    if (end == std::string::npos) end = text.size();
    ++line;
    const std::string_view piece(text.data() + begin, end - begin);
    if (piece.find_first_not_of(" \t\r") != std::string_view::npos) {
      visit(line, ParseJson(piece, fmt::format("{}:{}", path.string(), line)));
    }
    begin = end + 1;
  }
}

int64_t GetIndex(const Json& json, const char* key, const std::string& subject) {
  const auto found = json.is_object() ? json.find(key) : json.end();
  if (!json.is_object() || found == json.end() || !found->is_number_integer() || found->get<int64_t>() < 0 ||
      found->get<int64_t>() > int64_t{1} << 40) {
    throw Error(ErrorCode::kBadInput, subject, fmt::format("has no whole number '{}'", key));
  }
  return found->get<int64_t>();
}

std::vector<fs::path> ParquetFilesUnder(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code failed;
  for (fs::recursive_directory_iterator it(folder, failed), end; it != end; it.increment(failed)) {
    if (failed) break;
    if (it->path().extension() == ".parquet") files.push_back(it->path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::vector<EpisodeMeta> LoadEpisodesV21(const fs::path& folder, const LoadOptions& options,
                                         std::vector<std::string>* notes) {
  std::vector<EpisodeMeta> episodes;
  const fs::path path = folder / "meta/episodes.jsonl";
  int64_t from = 0;
  std::set<std::string> unknown;
  ForEachLine(path, [&](size_t line, const Json& json) {
    const std::string subject = fmt::format("{}:{}", path.string(), line);
    EpisodeMeta episode;
    episode.index = GetIndex(json, "episode_index", subject);
    episode.length = GetIndex(json, "length", subject);
    for (const auto& [key, value] : json.items()) {
      if (key == "episode_index" || key == "length") continue;
      if (key == "tasks") {
        if (!value.is_array()) throw Error(ErrorCode::kBadInput, subject, "has 'tasks' that are no list");
        for (const Json& task : value) {
          if (!task.is_string()) throw Error(ErrorCode::kBadInput, subject, "has a task that is no text");
          episode.tasks.push_back(task.get<std::string>());
        }
      } else {
        episode.other[key] = value;
        unknown.insert(key);
      }
    }
    episode.from = from;
    episode.to = from += episode.length;
    episodes.push_back(std::move(episode));
  });
  if (notes != nullptr) {
    for (const std::string& key : unknown) notes->push_back(fmt::format("meta/episodes.jsonl: key '{}' is kept", key));
  }
  const fs::path stats_path = folder / "meta/episodes_stats.jsonl";
  if (!options.episode_stats || !fs::exists(stats_path)) return episodes;
  std::map<int64_t, size_t> at;
  for (size_t i = 0; i < episodes.size(); ++i) at[episodes[i].index] = i;
  ForEachLine(stats_path, [&](size_t line, const Json& json) {
    const std::string subject = fmt::format("{}:{}", stats_path.string(), line);
    const auto found = at.find(GetIndex(json, "episode_index", subject));
    const auto stats = json.find("stats");
    if (stats == json.end() || !stats->is_object()) throw Error(ErrorCode::kBadInput, subject, "has no 'stats'");
    if (found == at.end()) return;
    for (const auto& [name, value] : stats->items()) {
      episodes[found->second].stats[name] = StatsFromJson(value, fmt::format("{}: '{}'", subject, name));
    }
  });
  return episodes;
}

}  // namespace

DatasetInfo LoadInfo(const fs::path& folder) {
  const fs::path path = folder / "meta/info.json";
  if (!fs::exists(path)) {
    throw Error(ErrorCode::kNotFound, folder.string(), "holds no dataset: meta/info.json is not there",
                "give the folder that has meta/ and data/ in it");
  }
  return ParseInfo(ReadTextFile(path), path.string());
}

std::vector<std::string> LoadTasks(const fs::path& folder, const DatasetInfo& info) {
  if (info.format == DatasetFormat::kV30) return ReadTasksParquet(ParquetReader(folder / "meta/tasks.parquet"));
  std::vector<std::string> tasks;
  const fs::path path = folder / "meta/tasks.jsonl";
  std::map<int64_t, std::string> found;
  ForEachLine(path, [&](size_t line, const Json& json) {
    const std::string subject = fmt::format("{}:{}", path.string(), line);
    const int64_t index = GetIndex(json, "task_index", subject);
    const auto task = json.find("task");
    if (task == json.end() || !task->is_string()) throw Error(ErrorCode::kBadInput, subject, "has no 'task'");
    if (!found.emplace(index, task->get<std::string>()).second) {
      throw Error(ErrorCode::kBadInput, subject, fmt::format("repeats the task_index {}", index));
    }
  });
  for (const auto& [index, task] : found) {
    if (index != static_cast<int64_t>(tasks.size())) {
      throw Error(ErrorCode::kBadInput, path.string(), fmt::format("has no task {}", tasks.size()));
    }
    tasks.push_back(task);
  }
  return tasks;
}

std::vector<EpisodeMeta> LoadEpisodes(const fs::path& folder, const DatasetInfo& info, const LoadOptions& options,
                                      std::vector<std::string>* notes) {
  if (info.format == DatasetFormat::kV21) return LoadEpisodesV21(folder, options, notes);
  std::vector<EpisodeMeta> episodes;
  const std::vector<fs::path> files = ParquetFilesUnder(folder / "meta/episodes");
  if (files.empty()) {
    throw Error(ErrorCode::kNotFound, (folder / "meta/episodes").string(), "holds no table of episodes");
  }
  for (const fs::path& file : files) {
    const ParquetReader reader(file);
    std::vector<EpisodeMeta> rows =
        ReadEpisodeRows(reader, info, options.episode_stats, file == files.front() ? notes : nullptr);
    std::move(rows.begin(), rows.end(), std::back_inserter(episodes));
  }
  return episodes;
}

StatsMap LoadStats(const fs::path& folder, std::vector<std::string>*) {
  StatsMap stats;
  const fs::path path = folder / "meta/stats.json";
  if (!fs::exists(path)) return stats;
  const Json json = ParseJson(ReadTextFile(path), path.string());
  if (!json.is_object()) throw Error(ErrorCode::kBadInput, path.string(), "is no JSON object");
  for (const auto& [name, value] : json.items()) {
    stats[name] = StatsFromJson(value, fmt::format("{}: '{}'", path.string(), name));
  }
  return stats;
}

std::map<int64_t, Json> LoadExtras(const fs::path& folder) {
  std::map<int64_t, Json> extras;
  const fs::path path = folder / "meta/takt_episodes.jsonl";
  if (!fs::exists(path)) return extras;
  ForEachLine(path, [&](size_t line, const Json& json) {
    const int64_t index = GetIndex(json, "episode_index", fmt::format("{}:{}", path.string(), line));
    Json extra = json;
    extra.erase("episode_index");
    extras[index] = std::move(extra);
  });
  return extras;
}

std::vector<std::string> UnknownMetaFiles(const fs::path& folder, const DatasetInfo& info) {
  std::set<std::string> known = {"info.json", "stats.json", "takt_episodes.jsonl", "takt_pictures.json"};
  if (info.format == DatasetFormat::kV30) {
    known.insert("tasks.parquet");
  } else {
    known.insert({"tasks.jsonl", "episodes.jsonl", "episodes_stats.jsonl"});
  }
  std::vector<std::string> unknown;
  std::error_code failed;
  const fs::path meta = folder / "meta";
  for (fs::recursive_directory_iterator it(meta, failed), end; it != end; it.increment(failed)) {
    if (failed) break;
    if (it->is_directory()) continue;
    const std::string name = fs::relative(it->path(), meta).string();
    if (known.find(name) != known.end()) continue;
    if (info.format == DatasetFormat::kV30 && name.starts_with("episodes/") && name.ends_with(".parquet")) continue;
    unknown.push_back("meta/" + name);
  }
  std::sort(unknown.begin(), unknown.end());
  return unknown;
}

Dataset LoadDataset(const fs::path& folder, const LoadOptions& options) {
  Dataset set;
  set.folder = folder;
  set.info = LoadInfo(folder);
  set.tasks = LoadTasks(folder, set.info);
  set.episodes = LoadEpisodes(folder, set.info, options, &set.notes);
  set.stats = LoadStats(folder, &set.notes);
  set.extras = LoadExtras(folder);
  if (set.info.other.is_object()) {
    for (const auto& [key, value] : set.info.other.items()) {
      set.notes.push_back(fmt::format("meta/info.json: key '{}' is kept", key));
    }
  }
  for (const std::string& file : UnknownMetaFiles(folder, set.info)) {
    set.notes.push_back(fmt::format("{} is kept", file));
  }
  return set;
}

VideoClip ClipOf(const Dataset& dataset, const EpisodeMeta& episode, const std::string& key) {
  VideoClip clip;
  clip.path = dataset.folder / VideoPath(dataset.info, episode, key);
  clip.frames = episode.length;
  if (dataset.info.format == DatasetFormat::kV30) {
    const double first = episode.videos.at(key).from_s * dataset.info.fps;
    if (!(first > -1) || first > 1e12) {
      throw Error(ErrorCode::kBadInput, fmt::format("episode {}", episode.index),
                  fmt::format("begins at {} s in the film of '{}'", episode.videos.at(key).from_s, key));
    }
    clip.first_frame = static_cast<int64_t>(std::llround(first));
  }
  return clip;
}

}  // namespace takt::dataset
