// SPDX-License-Identifier: Apache-2.0
#include "takt/data/splat/codec/knapsack.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "takt/core/base/error.h"

namespace takt::splat {
namespace {

struct Segment {
  double slope;  // distortion saved per unit of cost
  uint32_t item;
  uint32_t option;  // the option at its far end
};

// A change of one item, with its effect.
struct Move {
  int64_t cost;  // added
  double gain;   // distortion saved; negative for a downgrade
  uint32_t item;
  uint32_t option;
};

class Solver {
 public:
  Solver(std::span<const KnapsackOption> options, std::span<const size_t> first, int64_t budget)
      : options_(options), first_(first), budget_(budget), choice_(first.size() - 1) {}

  KnapsackSolution Run() {
    TakeCheapest();
    TakeHull();
    Improve();
    // The other way to round the fractional step of the linear relaxation: take it, or one of those after it, and pay with
    // the cheapest downgrades.
    std::vector<uint32_t> best = choice_;
    double best_distortion = Distortion();
    for (const Segment& step : beyond_) {
      choice_ = at_bound_;
      used_ = at_bound_used_ + At(step.item, step.option).cost - At(step.item, choice_[step.item]).cost;
      choice_[step.item] = step.option;
      if (!Repair(step.item)) continue;
      const double distortion = Improve();
      if (distortion < best_distortion) {
        best_distortion = distortion;
        best = choice_;
      }
    }
    choice_ = best;
    KnapsackSolution solution;
    for (size_t i = 0; i < choice_.size(); ++i) {
      solution.choice.push_back(choice_[i]);
      solution.cost += At(i, choice_[i]).cost;
      solution.distortion += At(i, choice_[i]).distortion;
    }
    solution.lp_bound = std::min(lp_bound_, solution.distortion);
    solution.lambda = lambda_;
    return solution;
  }

 private:
  const KnapsackOption& At(size_t item, uint32_t option) const { return options_[first_[item] + option]; }
  uint32_t Count(size_t item) const { return static_cast<uint32_t>(first_[item + 1] - first_[item]); }

  void TakeCheapest() {
    for (size_t i = 0; i < choice_.size(); ++i) {
      for (uint32_t o = 1; o < Count(i); ++o) {
        const KnapsackOption &a = At(i, o), &b = At(i, choice_[i]);
        if (a.cost < b.cost || (a.cost == b.cost && a.distortion < b.distortion)) choice_[i] = o;
      }
      used_ += At(i, choice_[i]).cost;
      lp_bound_ += At(i, choice_[i]).distortion;
    }
    if (used_ > budget_) {
      throw Error(ErrorCode::kInfeasibleBudget, "budget", "the cheapest choice does not fit",
                  "ask for at least " + std::to_string(used_));
    }
  }

  void TakeHull() {
    std::vector<Segment> segments;
    segments.reserve(options_.size());
    std::vector<uint32_t> order, hull;
    for (size_t i = 0; i < choice_.size(); ++i) {
      order.resize(Count(i));
      for (uint32_t o = 0; o < Count(i); ++o) order[o] = o;
      std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
        if (At(i, a).cost != At(i, b).cost) return At(i, a).cost < At(i, b).cost;
        if (At(i, a).distortion != At(i, b).distortion) return At(i, a).distortion < At(i, b).distortion;
        return a < b;
      });
      hull.assign(1, choice_[i]);
      for (const uint32_t o : order) {
        if (At(i, o).distortion >= At(i, hull.back()).distortion) continue;
        while (hull.size() > 1 && Slope(i, hull[hull.size() - 2], hull.back()) <= Slope(i, hull.back(), o)) hull.pop_back();
        hull.push_back(o);
      }
      for (size_t h = 1; h < hull.size(); ++h) {
        segments.push_back({Slope(i, hull[h - 1], hull[h]), static_cast<uint32_t>(i), hull[h]});
      }
    }
    // A hull's slopes fall strictly, so sorting keeps each item's own order.
    std::sort(segments.begin(), segments.end(), [](const Segment& a, const Segment& b) {
      return a.slope != b.slope ? a.slope > b.slope : a.item < b.item;
    });
    bool bound_found = false;
    std::vector<bool> blocked(choice_.size(), false);
    for (const Segment& s : segments) {
      if (blocked[s.item]) continue;
      const KnapsackOption &from = At(s.item, choice_[s.item]), &to = At(s.item, s.option);
      const int64_t cost = to.cost - from.cost;
      if (used_ + cost <= budget_) {
        used_ += cost;
        choice_[s.item] = s.option;
        if (!bound_found) lp_bound_ += to.distortion - from.distortion;
      } else {
        blocked[s.item] = true;
        if (!bound_found) {
          lp_bound_ -= s.slope * static_cast<double>(budget_ - used_);
          lambda_ = s.slope;
          bound_found = true;
          at_bound_ = choice_;
          at_bound_used_ = used_;
        }
        if (beyond_.size() < Attempts()) beyond_.push_back(s);
      }
    }
  }

  double Slope(size_t item, uint32_t from, uint32_t to) const {
    const KnapsackOption &a = At(item, from), &b = At(item, to);
    return (a.distortion - b.distortion) / static_cast<double>(b.cost - a.cost);
  }

  void Apply(const Move& move) {
    choice_[move.item] = move.option;
    used_ += move.cost;
  }

  // Few, large items are hard to fit and quick to try.
  size_t Attempts() const { return std::clamp<size_t>(40000 / options_.size(), 1, 24); }

  double Distortion() const {
    double sum = 0;
    for (size_t i = 0; i < choice_.size(); ++i) sum += At(i, choice_[i]).distortion;
    return sum;
  }

  // Fills and exchanges until neither helps. Returns the distortion.
  double Improve() {
    // Each round that changes something lowers the distortion, so this ends; the cap only bounds the time.
    for (int round = 0; round < 64; ++round) {
      const bool filled = Fill();
      if (!Exchange() && !filled) break;
    }
    return Distortion();
  }

  // Downgrades until the budget holds, least loss per unit freed first; a unit freed beyond need counts for nothing.
  bool Repair(uint32_t keep) {
    while (used_ > budget_) {
      const int64_t excess = used_ - budget_;
      double least = std::numeric_limits<double>::infinity();
      Move best{};
      for (size_t i = 0; i < choice_.size(); ++i) {
        if (i == keep) continue;
        const KnapsackOption& now = At(i, choice_[i]);
        for (uint32_t o = 0; o < Count(i); ++o) {
          const int64_t freed = now.cost - At(i, o).cost;
          if (freed <= 0) continue;
          const double loss = std::max(0.0, At(i, o).distortion - now.distortion) / static_cast<double>(std::min(freed, excess));
          if (loss < least) {
            least = loss;
            best = {-freed, now.distortion - At(i, o).distortion, static_cast<uint32_t>(i), o};
          }
        }
      }
      if (best.cost == 0) return false;
      Apply(best);
    }
    return true;
  }

  // Upgrades that fit, largest saving first, until none does.
  bool Fill() {
    bool changed = false;
    while (true) {
      Move best{0, 0, 0, 0};
      for (size_t i = 0; i < choice_.size(); ++i) {
        const KnapsackOption& now = At(i, choice_[i]);
        for (uint32_t o = 0; o < Count(i); ++o) {
          const int64_t cost = At(i, o).cost - now.cost;
          const double gain = now.distortion - At(i, o).distortion;
          if (used_ + cost <= budget_ && gain > best.gain) best = {cost, gain, static_cast<uint32_t>(i), o};
        }
      }
      if (!(best.gain > 0)) return changed;
      Apply(best);
      changed = true;
    }
  }

  // The best pair of an upgrade that does not fit and a downgrade that pays for it.
  bool Exchange() {
    std::vector<Move> up, down;
    const int64_t left = budget_ - used_;
    for (size_t i = 0; i < choice_.size(); ++i) {
      const KnapsackOption& now = At(i, choice_[i]);
      for (uint32_t o = 0; o < Count(i); ++o) {
        const Move move{At(i, o).cost - now.cost, now.distortion - At(i, o).distortion, static_cast<uint32_t>(i), o};
        if (move.gain > 0 && move.cost > left) up.push_back(move);
        if (move.cost < 0) down.push_back(move);
      }
    }
    if (up.empty() || down.empty()) return false;
    // Ascending freed cost; from each suffix the two least losses of different items, so that one always pairs.
    std::sort(down.begin(), down.end(), [](const Move& a, const Move& b) {
      if (a.cost != b.cost) return a.cost > b.cost;
      if (a.item != b.item) return a.item < b.item;
      return a.option < b.option;
    });
    struct Best {
      size_t first, second;
    };
    constexpr size_t kNone = std::numeric_limits<size_t>::max();
    std::vector<Best> suffix(down.size() + 1, {kNone, kNone});
    for (size_t d = down.size(); d-- > 0;) {
      Best best = suffix[d + 1];
      if (best.first == kNone || down[d].gain > down[best.first].gain) {
        if (best.first != kNone && down[best.first].item != down[d].item) best.second = best.first;
        best.first = d;
      } else if (down[best.first].item != down[d].item &&
                 (best.second == kNone || down[d].gain > down[best.second].gain)) {
        best.second = d;
      }
      suffix[d] = best;
    }
    double best_gain = 0;
    Move best_up{}, best_down{};
    for (const Move& u : up) {
      const int64_t needed = u.cost - left;  // to be freed
      const size_t at = static_cast<size_t>(
          std::partition_point(down.begin(), down.end(), [&](const Move& d) { return -d.cost < needed; }) - down.begin());
      for (const size_t d : {suffix[at].first, suffix[at].second}) {
        if (d == kNone || down[d].item == u.item) continue;
        if (u.gain + down[d].gain > best_gain) {
          best_gain = u.gain + down[d].gain;
          best_up = u;
          best_down = down[d];
        }
        break;
      }
    }
    // Below rounding, an exchange could undo the one before it for ever.
    if (!(best_gain > 1e-12 * std::abs(lp_bound_))) return false;
    Apply(best_down);
    Apply(best_up);
    return true;
  }

  std::span<const KnapsackOption> options_;
  std::span<const size_t> first_;
  int64_t budget_;
  std::vector<uint32_t> choice_;
  int64_t used_ = 0;
  double lp_bound_ = 0;
  double lambda_ = 0;
  // The steps that did not fit when the linear relaxation reached them, and the choice before the first.
  std::vector<Segment> beyond_;
  std::vector<uint32_t> at_bound_;
  int64_t at_bound_used_ = 0;
};

}  // namespace

KnapsackSolution SolveKnapsack(std::span<const KnapsackOption> options, std::span<const size_t> first, int64_t budget) {
  return Solver(options, first, budget).Run();
}

}  // namespace takt::splat
