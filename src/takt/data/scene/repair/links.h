// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>

#include "takt/data/scene/repair/layout.h"

namespace takt::scene {

constexpr double kLinkSlack = 5e-7;   // m or rad that a link may miss
constexpr double kLinkInside = 1e-5;  // how far inside its range a link is put when it is moved

// A convex polygon of a few corners in the world; no allocation.
struct SmallPolygon {
  static constexpr int kMax = 48;
  std::array<Vec2, kMax> at;
  int n = 0;
  void Add(const Vec2& p) {
    if (n < kMax) at[n++] = p;
  }
};

// Corners of a box outline that rides on a body.
SmallPolygon OutlineOf(const Layout& layout, int body, const std::vector<Vec2>& box);
// The place and yaw of something that rides on a body.
Vec2 PlaceOf(const Layout& layout, int body, const Vec2& at);

// Gap of two convex polygons and the unit direction from a to b along it; minus the depth where they overlap.
double PolygonGap(const SmallPolygon& a, const SmallPolygon& b, Vec2* direction);

// {u - v : u in a, v in b}; counter-clockwise.
void MinkowskiDifference(const Vec2* a, int na, const Vec2* b, int nb, SmallPolygon* sum);

// By how much a link is missed, metres or radians; <= 0 when it holds.
double LinkViolation(const Layout& layout, const Link& link);

// Yaw of the subject of an `aligned` beyond the nearest quarter turn from its target's.
double AlignedError(const Layout& layout, const Link& link);

// Moves or turns the ends of a link so that it holds by itself. Returns how far it was missed.
double ProjectLink(Layout* layout, const Link& link);

// What a link means for the place of `body` while the other end stands still: half planes for its origin, and at most
// one polygon that the origin must avoid. False where no place can satisfy it at this yaw.
struct LinkRegion {
  std::vector<HalfPlane> planes;
  SmallPolygon forbidden;
};
bool RegionOfLink(const Layout& layout, const Link& link, int body, LinkRegion* region);

}  // namespace takt::scene
