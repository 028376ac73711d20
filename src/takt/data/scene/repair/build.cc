// SPDX-License-Identifier: Apache-2.0
#include "takt/data/scene/repair/build.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "takt/data/scene/repair/links.h"

namespace takt::scene {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kSameHeight_m = 5e-5;  // prisms that share less height do not meet

Vec2 Flat(const Vec3& p) { return {p.x(), p.y()}; }

Pose Untilted(const Item& item) {  // the body at yaw 0 and at the origin, as tilted as it is
  return {(Pose::Yaw(-YawOf(item.world_from_node.rotation)).rotation * item.world_from_node.rotation).normalized(), Vec3::Zero()};
}

std::vector<Vec2> BoxOutline(const Item& item) {
  const Pose pose = Untilted(item);
  const Vec3& s = item.node->size_m;
  std::vector<Vec2> corners;
  if ((pose.rotation * Vec3::UnitZ()).z() > 1 - 1e-12) {
    for (const auto& [x, y] : {std::pair{-1, -1}, {1, -1}, {1, 1}, {-1, 1}}) corners.emplace_back(x * s.x() / 2, y * s.y() / 2);
    return corners;
  }
  for (int i = 0; i < 8; ++i) {
    corners.push_back(Flat(pose * Vec3((i & 1 ? 0.5 : -0.5) * s.x(), (i & 2 ? 0.5 : -0.5) * s.y(), i & 4 ? s.z() : 0)));
  }
  return Hull2(std::move(corners));
}

class Builder {
 public:
  Builder(const Tree& tree, int support, const std::vector<char>& movable, const std::set<std::pair<int, int>>& faulty,
          const Tolerances& tolerances, const BuildOptions& options)
      : tree_(tree), support_(support), movable_(movable), faulty_(faulty), tol_(tolerances), options_(options) {}

  Layout Run() {
    out_.walls = Walls(*tree_.scene);
    Borders();
    carrier_body_.assign(tree_.items.size(), -1);
    for (int i = 0; i < Count(); ++i) {
      if (InGroup(i)) AddBody(i, true);
    }
    moving_ = static_cast<int>(out_.bodies.size());
    if (moving_ == 0) {
      out_.Finish();
      return std::move(out_);
    }
    low_ = kInf;
    high_ = -kInf;
    for (const Prism& p : out_.prisms) {
      low_ = std::min(low_, p.low_m);
      high_ = std::max(high_, p.high_m);
    }
    Riders();
    for (int i = 0; i < Count(); ++i) {
      if (tree_.items[i].node->kind == NodeKind::kObject && carrier_body_[i] < 0) AddBody(i, false);
    }
    AddOpenings();
    AddPockets();
    Pairs();
    Links();
    Regions();
    out_.Finish();
    CloseGaps();
    Overhangs();
    SettledLinks();
    return std::move(out_);
  }

 private:
  int Count() const { return static_cast<int>(tree_.items.size()); }
  const Node& NodeAt(int i) const { return *tree_.items[i].node; }
  bool InGroup(int i) const {
    return NodeAt(i).kind == NodeKind::kObject && tree_.items[i].support_idx == support_ && movable_[i];
  }

  void AddBorders(const std::vector<Vec2>& hull, Limits limits) {
    for (size_t k = 0; k < hull.size(); ++k) {
      const Vec2 edge = (hull[(k + 1) % hull.size()] - hull[k]).normalized();
      const Vec2 inward(-edge.y(), edge.x());
      out_.borders.push_back({{inward, inward.dot(hull[k])}, limits});
    }
  }

  void Borders() {
    const Support& support = tree_.supports[support_];
    const Pose world = tree_.WorldFromSupport(support_);
    std::vector<Vec2> outline;
    for (const Vec2& p : support.outline_m) outline.push_back(Flat(world * Vec3(p.x(), p.y(), 0)));
    outline = Hull2(std::move(outline));
    Vec2 low(kInf, kInf), high(-kInf, -kInf);
    double longest = 0;
    for (size_t k = 0; k < outline.size(); ++k) {
      low = low.cwiseMin(outline[k]);
      high = high.cwiseMax(outline[k]);
      const Vec2 edge = outline[(k + 1) % outline.size()] - outline[k];
      if (edge.norm() > longest) {
        longest = edge.norm();
        out_.main_yaw = std::atan2(edge.y(), edge.x());
      }
    }
    out_.middle = (low + high) / 2;
    out_.extent_m = (high - low).norm();
    if (!support.floor) AddBorders(outline, support.cavity ? Limits::kBody : Limits::kSupport);
    AddBorders(Hull2(tree_.scene->room.floor_m), Limits::kBodyAndZones);
  }

  void AddPrism(int body, const std::vector<Vec2>& corners, HeightRange heights, bool zone) {
    if (corners.size() < 3) return;
    Prism prism;
    prism.body = body;
    prism.first = static_cast<int>(out_.local.size());
    prism.count = static_cast<int>(corners.size());
    prism.zone = zone;
    prism.low_m = heights.low_m;
    prism.high_m = heights.high_m;
    out_.local.insert(out_.local.end(), corners.begin(), corners.end());
    out_.prisms.push_back(prism);
    ++out_.bodies[body].prisms;
  }

  void AddBody(int i, bool movable) {
    const Item& item = tree_.items[i];
    Body body;
    body.at = body.home = Flat(item.world_from_node.translation_m);
    body.yaw = body.home_yaw = YawOf(item.world_from_node.rotation);
    body.movable = movable;
    body.item = i;
    body.first_prism = static_cast<int>(out_.prisms.size());
    const int index = static_cast<int>(out_.bodies.size());
    out_.bodies.push_back(body);
    carrier_body_[i] = index;
    const Pose pose = Untilted(item);
    const double z = item.world_from_node.translation_m.z();
    const auto add = [&](const Convex& piece, bool zone) {
      const Convex moved = Transformed(piece, pose);
      HeightRange range = Heights(moved);
      range.low_m += z;
      range.high_m += z;
      if (!movable && (range.high_m <= low_ + kSameHeight_m || range.low_m >= high_ - kSameHeight_m)) return;
      AddPrism(index, OuterOutline(moved), range, zone);
    };
    for (const Convex& piece : item.body) add(piece, false);
    for (const Clearance& clearance : item.node->clearances) {
      if (clearance.depth_m > 0) add(ClearancePiece(*item.node, clearance), true);
    }
  }

  // What stands on something that moves has its place in the frame of what carries it.
  void Riders() {
    for (int i = 0; i < Count(); ++i) {
      if (NodeAt(i).kind != NodeKind::kObject || carrier_body_[i] >= 0) continue;
      for (int k = tree_.Carrier(i); k >= 0; k = tree_.Carrier(k)) {
        if (InGroup(k)) {
          carrier_body_[i] = carrier_body_[k];
          break;
        }
      }
    }
  }

  int AddStatic(const std::vector<Vec2>& corners, HeightRange heights, bool zone) {
    if (heights.high_m <= low_ + kSameHeight_m || heights.low_m >= high_ - kSameHeight_m) return -1;
    Body body;
    Vec2 centre = Vec2::Zero();
    for (const Vec2& p : corners) centre += p / static_cast<double>(corners.size());
    body.at = body.home = centre;
    body.first_prism = static_cast<int>(out_.prisms.size());
    out_.bodies.push_back(body);
    std::vector<Vec2> local;
    for (const Vec2& p : corners) local.push_back(p - centre);
    AddPrism(static_cast<int>(out_.bodies.size()) - 1, local, heights, zone);
    return static_cast<int>(out_.prisms.size()) - 1;
  }

  void AddOpenings() {
    for (const Opening& opening : tree_.scene->room.openings) {
      if (!(opening.clearance_m > 0) || !(opening.width_m > 0)) continue;
      if (opening.wall_idx < 0 || opening.wall_idx >= static_cast<int>(out_.walls.size())) continue;
      const WallLine& wall = out_.walls[opening.wall_idx];
      const Vec2 a = wall.from_m + opening.offset_m * wall.along, b = a + opening.width_m * wall.along;
      const Vec2 in = opening.clearance_m * wall.inward;
      AddStatic({a, b, b + in, a + in}, {opening.sill_m, opening.sill_m + opening.height_m}, true);
    }
  }

  void AddPockets() {
    for (const Pocket& pocket : Pockets(tree_.scene->room.floor_m)) {
      const int p = AddStatic(pocket.corners, {-1e3, 1e3}, false);
      out_.prisms[p].pocket = true;
      out_.wall.resize(out_.local.size(), 0);
      for (size_t k = 0; k < pocket.wall.size(); ++k) out_.wall[out_.prisms[p].first + k] = pocket.wall[k];
    }
  }

  void Pairs() {
    const int n = static_cast<int>(out_.bodies.size());
    for (int a = 0; a < moving_; ++a) {
      for (int b = a + 1; b < n; ++b) {
        const Body &x = out_.bodies[a], &y = out_.bodies[b];
        if (y.prisms == 0) continue;
        if (y.item >= 0 && tree_.Exempt(x.item, y.item)) continue;
        BodyPair pair{a, b, static_cast<int>(out_.pairs.size()), 0};
        for (int p = x.first_prism; p < x.first_prism + x.prisms; ++p) {
          for (int q = y.first_prism; q < y.first_prism + y.prisms; ++q) {
            const Prism &u = out_.prisms[p], &v = out_.prisms[q];
            if (u.zone && v.zone) continue;
            // A clearance does not mind what carries its owner, nor the other way round.
            if (u.zone && y.item >= 0 && tree_.RidesOn(y.item, x.item)) continue;
            if (v.zone && y.item >= 0 && tree_.RidesOn(x.item, y.item)) continue;
            if (std::min(u.high_m, v.high_m) - std::max(u.low_m, v.low_m) <= kSameHeight_m) continue;
            out_.pairs.push_back({p, q, kWantedGap_m});
          }
        }
        pair.count = static_cast<int>(out_.pairs.size()) - pair.first;
        if (pair.count > 0) out_.body_pairs.push_back(pair);
      }
    }
  }

  double ExtentOfSupport(int item) const {
    const int s = tree_.items[item].support_idx;
    if (s < 0 || tree_.supports[s].floor) return 0;
    Vec2 low(kInf, kInf), high(-kInf, -kInf);
    for (const Vec2& p : tree_.supports[s].outline_m) {
      low = low.cwiseMin(p);
      high = high.cwiseMax(p);
    }
    return (high - low).minCoeff();
  }

  // Where an item will be when its own level is done: what rides off its support will come back to it.
  Pose PlaceOnSupport(int body, int item) const {
    Pose pose = tree_.items[item].world_from_node;
    if (out_.bodies[body].item == item || tree_.items[item].support_idx < 0) return pose;
    const Support& support = tree_.supports[tree_.items[item].support_idx];
    const Pose world = tree_.WorldFromSupport(tree_.items[item].support_idx);
    const Vec2 local = Flat(world.Inverse() * pose.translation_m);
    bool inside = true;
    Vec2 middle = Vec2::Zero();
    for (size_t k = 0; k < support.outline_m.size(); ++k) {
      const Vec2& a = support.outline_m[k];
      inside = inside && Cross(support.outline_m[(k + 1) % support.outline_m.size()] - a, local - a) >= 0;
      middle += a / static_cast<double>(support.outline_m.size());
    }
    if (!inside) pose.translation_m = world * Vec3(middle.x(), middle.y(), 0);
    return pose;
  }

  // Place and yaw of an item in the frame of the body that carries it.
  void InBody(int body, int item, const Vec3& point_in_node, Vec2* at, double* yaw) const {
    const Body& b = out_.bodies[body];
    const double c = std::cos(b.yaw), s = std::sin(b.yaw);
    if (b.item == item && point_in_node.x() == 0 && point_in_node.y() == 0 && NodeAt(item).upright) {
      *at = Vec2::Zero();
      *yaw = 0;
      return;
    }
    const Vec2 d = Flat(PlaceOnSupport(body, item) * point_in_node) - b.at;
    *at = Vec2(c * d.x() + s * d.y(), -s * d.x() + c * d.y());
    *yaw = b.item == item ? 0.0 : WrapAngle(YawOf(tree_.items[item].world_from_node.rotation) - b.yaw);
  }

  std::vector<Vec2> OutlineInBody(int body, int item) const {
    Vec2 at;
    double yaw;
    InBody(body, item, Vec3::Zero(), &at, &yaw);
    std::vector<Vec2> outline = BoxOutline(tree_.items[item]);
    const double c = std::cos(yaw), s = std::sin(yaw);
    for (Vec2& p : outline) p = at + Vec2(c * p.x() - s * p.y(), s * p.x() + c * p.y());
    return outline;
  }

  void Links() {
    for (int r = 0; r < static_cast<int>(tree_.scene->relations.size()); ++r) {
      const Relation& relation = tree_.scene->relations[r];
      if (relation.kind == RelationKind::kOn || relation.kind == RelationKind::kIn) continue;
      const int s = tree_.Find(relation.subject), t = tree_.Find(relation.target);
      if (s < 0 || NodeAt(s).kind != NodeKind::kObject) continue;
      if (t >= 0 && NodeAt(t).kind != NodeKind::kObject) continue;
      if (relation.kind == RelationKind::kAgainst && relation.side == Side::kTop) continue;
      Link link;
      link.kind = relation.kind;
      link.relation_idx = r;
      if (t < 0) {
        link.walls = WallsNamed(*tree_.scene, relation.target);
        if (link.walls.empty() || relation.kind == RelationKind::kReachableBy) continue;
      }
      const int a = carrier_body_[s], b = t >= 0 ? carrier_body_[t] : -1;
      if (a == b) continue;
      const bool a_moves = out_.bodies[a].movable, b_moves = b >= 0 && out_.bodies[b].movable;
      if (!a_moves && !b_moves) continue;
      const bool s_rides = out_.bodies[a].item != s, t_rides = b >= 0 && out_.bodies[b].item != t;
      const bool soft = relation.kind == RelationKind::kNear || relation.kind == RelationKind::kReachableBy;
      if (s_rides && !soft) continue;  // its own level sees to it
      if (t_rides && !soft && b_moves && !a_moves && movable_[t]) continue;
      link.a = a;
      link.b = b;
      const Allowed allowed = AllowedBy(tree_, relation, tol_);
      link.lower = std::max(0.0, allowed.lower);
      link.upper = allowed.upper;
      if (!(link.lower <= link.upper)) continue;
      if (soft) {
        double slack = 0;
        if (s_rides && movable_[s]) slack += options_.ride_slack * ExtentOfSupport(s);
        if (t_rides && movable_[t]) slack += options_.ride_slack * ExtentOfSupport(t);
        link.upper += slack;
        link.lower = std::max(0.0, link.lower - slack);
      }
      const bool reach = relation.kind == RelationKind::kReachableBy;
      const double s_height = NodeAt(s).size_m.z() / 2;
      InBody(a, s, Vec3(0, 0, reach ? s_height : 0), &link.a_at, &link.a_yaw);
      link.a_box = OutlineInBody(a, s);
      link.side = SideOf(NodeAt(s).size_m, relation.side);
      if (t >= 0) {
        InBody(b, t, Vec3(0, 0, reach ? 0 : NodeAt(t).size_m.z() / 2), &link.b_at, &link.b_yaw);
        link.b_box = OutlineInBody(b, t);
        link.height_m = (tree_.items[s].world_from_node * Vec3(0, 0, s_height)).z() - tree_.items[t].world_from_node.translation_m.z();
      }
      link.stays = CheckRelation(tree_, r, tol_).holds;
      out_.links.push_back(std::move(link));
    }
  }

  void LimitTo(int body, int region) {
    const Vec3& size = NodeAt(region).size_m;
    if (!(size.x() > 0 && size.y() > 0)) return;
    const Pose& world = tree_.items[region].world_from_node;
    for (int k = 0; k < 4; ++k) {
      const Vec2 n = Flat(world.rotation * Vec3(k == 0 ? 1 : k == 1 ? -1 : 0, k == 2 ? 1 : k == 3 ? -1 : 0, 0));
      const double half = (k < 2 ? size.x() : size.y()) / 2;
      out_.centre_limits.push_back({body, {-n, -n.dot(Flat(world.translation_m)) - half}});
    }
  }

  void Regions() {
    if (!tree_.supports[support_].floor) return;
    for (int b = 0; b < moving_; ++b) {
      const int item = out_.bodies[b].item, parent = tree_.items[item].parent_idx;
      if (parent > 0 && NodeAt(parent).kind == NodeKind::kRegion) LimitTo(b, parent);
      for (const Relation& relation : tree_.scene->relations) {
        if ((relation.kind != RelationKind::kOn && relation.kind != RelationKind::kIn) || relation.subject != NodeAt(item).id) continue;
        const int target = tree_.Find(relation.target);
        if (target > 0 && NodeAt(target).kind == NodeKind::kRegion && target != parent) LimitTo(b, target);
      }
    }
  }

  void CloseGaps() {
    if (!options_.keep_close_pairs) return;
    for (const BodyPair& pair : out_.body_pairs) {
      const Body &a = out_.bodies[pair.a], &b = out_.bodies[pair.b];
      if ((a.at - b.at).norm() > a.radius_m + b.radius_m + kWantedGap_m || b.item < 0) continue;
      if (faulty_.contains({std::min(a.item, b.item), std::max(a.item, b.item)})) continue;
      for (int k = pair.first; k < pair.first + pair.count; ++k) {
        PrismPair& test = out_.pairs[k];
        Vec2 push;
        const double s = Separation(out_, out_.prisms[test.p], a.at, out_.prisms[test.q], b.at, &push);
        if (s < kWantedGap_m - kAccept_m) test.gap_m = s + kAccept_m - 1e-9;
      }
    }
  }

  void Overhangs() {
    const Support& support = tree_.supports[support_];
    if (support.floor || support.cavity) return;
    const size_t count = out_.borders.size();
    for (int b = 0; b < moving_; ++b) {
      Body& body = out_.bodies[b];
      bool centre_in = true, body_in = true, fits = true;
      for (size_t k = 0; k < count; ++k) {
        if (out_.borders[k].limits != Limits::kSupport) continue;
        const HalfPlane& plane = out_.borders[k].plane;
        const double reach = out_.border_reach[b * count + k];
        centre_in = centre_in && plane.inward.dot(body.at) >= plane.offset_m;
        body_in = body_in && plane.inward.dot(body.at) + reach >= plane.offset_m - 1e-9;
        for (size_t j = 0; j < count; ++j) {  // the opposite border leaves no room
          if (out_.borders[j].limits != Limits::kSupport || out_.borders[j].plane.inward.dot(plane.inward) > -0.9999) continue;
          const double room = -out_.borders[j].plane.offset_m - plane.offset_m;
          fits = fits && room + out_.border_reach[b * count + j] + reach >= 0;
        }
      }
      if (options_.overhang || !fits || (centre_in && !body_in)) {
        body.overhangs = true;
        out_.SetYaw(b, body.yaw);
      }
    }
  }

  void SettledLinks() {
    for (Link& link : out_.links) {
      if (link.b < 0 && !link.walls.empty()) link.wall = link.walls[0];
      if (!link.stays) continue;
      double best = kInf;
      if (link.b < 0) {
        int chosen = link.wall;
        for (const int w : link.walls) {
          link.wall = w;
          const double v = LinkViolation(out_, link);
          if (v < best) {
            best = v;
            chosen = w;
          }
        }
        link.wall = chosen;
      } else if (link.kind == RelationKind::kAgainst) {
        int chosen = 0;
        for (int f = 0; f < static_cast<int>(link.b_box.size()); ++f) {
          link.face = f;
          const double v = LinkViolation(out_, link);
          if (v < best) {
            best = v;
            chosen = f;
          }
        }
        link.face = chosen;
      } else {
        best = 0;
      }
      if (best > 0) link.stays = false;
    }
  }

  const Tree& tree_;
  int support_;
  const std::vector<char>& movable_;
  const std::set<std::pair<int, int>>& faulty_;
  const Tolerances& tol_;
  const BuildOptions& options_;
  Layout out_;
  std::vector<int> carrier_body_;  // of an item: the body that it is or rides on
  int moving_ = 0;
  double low_ = -kInf, high_ = kInf;  // of what moves
};

}  // namespace

std::vector<char> MovableItems(const Tree& tree, const std::vector<std::string>& names) {
  std::vector<char> movable(tree.items.size(), 0);
  for (size_t i = 0; i < tree.items.size(); ++i) {
    const Node& node = *tree.items[i].node;
    if (node.kind != NodeKind::kObject || node.fixed) continue;
    movable[i] = names.empty() || std::find(names.begin(), names.end(), node.id) != names.end();
  }
  return movable;
}

Layout BuildLayout(const Tree& tree, int support_idx, const std::vector<char>& movable,
                   const std::set<std::pair<int, int>>& faulty, const Tolerances& tolerances, const BuildOptions& options) {
  return Builder(tree, support_idx, movable, faulty, tolerances, options).Run();
}

std::vector<Pocket> Pockets(const std::vector<Vec2>& floor_m) {
  std::vector<Pocket> pockets;
  const size_t n = floor_m.size();
  const std::vector<Vec2> hull = Hull2(floor_m);
  if (n < 4 || hull.size() < 3) return pockets;
  std::vector<char> on_hull(n, 0);
  for (size_t i = 0; i < n; ++i) {
    for (size_t k = 0; k < hull.size(); ++k) {  // corners on an edge of the hull count: no pocket starts inside an edge
      const Vec2 edge = hull[(k + 1) % hull.size()] - hull[k];
      if (std::abs(Cross(edge.normalized(), floor_m[i] - hull[k])) < 1e-9) on_hull[i] = 1;
    }
  }
  size_t start = 0;
  while (start < n && !on_hull[start]) ++start;
  for (size_t k = 0; k < n;) {
    const size_t i = (start + k) % n;
    size_t length = 1;
    while (length < n && !on_hull[(i + length) % n]) ++length;
    k += length;
    if (length == 1) continue;
    // The chain i .. i + length, walked backwards, is the pocket counter-clockwise.
    std::vector<Vec2> at;
    std::vector<char> wall;  // of the edge that starts here
    for (size_t j = 0; j <= length; ++j) {
      at.push_back(floor_m[(i + length - j) % n]);
      wall.push_back(j < length);
    }
    while (at.size() >= 3) {  // cut ears
      const size_t m = at.size();
      size_t ear = m;
      for (size_t e = 0; e < m && ear == m; ++e) {
        const Vec2 &a = at[(e + m - 1) % m], &b = at[e], &c = at[(e + 1) % m];
        if (Cross(b - a, c - b) <= 1e-12) continue;
        bool empty = true;
        for (size_t j = 0; j < m && empty; ++j) {
          if (j == e || j == (e + 1) % m || j == (e + m - 1) % m) continue;
          empty = !(Cross(b - a, at[j] - a) >= 0 && Cross(c - b, at[j] - b) >= 0 && Cross(a - c, at[j] - c) >= 0);
        }
        if (empty) ear = e;
      }
      if (ear == m) break;  // the floor is no simple polygon
      const size_t before = (ear + m - 1) % m, after = (ear + 1) % m;
      pockets.push_back({{at[before], at[ear], at[after]}, {wall[before], wall[ear], m == 3 ? wall[after] : char{0}}});
      wall[before] = 0;
      at.erase(at.begin() + static_cast<long>(ear));
      wall.erase(wall.begin() + static_cast<long>(ear));
    }
  }
  return pockets;
}

}  // namespace takt::scene
