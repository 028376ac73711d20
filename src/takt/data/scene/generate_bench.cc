// SPDX-License-Identifier: Apache-2.0
#include <benchmark/benchmark.h>

#include "takt/data/scene/generate.h"
#include "takt/data/scene/score/score.h"

namespace takt::scene {
namespace {

// Drawing and proving; one thread.
void Generate(benchmark::State& state, const char* name) {
  const Recipe recipe = LoadRecipe(name);
  uint64_t i = 0;
  for (auto _ : state) benchmark::DoNotOptimize(GenerateScene(recipe, 1, i++));
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations()));
}
BENCHMARK_CAPTURE(Generate, assembly_cell, "assembly_cell");
BENCHMARK_CAPTURE(Generate, bench_bins, "bench_bins");
BENCHMARK_CAPTURE(Generate, desk_stack, "desk_stack");
BENCHMARK_CAPTURE(Generate, lab_desk, "lab_desk");
BENCHMARK_CAPTURE(Generate, shelf_aisle, "shelf_aisle");

void ScoreGenerated(benchmark::State& state, const char* name) {
  const Scene scene = GenerateScene(LoadRecipe(name), 1, 0);
  for (auto _ : state) benchmark::DoNotOptimize(Score(scene));
}
BENCHMARK_CAPTURE(ScoreGenerated, lab_desk, "lab_desk")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(ScoreGenerated, shelf_aisle, "shelf_aisle")->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace takt::scene
