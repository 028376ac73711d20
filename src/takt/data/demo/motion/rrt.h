// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "takt/data/demo/motion/chain.h"

namespace takt::demo {

// Whether a configuration may be taken: within the limits, free of collision, whatever else must hold.
using Validity = std::function<bool(const Joints& q)>;

// The space that a path may use.
struct PathSpace {
  Joints lower, upper;  // joint limits, rad
  // Metres that any point of the arm moves at most for one radian of each joint: the lever of the joint. Distances are
  // weighted by it, so that `resolution_m` bounds how far the arm moves between two checks.
  Joints lever_m;
  double resolution_m = 0.02;
  Validity valid;
  // Moves a configuration onto a constraint that random ones never fulfil (a cup held upright); false where it cannot.
  // Empty: no such constraint. `valid` still judges, with the constraint's tolerance, on every edge.
  std::function<bool(Joints* q)> project;
};

struct RrtOptions {
  uint64_t seed = 1;
  int max_iterations = 4000;    // of growing a tree; bounds the work, not a clock, so that results repeat
  double step_m = 0.4;          // the longest extension, weighted
  int shortcut_rounds = 60;     // random short cuts tried; 0: none
};

struct PathResult {
  std::vector<Joints> path;     // from start to goal, both included; empty where none was found
  int goal_idx = -1;            // which goal was reached
  int iterations = 0;           // 0: the straight line was free
  int64_t checks = 0;           // of single configurations
  bool start_valid = true;
  bool any_goal_valid = true;
  bool Found() const { return !path.empty(); }
};

// Weighted distance: the sum over joints of lever_m |difference|; an upper bound of how far any point of the arm moves.
double Distance(const PathSpace& space, const Joints& a, const Joints& b);

// Whether the straight edge is free: interior points in the order that halves gaps, at most resolution_m apart. The ends
// are not checked. Adds to *checks.
bool EdgeValid(const PathSpace& space, const Joints& a, const Joints& b, int64_t* checks);

// Plans from `start` to any of `goals`: straight lines first, nearest goal first, then RRT-Connect with one tree from all
// goals, then short cuts. Cost: dominated by `valid`. Determinism: a function of its arguments, if `valid` is.
// Source: Kuffner and LaValle 2000 (RRT-Connect); Geraerts and Overmars 2007 (short cuts).
// With a projection every new node is projected (Berenson et al. 2009, CBiRRT).
// Where we deviate: multiple goals; nearest neighbours by linear search (trees stay below a few thousand nodes); greedy
// short cuts over whole sub-paths before the random ones.
PathResult PlanPath(const PathSpace& space, const Joints& start, const std::vector<Joints>& goals,
                    const RrtOptions& options = {});

// Removes detours in place; never lengthens the path.
void Shortcut(const PathSpace& space, std::vector<Joints>* path, int rounds, uint64_t seed, int64_t* checks);

double PathLength(const PathSpace& space, const std::vector<Joints>& path);

}  // namespace takt::demo
