// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "takt/apps/evaluate/fit.h"
#include "takt/core/io/report.h"

namespace takt::evaluate {
namespace {

using nlohmann::ordered_json;

ordered_json ToJson(const ChunkTime& t) {
  return {{"chunks", t.chunks}, {"p50_ms", t.p50_ms}, {"p99_ms", t.p99_ms}, {"flops", t.flops}};
}

ordered_json ToJson(const FitCandidate& c) {
  ordered_json json = {{"plan", policy::PlanName(c.plan)},
                       {"family", c.family},
                       {"time", ToJson(c.time)},
                       {"action_rms", c.error.rms},
                       {"fate", c.fate}};
  if (c.starts > 0) {
    json["starts"] = c.starts;
    json["success"] = c.success;
    json["score"] = c.score;
  }
  return json;
}

std::string Text(double value, const char* form, bool known) {
  return known ? fmt::format(fmt::runtime(form), value) : std::string("-");
}

}  // namespace

ordered_json ToJson(const FitReport& report, const FitOptions& options) {
  ordered_json json = {{"kind", "policy.fit"},
                       {"schema", {1, 0}},
                       {"budget_ms", options.budget_ms},
                       {"max_drop", options.max_drop},
                       {"metric", options.by_score ? "score" : "success"},
                       {"fitted", ToJson(report.fitted)},
                       {"exact_time", ToJson(report.exact_time)},
                       {"speedup", report.exact_time.p50_ms / report.fitted_time.p50_ms},
                       {"proof", ToJson(report.proof)}};
  json["proof"]["starts"] = report.proof_starts;
  json["proof"]["exact"] = ToJson(report.exact_proof, true);
  json["proof"]["fitted"] = ToJson(report.fitted_proof, true);
  json["candidates"] = ordered_json::array();
  for (const FitCandidate& c : report.candidates) json["candidates"].push_back(ToJson(c));
  return json;
}

void WriteFitReport(const FitReport& report, const Task& task, const FitOptions& options,
                    const std::filesystem::path& path) {
  const FitCandidate& best = report.fitted;
  const Interval& bound = options.by_score ? report.proof.score_interval : report.proof.rate_interval;
  const char* metric = options.by_score ? "mean score" : "success";
  Report page(fmt::format("A chunk in {:.3g} ms: {}", options.budget_ms, policy::PlanName(best.plan)),
              fmt::format("{:.1f} times faster than the exact policy; {} {:.1f} % against {:.1f} % on {} fresh starts.",
                          report.exact_time.p50_ms / best.time.p50_ms, metric, 100 * report.fitted_metric,
                          100 * report.exact_metric, report.proof_starts));
  page.SetKicker("takt policy fit");
  page.Tiles(
      {{"A chunk", fmt::format("{:.2f} ms", best.time.p50_ms),
        fmt::format("median; 99 %: {:.2f} ms; budget {:.3g} ms", best.time.p99_ms, options.budget_ms), TileState::kOk},
       {"Exact policy", fmt::format("{:.1f} ms", report.exact_time.p50_ms), "median", TileState::kPlain},
       {"Difference", fmt::format("{:+.1f} %", 100 * (report.fitted_metric - report.exact_metric)),
        fmt::format("{:.0f} %: {:.1f} ... {:.1f}; allowed -{:.1f}", 100 * report.proof.level, 100 * bound.low,
                    100 * bound.high, 100 * options.max_drop),
        TileState::kOk},
       {"Plans tried", fmt::format("{}", report.candidates.size()), task.name(), TileState::kPlain}});

  page.Section("Time against fidelity");
  LinePlot errors, played;
  errors.title = "Error of actions against the exact policy of the same sampler, same noise";
  errors.x_label = played.x_label = "median time of a chunk [ms]";
  errors.y_label = "RMS error, normalised actions";
  errors.log_x = errors.log_y = played.log_x = true;
  errors.references.push_back({options.budget_ms, "budget", true});
  played.title = "What entered the closed loop";
  played.y_label = fmt::format("{} on the starts of the search", metric);
  std::map<std::string, std::pair<PlotSeries, PlotSeries>> families;
  for (const FitCandidate& c : report.candidates) {
    auto& [error, play] = families[c.family];
    if (c.error.rms > 0) {
      error.x.push_back(c.time.p50_ms);
      error.y.push_back(c.error.rms);
    }
    if (c.starts > 0) {
      play.x.push_back(c.time.p50_ms);
      play.y.push_back(options.by_score ? c.score : c.success);
    }
  }
  for (auto& [name, pair] : families) {
    for (PlotSeries* series : {&pair.first, &pair.second}) {
      series->name = name;
      series->line = false;
      series->markers = true;
    }
    if (!pair.first.x.empty()) errors.series.push_back(std::move(pair.first));
    if (!pair.second.x.empty()) played.series.push_back(std::move(pair.second));
  }
  if (!errors.series.empty()) page.Plot(errors);
  if (!played.series.empty()) page.Plot(played);

  if (best.plan.schedule) {
    page.Section("The schedule");
    page.Paragraph(
        "A row for each block, the first on top; a column for each denoising step. Black is computed; the "
        "redder, the older what is reused.");
    page.Pictures({{reuse::SchedulePicture(*best.plan.schedule, 6), policy::PlanName(best.plan), "", true}});
  }

  page.Section("Proof");
  const PairedCounts& n = report.proof.counts;
  page.Table({"The exact and the fitted policy on the same fresh starts, with the same noise",
              {{"both succeed", true},
               {"only the exact", true},
               {"only the fitted", true},
               {"neither", true},
               {"McNemar p", true},
               {"score difference", true}},
              {{fmt::format("{}", n.both), fmt::format("{}", n.only_first), fmt::format("{}", n.only_second),
                fmt::format("{}", n.neither), fmt::format("{:.3f}", report.proof.mcnemar_p),
                fmt::format("{:+.3f}", report.proof.score_difference)}}});
  page.Budgets({{"time", "ms", options.budget_ms, std::max(best.time.p50_ms, best.time.p99_ms),
                 fmt::format("99th percentile of {} chunks, CPU time of one thread", best.time.chunks), ""}});

  page.Section("All plans");
  ReportTable all{"In the order of their times",
                  {{"plan"},
                   {"ms p50", true},
                   {"ms p99", true},
                   {"GFLOP", true},
                   {"RMS error", true},
                   {"success", true},
                   {"score", true},
                   {"starts", true},
                   {"what became of it"}},
                  {}};
  std::vector<const FitCandidate*> order;
  for (const FitCandidate& c : report.candidates) order.push_back(&c);
  std::stable_sort(order.begin(), order.end(),
                   [](const FitCandidate* a, const FitCandidate* b) { return a->time.p50_ms < b->time.p50_ms; });
  for (const FitCandidate* c : order) {
    all.rows.push_back({policy::PlanName(c->plan), fmt::format("{:.2f}", c->time.p50_ms),
                        fmt::format("{:.2f}", c->time.p99_ms), fmt::format("{:.3f}", 1e-9 * c->time.flops),
                        Text(c->error.rms, "{:.4f}", c->error.rms > 0),
                        Text(100 * c->success, "{:.1f} %", c->starts > 0), Text(c->score, "{:.3f}", c->starts > 0),
                        Text(c->starts, "{:.0f}", c->starts > 0), c->fate});
  }
  page.Table(all);
  page.Write(path);
}

}  // namespace takt::evaluate
