// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <string_view>

namespace takt::demo {

// Why a demonstration was not kept. The first three come from planning, the others from what physics did.
enum class Reason {
  kKept,
  kNoGrasp,      // no candidate grasp leaves room for the gripper
  kIk,           // no grasp or goal can be reached by the arm
  kPlan,         // reachable, but no collision-free way was found
  kLimit,        // a joint left its range, speed or torque
  kPenetration,  // two bodies went into each other deeper than contact compliance explains
  kDrop,         // the object left the gripper while it was carried
  kSlip,         // the object moved in the gripper
  kTip,          // an object fell over, or its centre of mass was not over what held it
  kSpill,        // liquid left an open vessel
  kMissed,       // everything is at rest, and the goal is not reached
  kUnsettled,    // the goal was reached, but not held at rest for long enough
  kIdle,         // a run of frames in which nothing happens
  kDuplicate,    // as good as equal to an episode that was kept before
};
inline constexpr int kReasonCount = 14;

// "kept", "no_grasp", "ik", "plan", "limit", ...
constexpr std::string_view ReasonName(Reason reason) {
  constexpr std::array<std::string_view, kReasonCount> kNames = {
      "kept", "no_grasp", "ik",    "plan",   "limit",     "penetration", "drop",
      "slip", "tip",      "spill", "missed", "unsettled", "idle",        "duplicate"};
  return kNames[static_cast<size_t>(reason)];
}

}  // namespace takt::demo
