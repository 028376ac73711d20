// SPDX-License-Identifier: Apache-2.0
#include "takt/data/dataset/convert.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <optional>
#include <utility>

#include "takt/core/base/error.h"
#include "takt/core/base/file.h"
#include "takt/core/base/interrupt.h"
#include "takt/data/dataset/dataset.h"
#include "takt/data/dataset/prepared.h"
#include "takt/data/dataset/writer.h"

namespace takt::dataset {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kMaxDecodedBytes = int64_t{1} << 32;  // of one episode and camera

// How the feature is kept in the new set.
Feature Target(const Feature& feature, const ConvertOptions& options) {
  Feature target = feature;
  if (!feature.IsPicture() || options.pictures == PictureCoding::kAsIs) return target;
  const bool png = options.pictures == PictureCoding::kPng;
  target.dtype = png ? "image" : "video";
  const std::string codec = options.pictures == PictureCoding::kH264 ? "h264" : "av1";
  const bool same = feature.IsVideo() && feature.info.is_object() && feature.info.value("video.codec", "") == codec;
  if (png || !same) target.info = nullptr;
  return target;
}

std::vector<Feature> Targets(const Dataset& set, const ConvertOptions& options) {
  std::vector<Feature> features;
  for (const Feature& feature : set.info.features) {
    if (!IsDefaultFeature(feature.name)) features.push_back(Target(feature, options));
  }
  return features;
}

std::string Differences(const DatasetInfo& a, const DatasetInfo& b) {
  if (a.fps != b.fps) return fmt::format("has {} frames a second, not {}", b.fps, a.fps);
  for (const Feature& feature : a.features) {
    const Feature* other = b.Find(feature.name);
    if (other == nullptr) return fmt::format("has no feature '{}'", feature.name);
    if (other->dtype != feature.dtype || other->shape != feature.shape || other->names != feature.names) {
      return fmt::format("has another feature '{}'", feature.name);
    }
  }
  if (a.features.size() != b.features.size()) return "has more features";
  return {};
}

// Reads episodes of one set in the form that a writer adds.
class EpisodeSource {
 public:
  // `quantiles`: whether the new set keeps those of each episode.
  EpisodeSource(const Dataset& set, const std::vector<Feature>& targets, const ConvertOptions& options, bool quantiles,
                ConvertReport* report)
      : set_(set),
        targets_(targets),
        options_(options),
        quantiles_(quantiles),
        report_(*report),
        reader_(set),
        pictures_(set) {}

  PreparedEpisode Get(const EpisodeMeta& meta) {
    PreparedEpisode result;
    result.state = std::make_unique<PreparedEpisode::State>();
    PreparedEpisode::State& p = *result.state;
    p.length = meta.length;
    std::vector<std::string> names = {"task_index"};
    for (const Feature& target : targets_) {
      const Feature& feature = *set_.info.Find(target.name);
      if (!feature.IsPicture() || (feature.IsImage() && target.IsImage())) names.push_back(feature.name);
    }
    EpisodeData data = reader_.Read(meta, names);
    Tasks(meta, data, &p);
    for (const Feature& target : targets_) {
      const Feature& feature = *set_.info.Find(target.name);
      if (feature.IsPicture()) {
        Pictures(meta, feature, target, &data, &p);
        continue;
      }
      Array& column = data.columns.at(feature.name);
      if (feature.dtype != "string") {
        p.stats[feature.name] = ComputeStats(data.Numbers(feature.name), feature.Elements(), feature.shape);
      }
      p.columns[feature.name] = std::move(column);
    }
    const auto extra = set_.extras.find(meta.index);
    if (extra != set_.extras.end()) p.extra = extra->second;
    return result;
  }

 private:
  void Tasks(const EpisodeMeta& meta, const EpisodeData& data, PreparedEpisode::State* p) {
    const Values values = data.Numbers("task_index");
    const auto* indices = std::get_if<std::vector<int64_t>>(&values);
    if (indices == nullptr) throw Error(ErrorCode::kBadInput, "column 'task_index'", "is not int64");
    p->tasks = meta.tasks;
    for (const int64_t index : *indices) {
      if (index < 0 || index >= static_cast<int64_t>(set_.tasks.size())) {
        throw Error(ErrorCode::kBadInput, fmt::format("episode {}", meta.index),
                    fmt::format("has a task_index of {}, which is not in the table", index), "takt dataset validate");
      }
      const std::string& task = set_.tasks[static_cast<size_t>(index)];
      auto at = std::find(p->tasks.begin(), p->tasks.end(), task);
      if (at == p->tasks.end()) at = p->tasks.insert(p->tasks.end(), task);
      p->task_of_frame.push_back(at - p->tasks.begin());
    }
  }

  void Pictures(const EpisodeMeta& meta, const Feature& feature, const Feature& target, EpisodeData* data,
                PreparedEpisode::State* p) {
    const auto stats = meta.stats.find(feature.name);
    const bool known =
        stats != meta.stats.end() && stats->second.mean.size() == 3 && (stats->second.HasQuantiles() || !quantiles_);
    if (known) p->stats[feature.name] = stats->second;
    if (known) p->stats[feature.name].shape = {3, 1, 1};
    if (feature.IsImage() && target.IsImage()) {
      p->columns[feature.name] = std::move(data->columns.at(feature.name));
      if (!known) Sample(meta, feature, p);
      return;
    }
    if (feature.IsVideo() && target.IsVideo() && target.info == feature.info) {
      const VideoClip clip = ClipOf(set_, meta, feature.name);
      auto cutter = cutters_.find(feature.name);
      if (cutter == cutters_.end() || cutter->second.path() != clip.path) {
        if (cutter != cutters_.end()) cutters_.erase(cutter);
        cutter = cutters_.emplace(feature.name, FilmCutter(clip.path)).first;
      }
      if (cutter->second.CanCut(clip.first_frame, clip.frames)) {
        p->films[feature.name] = cutter->second.Cut(clip.first_frame, clip.frames, set_.info.fps);
        ++report_.films_copied;
        if (!known) Sample(meta, feature, p);
        return;
      }
    }
    const std::vector<Image8> pictures = Decode(meta, feature);
    if (!known) {
      PictureHistogram histogram;
      for (const int64_t i : SampledFrames(meta.length)) histogram.Add(pictures[static_cast<size_t>(i)]);
      p->stats[feature.name] = histogram.Stats();
    }
    if (target.IsVideo()) {
      VideoOptions video;
      video.fps = set_.info.fps;
      const std::string codec = target.info.is_object() ? target.info.value("video.codec", "h264") : "";
      video.codec = options_.pictures == PictureCoding::kAv1 || codec == "av1" ? VideoCodec::kAv1 : VideoCodec::kH264;
      video.crf = options_.crf;
      video.preset = options_.preset;
      p->films[feature.name] = EncodeMp4(pictures, video);
      ++report_.films_encoded;
      return;
    }
    p->columns[feature.name] = PngColumn(pictures);
  }

  // Statistics where the old set has none, or none with quantiles (v2.1).
  void Sample(const EpisodeMeta& meta, const Feature& feature, PreparedEpisode::State* p) {
    PictureHistogram histogram;
    pictures_.Read(meta, feature.name, SampledFrames(meta.length),
                   [&](int64_t, const Image8& picture) { histogram.Add(picture); });
    p->stats[feature.name] = histogram.Stats();
  }

  std::vector<Image8> Decode(const EpisodeMeta& meta, const Feature& feature) {
    if (feature.Elements() * meta.length > kMaxDecodedBytes) {
      throw Error(ErrorCode::kUnsupported, fmt::format("episode {}", meta.index),
                  fmt::format("has more than 4 GiB of pictures of '{}'", feature.name));
    }
    std::vector<int64_t> frames;
    for (int64_t i = 0; i < meta.length; ++i) frames.push_back(i);
    std::vector<Image8> pictures;
    pictures_.Read(meta, feature.name, frames, [&](int64_t, const Image8& picture) { pictures.push_back(picture); });
    return pictures;
  }

  const Dataset& set_;
  const std::vector<Feature>& targets_;
  const ConvertOptions& options_;
  const bool quantiles_;
  ConvertReport& report_;
  EpisodeReader reader_;
  PictureReader pictures_;
  std::map<std::string, FilmCutter> cutters_;  // of each camera, the last film
};

// Bit for bit: NaN is like itself.
bool SameBits(const Values& a, const Values& b) {
  return a.index() == b.index() &&
         std::visit(
             [&](const auto& left) {
               using T = std::decay_t<decltype(left)>;
               const T& right = std::get<T>(b);
               if constexpr (std::is_same_v<T, Blobs>) {
                 return left == right;
               } else {
                 return left.size() == right.size() &&
                        (left.empty() || std::memcmp(left.data(), right.data(), left.size() * sizeof(left[0])) == 0);
               }
             },
             a);
}

// What a run before this one wrote: goes on only where it is what this one would write.
class WrittenBefore {
 public:
  WrittenBefore(const fs::path& out, const std::vector<Feature>& targets, int64_t episodes)
      : out_(out), targets_(targets) {
    if (episodes == 0) return;
    set_ = LoadDataset(out);
    reader_.emplace(set_);
  }
  void Check(int64_t number, const EpisodeMeta& meta, EpisodeReader& source) {
    const EpisodeMeta& have = set_.episodes.at(static_cast<size_t>(number));
    std::vector<std::string> names;
    for (const Feature& feature : targets_) {
      if (!feature.IsPicture()) names.push_back(feature.name);
    }
    bool same = have.length == meta.length;
    if (same && !names.empty()) {
      const EpisodeData a = reader_->Read(have, names), b = source.Read(meta, names);
      for (const std::string& name : names) same = same && SameBits(a.Numbers(name), b.Numbers(name));
    }
    if (same) return;
    throw Error(ErrorCode::kBadInput, out_.string(),
                fmt::format("holds another episode {} than is to be written", number), "give --out another folder");
  }

 private:
  const fs::path& out_;
  const std::vector<Feature>& targets_;
  Dataset set_;
  std::optional<EpisodeReader> reader_;
};

std::vector<const EpisodeMeta*> Chosen(const Dataset& set, const std::vector<int64_t>& wanted) {
  std::vector<const EpisodeMeta*> chosen;
  std::map<int64_t, const EpisodeMeta*> at;
  for (const EpisodeMeta& episode : set.episodes) at.emplace(episode.index, &episode);
  if (wanted.empty()) {
    for (const auto& [index, episode] : at) chosen.push_back(episode);
    return chosen;
  }
  for (const int64_t index : wanted) {
    const auto found = at.find(index);
    if (found == at.end()) {
      throw Error(ErrorCode::kNotFound, set.folder.string(), fmt::format("has no episode {}", index),
                  fmt::format("it has {}", set.episodes.size()));
    }
    chosen.push_back(found->second);
  }
  return chosen;
}

// Copies files by their names within the set; one that differs from another set's of the same name stays behind.
void TakeAlong(const std::vector<std::pair<fs::path, std::string>>& files, const fs::path& out, ConvertReport* report) {
  for (const auto& [folder, file] : files) {
    const std::vector<uint8_t> bytes = ReadFile(folder / file);
    const fs::path target = out / file;
    if (!fs::exists(target)) {
      fs::create_directories(target.parent_path());
      WriteFileAtomic(target, bytes);
    } else if (ReadFile(target) != bytes) {
      report->notes.push_back(
          fmt::format("{}: {}: not taken along, another one of that name is there", folder.string(), file));
    }
  }
}

ConvertReport Run(const std::vector<fs::path>& in, const fs::path& out, const ConvertOptions& options,
                  const ProgressSink& progress) {
  ConvertReport report;
  LoadOptions load;
  load.episode_stats = true;
  const Dataset first = LoadDataset(in.front(), load);
  const std::vector<Feature> targets = Targets(first, options);
  WriterOptions writing;
  writing.format = options.format.value_or(first.info.format);
  writing.fps = first.info.fps;
  writing.robot_type = first.info.robot_type;
  writing.features = targets;
  writing.video.codec = options.pictures == PictureCoding::kAv1 ? VideoCodec::kAv1 : VideoCodec::kH264;
  writing.chunk_files = static_cast<int>(std::min<int64_t>(first.info.chunks_size, 1000000));
  writing.data_file_mb = options.data_file_mb;
  writing.video_file_mb = options.video_file_mb;
  writing.other = first.info.other;
  for (const fs::path& folder : in) {
    std::error_code failed;
    if (fs::equivalent(folder, out, failed)) {
      throw Error(ErrorCode::kBadInput, out.string(), "is an input and the output", "give --out another folder");
    }
  }
  // Everything that can be refused is refused before anything is written.
  int64_t total = 0;
  for (const fs::path& folder : in) {
    const DatasetInfo info = LoadInfo(folder);
    const std::string differences = Differences(first.info, info);
    if (!differences.empty()) {
      throw Error(ErrorCode::kBadInput, folder.string(),
                  fmt::format("{}, unlike {}", differences, in.front().string()));
    }
    total += info.total_episodes;
  }
  DatasetWriter writer(out, writing);
  if (!options.episodes.empty()) total = static_cast<int64_t>(options.episodes.size());
  if (writer.episodes() > total) {
    throw Error(ErrorCode::kBadInput, out.string(), "holds more episodes than are to be written",
                "give --out another folder");
  }
  WrittenBefore written(out, targets, writer.episodes());
  ProgressUpdate update{in.size() > 1 ? "merge" : "convert", 0, static_cast<uint64_t>(total), "episodes", {}};
  int64_t number = 0;
  bool complete = true;  // the histograms of the pictures
  PictureHistograms pictures;
  std::vector<std::pair<fs::path, std::string>> along;  // files under meta/ that no format names
  for (const fs::path& folder : in) {
    const Dataset set = folder == in.front() ? first : LoadDataset(folder, load);
    const std::vector<std::string> files = UnknownMetaFiles(folder, set.info);
    for (const std::string& file : files) along.emplace_back(folder, file);
    for (const std::string& note : set.notes) {
      const bool file =
          std::any_of(files.begin(), files.end(), [&](const std::string& f) { return note == f + " is kept"; });
      if (!file && note.find("info.json: key") == std::string::npos) {
        report.notes.push_back(
            fmt::format("{}: {}: not taken along", folder.string(), note.substr(0, note.rfind(" is kept"))));
      }
    }
    EpisodeReader again(set);
    EpisodeSource source(set, targets, options, writing.format == DatasetFormat::kV30, &report);
    for (const EpisodeMeta* episode : Chosen(set, options.episodes)) {
      ThrowIfInterrupted();
      if (number < writer.episodes()) {
        written.Check(number++, *episode, again);
        continue;
      }
      ++number;
      writer.Add(source.Get(*episode));
      update.done = static_cast<uint64_t>(number);
      if (progress) progress(update);
    }
    PictureHistograms more = LoadPictureHistograms(folder, set.info.total_episodes);
    for (const Feature& target : targets) {
      if (target.IsPicture() && more.find(target.name) == more.end()) complete = false;
    }
    for (const auto& [key, histogram] : more) pictures[key].Add(histogram);
  }
  if (complete && !pictures.empty() && options.episodes.empty()) SetPictureHistograms(writer, std::move(pictures));
  const WriteSummary summary = writer.Finish(progress);
  TakeAlong(along, out, &report);
  report.episodes = summary.episodes;
  report.frames = summary.frames;
  report.tasks = summary.tasks;
  report.bytes = summary.bytes;
  return report;
}

}  // namespace

ConvertReport Convert(const fs::path& in, const fs::path& out, const ConvertOptions& options,
                      const ProgressSink& progress) {
  return Run({in}, out, options, progress);
}

ConvertReport Merge(const std::vector<fs::path>& in, const fs::path& out, const ConvertOptions& options,
                    const ProgressSink& progress) {
  if (in.empty()) throw Error(ErrorCode::kBadInput, "merge", "has nothing to merge");
  if (!options.episodes.empty()) throw Error(ErrorCode::kBadInput, "--episodes", "is for one set, not for many");
  return Run(in, out, options, progress);
}

}  // namespace takt::dataset
