// SPDX-License-Identifier: Apache-2.0
#include "takt/apps/evaluate/fit.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "takt/core/base/error.h"
#include "takt/core/base/file.h"
#include "takt/core/base/interrupt.h"
#include "takt/core/base/sha256.h"
#include "takt/core/io/artefact.h"
#include "takt/infer/quant/quantise.h"
#include "takt/infer/reuse/evolve.h"

namespace takt::evaluate {
namespace {

constexpr int kBatch = 20;        // episodes between notes in the log
constexpr int kScreenChunks = 6;  // for a first look at the time
constexpr int kTimedChunks = 60;  // before the closed loop
constexpr double kScreenMargin = 1.05;
constexpr const char* kQuantFile = "quant.safetensors";

void CheckOptions(const FitOptions& o) {
  const auto refuse = [](const char* option, const char* what) { throw Error(ErrorCode::kBadInput, option, what); };
  if (!(o.budget_ms > 0) || !std::isfinite(o.budget_ms)) refuse("--budget-ms", "is no time above 0");
  if (!(o.max_drop > 0 && o.max_drop < 1)) refuse("--max-drop", "is not between 0 and 100 %");
  if (o.windows < 1 || o.survivors < 1 || o.search_starts < 1 || o.proof_starts < 2)
    refuse("options", "hold a count below 1");
  if (o.finalists < 1 || o.finalists > o.survivors) refuse("--finalists", "is not from 1 to the survivors");
  if (o.precisions.empty()) refuse("--precisions", "names none");
  if (o.out.empty()) refuse("--out", "is missing");
}

std::string FamilyOf(const policy::Plan& plan) {
  return fmt::format("{} {}", policy::SamplerName(plan.sampler), plan.schedule ? "+ reuse" : "steps");
}

class Fitter {
 public:
  Fitter(const std::filesystem::path& folder, const Task& task, const FitOptions& options)
      : folder_(folder),
        task_(task),
        options_(options),
        model_(std::make_shared<const policy::Model>(policy::LoadModel(folder))),
        exact_(policy::ExactPlan(model_->config)),
        log_((std::filesystem::create_directories(options.out), options.out / "fit.jsonl")) {}

  FitReport Run() {
    Watch();
    Think();
    Screen();
    Rank();
    Time();
    Halve();
    if (options_.evolve_generations > 0) EvolveBest();
    Prove();
    Write();
    return std::move(report_);
  }

 private:
  using Candidates = std::vector<size_t>;  // indices in report_.candidates

  FitCandidate& At(size_t c) { return report_.candidates[c]; }

  void Show(const char* task, size_t done, size_t total, const char* unit, const std::string& note = {}) const {
    ThrowIfInterrupted();
    if (options_.progress) options_.progress({task, done, total, unit, note});
  }

  const std::optional<quant::QuantFile>& QuantOf(const policy::Plan& plan) const {
    static const std::optional<quant::QuantFile> kNone;
    const auto it = quants_.find(plan.precision);
    return it == quants_.end() ? kNone : it->second;
  }
  policy::Policy Pack(const policy::Plan& plan) const { return {model_, plan, QuantOf(plan)}; }

  // What decides the result of a measurement: model, plan, weights, and what is asked.
  std::string Key(const std::string& what, const policy::Plan& plan) const {
    Sha256 hash;
    const auto add = [&](const std::string& text) {
      hash.Update({reinterpret_cast<const uint8_t*>(text.data()), text.size()});
    };
    add(model_->sha256 + "\n" + policy::PlanText(plan) + "\n" + task_.name());
    if (const auto& quant = QuantOf(plan)) hash.Update(quant::EncodeQuantFile(*quant));
    return fmt::format("{} {} {}", what, policy::PlanName(plan), ToHex(hash.Finish()).substr(0, 24));
  }

  // The starts of the search lie before those of the proof, and neither depends on how far the search went.
  std::vector<Start> SearchStarts(int count) const { return task_.Starts(0, count, options_.progress); }
  std::vector<Start> ProofStarts(int try_idx) const {
    return task_.Starts(SearchTotal() + try_idx * options_.proof_starts, options_.proof_starts, options_.progress);
  }
  int SearchTotal() const {
    int total = options_.search_starts;
    for (int left = options_.survivors; left > 2; left = (left + 1) / 2) total *= 2;
    return total;
  }

  void Watch() {
    Show("watch the exact policy", 0, 1, "runs");
    windows_ = RolloutWindows(task_, model_, SearchStarts(4), options_.windows, options_.progress);
    for (nn::Precision p : options_.precisions) {
      if (p != nn::Precision::kW8A8 && p != nn::Precision::kW4A8) continue;
      Show("quantise", 0, 1, "models", std::string(policy::PrecisionName(p)));
      quant::QuantiseOptions quantise;
      quantise.precision = p;
      quants_[p] = quant::Quantise(*model_, quantise, quant::Calibrate(model_, windows_)).file;
    }
  }

  const Similarities& KnownOf(policy::Sampler sampler, int steps) {
    const auto key = std::pair{sampler, steps};
    auto it = known_.find(key);
    if (it == known_.end()) {
      const size_t some = std::min<size_t>(windows_.size(), 8);
      it = known_
               .emplace(key,
                        CollectSimilarities(model_, sampler, steps, std::span(windows_).first(some), options_.progress))
               .first;
    }
    return it->second;
  }

  void Think() {
    const std::vector<PlanIdea> ideas = PlanIdeas(model_->config, options_.reuse);
    for (size_t i = 0; i < ideas.size(); ++i) {
      Show("make plans", i, ideas.size(), "ideas");
      policy::Plan plan;
      plan.sampler = ideas[i].sampler;
      plan.steps = ideas[i].steps;
      if (ideas[i].solve) plan.schedule = Solve(KnownOf(plan.sampler, plan.steps), *ideas[i].solve);
      for (nn::Precision precision : options_.precisions) {
        plan.precision = precision;
        plan.quant_file = quants_.contains(precision) ? kQuantFile : "";
        FitCandidate& candidate = report_.candidates.emplace_back();
        candidate.plan = plan;
        candidate.family = FamilyOf(plan);
      }
    }
  }

  ChunkTime Timed(const policy::Plan& plan, int chunks) {
    const std::string key = Key(fmt::format("time-{}", chunks), plan);
    const auto* json = log_.Find(key);
    if (json && json->is_array() && json->size() == 6 &&
        std::all_of(json->begin(), json->end(), [](const auto& v) { return v.is_number(); })) {
      return {json->at(0), json->at(1), json->at(2), json->at(3), json->at(4), json->at(5)};
    }
    policy::Policy policy = Pack(plan);
    const ChunkTime t = MeasureChunks(&policy, windows_, chunks, chunks > kScreenChunks ? 10 : 1);
    log_.Put(key, {t.chunks, t.p50_ms, t.p99_ms, t.min_ms, t.flops, t.exact_flops});
    return t;
  }

  void Screen() {
    double fastest = INFINITY, most_needed = NAN;
    for (size_t c = 0; c < report_.candidates.size(); ++c) {
      Show("time plans", c, report_.candidates.size(), "plans", policy::PlanName(At(c).plan));
      At(c).time = Timed(At(c).plan, kScreenChunks);
      if (At(c).time.p50_ms < fastest) most_needed = std::max(At(c).time.p50_ms * kScreenMargin, At(c).time.p99_ms);
      fastest = std::min(fastest, At(c).time.p50_ms);
      if (At(c).time.p50_ms * kScreenMargin <= options_.budget_ms) {
        alive_.push_back(c);
      } else {
        At(c).fate = "over budget";
      }
    }
    report_.exact_time = Timed(exact_, kScreenChunks);
    if (alive_.empty()) NoTime(most_needed);
  }

  [[noreturn]] void NoTime(double needed_ms) const {
    throw Error(
        ErrorCode::kInfeasibleBudget, "--budget-ms",
        fmt::format("is {:.3g}; no plan of this policy makes a chunk in that on this machine", options_.budget_ms),
        fmt::format("the fastest needs --budget-ms {:.3g}; a smaller model needs less", needed_ms));
  }

  const std::vector<std::vector<float>>& TruthOf(policy::Sampler sampler) {
    auto it = truth_.find(sampler);
    if (it == truth_.end()) {
      policy::Plan plan = exact_;
      plan.sampler = sampler;
      policy::Policy policy(model_, plan);
      it = truth_.emplace(sampler, ChunksOf(&policy, windows_, options_.seed)).first;
    }
    return it->second;
  }

  // Each family sends its best by error, in turn, so that errors of different samplers are never compared.
  void Rank() {
    std::map<std::string, Candidates> families;
    for (size_t i = 0; i < alive_.size(); ++i) {
      FitCandidate& candidate = At(alive_[i]);
      Show("compare actions", i, alive_.size(), "plans", policy::PlanName(candidate.plan));
      policy::Policy policy = Pack(candidate.plan);
      candidate.error = ErrorOf(ChunksOf(&policy, windows_, options_.seed), TruthOf(candidate.plan.sampler));
      families[candidate.family].push_back(alive_[i]);
    }
    for (auto& [name, members] : families) {
      std::stable_sort(members.begin(), members.end(),
                       [&](size_t a, size_t b) { return At(a).error.rms < At(b).error.rms; });
      for (size_t i = 0; i < members.size(); ++i) {
        At(members[i]).fate = fmt::format("number {} of its family by error", i + 1);
      }
    }
    alive_.clear();
    for (size_t rank = 0; alive_.size() < static_cast<size_t>(options_.survivors); ++rank) {
      bool any = false;
      for (const auto& [name, members] : families) {
        if (rank >= members.size()) continue;
        any = true;
        if (alive_.size() < static_cast<size_t>(options_.survivors)) alive_.push_back(members[rank]);
      }
      if (!any) break;
    }
  }

  // Once more and longer, with the 99th percentile, before anything is spent on the closed loop.
  void Time() {
    Candidates kept;
    double least = INFINITY;
    for (size_t i = 0; i < alive_.size(); ++i) {
      FitCandidate& candidate = At(alive_[i]);
      Show("time the best", i, alive_.size(), "plans", policy::PlanName(candidate.plan));
      candidate.time = Timed(candidate.plan, kTimedChunks);
      const double needed = std::max(candidate.time.p50_ms, candidate.time.p99_ms);
      least = std::min(least, needed);
      if (needed <= options_.budget_ms) {
        kept.push_back(alive_[i]);
      } else {
        candidate.fate = fmt::format("over budget in the 99th percentile, {:.2f} ms", candidate.time.p99_ms);
      }
    }
    if (kept.empty()) NoTime(least);
    alive_ = std::move(kept);
  }

  Evaluation Play(const policy::Plan& plan, std::span<const Start> starts, const char* label) {
    Evaluation whole;
    whole.plan = policy::PlanName(plan);
    for (size_t at = 0; at < starts.size(); at += kBatch) {
      const auto batch = starts.subspan(at, std::min<size_t>(kBatch, starts.size() - at));
      const std::string key = Key(fmt::format("play-{}-{}-{}", options_.seed, batch.front().seed, batch.size()), plan);
      std::vector<EpisodeResult> episodes;
      if (const auto* json = log_.Find(key)) {
        episodes = EpisodesOfJson(*json, "fit.jsonl");
      } else {
        RunOptions run;
        run.noise_seed = options_.seed;
        run.label = label;
        run.progress = [&](ProgressUpdate update) {
          update.done += at;
          update.total = starts.size();
          if (options_.progress) options_.progress(update);
        };
        const Evaluation part = RunEpisodes(task_, model_, plan, QuantOf(plan), batch, run);
        log_.Put(key, ToJson(part, true));
        episodes = part.episodes;
      }
      for (EpisodeResult& e : episodes) whole.episodes.push_back(std::move(e));
    }
    return whole;
  }

  double Metric(const Evaluation& e) const { return options_.by_score ? e.mean_score() : e.success_rate(); }

  void Halve() {
    int starts = options_.search_starts;
    while (true) {
      for (size_t c : alive_) {
        const Evaluation e = Play(At(c).plan, SearchStarts(starts), "play");
        At(c).score = e.mean_score();
        At(c).success = e.success_rate();
        At(c).starts = starts;
      }
      const auto key = [&](size_t c) {
        const FitCandidate& k = At(c);
        return options_.by_score ? std::pair{k.score, k.success} : std::pair{k.success, k.score};
      };
      std::stable_sort(alive_.begin(), alive_.end(), [&](size_t a, size_t b) { return key(a) > key(b); });
      if (alive_.size() <= 2) break;
      const size_t keep = (alive_.size() + 1) / 2;
      for (size_t i = keep; i < alive_.size(); ++i) At(alive_[i]).fate = fmt::format("halved out at {} starts", starts);
      alive_.resize(keep);
      starts *= 2;
    }
  }

  // Evolution around the best plan with a schedule, at its number of computed cells.
  void EvolveBest() {
    const auto best =
        std::find_if(alive_.begin(), alive_.end(), [&](size_t c) { return At(c).plan.schedule.has_value(); });
    if (best == alive_.end()) return;
    FitCandidate child = At(*best);
    const Similarities& known = KnownOf(child.plan.sampler, child.plan.steps);
    reuse::EvolveOptions evolve;
    evolve.computed_cells = static_cast<int>(reuse::ComputedCells(*child.plan.schedule));
    evolve.population = 12;
    evolve.elite = 3;
    evolve.max_generations = options_.evolve_generations;
    const std::vector<reuse::Schedule> seeds = {*child.plan.schedule};
    reuse::EvolveState state =
        reuse::StartEvolve(known.blocks, child.plan.steps, evolve, reuse::Importance(known.similarity), seeds);
    const std::vector<Start> starts = SearchStarts(options_.search_starts);
    child.plan.schedule = reuse::Evolve(&state, [&](std::span<const reuse::Schedule> schedules) {
      std::vector<double> fitness;
      for (const reuse::Schedule& schedule : schedules) {
        policy::Plan plan = child.plan;
        plan.schedule = schedule;
        fitness.push_back(Metric(Play(plan, starts, "evolve")));
      }
      return fitness;
    });
    child.plan.schedule->made_by = fmt::format("evo-{}", evolve.computed_cells);
    child.time = Timed(child.plan, kTimedChunks);
    const Evaluation e = Play(child.plan, SearchStarts(At(alive_.front()).starts), "play");
    child.score = e.mean_score();
    child.success = e.success_rate();
    child.starts = At(alive_.front()).starts;
    const bool better = child.time.p99_ms <= options_.budget_ms &&
                        Metric(e) > (options_.by_score ? At(alive_.front()).score : At(alive_.front()).success);
    child.fate = better ? "evolved" : "evolved, no better";
    report_.candidates.push_back(std::move(child));
    if (better) alive_.insert(alive_.begin(), report_.candidates.size() - 1);
  }

  void Prove() {
    const double level = 1 - 0.1 / options_.finalists;  // two-sided; one-sided 5 % shared out
    std::string told;
    double shown_drop = INFINITY;
    int64_t needed = 0;
    for (size_t i = 0; i < alive_.size() && i < static_cast<size_t>(options_.finalists); ++i) {
      FitCandidate& candidate = At(alive_[i]);
      const std::vector<Start> starts = ProofStarts(static_cast<int>(i));
      report_.exact_proof = Play(exact_, starts, "prove: exact");
      report_.fitted_proof = Play(candidate.plan, starts, "prove: fitted");
      report_.proof = Compare(report_.exact_proof, report_.fitted_proof, level);
      const Interval& bound = options_.by_score ? report_.proof.score_interval : report_.proof.rate_interval;
      report_.exact_metric = Metric(report_.exact_proof);
      report_.fitted_metric = Metric(report_.fitted_proof);
      report_.proof_starts = options_.proof_starts;
      if (NonInferior(bound, options_.max_drop)) {
        candidate.fate = "fitted";
        report_.fitted = candidate;
        report_.fitted_time = candidate.time;
        for (size_t k = 0; k < alive_.size(); ++k) {
          if (k > i) At(alive_[k]).fate = "runner-up";
        }
        return;
      }
      candidate.fate = fmt::format("not shown to be as good: {:.1f} ... {:.1f} %", 100 * bound.low, 100 * bound.high);
      shown_drop = std::min(shown_drop, -bound.low);
      const PairedCounts& n = report_.proof.counts;
      // One more that differs than was seen: few starts without a difference do not say that none would have one.
      const double discordant = static_cast<double>(n.only_first + n.only_second + 1) / static_cast<double>(n.n() + 1);
      needed = std::max(needed, PairsNeeded(discordant, options_.max_drop, level));
      told += fmt::format("{}{} differs by {:+.1f} % ({:.1f} ... {:.1f}) on {} starts", told.empty() ? "" : "; ",
                          policy::PlanName(candidate.plan), 100 * (report_.fitted_metric - report_.exact_metric),
                          100 * bound.low, 100 * bound.high, n.n());
    }
    throw Error(
        ErrorCode::kInfeasibleBudget, "--max-drop",
        fmt::format("of {:.1f} % was not shown: {}", 100 * options_.max_drop, told),
        fmt::format("--max-drop {:.1f}% would hold; or a larger --budget-ms, or --seeds {} if both are equally good",
                    std::ceil(1000 * shown_drop + 1e-9) / 10 + 0.1, needed));
  }

  void Write() {
    CopyPolicy(folder_, options_.out);
    const std::optional<quant::QuantFile>& quant = QuantOf(report_.fitted.plan);
    if (quant) quant::WriteQuantFile(*quant, options_.out / kQuantFile);
    WriteFileAtomic(options_.out / "plan.json", policy::PlanText(report_.fitted.plan));
    WriteFileAtomic(options_.out / "fit.json", ToJson(report_, options_).dump(1) + "\n");
    Manifest manifest;
    manifest.kind = "policy.fit";
    manifest.verb = "policy fit";
    manifest.seed = options_.seed;
    manifest.options = {{"task", task_.name()}, {"budget_ms", options_.budget_ms}, {"max_drop", options_.max_drop}};
    for (const char* name : {"config.json", "model.safetensors", "plan.json", kQuantFile}) {
      if (std::string(name) == kQuantFile && !quant) continue;
      manifest.payloads.push_back(HashPayload(options_.out, name));
    }
    const ChunkTime& t = report_.fitted_time;
    manifest.budgets.push_back({"time", "ms", options_.budget_ms, std::max(t.p50_ms, t.p99_ms),
                                fmt::format("99th percentile of {} chunks, CPU time of one thread", t.chunks), ""});
    manifest.unhashed = HostFacts();
    WriteManifest(options_.out, manifest);
    if (!options_.report.empty()) WriteFitReport(report_, task_, options_, options_.report);
  }

  std::filesystem::path folder_;
  const Task& task_;
  const FitOptions& options_;
  std::shared_ptr<const policy::Model> model_;
  policy::Plan exact_;
  FitLog log_;
  std::vector<Window> windows_;
  std::map<nn::Precision, std::optional<quant::QuantFile>> quants_;
  std::map<std::pair<policy::Sampler, int>, Similarities> known_;
  std::map<policy::Sampler, std::vector<std::vector<float>>> truth_;
  Candidates alive_;
  FitReport report_;
};

}  // namespace

FitReport Fit(const std::filesystem::path& model_folder, const Task& task, const FitOptions& options) {
  CheckOptions(options);
  return Fitter(model_folder, task, options).Run();
}

}  // namespace takt::evaluate
