// SPDX-License-Identifier: Apache-2.0
#include "takt/data/dataset/validate.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "takt/core/base/error.h"
#include "takt/core/base/file.h"
#include "takt/core/base/interrupt.h"
#include "takt/data/dataset/dataset.h"
#include "takt/data/dataset/findings.h"
#include "takt/data/dataset/validate_parts.h"

namespace takt::dataset {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

void Validation::Fail(const char* code, std::string headline, std::string item, std::string file, std::string hint) {
  findings.Add(Severity::kError, code, std::move(headline), std::move(item), std::move(file), std::move(hint));
}

void Validation::Warn(const char* code, std::string headline, std::string item, std::string file, std::string hint) {
  findings.Add(Severity::kWarning, code, std::move(headline), std::move(item), std::move(file), std::move(hint));
}

void Validation::Note(const char* code, std::string headline, std::string item, std::string file) {
  findings.Add(Severity::kNote, code, std::move(headline), std::move(item), std::move(file));
}

void Validation::Caught(const Error& error, const char* code) {
  if (error.code() == ErrorCode::kCancelled) throw error;
  Fail(code, "cannot be read", error.what(), error.subject(), error.hint());
}

namespace {

// meta/info.json against itself: counts that v2.1 keeps, splits.
void CheckInfo(Validation& v) {
  const DatasetInfo& info = v.set.info;
  const Json raw = ParseJson(ReadTextFile(v.set.folder / "meta/info.json"), "meta/info.json");
  int64_t videos = 0;
  for (const Feature& feature : info.features) videos += feature.IsVideo() ? 1 : 0;
  const auto expect = [&](const char* key, int64_t wanted) {
    const auto found = raw.find(key);
    if (found != raw.end() && found->is_number() && found->get<double>() != static_cast<double>(wanted)) {
      v.Fail("dataset/totals", fmt::format("info.json says {} = {}; it should be {}", key, found->dump(), wanted), "",
             "meta/info.json");
    }
  };
  if (info.format == DatasetFormat::kV21) {
    expect("total_videos", videos * info.total_episodes);
    expect("total_chunks", (info.total_episodes + info.chunks_size - 1) / info.chunks_size);
  }
  if (videos > 0 && info.video_path.empty()) {
    v.Fail("dataset/path", "info.json has videos but no video_path", "", "meta/info.json");
  }
  for (const Feature& feature : DefaultFeatures()) {
    const Feature* found = info.Find(feature.name);
    if (found == nullptr) {
      v.Fail("dataset/features", "a default feature is missing", feature.name, "meta/info.json");
    } else if (found->dtype != feature.dtype || found->shape != feature.shape) {
      v.Fail("dataset/features", "a default feature is of another type",
             fmt::format("{} is {}, not {}", feature.name, found->dtype, feature.dtype), "meta/info.json");
    }
  }
  for (const Feature& feature : info.features) {
    if (!feature.names.is_array() || feature.IsPicture() || feature.names.empty()) continue;
    const Json& names = feature.names[0].is_array() ? feature.names[0] : feature.names;
    if (feature.shape.size() == 1 && static_cast<int64_t>(names.size()) != feature.shape[0]) {
      v.Fail("dataset/features", "names do not match the shape",
             fmt::format("'{}' has {} names for {} elements", feature.name, names.size(), feature.shape[0]),
             "meta/info.json");
    }
  }
  if (!info.splits.is_object()) return;
  for (const auto& [name, value] : info.splits.items()) {
    int64_t first = 0, last = 0;
    if (!value.is_string()) continue;
    const std::string text = value.get<std::string>();
    if (std::sscanf(text.c_str(), "%ld:%ld", &first, &last) != 2) continue;
    if (first < 0 || last < first || last > info.total_episodes) {
      v.Fail("dataset/totals", "a split names episodes that are not there", fmt::format("{} = {}", name, text),
             "meta/info.json");
    }
  }
}

void CheckTasks(Validation& v) {
  if (v.set.info.total_tasks != static_cast<int64_t>(v.set.tasks.size())) {
    v.Fail("dataset/totals",
           fmt::format("info.json says {} tasks; the table has {}", v.set.info.total_tasks, v.set.tasks.size()), "",
           "meta/info.json");
  }
  std::set<std::string> seen;
  for (const std::string& task : v.set.tasks) {
    if (!seen.insert(task).second) v.Warn("dataset/tasks", "a task is in the table twice", "'" + task + "'");
  }
}

void CheckEpisodes(Validation& v) {
  const DatasetInfo& info = v.set.info;
  const auto count = static_cast<int64_t>(v.set.episodes.size());
  if (count != info.total_episodes) {
    v.Fail("dataset/totals", fmt::format("info.json says {} episodes; the table has {}", info.total_episodes, count), "",
           "meta/info.json");
  }
  const std::set<std::string> tasks(v.set.tasks.begin(), v.set.tasks.end());
  std::set<int64_t> seen;
  int64_t from = 0;
  for (size_t i = 0; i < v.set.episodes.size(); ++i) {
    const EpisodeMeta& e = v.set.episodes[i];
    const std::string name = fmt::format("episode {}", e.index);
    if (!seen.insert(e.index).second) {
      v.Fail("dataset/episodes", "an episode is in the table twice", name);
    } else if (e.index != static_cast<int64_t>(i)) {
      v.Fail("dataset/episodes", "episodes are not numbered 0, 1, 2 ...", fmt::format("{} in place {}", name, i));
    }
    if (e.length <= 0) v.Fail("dataset/episodes", "an episode has no frame", name);
    if (e.to - e.from != e.length) {
      v.Fail("dataset/range", "dataset_from_index and dataset_to_index do not span the length",
             fmt::format("{}: {} to {}, length {}", name, e.from, e.to, e.length));
    }
    if (e.from != from) {
      v.Fail("dataset/range", "an episode does not begin where the one before it ends",
             fmt::format("{} begins at {}, not {}", name, e.from, from));
    }
    from = e.to;
    if (e.tasks.empty()) v.Warn("dataset/tasks", "an episode has no task", name);
    for (const std::string& task : e.tasks) {
      if (tasks.find(task) == tasks.end() && !v.set.tasks.empty()) {
        v.Fail("dataset/tasks", "an episode has a task that is not in the table", fmt::format("{}: '{}'", name, task));
      }
    }
  }
  int64_t frames = 0;
  for (const EpisodeMeta& e : v.set.episodes) frames += e.length;
  if (frames != info.total_frames) {
    v.Fail("dataset/totals", fmt::format("info.json says {} frames; the episodes have {}", info.total_frames, frames), "",
           "meta/info.json");
  }
  for (const auto& [index, extra] : v.set.extras) {
    if (index >= count) {
      v.Warn("dataset/extras", "takt_episodes.jsonl has a line of an episode that is not there",
             fmt::format("episode {}", index), "meta/takt_episodes.jsonl");
    }
  }
}

// Parquet files under data/ that no episode names: readers that take all files would find their frames.
void CheckStrayFiles(Validation& v, const std::set<std::string>& named) {
  std::error_code failed;
  for (fs::recursive_directory_iterator it(v.set.folder / "data", failed), end; it != end; it.increment(failed)) {
    if (failed) break;
    const std::string name = it->path().lexically_relative(v.set.folder).generic_string();
    if (it->path().extension() == ".parquet" && named.find(name) == named.end()) {
      v.Fail("dataset/stray-file", "a data file belongs to no episode", name, name,
             "readers take every file under data/: move it away");
    }
  }
  // Films in a folder that info.json does not name: LeRobot will not find them.
  for (const char* other : {"video", "images"}) {
    if (fs::is_directory(v.set.folder / other, failed)) {
      v.Note("dataset/layout", "a folder is not part of the format", fmt::format("{}/", other));
    }
  }
}

}  // namespace

ValidateReport Validate(const fs::path& folder, const ValidateOptions& options, const ProgressSink& progress) {
  ValidateReport report;
  Validation v{options, progress, &report, {}, {}, {}, true};
  const auto finish = [&] {
    report.diagnostics = v.findings.Take();
    for (const Diagnostic& d : report.diagnostics) {
      ++(d.severity == Severity::kError ? report.errors : d.severity == Severity::kWarning ? report.warnings : report.notes);
    }
    return report;
  };
  v.set.folder = folder;
  try {
    v.set.info = LoadInfo(folder);
    CheckInfo(v);
  } catch (const Error& error) {
    v.Caught(error, "dataset/info");
    return finish();
  }
  try {
    v.set.tasks = LoadTasks(folder, v.set.info);
    CheckTasks(v);
  } catch (const Error& error) {
    v.Caught(error, "dataset/tasks");
  }
  LoadOptions load;
  load.episode_stats = true;
  bool table = false;
  for (const bool with_stats : {true, false}) {
    if (table) break;
    try {
      load.episode_stats = with_stats;
      v.set.episodes = LoadEpisodes(folder, v.set.info, load, &v.set.notes);
      table = true;
    } catch (const Error& error) {
      v.Caught(error, with_stats ? "dataset/stats" : "dataset/episodes");
    }
  }
  try {
    v.set.stats = LoadStats(folder, &v.set.notes);
  } catch (const Error& error) {
    v.Caught(error, "dataset/stats");
  }
  try {
    v.set.extras = LoadExtras(folder);
  } catch (const Error& error) {
    v.Caught(error, "dataset/extras");
  }
  report.episodes = static_cast<int64_t>(v.set.episodes.size());
  if (table) {
    CheckEpisodes(v);
    for (const EpisodeMeta& e : v.set.episodes) report.frames += e.length;
    CheckStrayFiles(v, ValidateData(v));
    ValidateFilms(v);
    if (options.statistics) ValidateStats(v);
    if (options.decode) ValidatePictures(v);
  }
  for (const std::string& note : v.set.notes) v.Note("dataset/unknown", note, "");
  for (const std::string& file : UnknownMetaFiles(folder, v.set.info)) {
    if (!file.starts_with("meta/takt_")) v.Note("dataset/unknown", "a file is not part of the format", file);
  }
  if (v.set.info.other.is_object()) {
    for (const auto& [key, value] : v.set.info.other.items()) {
      v.Note("dataset/unknown", "info.json has a key that is not known here", key);
    }
  }
  return finish();
}

}  // namespace takt::dataset
