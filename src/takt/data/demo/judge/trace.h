// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "takt/core/geom/pose.h"
#include "takt/data/demo/judge/liquid.h"

namespace takt::demo {

// What an execution leaves behind for its judge: everything that was measured, nothing that was intended, except which
// object the gripper was meant to hold and where the objects were meant to end.

// Who touches an object: another traced object (>= 0), or one of these.
inline constexpr int kTouchWorld = -1;
inline constexpr int kTouchLeftFinger = -2;
inline constexpr int kTouchRightFinger = -3;
inline constexpr int kTouchRobot = -4;  // any other part of the robot

struct Touch {
  int object_idx = 0;
  int other_idx = kTouchWorld;
  Vec3 position_in_world_m = Vec3::Zero();
  double force_n = 0;  // normal force, >= 0
};

struct ObjectState {
  Pose world_from_object;
  Vec3 velocity_in_world_m_s = Vec3::Zero();  // of the origin of the object
  Vec3 angular_velocity_in_world_rad_s = Vec3::Zero();
};

// The state at the end of one control step. What can peak inside the step is the peak over its physics steps.
struct Sample {
  double time_s = 0;
  std::vector<double> joint_rad;            // [J]
  std::vector<double> peak_velocity_rad_s;  // [J] largest magnitude in the step
  std::vector<double> peak_torque_n_m;      // [J] largest magnitude of the motor's torque in the step
  std::vector<double> action;               // [A] targets that were commanded for this step
  double opening_m = 0;                     // of the gripper
  Pose world_from_tool;
  std::vector<ObjectState> objects;  // [O]
  std::vector<Touch> touches;
  double peak_penetration_m = 0;            // deepest of all contacts in the step
  int held_idx = -1;                        // object that the gripper is meant to hold; -1 = none
  std::vector<VesselMotion> vessel_motion;  // of the step, at physics rate; of Trace::vessel_idx
};

struct TracedObject {
  std::string id;
  Vec3 com_in_object_m = Vec3::Zero();
  // Largest angle between the object's z and its z at the start [rad]; NaN where it may lie any way.
  double max_tilt_rad = std::numeric_limits<double>::quiet_NaN();
};

// "The object's centre of mass lies in this box": a bin's cavity, the top of a cube, the bottom of a hole.
struct Goal {
  int object_idx = 0;
  int target_idx = -1;   // the object that carries the box; -1 = the world
  Pose target_from_box;  // to the centre of the box
  Vec3 half_extents_m = Vec3::Zero();
  double max_tilt_rad = std::numeric_limits<double>::quiet_NaN();  // of the object's z from the world's; NaN = any
};

struct Trace {
  double control_period_s = 0;
  std::vector<double> joint_min_rad, joint_max_rad;  // [J]
  std::vector<double> max_velocity_rad_s;            // [J]
  std::vector<double> max_torque_n_m;                // [J]
  std::vector<TracedObject> objects;                 // [O]
  std::vector<Goal> goals;
  int vessel_idx = -1;  // the object that is an open vessel with liquid in it; -1 = none
  OpenVessel vessel;
  std::vector<Sample> samples;  // [T]
};

}  // namespace takt::demo
