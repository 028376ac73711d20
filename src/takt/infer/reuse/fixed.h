// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <vector>

#include "takt/infer/reuse/schedule.h"

namespace takt::reuse {

// `updates` evenly spaced steps for all blocks: floor(i K / updates). The control for every other solver.
// Errors: bad_input unless 1 <= updates <= steps.
Schedule Uniform(std::vector<Block> blocks, int steps, int updates, int order = 0);

// Attention (both kinds) in every attention_every-th step, feed-forward in every ffn_every-th, from step 0.
// Errors: bad_input unless both are >= 1.
// Source: Selvaraju et al., "FORA: fast-forward caching in diffusion transformer acceleration", arXiv 2407.01425 (one
// interval for both; DP-T's cross-attention counts as attention here).
Schedule Fora(std::vector<Block> blocks, int steps, int attention_every, int ffn_every, int order = 0);

// mean |m_k - m_{k-1}| / mean |m_{k-1}| for k = 1 ... K - 1, of inputs [K, n]: what TeaCache looks at. m is the input
// of the first block after the timestep was mixed into it. Averages over episodes are means of these. 0 / 0 is 0.
// Errors: bad_input for sizes, values that are not finite, or a change from nothing.
std::vector<double> RelativeL1(std::span<const float> inputs, int steps);

struct TeaCacheOptions {
  double threshold = 0.1;
  // Rescales a distance d to c[0] + c[1] d + c[2] d^2 ...: fitted to what the output does; the identity where nothing
  // was fitted.
  std::vector<double> coefficients = {0, 1};
  int order = 0;
};
// All blocks are computed in step 0 and in the last, and where the rescaled distances since the last computation add up
// to the threshold; then the sum starts anew. Made offline, so the schedule is fixed. Arguments: distances [K - 1].
// Errors: bad_input for a threshold below 0, values that are not finite, a negative rescaled one. Source: Liu et al.,
// "Timestep embedding tells: it's time to cache for video diffusion model", CVPR 2025.
Schedule TeaCache(std::vector<Block> blocks, std::span<const double> distances, const TeaCacheOptions& options = {});

// The smallest threshold, to 1 part in 10^9, with which TeaCache computes at most `updates` steps; for comparisons at
// equal work. Errors: as TeaCache; bad_input where even the largest needs more (2 steps always are, where K > 1).
double TeaCacheThreshold(std::span<const double> distances, int updates, const TeaCacheOptions& options = {});

}  // namespace takt::reuse
