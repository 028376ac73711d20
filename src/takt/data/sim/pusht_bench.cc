// SPDX-License-Identifier: Apache-2.0
#include <benchmark/benchmark.h>

#include "takt/data/sim/pusht.h"

namespace takt::sim {
namespace {

// One control step of a disc that pushes the T over the table: it touches in three of four steps.
void BM_Step(benchmark::State& state) {
  PushT world;
  world.SetState({120, 250}, {200, 200}, 0.3);
  const PushTState start = world.Save();
  int i = 0;
  for (auto _ : state) {
    if (i == 40) {
      world.Restore(start);
      i = 0;
    }
    world.Step({120 + 8.0 * ++i, 250});
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_Step);

void BM_Restore(benchmark::State& state) {
  PushT world;
  const PushTState saved = world.Save();
  for (auto _ : state) world.Restore(saved);
}
BENCHMARK(BM_Restore);

void BM_Coverage(benchmark::State& state) {
  Vec2 cog = PushTGoalCog_px();
  for (auto _ : state) {
    cog[0] += 1e-3;
    benchmark::DoNotOptimize(PushTCoverage(cog, kPushTGoal_rad + 0.1));
  }
}
BENCHMARK(BM_Coverage);

}  // namespace
}  // namespace takt::sim
