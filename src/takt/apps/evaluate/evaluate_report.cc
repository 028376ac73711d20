// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "takt/apps/evaluate/evaluate.h"
#include "takt/core/base/error.h"
#include "takt/core/io/report.h"

namespace takt::evaluate {
namespace {

using nlohmann::ordered_json;

std::string Percent(double share) { return fmt::format("{:.1f} %", 100 * share); }
std::string Percents(const Interval& i) { return fmt::format("{:.1f} ... {:.1f} %", 100 * i.low, 100 * i.high); }

void AddTables(std::span<const Evaluation> evaluations, Report* page) {
  ReportTable rates{"Success with 95 % Wilson intervals, scores with 95 % bootstrap intervals, CPU time of a chunk",
                    {{"plan"},
                     {"success", true},
                     {"interval", true},
                     {"score", true},
                     {"interval", true},
                     {"ms p50", true},
                     {"ms p99", true}},
                    {}};
  for (const Evaluation& e : evaluations) {
    const int64_t n = static_cast<int64_t>(e.episodes.size());
    std::vector<double> scores;
    for (const EpisodeResult& r : e.episodes) scores.push_back(r.score);
    const Interval score = MeanInterval(scores);
    const std::vector<double> ms = e.chunk_ms();
    rates.rows.push_back({e.plan, Percent(e.success_rate()), Percents(Wilson(e.successes(), n)),
                          fmt::format("{:.3f}", e.mean_score()),
                          fmt::format("{:.3f} ... {:.3f}", score.low, score.high),
                          fmt::format("{:.2f}", Percentile(ms, 0.5)), fmt::format("{:.2f}", Percentile(ms, 0.99))});
  }
  page->Table(rates);
  if (evaluations.size() < 2) return;
  ReportTable pairs{fmt::format("Against {}, seed by seed; 90 % intervals (one-sided 95 %)", evaluations[0].plan),
                    {{"plan"},
                     {"both", true},
                     {"only the first", true},
                     {"only this", true},
                     {"neither", true},
                     {"difference", true},
                     {"interval", true},
                     {"McNemar p", true},
                     {"score difference", true},
                     {"interval", true}},
                    {}};
  for (const Evaluation& e : evaluations.subspan(1)) {
    const Comparison c = Compare(evaluations[0], e);
    pairs.rows.push_back({e.plan, fmt::format("{}", c.counts.both), fmt::format("{}", c.counts.only_first),
                          fmt::format("{}", c.counts.only_second), fmt::format("{}", c.counts.neither),
                          fmt::format("{:+.1f} %", 100 * c.rate_difference), Percents(c.rate_interval),
                          fmt::format("{:.3f}", c.mcnemar_p), fmt::format("{:+.3f}", c.score_difference),
                          fmt::format("{:+.3f} ... {:+.3f}", c.score_interval.low, c.score_interval.high)});
  }
  page->Table(pairs);
}

}  // namespace

ordered_json ToJson(const Interval& interval) { return {interval.low, interval.high}; }

ordered_json ToJson(const Comparison& c) {
  return {{"both", c.counts.both},
          {"only_first", c.counts.only_first},
          {"only_second", c.counts.only_second},
          {"neither", c.counts.neither},
          {"level", c.level},
          {"rate_difference", c.rate_difference},
          {"rate_interval", ToJson(c.rate_interval)},
          {"score_difference", c.score_difference},
          {"score_interval", ToJson(c.score_interval)},
          {"mcnemar_p", c.mcnemar_p}};
}

ordered_json ToJson(const Evaluation& e, bool episodes) {
  const std::vector<double> ms = e.chunk_ms();
  double task_ms = 0;
  for (const EpisodeResult& r : e.episodes) task_ms += r.task_ms;
  ordered_json json = {{"plan", e.plan},
                       {"episodes", e.episodes.size()},
                       {"successes", e.successes()},
                       {"success_rate", e.success_rate()},
                       {"success_interval", nullptr},
                       {"mean_score", e.mean_score()},
                       {"score_interval", nullptr},
                       {"chunks", ms.size()},
                       {"chunk_ms_p50", nullptr},
                       {"chunk_ms_p99", nullptr},
                       {"task_s", 1e-3 * task_ms}};
  if (!e.episodes.empty()) {
    std::vector<double> scores;
    for (const EpisodeResult& r : e.episodes) scores.push_back(r.score);
    json["success_interval"] = ToJson(Wilson(e.successes(), static_cast<int64_t>(e.episodes.size())));
    json["score_interval"] = ToJson(MeanInterval(scores));
  }
  if (!ms.empty()) {
    json["chunk_ms_p50"] = Percentile(ms, 0.5);
    json["chunk_ms_p99"] = Percentile(ms, 0.99);
  }
  if (episodes) {
    ordered_json& list = json["per_episode"] = ordered_json::array();
    for (const EpisodeResult& r : e.episodes) {
      list.push_back({{"seed", r.start.seed},
                      {"max_steps", r.start.max_steps},
                      {"score", r.score},
                      {"success", r.success},
                      {"steps", r.steps},
                      {"chunks", r.chunk_ms.size()}});
      if (!r.detail.empty()) list.back()["detail"] = r.detail;
    }
  }
  return json;
}

std::vector<EpisodeResult> EpisodesOfJson(const ordered_json& json, const std::string& subject) {
  std::vector<EpisodeResult> episodes;
  try {
    for (const ordered_json& item : json.at("per_episode")) {
      EpisodeResult r;
      r.start.seed = item.at("seed").get<uint64_t>();
      r.start.max_steps = item.at("max_steps").get<int>();
      r.score = item.at("score").get<double>();
      r.success = item.at("success").get<bool>();
      r.steps = item.at("steps").get<int>();
      r.detail = item.value("detail", "");
      if (!(r.score >= 0 && r.score <= 1)) throw Error(ErrorCode::kBadInput, subject, "holds a score beyond 0 ... 1");
      episodes.push_back(std::move(r));
    }
  } catch (const nlohmann::json::exception&) {
    throw Error(ErrorCode::kBadInput, subject, "holds no evaluation that can be read");
  }
  return episodes;
}

Image8 FilmStrip(const Film& film) {
  constexpr int kGap_px = 2;
  if (film.frames.empty()) return Image8(1, 1, 3);
  const int w = film.frames[0].width_px, h = film.frames[0].height_px;
  Image8 strip(static_cast<int>(film.frames.size()) * (w + kGap_px) - kGap_px, h, 3);
  std::fill(strip.pixels.begin(), strip.pixels.end(), uint8_t{255});
  for (size_t k = 0; k < film.frames.size(); ++k) {
    for (int y = 0; y < h; ++y) {
      std::copy_n(film.frames[k].row(y), static_cast<size_t>(w) * 3,
                  strip.row(y) + k * static_cast<size_t>(w + kGap_px) * 3);
    }
  }
  return strip;
}

void WriteEvaluationReport(const Task& task, const std::string& model_name, std::span<const Evaluation> evaluations,
                           const std::filesystem::path& path) {
  const Evaluation& last = evaluations.back();
  const int64_t n = static_cast<int64_t>(last.episodes.size());
  Report page(fmt::format("{} in {}", model_name, task.name()),
              fmt::format("{} of {} episodes succeed ({:.1f} %), mean score {:.3f}.", last.successes(), n,
                          100 * last.success_rate(), last.mean_score()));
  page.SetKicker("takt policy eval");
  page.Tiles(
      {{"Success", Percent(last.success_rate()), n ? "95 %: " + Percents(Wilson(last.successes(), n)) : std::string(),
        TileState::kPlain},
       {"Mean score", fmt::format("{:.3f}", last.mean_score()), task.metric(), TileState::kPlain},
       {"A chunk", fmt::format("{:.2f} ms", Percentile(last.chunk_ms(), 0.5)), "median, CPU time", TileState::kPlain},
       {"Episodes", fmt::format("{}", n), "seeds that no demonstration has seen", TileState::kPlain}});
  page.Section("Rates and times");
  if (n > 0) AddTables(evaluations, &page);
  LinePlot scores;
  scores.title = "Episodes by score, the worst first";
  scores.x_label = "share of the episodes [%]";
  scores.y_label = "score";
  for (const Evaluation& e : evaluations) {
    PlotSeries series;
    series.name = e.plan;
    for (const EpisodeResult& r : e.episodes) series.y.push_back(r.score);
    std::sort(series.y.begin(), series.y.end());
    for (size_t i = 0; i < series.y.size(); ++i) {
      series.x.push_back(100 * (static_cast<double>(i) + 0.5) / static_cast<double>(series.y.size()));
    }
    scores.series.push_back(std::move(series));
  }
  page.Plot(scores);
  const auto has_film = [](const Evaluation& e) { return !e.films.empty(); };
  if (std::any_of(evaluations.begin(), evaluations.end(), has_film)) page.Section("Episodes");
  for (const Evaluation& e : evaluations) {
    for (const Film& film : e.films) {
      const EpisodeResult& r = e.episodes[film.episode];
      page.Pictures({{FilmStrip(film),
                      fmt::format("{}, seed {}: score {:.3f} after {} steps{}{}", e.plan, r.start.seed, r.score,
                                  r.steps, r.detail.empty() ? "" : "; ", r.detail),
                      "", false}});
    }
  }
  page.Write(path);
}

}  // namespace takt::evaluate
