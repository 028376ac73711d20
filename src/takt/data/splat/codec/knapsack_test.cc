// SPDX-License-Identifier: Apache-2.0
#include "takt/data/splat/codec/knapsack.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "takt/core/base/error.h"
#include "takt/core/base/rng.h"

namespace takt::splat {
namespace {

struct Problem {
  std::vector<KnapsackOption> options;
  std::vector<size_t> first = {0};
  int64_t budget = 0;
};

// `convex`: rate-distortion curves as coders have them; otherwise arbitrary points.
Problem RandomProblem(const Rng& rng, uint64_t id, size_t items, size_t choices, int64_t cost_range, bool convex) {
  Problem p;
  int64_t least = 0, most = 0;
  for (size_t i = 0; i < items; ++i) {
    int64_t cheapest = std::numeric_limits<int64_t>::max(), dearest = 0;
    const size_t count = 1 + rng.Below(id * 1000 + i, choices);
    const double size = 1 + rng.Uniform(id * 1000 + i + (uint64_t{1} << 50)) * 100;
    for (size_t o = 0; o < count; ++o) {
      const uint64_t key = (id * 1000 + i) * 64 + o + (uint64_t{1} << 40);
      const auto cost = static_cast<int64_t>(rng.Below(key, static_cast<uint64_t>(cost_range)));
      const double distortion = convex ? size * std::exp2(-8.0 * static_cast<double>(cost) / static_cast<double>(cost_range))
                                       : 100.0 * rng.Uniform(key + (uint64_t{1} << 45));
      p.options.push_back({cost, distortion});
      cheapest = std::min(cheapest, cost);
      dearest = std::max(dearest, cost);
    }
    least += cheapest;
    most += dearest;
    p.first.push_back(p.options.size());
  }
  p.budget = least + static_cast<int64_t>(rng.Below(id + (uint64_t{1} << 60), static_cast<uint64_t>(most - least + 2)));
  return p;
}

// Exact by dynamic programming over the budget.
double Optimum(const Problem& p) {
  const double infinity = std::numeric_limits<double>::infinity();
  std::vector<double> best(static_cast<size_t>(p.budget) + 1, 0.0);
  for (size_t i = 0; i + 1 < p.first.size(); ++i) {
    std::vector<double> next(best.size(), infinity);
    for (size_t o = p.first[i]; o < p.first[i + 1]; ++o) {
      for (size_t b = static_cast<size_t>(p.options[o].cost); b < best.size(); ++b) {
        next[b] = std::min(next[b], best[b - static_cast<size_t>(p.options[o].cost)] + p.options[o].distortion);
      }
    }
    best = std::move(next);
  }
  return best.back();
}

void CheckSolution(const Problem& p, const KnapsackSolution& s) {
  int64_t cost = 0;
  double distortion = 0;
  ASSERT_EQ(s.choice.size() + 1, p.first.size());
  for (size_t i = 0; i < s.choice.size(); ++i) {
    ASSERT_LT(s.choice[i], p.first[i + 1] - p.first[i]);
    cost += p.options[p.first[i] + s.choice[i]].cost;
    distortion += p.options[p.first[i] + s.choice[i]].distortion;
  }
  EXPECT_EQ(cost, s.cost);
  EXPECT_LE(cost, p.budget);
  EXPECT_NEAR(distortion, s.distortion, 1e-9 * (1 + distortion));
  EXPECT_LE(s.lp_bound, s.distortion);
}

TEST(KnapsackTest, AgainstDynamicProgrammingOnThousandsOfSmallProblems) {
  const Rng rng(1);
  size_t exact = 0, total = 0;
  double excess = 0;
  for (uint64_t id = 0; id < 4000; ++id) {
    const Problem p = RandomProblem(rng, id, 1 + id % 12, 6, 40, id % 2 == 0);
    const KnapsackSolution s = SolveKnapsack(p.options, p.first, p.budget);
    CheckSolution(p, s);
    const double optimum = Optimum(p);
    // The bound holds, and no choice is better than the optimum.
    EXPECT_LE(s.lp_bound, optimum * (1 + 1e-9) + 1e-9);
    EXPECT_GE(s.distortion, optimum * (1 - 1e-9) - 1e-9);
    exact += s.distortion <= optimum * (1 + 1e-9) + 1e-9;
    excess += optimum > 0 ? s.distortion / optimum - 1 : 0;
    ++total;
  }
  // A heuristic fill cannot be exact on tiny problems; it must be close, and mostly exact.
  EXPECT_GE(static_cast<double>(exact), 0.75 * static_cast<double>(total)) << exact << " of " << total;
  EXPECT_LE(excess / static_cast<double>(total), 0.03);
}

TEST(KnapsackTest, TheGapOfARealisticProblemIsBelowATenThousandth) {
  const Rng rng(2);
  for (uint64_t id = 0; id < 4; ++id) {
    Problem p;
    int64_t least = 0;
    for (size_t i = 0; i < 1000; ++i) {
      const double samples = 200 + 8000 * rng.Uniform(id * 5000 + i), spread = std::exp2(6 * rng.Uniform(id * 5000 + i + 1000));
      for (int o = 0; o < 8; ++o) {
        const double bits = samples * (0.5 * o + 0.1 * rng.Uniform((id * 5000 + i) * 16 + static_cast<uint64_t>(o) + 90000));
        p.options.push_back({static_cast<int64_t>(256 * bits), samples * spread * std::exp2(-2.0 * bits / samples)});
      }
      least += p.options[p.first.back()].cost;
      p.first.push_back(p.options.size());
    }
    p.budget = 3 * least + 256 * 1500000;
    const KnapsackSolution s = SolveKnapsack(p.options, p.first, p.budget);
    CheckSolution(p, s);
    EXPECT_LE(s.gap(), 1e-4);
    EXPECT_GE(static_cast<double>(s.cost), 0.9999 * static_cast<double>(p.budget));
  }
}

TEST(KnapsackTest, ImpossibleBudgetNamesTheSmallestThatWorks) {
  const std::vector<KnapsackOption> options = {{5, 1.0}, {9, 0.5}, {7, 2.0}};
  const std::vector<size_t> first = {0, 2, 3};
  try {
    SolveKnapsack(options, first, 11);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInfeasibleBudget);
    EXPECT_NE(error.hint().find("12"), std::string::npos);
  }
  EXPECT_EQ(SolveKnapsack(options, first, 12).cost, 12);
  EXPECT_EQ(SolveKnapsack(options, first, 16).cost, 16);
}

TEST(KnapsackTest, EqualOptionsAndNoItems) {
  const std::vector<KnapsackOption> options = {{3, 1.0}, {3, 1.0}, {3, 1.0}, {0, 0.0}};
  const std::vector<size_t> first = {0, 3, 4};
  EXPECT_EQ(SolveKnapsack(options, first, 3).choice[0], 0u);
  const std::vector<size_t> none = {0};
  EXPECT_EQ(SolveKnapsack({}, none, 0).cost, 0);
}

}  // namespace
}  // namespace takt::splat
