// SPDX-License-Identifier: Apache-2.0
#include "takt/train/imitate/run_report.h"

#include <fmt/format.h>

#include <cmath>

#include "takt/core/io/artefact.h"
#include "takt/core/io/report.h"

namespace takt::imitate {
namespace {

PlotSeries Series(const std::string& name, const TrainReport& report, double CurvePoint::*value, bool markers) {
  PlotSeries series;
  series.name = name;
  series.markers = markers;
  for (const CurvePoint& point : report.curve) {
    if (std::isnan(point.*value)) continue;
    series.x.push_back(static_cast<double>(point.step));
    series.y.push_back(point.*value);
  }
  return series;
}

LinePlot Curves(const std::string& title, const std::string& y_label, bool log_y, std::vector<PlotSeries> series) {
  LinePlot plot;
  plot.title = title;
  plot.x_label = "steps";
  plot.y_label = y_label;
  plot.log_y = log_y;
  for (PlotSeries& s : series) {
    if (!s.x.empty()) plot.series.push_back(std::move(s));
  }
  return plot;
}

std::string Text(double value) { return std::isnan(value) ? "not measured" : fmt::format("{:.4f}", value); }

}  // namespace

void WriteRunReport(const TrainingConfig& config, const TrainOptions& options, const TrainReport& report) {
  const CurvePoint last = report.curve.empty() ? CurvePoint{} : report.curve.back();
  Report page("A policy from demonstrations",
              fmt::format("{} steps on {} episodes; the error on held-out episodes is {}.", report.step, report.train_episodes,
                          Text(last.held_out)));
  page.SetKicker("takt imitate train");
  page.Tiles({{"Loss", Text(last.loss), "mean of the last steps"},
              {"Loss, held out", Text(last.held_out), fmt::format("{} episodes, averaged weights", report.held_out_episodes)},
              {"Action error, held out", Text(last.action_rmse), "RMS, normalised to -1 ... 1, 10 denoising steps"},
              {"Numbers", fmt::format("{:.2f} M", static_cast<double>(report.parameters) / 1e6), "in the model"},
              {"Speed", fmt::format("{:.0f}/s", report.samples_per_s), "observations"}});
  page.Section("Curves");
  page.Plot(Curves("Denoising loss", "mean square", true,
                   {Series("training", report, &CurvePoint::loss, false), Series("held out", report, &CurvePoint::held_out, true)}));
  page.Plot(Curves("Sampled actions against the demonstrated ones, held out", "RMS error", true,
                   {Series("action error", report, &CurvePoint::action_rmse, true)}));
  if (!config.training.auxiliary_key.empty()) {
    page.Plot(Curves("Auxiliary task: " + config.training.auxiliary_key, "mean square", true,
                     {Series("training", report, &CurvePoint::auxiliary, false),
                      Series("held out", report, &CurvePoint::held_out_auxiliary, true)}));
  }
  page.Plot(Curves("Learning rate", "rate", false, {Series("rate", report, &CurvePoint::learning_rate, false)}));
  page.Plot(Curves("Gradient before it is clipped", "norm", true, {Series("norm", report, &CurvePoint::gradient_norm, false)}));
  for (const std::string& note : report.notes) page.Paragraph(note);
  page.Section("How it was made");
  ReportTable table;
  table.columns = {{"what"}, {"value", true}};
  table.rows = {{"steps", fmt::format("{}", report.step)},
                {"wall clock", fmt::format("{:.1f} min", report.elapsed_s / 60)},
                {"observations a step", fmt::format("{} x {} draws", config.training.batch_size, config.training.draws_per_sample)},
                {"episodes trained on", fmt::format("{}", report.train_episodes)},
                {"moments trained on", fmt::format("{}", report.train_samples)},
                {"seed", fmt::format("{}", options.seed)}};
  page.Table(table);
  page.Details("Configuration", TrainingConfigText(config));
  page.Write(options.out / "report.html");
}

std::string RecordRun(const TrainingConfig& config, const TrainOptions& options, int threads, const TrainReport& report) {
  Manifest manifest;
  manifest.kind = "imitate.train";
  manifest.version = TAKT_VERSION;
  manifest.verb = "imitate train";
  manifest.seed = options.seed;
  manifest.options = {{"config", nlohmann::json::parse(TrainingConfigText(config))},
                      {"set", options.provenance},
                      {"steps", report.step},
                      {"minutes", options.minutes},
                      {"threads", threads}};
  manifest.inputs = options.inputs;
  for (const char* file : {"config.json", "model.safetensors"}) manifest.payloads.push_back(HashPayload(options.out, file));
  manifest.unhashed = HostFacts();
  manifest.unhashed["elapsed_s"] = report.elapsed_s;
  manifest.unhashed["samples_per_s"] = report.samples_per_s;
  if (!report.curve.empty()) {
    const CurvePoint& last = report.curve.back();
    manifest.unhashed["final"] = {{"loss", last.loss}};
    if (!std::isnan(last.held_out)) manifest.unhashed["final"]["held_out_loss"] = last.held_out;
    if (!std::isnan(last.action_rmse)) manifest.unhashed["final"]["action_rmse"] = last.action_rmse;
  }
  return WriteManifest(options.out, manifest);
}

}  // namespace takt::imitate
