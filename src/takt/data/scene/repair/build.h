// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "takt/data/scene/repair/layout.h"
#include "takt/data/scene/repair/tree.h"

namespace takt::scene {

// How strictly a layout is posed.
struct BuildOptions {
  bool keep_close_pairs = true;   // pairs that are valid but closer than wanted may stay so
  bool overhang = false;          // centres on supports are enough for everybody
  double ride_slack = 0.5;        // of the extent of a support: what a later level can still make up
};

// Items that repair may move: not fixed, and named if names are given.
std::vector<char> MovableItems(const Tree& tree, const std::vector<std::string>& names);

// The layout of one support. `faulty` holds the pairs of items (smaller first) whose bodies overlap.
Layout BuildLayout(const Tree& tree, int support_idx, const std::vector<char>& movable,
                   const std::set<std::pair<int, int>>& faulty, const Tolerances& tolerances, const BuildOptions& options);

// Convex parts that cover hull(floor) minus floor; wall[k] says whether edge k is a wall.
struct Pocket {
  std::vector<Vec2> corners;
  std::vector<char> wall;
};
std::vector<Pocket> Pockets(const std::vector<Vec2>& floor_m);

}  // namespace takt::scene
