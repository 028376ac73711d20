// SPDX-License-Identifier: Apache-2.0
#include "takt/infer/reuse/evolve.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "takt/core/base/error.h"
#include "takt/infer/reuse/adaptive.h"
#include "takt/infer/reuse/fixed.h"
#include "takt/infer/reuse/test_chain.h"

namespace takt::reuse {
namespace {

constexpr EvolveOptions kSmall{.computed_cells = 24, .population = 20, .elite = 4, .max_generations = 30, .seed = 5};

// Every cell has a value of its own; the best schedule takes the most valuable ones.
double ValueOfCell(size_t cell) { return static_cast<double>(cell * 2654435761u % 1000); }
std::vector<double> SumOfCells(std::span<const Schedule> schedules) {
  std::vector<double> values;
  for (const Schedule& s : schedules) {
    EXPECT_TRUE(FindFaults(s).empty());
    double sum = 0;
    for (size_t i = 0; i < s.cells.size(); ++i) sum += s.cells[i].source == Source::kCompute ? ValueOfCell(i) : 0;
    values.push_back(sum);
  }
  return values;
}

TEST(Evolve, FindsWhatIsWorthMost) {
  EvolveOptions options = kSmall;
  options.mutation = 0.5;
  options.max_generations = 400;
  options.patience = 100;
  EvolveState state = StartEvolve(TransformerBlocks(2), 12, options);
  const Schedule best = Evolve(&state, SumOfCells);
  double optimum = 0;
  std::vector<double> rest;
  for (size_t i = 0; i < 72; ++i) (i < 6 ? optimum += ValueOfCell(i) : (rest.push_back(ValueOfCell(i)), 0.0));
  std::sort(rest.rbegin(), rest.rend());
  for (size_t i = 0; i < 18; ++i) optimum += rest[i];
  EXPECT_GE(SumOfCells(std::span(&best, 1))[0], 0.99 * optimum);
  EXPECT_LE(SumOfCells(std::span(&best, 1))[0], optimum);
  EXPECT_TRUE(std::is_sorted(state.best_fitness.begin(), state.best_fitness.end()));
}

TEST(Evolve, KeepsTheNumberOfCells) {
  EvolveState state = StartEvolve(TransformerBlocks(2), 12, kSmall);
  while (!state.finished()) {
    for (const Candidate& c : state.population) {
      ASSERT_EQ(std::count(c.computed.begin(), c.computed.end(), 1), 24);
      ASSERT_TRUE(std::all_of(c.computed.begin(), c.computed.begin() + 6, [](uint8_t x) { return x == 1; }));
    }
    EvolveGeneration(&state, SumOfCells);
  }
  for (const int cells : {6, 72}) {  // nothing to choose
    EvolveOptions options = kSmall;
    options.computed_cells = cells;
    options.mutation = 1;
    EvolveState fixed = StartEvolve(TransformerBlocks(2), 12, options);
    EXPECT_EQ(ComputedCells(Evolve(&fixed, SumOfCells)), static_cast<size_t>(cells));
  }
  EvolveState one_step = StartEvolve(TransformerBlocks(2), 1, {.computed_cells = 6, .mutation = 1});
  EXPECT_EQ(ComputedCells(Evolve(&one_step, SumOfCells)), 6u);
}

TEST(Evolve, IsNeverWorseThanItsSeeds) {
  const Chain chain(2, 8, 24, 1);
  const auto similarity = chain.Similarity();
  const auto fitness = [&](std::span<const Schedule> schedules) {
    std::vector<double> values;
    for (const Schedule& s : schedules) values.push_back(-chain.RelativeError(s));
    return values;
  };
  const std::vector<Schedule> seeds = {BacSchedule(chain.blocks(), similarity, {.updates = 4, .shared = true}),
                                       Uniform(chain.blocks(), 24, 4)};
  EvolveState state = StartEvolve(chain.blocks(), 24, kSmall, Importance(similarity), seeds);
  const double error = chain.RelativeError(Evolve(&state, fitness));
  EXPECT_LT(error, 0.95 * chain.RelativeError(seeds[0]));
  EXPECT_LT(error, 0.95 * chain.RelativeError(seeds[1]));
  // Importance helps where nothing else is known: the first population errs less than one without.
  const auto mean = [&](std::span<const double> importance) {
    const EvolveState start = StartEvolve(chain.blocks(), 24, {.computed_cells = 24, .population = 200}, importance);
    double sum = 0;
    for (const Candidate& c : start.population) {
      Schedule s = AllCompute(chain.blocks(), 24);
      for (size_t i = 0; i < s.cells.size(); ++i) {
        if (!c.computed[i]) s.cells[i] = {Source::kOwn, 0};
      }
      sum += chain.RelativeError(s);
    }
    return sum;
  };
  EXPECT_LT(mean(Importance(similarity)), mean({}));
}

TEST(Evolve, GoesOnFromItsTextBitForBit) {
  EvolveOptions options = kSmall;
  options.mutation = 0.7;
  EvolveState straight = StartEvolve(TransformerBlocks(2), 12, options);
  EvolveState broken = StartEvolve(TransformerBlocks(2), 12, options);
  EXPECT_EQ(EvolveStateText(straight), EvolveStateText(broken));
  for (int generation = 0; generation < 12; ++generation) {
    EvolveGeneration(&straight, SumOfCells);
    broken = ParseEvolveState(EvolveStateText(broken), "state");
    EvolveGeneration(&broken, SumOfCells);
    ASSERT_EQ(EvolveStateText(straight), EvolveStateText(broken));
  }
  EXPECT_EQ(BestOf(straight), BestOf(broken));
  options.seed = 6;
  EXPECT_NE(StartEvolve(TransformerBlocks(2), 12, options).population[0].computed,
            StartEvolve(TransformerBlocks(2), 12, kSmall).population[0].computed);
}

TEST(Evolve, StopsWhereNothingGetsBetter) {
  EvolveOptions options = kSmall;
  options.patience = 3;
  options.max_generations = 1000;
  EvolveState state = StartEvolve(TransformerBlocks(2), 12, options);
  int calls = 0;
  Evolve(
      &state, [](std::span<const Schedule> s) { return std::vector<double>(s.size(), NAN); },
      [&](const EvolveState& s) { calls += s.generation() > 0; });
  EXPECT_EQ(state.generation(), 4);
  EXPECT_EQ(calls, 4);
  EXPECT_LT(state.best_fitness[0], -1e300);  // NaN is worst
  EXPECT_NO_THROW(ParseEvolveState(EvolveStateText(state), "state"));
}

TEST(Evolve, EvaluatesEachScheduleOnce) {
  const Schedule seed = Uniform(TransformerBlocks(2), 12, 4);
  const std::vector<Schedule> seeds(5, seed);
  EvolveState state = StartEvolve(TransformerBlocks(2), 12, kSmall, {}, seeds);
  EvolveGeneration(&state, [](std::span<const Schedule> s) {
    EXPECT_EQ(s.size(), 16u);
    return std::vector<double>(s.size(), 1.0);
  });
  EXPECT_THROW(EvolveGeneration(&state, [](std::span<const Schedule>) { return std::vector<double>(1); }), Error);
}

TEST(Evolve, RefusesWhatCannotBe) {
  const auto blocks = TransformerBlocks(2);
  const auto start = [&](const EvolveOptions& o) { return StartEvolve(blocks, 12, o); };
  EXPECT_THROW(start({.computed_cells = 5}), Error);
  EXPECT_THROW(start({.computed_cells = 73}), Error);
  EXPECT_THROW(start({.computed_cells = 24, .population = 1}), Error);
  EXPECT_THROW(start({.computed_cells = 24, .population = 10, .elite = 10}), Error);
  EXPECT_THROW(start({.computed_cells = 24, .elite = 0}), Error);
  EXPECT_THROW(start({.computed_cells = 24, .mutation = NAN}), Error);
  EXPECT_THROW(start({.computed_cells = 24, .crossover = 1.1}), Error);
  EXPECT_THROW(start({.computed_cells = 24, .max_generations = 0}), Error);
  EXPECT_THROW(start({.computed_cells = 24, .patience = 0}), Error);
  EXPECT_THROW(StartEvolve({}, 12, kSmall), Error);
  EXPECT_THROW(StartEvolve(blocks, 12, kSmall, std::vector<double>(71, 1.0)), Error);
  EXPECT_THROW(StartEvolve(blocks, 12, kSmall, std::vector<double>(72, 0.0)), Error);
  EXPECT_THROW(StartEvolve(blocks, 12, kSmall, std::vector<double>(72, NAN)), Error);
  EXPECT_THROW(StartEvolve(blocks, 12, kSmall, {}, std::vector<Schedule>{Uniform(blocks, 11, 4)}), Error);
  EXPECT_THROW(BestOf(start(kSmall)), Error);
  EXPECT_THROW(Importance({}), Error);
}

TEST(EvolveText, TruncatedOrChangedIsRefusedOrRead) {
  EvolveState state = StartEvolve(TransformerBlocks(1), 4, {.computed_cells = 6, .population = 3, .elite = 1});
  EvolveGeneration(&state, SumOfCells);
  const std::string text = EvolveStateText(state);
  for (size_t n = 0; n + 2 < text.size(); ++n) EXPECT_THROW(ParseEvolveState(text.substr(0, n), "state"), Error) << n;
  for (size_t i = 0; i < text.size(); ++i) {
    for (const char c : {'\0', '"', '9', '-', '#', '\xff'}) {
      std::string changed = text;
      changed[i] = c;
      try {
        EvolveState read = ParseEvolveState(changed, "state");
        if (!read.finished()) EvolveGeneration(&read, SumOfCells);
      } catch (const Error&) {
      }
    }
  }
  const auto with = [&](const std::string& what, const std::string& other) {
    std::string changed = text;
    const size_t at = changed.find(what);
    EXPECT_NE(at, std::string::npos) << what;
    return changed.replace(at, what.size(), other);
  };
  for (const auto& [what, other] :
       std::vector<std::pair<std::string, std::string>>{{"takt.reuse-search", "takt.scene"},
                                                        {"\"population\": 3", "\"population\": 90000"},
                                                        {"\"population\": 3", "\"population\": 18446744073709551615"},
                                                        {"\"steps\": 4", "\"steps\": 4000"},
                                                        {"\"steps\": 4", "\"steps\": -4"},
                                                        {"\"seed\": 0", "\"seed\": -1"},
                                                        {"\"stalled\": 0", "\"stalled\": 2"},
                                                        {"\"l0.ca\"", "\"l0.sa\""},
                                                        {"1.0", "0.0"},
                                                        {"1.0", "1e999"}}) {
    EXPECT_THROW(ParseEvolveState(with(what, other), "state"), Error) << what << other;
  }
  EXPECT_THROW(ParseEvolveState(std::string(1 << 20, '['), "state"), Error);
  EXPECT_THROW(ParseEvolveState("", "state"), Error);
}

}  // namespace
}  // namespace takt::reuse
