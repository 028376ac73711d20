// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "takt/data/demo/pusht/way.h"
#include "takt/data/sim/pusht.h"

namespace takt::demo {

// One push, in the frame of the T: from a gap before the contact, in a direction, at a steady pace.
struct Push {
  Vec2 contact_px{};         // middle of the disc where it touches
  double direction_rad = 0;
  bool follow = false;       // place and direction turn with the T; otherwise they stay as they were in the world
  double length_px = 0;      // that the target moves on, gap included
};

inline constexpr double kPushGap_px = 8;  // from where a push starts to the contact

// Where pushes start from: places along the outline of the T, each in three directions, straight and following.
const std::vector<Push>& PushCatalogue();

// Where the disc stands before the push.
Vec2 StartOf(const Push& push, const BlockPose& block);
// Where the target is once it has moved on by `along_px`. `begun`: the T when the push began; `now`: the T at present.
Vec2 TargetOf(const Push& push, const BlockPose& begun, const BlockPose& now, double along_px);
// Direction of the push in the world.
Vec2 DirectionOf(const Push& push, const BlockPose& begun, const BlockPose& now);

// Whether the middle of the disc may be there.
bool OnTable(Vec2 p_px);

// How far two poses of the T lie apart, px: the displacement of its centre, and of a point at the radius of gyration.
double BlockError_px(const BlockPose& a, const BlockPose& b);
BlockPose BlockOf(const sim::PushTState& state);
BlockPose BlockGoal();

}  // namespace takt::demo
