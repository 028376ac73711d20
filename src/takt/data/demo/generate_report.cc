// SPDX-License-Identifier: Apache-2.0
#include "takt/data/demo/generate_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "takt/core/io/report.h"

namespace takt::demo {
namespace {

constexpr size_t kShownEpisodes = 6;

// Six pictures side by side as one.
Image8 FilmStrip(const Image8* frames, size_t count) {
  constexpr int kGap_px = 2;
  const int w = frames[0].width_px, h = frames[0].height_px;
  Image8 strip(static_cast<int>(count) * (w + kGap_px) - kGap_px, h, 3);
  std::fill(strip.pixels.begin(), strip.pixels.end(), uint8_t{255});
  for (size_t k = 0; k < count; ++k) {
    for (int y = 0; y < h; ++y) {
      std::copy_n(frames[k].row(y), static_cast<size_t>(w) * 3,
                  strip.row(y) + static_cast<size_t>(k) * static_cast<size_t>(w + kGap_px) * 3);
    }
  }
  return strip;
}

PlotSeries Scatter(const std::string& name, const std::vector<Vec2>& points) {
  PlotSeries series;
  series.name = name;
  series.line = false;
  series.markers = true;
  for (const Vec2& p : points) {
    series.x.push_back(p.x());
    series.y.push_back(p.y());
  }
  return series;
}

std::string PerHour(double count, double cpu_s) {
  return cpu_s > 0 ? fmt::format("{:.0f}", 3600 * count / cpu_s) : "-";
}

}  // namespace

void Gallery::Add(const Attempt& attempt, std::vector<Image8> strip) {
  frames_.push_back(static_cast<double>(attempt.frames.size()));
  const std::vector<float>& first = attempt.frames.front().environment;
  const std::vector<float>& last = attempt.frames.back().environment;
  taken_m_.emplace_back(first[0], first[1]);
  put_m_.emplace_back(last[0], last[1]);
  if (shown_.size() >= kShownEpisodes) return;
  Shown shown{attempt.index, attempt.instruction, std::move(strip), {}};
  for (const Frame& frame : attempt.frames) shown.joints.push_back(frame.state);
  shown_.push_back(std::move(shown));
}

void WriteGenerateReport(const GenerateOptions& options, const GenerateReport& report, const Gallery& gallery,
                         const std::filesystem::path& path) {
  Report page(fmt::format("Demonstrations: {}", TaskName(options.task)),
              fmt::format("{} of {} attempts were kept ({:.0f} %); every one ran in physics and passed every filter.",
                          report.kept, report.attempts, 100 * report.yield()));
  page.SetKicker("takt demo generate");
  page.Tiles(
      {{"Kept", fmt::format("{}", report.kept), fmt::format("asked: {}", options.episodes),
        report.kept >= options.episodes ? TileState::kOk : TileState::kWarn},
       {"Yield", fmt::format("{:.1f} %", 100 * report.yield()), fmt::format("{} attempts", report.attempts),
        TileState::kPlain},
       {"An hour and core", PerHour(report.run_kept, report.cpu_s), "kept episodes, by CPU time", TileState::kPlain},
       {"Motion", fmt::format("{:.0f} s", report.seconds_of_motion),
        fmt::format("{} frames at {} a second", report.frames, options.fps), TileState::kPlain}});

  page.Section("Why attempts were not kept");
  BarChart reasons;
  reasons.title = "Attempts by how they ended";
  reasons.parts = {"attempts"};
  for (int r = 0; r < kReasonCount; ++r) {
    if (report.reasons[static_cast<size_t>(r)] > 0) {
      reasons.rows.push_back({std::string(ReasonName(static_cast<Reason>(r))),
                              {static_cast<double>(report.reasons[static_cast<size_t>(r)])}});
    }
  }
  page.Plot(reasons);
  ReportTable examples{"Examples of this run", {{"reason", false}, {"attempt", true}, {"what happened", false}}, {}};
  for (int r = 1; r < kReasonCount; ++r) {
    for (const ReasonExample& e : report.examples[static_cast<size_t>(r)]) {
      examples.rows.push_back(
          {std::string(ReasonName(static_cast<Reason>(r))), fmt::format("{}", e.attempt), e.detail});
    }
  }
  if (!examples.rows.empty()) page.Table(examples);

  page.Section("Episodes");
  for (const Gallery::Shown& shown : gallery.shown()) {
    std::vector<ReportPicture> strips;
    for (size_t c = 0; c + kStripFrames <= shown.strip.size(); c += kStripFrames) {
      strips.push_back(
          {FilmStrip(&shown.strip[c], kStripFrames),
           fmt::format("attempt {}, camera {}: \"{}\"", shown.attempt, c / kStripFrames, shown.instruction), "",
           false});
    }
    if (!strips.empty()) page.Pictures(strips);
  }
  if (!gallery.shown().empty()) {
    const Gallery::Shown& shown = gallery.shown().front();
    LinePlot joints;
    joints.title = fmt::format("Joints of attempt {}", shown.attempt);
    joints.x_label = "time [s]";
    joints.y_label = "angle [rad]";
    const size_t count = shown.joints.front().size() - 1;
    for (size_t j = 0; j < count; ++j) {
      PlotSeries series;
      series.name = fmt::format("joint {}", j);
      for (size_t t = 0; t < shown.joints.size(); ++t) {
        series.x.push_back(static_cast<double>(t) / options.fps);
        series.y.push_back(shown.joints[t][j]);
      }
      joints.series.push_back(std::move(series));
    }
    page.Plot(joints);
  }

  page.Section("Diversity");
  LinePlot places;
  places.title = "Where the first object was taken and put";
  places.x_label = "x [m]";
  places.y_label = "y [m]";
  places.series = {Scatter("taken", gallery.taken_m()), Scatter("put", gallery.put_m())};
  page.Plot(places);

  page.Section("Where the time went");
  BarChart cost;
  cost.title = "CPU time of this run";
  cost.unit = "s";
  cost.parts = {"CPU seconds"};
  cost.rows = {{"scene and model", {report.cost.stage_s}},
               {"planning", {report.cost.plan_s}},
               {"physics", {report.cost.physics_s}},
               {"judging", {report.cost.judge_s}},
               {"perturbed physics", {report.robust_s}},
               {"pictures", {report.render_s}},
               {"encoding", {report.encode_s}}};
  page.Plot(cost);
  page.SetFooter(fmt::format("seed {}, recipe {}, robot {}", options.seed, report.recipe, report.robot));
  page.Write(path);
}

}  // namespace takt::demo
