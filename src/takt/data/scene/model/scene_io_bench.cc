// SPDX-License-Identifier: Apache-2.0
#include <benchmark/benchmark.h>

#include "takt/data/scene/model/patch.h"
#include "takt/data/scene/model/scene_io.h"
#include "takt/data/scene/model/test_scenes.h"

namespace takt::scene {
namespace {

// A room of 30 objects, as people and models write them; and one of 3,000.
void Read(benchmark::State& state, Format format) {
  const std::string text = FormatScene(RandomScene(1, static_cast<int>(state.range(0))), format);
  for (auto _ : state) benchmark::DoNotOptimize(ParseScene(text, format, "bench"));
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(text.size()));
}
BENCHMARK_CAPTURE(Read, xml, Format::kXml)->Arg(30)->Arg(3000)->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(Read, json, Format::kJson)->Arg(30)->Arg(3000)->Unit(benchmark::kMicrosecond);

void Write(benchmark::State& state, Format format) {
  const Scene scene = RandomScene(1, 30);
  for (auto _ : state) benchmark::DoNotOptimize(FormatScene(scene, format));
}
BENCHMARK_CAPTURE(Write, xml, Format::kXml)->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(Write, json, Format::kJson)->Unit(benchmark::kMicrosecond);

// One object moved: applied with every check, found again, merged with another edit.
void Edit(benchmark::State& state) {
  const Scene scene = RandomScene(1, 30);
  const Patch patch =
      ParsePatch(R"({"ops": [{"op": "move", "id": "o3", "position_m": [1, 1, 0]}]})", Format::kJson, "p").patch;
  for (auto _ : state) benchmark::DoNotOptimize(Apply(scene, patch));
}
BENCHMARK(Edit)->Unit(benchmark::kMicrosecond);

void FindDiff(benchmark::State& state) {
  const Scene scene = RandomScene(1, 30);
  Scene moved = scene;
  moved.room.children[0].mass_kg += 1;
  for (auto _ : state) benchmark::DoNotOptimize(Diff(scene, moved));
}
BENCHMARK(FindDiff)->Unit(benchmark::kMicrosecond);

void MergeTwo(benchmark::State& state) {
  const Scene scene = RandomScene(1, 30);
  Scene ours = scene, theirs = scene;
  ours.room.children[0].mass_kg += 1;
  theirs.room.children[1].mass_kg += 1;
  for (auto _ : state) benchmark::DoNotOptimize(Merge(scene, ours, theirs));
}
BENCHMARK(MergeTwo)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace takt::scene
