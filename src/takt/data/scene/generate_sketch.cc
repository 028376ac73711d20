// SPDX-License-Identifier: Apache-2.0
#include "takt/data/scene/generate_sketch.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "takt/data/scene/catalogue.h"
#include "takt/data/scene/model/walk.h"

namespace takt::scene::drawing {
namespace {

constexpr double kPi = std::numbers::pi;
constexpr int kDarts = 300;
constexpr double kEdgeM = 0.002;        // between a body and the edge of its support
constexpr double kWallGapM = 0.006;     // between a body and the wall that it stands against
constexpr double kAgainstMaxM = 0.02;   // `against` with max_m = 0
constexpr double kNearMaxM = 1.5;       // `near` with max_m = 0
constexpr double kFacingRad = kPi / 6;  // `facing` with tolerance_rad = 0

double RoundTo(double value, double per_unit) { return std::round(value * per_unit) / per_unit; }

Vec2 Turn(const Vec2& v, double yaw_rad) {
  const double c = std::cos(yaw_rad), s = std::sin(yaw_rad);
  return {c * v.x() - s * v.y(), s * v.x() + c * v.y()};
}

Vec2 Direction(double yaw_rad) { return {std::cos(yaw_rad), std::sin(yaw_rad)}; }

double SideAngle(Side side) {
  switch (side) {
    case Side::kBack:
      return kPi;
    case Side::kLeft:
      return kPi / 2;
    case Side::kRight:
      return -kPi / 2;
    default:
      return 0;
  }
}

// Outward normals of the four walls of a room.
constexpr double kWallAngle[4] = {-kPi / 2, 0, kPi / 2, kPi};

// Half of the extent of a rectangle along a direction.
double HalfAlong(const Vec2& half_m, double angle_rad) {
  return std::abs(std::cos(angle_rad)) * half_m.x() + std::abs(std::sin(angle_rad)) * half_m.y();
}

// How far the corners stick out of a box.
double Outside(const Rect& rect, const Vec2& low_m, const Vec2& high_m) {
  double out = 0;
  for (const Vec2& corner : rect.Corners()) {
    out = std::max({out, (low_m - corner).maxCoeff(), (corner - high_m).maxCoeff()});
  }
  return out;
}

double WrapRad(double angle) { return std::remainder(angle, 2 * kPi); }

}  // namespace

std::array<Vec2, 4> Rect::Corners() const {
  const Vec2 u = Direction(yaw_rad) * half_m.x(), v = Direction(yaw_rad + kPi / 2) * half_m.y();
  return {center_m + u + v, center_m - u + v, center_m - u - v, center_m + u - v};
}

double GapM(const Rect& a, const Rect& b) {
  // Where the centres are far apart, the distance of the circles around them is a quick answer to "overlap?" only; the
  // exact distance is asked for by `near`, so it is always computed.
  const auto ca = a.Corners(), cb = b.Corners();
  bool separated = false;
  for (const Rect* r : {&a, &b}) {
    for (int axis = 0; axis < 2 && !separated; ++axis) {
      const Vec2 n = Direction(r->yaw_rad + axis * kPi / 2);
      double a_low = 1e300, a_high = -1e300, b_low = 1e300, b_high = -1e300;
      for (int i = 0; i < 4; ++i) {
        a_low = std::min(a_low, n.dot(ca[i])), a_high = std::max(a_high, n.dot(ca[i]));
        b_low = std::min(b_low, n.dot(cb[i])), b_high = std::max(b_high, n.dot(cb[i]));
      }
      separated = a_high < b_low || b_high < a_low;
    }
  }
  if (!separated) return 0;
  // The nearest points of two disjoint convex polygons include a corner of one of them.
  double best = 1e300;
  const auto corner_to_edges = [&best](const std::array<Vec2, 4>& from, const std::array<Vec2, 4>& to) {
    for (const Vec2& p : from) {
      for (int i = 0; i < 4; ++i) {
        const Vec2 &e0 = to[i], e = to[(i + 1) % 4] - e0;
        const double length2 = e.squaredNorm();
        const double t = length2 > 0 ? std::clamp((p - e0).dot(e) / length2, 0.0, 1.0) : 0;
        best = std::min(best, (p - e0 - t * e).norm());
      }
    }
  };
  corner_to_edges(ca, cb);
  corner_to_edges(cb, ca);
  return best;
}

Rect Sketch::Support::World(const Rect& local) const {
  return {origin_m.head<2>() + Turn(local.center_m, yaw_rad), local.half_m, local.yaw_rad + yaw_rad};
}

Vec2 Sketch::Support::Local(const Vec2& world_m) const { return Turn(world_m - origin_m.head<2>(), -yaw_rad); }

Sketch::Sketch(const Recipe& recipe, Draw* draw) : recipe_(recipe), draw_(*draw) {
  width_m_ = RoundTo(draw_.Uniform(recipe.width_m), 1e3);
  depth_m_ = RoundTo(draw_.Uniform(recipe.depth_m), 1e3);
  height_m_ = RoundTo(draw_.Uniform(recipe.height_m), 1e3);
  clutter_ = draw_.Uniform(recipe.clutter);
  Support floor;
  floor.high_m = floor.center_high_m = {width_m_, depth_m_};
  floor.height_m = height_m_;
  supports_.push_back(floor);
  for (const RecipeRegion& region : recipe.regions) {
    Support area = floor;
    area.id = region.id;
    area.center_low_m = {region.x0 * width_m_, region.y0 * depth_m_};
    area.center_high_m = {region.x1 * width_m_, region.y1 * depth_m_};
    supports_.push_back(area);
  }
}

void Sketch::AddOpenings() {
  int doors = 0, windows = 0;
  std::vector<std::array<double, 3>> taken;  // wall, from, to
  for (const RecipeOpening& wanted : recipe_.openings) {
    Opening opening;
    opening.kind = wanted.kind;
    const bool door = wanted.kind == OpeningKind::kDoor;
    opening.id = door ? fmt::format("door_{}", ++doors) : fmt::format("window_{}", ++windows);
    opening.width_m = RoundTo(draw_.Uniform(wanted.width_m), 1e3);
    opening.sill_m = RoundTo(draw_.Uniform(wanted.sill_m), 1e3);
    opening.height_m = RoundTo(std::min(draw_.Uniform(wanted.height_m), height_m_ - opening.sill_m - 0.05), 1e3);
    opening.clearance_m = RoundTo(draw_.Uniform(wanted.clearance_m), 1e3);
    bool placed = false;
    for (int dart = 0; dart < 50 && !placed; ++dart) {
      opening.wall_idx = wanted.wall_idx >= 0 ? wanted.wall_idx : draw_.Below(4);
      const double wall_m = opening.wall_idx % 2 == 0 ? width_m_ : depth_m_, room_m = wall_m - opening.width_m - 0.1;
      if (room_m < 0) continue;
      opening.offset_m = RoundTo(0.05 + draw_.Uniform(0, room_m), 1e3);
      placed = std::none_of(taken.begin(), taken.end(), [&](const auto& t) {
        return t[0] == opening.wall_idx && opening.offset_m < t[2] + 0.1 &&
               t[1] < opening.offset_m + opening.width_m + 0.1;
      });
    }
    if (!placed) continue;  // Fill says so
    taken.push_back({static_cast<double>(opening.wall_idx), opening.offset_m, opening.offset_m + opening.width_m});
    openings_.push_back(opening);
    if (!(opening.clearance_m > 0)) continue;
    const double along = opening.offset_m + opening.width_m / 2, in = opening.clearance_m / 2;
    Rect free;
    free.half_m = opening.wall_idx % 2 == 0 ? Vec2(opening.width_m / 2, in) : Vec2(in, opening.width_m / 2);
    switch (opening.wall_idx) {
      case 0:
        free.center_m = {along, in};
        break;
      case 1:
        free.center_m = {width_m_ - in, along};
        break;
      case 2:
        free.center_m = {width_m_ - along, depth_m_ - in};
        break;
      default:
        free.center_m = {in, depth_m_ - along};
        break;
    }
    keep_free_.push_back(free);
  }
}

bool Sketch::Fill(bool crowd) {
  AddOpenings();
  if (openings_.size() != recipe_.openings.size()) {
    failed_ = "a door or window";
    return false;
  }
  for (const RecipeObject& line : recipe_.objects) {
    int count = draw_.Uniform(line.count);
    if (line.distractor) count = static_cast<int>(std::lround(count * clutter_));
    std::vector<std::string> colors_left;
    for (int i = 0; i < count; ++i) {
      const std::string& category = line.categories[static_cast<size_t>(draw_.Below(line.categories.size()))];
      const CatalogueEntry* entry = FindCatalogueEntry(category);
      std::map<std::string, double> params;
      for (const auto& [name, range] : line.params) {
        const auto param = std::find_if(entry->params.begin(), entry->params.end(),
                                        [&key = name](const CatalogueParam& p) { return p.name == key; });
        if (param == entry->params.end()) continue;  // of another category of the line
        params[name] = std::clamp(RoundTo(draw_.Uniform(range), 1e4), param->low, param->high);
      }
      std::vector<std::string> colors = line.colors;
      if (colors.empty()) colors.assign(entry->colors.begin(), entry->colors.end());
      std::string color;
      if (line.distinct_colors) {
        if (colors_left.empty()) colors_left = colors;
        const int pick = draw_.Below(colors_left.size());
        color = colors_left[static_cast<size_t>(pick)];
        colors_left.erase(colors_left.begin() + pick);
      } else {
        color = colors[static_cast<size_t>(draw_.Below(colors.size()))];
      }
      const std::string id = line.count.high == 1 ? line.id : fmt::format("{}_{}", line.id, i + 1);
      Node node = MakeObject(category, id, params, color);
      node.fixed = node.fixed || line.fixed;
      for (const auto& [key, value] : line.extra) node.extra[key] = value;
      if (!Place(line, std::move(node), crowd)) {
        failed_ = fmt::format("{} ({})", id, category);
        return false;
      }
    }
  }
  return true;
}

std::vector<int> Sketch::SupportsOf(const RecipeObject& line) const {
  std::vector<int> found;
  const size_t dot = line.support.find('.');
  const std::string owner = line.support.substr(0, dot),
                    suffix = dot == std::string::npos ? "" : line.support.substr(dot + 1);
  if (line.support == "floor") return {0};
  const auto copies = copies_.find(owner);
  for (int i = 1; i < static_cast<int>(supports_.size()); ++i) {
    const Support& support = supports_[static_cast<size_t>(i)];
    if (support.owner < 0) {
      if (support.id == line.support) return {i};
      continue;
    }
    if (copies == copies_.end() || std::count(copies->second.begin(), copies->second.end(), support.owner) == 0)
      continue;
    const Node& node = bodies_[static_cast<size_t>(support.owner)].node;
    const bool first = node.children.front().id == support.id;
    if (suffix == "*" || (suffix.empty() && first) || support.id == node.id + "." + suffix) found.push_back(i);
  }
  return found;
}

bool Sketch::ThrowAgainstWall(const RecipeRelation& relation, const Node& node, const Support& support, Rect* rect,
                              int* wall_idx) {
  if (support.level != 0) return false;
  const int wall = relation.target == "wall" ? draw_.Below(4) : relation.target[5] - '0';
  *wall_idx = wall;
  rect->yaw_rad = WrapRad(kWallAngle[wall] - SideAngle(relation.side));
  const double most = relation.max_m > 0 ? relation.max_m : kAgainstMaxM;
  const double gap = std::clamp(kWallGapM, relation.min_m, std::max(relation.min_m, most / 2));
  const double depth = HalfAlong(rect->half_m, SideAngle(relation.side)) + gap;
  const double across = HalfAlong(rect->half_m, SideAngle(relation.side) + kPi / 2) + kEdgeM;
  const double wall_m = wall % 2 == 0 ? width_m_ : depth_m_;
  if (wall_m < 2 * across) return false;
  const double along = draw_.Uniform(across, wall_m - across);
  switch (wall) {
    case 0:
      rect->center_m = {along, depth};
      break;
    case 1:
      rect->center_m = {width_m_ - depth, along};
      break;
    case 2:
      rect->center_m = {along, depth_m_ - depth};
      break;
    default:
      rect->center_m = {depth, along};
      break;
  }
  (void)node;
  return true;
}

bool Sketch::Throw(const Wish& wish, const Node& node, const Support& support, Rect* rect, int* wall_idx) {
  const RecipeObject& line = *wish.line;
  *wall_idx = -1;
  rect->half_m = node.size_m.head<2>() / 2;
  rect->yaw_rad = line.yaw_rad         ? draw_.Uniform(*line.yaw_rad)
                  : support.level == 0 ? kPi / 2 * draw_.Below(4) - kPi / 2
                                       : draw_.Uniform(-kPi, kPi);
  bool at_place = false, turned = false;
  for (size_t i = 0; i < line.relations.size(); ++i) {
    const RecipeRelation& relation = line.relations[i];
    if (relation.kind == RelationKind::kAgainst && wish.targets[i] < 0) {
      if (!ThrowAgainstWall(relation, node, support, rect, wall_idx)) return false;
      at_place = turned = true;
      continue;
    }
    const Body& target = bodies_[static_cast<size_t>(wish.targets[i])];
    const Rect world = WorldRect(target);
    const Rect other = {support.Local(world.center_m), world.half_m, world.yaw_rad - support.yaw_rad};
    const double least = relation.min_m;
    if (relation.kind == RelationKind::kAgainst && !at_place) {
      const double angle = other.yaw_rad + kPi / 2 * draw_.Below(4);
      const double most = relation.max_m > 0 ? relation.max_m : kAgainstMaxM;
      const double gap = std::max(least, std::min(most, recipe_.gap_m));
      rect->yaw_rad = WrapRad(angle + kPi - SideAngle(relation.side));
      const double side = HalfAlong(other.half_m, angle - other.yaw_rad + kPi / 2);
      rect->center_m = other.center_m +
                       Direction(angle) * (HalfAlong(other.half_m, angle - other.yaw_rad) + gap +
                                           HalfAlong(rect->half_m, SideAngle(relation.side))) +
                       Direction(angle + kPi / 2) * draw_.Uniform(-side, side);
      at_place = turned = true;
    } else if (relation.kind == RelationKind::kNear && !at_place) {
      const double most = relation.max_m > 0 ? relation.max_m : kNearMaxM;
      const double far = other.half_m.norm() + rect->half_m.norm() + most;
      const double close = std::min(other.half_m.minCoeff(), rect->half_m.minCoeff());
      rect->center_m = other.center_m + Direction(draw_.Uniform(-kPi, kPi)) * draw_.Uniform(close, far);
      at_place = true;
    } else if (relation.kind == RelationKind::kReachableBy && !at_place) {
      const double most = line.reach_m.high > 0 ? line.reach_m.high : target.node.reach_m;
      const double low = line.reach_m.low * line.reach_m.low;
      rect->center_m =
          other.center_m + Direction(draw_.Uniform(-kPi, kPi)) * std::sqrt(draw_.Uniform(low, most * most));
      at_place = true;
    } else if (relation.kind == RelationKind::kAligned && !turned) {
      rect->yaw_rad = WrapRad(other.yaw_rad + kPi / 2 * draw_.Below(4));
      turned = true;
    }
  }
  if (!at_place) {
    const double ex = HalfAlong(rect->half_m, rect->yaw_rad) + kEdgeM,
                 ey = HalfAlong(rect->half_m, rect->yaw_rad + kPi / 2) + kEdgeM;
    const Vec2 low = support.center_low_m.cwiseMax(support.low_m + Vec2(ex, ey));
    const Vec2 high = support.center_high_m.cwiseMin(support.high_m - Vec2(ex, ey));
    if (!((high - low).minCoeff() >= 0)) return false;
    rect->center_m = {draw_.Uniform(low.x(), high.x()), draw_.Uniform(low.y(), high.y())};
  }
  // From the lower corner on the floor and in regions, from the centre on surfaces.
  const Vec2 zero = support.level == 0 ? support.center_low_m : Vec2(0, 0);
  if (line.x_m) rect->center_m.x() = zero.x() + draw_.Uniform(*line.x_m);
  if (line.y_m) rect->center_m.y() = zero.y() + draw_.Uniform(*line.y_m);
  for (size_t i = 0; i < line.relations.size(); ++i) {
    if (line.relations[i].kind != RelationKind::kFacing || turned) continue;
    const Vec2 to = support.Local(WorldRect(bodies_[static_cast<size_t>(wish.targets[i])]).center_m) - rect->center_m;
    const double most = line.relations[i].tolerance_rad > 0 ? line.relations[i].tolerance_rad : kFacingRad;
    rect->yaw_rad = WrapRad(std::atan2(to.y(), to.x()) + draw_.Uniform(-0.3, 0.3) * most);
    turned = true;
  }
  rect->center_m = {RoundTo(rect->center_m.x(), 1e4), RoundTo(rect->center_m.y(), 1e4)};
  return true;
}

double Sketch::WorldYaw(const Body& body) const {
  return supports_[static_cast<size_t>(body.support)].yaw_rad + body.rect.yaw_rad;
}

Vec3 Sketch::WorldOrigin(const Body& body) const {
  const Support& support = supports_[static_cast<size_t>(body.support)];
  const Vec2 at = support.World(body.rect).center_m;
  return {at.x(), at.y(), support.origin_m.z()};
}

double Sketch::RelationFaults(const Wish& wish, const Node& node, const Support& support, const Rect& rect) const {
  double faults = 0;
  const Rect world = support.World(rect);
  for (size_t i = 0; i < wish.targets.size(); ++i) {
    if (wish.targets[i] < 0) continue;  // against a wall: by construction
    const RecipeRelation& relation = wish.line->relations[i];
    const Body& target = bodies_[static_cast<size_t>(wish.targets[i])];
    if (relation.kind == RelationKind::kNear || relation.kind == RelationKind::kAgainst) {
      const double otherwise = relation.kind == RelationKind::kNear ? kNearMaxM : kAgainstMaxM;
      const double most = relation.max_m > 0 ? relation.max_m : otherwise, gap = GapM(world, WorldRect(target));
      faults += std::max({0.0, relation.min_m - gap, gap - most});
    } else if (relation.kind == RelationKind::kReachableBy) {
      const Vec3 base = WorldOrigin(target);
      const Vec2 flat = world.center_m - base.head<2>();
      const double height = support.origin_m.z() + node.size_m.z() / 2 - base.z();
      faults += std::max(0.0, std::hypot(flat.norm(), height) - target.node.reach_m);
      if (wish.line->reach_m.high > 0) {
        faults += std::max({0.0, wish.line->reach_m.low - flat.norm(), flat.norm() - wish.line->reach_m.high});
      }
    } else if (relation.kind == RelationKind::kFacing) {
      const Vec2 to = WorldRect(target).center_m - world.center_m;
      const double most = relation.tolerance_rad > 0 ? relation.tolerance_rad : kFacingRad;
      faults += std::max(0.0, std::abs(WrapRad(std::atan2(to.y(), to.x()) - world.yaw_rad)) - most);
    } else if (relation.kind == RelationKind::kAligned) {
      const double off = std::abs(std::remainder(world.yaw_rad - WorldYaw(target), kPi / 2));
      faults += std::max(0.0, off - (relation.tolerance_rad > 0 ? relation.tolerance_rad : 0.0873));
    }
  }
  return faults;
}

// The rectangles that a node keeps free beside itself, in the frame of its own rectangle's support.
static std::vector<Rect> ClearanceRects(const Node& node, const Rect& rect) {
  std::vector<Rect> rects;
  for (const Clearance& clearance : node.clearances) {
    if (clearance.side == Side::kTop) continue;
    const double side = SideAngle(clearance.side), in = clearance.depth_m / 2;
    const bool along_x = clearance.side == Side::kFront || clearance.side == Side::kBack;
    rects.push_back({rect.center_m + Direction(rect.yaw_rad + side) * (HalfAlong(rect.half_m, side) + in),
                     along_x ? Vec2(in, rect.half_m.y()) : Vec2(rect.half_m.x(), in), rect.yaw_rad});
  }
  return rects;
}

double Sketch::ClearanceFaults(const Node& node, const Support& support, const Rect& rect) const {
  double faults = 0;
  const std::vector<Rect> own = ClearanceRects(node, rect);
  for (const Rect& free : own) {
    faults += Outside(support.World(free), Vec2(0, 0), Vec2(width_m_, depth_m_));
  }
  for (const Body& body : bodies_) {
    const Support& other = supports_[static_cast<size_t>(body.support)];
    if (other.level != support.level) continue;
    for (const Rect& free : own) faults += GapM(free, body.rect) > 1e-3 ? 0 : 0.1;
    if (body.node.clearances.empty()) continue;
    for (const Rect& free : ClearanceRects(body.node, body.rect)) faults += GapM(free, rect) > 1e-3 ? 0 : 0.1;
  }
  return faults;
}

double Sketch::Faults(const Wish& wish, const Node& node, int support_idx, const Rect& rect) const {
  const Support& support = supports_[static_cast<size_t>(support_idx)];
  double faults = 0;
  faults += Outside(rect, support.low_m + Vec2(kEdgeM, kEdgeM), support.high_m - Vec2(kEdgeM, kEdgeM));
  faults += std::max(
      {0.0, (support.center_low_m - rect.center_m).maxCoeff(), (rect.center_m - support.center_high_m).maxCoeff()});
  if (node.size_m.z() > support.height_m - kEdgeM) faults += 1;
  for (const Body& body : bodies_) {
    if (supports_[static_cast<size_t>(body.support)].level != support.level) continue;
    const double reach = rect.half_m.norm() + body.rect.half_m.norm() + recipe_.gap_m;
    const double apart = (rect.center_m - body.rect.center_m).norm();
    if (apart > reach) continue;
    const double gap = GapM(rect, body.rect);
    if (gap < recipe_.gap_m) faults += recipe_.gap_m - gap + (gap > 0 ? 0 : 0.1 * (reach - apart));
  }
  if (support.level == 0) {
    for (const Rect& free : keep_free_) faults += GapM(free, rect) > 1e-3 ? 0 : 0.1;
  }
  return faults + ClearanceFaults(node, support, rect) + RelationFaults(wish, node, support, rect);
}

bool Sketch::KeepsReaches(const Scene& scene) const {
  for (const Body& body : bodies_) {
    const auto line = std::find_if(recipe_.objects.begin(), recipe_.objects.end(),
                                   [&](const RecipeObject& o) { return o.id == body.line_id; });
    if (!(line->reach_m.high > 0)) continue;
    for (const Relation& relation : body.relations) {
      if (relation.kind != RelationKind::kReachableBy) continue;
      const Vec3 between =
          WorldFromNode(scene, relation.subject).translation_m - WorldFromNode(scene, relation.target).translation_m;
      const double flat = between.head<2>().norm();
      if (!(flat >= line->reach_m.low - 1e-6 && flat <= line->reach_m.high + 1e-6)) return false;
    }
  }
  return true;
}

bool Sketch::Place(const RecipeObject& line, Node node, bool crowd) {
  Wish wish;
  wish.line = &line;
  for (const RecipeRelation& relation : line.relations) {
    if (relation.target.starts_with("wall") && copies_.count(relation.target) == 0) {
      wish.targets.push_back(-1);
      continue;
    }
    const auto copies = copies_.find(relation.target);
    if (copies == copies_.end()) return false;  // drawn zero times
    wish.targets.push_back(copies->second[static_cast<size_t>(draw_.Below(copies->second.size()))]);
  }
  const std::vector<int> choices = SupportsOf(line);
  if (choices.empty()) return false;
  double least = INFINITY;
  Rect best;
  int best_support = -1, best_wall = -1;
  for (int dart = 0; dart < kDarts; ++dart) {
    const int support = choices[static_cast<size_t>(draw_.Below(choices.size()))];
    Rect rect;
    int wall = -1;
    if (!Throw(wish, node, supports_[static_cast<size_t>(support)], &rect, &wall)) continue;
    const double faults = Faults(wish, node, support, rect);
    if (faults < least) least = faults, best = rect, best_support = support, best_wall = wall;
    if (!(faults > 0)) break;
  }
  if (best_support < 0 || (least > 0 && !crowd)) return false;
  Commit(wish, std::move(node), best_support, best, best_wall);
  return true;
}

void Sketch::Commit(const Wish& wish, Node node, int support_idx, const Rect& rect, int wall_idx) {
  const Support& support = supports_[static_cast<size_t>(support_idx)];
  Body body;
  body.line_id = wish.line->id;
  body.support = support_idx;
  body.rect = rect;
  if (support.owner >= 0) {
    Relation& relation = body.relations.emplace_back();
    relation.kind = wish.line->inside ? RelationKind::kIn : RelationKind::kOn;
    relation.subject = node.id;
    relation.target = support.id;
  }
  for (size_t i = 0; i < wish.targets.size(); ++i) {
    const RecipeRelation& from = wish.line->relations[i];
    Relation& relation = body.relations.emplace_back();
    relation.kind = from.kind;
    relation.subject = node.id;
    relation.target =
        wish.targets[i] < 0 ? fmt::format("wall:{}", wall_idx) : bodies_[static_cast<size_t>(wish.targets[i])].node.id;
    relation.side = from.side;
    relation.min_m = from.min_m;
    relation.max_m = from.max_m;
    relation.tolerance_rad = from.tolerance_rad;
  }
  body.node = std::move(node);
  copies_[body.line_id].push_back(static_cast<int>(bodies_.size()));
  bodies_.push_back(std::move(body));
  AddSupports(static_cast<int>(bodies_.size()) - 1);
}

void Sketch::AddSupports(int body_idx) {
  const Body& body = bodies_[static_cast<size_t>(body_idx)];
  const Vec3 origin = WorldOrigin(body);
  const double yaw = WorldYaw(body);
  for (const Node& surface : body.node.children) {
    const Vec3& at = surface.parent_from_node.translation_m;
    Support support;
    support.id = surface.id;
    support.owner = body_idx;
    support.level = static_cast<int>(supports_.size());
    support.yaw_rad = yaw;
    support.origin_m.head<2>() = origin.head<2>() + Turn(at.head<2>(), yaw);
    support.origin_m.z() = origin.z() + at.z();
    support.high_m = support.center_high_m = surface.size_m.head<2>() / 2;
    support.low_m = support.center_low_m = -support.high_m;
    support.height_m = surface.size_m.z() > 0 ? surface.size_m.z() : height_m_ - support.origin_m.z();
    supports_.push_back(support);
  }
}

void Sketch::AddChildren(int support_idx, Node* parent) const {
  const Support& support = supports_[static_cast<size_t>(support_idx)];
  for (size_t i = 0; i < bodies_.size(); ++i) {
    const Body& body = bodies_[i];
    if (body.support != support_idx) continue;
    Node node = body.node;
    const Vec2 middle = support.id.empty() || support.owner >= 0
                            ? Vec2(0, 0)
                            : Vec2((support.center_low_m + support.center_high_m) / 2);
    const Vec2 at = body.rect.center_m - middle;
    node.parent_from_node = Pose::Yaw(body.rect.yaw_rad, {at.x(), at.y(), 0});
    for (size_t s = 0; s < supports_.size(); ++s) {
      if (supports_[s].owner != static_cast<int>(i)) continue;
      for (Node& surface : node.children) {
        if (surface.id == supports_[s].id) AddChildren(static_cast<int>(s), &surface);
      }
    }
    parent->children.push_back(std::move(node));
  }
}

Scene Sketch::Assemble() const {
  Scene scene;
  scene.room.kind = NodeKind::kRoom;
  scene.room.id = "room";
  scene.room.floor_m = {{0, 0}, {width_m_, 0}, {width_m_, depth_m_}, {0, depth_m_}};
  scene.room.height_m = height_m_;
  scene.room.openings = openings_;
  for (size_t r = 0; r < recipe_.regions.size(); ++r) {
    const Support& support = supports_[r + 1];
    Node region;
    region.kind = NodeKind::kRegion;
    region.id = recipe_.regions[r].id;
    region.name = recipe_.regions[r].name;
    const Vec2 middle = (support.center_low_m + support.center_high_m) / 2,
               size = support.center_high_m - support.center_low_m;
    region.parent_from_node = Pose::Translation(middle.x(), middle.y(), 0);
    region.size_m = {size.x(), size.y(), 0};
    AddChildren(static_cast<int>(r) + 1, &region);
    scene.room.children.push_back(std::move(region));
  }
  AddChildren(0, &scene.room);
  for (const Body& body : bodies_)
    scene.relations.insert(scene.relations.end(), body.relations.begin(), body.relations.end());
  AddPaletteMaterials(&scene);
  return scene;
}

}  // namespace takt::scene::drawing
