// SPDX-License-Identifier: Apache-2.0
#include <benchmark/benchmark.h>

#include <string>

#include "takt/core/base/rng.h"
#include "takt/data/scene/score/scene_state.h"
#include "takt/data/scene/score/score.h"

namespace takt::scene {
namespace {

// A room of 8 x 6 m with `objects` boxes of furniture, some of them overlapping or through a wall, and a door.
Scene Room(int objects) {
  Scene scene;
  scene.room.kind = NodeKind::kRoom;
  scene.room.id = "room";
  scene.room.floor_m = {{0, 0}, {8, 0}, {8, 6}, {0, 6}};
  scene.room.height_m = 3;
  Opening& door = scene.room.openings.emplace_back();
  door.id = "door";
  door.offset_m = 3, door.width_m = 1, door.height_m = 2.1;
  const Rng rng(1);
  for (int i = 0; i < objects; ++i) {
    const auto u = [&](int k) { return rng.UniformDouble(static_cast<uint64_t>(8 * i + k)); };
    Node& node = scene.room.children.emplace_back();
    node.id = "box" + std::to_string(i);
    node.size_m = {0.3 + 0.7 * u(0), 0.3 + 0.7 * u(1), 0.4 + 1.4 * u(2)};
    node.parent_from_node = Pose::Yaw(6.28 * u(3), {8 * u(4), 6 * u(5), 0});
    Clearance& clearance = node.clearances.emplace_back();
    clearance.depth_m = 0.5;
  }
  return scene;
}

void ScoreBoxes(benchmark::State& state) {
  const Scene scene = Room(static_cast<int>(state.range(0)));
  for (auto _ : state) benchmark::DoNotOptimize(Score(scene));
}
BENCHMARK(ScoreBoxes)->Arg(10)->Arg(30)->Arg(100)->Unit(benchmark::kMillisecond);

// The same without anything through a wall: no point is drawn for the bounds.
void ScoreBoxesInside(benchmark::State& state) {
  Scene scene = Room(static_cast<int>(state.range(0)));
  for (Node& node : scene.room.children) {
    Vec3& at = node.parent_from_node.translation_m;
    at = {1 + at.x() * 0.75, 1 + at.y() * 2 / 3, 0};
  }
  for (auto _ : state) benchmark::DoNotOptimize(Score(scene));
}
BENCHMARK(ScoreBoxesInside)->Arg(30)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace takt::scene
