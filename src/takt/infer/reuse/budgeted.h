// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <vector>

#include "takt/infer/reuse/schedule.h"
#include "takt/infer/reuse/similarity.h"

namespace takt::reuse {

struct BudgetOptions {
  double max_work = 0;  // of a tick, in the unit of the costs
  Metric metric =
      Metric::kMse;  // errors of blocks add up in it, as they do where their directions have nothing in common
  // How much of an error in its input a block passes on to its output, in that metric. 0: blocks are taken as
  // independent of each other, and schedules come out that are better on paper than in the network.
  double coupling = 0.2;
  std::vector<double> block_coupling = {};  // [B] instead of `coupling`, where it was measured
  int forced_last = 0;                      // so many steps at the end are computed by every block
};

struct BudgetedSchedule {
  Schedule schedule;
  double work = 0;   // <= max_work
  double error = 0;  // of the model below
};

// Shares out work over blocks and steps, instead of giving every block the same number of updates. The model of the
// error:
//
//   sum over blocks v and their segments [a, e) of   sum over a <= t < e of D_v(a, t)
//                                                  + (e - a) g_v sum over u < v of D_u(a_u, a)
//
// The first is what v is away from the truth while it holds what it computed in step a; the second is what it took in
// when it computed from blocks u before it that were stale, last computed in a_u, and keeps until e. D is the metric, g
// the coupling. With the other blocks standing, the error is a sum over the segments of one block, so that its best
// steps follow exactly by dynamic programming; the blocks take turns until nothing gets better, at a price of work that
// is bisected until the budget holds. Starts are the schedule that all blocks share and the best so far. What is left
// over goes to single updates while they help. With g = 0 blocks are independent and the result is optimal for the
// prices tried. Arguments: similarity [B] of K steps. metric kCosine counts as 1 - cosine, which does not compare
// blocks of different size. Errors: bad_input; infeasible_budget naming the smallest budget. Cost: 24 prices x 2 starts
// x some sweeps x O(B (K^2 + B K)). Determinism: no random numbers; ties go to the earlier step. Source: own; the
// segments and the programme are those of BAC (Ji et al., ICLR 2026), the coupling replaces its bubbling union.
BudgetedSchedule Budgeted(std::vector<Block> blocks, std::span<const BlockSimilarity> similarity, const Costs& costs,
                          const BudgetOptions& options);

// The error of that model for any schedule whose cells are kCompute or hold their own. Errors: bad_input for others.
double CoupledError(const Schedule& schedule, std::span<const BlockSimilarity> similarity,
                    const BudgetOptions& options);

}  // namespace takt::reuse
