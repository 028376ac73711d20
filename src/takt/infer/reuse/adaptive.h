// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <vector>

#include "takt/infer/reuse/schedule.h"
#include "takt/infer/reuse/similarity.h"

namespace takt::reuse {

// What a segment of reuse is worth that starts with a computation in step a and ends before step e.
enum class Objective {
  kAnchor,    // sum over a <= t < e of S[a, t]: of each step to the computed one. What BAC's released code maximises
  kAdjacent,  // sum over a < t < e of S[t - 1, t]: of each reused step to the one before. What BAC's paper says
};

struct UpdateOptions {
  Objective objective = Objective::kAnchor;
  bool larger_is_better = true;  // a similarity; false for a distance
  int forced_last = 0;           // so many steps at the end are computed on top of `updates`
};

struct Updates {
  std::vector<int> steps;  // ascending, from 0; the forced ones with them
  double value = 0;        // sum over the segments; a forced step is a segment of its own
};

// The `updates` steps in which to compute one block, the first of them step 0, so that the sum over segments is best:
// exact, by dynamic programming, D[m][e] = best over a < e of D[m - 1][a] + segment(a, e). Of equally good ones the
// earliest last update wins, and so backwards. Arguments: similarity [K, K]; 1 <= updates <= K. Fewer than `updates`
// are used only where forced steps leave no room. Errors: bad_input for other counts, sizes, or a value that is not
// finite. Cost: O(updates K^2). Source: Ji et al., "Block-wise adaptive caching for accelerating diffusion policy",
// ICLR 2026 (arXiv 2506.13456), section 4.2, and its released scheduler. Deviations: forced steps are known to the
// programme, the released wrapper adds them afterwards. For kAdjacent the optimum is to compute in the updates - 1
// steps that are least like the step before them.
Updates AdaptiveUpdates(const StepMatrix& similarity, int updates, const UpdateOptions& options = {});

// AdaptiveUpdates for 1, 2 ... max_updates at once, for the cost of the last.
std::vector<Updates> AdaptiveCurve(const StepMatrix& similarity, int max_updates, const UpdateOptions& options = {});

// The `n` blocks with the largest scores, ascending by place; of equal scores the one that runs earlier.
std::vector<int> TopBlocks(std::span<const Block> blocks, std::span<const double> scores, int n, bool ffn_only);

// Bubbling union: each block of `upstream` is also computed where a feed-forward block behind it (in its own layer or a
// later one) is fresh: C(u) <- C(u) U C(v) for all such v. So what a feed-forward block freshly computes rests on no
// stale value of u. Cells that become computed replace what they were; the rest stays. Idempotent; computes nothing
// less than before. Errors: bad_input for a place outside the schedule. Source: as above, section 4.3. Deviation: the
// released code does nothing where `upstream` has one block only.
Schedule BubblingUnion(Schedule schedule, std::span<const int> upstream);

struct BacOptions {
  int updates = 10;  // S of the paper, of each block, before the union
  Metric metric = Metric::kCosine;
  Objective objective = Objective::kAnchor;
  int forced_last = 0;
  int union_blocks = 5;         // n of the paper: 5 in its simulations, 3 on its robot; 0: no union
  bool union_ffn_only = false;  // take the n from the feed-forward blocks only
  bool shared = false;          // one schedule for all blocks from the mean of their matrices; needs no union
  int order = 0;                // of the prediction in between
};
// Block-wise adaptive caching. Arguments: similarity [B]. Errors: as AdaptiveUpdates. Cost: O(B updates K^2).
Schedule BacSchedule(std::vector<Block> blocks, std::span<const BlockSimilarity> similarity,
                     const BacOptions& options = {});

}  // namespace takt::reuse
