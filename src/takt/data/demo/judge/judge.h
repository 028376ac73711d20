// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "takt/data/demo/judge/reason.h"
#include "takt/data/demo/judge/trace.h"

namespace takt::demo {

// What a demonstration must keep to be worth learning from.
struct JudgeLimits {
  double max_penetration_m = 0.002;     // contacts of the physics give way by tenths of a millimetre
  double max_slip_m = 0.006;            // of the held object in the gripper, from grasp to release
  double max_slip_rad = 0.175;          // 10 degrees
  double max_held_gap_s = 0.08;         // longest time without touch by both fingers while carried
  double max_com_lever_m = 0.015;       // horizontal distance of the centre of mass from what the fingers span
  double min_support_margin_m = 0.001;  // at the end: of the centre of mass inside its support polygon
  double joint_tolerance_rad = 0.01;    // beyond the range: joint stops give way a little
  double velocity_tolerance = 0.05;     // relative
  double settle_s = 0.5;                // the goal must have been held for so long at the end
  double settled_speed_m_s = 0.01;
  double settled_rate_rad_s = 0.1;
  double max_idle_s = 0.4;         // longest run of frames without motion, but for the last settle_s
  double idle_action_step = 2e-4;  // a frame in which no target moves more [rad, m]
  double idle_speed_m_s = 0.005;   // and nothing moves faster is idle
};

// One thing that was wrong, at its worst moment.
struct Finding {
  Reason reason = Reason::kKept;
  double time_s = 0;
  double value = 0, limit = 0;  // in the unit that `what` names
  std::string what;             // "red cube moved 8.1 mm in the gripper"
};

struct Verdict {
  std::vector<Finding> findings;  // the most telling first; empty = kept
  Reason reason() const { return findings.empty() ? Reason::kKept : findings.front().reason; }
};

// Judges what an execution left behind. Every filter looks at the whole trace; none of them stops at the first finding.
//   limit        a joint leaves its range; a speed or an actuator torque exceeds the robot's
//   penetration  the deepest contact of any physics step
//   drop         the held object loses the fingers for longer than max_held_gap_s, or never had them
//   slip         pose of the held object in the tool's frame against that at the start of the carry
//   tip          tilt beyond the object's own limit; while carried, centre of mass beside the span of the finger
//   contacts;
//                at rest at the end, outside the convex hull of the contact points
//   spill        Slosh over the motion of the vessel
//   missed, unsettled   all goals hold, untouched by the robot, at rest, in every sample of the last settle_s
//   idle         a run of frames without motion
// Arguments: at least one sample; arrays as long as trace.h says. Errors: bad_input otherwise.
// Cost: O(samples x contacts); about 0.1 ms for 200 samples.
Verdict Judge(const Trace& trace, const JudgeLimits& limits = {});

// What makes two episodes the same to a learner: where the objects started and where the tool went, [F] in metres.
// The tool's way is resampled at equal distances, so that speed does not count.
std::vector<float> EpisodeFeatures(const Trace& trace);

// Finds episodes that add nothing: closer than `threshold_m` to a kept one in every feature.
// Determinism: depends on the order of the calls only. Cost: linear in what was kept.
class DuplicateIndex {
 public:
  explicit DuplicateIndex(double threshold_m = 0.005) : threshold_m_(threshold_m) {}
  // The kept episode that this one repeats; otherwise remembers it. Features of another length never repeat.
  std::optional<size_t> FindOrAdd(std::vector<float> features);
  size_t size() const { return kept_.size(); }

 private:
  double threshold_m_;
  std::vector<std::vector<float>> kept_;
};

}  // namespace takt::demo
