// SPDX-License-Identifier: Apache-2.0
#include "takt/infer/reuse/fixed.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "takt/core/base/error.h"

namespace takt::reuse {
namespace {

[[noreturn]] void Refuse(const char* subject, std::string message) {
  throw Error(ErrorCode::kBadInput, subject, std::move(message));
}

std::vector<int> Every(int steps, int n) {
  std::vector<int> updates;
  for (int64_t k = 0; k < steps; k += n) updates.push_back(static_cast<int>(k));
  return updates;
}

// The distances as the threshold sees them.
std::vector<double> Rescaled(std::span<const double> distances, const TeaCacheOptions& options) {
  std::vector<double> rescaled;
  for (const double d : distances) {
    double sum = 0;
    for (size_t i = options.coefficients.size(); i-- > 0;) sum = sum * d + options.coefficients[i];
    if (!(d >= 0 && sum >= 0 && std::isfinite(sum))) {
      Refuse("TeaCache", fmt::format("rescales the distance {} to {}", d, sum));
    }
    rescaled.push_back(sum);
  }
  return rescaled;
}

std::vector<int> StepsAtThreshold(std::span<const double> rescaled, double threshold) {
  std::vector<int> steps = {0};
  double sum = 0;
  for (size_t i = 0; i < rescaled.size(); ++i) {
    sum += rescaled[i];
    if (sum < threshold && i + 1 < rescaled.size()) continue;
    steps.push_back(static_cast<int>(i) + 1);
    sum = 0;
  }
  return steps;
}

}  // namespace

Schedule Uniform(std::vector<Block> blocks, int steps, int updates, int order) {
  if (updates < 1 || updates > steps)
    Refuse("schedule", fmt::format("cannot update {} times in {} steps", updates, steps));
  std::vector<int> at;
  for (int i = 0; i < updates; ++i) at.push_back(static_cast<int>(static_cast<int64_t>(i) * steps / updates));
  const size_t count = blocks.size();
  Schedule schedule = FromUpdates(std::move(blocks), steps, std::vector<std::vector<int>>(count, at), order);
  schedule.made_by = fmt::format("uniform updates={} order={}", updates, order);
  return schedule;
}

Schedule Fora(std::vector<Block> blocks, int steps, int attention_every, int ffn_every, int order) {
  if (attention_every < 1 || ffn_every < 1) {
    Refuse("schedule", fmt::format("cannot compute every {} and every {} steps", attention_every, ffn_every));
  }
  std::vector<std::vector<int>> updates;
  for (const Block& block : blocks) {
    updates.push_back(Every(steps, block.kind == BlockKind::kFeedForward ? ffn_every : attention_every));
  }
  Schedule schedule = FromUpdates(std::move(blocks), steps, updates, order);
  schedule.made_by = fmt::format("fora attention_every={} ffn_every={} order={}", attention_every, ffn_every, order);
  return schedule;
}

std::vector<double> RelativeL1(std::span<const float> inputs, int steps) {
  if (steps < 1 || inputs.empty() || inputs.size() % static_cast<size_t>(steps) != 0) {
    Refuse("TeaCache", fmt::format("gets {} values for {} steps", inputs.size(), steps));
  }
  const size_t n = inputs.size() / static_cast<size_t>(steps);
  std::vector<double> distances;
  for (int k = 1; k < steps; ++k) {
    const float* before = inputs.data() + static_cast<size_t>(k - 1) * n;
    const float* now = before + n;
    double change = 0, size = 0;
    for (size_t i = 0; i < n; ++i) {
      change += std::abs(static_cast<double>(now[i]) - before[i]);
      size += std::abs(static_cast<double>(before[i]));
    }
    const double distance = change == 0 ? 0 : change / size;
    if (!std::isfinite(distance)) Refuse("TeaCache", fmt::format("gets no finite change in step {}", k));
    distances.push_back(distance);
  }
  return distances;
}

Schedule TeaCache(std::vector<Block> blocks, std::span<const double> distances, const TeaCacheOptions& options) {
  if (!(options.threshold >= 0)) Refuse("TeaCache", fmt::format("has a threshold of {}", options.threshold));
  const std::vector<int> at = StepsAtThreshold(Rescaled(distances, options), options.threshold);
  const size_t count = blocks.size();
  Schedule schedule = FromUpdates(std::move(blocks), static_cast<int>(distances.size()) + 1,
                                  std::vector<std::vector<int>>(count, at), options.order);
  schedule.made_by = fmt::format("teacache threshold={} order={}", options.threshold, options.order);
  return schedule;
}

double TeaCacheThreshold(std::span<const double> distances, int updates, const TeaCacheOptions& options) {
  const std::vector<double> rescaled = Rescaled(distances, options);
  const auto fits = [&](double threshold) {
    return StepsAtThreshold(rescaled, threshold).size() <= static_cast<size_t>(std::max(updates, 0));
  };
  // The number of steps does not rise with the threshold: each computation comes no earlier than with a smaller one.
  double low = 0, high = 2 * std::accumulate(rescaled.begin(), rescaled.end(), 1e-12);
  if (!fits(high)) Refuse("TeaCache", fmt::format("cannot do with {} computations", updates));
  if (fits(low)) return low;
  while (high - low > 1e-9 * high) {
    const double middle = low + (high - low) / 2;
    if (middle == low || middle == high) break;
    (fits(middle) ? high : low) = middle;
  }
  return high;
}

}  // namespace takt::reuse
