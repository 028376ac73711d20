// SPDX-License-Identifier: Apache-2.0
#include "takt/apps/evaluate/evaluate.h"

#include <fmt/format.h>

#include <algorithm>
#include <mutex>

#include "takt/core/base/clock.h"
#include "takt/core/base/error.h"
#include "takt/core/base/interrupt.h"
#include "takt/core/base/parallel.h"
#include "takt/core/base/rng.h"

namespace takt::evaluate {
namespace {

constexpr int kFilmEvery = 12;     // control steps between pictures that may become frames
constexpr size_t kFilmFrames = 8;  // of a film

// Lends each of many threads an actor of its own.
class ActorPool {
 public:
  explicit ActorPool(const MakeActor& make) : make_(make) {}
  std::unique_ptr<Actor> Take() {
    const std::lock_guard lock(mutex_);
    if (free_.empty()) return make_();
    std::unique_ptr<Actor> actor = std::move(free_.back());
    free_.pop_back();
    return actor;
  }
  void Give(std::unique_ptr<Actor> actor) {
    const std::lock_guard lock(mutex_);
    free_.push_back(std::move(actor));
  }

 private:
  const MakeActor& make_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Actor>> free_;
};

// Well mixed, so that neighbouring seeds share no noise.
uint64_t NoiseOf(uint64_t noise_seed, uint64_t seed) {
  const auto words = Rng(noise_seed, 0x6e6f697365).Words(seed);
  return (uint64_t{words[0]} << 32) | words[1];
}

std::vector<Image8> Thin(std::vector<Image8> pictures) {
  if (pictures.size() <= kFilmFrames) return pictures;
  std::vector<Image8> frames;
  for (size_t k = 0; k < kFilmFrames; ++k) {
    frames.push_back(std::move(pictures[k * (pictures.size() - 1) / (kFilmFrames - 1)]));
  }
  return frames;
}

// Runs starts[i].
EpisodeResult RunEpisode(const Task& task, std::span<const Start> starts, size_t i, Actor& actor, int n_obs_steps,
                         const RunOptions& options, std::vector<Image8>* film) {
  const Start& start = starts[i];
  EpisodeResult result;
  result.start = start;
  const double begin_s = ThreadCpuSeconds();
  const std::unique_ptr<Episode> episode = task.Begin(start);
  actor.Reset(NoiseOf(options.noise_seed, start.seed));
  Window window;
  policy::Chunk chunk;
  int used = 0;
  Outcome outcome = episode->Now();
  while (!outcome.over) {
    // Only what the next chunk is made from is looked at: pictures cost more than physics.
    if (chunk.count - used < n_obs_steps) {
      if (window.size() == static_cast<size_t>(n_obs_steps)) window.erase(window.begin());
      window.push_back(episode->Observe());
    }
    if (film && result.steps % kFilmEvery == 0) film->push_back(episode->Draw());
    if (used == chunk.count) {
      if (options.on_window) options.on_window(i, window);
      const double act_s = ThreadCpuSeconds();
      chunk = actor.Act(window);
      result.chunk_ms.push_back(1e3 * (ThreadCpuSeconds() - act_s));
      if (chunk.count < 1) throw Error(ErrorCode::kInternal, "policy", "gave a chunk without actions");
      used = 0;
    }
    episode->Step(
        std::span(chunk.actions)
            .subspan(static_cast<size_t>(used) * static_cast<size_t>(chunk.dim), static_cast<size_t>(chunk.dim)));
    ++used;
    ++result.steps;
    outcome = episode->Now();
  }
  if (film) {
    film->push_back(episode->Draw());
    *film = Thin(std::move(*film));
  }
  result.score = outcome.score;
  result.success = outcome.success;
  result.detail = outcome.detail;
  result.task_ms = 1e3 * (ThreadCpuSeconds() - begin_s);
  for (double ms : result.chunk_ms) result.task_ms -= ms;
  return result;
}

}  // namespace

int Evaluation::successes() const {
  return static_cast<int>(
      std::count_if(episodes.begin(), episodes.end(), [](const EpisodeResult& e) { return e.success; }));
}

double Evaluation::success_rate() const {
  return episodes.empty() ? 0 : successes() / static_cast<double>(episodes.size());
}

double Evaluation::mean_score() const {
  double sum = 0;
  for (const EpisodeResult& e : episodes) sum += e.score;
  return episodes.empty() ? 0 : sum / static_cast<double>(episodes.size());
}

std::vector<double> Evaluation::chunk_ms() const {
  std::vector<double> all;
  for (const EpisodeResult& e : episodes) all.insert(all.end(), e.chunk_ms.begin(), e.chunk_ms.end());
  return all;
}

Evaluation RunEpisodes(const Task& task, const MakeActor& make_actor, int n_obs_steps, std::span<const Start> starts,
                       const RunOptions& options, const std::string& plan_name) {
  if (n_obs_steps < 1) throw Error(ErrorCode::kBadInput, "n_obs_steps", "is below 1");
  Evaluation evaluation;
  evaluation.plan = plan_name;
  evaluation.episodes.resize(starts.size());
  const size_t films = std::min(starts.size(), static_cast<size_t>(std::max(0, options.films)));
  evaluation.films.resize(films);
  ActorPool pool(make_actor);
  std::mutex progress_mutex;
  size_t done = 0;
  int succeeded = 0;
  double score = 0;
  ParallelFor(starts.size(), 1, [&](size_t i, size_t) {
    ThrowIfInterrupted();
    std::unique_ptr<Actor> actor = pool.Take();
    std::vector<Image8> frames;
    // Rendering must not lend this thread to another episode while it waits.
    RunSerially([&] {
      evaluation.episodes[i] = RunEpisode(task, starts, i, *actor, n_obs_steps, options, i < films ? &frames : nullptr);
    });
    if (i < films) evaluation.films[i] = {i, std::move(frames)};
    pool.Give(std::move(actor));
    const std::lock_guard lock(progress_mutex);
    ++done;
    succeeded += evaluation.episodes[i].success;
    score += evaluation.episodes[i].score;
    if (options.progress) {
      options.progress({options.label, done, starts.size(), "episodes",
                        fmt::format("{}: success {:.0f} %, score {:.3f}", plan_name,
                                    100.0 * succeeded / static_cast<double>(done), score / static_cast<double>(done))});
    }
  });
  return evaluation;
}

Comparison Compare(const Evaluation& reference, const Evaluation& other, double level) {
  if (reference.episodes.size() != other.episodes.size()) {
    throw Error(ErrorCode::kBadInput, "evaluations", "have different numbers of episodes");
  }
  std::vector<uint8_t> won_first, won_second;
  std::vector<double> score_first, score_second;
  for (size_t i = 0; i < reference.episodes.size(); ++i) {
    const EpisodeResult &a = reference.episodes[i], &b = other.episodes[i];
    if (a.start != b.start) throw Error(ErrorCode::kBadInput, "evaluations", "do not have the same starts");
    won_first.push_back(a.success);
    won_second.push_back(b.success);
    score_first.push_back(a.score);
    score_second.push_back(b.score);
  }
  Comparison c;
  c.level = level;
  c.counts = CountPairs(won_first, won_second);
  c.rate_difference = other.success_rate() - reference.success_rate();
  c.score_difference = other.mean_score() - reference.mean_score();
  const Interval turned = PairedRateDifference(c.counts, level);
  c.rate_interval = {-turned.high, -turned.low};
  c.score_interval = PairedMeanDifference(score_second, score_first, level);
  c.mcnemar_p = McNemarExact(c.counts);
  return c;
}

}  // namespace takt::evaluate
