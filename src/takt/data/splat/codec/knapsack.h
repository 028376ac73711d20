// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace takt::splat {

// One way to code an item: what it takes and what it loses.
struct KnapsackOption {
  int64_t cost = 0;       // >= 0, in whatever unit the budget has
  double distortion = 0;  // finite
};

// The choice, and a certificate of how good it is.
struct KnapsackSolution {
  std::vector<uint32_t> choice;  // [items] index into the item's options
  int64_t cost = 0;              // sum over the chosen options, <= the budget
  double distortion = 0;         // sum over the chosen options
  double lp_bound = 0;           // no choice within the budget has less distortion than this
  double lambda = 0;             // distortion that one more unit of cost would save
  double gap() const { return lp_bound > 0 ? (distortion - lp_bound) / lp_bound : 0; }
};

// Multiple-choice knapsack: exactly one option of every item,
//   minimise sum distortion  subject to  sum cost <= budget.
// The lower convex hull of every item gives slopes; taken in falling order they solve the linear relaxation exactly, whose
// value is `lp_bound`. Its last, fractional step is rounded both ways, down, and up with the cheapest downgrades to pay for it;
// then the best upgrades that fit, hull points or not, and exchanges (a cheap downgrade pays for a larger upgrade) go on
// until neither finds an improvement, and the better result is kept.
// Arguments: `options` the items' options one item after another; `first` [items + 1] where each item begins. Every item
// has at least one option; order is free.
// Errors: infeasible_budget when the cheapest options together exceed the budget; the hint names their sum.
// Cost: O(M log M) for M options. Determinism: ties are broken by item index.
// Source: Sinha and Zoltners, "The multiple-choice knapsack problem", Operations Research 27(3), 1979.
KnapsackSolution SolveKnapsack(std::span<const KnapsackOption> options, std::span<const size_t> first, int64_t budget);

}  // namespace takt::splat
