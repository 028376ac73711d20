// SPDX-License-Identifier: Apache-2.0
#include "takt/infer/reuse/adaptive.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <string_view>
#include <utility>

#include "takt/core/base/error.h"

namespace takt::reuse {
namespace {

[[noreturn]] void Refuse(std::string message) { throw Error(ErrorCode::kBadInput, "similarity", std::move(message)); }

void CheckArguments(const StepMatrix& s, int updates, const UpdateOptions& options) {
  if (s.steps < 1 || s.steps > kMaxSteps || s.values.size() != static_cast<size_t>(s.steps) * s.steps) {
    Refuse(fmt::format("has {} values for {} steps", s.values.size(), s.steps));
  }
  if (updates < 1 || updates > s.steps) Refuse(fmt::format("cannot give {} updates in {} steps", updates, s.steps));
  if (options.forced_last < 0 || options.forced_last > s.steps) {
    Refuse(fmt::format("cannot force the last {} of {} steps", options.forced_last, s.steps));
  }
  for (const double value : s.values) {
    if (!std::isfinite(value)) Refuse("is not finite");
  }
}

// The worth of segments that start in step a: [K + 1], at e for [a, e), signed so that larger is better.
std::vector<double> SegmentsFrom(const StepMatrix& s, int a, const UpdateOptions& options) {
  const double sign = options.larger_is_better ? 1 : -1;
  std::vector<double> worth(static_cast<size_t>(s.steps) + 1, 0);
  for (int t = a; t < s.steps; ++t) {
    const double gain = options.objective == Objective::kAnchor ? s.at(a, t) : t > a ? s.at(t - 1, t) : 0;
    worth[t + 1] = worth[t] + sign * gain;
  }
  return worth;
}

}  // namespace

std::vector<Updates> AdaptiveCurve(const StepMatrix& s, int max_updates, const UpdateOptions& options) {
  CheckArguments(s, max_updates, options);
  const int free_steps = s.steps - options.forced_last;  // the programme runs over [0, free_steps)
  const int rounds = std::max(1, std::min(max_updates, free_steps));
  constexpr double kNone = -std::numeric_limits<double>::infinity();
  // best[m][e]: of [0, e) cut into m + 1 segments; from[m][e]: where the last of them starts.
  const auto width = static_cast<size_t>(free_steps) + 1;
  std::vector<double> best(static_cast<size_t>(rounds) * width, kNone);
  std::vector<int> from(best.size(), 0);
  for (int a = 0; a < free_steps; ++a) {
    const std::vector<double> worth = SegmentsFrom(s, a, options);
    for (int m = a == 0 ? 0 : 1; m < std::min(rounds, a + 1); ++m) {
      const double before = m == 0 ? 0 : best[(m - 1) * width + a];
      double* row = best.data() + m * width;
      for (int e = a + 1; e <= free_steps; ++e) {
        if (before + worth[e] > row[e]) {
          row[e] = before + worth[e];
          from[m * width + e] = a;
        }
      }
    }
  }
  double forced_value = 0;
  std::vector<int> forced;
  for (int k = free_steps; k < s.steps; ++k) {
    forced.push_back(k);
    if (options.objective == Objective::kAnchor) forced_value += s.at(k, k);
  }
  std::vector<Updates> curve;
  for (int updates = 1; updates <= max_updates; ++updates) {
    Updates result;
    result.value = forced_value;
    if (free_steps > 0) {
      const int last = std::min(updates, rounds) - 1;
      const double value = best[last * width + free_steps];
      result.value += options.larger_is_better ? value : -value;
      for (int m = last, e = free_steps; m >= 0; --m) result.steps.push_back(e = from[m * width + e]);
      std::reverse(result.steps.begin(), result.steps.end());
    }
    result.steps.insert(result.steps.end(), forced.begin(), forced.end());
    curve.push_back(std::move(result));
  }
  return curve;
}

Updates AdaptiveUpdates(const StepMatrix& similarity, int updates, const UpdateOptions& options) {
  return std::move(AdaptiveCurve(similarity, updates, options).back());
}

std::vector<int> TopBlocks(std::span<const Block> blocks, std::span<const double> scores, int n, bool ffn_only) {
  if (scores.size() != blocks.size() || n < 0)
    Refuse(fmt::format("has {} scores for {} blocks", scores.size(), blocks.size()));
  std::vector<int> top;
  for (size_t b = 0; b < blocks.size(); ++b) {
    if (!std::isfinite(scores[b])) Refuse(fmt::format("has a score of {} that is not finite", BlockName(blocks[b])));
    if (!ffn_only || blocks[b].kind == BlockKind::kFeedForward) top.push_back(static_cast<int>(b));
  }
  std::stable_sort(top.begin(), top.end(), [&](int a, int b) { return scores[a] > scores[b]; });
  top.resize(std::min(top.size(), static_cast<size_t>(n)));
  std::sort(top.begin(), top.end());
  return top;
}

Schedule BubblingUnion(Schedule schedule, std::span<const int> upstream) {
  Validate(schedule, "schedule");
  const Schedule before = schedule;
  for (const int u : upstream) {
    if (u < 0 || u >= schedule.block_count()) Refuse(fmt::format("names block {} of {}", u, schedule.block_count()));
    for (int v = u + 1; v < schedule.block_count(); ++v) {
      if (schedule.blocks[v].kind != BlockKind::kFeedForward) continue;
      for (const int k : FreshSteps(before, v)) {
        if (schedule.at(k, u).source != Source::kTick) schedule.at(k, u) = {};
      }
    }
  }
  return schedule;
}

Schedule BacSchedule(std::vector<Block> blocks, std::span<const BlockSimilarity> similarity,
                     const BacOptions& options) {
  if (similarity.size() != blocks.size() || similarity.empty()) {
    Refuse(fmt::format("of {} blocks is there; {} are needed", similarity.size(), blocks.size()));
  }
  const UpdateOptions update_options{.objective = options.objective,
                                     .larger_is_better = LargerIsBetter(options.metric),
                                     .forced_last = options.forced_last};
  std::vector<std::vector<int>> updates;
  const int steps = similarity[0].of(options.metric).steps;
  if (options.shared) {
    const BlockSimilarity mean = MeanSimilarity(similarity);
    updates.assign(blocks.size(), AdaptiveUpdates(mean.of(options.metric), options.updates, update_options).steps);
  } else {
    for (const BlockSimilarity& s : similarity) {
      if (s.of(options.metric).steps != steps) Refuse("has blocks of different numbers of steps");
      updates.push_back(AdaptiveUpdates(s.of(options.metric), options.updates, update_options).steps);
    }
  }
  Schedule schedule = FromUpdates(std::move(blocks), steps, updates, options.order);
  if (!options.shared && options.union_blocks > 0) {
    std::vector<double> scores;
    for (const BlockSimilarity& s : similarity) scores.push_back(ChangeScore(s));
    schedule = BubblingUnion(std::move(schedule),
                             TopBlocks(schedule.blocks, scores, options.union_blocks, options.union_ffn_only));
  }
  constexpr std::string_view kMetricNames[] = {"cosine", "l1", "mse"};
  schedule.made_by = fmt::format("bac updates={} metric={} objective={} forced_last={} union={}{} order={}{}",
                                 options.updates, kMetricNames[static_cast<size_t>(options.metric)],
                                 options.objective == Objective::kAnchor ? "anchor" : "adjacent", options.forced_last,
                                 options.shared ? 0 : options.union_blocks, options.union_ffn_only ? " (ffn)" : "",
                                 options.order, options.shared ? " shared" : "");
  return schedule;
}

}  // namespace takt::reuse
