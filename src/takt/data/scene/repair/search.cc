// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "takt/data/scene/repair/layout.h"
#include "takt/data/scene/repair/links.h"

namespace takt::scene {
namespace {

constexpr int kRelaxRounds = 3;
constexpr double kTurnCost_m = 0.2;  // what a radian costs beside a metre

struct Stance {
  Vec2 at;
  double yaw;
};
using Stances = std::vector<Stance>;

Stances Save(const Layout& layout) {
  Stances saved;
  saved.reserve(layout.moving.size());
  for (const int i : layout.moving) saved.push_back({layout.bodies[i].at, layout.bodies[i].yaw});
  return saved;
}

void SetStance(Layout* layout, int body, const Stance& stance) {
  layout->bodies[body].at = stance.at;
  if (layout->bodies[body].yaw != stance.yaw) layout->SetYaw(body, stance.yaw);
}

void Restore(Layout* layout, const Stances& saved) {
  for (size_t k = 0; k < saved.size(); ++k) SetStance(layout, layout->moving[k], saved[k]);
}

double Away(const Body& body) {
  return (body.at - body.home).norm() + kTurnCost_m * std::abs(WrapAngle(body.yaw - body.home_yaw));
}

double TotalAway(const Layout& layout) {
  double sum = 0;
  for (const int i : layout.moving) sum += Away(layout.bodies[i]);
  return sum;
}

void GoHome(Layout* layout) {
  for (const int i : layout->moving) SetStance(layout, i, {layout->bodies[i].home, layout->bodies[i].home_yaw});
}

// Large-neighbourhood search over which bodies stand where.
class Searcher {
 public:
  Searcher(Layout* layout, Placer* placer, const Rng& rng, uint64_t* counter)
      : layout_(*layout), placer_(*placer), rng_(rng), counter_(*counter), placed_(layout->bodies.size(), 1) {}

  // Keeps what is valid of the present stances and places the rest.
  bool FromPresent() {
    for (const int i : layout_.moving) placed_[i] = 1;
    // Drop the worst one until the others agree.
    for (;;) {
      int worst = -1;
      double most = 0;
      for (const int i : layout_.moving) {
        if (!placed_[i]) continue;
        const double v = Conflict(i);
        if (v > most) {
          most = v;
          worst = i;
        }
      }
      if (worst < 0) break;
      placed_[worst] = 0;
    }
    return Insert(Unplaced());
  }

  // Places everything anew, at square yaws, each as near to a corner as it can get.
  bool Pack(const Vec2& corner) {
    for (const int i : layout_.moving) placed_[i] = 0;
    for (const int i : layout_.moving) {
      const Body& body = layout_.bodies[i];
      if (body.pinned || !Free(i)) continue;
      const double quarter = std::numbers::pi / 2;
      double yaw = layout_.main_yaw + quarter * std::round((body.yaw - layout_.main_yaw) / quarter);
      if (Random() < 0.3) yaw += quarter;
      layout_.SetYaw(i, yaw);
    }
    corner_ = corner;
    to_corner_ = true;
    const bool done = Insert(Unplaced());
    to_corner_ = false;
    return done;
  }

  bool Improve(int rounds) {
    for (int round = 0; round < rounds; ++round) {
      std::vector<int> out = Unplaced();
      if (out.empty()) return Violation(layout_) <= 0;
      const Stances before = Save(layout_);
      const std::vector<char> was = placed_;
      const double loss = Loss();
      const int first = out[rng_.Below(counter_++, out.size())];
      // A hole around a random body, or around the place where the one that is left over wants to be.
      Vec2 centre = layout_.bodies[first].home;
      const double dice = Random();
      if (dice < 0.7) centre = layout_.bodies[layout_.moving[rng_.Below(counter_++, layout_.moving.size())]].at;
      const size_t holes = 1 + rng_.Below(counter_++, 5);
      std::vector<std::pair<double, int>> near;
      for (const int i : layout_.moving) {
        if (placed_[i]) near.emplace_back((layout_.bodies[i].at - centre).norm(), i);
      }
      std::sort(near.begin(), near.end());
      for (size_t k = 0; k < std::min(holes, near.size()); ++k) {
        placed_[near[k].second] = 0;
        out.push_back(near[k].second);
      }
      compact_ = Random() < 0.6;
      Insert(out);
      compact_ = false;
      if (Loss() > loss + (Random() < 0.08 ? 0.05 * loss : 0.0)) {
        Restore(&layout_, before);
        placed_ = was;
      }
    }
    return Unplaced().empty() && Violation(layout_) <= 0;
  }

 private:
  double Random() { return rng_.UniformDouble(counter_++); }

  // No relation cares about its yaw.
  bool Free(int body) const {
    for (const int k : layout_.links_of[body]) {
      const RelationKind kind = layout_.links[k].kind;
      if (kind == RelationKind::kAgainst || kind == RelationKind::kAligned) return false;
      if (kind == RelationKind::kFacing && layout_.links[k].a == body) return false;
    }
    return true;
  }

  // Largest violation of what binds the body to borders, and to bodies that are placed.
  double Conflict(int body) {
    Vec2 same;
    if (placer_.Nearest(body, layout_.bodies[body].at, 1e-9, &placed_, &same)) return 0;
    return 1e-6 + std::max(0.0, ViolationOf(layout_, body)) + 1e-3 * layout_.bodies[body].area_m2;
  }

  std::vector<int> Unplaced() const {
    std::vector<int> out;
    for (const int i : layout_.moving) {
      if (!placed_[i]) out.push_back(i);
    }
    return out;
  }
  double Loss() const {
    double sum = 0;
    for (const int i : layout_.moving) {
      if (!placed_[i]) sum += layout_.bodies[i].area_m2 + 1e-4;
    }
    return sum;
  }

  bool Insert(std::vector<int> out) {
    // What a wall binds first, then by size, with a little chance.
    std::vector<std::pair<double, int>> order;
    for (const int i : out) {
      double rank = layout_.bodies[i].area_m2;
      for (const int k : layout_.links_of[i]) {
        if (layout_.links[k].kind == RelationKind::kAgainst && layout_.links[k].a == i) rank *= 2;
      }
      order.emplace_back(-rank * (0.6 + 0.8 * Random()), i);
    }
    std::sort(order.begin(), order.end());
    bool all = true;
    for (const auto& [rank, i] : order) {
      placed_[i] = PlaceOne(i);
      all = all && placed_[i];
    }
    return all;
  }

  bool PlaceOne(int i) {
    Body& body = layout_.bodies[i];
    const Vec2 home = body.home;
    Vec2 wish = to_corner_ ? corner_ : home;
    if (compact_) {  // towards the nearest neighbourhood of what is there: the corner of the support beyond it
      const Vec2 d = body.at - layout_.middle;
      wish = body.at + (Random() - 0.2) * d;
    }
    const double yaw = body.yaw;
    const double quarter = std::numbers::pi / 2;
    const double square = layout_.main_yaw + quarter * std::round((yaw - layout_.main_yaw) / quarter);
    double yaws[6] = {yaw, square, square + quarter, square + 2 * quarter, square + 3 * quarter, body.home_yaw};
    if (Random() < 0.3) std::swap(yaws[1], yaws[2]);
    const int count = body.pinned ? 1 : Free(i) ? 3 : 6;
    for (int k = 0; k < count; ++k) {
      if (k > 0) layout_.SetYaw(i, yaws[k]);
      Vec2 place;
      if (!placer_.Nearest(i, wish, 2 * layout_.extent_m, &placed_, &place)) continue;
      const Vec2 was = body.at;
      body.at = place;
      if (LinksHold(i)) return true;
      body.at = was;
    }
    layout_.SetYaw(i, yaw);
    return false;
  }

  bool LinksHold(int body) const {
    for (const int k : layout_.links_of[body]) {
      const Link& link = layout_.links[k];
      const int other = link.a == body ? link.b : link.a;
      if (other >= 0 && !placed_[other]) continue;
      if (LinkViolation(layout_, link) > 0) return false;
    }
    return true;
  }

  Layout& layout_;
  Placer& placer_;
  const Rng& rng_;
  uint64_t& counter_;
  std::vector<char> placed_;
  Vec2 corner_ = Vec2::Zero();
  bool to_corner_ = false, compact_ = false;
};

// The corner of the borders that lies farthest in a direction.
Vec2 Corner(const Layout& layout, double angle) {
  return layout.middle + layout.extent_m * Vec2(std::cos(angle), std::sin(angle));
}

// Shorter ways home: everybody at once half of the way, then the farthest ones alone, each time pushed apart again; kept where
// the sum of the ways is shorter.
void Relax(Layout* layout, Placer* placer) {
  double away = TotalAway(*layout);
  std::vector<std::pair<double, int>> farthest;
  for (int round = 0; round < kRelaxRounds; ++round) {
    const Stances before = Save(*layout);
    if (round % 4 == 0) {
      for (const int i : layout->moving) {
        Body& body = layout->bodies[i];
        body.at += 0.5 * (body.home - body.at);
      }
      farthest.clear();
    } else {
      if (farthest.empty()) {
        for (const int i : layout->moving) farthest.emplace_back(-Away(layout->bodies[i]), i);
        std::sort(farthest.begin(), farthest.end());
      }
      const size_t k = static_cast<size_t>(round - round / 4 - 1);
      if (k >= farthest.size() || !(farthest[k].first < -1e-3)) continue;
      Body& body = layout->bodies[farthest[k].second];
      body.at = body.home;
    }
    if (PushApart(layout, 0, 50)) PolishHome(layout, placer, 2);
    const double now = TotalAway(*layout);
    if (Violation(*layout) <= 0 && now < away - 1e-4) {
      away = now;
      farthest.clear();
    } else {
      Restore(layout, before);
    }
  }
}

// Turns what fits nowhere at its yaw to the nearest yaw at which it does.
void TurnToFit(Layout* layout, Placer* placer) {
  constexpr int kSteps = 90;
  const std::vector<char> nobody(layout->bodies.size(), 0);
  for (const int i : layout->moving) {
    Body& body = layout->bodies[i];
    if (body.pinned) continue;
    const double yaw = body.yaw;
    Vec2 place;
    for (int k = 0; k <= 2 * kSteps; ++k) {
      const double turn = (k % 2 ? 1 : -1) * std::numbers::pi / 2 / kSteps * ((k + 1) / 2);
      if (k > 0) layout->SetYaw(i, yaw + turn);
      if (placer->Nearest(i, body.at, 2 * layout->extent_m, &nobody, &place)) break;
      if (k == 2 * kSteps) layout->SetYaw(i, yaw);
    }
  }
}

}  // namespace

void PolishHome(Layout* layout, Placer* placer, int sweeps) {
  std::vector<std::pair<double, int>> order;
  for (int sweep = 0; sweep < sweeps; ++sweep) {
    order.clear();
    for (const int i : layout->moving) {
      const double away = Away(layout->bodies[i]);
      if (away > 1e-9) order.emplace_back(-away, i);
    }
    std::sort(order.begin(), order.end());
    double gained = 0;
    for (const auto& [minus_away, i] : order) {
      Body& body = layout->bodies[i];
      const Stance was = {body.at, body.yaw};
      double best = Away(body);
      Stance best_stance = was;
      const double yaws[2] = {body.home_yaw, was.yaw};
      for (int k = body.yaw == body.home_yaw ? 1 : 0; k < 2; ++k) {
        if (k == 0 && body.pinned) continue;
        if (body.yaw != yaws[k]) layout->SetYaw(i, yaws[k]);
        const double limit = best - kTurnCost_m * std::abs(WrapAngle(yaws[k] - body.home_yaw)) - 1e-7;
        Vec2 place;
        if (!(limit > 0) || !placer->Nearest(i, body.home, limit, nullptr, &place)) continue;
        const Vec2 keep = body.at;
        body.at = place;
        if (ViolationOf(*layout, i) <= 0 && Away(body) < best) {
          best = Away(body);
          best_stance = {body.at, body.yaw};
        }
        body.at = keep;
      }
      SetStance(layout, i, best_stance);
      gained += -minus_away - best;
    }
    if (gained < 1e-5) break;
  }
}

bool Search(Layout* layout, Placer* placer, const Rng& rng, uint64_t* counter, int rounds) {
  Searcher searcher(layout, placer, rng, counter);
  return (searcher.FromPresent() && Violation(*layout) <= 0) || searcher.Improve(rounds);
}

bool SolveLayout(Layout* layout, const Rng& rng, bool search, int max_restarts, int* restarts) {
  if (layout->moving.empty()) return Violation(*layout) <= 0;
  uint64_t counter = 0;
  Placer placer(layout);
  SettleYaws(layout, nullptr, &counter);
  if (Violation(*layout) <= 0) return true;
  TurnToFit(layout, &placer);
  bool solved = PushApart(layout, 24, 120);
  if (!solved && search) {
    const Stances pushed = Save(*layout);
    solved = Search(layout, &placer, rng, &counter, 30);
    for (int attempt = 0; !solved && attempt < max_restarts; ++attempt) {
      ++*restarts;
      GoHome(layout);
      SettleYaws(layout, attempt < 2 ? nullptr : &rng, &counter);
      TurnToFit(layout, &placer);
      if (attempt % 3 == 2) {
        Searcher searcher(layout, &placer, rng, &counter);
        const double angle = layout->main_yaw + std::numbers::pi / 4 + std::numbers::pi / 2 * (attempt / 3);
        solved = searcher.Pack(Corner(*layout, angle)) && Violation(*layout) <= 0;
        if (!solved) solved = searcher.Improve(100);
      } else {
        const double shake = 0.05 * layout->extent_m * (1 + attempt % 4);
        for (const int i : layout->moving) {
          Body& body = layout->bodies[i];
          body.at += shake * Vec2(rng.UniformDouble(counter) - 0.5, rng.UniformDouble(counter + 1) - 0.5);
          counter += 2;
        }
        solved = PushApart(layout, 24, 120);
        if (!solved) solved = Search(layout, &placer, rng, &counter, 40 + 10 * attempt);
      }
    }
    if (!solved) Restore(layout, pushed);
  }
  if (!solved) return false;
  PolishHome(layout, &placer, 3);
  Relax(layout, &placer);
  return true;
}

}  // namespace takt::scene
