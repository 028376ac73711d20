// SPDX-License-Identifier: Apache-2.0
#include "takt/apps/evaluate/measure.h"

#include <algorithm>
#include <cmath>

#include "takt/core/base/clock.h"
#include "takt/core/base/error.h"
#include "takt/core/base/interrupt.h"

namespace takt::evaluate {

ChunkTime MeasureChunks(policy::Policy* policy, std::span<const Window> windows, int chunks, double max_s) {
  if (windows.empty()) throw Error(ErrorCode::kBadInput, "windows", "are none");
  ChunkTime time;
  time.flops = policy->flops();
  time.exact_flops = policy->exact_flops();
  policy->Reset(0);
  policy->Act(windows[0]);
  std::vector<double> ms;
  double spent_s = 0;
  for (int i = 0; i < std::max(3, chunks) && (i < 3 || spent_s < max_s); ++i) {
    ThrowIfInterrupted();
    const double begin_s = ThreadCpuSeconds();
    policy->Act(windows[static_cast<size_t>(i) % windows.size()]);
    const double used_s = ThreadCpuSeconds() - begin_s;
    spent_s += used_s;
    ms.push_back(1e3 * used_s);
  }
  time.chunks = static_cast<int>(ms.size());
  time.p50_ms = Percentile(ms, 0.5);
  time.p99_ms = Percentile(ms, 0.99);
  time.min_ms = *std::min_element(ms.begin(), ms.end());
  return time;
}

double RealisedShare(const ChunkTime& with_schedule, const ChunkTime& without) {
  return (without.min_ms / with_schedule.min_ms) / (without.flops / with_schedule.flops);
}

std::vector<std::vector<float>> ChunksOf(policy::Policy* policy, std::span<const Window> windows, uint64_t seed) {
  std::vector<std::vector<float>> chunks;
  for (size_t w = 0; w < windows.size(); ++w) {
    ThrowIfInterrupted();
    policy->Reset(seed + w);
    const std::vector<float> cond = policy->Encode(windows[w]);
    const std::span<const float> actions = policy->Denoise(cond);
    chunks.emplace_back(actions.begin(), actions.end());
  }
  return chunks;
}

ActionError ErrorOf(const std::vector<std::vector<float>>& chunks, const std::vector<std::vector<float>>& truth) {
  ActionError error;
  double square = 0;
  size_t count = 0;
  if (chunks.size() != truth.size()) throw Error(ErrorCode::kBadInput, "chunks", "are of different numbers");
  for (size_t w = 0; w < chunks.size(); ++w) {
    if (chunks[w].size() != truth[w].size()) throw Error(ErrorCode::kBadInput, "chunks", "have different sizes");
    for (size_t i = 0; i < chunks[w].size(); ++i) {
      const double d = static_cast<double>(chunks[w][i]) - truth[w][i];
      square += d * d;
      if (!std::isnan(error.max) && !(std::abs(d) <= error.max)) error.max = std::abs(d);
      ++count;
    }
  }
  error.rms = count ? std::sqrt(square / static_cast<double>(count)) : 0;
  return error;
}

}  // namespace takt::evaluate
