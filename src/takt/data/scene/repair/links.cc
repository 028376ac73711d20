// SPDX-License-Identifier: Apache-2.0
#include "takt/data/scene/repair/links.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

namespace takt::scene {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kCornerSlack_m = 9e-5;  // the nearer corner of a side may be that much too near

Vec2 Turn(const Vec2& v, double angle) {
  const double c = std::cos(angle), s = std::sin(angle);
  return {c * v.x() - s * v.y(), s * v.x() + c * v.y()};
}

// The side of the subject in the world.
struct WorldSide {
  Vec2 a, b, outward, middle;
  double width_m = 0;
};
WorldSide SideInWorld(const Layout& layout, const Link& link) {
  const Body& body = layout.bodies[link.a];
  const double yaw = body.yaw + link.a_yaw;
  const Vec2 at = PlaceOf(layout, link.a, link.a_at);
  WorldSide side;
  side.a = at + Turn(link.side.from_m, yaw);
  side.b = at + Turn(link.side.to_m, yaw);
  side.outward = Turn(link.side.outward, yaw);
  side.middle = (side.a + side.b) / 2;
  side.width_m = (side.b - side.a).norm();
  return side;
}

// The face of the target that the side lies against, as a wall: from, along, and the normal away from the target.
WallLine FaceInWorld(const Layout& layout, const Link& link) {
  const SmallPolygon box = OutlineOf(layout, link.b, link.b_box);
  WallLine face;
  face.from_m = box.at[link.face];
  face.to_m = box.at[(link.face + 1) % box.n];
  face.length_m = (face.to_m - face.from_m).norm();
  face.along = (face.to_m - face.from_m) / face.length_m;
  face.inward = Vec2(face.along.y(), -face.along.x());  // outwards of the target, which is inwards of the free space
  return face;
}

struct FlatGap {
  double far = 0;       // farthest corner of the side from the line
  double near = 0;      // nearest one
  double beyond = 0;    // how far the middle lies beyond an end of the line; negative: towards `from`
  double turned = 0;    // -outward . inward; 1 when parallel
};
FlatGap AgainstLine(const WorldSide& side, const WallLine& line) {
  FlatGap gap;
  gap.far = std::max(line.inward.dot(side.a - line.from_m), line.inward.dot(side.b - line.from_m));
  gap.near = std::min(line.inward.dot(side.a - line.from_m), line.inward.dot(side.b - line.from_m));
  const double t = line.along.dot(side.middle - line.from_m);
  gap.beyond = t < 0 ? t : t > line.length_m ? t - line.length_m : 0;
  gap.turned = -side.outward.dot(line.inward);
  return gap;
}

double FacingError(const Layout& layout, const Link& link, double* signed_angle) {
  const Body& body = layout.bodies[link.a];
  const double yaw = body.yaw + link.a_yaw;
  Vec2 towards;
  if (link.b >= 0) {
    towards = PlaceOf(layout, link.b, link.b_at) - PlaceOf(layout, link.a, link.a_at);
    if (towards.norm() < 1e-6) return kInf;
  } else {
    towards = -layout.walls[link.wall].inward;
  }
  *signed_angle = WrapAngle(std::atan2(towards.y(), towards.x()) - yaw);
  return std::abs(*signed_angle);
}

// Moves the ends apart along `by` (from a to b); each takes its share.
void Spread(Layout* layout, const Link& link, const Vec2& by) {
  Body& a = layout->bodies[link.a];
  const bool b_moves = link.b >= 0 && layout->bodies[link.b].movable;
  if (a.movable) a.at -= b_moves ? Vec2(by / 2) : by;
  if (b_moves) layout->bodies[link.b].at += a.movable ? Vec2(by / 2) : by;
}

// The gap of a near link and its direction from a to b.
double NearGap(const Layout& layout, const Link& link, Vec2* direction) {
  const SmallPolygon a = OutlineOf(layout, link.a, link.a_box);
  if (link.b >= 0) return PolygonGap(a, OutlineOf(layout, link.b, link.b_box), direction);
  SmallPolygon wall;
  wall.Add(layout.walls[link.wall].from_m);
  wall.Add(layout.walls[link.wall].to_m);
  return PolygonGap(a, wall, direction);
}

double ReachGap(const Layout& layout, const Link& link, Vec2* direction) {
  const Vec2 d = PlaceOf(layout, link.b, link.b_at) - PlaceOf(layout, link.a, link.a_at);
  const double length = d.norm();
  *direction = length > 1e-12 ? Vec2(d / length) : Vec2(1, 0);
  return length;
}

double HorizontalReach(const Link& link) {
  const double r2 = link.upper * link.upper - link.height_m * link.height_m;
  return r2 > 0 ? std::sqrt(r2) : -1;
}

}  // namespace

double AlignedError(const Layout& layout, const Link& link) {
  const double target = link.b >= 0 ? layout.bodies[link.b].yaw + link.b_yaw
                                    : std::atan2(layout.walls[link.wall].along.y(), layout.walls[link.wall].along.x());
  return std::remainder(layout.bodies[link.a].yaw + link.a_yaw - target, std::numbers::pi / 2);
}

SmallPolygon OutlineOf(const Layout& layout, int body, const std::vector<Vec2>& box) {
  SmallPolygon out;
  const Body& b = layout.bodies[body];
  const double c = b.cosine, s = b.sine;
  for (const Vec2& v : box) out.Add(b.at + Vec2(c * v.x() - s * v.y(), s * v.x() + c * v.y()));
  return out;
}

Vec2 PlaceOf(const Layout& layout, int body, const Vec2& at) {
  const Body& b = layout.bodies[body];
  if (at.x() == 0 && at.y() == 0) return b.at;
  return b.at + Vec2(b.cosine * at.x() - b.sine * at.y(), b.sine * at.x() + b.cosine * at.y());
}

double PolygonGap(const SmallPolygon& a, const SmallPolygon& b, Vec2* direction) {
  // Separating axes first: they decide overlap.
  double best = -kInf;
  for (int which = 0; which < 2 && best <= 0; ++which) {
    const SmallPolygon &p = which == 0 ? a : b, &q = which == 0 ? b : a;
    if (p.n < 2) continue;
    for (int k = 0; k < p.n && best <= 0; ++k) {
      const Vec2 edge = p.at[(k + 1) % p.n] - p.at[k];
      const Vec2 n = Vec2(edge.y(), -edge.x()).normalized();
      double low = kInf, high = -kInf;
      for (int j = 0; j < q.n; ++j) low = std::min(low, n.dot(q.at[j]));
      for (int j = 0; j < p.n; ++j) high = std::max(high, n.dot(p.at[j]));
      if (low - high > best) {
        best = low - high;
        *direction = which == 0 ? n : Vec2(-n);
      }
    }
  }
  if (best <= 0) return best;
  double least = kInf;
  Vec2 between = Vec2::Zero();
  for (int which = 0; which < 2; ++which) {
    const SmallPolygon &p = which == 0 ? a : b, &q = which == 0 ? b : a;
    for (int k = 0; k < p.n; ++k) {
      const Vec2 from = p.at[k], edge = p.at[(k + 1) % p.n] - from;
      const double length2 = edge.squaredNorm();
      for (int j = 0; j < q.n; ++j) {
        const double t = length2 > 0 ? std::clamp(edge.dot(q.at[j] - from) / length2, 0.0, 1.0) : 0;
        const Vec2 d = q.at[j] - from - t * edge;
        if (d.squaredNorm() < least) {
          least = d.squaredNorm();
          between = which == 0 ? d : Vec2(-d);
        }
      }
    }
  }
  const double gap = std::sqrt(least);
  if (gap > 1e-12) *direction = between / gap;
  return gap;
}

void MinkowskiDifference(const Vec2* a, int na, const Vec2* b, int nb, SmallPolygon* sum) {
  const auto lowest = [](const Vec2* p, int n, double sign) {
    int best = 0;
    for (int i = 1; i < n; ++i) {
      const double dy = sign * (p[i].y() - p[best].y());
      if (dy < 0 || (dy == 0 && sign * (p[i].x() - p[best].x()) < 0)) best = i;
    }
    return best;
  };
  int i = lowest(a, na, 1), j = lowest(b, nb, -1);
  int left_a = na, left_b = nb;
  sum->n = 0;
  Vec2 at = a[i] - b[j];
  while (left_a > 0 || left_b > 0) {
    sum->Add(at);
    const Vec2 ea = a[i + 1 == na ? 0 : i + 1] - a[i];
    const Vec2 eb = b[j] - b[j + 1 == nb ? 0 : j + 1];
    const double cross = Cross(ea, eb);
    // Parallel edges are taken one after the other: the corner between them does no harm.
    if (left_b == 0 || (left_a > 0 && cross >= 0)) {
      at += ea;
      i = i + 1 == na ? 0 : i + 1;
      --left_a;
    } else {
      at += eb;
      j = j + 1 == nb ? 0 : j + 1;
      --left_b;
    }
  }
}

double LinkViolation(const Layout& layout, const Link& link) {
  switch (link.kind) {
    case RelationKind::kAgainst: {
      const FlatGap gap = AgainstLine(SideInWorld(layout, link), link.b >= 0 ? FaceInWorld(layout, link) : layout.walls[link.wall]);
      if (gap.turned < 0.7072) return 1.5 - gap.turned;
      return std::max({gap.far - link.upper, link.lower - kCornerSlack_m - gap.near, std::abs(gap.beyond)}) - kLinkSlack;
    }
    case RelationKind::kNear: {
      Vec2 direction;
      const double gap = std::max(0.0, NearGap(layout, link, &direction));
      return std::max(gap - link.upper, link.lower - gap) - kLinkSlack;
    }
    case RelationKind::kFacing: {
      double angle;
      return FacingError(layout, link, &angle) - link.upper - kLinkSlack;
    }
    case RelationKind::kAligned: return std::abs(AlignedError(layout, link)) - link.upper - kLinkSlack;
    case RelationKind::kReachableBy: {
      Vec2 direction;
      return ReachGap(layout, link, &direction) - HorizontalReach(link) - kLinkSlack;
    }
    default: return -kInf;
  }
}

double ProjectLink(Layout* layout, const Link& link) {
  const double missed = LinkViolation(*layout, link);
  if (missed <= 0) return missed;
  switch (link.kind) {
    case RelationKind::kAgainst: {
      const WorldSide side = SideInWorld(*layout, link);
      const WallLine line = link.b >= 0 ? FaceInWorld(*layout, link) : layout->walls[link.wall];
      const FlatGap gap = AgainstLine(side, line);
      const double inside = std::min(kLinkInside, (link.upper - link.lower) / 2);
      const double want = std::clamp(gap.far, link.lower + inside, link.upper - inside);
      Vec2 move = (want - gap.far) * line.inward;
      if (gap.beyond != 0) move -= (gap.beyond + std::copysign(kLinkInside, gap.beyond)) * line.along;
      Spread(layout, link, -move);
      break;
    }
    case RelationKind::kNear: {
      Vec2 direction(1, 0);
      const double gap = NearGap(*layout, link, &direction);
      const double inside = std::min(kLinkInside, (link.upper - link.lower) / 2);
      Spread(layout, link, (std::clamp(gap, link.lower + inside, link.upper - inside) - gap) * direction);
      break;
    }
    case RelationKind::kFacing: {
      double angle = 0;
      if (FacingError(*layout, link, &angle) == kInf) break;
      const double excess = std::copysign(std::abs(angle) - link.upper + kLinkInside, angle);
      Body& a = layout->bodies[link.a];
      if (a.movable && !a.pinned) {
        layout->SetYaw(link.a, a.yaw + excess);
      } else if (link.b >= 0) {
        // Swing the target about the subject, or the subject about the target.
        const Vec2 r = PlaceOf(*layout, link.b, link.b_at) - PlaceOf(*layout, link.a, link.a_at);
        Spread(layout, link, Turn(r, -excess) - r);
      }
      break;
    }
    case RelationKind::kAligned: {
      const double error = AlignedError(*layout, link);
      const double excess = std::copysign(std::abs(error) - link.upper + std::min(kLinkInside, link.upper / 2), error);
      Body& a = layout->bodies[link.a];
      if (a.movable && !a.pinned) {
        layout->SetYaw(link.a, a.yaw - excess);
      } else if (link.b >= 0 && layout->bodies[link.b].movable && !layout->bodies[link.b].pinned) {
        layout->SetYaw(link.b, layout->bodies[link.b].yaw + excess);
      }
      break;
    }
    case RelationKind::kReachableBy: {
      Vec2 direction;
      const double gap = ReachGap(*layout, link, &direction);
      Spread(layout, link, (std::max(0.0, HorizontalReach(link) - kLinkInside) - gap) * direction);
      break;
    }
    default: break;
  }
  return missed;
}

bool RegionOfLink(const Layout& layout, const Link& link, int body, LinkRegion* region) {
  region->planes.clear();
  region->forbidden.n = 0;
  const Vec2 at = layout.bodies[body].at;
  const bool subject = link.a == body;
  // lower <= n . x <= upper for a point that rides on the body, now at `now`.
  const auto band = [&](const Vec2& n, const Vec2& now, double lower, double upper) {
    const Vec2 ride = now - at;
    region->planes.push_back({n, lower - n.dot(ride)});
    region->planes.push_back({-n, -(upper - n.dot(ride))});
    return lower <= upper;
  };
  switch (link.kind) {
    case RelationKind::kAgainst: {
      const WorldSide side = SideInWorld(layout, link);
      const WallLine line = link.b >= 0 ? FaceInWorld(layout, link) : layout.walls[link.wall];
      const FlatGap gap = AgainstLine(side, line);
      if (gap.turned < 0.7072) return false;
      const Vec2 corner = line.inward.dot(side.a - side.b) > 0 ? side.a : side.b;
      const double base = line.inward.dot(line.from_m), start = line.along.dot(line.from_m);
      if (subject) {
        return band(line.inward, corner, base + link.lower, base + link.upper) &&
               band(line.along, side.middle, start, start + line.length_m);
      }
      const double c = line.inward.dot(corner), m = line.along.dot(side.middle);
      return band(line.inward, line.from_m, c - link.upper, c - link.lower) &&
             band(line.along, line.from_m, m - line.length_m, m);
    }
    case RelationKind::kNear: {
      SmallPolygon own = OutlineOf(layout, body, subject ? link.a_box : link.b_box), other;
      for (int k = 0; k < own.n; ++k) own.at[k] -= at;
      if (link.b < 0) {
        other.Add(layout.walls[link.wall].from_m);
        other.Add(layout.walls[link.wall].to_m);
      } else {
        other = subject ? OutlineOf(layout, link.b, link.b_box) : OutlineOf(layout, link.a, link.a_box);
      }
      SmallPolygon sum;
      MinkowskiDifference(other.at.data(), other.n, own.at.data(), own.n, &sum);
      // Drop corners between parallel edges, then round the others outwards.
      SmallPolygon clean;
      for (int k = 0; k < sum.n; ++k) {
        const Vec2 &p = sum.at[(k + sum.n - 1) % sum.n], &q = sum.at[k], &r = sum.at[(k + 1) % sum.n];
        if (Cross(q - p, r - q) > 1e-12) clean.Add(q);
      }
      if (clean.n < 3) return false;
      SmallPolygon outer;
      for (int k = 0; k < clean.n; ++k) {
        const Vec2 before = clean.at[k] - clean.at[(k + clean.n - 1) % clean.n];
        const Vec2 after = clean.at[(k + 1) % clean.n] - clean.at[k];
        const Vec2 n0 = Vec2(before.y(), -before.x()).normalized(), n1 = Vec2(after.y(), -after.x()).normalized();
        outer.Add(clean.at[k] + link.upper * n0);
        outer.Add(clean.at[k] + link.upper * (n0 + n1).normalized());
        outer.Add(clean.at[k] + link.upper * n1);
        if (link.lower > 0) {
          region->forbidden.Add(clean.at[k] + link.lower / (1 + n0.dot(n1)) * (n0 + n1));
        }
      }
      for (int k = 0; k < outer.n; ++k) {
        const Vec2 edge = outer.at[(k + 1) % outer.n] - outer.at[k];
        if (edge.norm() < 1e-12) continue;
        const Vec2 inward = Vec2(-edge.y(), edge.x()).normalized();
        region->planes.push_back({inward, inward.dot(outer.at[k])});
      }
      return true;
    }
    case RelationKind::kFacing: {
      if (link.b < 0) {
        double angle;
        return FacingError(layout, link, &angle) <= link.upper + kLinkSlack;
      }
      if (link.upper >= std::numbers::pi / 2) return true;  // checked afterwards
      const double yaw = layout.bodies[link.a].yaw + link.a_yaw;
      const double half = link.upper - std::min(kLinkInside, link.upper / 2);
      const Vec2 right(std::cos(yaw - half), std::sin(yaw - half)), left(std::cos(yaw + half), std::sin(yaw + half));
      const Vec2 s = PlaceOf(layout, link.a, link.a_at), t = PlaceOf(layout, link.b, link.b_at);
      // cross(right, t - s) >= 0 and cross(left, t - s) <= 0, for the end that moves.
      const Vec2 n_right(-right.y(), right.x()), n_left(left.y(), -left.x());
      for (const Vec2& n : {n_right, n_left}) {
        if (subject) {
          region->planes.push_back({-n, -(n.dot(t - (s - at)))});
        } else {
          region->planes.push_back({n, n.dot(s - (t - at))});
        }
      }
      return true;
    }
    case RelationKind::kReachableBy: {
      const double r = HorizontalReach(link);
      if (r < 0) return false;
      const Vec2 own = subject ? PlaceOf(layout, link.a, link.a_at) : PlaceOf(layout, link.b, link.b_at);
      const Vec2 other = subject ? PlaceOf(layout, link.b, link.b_at) : PlaceOf(layout, link.a, link.a_at);
      constexpr int kSides = 24;
      const double inner = r * std::cos(std::numbers::pi / kSides);
      for (int k = 0; k < kSides; ++k) {
        const double phi = 2 * std::numbers::pi * k / kSides;
        const Vec2 n(-std::cos(phi), -std::sin(phi));
        region->planes.push_back({n, n.dot(other - (own - at)) - inner});
      }
      return true;
    }
    case RelationKind::kAligned: return std::abs(AlignedError(layout, link)) <= link.upper + kLinkSlack;
    default: return true;
  }
}

}  // namespace takt::scene
