// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "takt/apps/evaluate/measure.h"
#include "takt/apps/evaluate/schedules.h"

namespace takt::evaluate {

struct FitOptions {
  double budget_ms = 0;    // CPU time of a chunk on one core of this machine: median and 99th percentile
  double max_drop = 0.02;  // of the metric, against the exact policy
  bool by_score = false;   // the metric is the mean score; otherwise the success rate
  std::vector<nn::Precision> precisions = {nn::Precision::kF32, nn::Precision::kBf16, nn::Precision::kW8A8};
  bool reuse = true;             // also schedules; false: step counts and precisions alone
  int windows = 12;              // observations that errors, similarities and calibration are taken from
  int survivors = 8;             // plans that enter the closed loop
  int search_starts = 24;        // starts of the first round of halving; later rounds take twice as many
  int proof_starts = 200;        // fresh starts of the proof
  int finalists = 1;             // plans that may try the proof, each at its share of the 5 %
  int evolve_generations = 0;    // of the evolutionary search around the best plan with a schedule; 0: none
  uint64_t seed = 0;             // of the policy's noise
  std::filesystem::path out;     // folder of the fitted policy
  std::filesystem::path report;  // HTML; empty: none
  ProgressSink progress;
};

// One way of running the model, and how far it got.
struct FitCandidate {
  policy::Plan plan;
  std::string family;  // "ddpm + reuse", "ddim steps", ...
  ChunkTime time;
  ActionError error;  // against the exact f32 policy with the sampler's full steps, same windows and noise
  double score = 0, success = 0;
  int starts = 0;    // that score and success are from; 0: none
  std::string fate;  // "over budget", "ranked 14th by error", "halved out at 24 starts", "fitted", ...
};

struct FitReport {
  FitCandidate fitted;
  std::vector<FitCandidate> candidates;  // in the order in which they were thought of, the fitted one too
  ChunkTime exact_time, fitted_time;
  Comparison proof;  // exact first
  double exact_metric = 0, fitted_metric = 0;
  int proof_starts = 0;
  Evaluation exact_proof, fitted_proof;
};

// Looks for the plan that comes nearest to the exact policy within `budget_ms` and proves that it loses less than
// `max_drop`:
//   1. every plan - precision x sampler and steps x schedule - is timed here; what is over budget is out;
//   2. what is left is ranked by its error on actions that the exact policy takes in the task, each family by itself,
//      with the same noise; step counts without reuse stay in as controls;
//   3. the best play the task: half of them goes after each round, on twice the starts;
//   4. the best is compared with the exact policy on starts that nothing was chosen by: kept only where the one-sided
//      95 % bound of the paired difference (Tango; bootstrap for scores) is above -max_drop.
// Writes to `out`: config.json, model.safetensors, plan.json, quant.safetensors where the plan is quantised, fit.json
// (the proof and all candidates), manifest.json. While it runs, measurements are kept in out/fit.jsonl: the same call
// goes on from there. Errors: infeasible_budget naming the smallest time that any plan took, or the drop that could be
// shown; as LoadModel, RunEpisodes; bad_input for options out of range; cancelled (go on by the same call).
// Determinism: all but the times, and what is chosen by them.
FitReport Fit(const std::filesystem::path& model_folder, const Task& task, const FitOptions& options);

// The plans that Fit tries for a head of `train_steps`, without the precisions: sampler, steps, and solvers.
struct PlanIdea {
  policy::Sampler sampler = policy::Sampler::kDdpm;
  int steps = 0;
  std::optional<SolveOptions> solve;  // none: every block in every step
};
std::vector<PlanIdea> PlanIdeas(const policy::PolicyConfig& config, bool reuse);

// fit.json, and the page.
nlohmann::ordered_json ToJson(const FitReport& report, const FitOptions& options);
void WriteFitReport(const FitReport& report, const Task& task, const FitOptions& options,
                    const std::filesystem::path& path);

// Copies config.json and model.safetensors. Errors: io, not_found.
void CopyPolicy(const std::filesystem::path& from, const std::filesystem::path& to);

// Measurements that outlive an interrupted search: a JSON object a line, {"key": ..., "value": ...}. A line that was
// cut off is left out.
class FitLog {
 public:
  explicit FitLog(std::filesystem::path path);
  const nlohmann::ordered_json* Find(const std::string& key) const;
  // Errors: io.
  void Put(const std::string& key, const nlohmann::ordered_json& value);

 private:
  std::filesystem::path path_;
  std::map<std::string, nlohmann::ordered_json> values_;
};

}  // namespace takt::evaluate
