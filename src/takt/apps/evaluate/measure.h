// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "takt/apps/evaluate/windows.h"

namespace takt::evaluate {

// CPU time of chunks on one thread.
struct ChunkTime {
  int chunks = 0;
  double p50_ms = 0, p99_ms = 0, min_ms = 0;
  double flops = 0;        // of one chunk as the plan runs it
  double exact_flops = 0;  // of the same steps without a schedule
  double gflop_s() const { return p50_ms > 0 ? 1e-6 * flops / p50_ms : 0; }
};

// Times whole chunks, observation to actions, over the windows in turn, the first one thrown away: `chunks` of them, or
// as many as fit into `max_s` of CPU, three at least. The calling thread alone works.
ChunkTime MeasureChunks(policy::Policy* policy, std::span<const Window> windows, int chunks, double max_s = 1e9);

// How much of the arithmetic that a schedule saves shows up as time: (without / with) in time over (without / with) in
// FLOP. 1 where all of it does.
double RealisedShare(const ChunkTime& with_schedule, const ChunkTime& without);

// How far a plan's chunks are from another's for the same windows and the same noise, in normalised actions.
struct ActionError {
  double rms = 0, max = 0;
};
// Chunks of a plan for the windows, each with its own noise: all horizons, normalised. [windows][horizon * action_dim]
std::vector<std::vector<float>> ChunksOf(policy::Policy* policy, std::span<const Window> windows, uint64_t seed);
// Errors: bad_input for different sizes.
ActionError ErrorOf(const std::vector<std::vector<float>>& chunks, const std::vector<std::vector<float>>& truth);

}  // namespace takt::evaluate
