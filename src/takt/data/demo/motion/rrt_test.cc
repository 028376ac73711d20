// SPDX-License-Identifier: Apache-2.0
#include "takt/data/demo/motion/rrt.h"

#include <gtest/gtest.h>

#include <cmath>

namespace takt::demo {
namespace {

Joints Point(double x, double y) {
  Joints q(2);
  q << x, y;
  return q;
}

PathSpace Square(Validity valid) {
  PathSpace space;
  space.lower = Point(-1, -1);
  space.upper = Point(1, 1);
  space.lever_m = Point(1, 1);
  space.valid = std::move(valid);
  return space;
}

// A wall at x = 0 with a gap of 0.1 at its upper end.
bool Wall(const Joints& q) { return std::abs(q[0]) > 0.05 || q[1] > 0.9; }

void ExpectFree(const PathSpace& space, const std::vector<Joints>& path) {
  for (size_t i = 1; i < path.size(); ++i) {
    for (int k = 0; k <= 200; ++k) {
      // Within half a resolution of free space: what the checks promise.
      const Joints q = path[i - 1] + (path[i] - path[i - 1]) * (k / 200.0);
      bool near_free = false;
      for (double d : {0.0, 0.01, -0.01}) near_free = near_free || space.valid(q + Point(d, 0)) || space.valid(q + Point(0, d));
      ASSERT_TRUE(near_free);
    }
  }
}

TEST(Rrt, StraightLineWhereItIsFree) {
  const PathSpace space = Square([](const Joints&) { return true; });
  const PathResult result = PlanPath(space, Point(-0.5, 0), {Point(0.5, 0.8), Point(0.4, 0)});
  ASSERT_TRUE(result.Found());
  EXPECT_EQ(result.path.size(), 2u);
  EXPECT_EQ(result.goal_idx, 1);  // the nearer one
  EXPECT_EQ(result.iterations, 0);
}

TEST(Rrt, GoesAroundAWallAndIsShort) {
  const PathSpace space = Square(Wall);
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    RrtOptions options;
    options.seed = seed;
    const PathResult result = PlanPath(space, Point(-0.5, 0), {Point(0.5, 0)}, options);
    ASSERT_TRUE(result.Found()) << seed;
    EXPECT_EQ(result.path.front(), Point(-0.5, 0));
    EXPECT_EQ(result.path.back(), Point(0.5, 0));
    ExpectFree(space, result.path);
    // The shortest is 1 + 2 * 0.9 in this metric.
    EXPECT_LT(PathLength(space, result.path), 3.1) << seed;
  }
}

TEST(Rrt, RepeatsToTheBit) {
  const PathSpace space = Square(Wall);
  const PathResult a = PlanPath(space, Point(-0.5, 0), {Point(0.5, 0)}), b = PlanPath(space, Point(-0.5, 0), {Point(0.5, 0)});
  EXPECT_EQ(a.path, b.path);
  EXPECT_EQ(a.checks, b.checks);
}

TEST(Rrt, SaysWhatIsInTheWay) {
  const PathSpace space = Square([](const Joints& q) { return std::abs(q[0]) > 0.05; });
  RrtOptions options;
  options.max_iterations = 300;
  const PathResult closed = PlanPath(space, Point(-0.5, 0), {Point(0.5, 0)}, options);
  EXPECT_FALSE(closed.Found());
  EXPECT_TRUE(closed.start_valid && closed.any_goal_valid);
  EXPECT_EQ(closed.iterations, 300);
  EXPECT_FALSE(PlanPath(space, Point(0, 0), {Point(0.5, 0)}).start_valid);
  EXPECT_FALSE(PlanPath(space, Point(0.5, 0), {Point(0, 0)}).any_goal_valid);
}

TEST(Rrt, ShortcutNeverLengthens) {
  const PathSpace space = Square(Wall);
  std::vector<Joints> path = {Point(-0.5, 0), Point(-0.9, 0.5), Point(-0.5, 0.95), Point(0.3, 0.95), Point(0.9, 0.2), Point(0.5, 0)};
  const double before = PathLength(space, path);
  int64_t checks = 0;
  Shortcut(space, &path, 100, 3, &checks);
  EXPECT_LT(PathLength(space, path), before - 0.5);
  ExpectFree(space, path);
}

}  // namespace
}  // namespace takt::demo
