// SPDX-License-Identifier: Apache-2.0
#include "takt/data/scene/repair/witness.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numbers>
#include <optional>

#include "takt/data/scene/repair/measure.h"

namespace takt::scene {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kSlack_m = 2e-4;  // tolerances may be used up everywhere: no proof hangs on less

struct Finding {
  double needed = 0, available = 0;
  std::string support;
  std::vector<std::string> steps;
};

// What a proof may use. Deleting members and proving again makes a witness minimal.
struct Members {
  std::vector<char> object;    // by item
  std::vector<char> relation;  // by index
};

class Prover {
 public:
  Prover(const Tree& tree, const Tolerances& tolerances, int max_cells)
      : tree_(tree), tol_(tolerances), max_cells_(max_cells), walls_(Walls(*tree.scene)) {}

  Witness Find() {
    Members all{std::vector<char>(tree_.items.size(), 0), std::vector<char>(tree_.scene->relations.size(), 1)};
    for (size_t i = 0; i < tree_.items.size(); ++i) all.object[i] = Kind(static_cast<int>(i)) == NodeKind::kObject && tree_.items[i].finite;
    for (const ProofKind kind : {ProofKind::kMissing, ProofKind::kCycle, ProofKind::kFixedPair, ProofKind::kFixedRelation,
                                 ProofKind::kSupportMisfit, ProofKind::kArea, ProofKind::kAngle, ProofKind::kDistance,
                                 ProofKind::kWallLength}) {
      if (Prove(kind, all)) return Shrink(kind, all);
    }
    return max_cells_ > 0 ? Placement(all) : Witness{};
  }

 private:
  NodeKind Kind(int i) const { return tree_.items[i].node->kind; }
  const Node& NodeAt(int i) const { return *tree_.items[i].node; }
  int Count() const { return static_cast<int>(tree_.items.size()); }
  const Relation& RelationAt(int r) const { return tree_.scene->relations[r]; }
  int RelationCount() const { return static_cast<int>(tree_.scene->relations.size()); }

  // The item whose motion carries this one without play: 0 for what is bolted to the room.
  int Root(int i) const {
    while (i > 0 && (Kind(i) != NodeKind::kObject || NodeAt(i).fixed)) i = tree_.items[i].parent_idx;
    return std::max(i, 0);
  }
  bool Known(int i) const { return !tree_.items[i].inferred; }  // its support is more than a guess

  std::optional<Finding> Prove(ProofKind kind, const Members& m) const {
    switch (kind) {
      case ProofKind::kMissing: return Missing(m);
      case ProofKind::kCycle: return Cycle(m);
      case ProofKind::kFixedPair: return FixedPair(m);
      case ProofKind::kFixedRelation: return FixedRelation(m);
      case ProofKind::kSupportMisfit: return Misfit(m);
      case ProofKind::kArea: return Area(m);
      case ProofKind::kWallLength: return WallLength(m);
      case ProofKind::kDistance: return Distance(m);
      case ProofKind::kAngle: return Angle(m);
      case ProofKind::kPlacement: return Cells(m);
      case ProofKind::kNone: break;
    }
    return std::nullopt;
  }

  Witness Shrink(ProofKind kind, Members m) const {
    for (auto* flags : {&m.object, &m.relation}) {
      for (size_t k = 0; k < flags->size(); ++k) {
        if (!(*flags)[k]) continue;
        (*flags)[k] = 0;
        if (!Prove(kind, m)) (*flags)[k] = 1;
      }
    }
    const Finding finding = *Prove(kind, m);
    Witness w;
    w.kind = kind;
    w.needed = finding.needed;
    w.available = finding.available;
    w.support = finding.support;
    w.steps = finding.steps;
    for (int i = 0; i < Count(); ++i) {
      if (m.object[i]) w.objects.push_back(NodeAt(i).id);
    }
    for (int r = 0; r < RelationCount(); ++r) {
      if (m.relation[r]) w.relations.push_back(r);
    }
    return w;
  }

  std::optional<Finding> Missing(const Members& m) const {
    for (int r = 0; r < RelationCount(); ++r) {
      if (!m.relation[r]) continue;
      const Relation& relation = RelationAt(r);
      const int s = tree_.Find(relation.subject), t = tree_.Find(relation.target);
      std::string what;
      if (s < 0) what = "there is no \"" + relation.subject + "\"";
      else if (t < 0 && WallsNamed(*tree_.scene, relation.target).empty()) what = "there is no \"" + relation.target + "\"";
      else if (s == t) what = "it relates a thing to itself";
      else if (relation.kind == RelationKind::kReachableBy && (t < 0 || !(NodeAt(t).reach_m > 0))) what = "the target has no reach";
      else if ((relation.kind == RelationKind::kOn || relation.kind == RelationKind::kIn) && t < 0) what = "a wall carries nothing";
      if (!what.empty()) return Finding{1, 0, {}, {fmt::format("relation {}: {}", r, what)}};
    }
    return std::nullopt;
  }

  // Rings of `on` and `in` among what is stated.
  std::optional<Finding> Cycle(const Members& m) const {
    std::vector<int> next(Count(), -1);
    for (int r = 0; r < RelationCount(); ++r) {
      const Relation& relation = RelationAt(r);
      if (!m.relation[r] || (relation.kind != RelationKind::kOn && relation.kind != RelationKind::kIn)) continue;
      int s = tree_.Find(relation.subject), t = tree_.Find(relation.target);
      while (t > 0 && Kind(t) != NodeKind::kObject) t = tree_.items[t].parent_idx;
      if (s > 0 && t > 0 && next[s] < 0) next[s] = t;
    }
    for (int i = 0; i < Count(); ++i) {
      int k = i;
      for (int step = 0; step <= Count() && k >= 0; ++step) {
        k = next[k];
        if (k == i) return Finding{1, 0, {}, {fmt::format("{} would have to stand on itself", NodeAt(i).id)}};
      }
    }
    return std::nullopt;
  }

  std::optional<Finding> FixedPair(const Members& m) const {
    if (!certificate_) certificate_ = Certify(tree_, tol_);
    for (const Fault& fault : certificate_->faults) {
      const int a = tree_.Find(fault.subject), b = tree_.Find(fault.other);
      if (a < 0 || !m.object[a]) continue;
      const bool pair = b >= 0 && Kind(b) == NodeKind::kObject;
      if (pair && !m.object[b]) continue;
      const bool bound = fault.kind == FaultKind::kPenetration || fault.kind == FaultKind::kBlockedClearance
                             ? (pair ? Root(a) == Root(b) : Root(a) == 0)
                             : (fault.kind == FaultKind::kOutOfBounds || fault.kind == FaultKind::kBlockedOpening) && Root(a) == 0 && !pair;
      if (!bound || NodeAt(a).id != fault.subject) continue;
      return Finding{fault.value, tol_.penetration_m, {}, {fmt::format("{} is fixed: {}", fault.subject, fault.text)}};
    }
    return std::nullopt;
  }

  std::optional<Finding> FixedRelation(const Members& m) const {
    for (int r = 0; r < RelationCount(); ++r) {
      if (!m.relation[r]) continue;
      const Relation& relation = RelationAt(r);
      const int s = tree_.Find(relation.subject), t = tree_.Find(relation.target);
      if (s < 0 || !m.object[s] || (t >= 0 && Kind(t) == NodeKind::kObject && !m.object[t])) continue;
      if (t < 0 ? Root(s) != 0 : Root(s) != Root(t)) continue;
      if (relation.kind == RelationKind::kOn || relation.kind == RelationKind::kIn) continue;
      const RelationCheck check = CheckRelation(tree_, r, tol_);
      if (check.holds || std::isnan(check.value)) continue;
      return Finding{check.value, check.upper, {}, {fmt::format("relation {} is between fixed things and measures {:.4g}", r, check.value)}};
    }
    return std::nullopt;
  }

  // Corners of the body seen from above, at yaw 0, not beyond it.
  std::vector<Vec2> InnerCorners(int i) const {
    std::vector<Vec2> corners;
    for (const Convex& piece : tree_.items[i].body) {
      for (int k = 0; k < 32; ++k) {
        const double phi = 2 * std::numbers::pi * k / 32 + 1e-3;
        const Vec3 p = SupportPoint(piece, Vec3(std::cos(phi), std::sin(phi), 0));
        corners.emplace_back(p.x(), p.y());
      }
    }
    return Hull2(std::move(corners));
  }

  std::optional<Finding> Misfit(const Members& m) const {
    for (int i = 0; i < Count(); ++i) {
      if (!m.object[i] || NodeAt(i).fixed || !NodeAt(i).upright || !Known(i)) continue;
      const Support& support = tree_.supports[tree_.items[i].support_idx];
      if (!support.floor && !support.cavity) continue;
      const std::string& id = NodeAt(support.item_idx).id;
      double low = kInf, high = -kInf;
      for (const Convex& piece : tree_.items[i].body) {
        low = std::min(low, Heights(piece).low_m);
        high = std::max(high, Heights(piece).high_m);
      }
      const double ceiling = support.floor ? tree_.scene->room.height_m : support.height_m;
      if (ceiling > 0 && high - low > ceiling + kSlack_m) {
        return Finding{high - low, ceiling, id, {fmt::format("{} is {:.3f} m high, {} offers {:.3f} m", NodeAt(i).id, high - low, id, ceiling)}};
      }
      if (NoYawFits(InnerCorners(i), Hull2(support.outline_m))) {
        return Finding{NodeAt(i).size_m.head<2>().maxCoeff(), Diameter(support.outline_m), id,
                       {fmt::format("{} ({:.3f} x {:.3f} m) fits on {} in no yaw", NodeAt(i).id, NodeAt(i).size_m.x(), NodeAt(i).size_m.y(), id)}};
      }
    }
    return std::nullopt;
  }

  static double Diameter(const std::vector<Vec2>& points) {
    double d = 0;
    for (const Vec2& a : points) {
      for (const Vec2& b : points) d = std::max(d, (a - b).norm());
    }
    return d;
  }

  // Whether the places left by the half planes, each pushed out by `slack`, are none.
  static bool Empty(const std::vector<Vec2>& hull, const std::vector<Vec2>& body, double yaw, double slack) {
    std::vector<Vec2> region = {{-1e4, -1e4}, {1e4, -1e4}, {1e4, 1e4}, {-1e4, 1e4}}, next;
    const double c = std::cos(yaw), s = std::sin(yaw);
    for (size_t k = 0; k < hull.size(); ++k) {
      const Vec2 e = (hull[(k + 1) % hull.size()] - hull[k]).normalized();
      const Vec2 n(-e.y(), e.x());
      double reach = kInf;
      for (const Vec2& v : body) reach = std::min(reach, n.dot(Vec2(c * v.x() - s * v.y(), s * v.x() + c * v.y())));
      const double offset = n.dot(hull[k]) - reach - slack;
      next.clear();
      for (size_t j = 0; j < region.size(); ++j) {
        const Vec2 &a = region[j], &b = region[(j + 1) % region.size()];
        const double da = n.dot(a) - offset, db = n.dot(b) - offset;
        if (da >= 0) next.push_back(a);
        if ((da < 0) != (db < 0)) next.push_back(a + (b - a) * (da / (da - db)));
      }
      region = next;
      if (region.empty()) return true;
    }
    return false;
  }

  static bool NoYawFits(const std::vector<Vec2>& body, const std::vector<Vec2>& hull) {
    double radius = 0;
    for (const Vec2& v : body) radius = std::max(radius, v.norm());
    std::vector<std::pair<double, double>> todo;
    for (int k = 0; k < 16; ++k) todo.emplace_back(std::numbers::pi * (k + 0.5) / 8, std::numbers::pi / 16);
    for (int step = 0; step < 4000 && !todo.empty(); ++step) {
      const auto [yaw, half] = todo.back();
      todo.pop_back();
      if (Empty(hull, body, yaw, kSlack_m + radius * half)) continue;
      if (!Empty(hull, body, yaw, kSlack_m) || half < 1e-5) return false;
      todo.emplace_back(yaw - half / 2, half / 2);
      todo.emplace_back(yaw + half / 2, half / 2);
    }
    return todo.empty();
  }

  static double PolygonArea(const std::vector<Vec2>& p) {
    double a = 0;
    for (size_t k = 0; k < p.size(); ++k) a += Cross(p[k], p[(k + 1) % p.size()]) / 2;
    return a;
  }

  // Floor that an object covers for itself, a millimetre above its support.
  double Covered(int i) const {
    double best = 0, bottom = kInf;
    for (const Convex& piece : tree_.items[i].body) bottom = std::min(bottom, Heights(piece).low_m);
    for (const Convex& piece : tree_.items[i].body) {
      const HeightRange range = Heights(piece);
      if (range.low_m > bottom + 1e-3 || range.high_m < bottom + 5e-3) continue;
      double area = 0;
      if (piece.cylinder() && std::abs(piece.axis.z()) > 1 - 1e-9) {
        const double r = piece.rim_radius_m - kSlack_m;
        area = std::numbers::pi * r * r;
      } else if (!piece.cylinder() && piece.points.size() == 8 && piece.radius_m == 0) {
        const std::vector<Vec2> outline = OuterOutline(piece);
        double around = 0;
        for (size_t k = 0; k < outline.size(); ++k) around += (outline[(k + 1) % outline.size()] - outline[k]).norm();
        bool upright = false;
        for (const Vec3& n : piece.normals) upright = upright || std::abs(n.z()) > 1 - 1e-9;
        if (upright) area = PolygonArea(outline) - around * kSlack_m;
      }
      best = std::max(best, area);
    }
    return best;
  }

  std::optional<Finding> Area(const Members& m) const {
    for (int s = 0; s < static_cast<int>(tree_.supports.size()); ++s) {
      const Support& support = tree_.supports[s];
      if (!support.floor && !support.cavity) continue;
      double needed = 0, zone = 0;
      for (int i = 0; i < Count(); ++i) {
        if (!m.object[i] || tree_.items[i].support_idx != s || !Known(i) || !NodeAt(i).upright) continue;
        if (NodeAt(i).fixed && std::abs(tree_.items[i].world_from_node.translation_m.z()) > 1e-6) continue;
        needed += Covered(i);
        for (const Clearance& c : NodeAt(i).clearances) {
          if (c.side == Side::kTop || !NodeAt(i).parts.empty() || !support.floor) continue;
          const bool ends = c.side == Side::kFront || c.side == Side::kBack;
          zone = std::max(zone, c.depth_m * (ends ? NodeAt(i).size_m.y() : NodeAt(i).size_m.x()));
        }
      }
      // One clearance counts: two may share their space.
      needed += zone;
      double available = PolygonArea(support.outline_m), around = 0;
      for (size_t k = 0; k < support.outline_m.size(); ++k) {
        around += (support.outline_m[(k + 1) % support.outline_m.size()] - support.outline_m[k]).norm();
      }
      available += around * kSlack_m;
      if (needed > available) {
        const std::string& id = NodeAt(support.item_idx).id;
        return Finding{needed, available, id, {fmt::format("they cover {:.3f} m^2 of {}, which has {:.3f} m^2", needed, id, available)}};
      }
    }
    return std::nullopt;
  }

  // Least length of wall that the side covers, and how near the body's far face may come.
  struct Row {
    double length = 0, low = 0, high = 0, depth = 0;
  };
  std::optional<Row> RowOf(int r) const {
    const Relation& relation = RelationAt(r);
    const int s = tree_.Find(relation.subject);
    if (relation.kind != RelationKind::kAgainst || relation.side == Side::kTop || s < 0 || !NamesWall(relation.target)) return std::nullopt;
    const Node& node = NodeAt(s);
    if (!node.parts.empty() || !node.upright || !Known(s) || !tree_.supports[tree_.items[s].support_idx].floor) return std::nullopt;
    const Allowed allowed = AllowedBy(tree_, relation, tol_);
    const bool ends = relation.side == Side::kFront || relation.side == Side::kBack;
    const double width = ends ? node.size_m.y() : node.size_m.x();
    const double play = (allowed.upper - allowed.lower + kSlack_m) / width;
    if (!(play < 0.5)) return std::nullopt;
    Row row;
    row.length = width * std::sqrt(1 - play * play) - 2 * kSlack_m;
    row.low = allowed.lower;
    row.high = allowed.upper;
    row.depth = (ends ? node.size_m.x() : node.size_m.y()) * std::sqrt(1 - play * play);
    return row;
  }

  std::optional<Finding> WallLength(const Members& m) const {
    // For each wall those that name it; for all walls together everybody.
    for (int w = -1; w < static_cast<int>(walls_.size()); ++w) {
      std::vector<Row> rows;
      std::vector<int> subjects;
      double reach = 0;
      for (int r = 0; r < RelationCount(); ++r) {
        if (!m.relation[r]) continue;
        const int s = tree_.Find(RelationAt(r).subject);
        if (s < 0 || !m.object[s] || std::find(subjects.begin(), subjects.end(), s) != subjects.end()) continue;
        const auto row = RowOf(r);
        if (!row) continue;
        const auto named = WallsNamed(*tree_.scene, RelationAt(r).target);
        if (w >= 0 && !(named.size() == 1 && named[0] == w)) continue;
        rows.push_back(*row);
        subjects.push_back(s);
        reach = std::max(reach, row->high);
      }
      double needed = 0;
      for (const Row& row : rows) {
        // Only what still stands where the farthest side may be shuts out the others.
        if (row.low + row.depth > reach + 1e-3) needed += row.length;
      }
      if (rows.empty()) continue;
      double available = 0;
      for (int k = 0; k < static_cast<int>(walls_.size()); ++k) {
        if (w >= 0 && k != w) continue;
        available += walls_[k].length_m + EndPlay(k, rows, reach);
        for (const Opening& opening : tree_.scene->room.openings) {
          if (opening.wall_idx != k || opening.sill_m > 1e-3 || !(opening.clearance_m > reach + 1e-3)) continue;
          const double from = std::max(0.0, opening.offset_m), to = std::min(walls_[k].length_m, opening.offset_m + opening.width_m);
          bool shares = false;  // two openings over one another count once
          for (const Opening& other : tree_.scene->room.openings) {
            shares = shares || (&other < &opening && other.wall_idx == k && other.offset_m < to && from < other.offset_m + other.width_m);
          }
          if (!shares) available -= std::max(0.0, to - from - kSlack_m);
        }
      }
      if (needed > available) {
        const std::string where = w < 0 ? "all walls" : fmt::format("wall {}", w);
        return Finding{needed, available, NodeAt(0).id, {fmt::format("{:.3f} m of sides against {:.3f} m of {}", needed, available, where)}};
      }
    }
    return std::nullopt;
  }

  // At an end that opens outwards, a body may stand out by half its side.
  double EndPlay(int wall, const std::vector<Row>& rows, double reach) const {
    const size_t n = walls_.size();
    double widest = 0;
    for (const Row& row : rows) widest = std::max(widest, row.length);
    double play = 0;
    const WallLine &before = walls_[(wall + n - 1) % n], &here = walls_[wall], &after = walls_[(wall + 1) % n];
    if (Cross(before.along, here.along) < 1 - 1e-9 || before.length_m < reach + 0.01) play += widest / 2;
    if (Cross(here.along, after.along) < 1 - 1e-9 || after.length_m < reach + 0.01) play += widest / 2;
    return play;
  }

  struct Edge {
    int a, b, relation;
    double value;
  };

  Vec2 Centre(int i) const {
    const Vec3 p = tree_.items[i].world_from_node * Vec3(0, 0, NodeAt(i).size_m.z() / 2);
    return {p.x(), p.y()};
  }

  // Bounds on the horizontal distances of centres: every upper bound is an edge, every lower bound asks for a path.
  std::optional<Finding> Distance(const Members& m) const {
    const int n = Count();
    std::vector<double> upper(static_cast<size_t>(n) * n, kInf);
    std::vector<Edge> lower;
    const auto bound = [&](int a, int b, double value) {
      upper[a * n + b] = std::min(upper[a * n + b], value);
      upper[b * n + a] = std::min(upper[b * n + a], value);
    };
    for (int i = 0; i < n; ++i) upper[i * n + i] = 0;
    for (int i = 0; i < n; ++i) {
      for (int j = i + 1; j < n; ++j) {
        if (!m.object[i] || !m.object[j] || Root(i) != 0 || Root(j) != 0) continue;
        const double d = (Centre(i) - Centre(j)).norm();
        bound(i, j, d);
        lower.push_back({i, j, -1, d});
      }
    }
    const double across = Diameter(tree_.scene->room.floor_m);
    for (int r = 0; r < RelationCount(); ++r) {
      const Relation& relation = RelationAt(r);
      const int a = tree_.Find(relation.subject), b = tree_.Find(relation.target);
      if (!m.relation[r] || a < 0 || b < 0 || !m.object[a] || !m.object[b]) continue;
      const Vec3 &sa = NodeAt(a).size_m, &sb = NodeAt(b).size_m;
      const Allowed allowed = AllowedBy(tree_, relation, tol_);
      if (relation.kind == RelationKind::kNear && NodeAt(a).upright && NodeAt(b).upright) {
        bound(a, b, allowed.upper + (sa.head<2>().norm() + sb.head<2>().norm()) / 2 + kSlack_m);
        const double least = allowed.lower + (sa.head<2>().minCoeff() + sb.head<2>().minCoeff()) / 2;
        if (allowed.lower > 0) lower.push_back({a, b, r, least - kSlack_m});
        if (allowed.lower > allowed.upper + kSlack_m) {
          return Finding{allowed.lower, allowed.upper, {}, {fmt::format("relation {} asks for a gap of at least {:.3f} and at most {:.3f} m", r, allowed.lower, allowed.upper)}};
        }
        if (least > across + kSlack_m) {
          return Finding{least, across, NodeAt(0).id, {fmt::format("relation {} keeps centres {:.3f} m apart; the room is {:.3f} m across", r, least, across)}};
        }
      }
      if (relation.kind == RelationKind::kReachableBy && allowed.upper > 0 && NodeAt(b).upright) bound(a, b, allowed.upper + kSlack_m);
    }
    for (int k = 0; k < n; ++k) {
      for (int i = 0; i < n; ++i) {
        if (upper[i * n + k] == kInf) continue;
        for (int j = 0; j < n; ++j) upper[i * n + j] = std::min(upper[i * n + j], upper[i * n + k] + upper[k * n + j]);
      }
    }
    for (const Edge& edge : lower) {
      const double most = upper[edge.a * n + edge.b];
      if (edge.value > most + kSlack_m) {
        return Finding{edge.value, most, {}, {fmt::format("{} and {} are at least {:.3f} m apart, but a chain of relations holds them within {:.3f} m",
                                                          NodeAt(edge.a).id, NodeAt(edge.b).id, edge.value, most)}};
      }
    }
    return std::nullopt;
  }

  // Yaws modulo a quarter turn: anchors are walls and fixed things, links are alignments.
  std::optional<Finding> Angle(const Members& m) const {
    const int n = Count();
    struct Anchor {
      int item;
      double yaw, play;
    };
    std::vector<Anchor> anchors;
    std::vector<double> upper(static_cast<size_t>(n) * n, kInf);
    for (int i = 0; i < n; ++i) {
      upper[i * n + i] = 0;
      if (m.object[i] && Root(i) == 0) anchors.push_back({i, YawOf(tree_.items[i].world_from_node.rotation), 0});
    }
    for (int r = 0; r < RelationCount(); ++r) {
      const Relation& relation = RelationAt(r);
      const int a = tree_.Find(relation.subject), b = tree_.Find(relation.target);
      if (!m.relation[r] || a < 0 || !m.object[a] || (b >= 0 && !m.object[b])) continue;
      if (relation.kind != RelationKind::kAligned && !(relation.kind == RelationKind::kAgainst && b < 0)) continue;
      const Allowed allowed = AllowedBy(tree_, relation, tol_);
      double play = allowed.upper;
      if (relation.kind == RelationKind::kAgainst) {
        if (relation.side == Side::kTop) continue;
        const SideLine side = SideOf(NodeAt(a).size_m, relation.side);
        const double sine = (allowed.upper - allowed.lower + kSlack_m) / (side.to_m - side.from_m).norm();
        if (!(sine < 0.7)) continue;
        play = std::asin(sine);
      }
      play += 1e-4;
      if (b >= 0) {
        upper[a * n + b] = upper[b * n + a] = std::min(upper[a * n + b], play);
        continue;
      }
      const auto named = WallsNamed(*tree_.scene, relation.target);
      bool same = !named.empty();
      for (const int w : named) same = same && QuarterDifference(Yaw(w), Yaw(named[0])) < 1e-9;
      if (same) anchors.push_back({a, Yaw(named[0]), play});
    }
    for (int k = 0; k < n; ++k) {
      for (int i = 0; i < n; ++i) {
        if (upper[i * n + k] == kInf) continue;
        for (int j = 0; j < n; ++j) upper[i * n + j] = std::min(upper[i * n + j], upper[i * n + k] + upper[k * n + j]);
      }
    }
    for (size_t x = 0; x < anchors.size(); ++x) {
      for (size_t y = x + 1; y < anchors.size(); ++y) {
        const double most = anchors[x].play + anchors[y].play + upper[anchors[x].item * n + anchors[y].item];
        const double turn = QuarterDifference(anchors[x].yaw, anchors[y].yaw);
        if (turn > most) {
          return Finding{turn, most, {}, {fmt::format("{} and {} would have to be turned by {:.2f} degrees against each other; the relations leave {:.2f}",
                                                      NodeAt(anchors[x].item).id, NodeAt(anchors[y].item).id, turn * 57.29578, most * 57.29578)}};
        }
      }
    }
    return std::nullopt;
  }
  double Yaw(int wall) const { return std::atan2(walls_[wall].along.y(), walls_[wall].along.x()); }
  static double QuarterDifference(double a, double b) { return std::abs(std::remainder(a - b, std::numbers::pi / 2)); }

  // Exhaustive search for one or two objects on one support: cells of places and yaws, halved until each is shut out.
  struct Cell {
    double x[2], y[2], yaw[2], dx[2], dy[2], dyaw[2];
  };
  bool BoxOnly(int i) const {
    if (!NodeAt(i).upright || !Known(i)) return false;
    return NodeAt(i).parts.empty();
  }
  static std::array<Vec2, 4> Corners(const Node& node, double x, double y, double yaw) {
    const double c = std::cos(yaw), s = std::sin(yaw), hx = node.size_m.x() / 2, hy = node.size_m.y() / 2;
    std::array<Vec2, 4> out;
    const double sx[4] = {-1, 1, 1, -1}, sy[4] = {-1, -1, 1, 1};
    for (int k = 0; k < 4; ++k) out[k] = Vec2(x + c * sx[k] * hx - s * sy[k] * hy, y + s * sx[k] * hx + c * sy[k] * hy);
    return out;
  }
  static double Depth(const std::array<Vec2, 4>& a, const std::array<Vec2, 4>& b) {  // of overlap; negative: apart
    double depth = kInf;
    for (int which = 0; which < 2; ++which) {
      const auto &p = which ? b : a, &q = which ? a : b;
      for (int k = 0; k < 2; ++k) {
        const Vec2 n = (p[k + 1] - p[k]).normalized();
        double pl = kInf, ph = -kInf, ql = kInf, qh = -kInf;
        for (int j = 0; j < 4; ++j) {
          pl = std::min(pl, n.dot(p[j]));
          ph = std::max(ph, n.dot(p[j]));
          ql = std::min(ql, n.dot(q[j]));
          qh = std::max(qh, n.dot(q[j]));
        }
        depth = std::min(depth, std::min(ph - ql, qh - pl));
      }
    }
    return depth;
  }

  std::optional<Finding> Cells(const Members& m) const {
    int set[2], count = 0, support_idx = -1;
    std::vector<std::array<Vec2, 4>> obstacles;
    for (int i = 0; i < Count(); ++i) {
      if (!m.object[i] || !BoxOnly(i)) continue;
      if (Root(i) == 0 && NodeAt(i).fixed) {
        if (std::abs(tree_.items[i].world_from_node.translation_m.z()) > 1e-6) continue;
        const Pose& pose = tree_.items[i].world_from_node;
        obstacles.push_back(Corners(NodeAt(i), pose.translation_m.x(), pose.translation_m.y(), YawOf(pose.rotation)));
        continue;
      }
      if (count == 2 || (support_idx >= 0 && tree_.items[i].support_idx != support_idx)) return std::nullopt;
      set[count++] = i;
      support_idx = tree_.items[i].support_idx;
    }
    if (count == 0) return std::nullopt;
    const Support& support = tree_.supports[support_idx];
    if (!support.floor && !support.cavity) return std::nullopt;
    if (!support.floor) obstacles.clear();
    if (support.floor) {
      for (const Opening& opening : tree_.scene->room.openings) {
        if (opening.sill_m > 1e-3 || !(opening.clearance_m > 0) || opening.wall_idx < 0 || opening.wall_idx >= static_cast<int>(walls_.size())) continue;
        const WallLine& wall = walls_[opening.wall_idx];
        const Vec2 a = wall.from_m + opening.offset_m * wall.along, b = a + opening.width_m * wall.along;
        obstacles.push_back({a, b, Vec2(b + opening.clearance_m * wall.inward), Vec2(a + opening.clearance_m * wall.inward)});
      }
    }
    const std::vector<Vec2> hull = Hull2(support.outline_m);
    Vec2 low = hull[0], high = hull[0];
    for (const Vec2& p : hull) {
      low = low.cwiseMin(p);
      high = high.cwiseMax(p);
    }
    std::vector<Cell> todo(1);
    for (int k = 0; k < 2; ++k) {
      Cell& c = todo[0];
      c.x[k] = (low.x() + high.x()) / 2;
      c.y[k] = (low.y() + high.y()) / 2;
      c.dx[k] = (high.x() - low.x()) / 2;
      c.dy[k] = (high.y() - low.y()) / 2;
      c.yaw[k] = 0;
      c.dyaw[k] = std::numbers::pi / 2;  // a box looks the same after half a turn
    }
    int cells = 0;
    while (!todo.empty()) {
      if (++cells > max_cells_) return std::nullopt;
      const Cell cell = todo.back();
      todo.pop_back();
      double play[2] = {0, 0};
      std::array<Vec2, 4> corners[2];
      double open = -kInf;
      bool shut = false;
      for (int k = 0; k < count && !shut; ++k) {
        const Node& node = NodeAt(set[k]);
        play[k] = std::hypot(cell.dx[k], cell.dy[k]) + cell.dyaw[k] * node.size_m.head<2>().norm() / 2;
        corners[k] = Corners(node, cell.x[k], cell.y[k], cell.yaw[k]);
        for (size_t e = 0; e < hull.size() && !shut; ++e) {
          const Vec2 d = (hull[(e + 1) % hull.size()] - hull[e]).normalized();
          double outside = -kInf;
          for (const Vec2& p : corners[k]) outside = std::max(outside, -Cross(d, p - hull[e]));
          open = std::max(open, outside);
          shut = outside > play[k] + kSlack_m;
        }
        for (size_t o = 0; o < obstacles.size() && !shut; ++o) {
          const double depth = Depth(corners[k], obstacles[o]);
          open = std::max(open, depth);
          shut = depth > play[k] + kSlack_m;
        }
      }
      if (!shut && count == 2) {
        const double depth = Depth(corners[0], corners[1]);
        open = std::max(open, depth);
        shut = depth > play[0] + play[1] + kSlack_m;
      }
      if (shut) continue;
      if (open <= kSlack_m) return std::nullopt;  // the middle of the cell is a solution
      int which = 0, axis = 0;
      double widest = -1;
      for (int k = 0; k < count; ++k) {
        const double spans[3] = {cell.dx[k], cell.dy[k], cell.dyaw[k] * NodeAt(set[k]).size_m.head<2>().norm() / 2};
        for (int a = 0; a < 3; ++a) {
          if (spans[a] > widest) {
            widest = spans[a];
            which = k;
            axis = a;
          }
        }
      }
      for (const double side : {-0.5, 0.5}) {
        Cell half = cell;
        double* at = axis == 0 ? half.x : axis == 1 ? half.y : half.yaw;
        double* d = axis == 0 ? half.dx : axis == 1 ? half.dy : half.dyaw;
        at[which] += side * d[which];
        d[which] /= 2;
        todo.push_back(half);
      }
    }
    std::string names = NodeAt(set[0]).id;
    if (count == 2) names += " and " + NodeAt(set[1]).id;
    return Finding{1, 0, NodeAt(support.item_idx).id, {fmt::format("no place on {} is left for {}: {} cells, all shut out", NodeAt(support.item_idx).id, names, cells)}};
  }

  // Tries single objects and pairs, each with everything that is fixed.
  Witness Placement(const Members& all) const {
    std::vector<int> loose;
    Members base = all;
    std::fill(base.relation.begin(), base.relation.end(), 0);
    for (int i = 0; i < Count(); ++i) {
      if (!all.object[i] || !BoxOnly(i)) base.object[i] = 0;
      if (base.object[i] && !(Root(i) == 0 && NodeAt(i).fixed)) {
        base.object[i] = 0;
        loose.push_back(i);
      }
    }
    const auto area = [&](int i) { return NodeAt(i).size_m.head<2>().prod(); };
    std::stable_sort(loose.begin(), loose.end(), [&](int a, int b) { return area(a) > area(b); });
    if (loose.size() > 8) loose.resize(8);
    for (size_t a = 0; a < loose.size(); ++a) {
      Members m = base;
      m.object[loose[a]] = 1;
      if (Prove(ProofKind::kPlacement, m)) return Shrink(ProofKind::kPlacement, m);
    }
    for (size_t a = 0; a < loose.size(); ++a) {
      for (size_t b = a + 1; b < loose.size(); ++b) {
        if (tree_.items[loose[a]].support_idx != tree_.items[loose[b]].support_idx) continue;
        Members m = base;
        m.object[loose[a]] = m.object[loose[b]] = 1;
        if (Prove(ProofKind::kPlacement, m)) return Shrink(ProofKind::kPlacement, m);
      }
    }
    return {};
  }

  const Tree& tree_;
  const Tolerances& tol_;
  int max_cells_;
  std::vector<WallLine> walls_;
  mutable std::optional<Certificate> certificate_;
};

}  // namespace

const char* ProofName(ProofKind kind) {
  switch (kind) {
    case ProofKind::kNone: return "none";
    case ProofKind::kCycle: return "cycle";
    case ProofKind::kMissing: return "missing";
    case ProofKind::kFixedPair: return "fixed_pair";
    case ProofKind::kFixedRelation: return "fixed_relation";
    case ProofKind::kSupportMisfit: return "support_misfit";
    case ProofKind::kArea: return "area";
    case ProofKind::kWallLength: return "wall_length";
    case ProofKind::kDistance: return "distance";
    case ProofKind::kAngle: return "angle";
    case ProofKind::kPlacement: return "placement";
  }
  return "unknown";
}

Witness FindWitness(const Scene& scene, const Tolerances& tolerances, const std::filesystem::path& assets, int max_cells) {
  const Tree tree = ReadTree(scene, assets);
  return Prover(tree, tolerances, max_cells).Find();
}

}  // namespace takt::scene
