// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "takt/apps/evaluate/windows.h"
#include "takt/infer/reuse/budgeted.h"
#include "takt/infer/reuse/schedule.h"
#include "takt/infer/reuse/similarity.h"

namespace takt::evaluate {

// What the solvers of infer/reuse ask for, of one model at so many denoising steps of one sampler.
struct Similarities {
  policy::Sampler sampler = policy::Sampler::kDdpm;
  int steps = 0;                                   // K
  std::vector<reuse::Block> blocks;                // [B]
  std::vector<reuse::BlockSimilarity> similarity;  // [B]
  std::vector<double> step_change;                 // [K - 1] of the first block's input, for TeaCache
  reuse::Costs costs;                              // in FLOP
};

// Watches the exact f32 policy over the windows. `steps` 0: the sampler's own number. Errors: as Policy; bad_input for
// no windows. Cost: a chunk for each window, and 1.5 K^2 T D B multiply-adds. Memory: K B T D floats.
Similarities CollectSimilarities(std::shared_ptr<const policy::Model> model, policy::Sampler sampler, int steps,
                                 std::span<const Window> windows, const ProgressSink& progress = {});

enum class Solver { kBac, kBacAdjacent, kBacShared, kBudgeted, kUniform, kFora, kTeaCache };
std::string_view SolverName(Solver solver);  // "bac", "bac-adjacent", "bac-shared", "budgeted", "uniform", ...
// Errors: bad_input naming the solvers that there are.
Solver ParseSolver(const std::string& name);

struct SolveOptions {
  Solver solver = Solver::kBac;
  int updates = 10;      // S: of each block, or what that much work buys (budgeted)
  int forced_last = 0;   // steps at the end that all blocks compute on top (bac, budgeted)
  int union_blocks = 5;  // BAC's bubbling union; 0: none
  int order = 0;         // of the prediction in between
};
// made_by: "bac-10". Errors: as the solver; bad_input unless 1 <= updates <= K.
reuse::Schedule Solve(const Similarities& known, const SolveOptions& options);

}  // namespace takt::evaluate
