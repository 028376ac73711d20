// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "takt/data/splat/model/splats.h"

namespace takt::splat {

inline constexpr float kDeadOpacity = 0.005f;

// Splits one splat of this opacity and (linear) scale into n that together look like it:
//   o' = 1 - (1 - o)^(1/n),  s' = s * o / sum_{i=1..n} sum_{k<i} C(i-1, k) (-1)^k o'^(k+1) / sqrt(k + 1)
// Source: Kheradmand et al., "3D Gaussian splatting as Markov chain Monte Carlo", NeurIPS 2024, eq. 9.
struct SplitResult {
  float opacity;
  float scale_factor;
};
SplitResult SplitSplat(float opacity, int n);

// Moves dead splats onto living ones and, where `target` exceeds the count, adds copies of living ones; the living are
// drawn in proportion to their opacity and share their opacity with the copies placed on them. Returns the indices
// whose parameters changed, ascending: their optimiser state starts anew.
// Determinism: a function of the splats and (seed, iteration) alone.
std::vector<uint32_t> RelocateAndGrow(Splats& splats, size_t target, uint64_t seed, uint64_t iteration);

// Adds the exploration noise of the Langevin step to the means: covariance-shaped, gated to nearly transparent splats.
void AddNoise(Splats& splats, float scale, uint64_t seed, uint64_t iteration);

}  // namespace takt::splat
