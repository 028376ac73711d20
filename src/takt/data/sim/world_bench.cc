// SPDX-License-Identifier: Apache-2.0
#include <benchmark/benchmark.h>

#include <cmath>

#include "takt/data/sim/arms_test_script.h"

namespace takt::sim {
namespace {

// `cubes` of 4 cm at rest, half a metre around the arm; on a plane or on a box.
script::Rig Scene(const std::string& name, int cubes, bool box_table, bool pyramidal = false) {
  Robot robot = LoadRobot(name);
  std::string text =
      box_table ? "<geom type='box' size='1 1 0.05' pos='0 0 -0.05'/>" : "<geom type='plane' size='1 1 0.1'/>";
  for (int i = 0; i < cubes; ++i) {
    const double angle = -1 + 2.0 * i / std::max(cubes - 1, 1);
    text += "<body pos='" + std::to_string(0.4 * std::cos(angle)) + " " + std::to_string(0.4 * std::sin(angle)) +
            " 0.0199'><freejoint/><geom type='box' size='0.02 0.02 0.02' mass='0.1'/></body>";
  }
  if (pyramidal) robot.mjcf.replace(robot.mjcf.find("elliptic"), 8, "pyramidal");
  return script::MakeRig(Model::Compile(script::WithBodies(robot.mjcf, text)), robot.info);
}

// The arm waves above the cubes; items are steps.
void Run(benchmark::State& state, const script::Rig& rig) {
  World world(rig.model);
  script::GoHome(rig, &world);
  world.Step(200);
  int k = 0;
  for (auto _ : state) {
    world.ctrl()[0] = 0.5 * std::sin(0.004 * k++);
    if (!world.Step()) state.SkipWithError("diverged");
  }
  state.SetItemsProcessed(state.iterations());
}

void BM_Arm5Alone(benchmark::State& state) { Run(state, Scene("arm5", 0, false)); }
void BM_Arm5FiveCubesOnPlane(benchmark::State& state) { Run(state, Scene("arm5", 5, false)); }
void BM_Arm5FiveCubesOnBox(benchmark::State& state) { Run(state, Scene("arm5", 5, true)); }
void BM_Arm5FiveCubesOnBoxPyramidal(benchmark::State& state) { Run(state, Scene("arm5", 5, true, true)); }
void BM_Arm7FiveCubesOnBox(benchmark::State& state) { Run(state, Scene("arm7", 5, true)); }
BENCHMARK(BM_Arm5Alone);
BENCHMARK(BM_Arm5FiveCubesOnPlane);
BENCHMARK(BM_Arm5FiveCubesOnBox);
BENCHMARK(BM_Arm5FiveCubesOnBoxPyramidal);
BENCHMARK(BM_Arm7FiveCubesOnBox);

// A planner's question: one posture of the arm against ten free boxes and the table, and against itself.
void BM_CollisionQueryTenBoxes(benchmark::State& state) {
  const script::Rig rig = Scene("arm5", 10, true);
  World world(rig.model);
  script::GoHome(rig, &world);
  const std::vector<int> arm = rig.model->Subtree(rig.model->BodyIdx("base"));
  std::vector<int> everything;
  for (int i = 0; i < rig.model->body_count(); ++i) everything.push_back(i);
  const CollisionQuery query(rig.model, arm, everything);
  int k = 0;
  for (auto _ : state) {
    world.mutable_qpos()[static_cast<size_t>(rig.qpos[0])] = std::sin(0.01 * k);
    world.mutable_qpos()[static_cast<size_t>(rig.qpos[1])] = 0.6 + 0.5 * std::sin(0.0037 * k++);
    benchmark::DoNotOptimize(query.Closest(world).distance_m);
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_CollisionQueryTenBoxes);

void BM_SaveAndRestore(benchmark::State& state) {
  const script::Rig rig = Scene("arm5", 5, true);
  World world(rig.model);
  for (auto _ : state) world.Restore(world.Save());
}
BENCHMARK(BM_SaveAndRestore);

void BM_MakeWorld(benchmark::State& state) {
  const script::Rig rig = Scene("arm5", 5, true);
  for (auto _ : state) World world(rig.model);
}
BENCHMARK(BM_MakeWorld);

void BM_CompileArm5(benchmark::State& state) {
  const Robot robot = LoadRobot("arm5");
  for (auto _ : state) benchmark::DoNotOptimize(Model::Compile(robot.mjcf));
}
BENCHMARK(BM_CompileArm5);

void BM_Variant(benchmark::State& state) {
  const script::Rig rig = Scene("arm5", 5, true);
  for (auto _ : state) benchmark::DoNotOptimize(rig.model->WithFrictionScale(0.9));
}
BENCHMARK(BM_Variant);

}  // namespace
}  // namespace takt::sim
