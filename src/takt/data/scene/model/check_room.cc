// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "takt/data/scene/model/numbers.h"
#include "takt/data/scene/model/polygon.h"
#include "takt/data/scene/model/tree.h"

namespace takt::scene {
namespace {

constexpr double kMinArea_m2 = 1e-6;
constexpr double kRounding_m = 1e-6;

double Cross(const Vec2& a, const Vec2& b) { return a.x() * b.y() - a.y() * b.x(); }

// Which side of the line through a and b the point lies on.
double Turn(const Vec2& a, const Vec2& b, const Vec2& p) { return Cross(b - a, p - a); }

bool IsBetween(const Vec2& a, const Vec2& b, const Vec2& p) {
  return p.x() >= std::min(a.x(), b.x()) && p.x() <= std::max(a.x(), b.x()) && p.y() >= std::min(a.y(), b.y()) &&
         p.y() <= std::max(a.y(), b.y());
}

// Whether two closed segments have a point in common.
bool Meet(const Vec2& a, const Vec2& b, const Vec2& c, const Vec2& d) {
  const double c_turn = Turn(a, b, c), d_turn = Turn(a, b, d), a_turn = Turn(c, d, a), b_turn = Turn(c, d, b);
  if (((c_turn > 0 && d_turn < 0) || (c_turn < 0 && d_turn > 0)) &&
      ((a_turn > 0 && b_turn < 0) || (a_turn < 0 && b_turn > 0)))
    return true;
  return (c_turn == 0 && IsBetween(a, b, c)) || (d_turn == 0 && IsBetween(a, b, d)) ||
         (a_turn == 0 && IsBetween(c, d, a)) || (b_turn == 0 && IsBetween(c, d, b));
}

// The corner before wall i is i, the one behind it the next; empty when the outline never meets itself.
std::string SelfMeeting(const std::vector<Vec2>& corners) {
  const size_t n = corners.size();
  for (size_t i = 0; i < n; ++i) {
    if (corners[i] == corners[(i + 1) % n]) return "corner " + std::to_string(i) + " stands twice";
    // A wall that folds back onto the one before it.
    const Vec2 &before = corners[(i + n - 1) % n], &at = corners[i], &next = corners[(i + 1) % n];
    if (Turn(before, at, next) == 0 && (before - at).dot(next - at) > 0) {
      return "wall " + std::to_string(i) + " folds back onto the wall before it";
    }
    for (size_t j = i + 2; j < n; ++j) {
      if (i == 0 && j == n - 1) continue;
      if (Meet(corners[i], corners[i + 1], corners[j], corners[(j + 1) % n])) {
        return "walls " + std::to_string(i) + " and " + std::to_string(j) + " meet";
      }
    }
  }
  return "";
}

void CheckOpenings(const Node& room, const Places& places, Sink* sink) {
  const size_t walls = room.floor_m.size();
  for (size_t i = 0; i < room.openings.size(); ++i) {
    const Opening& opening = room.openings[i];
    const auto fail = [&](std::string_view key, const std::string& message, const std::string& hint) {
      sink->Add(Code::kOpeningOutsideWall, places.Of(&opening, key), "opening '" + opening.id + "' " + message, hint);
    };
    if (opening.wall_idx < 0 || static_cast<size_t>(opening.wall_idx) >= walls) {
      fail("wall_idx", "is in wall " + std::to_string(opening.wall_idx), "walls are 0 to " + std::to_string(walls - 1));
      continue;
    }
    const auto wall = static_cast<size_t>(opening.wall_idx);
    const double length_m = (room.floor_m[(wall + 1) % walls] - room.floor_m[wall]).norm();
    if (opening.offset_m + opening.width_m > length_m + kRounding_m) {
      fail("offset_m",
           "ends " + FormatNumber(opening.offset_m + opening.width_m) + " m along a wall of " + FormatNumber(length_m) +
               " m",
           "offset_m + width_m is at most the length of the wall");
    } else if (room.height_m > 0 && opening.sill_m + opening.height_m > room.height_m + kRounding_m) {
      fail("height_m", "is higher than the room", "sill_m + height_m is at most height_m of the room");
    }
    for (size_t j = 0; j < i; ++j) {
      const Opening& other = room.openings[j];
      const auto overlap = [](double a, double a_size, double b, double b_size) {
        return std::min(a + a_size, b + b_size) - std::max(a, b) > kRounding_m;
      };
      if (other.wall_idx == opening.wall_idx &&
          overlap(other.offset_m, other.width_m, opening.offset_m, opening.width_m) &&
          overlap(other.sill_m, other.height_m, opening.sill_m, opening.height_m)) {
        fail("offset_m", "overlaps opening '" + other.id + "'", "move one of them along the wall");
        break;
      }
    }
  }
}

}  // namespace

double SignedArea(const std::vector<Vec2>& corners) {
  double twice_area = 0;
  for (size_t i = 0; i < corners.size(); ++i) {
    twice_area += Cross(corners[i] - corners[0], corners[(i + 1) % corners.size()] - corners[0]);
  }
  return twice_area / 2;
}

bool IsSimple(const std::vector<Vec2>& corners) {
  return corners.size() >= 3 && SelfMeeting(corners).empty() && std::abs(SignedArea(corners)) >= kMinArea_m2;
}

void CheckRoom(const Scene& scene, const Places& places, Sink* sink) {
  const Node& room = scene.room;
  if (room.floor_m.size() < 3) return;
  const size_t place = places.Of(&room, "floor_m");
  if (const std::string meeting = SelfMeeting(room.floor_m); !meeting.empty()) {
    sink->Add(Code::kBadFloor, place, "the floor cuts itself: " + meeting,
              "list the corners once around the room, counter-clockwise seen from above");
    return;
  }
  const double area_m2 = SignedArea(room.floor_m);
  if (!(std::abs(area_m2) >= kMinArea_m2)) {
    sink->Add(Code::kBadFloor, place, "the floor has no area", "list the corners of the room in metres");
    return;
  }
  if (area_m2 < 0) {
    sink->Add(Code::kClockwiseFloor, place, "the floor's corners run clockwise",
              "list them counter-clockwise seen from above; openings count walls in that order");
    return;
  }
  CheckOpenings(room, places, sink);
}

}  // namespace takt::scene
