// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <numbers>

#include "takt/data/scene/repair/measure.h"

namespace takt::scene {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kCornerSlack_m = 1e-4;  // the nearer corner of a side may be that much too near to the wall

Vec2 Flat(const Vec3& p) { return {p.x(), p.y()}; }

// The box of an item, seen from above, as a piece without height.
Convex FlatBox(const Item& item) {
  const Vec3& s = item.node->size_m;
  std::vector<Vec2> corners;
  for (int i = 0; i < 8; ++i) {
    corners.push_back(Flat(item.world_from_node *
                           Vec3((i & 1 ? 0.5 : -0.5) * s.x(), (i & 2 ? 0.5 : -0.5) * s.y(), i & 4 ? s.z() : 0)));
  }
  Convex flat;
  for (const Vec2& p : Hull2(std::move(corners))) flat.points.emplace_back(p.x(), p.y(), 0);
  flat.centre_m = item.world_from_node * Vec3(0, 0, s.z() / 2);
  flat.centre_m.z() = 0;
  return flat;
}

Convex FlatSegment(const Vec2& a, const Vec2& b) {
  Convex flat;
  flat.points = {{a.x(), a.y(), 0}, {b.x(), b.y(), 0}};
  flat.centre_m = (flat.points[0] + flat.points[1]) / 2;
  return flat;
}

double Gap(const Convex& a, const Convex& b) { return std::max(0.0, SignedDistance(a, b)); }

Vec3 BoxCentre(const Item& item) { return item.world_from_node * Vec3(0, 0, item.node->size_m.z() / 2); }

double Against(const Tree& tree, const Relation& relation, const Item& subject, const Item* target) {
  if (relation.side == Side::kTop) return kNan;
  const SideLine side = SideOf(subject.node->size_m, relation.side);
  const Vec2 a = Flat(subject.world_from_node * Vec3(side.from_m.x(), side.from_m.y(), 0));
  const Vec2 b = Flat(subject.world_from_node * Vec3(side.to_m.x(), side.to_m.y(), 0));
  const Vec2 outward = Flat(subject.world_from_node.rotation * Vec3(side.outward.x(), side.outward.y(), 0));
  const Vec2 middle = (a + b) / 2;
  if (target != nullptr) {
    if (!(outward.dot(Flat(BoxCentre(*target)) - middle) > 0)) return kInf;
    return Gap(FlatSegment(a, b), FlatBox(*target));
  }
  const auto walls = Walls(*tree.scene);
  double best = kInf;
  for (const int w : WallsNamed(*tree.scene, relation.target)) {
    const WallLine& wall = walls[w];
    const double t = wall.along.dot(middle - wall.from_m);
    if (!(t >= 0 && t <= wall.length_m) || !(outward.dot(wall.inward) < -0.7)) continue;
    const double far = std::max(wall.inward.dot(a - wall.from_m), wall.inward.dot(b - wall.from_m));
    const double near = std::min(wall.inward.dot(a - wall.from_m), wall.inward.dot(b - wall.from_m));
    const double value = near < relation.min_m - kCornerSlack_m ? near : far;
    if (far > -0.5 && std::abs(value) < std::abs(best)) best = value;
  }
  return best;
}

double Facing(const Tree& tree, const Relation& relation, const Item& subject, const Item* target) {
  const Vec3 front3 = subject.world_from_node.rotation * Vec3::UnitX();
  const Vec2 front = Flat(front3).normalized();
  const auto angle = [&](const Vec2& towards) { return std::abs(std::atan2(Cross(front, towards), front.dot(towards))); };
  if (target != nullptr) {
    const Vec2 towards = Flat(BoxCentre(*target)) - Flat(subject.world_from_node.translation_m);
    return towards.norm() > 1e-9 ? angle(towards) : kNan;
  }
  const auto walls = Walls(*tree.scene);
  double best = kInf;
  for (const int w : WallsNamed(*tree.scene, relation.target)) best = std::min(best, angle(-walls[w].inward));
  return best;
}

double Aligned(const Tree& tree, const Relation& relation, const Item& subject, const Item* target) {
  const auto difference = [](double a, double b) { return std::abs(std::remainder(a - b, std::numbers::pi / 2)); };
  const double yaw = YawOf(subject.world_from_node.rotation);
  if (target != nullptr) return difference(yaw, YawOf(target->world_from_node.rotation));
  const auto walls = Walls(*tree.scene);
  double best = kInf;
  for (const int w : WallsNamed(*tree.scene, relation.target)) {
    best = std::min(best, difference(yaw, std::atan2(walls[w].along.y(), walls[w].along.x())));
  }
  return best;
}

double Near(const Tree& tree, const Relation& relation, const Item& subject, const Item* target) {
  if (target != nullptr) return Gap(FlatBox(subject), FlatBox(*target));
  const auto walls = Walls(*tree.scene);
  double best = kInf;
  for (const int w : WallsNamed(*tree.scene, relation.target)) {
    best = std::min(best, Gap(FlatBox(subject), FlatSegment(walls[w].from_m, walls[w].to_m)));
  }
  return best;
}

// How far the centre lies outside a region's rectangle.
double OutsideRegion(const Item& subject, const Item& region) {
  const Vec3 p = region.world_from_node.Inverse() * subject.world_from_node.translation_m;
  const Vec3& s = region.node->size_m;
  return std::max({0.0, std::abs(p.x()) - s.x() / 2, std::abs(p.y()) - s.y() / 2});
}

double In(const Tree& tree, int subject_idx, int target_idx) {
  const Item& subject = tree.items[subject_idx];
  const Item& target = tree.items[target_idx];
  if (target.node->kind == NodeKind::kRegion) return OutsideRegion(subject, target);
  const Support& s = tree.supports[subject.support_idx];
  if (s.item_idx != target_idx && s.owner_idx != target_idx) return kNan;
  if (s.floor) return 0;
  const Pose support_from_node = tree.WorldFromSupport(subject.support_idx).Inverse() * subject.world_from_node;
  Vec2 low = s.outline_m[0], high = low;
  for (const Vec2& p : s.outline_m) {
    low = low.cwiseMin(p);
    high = high.cwiseMax(p);
  }
  double out = 0;
  for (const Convex& piece : subject.body) {
    const Convex moved = Transformed(piece, support_from_node);
    out = std::max({out, SupportPoint(moved, Vec3::UnitX()).x() - high.x(), low.x() - SupportPoint(moved, -Vec3::UnitX()).x(),
                    SupportPoint(moved, Vec3::UnitY()).y() - high.y(), low.y() - SupportPoint(moved, -Vec3::UnitY()).y()});
    if (s.cavity) out = std::max(out, Heights(moved).high_m - s.height_m);
  }
  return out;
}

double On(const Tree& tree, int subject_idx, int target_idx) {
  const Item& subject = tree.items[subject_idx];
  const Support& s = tree.supports[subject.support_idx];
  if (tree.items[target_idx].node->kind == NodeKind::kRegion) {
    if (!s.floor || OutsideRegion(subject, tree.items[target_idx]) > 0) return kNan;
  } else if (s.item_idx != target_idx && s.owner_idx != target_idx) {
    return kNan;
  }
  double low = kInf;
  for (const Convex& piece : subject.body) low = std::min(low, Heights(Transformed(piece, subject.world_from_node)).low_m);
  return low - tree.WorldFromSupport(subject.support_idx).translation_m.z();
}

}  // namespace

std::vector<WallLine> Walls(const Scene& scene) {
  std::vector<WallLine> walls;
  const auto& floor = scene.room.floor_m;
  for (size_t i = 0; i < floor.size(); ++i) {
    WallLine wall{floor[i], floor[(i + 1) % floor.size()], Vec2::Zero(), Vec2::Zero(), 0};
    wall.length_m = (wall.to_m - wall.from_m).norm();
    wall.along = wall.length_m > 0 ? Vec2((wall.to_m - wall.from_m) / wall.length_m) : Vec2(1, 0);
    wall.inward = Vec2(-wall.along.y(), wall.along.x());
    walls.push_back(wall);
  }
  return walls;
}

bool NamesWall(std::string_view target) { return target == "wall" || target.starts_with("wall:"); }

std::vector<int> WallsNamed(const Scene& scene, std::string_view target) {
  const int count = static_cast<int>(scene.room.floor_m.size());
  std::vector<int> walls;
  if (target == "wall") {
    for (int i = 0; i < count; ++i) walls.push_back(i);
  } else if (target.starts_with("wall:")) {
    int index = -1;
    const std::string_view digits = target.substr(5);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), index);
    if (error == std::errc{} && end == digits.data() + digits.size() && index >= 0 && index < count) walls.push_back(index);
  }
  return walls;
}

SideLine SideOf(const Vec3& size_m, Side side) {
  const double x = size_m.x() / 2, y = size_m.y() / 2;
  switch (side) {
    case Side::kFront: return {{x, -y}, {x, y}, {1, 0}};
    case Side::kLeft: return {{x, y}, {-x, y}, {0, 1}};
    case Side::kRight: return {{-x, -y}, {x, -y}, {0, -1}};
    default: return {{-x, y}, {-x, -y}, {-1, 0}};
  }
}

Allowed AllowedBy(const Tree& tree, const Relation& relation, const Tolerances& tolerances) {
  switch (relation.kind) {
    case RelationKind::kOn: return {-tolerances.height_m, tolerances.height_m};
    case RelationKind::kIn: return {-kInf, tolerances.penetration_m};
    case RelationKind::kAgainst:
      return {relation.min_m, relation.max_m > 0 ? relation.max_m : tolerances.against_gap_m};
    case RelationKind::kNear: return {relation.min_m, relation.max_m > 0 ? relation.max_m : tolerances.near_gap_m};
    case RelationKind::kFacing: return {0, relation.tolerance_rad > 0 ? relation.tolerance_rad : tolerances.facing_rad};
    case RelationKind::kAligned: return {0, relation.tolerance_rad > 0 ? relation.tolerance_rad : tolerances.aligned_rad};
    case RelationKind::kReachableBy: break;
  }
  const int target = tree.Find(relation.target);
  return {0, target >= 0 ? tree.items[target].node->reach_m : kNan};
}

RelationCheck CheckRelation(const Tree& tree, int relation_idx, const Tolerances& tolerances) {
  const Relation& relation = tree.scene->relations.at(relation_idx);
  RelationCheck check;
  check.relation_idx = relation_idx;
  check.value = kNan;
  const Allowed allowed = AllowedBy(tree, relation, tolerances);
  check.lower = allowed.lower;
  check.upper = allowed.upper;
  const int s = tree.Find(relation.subject), t = tree.Find(relation.target);
  const bool wall = t < 0 && !WallsNamed(*tree.scene, relation.target).empty();
  if (s < 0 || tree.items[s].node->kind != NodeKind::kObject || s == t || (t < 0 && !wall)) return check;
  const Item& subject = tree.items[s];
  const Item* target = t >= 0 ? &tree.items[t] : nullptr;
  bool angle = false;
  switch (relation.kind) {
    case RelationKind::kOn:
      if (target != nullptr) check.value = On(tree, s, t);
      break;
    case RelationKind::kIn:
      if (target != nullptr) check.value = In(tree, s, t);
      break;
    case RelationKind::kAgainst: check.value = Against(tree, relation, subject, target); break;
    case RelationKind::kNear: check.value = Near(tree, relation, subject, target); break;
    case RelationKind::kFacing:
      check.value = Facing(tree, relation, subject, target);
      angle = true;
      break;
    case RelationKind::kAligned:
      check.value = Aligned(tree, relation, subject, target);
      angle = true;
      break;
    case RelationKind::kReachableBy:
      if (target != nullptr && target->node->reach_m > 0) {
        check.value = (BoxCentre(subject) - target->world_from_node.translation_m).norm();
      }
      break;
  }
  // A side pushed a hair into the wall is judged by the bounds.
  double slack = angle ? tolerances.relation_rad : tolerances.relation_m;
  double lower = check.lower - slack;
  if (relation.kind == RelationKind::kAgainst) lower -= tolerances.penetration_m;
  check.holds = check.value >= lower && check.value <= check.upper + slack;
  return check;
}

}  // namespace takt::scene
