// SPDX-License-Identifier: Apache-2.0
#include "takt/data/demo/motion/motion.h"

#include <benchmark/benchmark.h>

#include "takt/core/base/rng.h"
#include "takt/data/demo/motion/motion_test_scene.h"
#include "takt/data/demo/motion/planning_scene.h"

namespace takt::demo {
namespace {

const char* Arm(const benchmark::State& state) { return state.range(0) == 5 ? "arm5" : "arm7"; }

// Tool poses pointing down over the table, within reach: what grasps ask for.
std::vector<Pose> DownPoses(bool small) {
  std::vector<Pose> poses;
  const Rng rng(9);
  for (uint64_t i = 0; i < 256; ++i) {
    const double r = (small ? 0.33 : 0.5) * (0.65 + 0.4 * rng.UniformDouble(4 * i)), angle = 1.2 * (rng.UniformDouble(4 * i + 1) - 0.5);
    const Pose down{Quat(0, 1, 0, 0), {r * std::cos(angle), r * std::sin(angle), 0.02 + 0.1 * rng.UniformDouble(4 * i + 2)}};
    poses.push_back(down * Pose::Yaw(6.28 * rng.UniformDouble(4 * i + 3)));
  }
  return poses;
}

void BM_ForwardKinematics(benchmark::State& state) {
  const TableScene scene = MakeTableScene(Arm(state), 1);
  PlanningScene planning(scene.model, scene.robot);
  Joints q = 0.3 * planning.chain().Lower() + 0.7 * planning.chain().Upper();
  for (auto _ : state) benchmark::DoNotOptimize(ToolPose(planning.chain(), q));
}
BENCHMARK(BM_ForwardKinematics)->Arg(5)->Arg(7);

// range(1): solutions asked for.
void BM_Ik(benchmark::State& state) {
  const TableScene scene = MakeTableScene(Arm(state), 1);
  PlanningScene planning(scene.model, scene.robot);
  Joints home(planning.chain().Size());
  for (int j = 0; j < home.size(); ++j) home[j] = scene.robot.home_rad[static_cast<size_t>(j)];
  const std::vector<Pose> poses = DownPoses(state.range(0) == 5);
  IkOptions options;
  options.posture = home;
  options.starts = 8;
  options.max_solutions = static_cast<int>(state.range(1));
  size_t i = 0, solved = 0, all = 0;
  for (auto _ : state) {
    solved += SolveIk(planning.chain(), poses[i++ % poses.size()], home, options).Reachable();
    ++all;
  }
  state.counters["solved"] = static_cast<double>(solved) / static_cast<double>(all);
}
BENCHMARK(BM_Ik)->Args({5, 4})->Args({7, 1})->Args({7, 4});

void BM_CollisionCheck(benchmark::State& state) {
  const TableScene scene = MakeTableScene(Arm(state), 1);
  PlanningScene planning(scene.model, scene.robot);
  planning.Observe(AtHome(scene));
  const Joints home = planning.ReadQ();
  if (state.range(1) == 1) planning.Hold(scene.model->BodyIdx("object0"), Pose::Translation(0, 0, 0));
  int i = 0, valid = 0;
  for (auto _ : state) {
    Joints q = home;
    q[0] = 1.2 * std::sin(0.1 * ++i);
    q[1] += 0.3 * std::sin(0.37 * i);
    valid += planning.Free(q, 0.004);
  }
  state.counters["valid"] = static_cast<double>(valid) / std::max(1, i);
}
BENCHMARK(BM_CollisionCheck)->Args({5, 0})->Args({5, 1})->Args({7, 0})->Args({7, 1});

void BM_FindGrasps(benchmark::State& state) {
  const TableScene scene = MakeTableScene("arm5", 1);
  MotionPlanner planner(scene.model, scene.robot);
  const TriMesh mesh = state.range(0) == 0 ? BoxMesh({0.03, 0.03, 0.04}) : CylinderMesh(0.05, 0.08);
  size_t count = 0;
  for (auto _ : state) count = FindGrasps(mesh, Vec3::Zero(), {Vec3::UnitZ(), state.range(0) == 0 ? -0.02 : -0.04}, planner.gripper()).size();
  state.counters["grasps"] = static_cast<double>(count);
}
BENCHMARK(BM_FindGrasps)->Arg(0)->Arg(1)->Unit(benchmark::kMillisecond);

// range(1): 1 with torques.
void BM_TimePath(benchmark::State& state) {
  const TableScene scene = MakeTableScene(Arm(state), 1);
  PlanningScene planning(scene.model, scene.robot);
  planning.Observe(AtHome(scene));
  Joints a = planning.ReadQ(), b = a, c = a;
  a[0] -= 0.8;
  b[1] += 0.3;
  c[0] += 0.8;
  c[3] += 0.3;
  const JointPath path = SmoothPath({{a, 0}, {b, 0.15}, {c, 0}});
  TimingOptions options;
  options.grid_step_rad = 0.03;
  options.smoothing_s = 0.08;
  if (state.range(1) == 1) options.dynamics = planning.Dynamics();
  TimingResult result;
  for (auto _ : state) result = TimePath(planning.chain(), path, options);
  state.counters["duration_s"] = result.trajectory.duration_s;
  state.counters["optimal_s"] = result.optimal_s;
  state.counters["rounds"] = result.rounds;
}
BENCHMARK(BM_TimePath)->Args({5, 0})->Args({5, 1})->Args({7, 0})->Args({7, 1})->Unit(benchmark::kMicrosecond);

// One object from the table into a bin and home again: grasps, IK, planning, timing. The scene is already compiled.
void BM_PickPlaceHome(benchmark::State& state) {
  constexpr uint64_t kScenes = 40;
  std::vector<TableScene> scenes;
  for (uint64_t seed = 1; seed <= kScenes; ++seed) scenes.push_back(MakeTableScene(Arm(state), seed));
  double solved = 0, all = 0, checks = 0, iterations = 0, seconds = 0, reasons[5] = {};
  for (auto _ : state) {
    for (const TableScene& scene : scenes) {
      const auto index = static_cast<uint64_t>(&scene - scenes.data());
      PlannerOptions options;
      options.seed = index + 1;
      MotionPlanner planner(scene.model, scene.robot, options);
      planner.Observe(AtHome(scene));
      PickRequest pick;
      pick.body_idx = scene.model->BodyIdx(scene.objects[index % 6]);
      const Vec3 bin = scene.bin_centres_m[index % 2];
      pick.world_from_object_goals = {Pose::Translation(bin.x(), bin.y(), 0.0265)};
      pick.free_yaw = true;
      PlaceRequest place;
      place.world_from_object_goals = pick.world_from_object_goals;
      place.free_yaw = true;
      ++all;
      const auto add = [&](const MotionPlan& plan) {
        checks += static_cast<double>(plan.counts.collision_checks);
        iterations += plan.counts.rrt_iterations;
        seconds += plan.Duration();
        ++reasons[static_cast<size_t>(plan.reason)];
        return plan.Ok();
      };
      solved += add(planner.Pick(pick)) && add(planner.Place(place)) && add(planner.Home());
    }
  }
  state.SetItemsProcessed(static_cast<int64_t>(all));
  state.counters["solved"] = solved / all;
  state.counters["checks"] = checks / all;
  state.counters["rrt_iterations"] = iterations / all;
  state.counters["motion_s"] = seconds / all;
  state.counters["ik"] = reasons[2] / all;
  state.counters["plan"] = reasons[3] / all;
}
BENCHMARK(BM_PickPlaceHome)->Arg(5)->Arg(7)->Unit(benchmark::kMillisecond)->Iterations(1);

}  // namespace
}  // namespace takt::demo
