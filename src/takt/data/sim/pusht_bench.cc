// SPDX-License-Identifier: Apache-2.0
#include <benchmark/benchmark.h>

#include <cmath>

#include "takt/data/sim/pusht.h"

namespace takt::sim {
namespace {

// One control step: the disc circles at the T, in contact most of the time.
void BM_Step(benchmark::State& state) {
  PushT world;
  world.SetState({150, 250}, {256, 200}, 0.3);
  int i = 0;
  for (auto _ : state) {
    const double angle = 0.05 * i++;
    world.Step({256 + 90 * std::cos(angle), 256 + 90 * std::sin(angle)});
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
