// SPDX-License-Identifier: Apache-2.0
#include <benchmark/benchmark.h>

#include <cmath>
#include <vector>

#include "takt/core/base/rng.h"
#include "takt/data/splat/codec/knapsack.h"

namespace takt::splat {
namespace {

// channels x groups items with 20 options each: the problem of a model of 300 k splats. CBC takes 58 s for one round of it
// (SizeGS, Tab. 3).
void BM_Allocate(benchmark::State& state) {
  const auto items = static_cast<size_t>(state.range(0));
  const Rng rng(1);
  std::vector<KnapsackOption> options;
  std::vector<size_t> first = {0};
  for (size_t i = 0; i < items; ++i) {
    const double samples = 300000.0 / 64 * (0.2 + rng.Uniform(i)), spread = std::exp2(8 * rng.Uniform(i + items));
    for (int o = 0; o < 20; ++o) {
      const double bits = samples * (0.4 * o + 0.1 * rng.Uniform(i * 20 + static_cast<size_t>(o) + 1000000));
      options.push_back({static_cast<int64_t>(256 * bits), samples * spread * std::exp2(-2 * bits / samples)});
    }
    first.push_back(options.size());
  }
  const auto budget = static_cast<int64_t>(256.0 * 300000 / 64 * static_cast<double>(items) * 2.5);
  double gap = 0;
  for (auto _ : state) {
    const KnapsackSolution s = SolveKnapsack(options, first, budget);
    gap = s.gap();
    benchmark::DoNotOptimize(gap);
  }
  state.counters["gap"] = gap;
}
BENCHMARK(BM_Allocate)->Arg(640)->Arg(60 * 16)->Arg(60 * 64)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace takt::splat
