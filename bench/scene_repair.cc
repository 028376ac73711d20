// SPDX-License-Identifier: Apache-2.0
// Repair of random rooms: speed, share solved, penetration, relations kept, how far things move; and stability in physics.
//   bench_scene_repair [SCENES = 10000] [SETTLED = 100]
#include <algorithm>
#include <cstdlib>
#include <map>
#include <vector>

#include "bench_util.h"
#include "takt/data/scene/generate.h"
#include "takt/data/scene/repair/build.h"
#include "takt/data/scene/repair/repair.h"
#include "takt/data/scene/repair/rooms_for_test.h"
#include "takt/data/scene/repair_scene.h"
#include "takt/data/scene/settle.h"

namespace takt::scene {
namespace {

double MovedByObject(const RepairResult& result) {
  double sum = 0;
  for (const Moved& m : result.moved) sum += m.distance_m;
  return sum / std::max(1, result.certificate.objects);
}

void Row(const std::string& name, const RoomRecipe& recipe, int count) {
  int solved = 0, proved = 0, relations = 0, kept = 0;
  double deepest = 0, moved = 0, seconds = 0;
  std::vector<double> each;
  for (int i = 0; i < count; ++i) {
    const Scene scene = RoomMaker(static_cast<uint64_t>(i), recipe).Make();
    const double start = bench::CpuSeconds();
    const RepairResult result = Repair(scene);
    each.push_back(bench::CpuSeconds() - start);
    seconds += each.back();
    for (const RelationCheck& check : result.certificate.relations) {
      ++relations;
      kept += check.holds;
    }
    if (result.certificate.holds) {
      ++solved;
      deepest = std::max(deepest, result.certificate.deepest_penetration_m);
      moved += MovedByObject(result);
    } else if (result.outcome == RepairOutcome::kInfeasible) {
      ++proved;
    }
  }
  std::sort(each.begin(), each.end());
  fmt::print("| {} | {} | {:.2f} % | {} | {} | {:.0f} | {:.2f} / {:.2f} / {:.1f} | {:.3f} | {:.2f} % | {:.3f} |\n", name, count, 100.0 * solved / count,
             proved, count - solved - proved, count / seconds, each[each.size() / 2] * 1e3, each[each.size() * 99 / 100] * 1e3, each.back() * 1e3,
             deepest * 1e3, relations ? 100.0 * kept / relations : 100.0, moved / std::max(1, solved));
  std::fflush(stdout);
}

// The floor alone: forces and projection without polish, the whole method, and the best of a long search from the whole
// method's answer, in which random objects are put down at random and everybody goes home again.
void Displacement(int count) {
  double plain = 0, ours = 0, annealed = 0;
  int solved_plain = 0, used = 0;
  RoomRecipe recipe;
  recipe.on_top = 0;
  const Tolerances tolerances;
  for (int i = 0; i < count; ++i) {
    const Scene scene = RoomMaker(static_cast<uint64_t>(i), recipe).Make();
    const Tree tree = ReadTree(scene);
    const auto sum = [](const Layout& layout) {
      double d = 0;
      for (const int b : layout.moving) d += (layout.bodies[b].at - layout.bodies[b].home).norm();
      return d / static_cast<double>(layout.moving.size());
    };
    const Layout start = BuildLayout(tree, 0, MovableItems(tree, {}), {}, tolerances, {false, false, 0.5});
    Layout a = start, b = start;
    uint64_t counter = 0;
    int restarts = 0;
    SettleYaws(&a, nullptr, &counter);
    const bool plain_solved = PushApart(&a, 0, 2000);
    if (!SolveLayout(&b, Rng(1), true, 24, &restarts)) continue;
    solved_plain += plain_solved;
    if (!plain_solved) continue;
    ++used;
    plain += sum(a);
    ours += sum(b);
    const Rng rng(99, static_cast<uint64_t>(i));
    Layout now = b, best = b;
    Placer placer(&now);
    double best_sum = sum(b), now_sum = best_sum;
    for (int step = 0; step < 3000; ++step) {
      const double heat = 0.02 * (1 - step / 3000.0);
      Layout trial = now;
      Placer place(&trial);
      const int body = trial.moving[rng.Below(counter, trial.moving.size())];
      const Vec2 by(rng.Normal4(counter)[0], rng.Normal4(counter)[1]);
      trial.bodies[body].at += (0.1 + 0.4 * rng.UniformDouble(counter + 1)) * by;
      counter += 2;
      if (step % 3 == 0) trial.bodies[body].at = trial.bodies[body].home;
      if (!PushApart(&trial, 0, 60)) continue;
      PolishHome(&trial, &place, 3);
      if (Violation(trial) > 0) continue;
      const double s = sum(trial);
      if (s < now_sum || rng.UniformDouble(counter++) < std::exp((now_sum - s) / heat)) {
        now = trial;
        now_sum = s;
      }
      if (s < best_sum) {
        best_sum = s;
        best = trial;
      }
    }
    annealed += best_sum;
  }
  fmt::print("\nMean displacement of an object on the floor, {} rooms (20 objects, 45 %, anywhere at the start) that plain projection solves too "
             "({} of {}):\n\n| plain projection | ours | best of 3,000 steps of annealing | ours / best |\n|---|---|---|---|\n| {:.3f} m | {:.3f} m | {:.3f} m | {:.2f} |\n",
             used, solved_plain, count, plain / used, ours / used, annealed / used, ours / annealed);
  std::fflush(stdout);
}

struct Stability {
  int scenes = 0, objects = 0, stable = 0, solved = 0;
  double seconds = 0;
};
void Count(const Scene& scene, bool in_the_loop, Stability* s) {
  const double start = bench::CpuSeconds();
  SceneRepairOptions options;
  options.settle = in_the_loop;
  const SceneRepairReport report = RepairAndSettle(scene, {}, options);
  const SettleReport settle = in_the_loop ? report.settle : Settle(report.result.scene);
  s->seconds += bench::CpuSeconds() - start;
  ++s->scenes;
  s->solved += report.result.certificate.holds;
  for (const Settled& object : settle.objects) {
    ++s->objects;
    s->stable += object.stable;
  }
}
void Print(const std::string& name, const Stability& s) {
  fmt::print("| {} | {} | {} | {:.2f} % | {} | {:.2f} |\n", name, s.scenes, s.objects, 100.0 * s.stable / std::max(1, s.objects), s.solved, s.seconds / std::max(1, s.scenes));
  std::fflush(stdout);
}

// A bench with `count` small things of several shapes on its top, thrown down anywhere.
Scene ClutteredBench(uint64_t seed, int count) {
  const Rng rng(seed, 5);
  uint64_t k = 0;
  const auto u = [&](double low, double high) { return low + (high - low) * rng.UniformDouble(k++); };
  Scene scene;
  scene.name = "clutter";
  scene.room.kind = NodeKind::kRoom;
  scene.room.id = "room";
  scene.room.height_m = 2.6;
  scene.room.floor_m = {{0, 0}, {4, 0}, {4, 3}, {0, 3}};
  Node bench;
  bench.id = "bench";
  bench.size_m = {0.8, 1.8, 0.75};
  bench.parent_from_node = Pose::Translation(2, 1.5, 0);
  bench.fixed = true;
  for (int i = 0; i < count; ++i) {
    Node node;
    node.id = "part" + std::to_string(i);
    node.size_m = Vec3(u(0.04, 0.14), u(0.04, 0.14), u(0.02, 0.18));
    if (i % 3 == 1) {
      Part part;
      part.shape = ShapeKind::kCylinder;
      node.size_m.y() = node.size_m.x();
      part.size_m = node.size_m;
      part.object_from_part = Pose::Translation(0, 0, node.size_m.z() / 2);
      node.parts = {part};
    }
    node.parent_from_node = Pose::Yaw(u(-3, 3), {u(-0.45, 0.45), u(-0.95, 0.95), 0.75 + u(-0.05, 0.1)});
    bench.children.push_back(node);
  }
  scene.room.children.push_back(bench);
  return scene;
}

void Main(int scenes, int settled) {
  fmt::print("| rooms | scenes | solved | proved impossible | neither | scenes/s and core | ms median / 99 % / worst | deepest penetration mm | relations kept | moved an object m |\n"
             "|---|---|---|---|---|---|---|---|---|---|\n");
  RoomRecipe recipe;
  Row("20 objects, 45 %, 9 relations, anywhere", recipe, scenes);
  recipe.jitter_m = 0.5;
  Row("the same, shaken by 0.5 m and 23 degrees", recipe, scenes / 5);
  recipe.jitter_m = -1;
  recipe.planted = false;
  recipe.fill = 0.6;
  Row("20 objects, 60 %, 9 relations, not known to be solvable", recipe, scenes / 5);
  recipe.fill = 0.75;
  Row("20 objects, 75 %", recipe, scenes / 50);
  recipe.fill = 1.05;
  Row("20 objects, 105 %", recipe, scenes / 100);
  recipe = {};
  recipe.objects = 80;
  recipe.relations = 24;
  Row("80 objects, 45 %, 26 relations", recipe, scenes / 50);
  Displacement(std::max(5, scenes / 500));
  if (settled == 0) return;
  fmt::print("\n| physics, 2 s | scenes | objects | < 1 cm and < 2 degrees | certificate with drift | s a scene |\n|---|---|---|---|---|---|\n");
  Stability rooms, benches, looped;
  for (int i = 0; i < settled; ++i) {
    Count(RoomMaker(static_cast<uint64_t>(i), {}).Make(), false, &rooms);
    Count(ClutteredBench(static_cast<uint64_t>(i), 50), false, &benches);
    Count(ClutteredBench(static_cast<uint64_t>(i), 50), true, &looped);
  }
  Print("rooms of 20, repaired once", rooms);
  Print("benches of 50, repaired once", benches);
  Print("benches of 50, physics in the loop", looped);
}

}  // namespace
}  // namespace takt::scene

int main(int argc, char** argv) {
  return takt::bench::Run([&] { takt::scene::Main(argc > 1 ? std::atoi(argv[1]) : 10000, argc > 2 ? std::atoi(argv[2]) : 100); });
}
