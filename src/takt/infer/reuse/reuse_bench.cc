// SPDX-License-Identifier: Apache-2.0
#include <benchmark/benchmark.h>

#include <cmath>

#include "takt/core/base/rng.h"
#include "takt/infer/reuse/adaptive.h"
#include "takt/infer/reuse/budgeted.h"
#include "takt/infer/reuse/schedule_io.h"

namespace takt::reuse {
namespace {

constexpr int kLayers = 8, kSteps = 100;

// Curves that turn at a speed of their own: K x K matrices as smooth as those of a policy.
const std::vector<BlockSimilarity>& Similarity() {
  static const std::vector<BlockSimilarity> all = [] {
    SimilarityAccumulator accumulator(kSteps, 3 * kLayers);
    for (int b = 0; b < 3 * kLayers; ++b) {
      std::vector<float> x;
      for (int k = 0; k < kSteps; ++k) {
        for (int i = 0; i < 16; ++i) {
          const float phase = 6.28f * Rng(static_cast<uint64_t>(b)).Uniform(static_cast<uint64_t>(i));
          x.push_back(std::sin(phase + 0.02f * static_cast<float>((1 + b % 5) * k) * static_cast<float>(1 + i % 3)));
        }
      }
      accumulator.Add(b, x);
    }
    return accumulator.MeanOfAll();
  }();
  return all;
}

void BM_BacSchedule(benchmark::State& state) {
  BacOptions options;
  options.updates = static_cast<int>(state.range(0));
  const auto& similarity = Similarity();
  for (auto _ : state) benchmark::DoNotOptimize(BacSchedule(TransformerBlocks(kLayers), similarity, options));
}
BENCHMARK(BM_BacSchedule)->Arg(10)->Arg(50)->Unit(benchmark::kMillisecond);

void BM_Budgeted(benchmark::State& state) {
  const auto blocks = TransformerBlocks(kLayers);
  const Costs costs{.block = BlockFlops(blocks, {}), .step = 0};
  const BudgetOptions options{.max_work = 0.1 * Work(AllCompute(blocks, kSteps), costs)};
  const auto& similarity = Similarity();
  for (auto _ : state) benchmark::DoNotOptimize(Budgeted(blocks, similarity, costs, options));
}
BENCHMARK(BM_Budgeted)->Unit(benchmark::kMillisecond);

// One block of one chunk of DP-T: [100, 16, 256].
void BM_SimilarityAdd(benchmark::State& state) {
  std::vector<float> x(static_cast<size_t>(kSteps) * 16 * 256);
  for (size_t i = 0; i < x.size(); ++i) x[i] = Rng(1).Uniform(i);
  SimilarityAccumulator accumulator(kSteps, 1);
  for (auto _ : state) accumulator.Add(0, x);
}
BENCHMARK(BM_SimilarityAdd)->Unit(benchmark::kMillisecond)->MeasureProcessCPUTime();

void BM_ParseSchedule(benchmark::State& state) {
  const std::string text = WriteScheduleText(BacSchedule(TransformerBlocks(kLayers), Similarity(), {}));
  for (auto _ : state) benchmark::DoNotOptimize(ParseScheduleText(text, "bench"));
}
BENCHMARK(BM_ParseSchedule)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace takt::reuse
