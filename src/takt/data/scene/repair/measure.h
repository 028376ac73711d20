// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "takt/data/scene/repair/certificate.h"
#include "takt/data/scene/repair/tree.h"

namespace takt::scene {

// A wall of the room as others see it; the inward normal points into the room.
struct WallLine {
  Vec2 from_m, to_m, along, inward;  // along, inward: unit
  double length_m = 0;
};
std::vector<WallLine> Walls(const Scene& scene);
// "wall" -> all walls, "wall:2" -> that one, anything else or a wall that is not there -> none.
std::vector<int> WallsNamed(const Scene& scene, std::string_view target);
bool NamesWall(std::string_view target);

// The lower edge of a side of the node's box in its own frame, and the outward direction. Not for kTop.
struct SideLine {
  Vec2 from_m, to_m, outward;
};
SideLine SideOf(const Vec3& size_m, Side side);

// What a relation allows, with the defaults of `tolerances` filled in.
struct Allowed {
  double lower = 0, upper = 0;
};
Allowed AllowedBy(const Tree& tree, const Relation& relation, const Tolerances& tolerances);

// As CheckRelation, for a scene that has been read.
RelationCheck CheckRelation(const Tree& tree, int relation_idx, const Tolerances& tolerances);
Certificate Certify(const Tree& tree, const Tolerances& tolerances);

}  // namespace takt::scene
