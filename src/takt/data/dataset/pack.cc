// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <optional>
#include <set>
#include <utility>

#include "takt/core/base/error.h"
#include "takt/core/base/file.h"
#include "takt/core/base/interrupt.h"
#include "takt/core/base/parallel.h"
#include "takt/data/dataset/dataset.h"
#include "takt/data/dataset/prepared.h"
#include "takt/data/dataset/tree.h"

// From the many small files of a set that is being written to the few of a finished one.
namespace takt::dataset {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr size_t kRowsOfEpisodes = 256;             // in a row group of the table of episodes
constexpr int64_t kValuesInMemory = int64_t{1} << 26;  // of the columns whose statistics are computed together

class Meter {
 public:
  Meter(const ProgressSink& sink, std::string task, uint64_t total, std::string unit)
      : sink_(sink), update_{std::move(task), 0, total, std::move(unit), {}} {}
  void Step(uint64_t steps = 1) {
    ThrowIfInterrupted();
    update_.done += steps;
    if (sink_ && (update_.done % 16 == 0 || update_.done >= update_.total)) sink_(update_);
  }

 private:
  const ProgressSink& sink_;
  ProgressUpdate update_;
};

void AppendFinite(const Values& values, size_t element, size_t width, std::vector<double>* column) {
  std::visit(
      [&](const auto& all) {
        if constexpr (!std::is_same_v<std::decay_t<decltype(all)>, Blobs>) {
          for (size_t i = element; i < all.size(); i += width) {
            const auto value = static_cast<double>(all[i]);
            if (std::isfinite(value)) column->push_back(value);
          }
        }
      },
      values);
}

// Where the row group of an episode is, ready to be copied.
struct StoredRows {
  std::optional<ParquetReader> own;  // encoded anew
  std::vector<uint8_t> own_bytes;
  const ParquetReader* reader = nullptr;
  size_t group = 0;

  int64_t Bytes() const {
    int64_t bytes = 0;
    for (const ColumnChunk& chunk : reader->row_groups()[group].columns) bytes += chunk.compressed_bytes;
    return bytes;
  }
};

// The data files of the set. Rows that are a row group of their own, in the columns of the format, are copied as they
// are; others are encoded.
class RowSource {
 public:
  RowSource(const Dataset& set, const ParquetSchema& schema) : set_(set), schema_(schema), episodes_(set) {}

  StoredRows Get(const EpisodeMeta& episode) {
    const fs::path path = set_.folder / DataPath(set_.info, episode);
    if (!file_ || path != path_) {
      file_.emplace(path);
      path_ = path;
      starts_.clear();
      int64_t row = 0;
      for (const RowGroup& group : file_->row_groups()) {
        starts_.push_back(row);
        row += group.num_rows;
      }
      first_ = episode.from;
      for (const EpisodeMeta& other : set_.episodes) {
        if (other.data == episode.data) first_ = std::min(first_, other.from);
      }
    }
    StoredRows rows;
    const auto at = std::lower_bound(starts_.begin(), starts_.end(), episode.from - first_);
    const auto group = static_cast<size_t>(at - starts_.begin());
    if (at != starts_.end() && *at == episode.from - first_ &&
        file_->row_groups()[group].num_rows == episode.length && file_->schema().leaves() == schema_.leaves()) {
      rows.reader = &*file_;
      rows.group = group;
      return rows;
    }
    const EpisodeData data = episodes_.Read(episode);
    std::vector<Array> columns;
    for (const Field& field : schema_.fields()) {
      const auto found = data.columns.find(field.name);
      if (found == data.columns.end()) {
        throw Error(ErrorCode::kBadInput, path.string(), fmt::format("has no column '{}'", field.name));
      }
      columns.push_back(found->second);
    }
    ParquetWriter writer(schema_, {});
    writer.WriteRowGroup(columns);
    rows.own_bytes = writer.Finish();
    rows.own.emplace(rows.own_bytes, path.string());
    rows.reader = &*rows.own;
    return rows;
  }

 private:
  const Dataset& set_;
  const ParquetSchema& schema_;
  EpisodeReader episodes_;
  std::optional<ParquetReader> file_;
  fs::path path_;
  std::vector<int64_t> starts_;
  int64_t first_ = 0;
};

void PackData(TwinTree& tree, Dataset& set, const WriterOptions& options, Meter& meter) {
  const ParquetSchema schema = ParquetSchema::FromFields(DataFields(set.info));
  const std::vector<KeyValue> metadata = {{"huggingface", HuggingFaceMetadata(set.info)}};
  const int64_t limit = int64_t{options.data_file_mb} << 20;
  RowSource source(set, schema);
  std::optional<ParquetWriter> writer;
  int64_t number = -1, bytes = 0;
  const auto place = [&] { return FilePlace{number / set.info.chunks_size, number % set.info.chunks_size}; };
  const auto close = [&] {
    if (writer) tree.PutFresh(DataPath(set.info, place()), writer->Finish());
    writer.reset();
  };
  std::vector<FilePlace> places;
  for (const EpisodeMeta& episode : set.episodes) {
    const StoredRows rows = source.Get(episode);
    const int64_t more = rows.Bytes();
    if (!writer || bytes + more > limit) {
      close();
      writer.emplace(schema, metadata);
      ++number;
      bytes = 0;
    }
    writer->CopyRowGroup(*rows.reader, rows.group);
    bytes += more;
    places.push_back(place());
    meter.Step();
  }
  close();
  for (size_t i = 0; i < places.size(); ++i) set.episodes[i].data = places[i];
}

struct PlannedFilm {
  std::vector<VideoClip> clips;
  int64_t frames = 0;
};

void PackFilms(TwinTree& tree, Dataset& set, const std::string& key, const WriterOptions& options, Meter& meter) {
  const int64_t limit = int64_t{options.video_file_mb} << 20;
  std::vector<PlannedFilm> films;
  std::vector<VideoPlace> places;
  fs::path last_path;
  FilmLayout layout;
  std::string setup;
  int64_t bytes = 0;
  std::map<fs::path, int64_t> film_frames;
  for (const EpisodeMeta& episode : set.episodes) {
    const VideoClip clip = ClipOf(set, episode, key);
    if (clip.path != last_path) {
      layout = ProbeFilmLayout(clip.path);
      last_path = clip.path;
      film_frames[clip.path] = static_cast<int64_t>(layout.frame_bytes.size());
    }
    int64_t more = 0;
    for (int64_t i = clip.first_frame; i < clip.first_frame + clip.frames; ++i) {
      if (i < 0 || i >= static_cast<int64_t>(layout.frame_bytes.size())) {
        throw Error(ErrorCode::kBadInput, clip.path.string(), fmt::format("has no frame {}", i));
      }
      more += layout.frame_bytes[static_cast<size_t>(i)];
    }
    if (films.empty() || bytes + more > limit || layout.setup != setup) {
      films.emplace_back();
      setup = layout.setup;
      bytes = 0;
    }
    PlannedFilm& film = films.back();
    VideoPlace place;
    const auto number = static_cast<int64_t>(films.size()) - 1;
    place.place = {number / set.info.chunks_size, number % set.info.chunks_size};
    place.from_s = static_cast<double>(film.frames) / set.info.fps;
    film.frames += clip.frames;
    place.to_s = static_cast<double>(film.frames) / set.info.fps;
    // Neighbours in the same film are one piece.
    if (!film.clips.empty() && film.clips.back().path == clip.path &&
        film.clips.back().first_frame + film.clips.back().frames == clip.first_frame) {
      film.clips.back().frames += clip.frames;
    } else {
      film.clips.push_back(clip);
    }
    bytes += more;
    places.push_back(place);
  }
  for (size_t n = 0; n < films.size(); ++n) {
    const PlannedFilm& film = films[n];
    const auto number = static_cast<int64_t>(n);
    const fs::path target =
        VideoPath(set.info, FilePlace{number / set.info.chunks_size, number % set.info.chunks_size}, key);
    const VideoClip& first = film.clips.front();
    if (film.clips.size() == 1 && first.first_frame == 0 && first.frames == film_frames[first.path]) {
      tree.LinkFromCurrent(fs::relative(first.path, set.folder), target);
    } else {
      tree.PutFresh(target, ConcatMp4(film.clips, set.info.fps));
    }
    meter.Step(0);  // may be interrupted here; episodes are counted elsewhere
  }
  for (size_t i = 0; i < places.size(); ++i) set.episodes[i].videos[key] = places[i];
}

// The table of episodes with its new places and the statistics of `old`.
void PackEpisodes(TwinTree& tree, const Dataset& set, std::vector<EpisodeMeta>& old, Meter& meter) {
  std::vector<EpisodeMeta> rows;
  const FilePlace place;
  ParquetWriter writer(ParquetSchema::FromFields(EpisodeFields(set.info)), {});
  const auto flush = [&] {
    if (!rows.empty()) writer.WriteRowGroup(EpisodeColumns(set.info, rows, place));
    rows.clear();
  };
  for (size_t i = 0; i < set.episodes.size(); ++i) {
    EpisodeMeta row = set.episodes[i];
    row.stats = std::move(old[i].stats);
    rows.push_back(std::move(row));
    if (rows.size() >= kRowsOfEpisodes) flush();
    meter.Step();
  }
  flush();
  tree.PutFresh(EpisodesPath(place), writer.Finish());
}

}  // namespace

StatsMap ComputeColumnStats(const Dataset& set, const ProgressSink& progress) {
  StatsMap result;
  int64_t frames = 0;
  for (const EpisodeMeta& episode : set.episodes) frames += episode.length;
  std::vector<std::pair<const Feature*, std::pair<int64_t, int64_t>>> blocks;  // feature, elements [first, last)
  for (const Feature& feature : set.info.features) {
    if (feature.IsPicture() || feature.dtype == "string") continue;
    const int64_t step = std::max<int64_t>(1, kValuesInMemory / std::max<int64_t>(1, frames));
    for (int64_t e = 0; e < feature.Elements(); e += step) {
      blocks.push_back({&feature, {e, std::min(feature.Elements(), e + step)}});
    }
  }
  Meter meter(progress, "statistics", blocks.size() * set.episodes.size(), "episodes");
  EpisodeReader reader(set);
  for (const auto& [feature, range] : blocks) {
    const auto width = static_cast<size_t>(feature->Elements());
    std::vector<std::vector<double>> columns(static_cast<size_t>(range.second - range.first));
    bool integral = true;
    int64_t count = 0;
    for (const EpisodeMeta& episode : set.episodes) {
      const Values values = reader.Read(episode, {feature->name}).Numbers(feature->name);
      if (CountValues(values) != width * static_cast<size_t>(episode.length)) {
        throw Error(ErrorCode::kBadInput, fmt::format("episode {}", episode.index),
                    fmt::format("has {} values of '{}', not {} x {}", CountValues(values), feature->name,
                                episode.length, width));
      }
      integral = !std::holds_alternative<std::vector<float>>(values) &&
                 !std::holds_alternative<std::vector<double>>(values);
      for (size_t e = 0; e < columns.size(); ++e) {
        AppendFinite(values, e + static_cast<size_t>(range.first), width, &columns[e]);
      }
      count += episode.length;
      meter.Step();
    }
    FeatureStats& stats = result[feature->name];
    if (range.first == 0) {
      stats.shape = feature->shape;
      stats.integral = integral;
      stats.count = count;
      for (auto* list : {&stats.min, &stats.max, &stats.mean, &stats.std}) list->assign(width, 0.0);
      for (auto& list : stats.quantiles) list.assign(width, 0.0);
    }
    ParallelFor(columns.size(), 1, [&, first = static_cast<size_t>(range.first)](size_t begin, size_t) {
      const FeatureStats one = ComputeStats(Values(std::move(columns[begin])), 1, {1});
      if (one.count == 0) return;
      stats.min[first + begin] = one.min[0];
      stats.max[first + begin] = one.max[0];
      stats.mean[first + begin] = one.mean[0];
      stats.std[first + begin] = one.std[0];
      for (size_t q = 0; q < kQuantiles.size(); ++q) stats.quantiles[q][first + begin] = one.quantiles[q][0];
    });
  }
  return result;
}

std::string FormatPictureHistograms(const PictureHistograms& pictures, int64_t episodes) {
  Json json = {{"episodes", episodes}};
  for (const auto& [key, histogram] : pictures) {
    json["features"][key] = {{"pictures", histogram.pictures}, {"counts", histogram.counts}};
  }
  return FormatJsonLine(json);
}

PictureHistograms LoadPictureHistograms(const fs::path& root, int64_t episodes) {
  PictureHistograms pictures;
  const fs::path path = root / "meta/takt_pictures.json";
  if (!fs::exists(path)) return pictures;
  const Json json = ParseJson(ReadTextFile(path), path.string());
  const auto fail = [&] { return Error(ErrorCode::kBadInput, path.string(), "does not hold histograms of pictures"); };
  try {
    if (json.at("episodes").get<int64_t>() != episodes) return pictures;
    for (const auto& [key, value] : json.at("features").items()) {
      PictureHistogram& histogram = pictures[key];
      histogram.pictures = value.at("pictures").get<int64_t>();
      const Json& counts = value.at("counts");
      if (counts.size() != 3) throw fail();
      for (size_t c = 0; c < 3; ++c) {
        if (counts[c].size() != 256) throw fail();
        for (size_t v = 0; v < 256; ++v) histogram.counts[c][v] = counts[c][v].get<uint64_t>();
      }
    }
  } catch (const nlohmann::json::exception&) {
    throw fail();
  }
  return pictures;
}

void PackDataset(TwinTree& tree, const WriterOptions& options, const ProgressSink& progress) {
  tree.BeginFresh();
  Dataset set;
  set.folder = tree.root();
  set.info = LoadInfo(set.folder);
  LoadOptions load;
  load.episode_stats = true;
  std::vector<EpisodeMeta> old = LoadEpisodes(set.folder, set.info, load, nullptr);
  RunningStats running;  // pictures of sets without histograms
  for (const EpisodeMeta& row : old) {
    running.Add(row.stats);
    set.episodes.push_back(row);
    set.episodes.back().stats.clear();
  }
  set.info.data_files_size_in_mb = options.data_file_mb;
  set.info.video_files_size_in_mb = options.video_file_mb;
  const Dataset before = set;  // its places are those of the files on disk
  StatsMap stats = ComputeColumnStats(before, progress);
  const StatsMap merged = running.Result();
  const PictureHistograms pictures = LoadPictureHistograms(set.folder, set.info.total_episodes);
  for (const Feature& feature : set.info.features) {
    if (!feature.IsPicture()) continue;
    const auto exact = pictures.find(feature.name);
    const auto found = merged.find(feature.name);
    if (exact != pictures.end()) {
      stats[feature.name] = exact->second.Stats();
    } else if (found != merged.end()) {
      stats[feature.name] = found->second;
    }
  }
  Meter meter(progress, "pack", 2 * set.episodes.size(), "episodes");
  PackData(tree, set, options, meter);
  // PackData has set new places in the table; films are still found by the old ones, which it left alone.
  for (const Feature& feature : set.info.features) {
    if (feature.IsVideo()) PackFilms(tree, set, feature.name, options, meter);
  }
  PackEpisodes(tree, set, old, meter);
  tree.PutFresh("meta/info.json", [&] {
    const std::string text = FormatInfo(set.info);
    return std::vector<uint8_t>(text.begin(), text.end());
  }());
  tree.PutFresh("meta/stats.json", [&] {
    const std::string text = FormatJson(StatsFileJson(set.info, stats));
    return std::vector<uint8_t>(text.begin(), text.end());
  }());
  // What is left is kept as it is.
  std::set<std::string> replaced = {"meta/info.json", "meta/stats.json"};
  for (const EpisodeMeta& row : before.episodes) {
    replaced.insert(DataPath(before.info, row).string());
    for (const auto& [key, video] : row.videos) replaced.insert(VideoPath(before.info, row, key).string());
  }
  for (const char* part : {"data", "videos", "meta"}) {
    if (!fs::exists(set.folder / part)) continue;
    for (const auto& entry : fs::recursive_directory_iterator(set.folder / part)) {
      const std::string name = fs::relative(entry.path(), set.folder).string();
      if (!entry.is_regular_file() || replaced.find(name) != replaced.end()) continue;
      if (name.starts_with("meta/episodes/") && name.ends_with(".parquet")) continue;
      tree.LinkFromCurrent(name, name);
    }
  }
  tree.CommitFresh();
}

}  // namespace takt::dataset
