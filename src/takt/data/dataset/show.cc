// SPDX-License-Identifier: Apache-2.0
#include "takt/data/dataset/show.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "takt/core/base/error.h"
#include "takt/core/base/interrupt.h"
#include "takt/core/io/report.h"
#include "takt/data/dataset/dataset.h"
#include "takt/data/dataset/info.h"

namespace takt::dataset {
namespace {

namespace fs = std::filesystem;

constexpr size_t kTableRows = 200;
constexpr int kGapPx = 2;       // between the pictures of a strip
constexpr size_t kCurves = 6;  // told apart in one plot

std::string Bytes(uint64_t bytes) {
  if (bytes < 1000) return fmt::format("{} B", bytes);
  if (bytes < 1000000) return fmt::format("{:.1f} kB", static_cast<double>(bytes) / 1e3);
  return fmt::format("{:.1f} MB", static_cast<double>(bytes) / 1e6);
}

std::string Join(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : "; ") + word;
  return text;
}

// At most `width_px` wide, by an integer factor.
Image8 Smaller(const Image8& picture, int width_px) {
  const int factor = (picture.width_px + width_px - 1) / width_px;
  if (factor <= 1 || factor > picture.height_px) return picture;
  return ToImage8(Downscale(ToImageF(picture), factor));
}

std::vector<std::string> NamesOf(const Feature& feature) {
  std::vector<std::string> names;
  const auto collect = [&](const auto& self, const nlohmann::ordered_json& json) -> void {
    if (json.is_string()) names.push_back(json.get<std::string>());
    if (json.is_array() || json.is_object()) {
      for (const auto& item : json) self(self, item);
    }
  };
  collect(collect, feature.names);
  if (static_cast<int64_t>(names.size()) != feature.Elements()) {
    names.clear();
    for (int64_t e = 0; e < feature.Elements(); ++e) {
      names.push_back(feature.Elements() == 1 ? feature.name : fmt::format("[{}]", e));
    }
  }
  return names;
}

class Page {
 public:
  Page(const Dataset& set, const ShowOptions& options, Report& report, ShowReport* result)
      : set_(set), options_(options), report_(report), result_(*result), reader_(set), pictures_(set) {}

  void Episode(const EpisodeMeta& episode) {
    report_.Section(fmt::format("Episode {}", episode.index));
    report_.Paragraph(fmt::format("{} · {} frames, {:.2f} s", episode.tasks.empty() ? "no task" : Join(episode.tasks),
                                  episode.length, static_cast<double>(episode.length) / set_.info.fps));
    for (const Feature& feature : set_.info.features) {
      if (feature.IsPicture()) Strip(episode, feature);
    }
    try {
      const EpisodeData data = reader_.Read(episode);
      for (const Feature& feature : set_.info.features) {
        if (!feature.IsPicture() && !IsDefaultFeature(feature.name) && feature.dtype != "string" &&
            feature.Elements() <= 64) {
          Curves(feature, data);
        }
      }
    } catch (const Error& error) {
      report_.Paragraph(fmt::format("The frames cannot be read: {}", error.what()));
    }
    const auto extra = set_.extras.find(episode.index);
    if (extra != set_.extras.end()) report_.Details("How it was made", extra->second.dump(2));
  }

 private:
  void Strip(const EpisodeMeta& episode, const Feature& feature) {
    std::vector<int64_t> frames;
    const int64_t count = std::min<int64_t>(std::max(1, options_.frames), episode.length);
    for (int64_t i = 0; i < count; ++i) {
      frames.push_back(count == 1 ? 0 : i * (episode.length - 1) / (count - 1));
    }
    // One picture, frame beside frame, so that it stays a row on any screen.
    const int width_px = options_.width_px > 0 ? options_.width_px : 160;
    Image8 strip;
    try {
      int next = 0;
      pictures_.Read(episode, feature.name, frames, [&](int64_t, const Image8& picture) {
        const Image8 small = Smaller(picture, width_px);
        if (next == 0) {
          strip = Image8(static_cast<int>(count) * (small.width_px + kGapPx) - kGapPx, small.height_px, 3);
          std::fill(strip.pixels.begin(), strip.pixels.end(), uint8_t{255});
        }
        for (int y = 0; y < small.height_px; ++y) {
          std::copy_n(small.row(y), 3 * small.width_px, strip.row(y) + 3 * next * (small.width_px + kGapPx));
        }
        ++next;
      });
      ReportPicture shown;
      shown.image = std::move(strip);
      shown.label = fmt::format("{}: {} of {} frames, 0 to {:.2f} s", feature.name, count, episode.length,
                                static_cast<double>(frames.back()) / set_.info.fps);
      shown.alt = fmt::format("{}, episode {}, {} frames side by side", feature.name, episode.index, count);
      report_.Pictures({shown});
      result_.pictures += count;
    } catch (const Error& error) {
      report_.Paragraph(fmt::format("{}: no pictures: {}", feature.name, error.what()));
    }
  }

  void Curves(const Feature& feature, const EpisodeData& data) {
    std::vector<double> values;
    std::visit(
        [&](const auto& all) {
          if constexpr (!std::is_same_v<std::decay_t<decltype(all)>, Blobs>) values.assign(all.begin(), all.end());
        },
        data.Numbers(feature.name));
    const auto width = static_cast<size_t>(feature.Elements());
    if (values.size() != width * static_cast<size_t>(data.length)) {
      report_.Paragraph(fmt::format("{}: its rows do not have the shape of info.json", feature.name));
      return;
    }
    const std::vector<std::string> names = NamesOf(feature);
    const size_t plots = (width + kCurves - 1) / kCurves;
    for (size_t part = 0; part < plots; ++part) {
      LinePlot plot;
      plot.title = plots == 1 ? feature.name : fmt::format("{} ({} of {})", feature.name, part + 1, plots);
      plot.x_label = "time [s]";
      for (size_t e = part * kCurves; e < std::min(width, (part + 1) * kCurves); ++e) {
        PlotSeries series;
        series.name = names[e];
        for (size_t t = 0; t < static_cast<size_t>(data.length); ++t) {
          series.x.push_back(static_cast<double>(t) / set_.info.fps);
          series.y.push_back(values[t * width + e]);
        }
        plot.series.push_back(std::move(series));
      }
      report_.Plot(plot);
    }
  }

  const Dataset& set_;
  const ShowOptions& options_;
  Report& report_;
  ShowReport& result_;
  EpisodeReader reader_;
  PictureReader pictures_;
};

void Overview(const Dataset& set, const DatasetSummary& summary, Report& report) {
  report.Tiles({{"episodes", fmt::format("{}", summary.episodes), fmt::format("{} frames", summary.frames),
                 TileState::kPlain},
                {"recorded", fmt::format("{:.1f} min", summary.duration_s / 60),
                 fmt::format("{} frames a second", summary.fps), TileState::kPlain},
                {"tasks", fmt::format("{}", summary.tasks.size()), "", TileState::kPlain},
                {"on disk", Bytes(summary.data_bytes + summary.film_bytes + summary.meta_bytes),
                 summary.missing_files > 0 ? fmt::format("{} files are missing", summary.missing_files) : "",
                 summary.missing_files > 0 ? TileState::kWarn : TileState::kPlain}});
  ReportTable features;
  features.columns = {{"feature", false}, {"type", false}, {"shape", false}, {"min", true}, {"max", true}};
  for (const Feature& feature : set.info.features) {
    if (IsDefaultFeature(feature.name)) continue;
    std::string shape;
    for (const int64_t side : feature.shape) shape += fmt::format("{}{}", shape.empty() ? "" : " x ", side);
    std::vector<std::string> row = {feature.name, feature.dtype, shape, "", ""};
    const auto stats = set.stats.find(feature.name);
    if (stats != set.stats.end() && !stats->second.min.empty()) {
      const FeatureStats& s = stats->second;
      row[3] = fmt::format("{:.4g}", *std::min_element(s.min.begin(), s.min.end()));
      row[4] = fmt::format("{:.4g}", *std::max_element(s.max.begin(), s.max.end()));
    }
    features.rows.push_back(std::move(row));
  }
  report.Section("What each frame holds");
  report.Table(features);
  BarChart lengths;
  lengths.title = "Episodes by length";
  lengths.parts = {"episodes"};
  std::map<int64_t, double> bins;
  const double width_s = std::max(0.5, std::ceil((summary.longest_s - summary.shortest_s) / 8 * 2) / 2);
  for (const EpisodeMeta& episode : set.episodes) {
    ++bins[static_cast<int64_t>(static_cast<double>(episode.length) / set.info.fps / width_s)];
  }
  for (const auto& [bin, count] : bins) {
    lengths.rows.push_back({fmt::format("{:g} to {:g} s", static_cast<double>(bin) * width_s,
                                        static_cast<double>(bin + 1) * width_s),
                            {count}});
  }
  if (lengths.rows.size() > 1 && lengths.rows.size() <= 40) report.Plot(lengths);
}

void EpisodeTable(const Dataset& set, Report& report) {
  report.Section("Episodes");
  ReportTable table;
  table.columns = {{"episode", false}, {"frames", true}, {"seconds", true}, {"task", false}};
  for (const EpisodeMeta& episode : set.episodes) {
    if (table.rows.size() == kTableRows) break;
    table.rows.push_back({fmt::format("{}", episode.index), fmt::format("{}", episode.length),
                          fmt::format("{:.2f}", static_cast<double>(episode.length) / set.info.fps),
                          Join(episode.tasks)});
  }
  if (set.episodes.size() > kTableRows) {
    table.caption = fmt::format("the first {} of {}", kTableRows, set.episodes.size());
  }
  report.Table(table);
}

}  // namespace

ShowReport Show(const fs::path& folder, const fs::path& page, const ShowOptions& options,
                const ProgressSink& progress) {
  const Dataset set = LoadDataset(folder);
  if (set.episodes.empty()) throw Error(ErrorCode::kBadInput, folder.string(), "has no episode");
  const DatasetSummary summary = Summarise(folder);
  std::vector<const EpisodeMeta*> chosen;
  if (options.episodes.empty()) {
    const auto count = std::min<size_t>(static_cast<size_t>(std::max(1, options.count)), set.episodes.size());
    for (size_t i = 0; i < count; ++i) {
      chosen.push_back(&set.episodes[count == 1 ? 0 : i * (set.episodes.size() - 1) / (count - 1)]);
    }
  }
  for (const int64_t index : options.episodes) {
    const auto found = std::find_if(set.episodes.begin(), set.episodes.end(),
                                    [&](const EpisodeMeta& e) { return e.index == index; });
    if (found == set.episodes.end()) {
      throw Error(ErrorCode::kNotFound, folder.string(), fmt::format("has no episode {}", index),
                  fmt::format("it has {}", set.episodes.size()));
    }
    chosen.push_back(&*found);
  }
  ShowReport result;
  result.episodes = static_cast<int64_t>(set.episodes.size());
  const std::string name = fs::absolute(folder).lexically_normal().filename().string();
  Report report(fmt::format("Dataset {}", name.empty() ? folder.string() : name),
                fmt::format("{} episodes of {} in LeRobot {}, {:.1f} to {:.1f} s long.", summary.episodes,
                            summary.robot_type.empty() ? "a robot" : summary.robot_type,
                            DatasetFormatName(summary.format), summary.shortest_s, summary.longest_s));
  report.SetKicker("takt dataset show");
  Overview(set, summary, report);
  Page content(set, options, report, &result);
  ProgressUpdate update{"show", 0, chosen.size(), "episodes", {}};
  for (const EpisodeMeta* episode : chosen) {
    ThrowIfInterrupted();
    content.Episode(*episode);
    ++update.done;
    if (progress) progress(update);
  }
  result.shown = static_cast<int64_t>(chosen.size());
  EpisodeTable(set, report);
  if (!set.notes.empty()) {
    std::string notes;
    for (const std::string& note : set.notes) notes += note + "\n";
    report.Details("Not known here, and kept", notes);
  }
  report.Write(page);
  result.bytes = fs::file_size(page);
  return result;
}

}  // namespace takt::dataset
