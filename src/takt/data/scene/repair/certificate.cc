// SPDX-License-Identifier: Apache-2.0
#include "takt/data/scene/repair/certificate.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "takt/data/scene/repair/measure.h"
#include "takt/data/scene/repair/mend.h"

namespace takt::scene {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kWallHeight_m = 100;   // walls have no upper end for what stands in a room
constexpr double kLargerThanRoom = 20;  // a size beyond this many metres and beyond the room is in millimetres

// Everything that has a place, moved to the world.
struct Placed {
  int item = 0;
  int zone_of = -1;        // a clearance of this object; -1 for a body
  int clearance = 0;       // which one
  std::vector<Convex> pieces;
  Vec3 centre_m = Vec3::Zero();
  double radius_m = 0;
};

void Enclose(Placed* p) {
  p->centre_m = Vec3::Zero();
  for (const Convex& c : p->pieces) p->centre_m += c.centre_m / static_cast<double>(p->pieces.size());
  for (const Convex& c : p->pieces) p->radius_m = std::max(p->radius_m, (c.centre_m - p->centre_m).norm() + c.bound_radius_m);
}

bool InsidePolygon(const std::vector<Vec2>& polygon, const Vec2& p) {
  bool inside = false;
  for (size_t i = 0, j = polygon.size() - 1; i < polygon.size(); j = i++) {
    const Vec2 &a = polygon[i], &b = polygon[j];
    if ((a.y() > p.y()) != (b.y() > p.y()) && p.x() < a.x() + (p.y() - a.y()) / (b.y() - a.y()) * (b.x() - a.x())) {
      inside = !inside;
    }
  }
  return inside;
}

class Measuring {
 public:
  Measuring(const Tree& tree, const Tolerances& tolerances) : tree_(tree), tol_(tolerances) {}

  Certificate Run() {
    c_.closest.distance_m = c_.bounds_margin_m = c_.clearance_margin_m = kInf;
    Sizes();
    Place();
    Pairs();
    Bounds();
    Openings();
    for (const Placed& body : bodies_) Stand(body);
    for (int r = 0; r < static_cast<int>(tree_.scene->relations.size()); ++r) {
      c_.relations.push_back(CheckRelation(tree_, r, tol_));
      const RelationCheck& check = c_.relations.back();
      if (check.holds) continue;
      const Relation& relation = tree_.scene->relations[r];
      const double beyond = std::max(check.value - check.upper, check.lower - check.value);
      Add(FaultKind::kRelation, relation.subject, relation.target, beyond,
          fmt::format("relation {} does not hold: {:.4g} is not in [{:.4g}, {:.4g}]", r, check.value, check.lower, check.upper));
      c_.faults.back().relation_idx = r;
    }
    c_.holds = c_.faults.empty();
    return std::move(c_);
  }

 private:
  const Node& NodeAt(int item) const { return *tree_.items[item].node; }
  void Add(FaultKind kind, const std::string& subject, const std::string& other, double value, std::string text) {
    c_.faults.push_back({kind, subject, other, value, -1, std::move(text)});
  }

  void Sizes() {
    Vec2 low(kInf, kInf), high(-kInf, -kInf);
    for (const Vec2& p : tree_.scene->room.floor_m) {
      low = low.cwiseMin(p);
      high = high.cwiseMax(p);
    }
    room_extent_m_ = (high - low).norm();
    std::set<std::string, std::less<>> ids;
    for (const Item& item : tree_.items) {
      const Node& node = *item.node;
      if (!ids.insert(node.id).second) Add(FaultKind::kDuplicateId, node.id, {}, 0, "another node has this id");
      if (!item.finite) {
        Add(FaultKind::kNotFinite, node.id, {}, std::numeric_limits<double>::quiet_NaN(), "pose or size is no usable number");
      } else if (node.kind == NodeKind::kObject && node.size_m.maxCoeff() > std::max(kLargerThanRoom, room_extent_m_)) {
        Add(FaultKind::kUnits, node.id, {}, node.size_m.maxCoeff() - room_extent_m_, "larger than the room: millimetres?");
      } else if (Vec3 meant; node.kind == NodeKind::kObject && AxesSwapped(node, tree_.scene->room.height_m, room_extent_m_, &meant)) {
        Add(FaultKind::kSwappedAxes, node.id, {}, (node.size_m - meant).norm(), "the axes of its size are in another order");
      }
    }
  }

  void Place() {
    for (int i = 0; i < static_cast<int>(tree_.items.size()); ++i) {
      const Item& item = tree_.items[i];
      if (item.node->kind != NodeKind::kObject) continue;
      ++c_.objects;
      Placed body;
      body.item = i;
      for (const Convex& piece : item.body) body.pieces.push_back(Transformed(piece, item.world_from_node));
      Enclose(&body);
      bodies_.push_back(std::move(body));
      for (int k = 0; k < static_cast<int>(item.node->clearances.size()); ++k) {
        const Clearance& clearance = item.node->clearances[k];
        if (!(clearance.depth_m > 0)) continue;
        Placed zone;
        zone.item = zone.zone_of = i;
        zone.clearance = k;
        zone.pieces.push_back(Transformed(ClearancePiece(*item.node, clearance), item.world_from_node));
        Enclose(&zone);
        zones_.push_back(std::move(zone));
      }
    }
  }

  // Signed distance of two sets of pieces: the least of their pairs, looked at only where it may be below `limit`.
  static double Distance(const Placed& a, const Placed& b, double limit) {
    double least = limit;
    for (const Convex& x : a.pieces) {
      for (const Convex& y : b.pieces) {
        if ((x.centre_m - y.centre_m).norm() - x.bound_radius_m - y.bound_radius_m > least) continue;
        least = std::min(least, SignedDistance(x, y));
      }
    }
    return least;
  }
  static bool Apart(const Placed& a, const Placed& b, double limit) {
    return (a.centre_m - b.centre_m).norm() - a.radius_m - b.radius_m > limit;
  }

  void Pairs() {
    for (size_t i = 0; i < bodies_.size(); ++i) {
      for (size_t j = i + 1; j < bodies_.size(); ++j) {
        const Placed &a = bodies_[i], &b = bodies_[j];
        const bool stacked = tree_.Carrier(a.item) == b.item || tree_.Carrier(b.item) == a.item;
        const double limit = stacked ? 0.0 : std::max(0.0, std::min(c_.closest.distance_m, 10.0));
        if (Apart(a, b, limit) || tree_.Exempt(a.item, b.item)) continue;
        ++c_.pairs;
        const double d = Distance(a, b, stacked ? 1.0 : 100.0);
        if (!stacked && d < c_.closest.distance_m) c_.closest = {NodeAt(a.item).id, NodeAt(b.item).id, d};
        c_.deepest_penetration_m = std::max(c_.deepest_penetration_m, -d);
        if (d >= -tol_.penetration_m) continue;
        Add(FaultKind::kPenetration, NodeAt(a.item).id, NodeAt(b.item).id, -d, fmt::format("overlap by {:.2f} mm", -d * 1e3));
      }
    }
    for (const Placed& zone : zones_) {
      for (const Placed& body : bodies_) {
        if (body.item == zone.zone_of || Apart(zone, body, std::max(0.0, std::min(c_.clearance_margin_m, 10.0)))) continue;
        if (tree_.RidesOn(body.item, zone.zone_of) || tree_.Exempt(zone.zone_of, body.item)) continue;
        const double d = Distance(zone, body, 100.0);
        c_.clearance_margin_m = std::min(c_.clearance_margin_m, d);
        if (d >= -tol_.penetration_m) continue;
        Add(FaultKind::kBlockedClearance, NodeAt(zone.item).id, NodeAt(body.item).id, -d,
            fmt::format("{} is blocked by {:.1f} mm", What(zone), -d * 1e3));
      }
    }
  }

  std::string What(const Placed& zone) const {
    const std::string& what = NodeAt(zone.item).clearances[zone.clearance].what;
    return what.empty() ? "clearance" : what;
  }

  // Least signed distance to the walls; negative where the piece crosses one or lies outside.
  double WallDistance(const Placed& body) const {
    const auto& floor = tree_.scene->room.floor_m;
    double margin = kInf;
    for (const Convex& piece : body.pieces) {
      for (const Convex& wall : walls_) {
        if (std::abs(wall.normals[0].dot(piece.centre_m - wall.points[0])) - piece.bound_radius_m > margin) continue;
        margin = std::min(margin, SignedDistance(piece, wall));
      }
      const Vec2 c(piece.centre_m.x(), piece.centre_m.y());
      if (margin >= 0 && !InsidePolygon(floor, c)) {  // wholly outside
        double d = kInf;
        for (const WallLine& wall : wall_lines_) {
          const double t = std::clamp(wall.along.dot(c - wall.from_m), 0.0, wall.length_m);
          d = std::min(d, (c - wall.from_m - t * wall.along).norm());
        }
        margin = -d;
      }
    }
    return margin;
  }

  void Bounds() {
    wall_lines_ = Walls(*tree_.scene);
    for (const WallLine& wall : wall_lines_) {
      if (wall.length_m > 0) walls_.push_back(WallConvex(wall.from_m, wall.to_m, kWallHeight_m));
    }
    for (Convex& wall : walls_) {
      for (Vec3& p : wall.points) p.z() = p.z() > 0 ? kWallHeight_m : -kWallHeight_m;
    }
    if (walls_.empty()) return;
    const double height = tree_.scene->room.height_m;
    for (const Placed& body : bodies_) {
      double margin = WallDistance(body);
      if (height > 0) {
        for (const Convex& piece : body.pieces) margin = std::min(margin, height - Heights(piece).high_m);
      }
      c_.bounds_margin_m = std::min(c_.bounds_margin_m, margin);
      if (margin >= -tol_.penetration_m) continue;
      Add(FaultKind::kOutOfBounds, NodeAt(body.item).id, {}, -margin, fmt::format("{:.1f} mm outside the room", -margin * 1e3));
    }
    for (const Placed& zone : zones_) {
      const double margin = WallDistance(zone);
      if (margin >= -tol_.penetration_m) continue;
      c_.clearance_margin_m = std::min(c_.clearance_margin_m, margin);
      Add(FaultKind::kBlockedClearance, NodeAt(zone.item).id, {}, -margin,
          fmt::format("{} ends {:.1f} mm outside the room", What(zone), -margin * 1e3));
    }
  }

  void Openings() {
    for (const Opening& opening : tree_.scene->room.openings) {
      if (!(opening.clearance_m > 0)) continue;
      if (opening.wall_idx < 0 || opening.wall_idx >= static_cast<int>(wall_lines_.size())) continue;
      const WallLine& wall = wall_lines_[opening.wall_idx];
      const Vec2 middle = wall.from_m + (opening.offset_m + opening.width_m / 2) * wall.along + opening.clearance_m / 2 * wall.inward;
      Placed zone;
      zone.pieces.push_back(BoxConvex({opening.width_m, opening.clearance_m, opening.height_m},
                                      Pose::Yaw(std::atan2(wall.along.y(), wall.along.x()),
                                                {middle.x(), middle.y(), opening.sill_m + opening.height_m / 2})));
      Enclose(&zone);
      for (const Placed& body : bodies_) {
        if (Apart(zone, body, std::max(0.0, std::min(c_.clearance_margin_m, 10.0)))) continue;
        const double d = Distance(zone, body, 100.0);
        c_.clearance_margin_m = std::min(c_.clearance_margin_m, d);
        if (d >= -tol_.penetration_m) continue;
        Add(FaultKind::kBlockedOpening, NodeAt(body.item).id, opening.id, -d, fmt::format("{:.1f} mm before the opening", -d * 1e3));
      }
    }
  }

  void Stand(const Placed& body) {
    const Item& item = tree_.items[body.item];
    const Node& node = *item.node;
    if (node.fixed || !item.finite) return;
    const Support& support = tree_.supports[item.support_idx];
    const std::string& on = NodeAt(support.item_idx).id;
    if (node.upright) {
      const double tilt = std::acos(std::clamp((item.world_from_node.rotation * Vec3::UnitZ()).z(), -1.0, 1.0));
      if (!(tilt <= tol_.tilt_rad)) Add(FaultKind::kTilted, node.id, {}, tilt, fmt::format("tilted by {:.1f} degrees", tilt * 57.29578));
    }
    double low = kInf, high = -kInf;
    for (const Convex& piece : body.pieces) {
      const HeightRange range = Heights(piece);
      low = std::min(low, range.low_m);
      high = std::max(high, range.high_m);
    }
    const Pose world_from_support = tree_.WorldFromSupport(item.support_idx);
    const double gap = low - world_from_support.translation_m.z();
    c_.support_error_m = std::max(c_.support_error_m, std::abs(gap));
    if (!(gap <= tol_.height_m)) Add(FaultKind::kFloating, node.id, on, gap, fmt::format("floats {:.1f} mm above {}", gap * 1e3, on));
    if (!(gap >= -tol_.height_m)) Add(FaultKind::kSunk, node.id, on, -gap, fmt::format("sunk {:.1f} mm into {}", -gap * 1e3, on));
    if (!support.floor) {
      const Vec3 p = world_from_support.Inverse() * item.world_from_node.translation_m;
      double outside = -kInf;
      for (size_t k = 0; k < support.outline_m.size(); ++k) {
        const Vec2& a = support.outline_m[k];
        const Vec2 d = (support.outline_m[(k + 1) % support.outline_m.size()] - a).normalized();
        outside = std::max(outside, -Cross(d, Vec2(p.x(), p.y()) - a));
      }
      if (!(outside <= 1e-6)) Add(FaultKind::kOffSupport, node.id, on, outside, fmt::format("centre {:.1f} mm beyond the edge of {}", outside * 1e3, on));
      if (support.cavity) Cavity(body, item, support, world_from_support, on);
    }
    const int parent = item.parent_idx;
    if (parent > 0 && NodeAt(parent).kind == NodeKind::kRegion && NodeAt(parent).size_m.head<2>().minCoeff() > 0 && support.floor) {
      const Vec3 p = tree_.items[parent].world_from_node.Inverse() * item.world_from_node.translation_m;
      const Vec3& s = NodeAt(parent).size_m;
      const double out = std::max(std::abs(p.x()) - s.x() / 2, std::abs(p.y()) - s.y() / 2);
      if (!(out <= 1e-6)) Add(FaultKind::kOutOfRegion, node.id, NodeAt(parent).id, out, fmt::format("{:.1f} mm outside its region", out * 1e3));
    }
  }

  void Cavity(const Placed& body, const Item& item, const Support& support, const Pose& world_from_support, const std::string& on) {
    const Pose support_from_world = world_from_support.Inverse();
    double out = -kInf;
    for (const Convex& piece : body.pieces) {
      const Convex local = Transformed(piece, support_from_world);
      for (size_t k = 0; k < support.outline_m.size(); ++k) {
        const Vec2& a = support.outline_m[k];
        const Vec2 d = (support.outline_m[(k + 1) % support.outline_m.size()] - a).normalized();
        const Vec3 outward(d.y(), -d.x(), 0);
        out = std::max(out, outward.dot(SupportPoint(local, outward) - Vec3(a.x(), a.y(), 0)));
      }
      if (support.height_m > 0) out = std::max(out, Heights(local).high_m - support.height_m);
    }
    if (!(out <= tol_.penetration_m)) Add(FaultKind::kOutOfBounds, item.node->id, on, out, fmt::format("{:.1f} mm outside {}", out * 1e3, on));
  }

  const Tree& tree_;
  const Tolerances& tol_;
  Certificate c_;
  double room_extent_m_ = 0;
  std::vector<Placed> bodies_, zones_;
  std::vector<WallLine> wall_lines_;
  std::vector<Convex> walls_;
};

}  // namespace

const char* FaultName(FaultKind kind) {
  switch (kind) {
    case FaultKind::kNotFinite: return "not_finite";
    case FaultKind::kDuplicateId: return "duplicate_id";
    case FaultKind::kUnits: return "units";
    case FaultKind::kSwappedAxes: return "swapped_axes";
    case FaultKind::kPenetration: return "penetration";
    case FaultKind::kOutOfBounds: return "out_of_bounds";
    case FaultKind::kFloating: return "floating";
    case FaultKind::kSunk: return "sunk";
    case FaultKind::kTilted: return "tilted";
    case FaultKind::kOffSupport: return "off_support";
    case FaultKind::kOutOfRegion: return "out_of_region";
    case FaultKind::kBlockedClearance: return "blocked_clearance";
    case FaultKind::kBlockedOpening: return "blocked_opening";
    case FaultKind::kRelation: return "relation";
    case FaultKind::kUnstable: return "unstable";
  }
  return "unknown";
}

Certificate Certify(const Tree& tree, const Tolerances& tolerances) { return Measuring(tree, tolerances).Run(); }

Certificate Certify(const Scene& scene, const Tolerances& tolerances, const std::filesystem::path& assets) {
  return Certify(ReadTree(scene, assets), tolerances);
}

RelationCheck CheckRelation(const Scene& scene, int relation_idx, const Tolerances& tolerances) {
  return CheckRelation(ReadTree(scene), relation_idx, tolerances);
}

}  // namespace takt::scene
