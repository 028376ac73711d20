// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <optional>

#include "takt/data/scene/repair/convex.h"
#include "takt/data/scene/repair/measure.h"
#include "takt/data/scene/repair/tree.h"
#include "takt/data/scene/repair/witness.h"

// Every argument is made again from the members that the witness names, by other means where there are any: corners instead
// of clipping, relaxation along edges instead of all pairs, bodies in space instead of rectangles.
namespace takt::scene {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kSlack_m = 2e-4;

class Checker {
 public:
  Checker(const Tree& tree, const Witness& witness, const Tolerances& tolerances)
      : tree_(tree), w_(witness), tol_(tolerances), walls_(Walls(*tree.scene)) {}

  bool Run() {
    for (const std::string& id : w_.objects) {
      const int i = tree_.Find(id);
      if (i < 0 || tree_.items[i].node->kind != NodeKind::kObject || !tree_.items[i].finite) return false;
      items_.push_back(i);
    }
    for (const int r : w_.relations) {
      if (r < 0 || r >= static_cast<int>(tree_.scene->relations.size())) return false;
    }
    switch (w_.kind) {
      case ProofKind::kMissing: return Missing();
      case ProofKind::kCycle: return Cycle();
      case ProofKind::kFixedPair: return FixedPair();
      case ProofKind::kFixedRelation: return FixedRelation();
      case ProofKind::kSupportMisfit: return Misfit();
      case ProofKind::kArea: return Area();
      case ProofKind::kWallLength: return WallLength();
      case ProofKind::kDistance: return Distance();
      case ProofKind::kAngle: return Angle();
      case ProofKind::kPlacement: return Placement();
      case ProofKind::kNone: break;
    }
    return false;
  }

 private:
  const Node& NodeAt(int i) const { return *tree_.items[i].node; }
  const Relation& RelationAt(int r) const { return tree_.scene->relations[r]; }
  bool Named(int item) const { return std::find(items_.begin(), items_.end(), item) != items_.end(); }

  // Bolted to the room through fixed things only, or to the same movable thing.
  int Bolted(int i) const {
    if (i <= 0) return 0;
    const Node& node = NodeAt(i);
    if (node.kind == NodeKind::kObject && !node.fixed) return i;
    return Bolted(tree_.items[i].parent_idx);
  }
  Convex InWorld(const Convex& piece, int item) const { return Transformed(piece, tree_.items[item].world_from_node); }

  bool Missing() const {
    if (w_.relations.size() != 1) return false;
    const Relation& r = RelationAt(w_.relations[0]);
    const int s = tree_.Find(r.subject), t = tree_.Find(r.target);
    const bool wall = !WallsNamed(*tree_.scene, r.target).empty();
    if (s < 0 || (t < 0 && !wall) || s == t) return true;
    if (r.kind == RelationKind::kReachableBy) return t < 0 || !(NodeAt(t).reach_m > 0);
    return (r.kind == RelationKind::kOn || r.kind == RelationKind::kIn) && t < 0;
  }

  bool Cycle() const {
    if (w_.relations.empty()) return false;
    const std::string& start = RelationAt(w_.relations[0]).subject;
    std::string at = start;
    for (size_t step = 0; step < w_.relations.size(); ++step) {
      bool found = false;
      for (const int r : w_.relations) {
        const Relation& relation = RelationAt(r);
        if (relation.kind != RelationKind::kOn && relation.kind != RelationKind::kIn) return false;
        if (relation.subject != at) continue;
        int t = tree_.Find(relation.target);
        while (t > 0 && NodeAt(t).kind != NodeKind::kObject) t = tree_.items[t].parent_idx;
        if (t <= 0) return false;
        at = NodeAt(t).id;
        found = true;
        break;
      }
      if (!found) return false;
      if (at == start) return true;
    }
    return false;
  }

  bool Overlap(const std::vector<Convex>& a, int ia, const std::vector<Convex>& b, int ib) const {
    for (const Convex& x : a) {
      for (const Convex& y : b) {
        if (SignedDistance(InWorld(x, ia), InWorld(y, ib)) < -tol_.penetration_m) return true;
      }
    }
    return false;
  }
  std::vector<Convex> ZonesOf(int i) const {
    std::vector<Convex> zones;
    for (const Clearance& c : NodeAt(i).clearances) {
      if (c.depth_m > 0) zones.push_back(ClearancePiece(NodeAt(i), c));
    }
    return zones;
  }
  // Farthest that a piece reaches beyond the hull of the floor, or into an opening's free space, or across a wall.
  bool LeavesRoom(const std::vector<Convex>& pieces, int i) const {
    for (const Convex& piece : pieces) {
      const Convex p = InWorld(piece, i);
      for (const WallLine& wall : walls_) {
        Convex sheet = WallConvex(wall.from_m, wall.to_m, 1);
        for (Vec3& v : sheet.points) v.z() = v.z() > 0 ? 100 : -100;
        sheet.centre_m.z() = 0;
        sheet.bound_radius_m = 100 + wall.length_m;
        if (SignedDistance(p, sheet) < -tol_.penetration_m) return true;
      }
      double winding = 0;  // of the walls around the middle of the piece
      const Vec2 c(p.centre_m.x(), p.centre_m.y());
      for (const WallLine& wall : walls_) {
        const Vec2 a = wall.from_m - c, b = wall.to_m - c;
        winding += std::atan2(Cross(a, b), a.dot(b));
      }
      if (std::abs(winding) < std::numbers::pi) return true;
      const double height = tree_.scene->room.height_m;
      if (height > 0 && Heights(p).high_m > height + tol_.penetration_m) return true;
    }
    return false;
  }

  bool FixedPair() const {
    if (items_.size() == 1) {
      const int i = items_[0];
      if (Bolted(i) != 0) return false;
      if (LeavesRoom(tree_.items[i].body, i) || LeavesRoom(ZonesOf(i), i)) return true;
      for (const Opening& o : tree_.scene->room.openings) {
        if (o.wall_idx < 0 || o.wall_idx >= static_cast<int>(walls_.size()) || !(o.clearance_m > 0)) continue;
        const WallLine& wall = walls_[o.wall_idx];
        const Vec2 m = wall.from_m + (o.offset_m + o.width_m / 2) * wall.along + o.clearance_m / 2 * wall.inward;
        const Convex zone = BoxConvex({o.width_m, o.clearance_m, o.height_m},
                                      Pose::Yaw(std::atan2(wall.along.y(), wall.along.x()), {m.x(), m.y(), o.sill_m + o.height_m / 2}));
        for (const Convex& piece : tree_.items[i].body) {
          if (SignedDistance(InWorld(piece, i), zone) < -tol_.penetration_m) return true;
        }
      }
      return false;
    }
    if (items_.size() != 2) return false;
    const int a = items_[0], b = items_[1];
    if (Bolted(a) != Bolted(b) || tree_.Exempt(a, b)) return false;
    if (Overlap(tree_.items[a].body, a, tree_.items[b].body, b)) return true;
    return (!tree_.RidesOn(b, a) && Overlap(ZonesOf(a), a, tree_.items[b].body, b)) ||
           (!tree_.RidesOn(a, b) && Overlap(ZonesOf(b), b, tree_.items[a].body, a));
  }

  bool FixedRelation() const {
    if (w_.relations.size() != 1) return false;
    const Relation& r = RelationAt(w_.relations[0]);
    if (r.kind == RelationKind::kOn || r.kind == RelationKind::kIn) return false;
    const int s = tree_.Find(r.subject), t = tree_.Find(r.target);
    if (s < 0 || (t < 0 ? Bolted(s) != 0 : Bolted(s) != Bolted(t))) return false;
    const RelationCheck check = CheckRelation(tree_, w_.relations[0], tol_);
    return !check.holds && !std::isnan(check.value);
  }

  const Support* SupportNamed(int item) const {
    if (tree_.items[item].inferred || tree_.items[item].support_idx < 0) return nullptr;
    const Support& s = tree_.supports[tree_.items[item].support_idx];
    return (s.floor || s.cavity) && NodeAt(s.item_idx).id == w_.support ? &s : nullptr;
  }

  bool Misfit() const {
    if (items_.size() != 1 || NodeAt(items_[0]).fixed || !NodeAt(items_[0]).upright) return false;
    const int i = items_[0];
    const Support* support = SupportNamed(i);
    if (support == nullptr) return false;
    double low = kInf, high = -kInf;
    std::vector<Vec2> points;
    for (const Convex& piece : tree_.items[i].body) {
      low = std::min(low, SupportPoint(piece, -Vec3::UnitZ()).z());
      high = std::max(high, SupportPoint(piece, Vec3::UnitZ()).z());
      for (int k = 0; k < 64; ++k) {
        const Vec3 p = SupportPoint(piece, Vec3(std::cos(0.1 + k * std::numbers::pi / 32), std::sin(0.1 + k * std::numbers::pi / 32), 0));
        points.emplace_back(p.x(), p.y());
      }
    }
    const double ceiling = support->floor ? tree_.scene->room.height_m : support->height_m;
    if (ceiling > 0 && high - low > ceiling + kSlack_m) return true;
    // Every yaw of a fine comb: no corner of the places left satisfies all borders, even with the play to the next tooth.
    const std::vector<Vec2> hull = Hull2(support->outline_m);
    double radius = 0;
    for (const Vec2& p : points) radius = std::max(radius, p.norm());
    int teeth = 512;
    for (; teeth <= 1 << 17; teeth *= 16) {
      bool all = true;
      for (int k = 0; k < teeth && all; ++k) {
        all = NoCorner(hull, points, 2 * std::numbers::pi * k / teeth, kSlack_m + radius * std::numbers::pi / teeth);
      }
      if (all) return true;
    }
    return false;
  }

  static bool NoCorner(const std::vector<Vec2>& hull, const std::vector<Vec2>& body, double yaw, double slack) {
    std::vector<Vec2> n(hull.size());
    std::vector<double> c(hull.size());
    const Eigen::Rotation2Dd turn(yaw);
    for (size_t k = 0; k < hull.size(); ++k) {
      const Vec2 e = (hull[(k + 1) % hull.size()] - hull[k]).normalized();
      n[k] = Vec2(-e.y(), e.x());
      double reach = kInf;
      for (const Vec2& v : body) reach = std::min(reach, n[k].dot(turn * v));
      c[k] = n[k].dot(hull[k]) - reach - slack;
    }
    for (size_t a = 0; a < n.size(); ++a) {
      for (size_t b = a + 1; b < n.size(); ++b) {
        const double det = Cross(n[a], n[b]);
        if (std::abs(det) < 1e-9) continue;
        const Vec2 p((c[a] * n[b].y() - c[b] * n[a].y()) / det, (c[b] * n[a].x() - c[a] * n[b].x()) / det);
        bool inside = true;
        for (size_t k = 0; k < n.size() && inside; ++k) inside = n[k].dot(p) >= c[k] - 1e-9;
        if (inside) return false;
      }
    }
    return true;
  }

  static double Shoelace(const std::vector<Vec2>& p) {
    double twice = 0;
    for (size_t k = 0; k < p.size(); ++k) twice += p[k].x() * p[(k + 1) % p.size()].y() - p[(k + 1) % p.size()].x() * p[k].y();
    return std::abs(twice) / 2;
  }

  bool Area() const {
    if (items_.empty()) return false;
    double needed = 0, zone = 0;
    const Support* support = nullptr;
    for (const int i : items_) {
      const Support* s = SupportNamed(i);
      if (s == nullptr || (support != nullptr && s != support) || !NodeAt(i).upright) return false;
      if (NodeAt(i).fixed && std::abs(tree_.items[i].world_from_node.translation_m.z()) > 1e-6) return false;
      support = s;
      // The largest vertical piece that touches the ground.
      double bottom = kInf, covered = 0;
      for (const Convex& piece : tree_.items[i].body) bottom = std::min(bottom, Heights(piece).low_m);
      for (const Convex& piece : tree_.items[i].body) {
        const HeightRange h = Heights(piece);
        if (h.low_m > bottom + 1e-3 || h.high_m < bottom + 5e-3) continue;
        if (piece.cylinder()) {
          if (std::abs(piece.axis.z()) > 1 - 1e-9) covered = std::max(covered, std::numbers::pi * std::pow(piece.rim_radius_m - kSlack_m, 2));
        } else if (piece.points.size() == 8 && piece.edges.size() == 3 && piece.radius_m == 0) {
          const Vec3 a = piece.points[1] - piece.points[0], b = piece.points[2] - piece.points[0], c = piece.points[4] - piece.points[0];
          if (std::hypot(c.x(), c.y()) < 1e-9 * c.norm() + 1e-12) {
            covered = std::max(covered, a.norm() * b.norm() - 2 * (a.norm() + b.norm()) * kSlack_m);
          }
        }
      }
      needed += covered;
      if (!NodeAt(i).parts.empty() || !support->floor) continue;
      for (const Clearance& c : NodeAt(i).clearances) {
        const Vec3& size = NodeAt(i).size_m;
        if (c.side == Side::kFront || c.side == Side::kBack) zone = std::max(zone, c.depth_m * size.y());
        if (c.side == Side::kLeft || c.side == Side::kRight) zone = std::max(zone, c.depth_m * size.x());
      }
    }
    double around = 0;
    for (size_t k = 0; k < support->outline_m.size(); ++k) {
      around += (support->outline_m[(k + 1) % support->outline_m.size()] - support->outline_m[k]).norm();
    }
    return needed + zone > Shoelace(support->outline_m) + around * kSlack_m;
  }

  bool WallLength() const {
    // One wall where all relations name the same one, else the whole round.
    int wall = -2;
    double reach = 0, widest = 0;
    struct Side_ {
      double length, low, depth;
    };
    std::vector<Side_> sides;
    std::vector<int> seen;
    for (const int r : w_.relations) {
      const Relation& relation = RelationAt(r);
      const int s = tree_.Find(relation.subject);
      if (relation.kind != RelationKind::kAgainst || !NamesWall(relation.target) || relation.side == Side::kTop || !Named(s)) return false;
      if (std::find(seen.begin(), seen.end(), s) != seen.end()) return false;
      seen.push_back(s);
      const Node& node = NodeAt(s);
      if (!node.parts.empty() || !node.upright || SupportNamed(s) == nullptr || !SupportNamed(s)->floor) return false;
      const auto named = WallsNamed(*tree_.scene, relation.target);
      const int this_wall = named.size() == 1 ? named[0] : -1;
      wall = wall == -2 || wall == this_wall ? this_wall : -1;
      const Allowed allowed = AllowedBy(tree_, relation, tol_);
      const SideLine line = SideOf(node.size_m, relation.side);
      const double width = (line.to_m - line.from_m).norm(), sine = (allowed.upper - allowed.lower + kSlack_m) / width;
      if (!(sine < 0.5)) return false;
      const double cosine = std::cos(std::asin(sine));
      const double depth = relation.side == Side::kFront || relation.side == Side::kBack ? node.size_m.x() : node.size_m.y();
      sides.push_back({width * cosine - 2 * kSlack_m, allowed.lower, depth * cosine});
      reach = std::max(reach, allowed.upper);
      widest = std::max(widest, sides.back().length);
    }
    double needed = 0;
    for (const Side_& side : sides) {
      if (!(side.low + side.depth > reach + 1e-3)) return false;
      needed += side.length;
    }
    double available = 0;
    const int n = static_cast<int>(walls_.size());
    for (int k = 0; k < n; ++k) {
      if (wall >= 0 && k != wall) continue;
      available += walls_[k].length_m;
      for (const int j : {(k + n - 1) % n, (k + 1) % n}) {  // a neighbour that does not stand across lets a side stick out
        const bool before = j == (k + n - 1) % n;
        const double cross = before ? Cross(walls_[j].along, walls_[k].along) : Cross(walls_[k].along, walls_[j].along);
        if (cross < 1 - 1e-9 || walls_[j].length_m < reach + 0.01) available += widest / 2;
      }
      // Stretches before doors are taken, each point once.
      std::vector<std::pair<double, double>> taken;
      for (const Opening& o : tree_.scene->room.openings) {
        if (o.wall_idx != k || o.sill_m > 1e-3 || !(o.clearance_m > reach + 1e-3)) continue;
        taken.emplace_back(std::max(0.0, o.offset_m), std::min(walls_[k].length_m, o.offset_m + o.width_m));
      }
      std::sort(taken.begin(), taken.end());
      double upto = 0;
      for (const auto& [from, to] : taken) {
        available -= std::max(0.0, to - std::max(from, upto) - kSlack_m);
        upto = std::max(upto, to);
      }
    }
    return !sides.empty() && needed > available;
  }

  Vec2 Middle(int i) const {
    const Vec3 p = tree_.items[i].world_from_node * Vec3(0, 0, NodeAt(i).size_m.z() / 2);
    return {p.x(), p.y()};
  }

  struct Link {
    int a, b;
    double most;
  };
  // Shortest way from `start` along links, by relaxation.
  double Way(const std::vector<Link>& links, int start, int end) const {
    std::vector<double> at(tree_.items.size(), kInf);
    at[start] = 0;
    for (size_t round = 0; round < tree_.items.size(); ++round) {
      bool changed = false;
      for (const Link& link : links) {
        for (const auto& [x, y] : {std::pair{link.a, link.b}, std::pair{link.b, link.a}}) {
          if (at[x] + link.most < at[y]) {
            at[y] = at[x] + link.most;
            changed = true;
          }
        }
      }
      if (!changed) break;
    }
    return at[end];
  }

  bool Distance() const {
    std::vector<Link> links, least;
    double across = 0;
    for (const Vec2& a : tree_.scene->room.floor_m) {
      for (const Vec2& b : tree_.scene->room.floor_m) across = std::max(across, (a - b).norm());
    }
    for (const int r : w_.relations) {
      const Relation& relation = RelationAt(r);
      const int a = tree_.Find(relation.subject), b = tree_.Find(relation.target);
      if (!Named(a) || !Named(b)) return false;
      const Node &na = NodeAt(a), &nb = NodeAt(b);
      const Allowed allowed = AllowedBy(tree_, relation, tol_);
      if (relation.kind == RelationKind::kReachableBy) {
        if (!nb.upright || !(allowed.upper > 0)) return false;
        links.push_back({a, b, allowed.upper + kSlack_m});
      } else if (relation.kind == RelationKind::kNear) {
        if (!na.upright || !nb.upright) return false;
        if (allowed.lower > allowed.upper + kSlack_m) return true;
        const auto around = [](const Node& n) { return std::hypot(n.size_m.x(), n.size_m.y()) / 2; };
        const auto within = [](const Node& n) { return std::min(n.size_m.x(), n.size_m.y()) / 2; };
        links.push_back({a, b, allowed.upper + around(na) + around(nb) + kSlack_m});
        if (allowed.lower > 0) least.push_back({a, b, allowed.lower + within(na) + within(nb) - kSlack_m});
        if (allowed.lower + within(na) + within(nb) > across + kSlack_m) return true;
      } else {
        return false;
      }
    }
    for (size_t x = 0; x < items_.size(); ++x) {
      for (size_t y = x + 1; y < items_.size(); ++y) {
        if (Bolted(items_[x]) != 0 || Bolted(items_[y]) != 0) continue;
        const double d = (Middle(items_[x]) - Middle(items_[y])).norm();
        links.push_back({items_[x], items_[y], d});
        least.push_back({items_[x], items_[y], d});
      }
    }
    for (const Link& want : least) {
      if (want.most > Way(links, want.a, want.b) + kSlack_m) return true;
    }
    return false;
  }

  bool Angle() const {
    std::vector<Link> links;
    struct Fixed {
      int item;
      double yaw, play;
    };
    std::vector<Fixed> fixed;
    for (const int i : items_) {
      if (Bolted(i) == 0) fixed.push_back({i, YawOf(tree_.items[i].world_from_node.rotation), 0});
    }
    for (const int r : w_.relations) {
      const Relation& relation = RelationAt(r);
      const int a = tree_.Find(relation.subject), b = tree_.Find(relation.target);
      if (!Named(a) || (b >= 0 && !Named(b))) return false;
      const Allowed allowed = AllowedBy(tree_, relation, tol_);
      double play = allowed.upper;
      if (relation.kind == RelationKind::kAgainst && b < 0 && relation.side != Side::kTop) {
        const SideLine side = SideOf(NodeAt(a).size_m, relation.side);
        play = std::asin(std::min(1.0, (allowed.upper - allowed.lower + kSlack_m) / (side.to_m - side.from_m).norm()));
        if (!(play < 0.78)) return false;
      } else if (relation.kind != RelationKind::kAligned) {
        return false;
      }
      play += 1e-4;
      if (b >= 0) {
        links.push_back({a, b, play});
        continue;
      }
      double yaw = NAN;
      for (const int w : WallsNamed(*tree_.scene, relation.target)) {
        const double here = std::atan2(walls_[w].along.y(), walls_[w].along.x());
        if (!std::isnan(yaw) && Quarter(here - yaw) > 1e-9) return false;
        yaw = here;
      }
      if (std::isnan(yaw)) return false;
      fixed.push_back({a, yaw, play});
    }
    for (const Fixed& x : fixed) {
      for (const Fixed& y : fixed) {
        if (Quarter(x.yaw - y.yaw) > x.play + y.play + Way(links, x.item, y.item) + 1e-9) return true;
      }
    }
    return false;
  }
  static double Quarter(double a) {
    const double q = std::numbers::pi / 2, m = a - q * std::floor(a / q);
    return std::min(m, q - m);
  }

  // The bodies in space, in cells that are halved until in each of them something overlaps for certain.
  struct Range {
    double x, y, yaw, dx, dy, dyaw;
  };
  bool Placement() {
    std::vector<int> loose, fixed;
    for (const int i : items_) (Bolted(i) == 0 ? fixed : loose).push_back(i);
    if (loose.empty() || loose.size() > 2 || !w_.relations.empty()) return false;
    const Support* support = nullptr;
    for (const int i : loose) {
      const Support* s = SupportNamed(i);
      if (s == nullptr || (support != nullptr && s != support) || !NodeAt(i).upright || !NodeAt(i).parts.empty()) return false;
      support = s;
    }
    if (!support->floor && !fixed.empty()) return false;
    obstacles_.clear();
    for (const int i : fixed) {
      for (const Convex& piece : tree_.items[i].body) obstacles_.push_back(InWorld(piece, i));
    }
    if (support->floor) {
      for (const Opening& o : tree_.scene->room.openings) {
        if (o.wall_idx < 0 || o.wall_idx >= static_cast<int>(walls_.size()) || !(o.clearance_m > 0) || o.sill_m > 1e-3) continue;
        const WallLine& wall = walls_[o.wall_idx];
        const Vec2 m = wall.from_m + (o.offset_m + o.width_m / 2) * wall.along + o.clearance_m / 2 * wall.inward;
        obstacles_.push_back(BoxConvex({o.width_m, o.clearance_m, 10},
                                       Pose::Yaw(std::atan2(wall.along.y(), wall.along.x()), {m.x(), m.y(), 4.9})));
      }
    }
    hull_ = Hull2(support->outline_m);
    Vec2 low = hull_[0], high = hull_[0];
    for (const Vec2& p : hull_) {
      low = low.cwiseMin(p);
      high = high.cwiseMax(p);
    }
    std::vector<Range> start(loose.size(), {(low.x() + high.x()) / 2, (low.y() + high.y()) / 2, std::numbers::pi / 2,
                                            (high.x() - low.x()) / 2, (high.y() - low.y()) / 2, std::numbers::pi / 2});
    cells_left_ = 200000;
    return Shut(loose, start);
  }

  bool Shut(const std::vector<int>& loose, const std::vector<Range>& at) {
    if (--cells_left_ < 0) return false;
    std::vector<Convex> body;
    std::vector<double> play;
    for (size_t k = 0; k < loose.size(); ++k) {
      const Vec3& size = NodeAt(loose[k]).size_m;
      body.push_back(BoxConvex(size, Pose::Yaw(at[k].yaw, {at[k].x, at[k].y, size.z() / 2})));
      play.push_back(std::hypot(at[k].dx, at[k].dy) + at[k].dyaw * std::hypot(size.x(), size.y()) / 2);
      for (size_t e = 0; e < hull_.size(); ++e) {
        const Vec2 d = (hull_[(e + 1) % hull_.size()] - hull_[e]).normalized();
        const Vec3 outward(d.y(), -d.x(), 0);
        const double out = outward.dot(SupportPoint(body[k], outward) - Vec3(hull_[e].x(), hull_[e].y(), 0));
        if (out > play[k] + kSlack_m) return true;
      }
      for (const Convex& obstacle : obstacles_) {
        if (-Sideways(body[k], obstacle) > play[k] + kSlack_m) return true;
      }
    }
    if (loose.size() == 2 && -Sideways(body[0], body[1]) > play[0] + play[1] + kSlack_m) return true;
    size_t which = 0;
    int axis = 0;
    double widest = 0;
    for (size_t k = 0; k < at.size(); ++k) {
      const double turn = at[k].dyaw * NodeAt(loose[k]).size_m.head<2>().norm() / 2;
      const double spans[3] = {at[k].dx, at[k].dy, turn};
      for (int a = 0; a < 3; ++a) {
        if (spans[a] > widest) {
          widest = spans[a];
          which = k;
          axis = a;
        }
      }
    }
    if (widest < 1e-4) return false;
    for (const double side : {-0.5, 0.5}) {
      std::vector<Range> half = at;
      Range& r = half[which];
      (axis == 0 ? r.x : axis == 1 ? r.y : r.yaw) += side * (axis == 0 ? r.dx : axis == 1 ? r.dy : r.dyaw);
      (axis == 0 ? r.dx : axis == 1 ? r.dy : r.dyaw) /= 2;
      if (!Shut(loose, half)) return false;
    }
    return true;
  }

  // Signed distance when both are made so high that they can only be parted sideways.
  static double Sideways(Convex a, Convex b) {
    for (Convex* c : {&a, &b}) {
      if (c->cylinder()) {
        c->half_length_m += 50;
      } else {
        const double middle = c->centre_m.z();
        for (Vec3& p : c->points) p.z() += p.z() > middle ? 50 : -50;
      }
    }
    return SignedDistance(a, b);
  }

  const Tree& tree_;
  const Witness& w_;
  const Tolerances& tol_;
  std::vector<WallLine> walls_;
  std::vector<int> items_;
  std::vector<Convex> obstacles_;
  std::vector<Vec2> hull_;
  int cells_left_ = 0;
};

}  // namespace

bool CheckWitness(const Scene& scene, const Witness& witness, const Tolerances& tolerances, const std::filesystem::path& assets) {
  const Tree tree = ReadTree(scene, assets);
  return Checker(tree, witness, tolerances).Run();
}

}  // namespace takt::scene
