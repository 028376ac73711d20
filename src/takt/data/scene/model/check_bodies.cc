// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string>
#include <string_view>
#include <utility>

#include "takt/data/scene/model/numbers.h"
#include "takt/data/scene/model/tree.h"

namespace takt::scene {
namespace {

constexpr double kTouch_m = 1e-3;     // a part, or a surface, may stand out of its box by so much
constexpr double kLoose = 0.05;       // of an extent, by which parts may fall short of their box
constexpr double kSameExtent = 0.02;  // relative, for "these are the same three numbers"
constexpr double kLargestObject_m = 100;
constexpr double kUnitFactor = 20;  // beyond the usual sizes of a sort; less than cm for m would give

// How large things of a sort usually are (the longest extent), and how tall beside their footprint. Wide bounds: what
// lies outside is said to look wrong, never to be wrong.
struct Usual {
  std::string_view category;
  double min_m, max_m;
  double min_tall, max_tall;  // height over the longer (max) or the shorter (min) side of the footprint
};
constexpr double kAny = 1e9;
constexpr Usual kUsual[] = {
    {"bed", 1, 3, 0, 0.8},           {"bench", 0.4, 10, 0, 1.4},
    {"bin", 0.05, 2, 0, kAny},       {"bottle", 0.05, 0.6, 1.1, kAny},
    {"box", 0.02, 3, 0, kAny},       {"cabinet", 0.2, 5, 0, kAny},
    {"chair", 0.3, 1.8, 0, kAny},    {"conveyor", 0.3, 60, 0, 1},
    {"crate", 0.1, 3, 0, kAny},      {"cube", 0.005, 0.5, 0, kAny},
    {"cup", 0.03, 0.3, 0, kAny},     {"desk", 0.5, 5, 0, 1.4},
    {"keyboard", 0.15, 0.7, 0, 0.5}, {"mug", 0.03, 0.3, 0, kAny},
    {"pallet", 0.3, 2.5, 0, 0.6},    {"plate", 0.05, 0.6, 0, 0.5},
    {"sofa", 0.8, 5, 0, 0.95},       {"table", 0.3, 6, 0, 1.6},
    {"tray", 0.1, 1.5, 0, 0.6},      {"wardrobe", 0.5, 4, 1.2, kAny},
    {"workbench", 0.5, 10, 0, 1.4},
};

std::string Text(const Vec3& v) { return FormatNumbers({v.data(), 3}); }

// Half extents of a part along the axes of its object.
Vec3 HalfExtents(const Part& part) {
  const Eigen::Matrix3d axes = part.object_from_part.rotation.toRotationMatrix().cwiseAbs();
  const double radius_m = part.size_m.x() / 2, length_m = part.size_m.z();
  const Vec3 up = axes.col(2);
  switch (part.shape) {
    case ShapeKind::kSphere:
      return Vec3::Constant(radius_m);
    case ShapeKind::kCapsule:
      return up * std::max(length_m / 2 - radius_m, 0.0) + Vec3::Constant(radius_m);
    case ShapeKind::kCylinder: {
      const Vec3 across = (Vec3::Ones() - up.cwiseProduct(up)).cwiseMax(0).cwiseSqrt();
      return up * (length_m / 2) + across * radius_m;
    }
    default:
      return axes * (part.size_m / 2);
  }
}

// Whether the three extents are the same numbers in another order, and in another order only.
bool IsPermuted(const Vec3& a, const Vec3& b) {
  const auto same = [](double x, double y) {
    return std::abs(x - y) <= kSameExtent * std::max(std::abs(x), std::abs(y));
  };
  if (same(a.x(), b.x()) && same(a.y(), b.y()) && same(a.z(), b.z())) return false;
  std::array<double, 3> x = {a.x(), a.y(), a.z()}, y = {b.x(), b.y(), b.z()};
  std::sort(x.begin(), x.end());
  std::sort(y.begin(), y.end());
  return same(x[0], y[0]) && same(x[1], y[1]) && same(x[2], y[2]);
}

// Parts and the box that they should fill. True when something was said.
bool CheckParts(const Node& node, const Places& places, Sink* sink) {
  const bool all_known = std::none_of(node.parts.begin(), node.parts.end(), [](const Part& part) {
    return part.shape == ShapeKind::kMesh || !(part.size_m.minCoeff() > 0);
  });
  if (node.parts.empty() || !all_known) return false;
  Vec3 low = Vec3::Constant(std::numeric_limits<double>::infinity()), high = -low;
  const Vec3 box_low(-node.size_m.x() / 2, -node.size_m.y() / 2, 0);
  const Vec3 box_high(node.size_m.x() / 2, node.size_m.y() / 2, node.size_m.z());
  const Part* outside = nullptr;
  for (const Part& part : node.parts) {
    const Vec3 half = HalfExtents(part), centre = part.object_from_part.translation_m;
    low = low.cwiseMin(centre - half);
    high = high.cwiseMax(centre + half);
    const double over_m = std::max((box_low - (centre - half)).maxCoeff(), ((centre + half) - box_high).maxCoeff());
    if (!(over_m <= kTouch_m) && outside == nullptr) outside = &part;
  }
  if (IsPermuted(high - low, node.size_m)) {
    sink->Add(Code::kSwappedAxes, places.Of(&node, "size_m"),
              "the parts of '" + node.id + "' span " + Text(high - low) + " m, its size_m says " + Text(node.size_m),
              "the axes look swapped: z is up, the front is +x");
    return true;
  }
  if (outside != nullptr) {
    sink->Add(Code::kPartsOutsideBox, places.Of(outside), "a part of '" + node.id + "' stands out of its box",
              "the box is size_m around the centre, from z = 0; a part's position_m is its centre");
    return true;
  }
  const double gap = std::max(((low - box_low).array() / node.size_m.array()).maxCoeff(),
                              ((box_high - high).array() / node.size_m.array()).maxCoeff());
  if (gap <= kLoose) return false;
  sink->Add(Code::kPartsDisagree, places.Of(&node, "size_m"),
            "the parts of '" + node.id + "' reach from " + Text(low) + " to " + Text(high) +
                " m and do not fill its box of " + Text(node.size_m),
            "make size_m the extents of the parts, with the lowest at z = 0");
  return true;
}

// The rectangle or cavity of a surface lies in the box of its object.
bool SurfaceFits(const Node& surface, const Vec3& object_size_m) {
  for (const double x : {-0.5, 0.5}) {
    for (const double y : {-0.5, 0.5}) {
      for (const double z : {0.0, 1.0}) {
        const Vec3 p = surface.parent_from_node * surface.size_m.cwiseProduct(Vec3(x, y, z));
        const bool is_in = std::abs(p.x()) <= object_size_m.x() / 2 + kTouch_m &&
                           std::abs(p.y()) <= object_size_m.y() / 2 + kTouch_m && p.z() >= -kTouch_m &&
                           p.z() <= object_size_m.z() + kTouch_m;
        if (!is_in) return false;
      }
    }
  }
  return true;
}

bool CheckSurface(const Node& object, const Node& surface, const Places& places, Sink* sink) {
  if (!(surface.size_m.minCoeff() >= 0) || SurfaceFits(surface, object.size_m)) return false;
  const Vec3 &size = object.size_m, swapped[] = {{size.x(), size.z(), size.y()}, {size.z(), size.y(), size.x()}};
  if (std::any_of(std::begin(swapped), std::end(swapped), [&](const Vec3& s) { return SurfaceFits(surface, s); })) {
    sink->Add(Code::kSwappedAxes, places.Of(&object, "size_m"),
              "surface '" + surface.id + "' would fit into '" + object.id + "' if z and another axis of its size_m " +
                  Text(size) + " were swapped",
              "z is up, the front is +x");
    return true;
  }
  sink->Add(Code::kSurfaceTooLarge, places.Of(&surface, "size_m"),
            "surface '" + surface.id + "' does not fit into the box of '" + object.id + "'",
            "its position_m is the middle of its lower side, in the frame of the object");
  return true;
}

// Sizes that only another unit or another order of axes would explain.
void CheckUsual(const Node& node, double room_m, double room_height_m, bool is_swapped, const Places& places,
                Sink* sink) {
  const auto usual =
      std::find_if(std::begin(kUsual), std::end(kUsual), [&](const Usual& u) { return u.category == node.category; });
  const bool is_usual = usual != std::end(kUsual);
  const double longest_m = node.size_m.maxCoeff();
  const bool is_vast = longest_m > kLargestObject_m || (room_m > 0 && longest_m > 10 * room_m) ||
                       (is_usual && longest_m > kUnitFactor * usual->max_m);
  if (is_vast || (is_usual && longest_m < usual->min_m / kUnitFactor)) {
    std::string hint = "sizes are in metres";
    for (const auto& [factor, unit] : {std::pair(1e-3, "millimetres"), {1e-2, "centimetres"}, {0.0254, "inches"}}) {
      const double metres = longest_m * factor;
      if (is_vast && is_usual && metres >= usual->min_m && metres <= usual->max_m) {
        hint += "; these look like " + std::string(unit);
        break;
      }
    }
    sink->Add(Code::kWrongUnit, places.Of(&node, "size_m"),
              "'" + node.id + "' is " + FormatNumber(longest_m) + " m long" +
                  (is_usual ? ", which no " + node.category + " is" : ""),
              hint);
    return;
  }
  if (is_swapped || !node.upright) return;
  const double wide_m = std::max(node.size_m.x(), node.size_m.y()),
               narrow_m = std::min(node.size_m.x(), node.size_m.y());
  const bool is_tall = is_usual && node.size_m.z() > usual->max_tall * wide_m;
  const bool is_flat = is_usual && node.size_m.z() < usual->min_tall * narrow_m;
  const bool is_through_ceiling = room_height_m > 0 && node.size_m.z() > room_height_m && wide_m <= room_height_m;
  if (!is_tall && !is_flat && !is_through_ceiling) return;
  sink->Add(Code::kSwappedAxes, places.Of(&node, "size_m"),
            "'" + node.id + "' is " + FormatNumber(node.size_m.z()) + " m tall on a footprint of " +
                FormatNumber(node.size_m.x()) + " by " + FormatNumber(node.size_m.y()) + " m" +
                (is_usual ? ", odd for a " + node.category : ", taller than the room"),
            "the axes look swapped: z is up; write upright=\"false\" for what may lie or stand anyhow");
}

void CheckBelow(const Node& node, double room_m, double room_height_m, const Places& places, Sink* sink) {
  if (node.kind == NodeKind::kObject && node.size_m.minCoeff() > 0) {
    bool is_swapped = CheckParts(node, places, sink);
    for (const Node& child : node.children) {
      if (child.kind == NodeKind::kSurface && !is_swapped) is_swapped = CheckSurface(node, child, places, sink);
    }
    CheckUsual(node, room_m, room_height_m, is_swapped, places, sink);
  }
  for (const Node& child : node.children) CheckBelow(child, room_m, room_height_m, places, sink);
}

}  // namespace

void CheckBodies(const Scene& scene, const Places& places, Sink* sink) {
  double room_m = 0;
  for (const Vec2& corner : scene.room.floor_m) room_m = std::max(room_m, (corner - scene.room.floor_m[0]).norm());
  if (room_m > 10000) {
    sink->Add(Code::kWrongUnit, places.Of(&scene.room, "floor_m"), "the room is " + FormatNumber(room_m) + " m across",
              "corners are in metres");
    room_m = 0;
  }
  CheckBelow(scene.room, room_m, scene.room.height_m, places, sink);
}

}  // namespace takt::scene
