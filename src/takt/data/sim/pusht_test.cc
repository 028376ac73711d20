// SPDX-License-Identifier: Apache-2.0
#include "takt/data/sim/pusht.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <utility>
#include <vector>

#include "takt/core/base/error.h"
#include "takt/core/base/parallel.h"
#include "takt/core/base/rng.h"

namespace takt::sim {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

double Distance(Vec2 a, Vec2 b) { return std::hypot(a[0] - b[0], a[1] - b[1]); }

// A walk that touches the T often.
Vec2 TargetAt(int step) { return {256 + 120 * std::cos(0.13 * step), 256 + 100 * std::sin(0.29 * step)}; }

std::vector<float> Walk(PushT world, int steps) {
  std::vector<float> seen;
  for (int i = 0; i < steps; ++i) {
    world.Step(TargetAt(i));
    for (const float x : world.Observation()) seen.push_back(x);
  }
  return seen;
}

// Share of points of the goal that lie in the T, by counting.
double CountedCoverage(Vec2 cog, double rad) {
  const auto in_block = [](double x, double y) {
    return (std::abs(x) <= 60 && y >= 0 && y <= 30) || (std::abs(x) <= 15 && y >= 30 && y <= 120);
  };
  const Vec2 goal = PushTGoalCog_px();
  int both = 0, all = 0;
  for (double x = -59.75; x < 60; x += 0.5) {
    for (double y = 0.25; y < 120; y += 0.5) {
      if (!in_block(x, y)) continue;
      ++all;
      const double gc = std::cos(kPushTGoal_rad), gs = std::sin(kPushTGoal_rad), dx = x, dy = y - 45;
      const double wx = goal[0] + gc * dx - gs * dy - cog[0], wy = goal[1] + gs * dx + gc * dy - cog[1];
      const double c = std::cos(rad), s = std::sin(rad);
      both += in_block(c * wx + s * wy, -s * wx + c * wy + 45);
    }
  }
  return static_cast<double>(both) / all;
}

TEST(PushT, CoverageOfKnownPoses) {
  EXPECT_DOUBLE_EQ(PushTCoverage(PushTGoalCog_px(), kPushTGoal_rad), 1);
  EXPECT_DOUBLE_EQ(PushTCoverage({0, 0}, kPushTGoal_rad), 0);
  EXPECT_NEAR(PushTCoverage(PushTGoalCog_px(), kPushTGoal_rad + 2 * M_PI), 1, 1e-9);
}

TEST(PushT, CoverageIsThatOfCounting) {
  const Rng rng(1);
  for (uint64_t i = 0; i < 60; ++i) {
    const Vec2 goal = PushTGoalCog_px();
    const Vec2 cog = {goal[0] + 120 * (rng.UniformDouble(3 * i) - 0.5), goal[1] + 120 * (rng.UniformDouble(3 * i + 1) - 0.5)};
    const double rad = 7 * rng.UniformDouble(3 * i + 2);
    EXPECT_NEAR(PushTCoverage(cog, rad), CountedCoverage(cog, rad), 4e-3) << i;
  }
}

// numpy.random.RandomState(seed): randint(50, 450) twice, randint(100, 400) twice, randn() * 2 pi - pi. The values come from an
// implementation of MT19937 apart from this one that also gives RandomState(0).randn() = 1.764052345967664.
TEST(PushT, StartsAreThoseOfTheOriginalsGenerator) {
  const struct {
    uint32_t seed;
    Vec2 agent, block;
    double rad;
  } starts[] = {{0, {222, 97}, {217, 292}, 3.0079994677219553}, {100000, {235, 124}, {335, 128}, -0.9049274284249247}};
  for (const auto& start : starts) {
    PushT world;
    world.Reset(start.seed);
    EXPECT_EQ(world.agent_px(), start.agent);
    // The legacy order turns the T about its centre of gravity, which stays 45 px below where the origin was put.
    const PushTState state = world.Save();
    EXPECT_NEAR(state.block_cog_px[0], start.block[0], 1e-9);
    EXPECT_NEAR(state.block_cog_px[1], start.block[1] + 45, 1e-9);
    EXPECT_NEAR(state.block_rad, start.rad, 1e-12);
  }
}

TEST(PushT, TheSameCallsGiveTheSameBytes) {
  PushT a, b;
  a.Reset(7);
  b.Reset(7);
  EXPECT_EQ(Walk(std::move(a), 60), Walk(std::move(b), 60));
  std::vector<std::vector<float>> walks(8);
  ParallelFor(walks.size(), 1, [&](size_t i, size_t) {
    PushT world;
    world.Reset(7);
    walks[i] = Walk(std::move(world), 60);
  });
  for (const auto& walk : walks) EXPECT_EQ(walk, walks[0]);
}

TEST(PushT, CopiesAgreeWithEachOtherAndNearlyWithTheOriginal) {
  PushT world;
  world.Reset(3);
  for (int i = 0; i < 25; ++i) world.Step(TargetAt(i));
  const PushTState state = world.Save();
  PushT copy = world, restored;
  restored.Restore(state);
  for (int i = 25; i < 40; ++i) {
    world.Step(TargetAt(i));
    copy.Step(TargetAt(i));
    restored.Step(TargetAt(i));
    EXPECT_EQ(copy.Observation(), restored.Observation()) << i;
    EXPECT_LT(Distance(copy.block_px(), world.block_px()), 0.5) << i;
  }
  EXPECT_EQ(copy.steps(), world.steps());
  const PushTState again = restored.Save();
  PushT third;
  third.Restore(again);
  const PushTState kept = third.Save();
  EXPECT_EQ(std::memcmp(&again.agent_px, &kept.agent_px, sizeof(Vec2) * 3), 0);
  EXPECT_EQ(again.block_rad, kept.block_rad);
}

TEST(PushT, TheDiscFollowsAndPushes) {
  PushT world;
  world.SetState({256, 120}, {256, 211}, 0);
  const Vec2 before = world.block_px();
  for (int i = 0; i < 30; ++i) world.Step({256, 250});
  EXPECT_LT(Distance(world.agent_px(), {256, 250}), 0.5);
  // The flat face is pushed straight: the T has been moved on by what the disc would have overlapped.
  EXPECT_NEAR(world.block_px()[1], 250 + kPushTAgentRadius_px, 1.0);
  EXPECT_NEAR(world.block_px()[0], before[0], 0.5);
  // And stops at once: there is no inertia on this table.
  const Vec2 rest = world.block_px();
  for (int i = 0; i < 5; ++i) world.Step({256, 200});
  EXPECT_LT(Distance(world.block_px(), rest), 0.2);
}

TEST(PushT, WallsHoldTheBlock) {
  PushT world;
  world.SetState({256, 200}, {256, 300}, 0);
  for (int i = 0; i < 60; ++i) world.Step({256, 200.0 + 6 * i});
  double lowest = 0;
  const auto keypoints = world.Observation();
  for (size_t k = 0; k < 9; ++k) lowest = std::max<double>(lowest, keypoints[2 * k + 1]);
  EXPECT_LT(lowest, 512);
}

TEST(PushT, ObservationIsKeypointsThenDisc) {
  PushT world;
  world.SetState({100, 110}, {300, 200}, 0);
  const auto seen = world.Observation();
  for (size_t k = 0; k < 9; ++k) {
    EXPECT_FLOAT_EQ(seen[2 * k], static_cast<float>(300 + kPushTKeypoints_px[k][0]));
    EXPECT_FLOAT_EQ(seen[2 * k + 1], static_cast<float>(200 + kPushTKeypoints_px[k][1]));
  }
  EXPECT_EQ(seen[18], 100);
  EXPECT_EQ(seen[19], 110);
}

TEST(PushT, RewardAndSuccess) {
  PushT world;
  // In the legacy order the T is turned about its centre of gravity: that of the goal, less 45 px.
  const Vec2 goal = PushTGoalCog_px();
  world.SetState({50, 50}, {goal[0], goal[1] - 45}, kPushTGoal_rad);
  EXPECT_NEAR(world.Coverage(), 1, 1e-9);
  EXPECT_EQ(world.Reward(), 1);
  EXPECT_TRUE(world.Done());
  world.SetState({50, 50}, {goal[0] + 20, goal[1] - 45}, kPushTGoal_rad);
  EXPECT_LT(world.Coverage(), kPushTSuccess);
  EXPECT_DOUBLE_EQ(world.Reward(), world.Coverage() / kPushTSuccess);
  EXPECT_FALSE(world.Done());
}

TEST(PushT, RefusesWhatIsNoNumber) {
  PushT world;
  EXPECT_THROW(world.Step({kNaN, 0}), Error);
  EXPECT_THROW(world.Step({0, std::numeric_limits<double>::infinity()}), Error);
  EXPECT_THROW(world.SetState({0, kNaN}, {200, 200}, 0), Error);
  EXPECT_THROW(world.SetState({0, 0}, {1e9, 200}, 0), Error);
  EXPECT_THROW(world.SetState({0, 0}, {200, 200}, kNaN), Error);
  EXPECT_THROW(world.Draw(8), Error);
  world.Step({10, 10});  // still usable
}

TEST(PushT, DrawsWhatIsThere) {
  PushT world;
  world.SetState({100, 100}, {380, 330}, 0);
  const Image8 image = world.Draw(512);
  const auto at = [&](int x, int y) { return std::vector<int>(image.row(y) + 3 * x, image.row(y) + 3 * x + 3); };
  EXPECT_EQ(at(100, 100), (std::vector<int>{65, 105, 225}));
  EXPECT_EQ(at(380, 345), (std::vector<int>{119, 136, 153}));
  EXPECT_EQ(at(256, 256 + 20), (std::vector<int>{144, 238, 144}));
  EXPECT_EQ(at(60, 400), (std::vector<int>{255, 255, 255}));
  const Vec2 target = {60, 400};
  const Image8 aimed = world.Draw(512, &target);
  EXPECT_EQ(std::vector<int>(aimed.row(400) + 180, aimed.row(400) + 183), (std::vector<int>{255, 0, 0}));
}

}  // namespace
}  // namespace takt::sim
