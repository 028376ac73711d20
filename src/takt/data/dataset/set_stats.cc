// SPDX-License-Identifier: Apache-2.0
#include "takt/data/dataset/set_stats.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "takt/core/base/error.h"
#include "takt/core/base/file.h"
#include "takt/core/base/interrupt.h"
#include "takt/data/dataset/dataset.h"
#include "takt/data/dataset/prepared.h"

namespace takt::dataset {
namespace {

namespace fs = std::filesystem;

bool Same(const FeatureStats& a, const FeatureStats& b) {
  return a.count == b.count && a.min == b.min && a.max == b.max && a.mean == b.mean && a.std == b.std &&
         (a.quantiles == b.quantiles || !b.HasQuantiles());
}

// The table of episodes of v3.0 with new statistics, file by file.
void WriteTables(const Dataset& set, const std::map<int64_t, const EpisodeMeta*>& fresh) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(set.folder / "meta/episodes")) {
    if (entry.path().extension() == ".parquet") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  for (const fs::path& file : files) {
    std::vector<EpisodeMeta> rows;
    FilePlace place;
    std::vector<uint8_t> bytes;
    {
      const ParquetReader reader(file);
      rows = ReadEpisodeRows(reader, set.info, false);
      if (reader.schema().FindField("meta/episodes/chunk_index") && !rows.empty()) {
        place.chunk = reader.ReadField("meta/episodes/chunk_index").Int64s()[0];
        place.file = reader.ReadField("meta/episodes/file_index").Int64s()[0];
      }
    }
    for (EpisodeMeta& row : rows) row.stats = fresh.at(row.index)->stats;
    ParquetWriter writer(ParquetSchema::FromFields(EpisodeFields(set.info)), {});
    if (!rows.empty()) writer.WriteRowGroup(EpisodeColumns(set.info, rows, place));
    WriteFileAtomic(file, writer.Finish());
  }
}

}  // namespace

SetStatsReport ComputeSetStats(const fs::path& folder, const SetStatsOptions& options, const ProgressSink& progress) {
  LoadOptions load;
  load.episode_stats = true;
  Dataset set = LoadDataset(folder, load);
  SetStatsReport report;
  report.episodes = static_cast<int64_t>(set.episodes.size());
  if (set.episodes.empty()) throw Error(ErrorCode::kBadInput, folder.string(), "has no episode");
  const bool v30 = set.info.format == DatasetFormat::kV30;
  EpisodeReader reader(set);
  PictureReader pictures(set);
  PictureHistograms histograms;
  ProgressUpdate update{"episodes", 0, set.episodes.size(), "episodes", {}};
  for (EpisodeMeta& episode : set.episodes) {
    ThrowIfInterrupted();
    bool changed = false;
    for (const Feature& feature : set.info.features) {
      if (feature.dtype == "string") continue;
      FeatureStats fresh;
      if (feature.IsPicture()) {
        if (!options.pictures) continue;
        PictureHistogram histogram;
        pictures.Read(episode, feature.name, SampledFrames(episode.length),
                      [&](int64_t, const Image8& picture) { histogram.Add(picture); });
        histograms[feature.name].Add(histogram);
        fresh = histogram.Stats();
      } else {
        fresh = ComputeStats(reader.Read(episode, {feature.name}).Numbers(feature.name), feature.Elements(),
                             feature.shape);
      }
      FeatureStats& stored = episode.stats[feature.name];
      changed = changed || !Same(fresh, stored);
      stored = std::move(fresh);
    }
    report.changed += changed ? 1 : 0;
    ++update.done;
    if (progress) progress(update);
  }
  RunningStats running;
  for (const EpisodeMeta& episode : set.episodes) running.Add(episode.stats);
  report.stats = ComputeColumnStats(set, progress);
  const StatsMap merged = running.Result();
  if (!options.pictures) histograms = LoadPictureHistograms(folder, report.episodes);
  for (const Feature& feature : set.info.features) {
    if (!feature.IsPicture()) continue;
    const auto exact = histograms.find(feature.name);
    const auto found = merged.find(feature.name);
    if (exact != histograms.end()) {
      report.stats[feature.name] = exact->second.Stats();
    } else if (found != merged.end()) {
      report.stats[feature.name] = found->second;
    }
  }
  if (!options.write) return report;
  if (fs::exists(folder / ".takt")) {
    throw Error(ErrorCode::kBadInput, folder.string(), "is still being written", "finish it first");
  }
  std::map<int64_t, const EpisodeMeta*> fresh;
  for (const EpisodeMeta& episode : set.episodes) fresh[episode.index] = &episode;
  if (v30) {
    for (const Feature& feature : set.info.features) {
      for (const EpisodeMeta& episode : set.episodes) {
        if (feature.dtype != "string" && !episode.stats.at(feature.name).HasQuantiles()) {
          throw Error(ErrorCode::kBadInput, fmt::format("episode {}", episode.index),
                      fmt::format("has no quantiles of '{}'", feature.name), "leave --no-pictures out");
        }
      }
    }
    WriteTables(set, fresh);
    WriteFileAtomic(folder / "meta/stats.json", FormatJson(StatsFileJson(set.info, report.stats)));
  } else {
    std::string lines;
    for (EpisodeMeta& episode : set.episodes) {
      for (auto& [name, stats] : episode.stats) {
        for (auto& list : stats.quantiles) list.clear();
      }
      lines += FormatJsonLine(
          {{"episode_index", episode.index}, {"stats", StatsFileJson(set.info, episode.stats)}});
    }
    WriteFileAtomic(folder / "meta/episodes_stats.jsonl", lines);
  }
  if (!histograms.empty()) {
    WriteFileAtomic(folder / "meta/takt_pictures.json", FormatPictureHistograms(histograms, report.episodes));
  }
  report.written = true;
  return report;
}

}  // namespace takt::dataset
