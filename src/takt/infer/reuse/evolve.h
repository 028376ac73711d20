// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "takt/infer/reuse/schedule.h"
#include "takt/infer/reuse/similarity.h"

namespace takt::reuse {

// Search for the schedule whose policy does best in a closed loop, whatever similarities say: a genetic algorithm over
// which cells are computed; the others hold their own value. Step 0 is always computed.
struct EvolveOptions {
  int computed_cells = 192;  // of every schedule that is tried; B to K B. The paper: 8 % of 2400
  int population = 50;
  int elite = 10;          // the best that live on unchanged
  double mutation = 0.1;   // chance that a child is changed: some of its computed cells move
  double crossover = 0.8;  // chance that a child has two parents
  int max_generations = 100;
  int patience = 20;  // generations without a better one after which the search ends
  uint64_t seed = 0;
  friend bool operator==(const EvolveOptions&, const EvolveOptions&) = default;
};

struct Candidate {
  std::vector<uint8_t> computed;  // [K, B] 0 or 1
  double fitness = 0;             // NaN: not evaluated yet
};

// Everything the search needs to go on, in this process or another.
struct EvolveState {
  EvolveOptions options;
  std::vector<Block> blocks;
  int steps = 0;
  std::vector<double> importance;     // [K, B] > 0: how readily a cell is computed where chance decides
  std::vector<Candidate> population;  // the evaluated ones first, best first
  std::vector<double> best_fitness;   // after each generation
  int stalled = 0;                    // generations since the best got better

  int generation() const { return static_cast<int>(best_fitness.size()); }
  bool finished() const { return generation() >= options.max_generations || stalled >= options.patience; }
};

// What each schedule is worth, larger is better; success of paired rollouts, say. Has to give equal schedules equal
// values for the result to be reproducible. May evaluate in parallel. What is not finite counts as worst.
using Fitness = std::function<std::vector<double>(std::span<const Schedule>)>;

// [K, B] how much each block changes from the step before, 0.1 to 1: the redundancy that the first schedules are drawn
// by.
std::vector<double> Importance(std::span<const BlockSimilarity> similarity);

// The first population: `seeds`, brought to the number of cells where they have another one, the rest drawn by
// importance (empty: all cells alike). Seeds beyond the population are left out. Errors: bad_input for options, sizes
// or values that cannot be.
EvolveState StartEvolve(std::vector<Block> blocks, int steps, const EvolveOptions& options,
                        std::span<const double> importance = {}, std::span<const Schedule> seeds = {});

// One generation: evaluates what is new (each schedule once), sorts, and breeds the next one unless the search is
// finished. Determinism: a pure function of the state and the fitness. Errors: bad_input where the fitness returns
// another number of values.
void EvolveGeneration(EvolveState* state, const Fitness& fitness);

// The best schedule so far. Errors: bad_input before the first generation.
Schedule BestOf(const EvolveState& state);

// Runs to the end. `after_generation` may store the state or stop the search by throwing.
// Source: EVO, arXiv 2607.20293: population, elite, rates, budget. Deviations: children cross by block, by step or by
// cell at random; a mutation moves up to a twentieth of the computed cells, half of them to a step beside.
Schedule Evolve(EvolveState* state, const Fitness& fitness,
                const std::function<void(const EvolveState&)>& after_generation = {});

// JSON; a search that goes on from the text gives the same bits as one that was not interrupted.
std::string EvolveStateText(const EvolveState& state);
// Errors: bad_input naming the field; unsupported for another major version.
EvolveState ParseEvolveState(std::string_view text, const std::string& subject);

}  // namespace takt::reuse
