// SPDX-License-Identifier: Apache-2.0
// Our RRT-Connect beside OMPL's, on the same arms, the same collision checks and the same edges.
//
//   bench_motion_ompl [PROBLEMS]      a Markdown table: solved, CPU ms, path length (weighted metres), checks
//
// Built where CMake finds OMPL (Debian: libompl-dev); nothing else of Takt needs it.
#include <ompl/base/MotionValidator.h>
#include <ompl/base/PlannerTerminationCondition.h>
#include <ompl/base/ProblemDefinition.h>
#include <ompl/base/SpaceInformation.h>
#include <ompl/base/spaces/RealVectorStateSpace.h>
#include <ompl/geometric/PathGeometric.h>
#include <ompl/geometric/PathSimplifier.h>
#include <ompl/geometric/planners/rrt/RRTConnect.h>
#include <ompl/util/Console.h>
#include <ompl/util/RandomNumbers.h>

#include <cstdio>
#include <cstdlib>
#include <ctime>

#include "takt/core/base/rng.h"
#include "takt/data/demo/motion/ik.h"
#include "takt/data/demo/motion/motion_test_scene.h"
#include "takt/data/demo/motion/planning_scene.h"
#include "takt/data/demo/motion/rrt.h"

namespace ob = ompl::base;
namespace og = ompl::geometric;
using takt::demo::Joints;
using takt::demo::PathSpace;

namespace {

Joints FromState(const ob::State* state, int n) {
  Joints q(n);
  for (int j = 0; j < n; ++j) q[j] = state->as<ob::RealVectorStateSpace::StateType>()->values[j];
  return q;
}

class SameEdges : public ob::MotionValidator {
 public:
  SameEdges(const ob::SpaceInformationPtr& si, const PathSpace& space, int64_t* checks)
      : ob::MotionValidator(si), space_(space), checks_(checks) {}
  bool checkMotion(const ob::State* a, const ob::State* b) const override {
    const int n = static_cast<int>(space_.lower.size());
    const Joints to = FromState(b, n);
    ++*checks_;
    return space_.valid(to) && EdgeValid(space_, FromState(a, n), to, checks_);
  }
  bool checkMotion(const ob::State* a, const ob::State* b, std::pair<ob::State*, double>& last) const override {
    last.second = 0;
    return checkMotion(a, b);
  }

 private:
  const PathSpace& space_;
  int64_t* checks_;
};

struct Sums {
  int solved = 0;
  double ms = 0, length_m = 0;
  int64_t checks = 0;
};

double CpuMs() { return 1000.0 * static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

void RunOmpl(const PathSpace& space, const Joints& from, const Joints& to, Sums* sums) {
  const int n = static_cast<int>(from.size());
  auto states = std::make_shared<ob::RealVectorStateSpace>(static_cast<unsigned>(n));
  ob::RealVectorBounds bounds(static_cast<unsigned>(n));
  for (int j = 0; j < n; ++j) {
    bounds.setLow(static_cast<unsigned>(j), space.lower[j]);
    bounds.setHigh(static_cast<unsigned>(j), space.upper[j]);
  }
  states->setBounds(bounds);
  auto si = std::make_shared<ob::SpaceInformation>(states);
  int64_t checks = 0;
  si->setStateValidityChecker([&](const ob::State* s) {
    ++checks;
    return space.valid(FromState(s, n));
  });
  si->setMotionValidator(std::make_shared<SameEdges>(si, space, &checks));
  const double start = CpuMs();
  si->setup();
  auto problem = std::make_shared<ob::ProblemDefinition>(si);
  ob::ScopedState<ob::RealVectorStateSpace> a(states), b(states);
  for (int j = 0; j < n; ++j) {
    a[static_cast<unsigned>(j)] = from[j];
    b[static_cast<unsigned>(j)] = to[j];
  }
  problem->setStartAndGoalStates(a, b);
  og::RRTConnect planner(si);
  planner.setRange(0.5);
  planner.setProblemDefinition(problem);
  planner.setup();
  const bool solved = planner.solve(ob::timedPlannerTerminationCondition(2.0)) == ob::PlannerStatus::EXACT_SOLUTION;
  if (solved) {
    auto& path = *problem->getSolutionPath()->as<og::PathGeometric>();
    og::PathSimplifier simplifier(si);
    simplifier.reduceVertices(path);
    simplifier.shortcutPath(path, 60);
    std::vector<Joints> points;
    for (const ob::State* s : path.getStates()) points.push_back(FromState(s, n));
    sums->length_m += PathLength(space, points);
    ++sums->solved;
  }
  sums->ms += CpuMs() - start;
  sums->checks += checks;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace takt::demo;
  const int problems = argc > 1 ? std::atoi(argv[1]) : 200;
  ompl::msg::setLogLevel(ompl::msg::LOG_NONE);
  std::printf("| arm | planner | solved of %d | CPU ms a problem | length m | checks a problem |\n|---|---|---|---|---|---|\n", problems);
  for (const char* arm : {"arm5", "arm7"}) {
    Sums ours, theirs;
    int straight = 0, posed = 0;
    for (uint64_t seed = 1; posed < problems && seed < 4000; ++seed) {
      const TableScene scene = MakeTableScene(arm, seed);
      PlanningScene planning(scene.model, scene.robot);
      planning.Observe(AtHome(scene));
      planning.SetOpening(0.04);
      const Joints home = planning.ReadQ();
      // From just over one object, between its neighbours, to between the walls of a bin.
      const takt::Vec3 at = planning.world().BodyPose(scene.model->BodyIdx(scene.objects[seed % 6])).translation_m;
      const takt::Vec3 bin = scene.bin_centres_m[seed % 2];
      const takt::Rng rng(seed, 0xb);
      const auto down = [&](const takt::Vec3& p, double z, double yaw) {
        return takt::Pose{takt::Quat(0, 1, 0, 0), {p.x(), p.y(), z}} * takt::Pose::Yaw(yaw);
      };
      const IkResult a = SolveIk(planning.chain(), down(at, 0.055, 6.28 * rng.UniformDouble(0)), home);
      const IkResult b = SolveIk(planning.chain(), down(bin, 0.03, 6.28 * rng.UniformDouble(1)), home);
      if (!a.Reachable() || !b.Reachable()) continue;
      PathSpace space;
      space.lower = planning.chain().Lower();
      space.upper = planning.chain().Upper();
      space.lever_m = planning.lever_m();
      space.resolution_m = 0.025;
      space.valid = [&](const Joints& q) { return planning.Free(q, 0.004); };
      if (!space.valid(a.solutions[0]) || !space.valid(b.solutions[0])) continue;
      ++posed;
      RrtOptions options;
      options.seed = seed;
      const double start = CpuMs();
      const PathResult found = PlanPath(space, a.solutions[0], {b.solutions[0]}, options);
      ours.ms += CpuMs() - start;
      ours.checks += found.checks;
      if (found.Found()) {
        ++ours.solved;
        ours.length_m += PathLength(space, found.path);
        straight += found.iterations == 0;
      }
      RunOmpl(space, a.solutions[0], b.solutions[0], &theirs);
    }
    const auto row = [&](const char* name, const Sums& s) {
      std::printf("| %s | %s | %d of %d | %.2f | %.3f | %.0f |\n", arm, name, s.solved, posed, s.ms / posed, s.length_m / std::max(1, s.solved),
                  static_cast<double>(s.checks) / posed);
    };
    row("ours", ours);
    row("OMPL RRTConnect", theirs);
    std::printf("\n%d of %d straight\n\n", straight, posed);
  }
  return 0;
}
