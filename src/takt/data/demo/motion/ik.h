// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "takt/data/demo/motion/chain.h"

namespace takt::demo {

struct IkOptions {
  double position_tolerance_m = 1e-4;
  double rotation_tolerance_rad = 1e-3;
  int starts = 24;          // at most; the first one is `near`
  int iterations = 60;      // of each start
  int max_solutions = 8;    // stops when there are so many
  double apart_rad = 0.1;   // solutions closer than this in every joint are one
  uint64_t seed = 1;        // of the random starts
  // Posture towards which a redundant arm drifts in its null space. Empty: the middle of the joint ranges.
  Joints posture;
};

struct IkResult {
  std::vector<Joints> solutions;  // within the joint limits and the tolerances, nearest to `near` first
  double position_error_m = 0;    // of the best attempt, whether it counts or not
  double rotation_error_rad = 0;
  bool Reachable() const { return !solutions.empty(); }
};

// Configurations that bring the tool to `world_from_tool`. An arm whose axes are yaw, three parallel pitches and a roll
// along the tool (arm5) is solved in closed form, all branches; any other by Levenberg-Marquardt from `near` and from
// random starts, with joint limits by projection and a pull towards the posture in the null space.
// A 5-joint arm reaches only poses whose approach lies in the vertical plane of the arm: others come back unreachable, with
// the angle that is missing as rotation_error_rad (InArmPlane turns a grasp into that plane).
// Cost: 2 us in closed form; 20-60 us for each start of a 7-joint arm. Determinism: a function of its arguments.
// Source: Levenberg 1944, Marquardt 1963; damping proportional to the error as in Sugihara 2011.
IkResult SolveIk(const Chain& chain, const Pose& world_from_tool, const Joints& near, const IkOptions& options = {});

// One refinement from `start` that stays on its branch; the result holds at most one solution.
IkResult TrackIk(const Chain& chain, const Pose& world_from_tool, const Joints& start, const IkOptions& options = {});

// Whether the axes allow the closed form: yaw, three parallel pitches across it, roll along the tool's z through its origin.
bool IsYawPitchRoll(const Chain& chain);

// The poses with this one's position and opening axis (y) whose approach lies in the arm's plane at that position: what a
// 5-joint arm can reach nearest to it. At most four, the smallest turn first: y kept or reversed when `symmetric`.
// Empty where the opening axis is not in or across the plane's reach (y parallel to the plane's normal has every approach:
// then the pose is projected into the plane itself).
std::vector<Pose> InArmPlane(const Chain& chain, const Pose& world_from_tool, bool symmetric = true);

}  // namespace takt::demo
