// SPDX-License-Identifier: Apache-2.0
#include "takt/infer/reuse/budgeted.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "takt/core/base/error.h"
#include "takt/infer/reuse/adaptive.h"

namespace takt::reuse {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

[[noreturn]] void Refuse(std::string message) {
  throw Error(ErrorCode::kBadInput, "budgeted schedule", std::move(message));
}

using Steps = std::vector<std::vector<int>>;  // [B] ascending, from 0

class Model {
 public:
  Model(std::span<const BlockSimilarity> similarity, const BudgetOptions& options)
      : count_(similarity.size()), forced_last_(options.forced_last) {
    if (similarity.empty()) Refuse("has no blocks");
    steps_ = similarity[0].of(options.metric).steps;
    if (steps_ < 1 || steps_ > kMaxSteps) Refuse(fmt::format("has {} steps", steps_));
    if (forced_last_ < 0 || forced_last_ > steps_) Refuse(fmt::format("cannot force {} steps", forced_last_));
    for (const BlockSimilarity& s : similarity) {
      StepMatrix d = s.of(options.metric);
      if (d.steps != steps_ || d.values.size() != static_cast<size_t>(steps_) * steps_) {
        Refuse("has blocks of different numbers of steps");
      }
      for (double& value : d.values) {
        if (options.metric == Metric::kCosine) value = std::max(0.0, 1 - value);
        if (!(value >= 0 && std::isfinite(value))) Refuse("has a distance that is negative or not finite");
      }
      distance_.push_back(std::move(d));
    }
    coupling_ = options.block_coupling.empty() ? std::vector<double>(count_, options.coupling) : options.block_coupling;
    if (coupling_.size() != count_)
      Refuse(fmt::format("has couplings of {} blocks; {} are there", coupling_.size(), count_));
    for (const double g : coupling_) {
      if (!(g >= 0 && std::isfinite(g))) Refuse("has a coupling that is negative or not finite");
    }
  }

  int steps() const { return steps_; }
  size_t count() const { return count_; }

  // What block v is away from what it put out last, in every step.
  std::vector<double> Staleness(size_t v, const std::vector<int>& updates) const {
    std::vector<double> stale(static_cast<size_t>(steps_));
    for (size_t m = 0; m < updates.size(); ++m) {
      const int end = m + 1 < updates.size() ? updates[m + 1] : steps_;
      for (int t = updates[m]; t < end; ++t) stale[t] = distance_[v].at(updates[m], t);
    }
    return stale;
  }

  double Total(const Steps& c) const {
    double total = 0;
    std::vector<double> upstream(static_cast<size_t>(steps_), 0.0);
    for (size_t v = 0; v < count_; ++v) {
      const std::vector<double> stale = Staleness(v, c[v]);
      for (const double s : stale) total += s;
      for (size_t m = 0; m < c[v].size(); ++m) {
        const int end = m + 1 < c[v].size() ? c[v][m + 1] : steps_;
        total += (end - c[v][m]) * coupling_[v] * upstream[c[v][m]];
      }
      for (int t = 0; t < steps_; ++t) upstream[t] += stale[t];
    }
    return total;
  }

  // The best steps of block v while the others stand, where an update costs `price`.
  std::vector<int> BestSteps(size_t v, const Steps& c, double price) const {
    std::vector<double> upstream(static_cast<size_t>(steps_), 0.0), weight(static_cast<size_t>(steps_), 1.0);
    for (size_t u = 0; u < v; ++u) {
      const std::vector<double> stale = Staleness(u, c[u]);
      for (int t = 0; t < steps_; ++t) upstream[t] += stale[t];
    }
    for (size_t w = v + 1; w < count_; ++w) {
      for (size_t m = 0; m < c[w].size(); ++m) {
        weight[c[w][m]] += coupling_[w] * ((m + 1 < c[w].size() ? c[w][m + 1] : steps_) - c[w][m]);
      }
    }
    std::vector<double> best(static_cast<size_t>(steps_) + 1, kInfinity);
    std::vector<int> from(best.size(), 0);
    best[0] = 0;
    for (int a = 0; a < steps_; ++a) {
      double held = 0;
      for (int e = a + 1; e <= steps_; ++e) {
        held += distance_[v].at(a, e - 1) * weight[e - 1];
        const double value = best[a] + price + held + (e - a) * coupling_[v] * upstream[a];
        if (value < best[e]) {
          best[e] = value;
          from[e] = a;
        }
        // A forced step is always the start of a segment.
        if (e >= steps_ - forced_last_) break;
      }
    }
    std::vector<int> updates;
    for (int e = steps_; e > 0; e = from[e]) updates.push_back(from[e]);
    std::reverse(updates.begin(), updates.end());
    return updates;
  }

 private:
  size_t count_;
  int steps_ = 0, forced_last_;
  std::vector<StepMatrix> distance_;
  std::vector<double> coupling_;  // [B]
};

double WorkOf(const Steps& c, const Costs& costs, int steps) {
  double work = costs.step * steps;
  for (size_t b = 0; b < c.size(); ++b) work += costs.block[b] * static_cast<double>(c[b].size());
  return work;
}

// Blocks take turns until no turn helps. The sum of error and price falls with every turn, so this ends.
void Descend(const Model& model, const Costs& costs, double price, Steps* c) {
  double before = kInfinity;
  for (int sweep = 0; sweep < 30; ++sweep) {
    for (size_t i = 0; i < model.count(); ++i) {
      // There and back, so that what one block does to another is seen from both sides.
      const size_t v = sweep % 2 == 0 ? i : model.count() - 1 - i;
      (*c)[v] = model.BestSteps(v, *c, price * costs.block[v]);
    }
    const double now = model.Total(*c) + price * WorkOf(*c, costs, model.steps());
    if (!(now < before - 1e-12 * std::abs(before))) return;
    before = now;
  }
}

// The update that takes off the most error for its work, while there is one that fits.
void SpendTheRest(const Model& model, const Costs& costs, double max_work, Steps* c) {
  double error = model.Total(*c);
  for (;;) {
    const double left = max_work - WorkOf(*c, costs, model.steps());
    double best_rate = 0;
    size_t best_block = 0;
    std::vector<int> best_steps;
    for (size_t v = 0; v < model.count(); ++v) {
      if (!(costs.block[v] <= left)) continue;
      const std::vector<int> before = (*c)[v];
      for (int k = 1; k < model.steps(); ++k) {
        const auto at = std::lower_bound(before.begin(), before.end(), k);
        if (at != before.end() && *at == k) continue;
        (*c)[v] = before;
        (*c)[v].insert((*c)[v].begin() + (at - before.begin()), k);
        const double rate = (error - model.Total(*c)) / std::max(costs.block[v], 1e-300);
        if (rate > best_rate) {
          best_rate = rate;
          best_block = v;
          best_steps = (*c)[v];
        }
      }
      (*c)[v] = before;
    }
    if (best_steps.empty()) return;
    (*c)[best_block] = std::move(best_steps);
    error = model.Total(*c);
  }
}

}  // namespace

double CoupledError(const Schedule& schedule, std::span<const BlockSimilarity> similarity,
                    const BudgetOptions& options) {
  Validate(schedule, "schedule");
  const Model model(similarity, options);
  if (model.steps() != schedule.steps || model.count() != schedule.blocks.size())
    Refuse("has another size than the schedule");
  Steps c;
  for (int b = 0; b < schedule.block_count(); ++b) c.push_back(FreshSteps(schedule, b));
  for (const Cell& cell : schedule.cells) {
    if (cell.source != Source::kCompute && cell != Cell{Source::kOwn, 0}) Refuse("knows computed and held cells only");
  }
  return model.Total(c);
}

BudgetedSchedule Budgeted(std::vector<Block> blocks, std::span<const BlockSimilarity> similarity, const Costs& costs,
                          const BudgetOptions& options) {
  const Model model(similarity, options);
  if (blocks.size() != model.count())
    Refuse(fmt::format("has similarities of {} of {} blocks", model.count(), blocks.size()));
  const int steps = model.steps();
  Work(AllCompute(blocks, steps), costs);  // checks the costs

  // Within the budget: the best so far. `c` always holds step 0 and the forced steps.
  Steps best;
  double best_error = kInfinity;
  const auto offer = [&](const Steps& c) {
    if (!(WorkOf(c, costs, steps) <= options.max_work)) return false;
    const double error = model.Total(c);
    if (error < best_error) {
      best = c;
      best_error = error;
    }
    return true;
  };
  std::vector<int> least = {0};
  for (int k = std::max(1, steps - options.forced_last); k < steps; ++k) least.push_back(k);
  if (const Steps c(model.count(), least); !offer(c)) {
    throw Error(ErrorCode::kInfeasibleBudget, "budgeted schedule",
                fmt::format("does not fit into work of {}", options.max_work),
                fmt::format("the least that works is {}", WorkOf(c, costs, steps)));
  }
  // One schedule for all, the largest that fits.
  const BlockSimilarity mean = MeanSimilarity(similarity);
  const std::vector<Updates> curve =
      AdaptiveCurve(mean.of(options.metric), steps,
                    {.larger_is_better = LargerIsBetter(options.metric), .forced_last = options.forced_last});
  Steps shared(model.count(), least);
  for (const Updates& updates : curve) {
    const Steps c(model.count(), updates.steps);
    if (offer(c)) shared = c;
  }
  // At a price of `high` nobody pays for a second update.
  double high = 1e-300;
  const double everything = model.Total(Steps(model.count(), std::vector<int>{0}));
  for (const double cost : costs.block) {
    if (cost > 0) high = std::max(high, everything / cost);
  }
  double low = high * 1e-9;
  for (int i = 0; i < 24; ++i) {
    const double price = std::sqrt(low * high);
    Steps a = shared, b = best;
    Descend(model, costs, price, &a);
    Descend(model, costs, price, &b);
    const double cost_a = model.Total(a) + price * WorkOf(a, costs, steps);
    const double cost_b = model.Total(b) + price * WorkOf(b, costs, steps);
    const bool a_fits = offer(a), b_fits = offer(b);
    ((cost_a < cost_b ? a_fits : b_fits) ? high : low) = price;
  }
  SpendTheRest(model, costs, options.max_work, &best);

  BudgetedSchedule result;
  result.schedule = FromUpdates(std::move(blocks), steps, best);
  result.work = Work(result.schedule, costs);
  result.error = model.Total(best);
  constexpr const char* kMetricNames[] = {"cosine", "l1", "mse"};
  result.schedule.made_by =
      fmt::format("budgeted max_work={:.6g} metric={} coupling={} forced_last={}", options.max_work,
                  kMetricNames[static_cast<size_t>(options.metric)],
                  options.block_coupling.empty() ? fmt::format("{}", options.coupling) : std::string("measured"),
                  options.forced_last);
  return result;
}

}  // namespace takt::reuse
