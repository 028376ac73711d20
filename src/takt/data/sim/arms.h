// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "takt/core/geom/pose.h"
#include "takt/data/sim/model.h"

namespace takt::sim {

// What a planner, a controller and a camera need to know of a robot. Names are those in its own MJCF; with a prefix
// where it was merged into a scene (Prefixed).
struct RobotInfo {
  std::string name;
  std::string base_body;
  std::vector<std::string> joints;                                     // arm joints from the base; without the gripper
  std::vector<std::string> actuators;                                  // of those joints: position servos
  std::vector<double> lower_rad, upper_rad;                            // joint limits
  std::vector<double> velocity_rad_s, acceleration_rad_s2, torque_nm;  // limits, all positive
  std::vector<double> lead_s;                                          // kv / kp of the servos; see ServoTargets
  std::vector<double> home_rad;  // posture at rest; clear of the table, tool pointing down

  std::vector<std::string> gripper_joints;  // empty: no gripper
  std::string gripper_actuator;
  double gripper_open = 0, gripper_closed = 0;  // targets of that actuator
  double gripper_width_m = 0;                   // between the pads when open
  double gripper_force_n = 0;                   // the most that one pad presses with
  std::vector<std::string> finger_bodies;       // bodies that may touch what is grasped
  std::string hand_body;                        // carries the fingers

  std::string tool_site;     // between the pads: z = approach, y = opening direction
  std::string wrist_camera;  // camera name; empty: none
  double reach_m = 0;        // of the tool from the shoulder
  double payload_kg = 0;
};

struct Robot {
  std::string mjcf;                    // the robot alone, at the origin of the world, base at z = 0
  std::filesystem::path asset_folder;  // empty for arms of primitives
  RobotInfo info;
};

// "arm5", "arm7".
std::vector<std::string> BuiltInRobots();
// A built-in name or an MJCF file (RobotInfo derived from the file as far as possible: chain of hinges with position
// actuators, the last one a gripper where its body has no children).
// Errors: not_found, bad_input, unsupported (no chain of actuated hinges).
Robot LoadRobot(const std::string& name_or_path);

// The same robot with every name prefixed, as MergeMjcf leaves it.
RobotInfo Prefixed(const RobotInfo& info, std::string_view prefix);

// Controls that make position servos follow a moving target: ctrl = q + lead v, the servo's own damping cancelled.
// Without it a servo lags by lead * velocity. [joints] each.
std::vector<double> ServoTargets(const RobotInfo& info, std::span<const double> q_rad, std::span<const double> v_rad_s);

}  // namespace takt::sim
