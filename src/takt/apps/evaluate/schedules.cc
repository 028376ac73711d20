// SPDX-License-Identifier: Apache-2.0
#include "takt/apps/evaluate/schedules.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "takt/core/base/error.h"
#include "takt/core/base/interrupt.h"
#include "takt/infer/reuse/adaptive.h"
#include "takt/infer/reuse/fixed.h"

namespace takt::evaluate {
namespace {

constexpr std::array<std::string_view, 7> kSolvers = {"bac",     "bac-adjacent", "bac-shared", "budgeted",
                                                      "uniform", "fora",         "teacache"};

// Keeps what every block puts out during one chunk.
class BlockProbe : public policy::Probe {
 public:
  BlockProbe(int steps, int blocks, size_t tokens_by_width)
      : outputs_(static_cast<size_t>(blocks), std::vector<float>(static_cast<size_t>(steps) * tokens_by_width)),
        inputs_(static_cast<size_t>(steps) * tokens_by_width),
        n_(tokens_by_width) {}

  void Block(int step, int block, std::span<const float> output) override {
    Store(&outputs_[static_cast<size_t>(block)], step, output);
  }
  void StepInput(int step, std::span<const float> x) override { Store(&inputs_, step, x); }

  const std::vector<std::vector<float>>& outputs() const { return outputs_; }
  const std::vector<float>& inputs() const { return inputs_; }

 private:
  void Store(std::vector<float>* to, int step, std::span<const float> from) {
    if (from.size() != n_) throw Error(ErrorCode::kInternal, "probe", "saw a block of another size");
    std::copy(from.begin(), from.end(), to->begin() + static_cast<ptrdiff_t>(static_cast<size_t>(step) * n_));
  }

  std::vector<std::vector<float>> outputs_;  // [B][K, n]
  std::vector<float> inputs_;                // [K, n]
  size_t n_;
};

reuse::Costs CostsOf(const policy::PolicyConfig& config, std::span<const reuse::Block> blocks) {
  reuse::TransformerShape shape;
  shape.tokens = config.horizon;
  shape.width = config.n_emb;
  shape.hidden = 4 * config.n_emb;
  shape.memory_tokens = 1 + config.n_obs_steps;
  reuse::Costs costs;
  costs.block = reuse::BlockFlops(blocks, shape);
  costs.step = 4.0 * config.horizon * config.n_emb * config.action_dim;  // into the network and out of it
  return costs;
}

}  // namespace

std::string_view SolverName(Solver solver) { return kSolvers[static_cast<size_t>(solver)]; }

Solver ParseSolver(const std::string& name) {
  std::string known;
  for (size_t i = 0; i < kSolvers.size(); ++i) {
    if (kSolvers[i] == name) return static_cast<Solver>(i);
    known += (i ? ", " : "one of: ") + std::string(kSolvers[i]);
  }
  throw Error(ErrorCode::kBadInput, "--solver", "is '" + name + "', no solver", known);
}

Similarities CollectSimilarities(std::shared_ptr<const policy::Model> model, policy::Sampler sampler, int steps,
                                 std::span<const Window> windows, const ProgressSink& progress) {
  if (windows.empty()) throw Error(ErrorCode::kBadInput, "windows", "are none");
  const policy::PolicyConfig& config = model->config;
  policy::Plan plan = policy::ExactPlan(config);
  plan.sampler = sampler;
  plan.steps = steps;
  policy::Policy policy(model, plan);
  Similarities known;
  known.sampler = sampler;
  known.steps = policy.steps();
  known.blocks = reuse::TransformerBlocks(config.n_layer);
  known.costs = CostsOf(config, known.blocks);
  known.step_change.assign(static_cast<size_t>(known.steps - 1), 0);
  BlockProbe probe(known.steps, policy.blocks(), static_cast<size_t>(config.horizon * config.n_emb));
  policy.SetProbe(&probe);
  reuse::SimilarityAccumulator sums(known.steps, policy.blocks());
  for (size_t w = 0; w < windows.size(); ++w) {
    ThrowIfInterrupted();
    if (progress) progress({"compare blocks", w, windows.size(), "windows", {}});
    policy.Reset(w);
    policy.Act(windows[w]);
    for (size_t b = 0; b < probe.outputs().size(); ++b) sums.Add(static_cast<int>(b), probe.outputs()[b]);
    const std::vector<double> change = reuse::RelativeL1(probe.inputs(), known.steps);
    for (size_t k = 0; k < change.size(); ++k) known.step_change[k] += change[k] / static_cast<double>(windows.size());
  }
  known.similarity = sums.MeanOfAll();
  return known;
}

reuse::Schedule Solve(const Similarities& known, const SolveOptions& options) {
  if (options.updates < 1 || options.updates > known.steps) {
    throw Error(ErrorCode::kBadInput, "--updates",
                fmt::format("is {}, not from 1 to {}", options.updates, known.steps));
  }
  reuse::Schedule schedule;
  switch (options.solver) {
    case Solver::kBac:
    case Solver::kBacAdjacent:
    case Solver::kBacShared: {
      reuse::BacOptions bac;
      bac.updates = options.updates;
      bac.objective = options.solver == Solver::kBacAdjacent ? reuse::Objective::kAdjacent : reuse::Objective::kAnchor;
      bac.shared = options.solver == Solver::kBacShared;
      bac.forced_last = options.forced_last;
      bac.union_blocks = bac.shared ? 0 : std::min(options.union_blocks, static_cast<int>(known.blocks.size()));
      bac.order = options.order;
      schedule = reuse::BacSchedule(known.blocks, known.similarity, bac);
      break;
    }
    case Solver::kBudgeted: {
      reuse::BudgetOptions budget;
      budget.max_work =
          reuse::Work(reuse::Uniform(known.blocks, known.steps, options.updates), known.costs) * (1 + 1e-9);
      budget.forced_last = std::min(options.forced_last, options.updates - 1);
      schedule = reuse::Budgeted(known.blocks, known.similarity, known.costs, budget).schedule;
      break;
    }
    case Solver::kUniform:
      schedule = reuse::Uniform(known.blocks, known.steps, options.updates, options.order);
      break;
    case Solver::kFora: {
      const int every = (known.steps + options.updates - 1) / options.updates;
      schedule = reuse::Fora(known.blocks, known.steps, every, every, options.order);
      break;
    }
    case Solver::kTeaCache: {
      reuse::TeaCacheOptions tea;
      tea.order = options.order;
      tea.threshold = reuse::TeaCacheThreshold(known.step_change, std::max(2, options.updates), tea);
      schedule = reuse::TeaCache(known.blocks, known.step_change, tea);
      break;
    }
  }
  schedule.made_by = fmt::format("{}-{}", SolverName(options.solver), options.updates);
  return schedule;
}

}  // namespace takt::evaluate
