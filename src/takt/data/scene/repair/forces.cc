// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "takt/data/scene/repair/layout.h"
#include "takt/data/scene/repair/links.h"

namespace takt::scene {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

// Share of a correction that body `a` takes of a pair.
double ShareOfFirst(const Body& a, const Body& b) {
  if (!b.movable) return 1;
  if (!a.movable) return 0;
  const double sum = a.area_m2 + b.area_m2;
  return sum > 0 ? b.area_m2 / sum : 0.5;  // the smaller one gives way
}

// Calls act(pair, push, missing) for each pair of prisms that is closer than wanted; returns the largest lack.
template <class Act>
double ForPairs(const Layout& layout, const Act& act) {
  double worst = 0;
  for (const BodyPair& pair : layout.body_pairs) {
    const Body &a = layout.bodies[pair.a], &b = layout.bodies[pair.b];
    const double reach = a.radius_m + b.radius_m + kWantedGap_m;
    if ((a.at - b.at).squaredNorm() > reach * reach) continue;
    for (int k = pair.first; k < pair.first + pair.count; ++k) {
      const PrismPair& test = layout.pairs[k];
      Vec2 push(1, 0);
      const double s = Separation(layout, layout.prisms[test.p], a.at, layout.prisms[test.q], b.at, &push);
      const double missing = test.gap_m - s;
      if (missing <= 0) continue;
      worst = std::max(worst, missing - kAccept_m);
      act(pair, push, missing);
    }
  }
  return worst;
}

template <class Act>
double ForBorders(const Layout& layout, const Act& act) {
  double worst = 0;
  const size_t count = layout.borders.size();
  for (const int i : layout.moving) {
    for (size_t k = 0; k < count; ++k) {
      const HalfPlane& plane = layout.borders[k].plane;
      const double missing = plane.offset_m - plane.inward.dot(layout.bodies[i].at) - layout.border_reach[i * count + k];
      if (!(missing > 0) || missing == kInf) continue;
      worst = std::max(worst, missing - 1e-7);
      act(i, plane.inward, missing);
    }
  }
  for (const CentreLimit& limit : layout.centre_limits) {
    const double missing = limit.plane.offset_m - limit.plane.inward.dot(layout.bodies[limit.body].at);
    if (!(missing > 0)) continue;
    worst = std::max(worst, missing - 1e-7);
    act(limit.body, limit.plane.inward, missing);
  }
  return worst;
}

}  // namespace

bool PushApart(Layout* layout, int force_steps, int projection_steps) {
  // Forces: every lack pulls at once; velocities are kept and damped.
  std::vector<Vec2> force(layout->bodies.size(), Vec2::Zero()), velocity = force;
  for (int step = 0; step < force_steps; ++step) {
    for (const int i : layout->moving) force[i] = Vec2::Zero();
    double worst = ForPairs(*layout, [&](const BodyPair& pair, const Vec2& push, double missing) {
      const double share = ShareOfFirst(layout->bodies[pair.a], layout->bodies[pair.b]);
      force[pair.a] -= share * missing * push;
      force[pair.b] += (1 - share) * missing * push;
    });
    worst = std::max(worst, ForBorders(*layout, [&](int i, const Vec2& inward, double missing) { force[i] += missing * inward; }));
    for (const int i : layout->moving) {
      velocity[i] = 0.55 * velocity[i] + 0.35 * force[i];
      layout->bodies[i].at += velocity[i];
    }
    for (const Link& link : layout->links) worst = std::max(worst, ProjectLink(layout, link));
    if (worst <= 0) break;
  }
  // Projection in turn: exact for each constraint, until all hold.
  double best = kInf;
  int stalled = 0;
  for (int step = 0; step < projection_steps; ++step) {
    double worst = ForPairs(*layout, [&](const BodyPair& pair, const Vec2& push, double missing) {
      Body &a = layout->bodies[pair.a], &b = layout->bodies[pair.b];
      const double share = ShareOfFirst(a, b);
      if (a.movable) a.at -= share * missing * push;
      if (b.movable) b.at += (1 - share) * missing * push;
    });
    for (const Link& link : layout->links) worst = std::max(worst, ProjectLink(layout, link));
    worst = std::max(worst, ForBorders(*layout, [&](int i, const Vec2& inward, double missing) {
                       layout->bodies[i].at += missing * inward;
                     }));
    if (worst <= 0 && Violation(*layout) <= 0) return true;
    if (worst < 0.97 * best) {
      best = worst;
      stalled = 0;
    } else if (++stalled > 40) {
      return false;
    }
  }
  return Violation(*layout) <= 0;
}

void SettleYaws(Layout* layout, const Rng* rng, uint64_t* counter) {
  const auto noise = [&](double scale) { return rng == nullptr ? 0.0 : scale * rng->UniformDouble((*counter)++); };
  for (const int i : layout->moving) layout->bodies[i].pinned = false;
  // Walls first: they do not turn.
  for (Link& link : layout->links) {
    if (link.kind != RelationKind::kAgainst) {
      if (link.b < 0 && !link.stays) link.wall = link.walls.empty() ? -1 : link.walls[0];
      continue;
    }
    Body& body = layout->bodies[link.a];
    if (link.stays) {
      body.pinned = true;
      continue;
    }
    const double now = body.yaw + link.a_yaw;
    const double out = std::atan2(link.side.outward.y(), link.side.outward.x());
    const Vec2 at = PlaceOf(*layout, link.a, link.a_at);
    const double width = (link.side.to_m - link.side.from_m).norm();
    const double deep = std::abs(link.side.outward.dot(link.side.from_m));
    double best = kInf, best_turn = 0;
    const auto offer = [&](const WallLine& line, int index, int* chosen) {
      const double turn = WrapAngle(std::atan2(-line.inward.y(), -line.inward.x()) - out - now);
      const double t = std::clamp(line.along.dot(at - line.from_m), std::min(width, line.length_m) / 2,
                                  std::max(line.length_m - width / 2, line.length_m / 2));
      const Vec2 place = line.from_m + t * line.along + deep * line.inward;
      double cost = (place - at).norm() + 0.15 * std::abs(turn) + noise(layout->extent_m);
      if (body.pinned) cost = std::abs(turn) > 1e-6 ? kInf : cost;  // another relation has turned it already
      if (!body.movable) cost = std::abs(turn);
      if (width > line.length_m + 1e-6) cost += layout->extent_m;
      if (cost < best) {
        best = cost;
        best_turn = turn;
        *chosen = index;
      }
    };
    if (link.b < 0) {
      for (const int w : link.walls) offer(layout->walls[w], w, &link.wall);
      if (link.wall < 0 && !link.walls.empty()) link.wall = link.walls[0];
    } else {
      link.face = 0;
      const SmallPolygon box = OutlineOf(*layout, link.b, link.b_box);
      for (int f = 0; f < box.n; ++f) {
        const Vec2 edge = box.at[(f + 1) % box.n] - box.at[f];
        WallLine line{box.at[f], box.at[(f + 1) % box.n], edge.normalized(), Vec2::Zero(), edge.norm()};
        line.inward = Vec2(line.along.y(), -line.along.x());
        offer(line, f, &link.face);
      }
    }
    if (body.movable && best < kInf && !body.pinned) layout->SetYaw(link.a, body.yaw + best_turn);
    body.pinned = true;
  }
  // Alignment runs from what cannot turn through the links; where nothing is pinned, from a target.
  std::vector<char> settled(layout->bodies.size(), 0);
  for (size_t i = 0; i < settled.size(); ++i) settled[i] = !layout->bodies[i].movable || layout->bodies[i].pinned;
  for (bool changed = true; changed;) {
    changed = false;
    int root = -1;
    for (const Link& link : layout->links) {
      if (link.kind != RelationKind::kAligned) continue;
      const bool b_settled = link.b < 0 || settled[link.b];
      if (settled[link.a] && b_settled) continue;
      if (!settled[link.a] && !b_settled) {
        if (root < 0) root = link.b;
        continue;
      }
      if (LinkViolation(*layout, link) > 0) {
        const double error = AlignedError(*layout, link);
        const double turn = rng != nullptr ? error : std::copysign(std::abs(error) - link.upper + std::min(kLinkInside, link.upper / 2), error);
        const int turned = b_settled ? link.a : link.b;
        layout->SetYaw(turned, layout->bodies[turned].yaw + (b_settled ? -turn : turn));
      }
      settled[link.a] = 1;
      if (link.b >= 0) settled[link.b] = 1;
      changed = true;
    }
    if (!changed && root >= 0) {
      settled[root] = 1;
      changed = true;
    }
  }
  // What is aligned may still look the other three ways.
  for (const Link& facing : layout->links) {
    if (facing.kind != RelationKind::kFacing || !layout->bodies[facing.a].movable || layout->bodies[facing.a].pinned) continue;
    bool aligned = false;
    for (const int k : layout->links_of[facing.a]) aligned = aligned || layout->links[k].kind == RelationKind::kAligned;
    if (!aligned) continue;
    const double yaw = layout->bodies[facing.a].yaw;
    double best = LinkViolation(*layout, facing), best_yaw = yaw;
    for (int quarter = 1; quarter < 4 && best > 0; ++quarter) {
      layout->SetYaw(facing.a, yaw + quarter * std::numbers::pi / 2);
      const double missed = LinkViolation(*layout, facing) + noise(0.5);
      if (missed < best) {
        best = missed;
        best_yaw = layout->bodies[facing.a].yaw;
      }
    }
    layout->SetYaw(facing.a, best_yaw);
  }
  for (const Link& link : layout->links) {
    if (link.kind != RelationKind::kAligned || LinkViolation(*layout, link) > 0) continue;
    layout->bodies[link.a].pinned = true;
    if (link.b >= 0) layout->bodies[link.b].pinned = true;
  }
}

}  // namespace takt::scene
