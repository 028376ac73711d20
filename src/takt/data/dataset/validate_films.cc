// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "takt/core/base/interrupt.h"
#include "takt/data/dataset/validate_parts.h"

// Films, pictures and statistics.
namespace takt::dataset {
namespace {

namespace fs = std::filesystem;

struct FilmUse {
  const EpisodeMeta* episode;
  VideoClip clip;
};

void CheckFilm(Validation& v, const Feature& feature, const std::string& name, std::vector<FilmUse> uses) {
  const fs::path path = v.set.folder / name;
  if (!fs::exists(path)) {
    v.Fail("dataset/missing-file", fmt::format("a film of '{}' is missing", feature.name), name, name);
    return;
  }
  VideoInfo film;
  try {
    film = ProbeVideo(path);
    ++v.report->films;
  } catch (const Error& error) {
    v.Caught(error, "dataset/unreadable");
    return;
  }
  const auto fail = [&](const std::string& headline, const std::string& item) {
    v.Fail("dataset/film", headline, item, name);
  };
  if (film.height_px != feature.shape[0] || film.width_px != feature.shape[1]) {
    fail("a film has another size than info.json says",
         fmt::format("{}: {}x{}, not {}x{}", name, film.width_px, film.height_px, feature.shape[1], feature.shape[0]));
  }
  if (!(std::abs(film.fps - v.set.info.fps) <= 0.01 * v.set.info.fps)) {
    fail("a film has another rate than info.json says",
         fmt::format("{}: {:.3f} frames a second, not {}", name, film.fps, v.set.info.fps));
  }
  if (feature.info.is_object()) {
    const auto codec = feature.info.find("video.codec");
    if (codec != feature.info.end() && codec->is_string() && codec->get<std::string>() != film.codec) {
      v.Warn("dataset/film", "a film has another codec than info.json says",
             fmt::format("{}: {}, not {}", name, film.codec, codec->get<std::string>()), name);
    }
  }
  std::sort(uses.begin(), uses.end(),
            [](const FilmUse& a, const FilmUse& b) { return a.clip.first_frame < b.clip.first_frame; });
  int64_t next = 0;
  for (const FilmUse& use : uses) {
    const std::string item = fmt::format("{}: episode {} has frames {} to {}", name, use.episode->index,
                                         use.clip.first_frame, use.clip.first_frame + use.clip.frames);
    if (use.clip.first_frame < next) fail("two episodes share frames of a film", item);
    next = use.clip.first_frame + use.clip.frames;
    if (use.clip.first_frame < 0 || next > film.frames) {
      fail("a film is shorter than its episodes", fmt::format("{}; the film has {}", item, film.frames));
    }
  }
  if (next < film.frames) {
    v.Warn("dataset/film", "a film is longer than its episodes",
           fmt::format("{}: {} frames, {} are used", name, film.frames, next), name);
  }
}

// Whether two numbers agree within `tolerance`; NaN never does.
bool Near(double a, double b, double tolerance) { return std::abs(a - b) <= tolerance; }

// Gives the first element and statistic that disagree; empty where all agree.
std::string Compare(const FeatureStats& stored, const FeatureStats& computed) {
  if (stored.count != computed.count) return fmt::format("count {}, not {}", stored.count, computed.count);
  if (stored.min.size() != computed.min.size()) {
    return fmt::format("{} elements, not {}", stored.min.size(), computed.min.size());
  }
  for (size_t e = 0; e < computed.min.size(); ++e) {
    const double range = computed.max[e] - computed.min[e];
    const double size = std::max(std::abs(computed.max[e]), std::abs(computed.min[e]));
    const auto differs = [&](const char* name, double a, double b) {
      return fmt::format("{}[{}] is {:.7g}, not {:.7g}", name, e, a, b);
    };
    // float32 on the way to the minimum and in sums; LeRobot's std is the root of a difference of float32 squares, which
    // cancels where the values vary little around a large mean.
    if (!Near(stored.min[e], computed.min[e], 1e-6 * size)) return differs("min", stored.min[e], computed.min[e]);
    if (!Near(stored.max[e], computed.max[e], 1e-6 * size)) return differs("max", stored.max[e], computed.max[e]);
    const double loose = 1e-3 * range + 1e-4 * size + 1e-9;
    if (!Near(stored.mean[e], computed.mean[e], loose)) return differs("mean", stored.mean[e], computed.mean[e]);
    if (!Near(stored.std[e], computed.std[e], loose + 5e-3 * std::abs(computed.mean[e]))) {
      return differs("std", stored.std[e], computed.std[e]);
    }
  }
  return {};
}

// Quantiles that other writers estimate from histograms: they rise and stay between min and max.
std::string CompareQuantiles(const FeatureStats& stored) {
  if (!stored.HasQuantiles()) return {};
  for (size_t e = 0; e < stored.min.size(); ++e) {
    const double slack = 1e-3 * (stored.max[e] - stored.min[e]) + 1e-6 * std::abs(stored.max[e]) + 1e-9;
    double last = stored.min[e] - slack;
    for (size_t q = 0; q < kQuantiles.size(); ++q) {
      const double value = stored.quantiles[q][e];
      if (!(value >= last - slack) || !(value <= stored.max[e] + slack)) {
        return fmt::format("{}[{}] is {:.7g}, out of order", kQuantileNames[q], e, value);
      }
      last = value;
    }
  }
  return {};
}

}  // namespace

void ValidateFilms(Validation& v) {
  for (const Feature& feature : v.set.info.features) {
    if (!feature.IsVideo() || v.set.info.video_path.empty()) continue;
    std::map<std::string, std::vector<FilmUse>> films;
    for (const EpisodeMeta& episode : v.set.episodes) {
      const std::string item = fmt::format("episode {}, '{}'", episode.index, feature.name);
      if (v.set.info.format == DatasetFormat::kV30) {
        const auto place = episode.videos.find(feature.name);
        if (place == episode.videos.end()) {
          v.Fail("dataset/film", "the table of episodes does not say where a film is", item);
          continue;
        }
        const double frames = (place->second.to_s - place->second.from_s) * v.set.info.fps;
        const auto length = static_cast<double>(episode.length);
        if (!Near(frames, length, 0.5)) {
          // Some writers end at the last frame, not behind it; frames are found from the beginning, so that does no harm.
          v.findings.Add(Near(frames, length, 1.5) ? Severity::kWarning : Severity::kError, "dataset/film",
                         "from_timestamp and to_timestamp do not span the episode",
                         fmt::format("{}: {:.2f} frames, length {}", item, frames, episode.length));
        }
      }
      try {
        const VideoClip clip = ClipOf(v.set, episode, feature.name);
        films[VideoPath(v.set.info, episode, feature.name).generic_string()].push_back({&episode, clip});
      } catch (const Error& error) {
        v.Fail("dataset/path", fmt::format("{} {}", error.subject(), error.message()), "", "meta/info.json");
      }
    }
    ProgressUpdate update{"check films", 0, films.size(), "films", feature.name};
    for (auto& [name, uses] : films) {
      ThrowIfInterrupted();
      CheckFilm(v, feature, name, std::move(uses));
      ++update.done;
      if (v.progress) v.progress(update);
    }
  }
}

void ValidateStats(Validation& v) {
  const bool v30 = v.set.info.format == DatasetFormat::kV30;
  for (const EpisodeMeta& episode : v.set.episodes) {
    const std::string name = fmt::format("episode {}", episode.index);
    const auto computed = v.computed.find(episode.index);
    for (const Feature& feature : v.set.info.features) {
      if (feature.dtype == "string") continue;
      const auto stored = episode.stats.find(feature.name);
      if (stored == episode.stats.end()) {
        v.Warn("dataset/stats", "an episode lacks statistics", fmt::format("{}: '{}'", name, feature.name));
        continue;
      }
      std::string difference = CompareQuantiles(stored->second);
      if (feature.IsPicture()) {
        const FeatureStats& s = stored->second;
        if (s.min.size() != 3 || s.count > episode.length) {
          difference = "is not of three channels, or counts more frames than there are";
        }
        for (size_t e = 0; e < s.min.size(); ++e) {
          if (!(s.min[e] >= 0) || !(s.max[e] <= 1) || !(s.mean[e] >= s.min[e]) || !(s.mean[e] <= s.max[e])) {
            difference = "is not within 0 to 1";
          }
        }
      } else if (computed != v.computed.end()) {
        const auto fresh = computed->second.find(feature.name);
        if (fresh != computed->second.end()) {
          const std::string more = Compare(stored->second, fresh->second);
          if (!more.empty()) difference = more;
        }
      }
      if (!difference.empty()) {
        v.Fail("dataset/stats", fmt::format("statistics of '{}' do not match the episode", feature.name),
               fmt::format("{}: {}", name, difference), {}, "takt dataset stats --write");
      }
    }
  }
  if (!v30) return;
  if (v.set.stats.empty()) {
    v.Warn("dataset/stats", "there is no meta/stats.json", "", "meta/stats.json", "takt dataset stats --write");
    return;
  }
  if (!v.data_whole) return;
  RunningStats running;
  for (const EpisodeMeta& episode : v.set.episodes) {
    const auto computed = v.computed.find(episode.index);
    if (computed != v.computed.end()) running.Add(computed->second);
  }
  const StatsMap whole = running.Result();
  for (const Feature& feature : v.set.info.features) {
    if (feature.dtype == "string") continue;
    const auto stored = v.set.stats.find(feature.name);
    if (stored == v.set.stats.end()) {
      v.Warn("dataset/stats", "meta/stats.json lacks a feature", feature.name, "meta/stats.json");
      continue;
    }
    const auto fresh = whole.find(feature.name);
    std::string difference = CompareQuantiles(stored->second);
    if (!feature.IsPicture() && fresh != whole.end()) {
      const std::string more = Compare(stored->second, fresh->second);
      if (!more.empty()) difference = more;
    }
    if (!difference.empty()) {
      v.Fail("dataset/stats", "meta/stats.json does not match the data",
             fmt::format("'{}': {}", feature.name, difference), "meta/stats.json", "takt dataset stats --write");
    }
  }
}

void ValidatePictures(Validation& v) {
  PictureReader reader(v.set);
  uint64_t cameras = 0;
  for (const Feature& feature : v.set.info.features) cameras += feature.IsPicture() ? 1 : 0;
  ProgressUpdate update{"decode", 0, cameras * v.set.episodes.size(), "episodes", {}};
  for (const Feature& feature : v.set.info.features) {
    if (!feature.IsPicture()) continue;
    for (const EpisodeMeta& episode : v.set.episodes) {
      ThrowIfInterrupted();
      if (v.progress) v.progress(update);
      ++update.done;
      if (v.computed.find(episode.index) == v.computed.end()) continue;  // its length is not what the data say
      std::vector<int64_t> frames;
      for (int64_t i = 0; i < episode.length; ++i) frames.push_back(i);
      const std::vector<int64_t> sampled = SampledFrames(episode.length);
      PictureHistogram histogram;
      try {
        if (feature.IsVideo() && !fs::exists(v.set.folder / VideoPath(v.set.info, episode, feature.name))) continue;
        reader.Read(episode, feature.name, frames, [&](int64_t frame, const Image8& picture) {
          ++v.report->frames_decoded;
          if (std::binary_search(sampled.begin(), sampled.end(), frame)) histogram.Add(picture);
        });
      } catch (const Error& error) {
        v.Caught(error, "dataset/unreadable");
        continue;
      }
      const auto stored = episode.stats.find(feature.name);
      if (!v.options.statistics || stored == episode.stats.end() || stored->second.mean.size() != 3) continue;
      const FeatureStats computed = histogram.Stats();
      for (size_t c = 0; c < 3; ++c) {
        // What a codec changes is far below this; a film of something else is far above.
        if (!Near(stored->second.mean[c], computed.mean[c], 0.03)) {
          v.Fail("dataset/stats", fmt::format("the pictures of '{}' are not those of the statistics", feature.name),
                 fmt::format("episode {}: mean {:.4f}, not {:.4f}", episode.index, stored->second.mean[c],
                             computed.mean[c]));
          break;
        }
      }
    }
  }
}

}  // namespace takt::dataset
