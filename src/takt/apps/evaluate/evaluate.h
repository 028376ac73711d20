// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "takt/apps/evaluate/statistics.h"
#include "takt/apps/evaluate/task.h"
#include "takt/infer/policy/policy.h"
#include "takt/infer/quant/file/quant_file.h"

namespace takt::evaluate {

// Who acts in an episode.
class Actor {
 public:
  virtual ~Actor() = default;
  virtual void Reset(uint64_t seed) = 0;
  // Actions to execute from now on, at least one. The last observations, oldest first; at the start fewer than asked
  // for.
  virtual policy::Chunk Act(std::span<const policy::Observation> window) = 0;
};
// Makes an actor for one thread; equal actors each time. Called from several threads, one at a time.
using MakeActor = std::function<std::unique_ptr<Actor>()>;

// The model as the plan runs it, with quantised weights where there are some. Errors: as policy::Policy, at a call.
MakeActor ActorsOf(std::shared_ptr<const policy::Model> model, const policy::Plan& plan,
                   std::optional<quant::QuantFile> quant = std::nullopt);

struct EpisodeResult {
  Start start;
  double score = 0;
  bool success = false;
  int steps = 0;                 // control steps
  std::vector<double> chunk_ms;  // CPU time of the thread for each chunk
  double task_ms = 0;            // the same for everything else: physics, pictures
  std::string detail;            // of the outcome
};

// Pictures of an episode, equally spaced in time.
struct Film {
  size_t episode = 0;  // index in the evaluation
  std::vector<Image8> frames;
};

// What a policy sees when it makes a chunk, oldest first.
using Window = std::vector<policy::Observation>;

struct RunOptions {
  uint64_t noise_seed = 0;  // the policy's noise in an episode is drawn from (this, the seed of its start)
  int films = 0;            // of the first so many episodes
  std::string label = "run";
  ProgressSink progress;
  // Told every window before its chunk is made. Called from several threads, for one episode from one.
  std::function<void(size_t episode, std::span<const policy::Observation> window)> on_window;
};

// A plan over its starts.
struct Evaluation {
  std::string plan;  // PlanName, or what the actor is called
  std::vector<EpisodeResult> episodes;
  std::vector<Film> films;

  int successes() const;
  double success_rate() const;
  double mean_score() const;
  std::vector<double> chunk_ms() const;  // of all episodes
};

// Runs the actor through the starts; episodes in parallel, each with its own actor. The same seed gives the same noise
// whatever the plan: so two plans are compared pair by pair. Errors: as Actor::Act, Episode::Step; cancelled.
// Determinism: everything but the times; for any number of threads.
Evaluation RunEpisodes(const Task& task, const MakeActor& make_actor, int n_obs_steps, std::span<const Start> starts,
                       const RunOptions& options, const std::string& plan_name);
// The same of a model.
Evaluation RunEpisodes(const Task& task, std::shared_ptr<const policy::Model> model, const policy::Plan& plan,
                       const std::optional<quant::QuantFile>& quant, std::span<const Start> starts,
                       const RunOptions& options);

// What separates two evaluations on the same starts; second minus first.
struct Comparison {
  PairedCounts counts;  // first: the reference
  double rate_difference = 0, score_difference = 0;
  Interval rate_interval, score_interval;  // at `level`
  double level = 0.90;
  double mcnemar_p = 1;
};
// Errors: bad_input where the starts differ.
Comparison Compare(const Evaluation& reference, const Evaluation& other, double level = 0.90);

nlohmann::ordered_json ToJson(const Interval& interval);
nlohmann::ordered_json ToJson(const Comparison& comparison);
// With `episodes`: each of them too.
nlohmann::ordered_json ToJson(const Evaluation& evaluation, bool episodes);
// Evaluations as ToJson wrote them, less films and times of single chunks. Errors: bad_input naming `subject`.
std::vector<EpisodeResult> EpisodesOfJson(const nlohmann::ordered_json& json, const std::string& subject);

// An HTML page: rates with intervals, the pairs, times, film strips. `evaluations[0]` is the reference.
// Errors: as Report.
void WriteEvaluationReport(const Task& task, const std::string& model_name, std::span<const Evaluation> evaluations,
                           const std::filesystem::path& path);
// Frames of a film side by side.
Image8 FilmStrip(const Film& film);

}  // namespace takt::evaluate
