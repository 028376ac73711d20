// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "takt/data/sim/pusht.h"

namespace takt::demo {

using sim::Vec2;

inline Vec2 operator+(Vec2 a, Vec2 b) { return {a[0] + b[0], a[1] + b[1]}; }
inline Vec2 operator-(Vec2 a, Vec2 b) { return {a[0] - b[0], a[1] - b[1]}; }
inline Vec2 operator*(double k, Vec2 a) { return {k * a[0], k * a[1]}; }
double Length(Vec2 v);

// Where a T lies: its centre of gravity and its angle.
struct BlockPose {
  Vec2 cog_px{};
  double rad = 0;

  Vec2 ToWorld(Vec2 p_in_block) const;
  Vec2 ToBlock(Vec2 p_in_world) const;
  Vec2 TurnToWorld(Vec2 direction_in_block) const;
};

// Distance of a point in the T's frame to the T, px; negative inside.
double DistanceToBlock_px(Vec2 p_in_block);

// A short way for the middle of the disc from one place to another, around the T: corners of a polyline in the world, the
// start not included. Empty: there is none. A start or end nearer to the T than the clearance first leaves it the shortest way.
// Cost: microseconds (Dijkstra over the corners of the T).
std::vector<Vec2> WayAround(const BlockPose& block, Vec2 from_px, Vec2 to_px);

}  // namespace takt::demo
