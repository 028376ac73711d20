// SPDX-License-Identifier: Apache-2.0
#include "takt/infer/reuse/evolve.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <utility>

#include "takt/core/base/error.h"
#include "takt/core/base/interrupt.h"
#include "takt/core/base/rng.h"
#include "takt/infer/reuse/evolve_impl.h"

namespace takt::reuse {
namespace {

using Genes = std::vector<uint8_t>;
constexpr double kWorst = std::numeric_limits<double>::lowest();

// The random numbers of one child.
class Draws {
 public:
  Draws(uint64_t seed, uint64_t stream) : rng_(seed, stream) {}
  double Uniform() { return rng_.UniformDouble(counter_++); }
  uint64_t Below(uint64_t n) { return rng_.Below(counter_++, n); }
  // Smallest first, an item is taken with a chance that grows with its weight (Efraimidis and Spirakis 2006).
  double Key(double weight) { return -std::log(1 - Uniform()) / weight; }

 private:
  Rng rng_;
  uint64_t counter_ = 0;
};

size_t Count(const Genes& genes) { return static_cast<size_t>(std::count(genes.begin(), genes.end(), 1)); }

// Computes or drops cells at random, important ones first or last, until the number is right. Step 0 stays.
void Repair(const EvolveState& s, Draws* draws, Genes* genes) {
  const size_t first = s.blocks.size();
  const auto target = static_cast<size_t>(s.options.computed_cells);
  std::fill(genes->begin(), genes->begin() + static_cast<std::ptrdiff_t>(first), uint8_t{1});
  const size_t count = Count(*genes);
  if (count == target) return;
  const uint8_t from = count > target ? 1 : 0;
  std::vector<std::pair<double, size_t>> keys;
  for (size_t i = first; i < genes->size(); ++i) {
    if ((*genes)[i] == from) keys.emplace_back(draws->Key(from ? 1 / s.importance[i] : s.importance[i]), i);
  }
  const size_t change = from ? count - target : target - count;
  std::partial_sort(keys.begin(), keys.begin() + static_cast<std::ptrdiff_t>(change), keys.end());
  for (size_t i = 0; i < change; ++i) (*genes)[keys[i].second] = 1 - from;
}

Genes Cross(const EvolveState& s, const Genes& a, const Genes& b, Draws* draws) {
  const size_t count = s.blocks.size();
  Genes child(a.size());
  const uint64_t way = draws->Below(3);
  std::vector<uint8_t> coins(way == 0 ? count : way == 1 ? static_cast<size_t>(s.steps) : a.size());
  for (uint8_t& coin : coins) coin = draws->Below(2) != 0;
  for (size_t i = 0; i < child.size(); ++i) {
    child[i] = coins[way == 0 ? i % count : way == 1 ? i / count : i] ? a[i] : b[i];
  }
  return child;
}

void Mutate(const EvolveState& s, Draws* draws, Genes* genes) {
  const size_t count = s.blocks.size();
  const uint64_t moves = 1 + draws->Below(static_cast<uint64_t>(std::max(1, s.options.computed_cells / 20)));
  for (uint64_t move = 0; move < moves; ++move) {
    std::vector<size_t> computed;
    for (size_t i = count; i < genes->size(); ++i) {
      if ((*genes)[i]) computed.push_back(i);
    }
    if (computed.empty()) return;
    const size_t from = computed[draws->Below(computed.size())];
    (*genes)[from] = 0;
    if (draws->Uniform() < 0.5) {
      const size_t to = draws->Below(2) ? from + count : from - count;
      if (to >= count && to < genes->size() && !(*genes)[to]) {
        (*genes)[to] = 1;
        continue;
      }
    }
    // Anywhere; where chance hits a computed cell, Repair finds another place.
    (*genes)[count + draws->Below(genes->size() - count)] = 1;
  }
}

// The better of two that were evaluated.
const Genes& Parent(const EvolveState& s, size_t evaluated, Draws* draws) {
  return s.population[std::min(draws->Below(evaluated), draws->Below(evaluated))].computed;
}

void Breed(EvolveState* s) {
  const size_t evaluated = s->population.size();
  std::vector<Candidate> next(s->population.begin(), s->population.begin() + s->options.elite);
  for (int i = s->options.elite; i < s->options.population; ++i) {
    Draws draws(s->options.seed, (static_cast<uint64_t>(s->generation()) << 32) | static_cast<uint64_t>(i));
    const Genes& parent = Parent(*s, evaluated, &draws);
    Genes child =
        draws.Uniform() < s->options.crossover ? Cross(*s, parent, Parent(*s, evaluated, &draws), &draws) : parent;
    if (draws.Uniform() < s->options.mutation) Mutate(*s, &draws, &child);
    Repair(*s, &draws, &child);
    next.push_back({.computed = std::move(child), .fitness = std::numeric_limits<double>::quiet_NaN()});
  }
  s->population = std::move(next);
}

Schedule ScheduleOf(const EvolveState& s, const Genes& genes) {
  Schedule schedule = AllCompute(s.blocks, s.steps);
  for (size_t i = 0; i < genes.size(); ++i) {
    if (!genes[i]) schedule.cells[i] = {Source::kOwn, 0};
  }
  schedule.made_by =
      fmt::format("evolve computed_cells={} population={} elite={} mutation={} crossover={} seed={} generation={}",
                  s.options.computed_cells, s.options.population, s.options.elite, s.options.mutation,
                  s.options.crossover, s.options.seed, s.generation());
  return schedule;
}

}  // namespace

std::string FaultOfOptions(const EvolveOptions& o, size_t blocks, int steps) {
  if (steps < 1 || steps > kMaxSteps || blocks < 1 || blocks > kMaxBlocks) return "has no cells";
  const auto cells = static_cast<int64_t>(blocks) * steps;
  if (o.computed_cells < static_cast<int64_t>(blocks) || o.computed_cells > cells) {
    return fmt::format("cannot compute {} cells; {} to {} are possible", o.computed_cells, blocks, cells);
  }
  if (o.population < 2 || o.population > 100'000) return fmt::format("has a population of {}", o.population);
  if (o.elite < 1 || o.elite >= o.population) return fmt::format("keeps {} of {}", o.elite, o.population);
  if (!(o.mutation >= 0 && o.mutation <= 1)) return fmt::format("mutates with a chance of {}", o.mutation);
  if (!(o.crossover >= 0 && o.crossover <= 1)) return fmt::format("crosses with a chance of {}", o.crossover);
  if (o.max_generations < 1 || o.max_generations > 1'000'000)
    return fmt::format("has {} generations", o.max_generations);
  if (o.patience < 1) return fmt::format("has a patience of {}", o.patience);
  return {};
}

std::vector<double> Importance(std::span<const BlockSimilarity> similarity) {
  if (similarity.empty()) throw Error(ErrorCode::kBadInput, "search", "has no similarities");
  const int steps = similarity[0].l1.steps;
  const size_t count = similarity.size();
  std::vector<double> change(static_cast<size_t>(std::max(steps, 0)) * count, 0.0);
  double largest = 0;
  for (size_t b = 0; b < count; ++b) {
    const StepMatrix& l1 = similarity[b].l1;
    if (l1.steps != steps) throw Error(ErrorCode::kBadInput, "search", "has blocks of different numbers of steps");
    for (int k = 1; k < steps; ++k) {
      change[static_cast<size_t>(k) * count + b] = l1.at(k - 1, k);
      largest = std::max(largest, l1.at(k - 1, k));
    }
  }
  for (double& c : change) c = 0.1 + (largest > 0 ? 0.9 * c / largest : 0.9);
  return change;
}

EvolveState StartEvolve(std::vector<Block> blocks, int steps, const EvolveOptions& options,
                        std::span<const double> importance, std::span<const Schedule> seeds) {
  AllCompute(blocks, steps);  // checks both
  if (const std::string fault = FaultOfOptions(options, blocks.size(), steps); !fault.empty()) {
    throw Error(ErrorCode::kBadInput, "search", fault);
  }
  EvolveState s;
  s.options = options;
  s.blocks = std::move(blocks);
  s.steps = steps;
  const size_t cells = static_cast<size_t>(steps) * s.blocks.size();
  s.importance.assign(importance.begin(), importance.end());
  if (s.importance.empty()) s.importance.assign(cells, 1);
  if (s.importance.size() != cells || !std::all_of(s.importance.begin(), s.importance.end(),
                                                   [](double w) { return w > 0 && w <= 1e6 && 1 / w <= 1e6; })) {
    throw Error(ErrorCode::kBadInput, "search", "has an importance that is missing, not positive or out of proportion");
  }
  for (int i = 0; i < options.population; ++i) {
    Draws draws(options.seed, static_cast<uint64_t>(i));
    Genes genes(cells, 0);
    if (i < static_cast<int>(seeds.size())) {
      const Schedule& seed = seeds[static_cast<size_t>(i)];
      if (seed.steps != steps || seed.blocks != s.blocks || seed.cells.size() != cells) {
        throw Error(ErrorCode::kBadInput, "search", fmt::format("starts from schedule {} of another network", i));
      }
      for (size_t c = 0; c < cells; ++c) genes[c] = seed.cells[c].source == Source::kCompute;
    }
    Repair(s, &draws, &genes);
    s.population.push_back({.computed = std::move(genes), .fitness = std::numeric_limits<double>::quiet_NaN()});
  }
  return s;
}

void EvolveGeneration(EvolveState* state, const Fitness& fitness) {
  const auto key = [](const Candidate& c) { return std::string(c.computed.begin(), c.computed.end()); };
  std::map<std::string, double> known;
  for (const Candidate& c : state->population) {
    if (!std::isnan(c.fitness)) known.emplace(key(c), c.fitness);
  }
  std::vector<Schedule> schedules;
  std::vector<size_t> of;
  for (size_t i = 0; i < state->population.size(); ++i) {
    const Candidate& c = state->population[i];
    if (!known.emplace(key(c), kWorst).second) continue;
    schedules.push_back(ScheduleOf(*state, c.computed));
    of.push_back(i);
  }
  if (!schedules.empty()) {
    const std::vector<double> values = fitness(schedules);
    if (values.size() != schedules.size()) {
      throw Error(ErrorCode::kBadInput, "fitness",
                  fmt::format("returns {} values for {} schedules", values.size(), schedules.size()));
    }
    for (size_t i = 0; i < of.size(); ++i) {
      known[key(state->population[of[i]])] = std::isfinite(values[i]) ? values[i] : kWorst;
    }
  }
  for (Candidate& c : state->population) c.fitness = known.at(key(c));
  std::stable_sort(state->population.begin(), state->population.end(),
                   [](const Candidate& a, const Candidate& b) { return a.fitness > b.fitness; });
  const double best = state->population.front().fitness;
  const bool better = state->best_fitness.empty() || best > state->best_fitness.back();
  state->stalled = better ? 0 : state->stalled + 1;
  state->best_fitness.push_back(best);
  if (!state->finished()) Breed(state);
}

Schedule BestOf(const EvolveState& state) {
  if (state.population.empty() || std::isnan(state.population.front().fitness)) {
    throw Error(ErrorCode::kBadInput, "search", "has not evaluated anything yet");
  }
  return ScheduleOf(state, state.population.front().computed);
}

Schedule Evolve(EvolveState* state, const Fitness& fitness,
                const std::function<void(const EvolveState&)>& after_generation) {
  while (!state->finished()) {
    ThrowIfInterrupted();
    EvolveGeneration(state, fitness);
    if (after_generation) after_generation(*state);
  }
  return BestOf(*state);
}

}  // namespace takt::reuse
