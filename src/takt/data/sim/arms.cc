// SPDX-License-Identifier: Apache-2.0
#include "takt/data/sim/arms.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "takt/core/base/error.h"
#include "takt/core/base/file.h"
#include "takt/data/sim/arms_builtin.h"
#include "takt/data/sim/world.h"

namespace takt::sim {
namespace {

constexpr double kDefaultVelocity_rad_s = 3, kDefaultAcceleration_rad_s2 = 10, kDefaultTorque = 10;

// What a file tells about its robot. The arm is the longest chain of driven hinges; a driven joint behind it is the
// gripper.
RobotInfo Derive(const Model& model, const std::string& name) {
  RobotInfo info;
  info.name = name;
  std::vector<int> chain;  // actuators, base first: MuJoCo orders joints by depth
  for (int i = 0; i < model.actuator_count(); ++i) {
    const ActuatorInfo& actuator = model.actuators()[static_cast<size_t>(i)];
    if (actuator.joint_idx >= 0 && actuator.kp > 0 && !actuator.name.empty() &&
        !model.joints()[static_cast<size_t>(actuator.joint_idx)].name.empty())
      chain.push_back(i);
  }
  const auto joint = [&](int actuator_idx) -> const JointInfo& {
    return model.joints()[static_cast<size_t>(model.actuators()[static_cast<size_t>(actuator_idx)].joint_idx)];
  };
  std::stable_sort(chain.begin(), chain.end(), [&](int a, int b) { return joint(a).body_idx < joint(b).body_idx; });
  if (chain.size() < 2)
    throw Error(ErrorCode::kUnsupported, name, "has no chain of joints with position servos",
                "name its joints and actuators");
  // The last driven joint is a gripper where nothing else is driven behind it and its body is a leaf beside other
  // geometry.
  const int last = chain.back();
  const bool leaf = model.Subtree(joint(last).body_idx).size() == 1;
  const std::string& last_name = joint(last).name;
  const auto holds = [&](const char* word) {
    std::string lower = last_name;
    std::transform(lower.begin(), lower.end(), lower.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return lower.find(word) != std::string::npos;
  };
  const bool gripper = leaf && chain.size() > 2 &&
                       (joint(last).kind == JointKind::kSlide || holds("jaw") || holds("grip") || holds("finger"));
  if (gripper) {
    const JointInfo& jaw = joint(last);
    const ActuatorInfo& actuator = model.actuators()[static_cast<size_t>(last)];
    info.gripper_joints = {jaw.name};
    info.gripper_actuator = actuator.name;
    info.gripper_open = actuator.ctrl_limited ? actuator.ctrl_upper : jaw.upper;
    info.gripper_closed = actuator.ctrl_limited ? actuator.ctrl_lower : jaw.lower;
    if (actuator.force_limited) info.gripper_force_n = jaw.kind == JointKind::kSlide ? actuator.force_upper : 0;
    const int hand_idx = model.bodies()[static_cast<size_t>(jaw.body_idx)].parent_idx;
    info.hand_body = model.bodies()[static_cast<size_t>(hand_idx)].name;
    info.finger_bodies = {model.bodies()[static_cast<size_t>(jaw.body_idx)].name, info.hand_body};
    if (jaw.kind == JointKind::kSlide) info.gripper_width_m = jaw.upper - jaw.lower;
    chain.pop_back();
  }
  for (const int i : chain) {
    const JointInfo& its = joint(i);
    const ActuatorInfo& actuator = model.actuators()[static_cast<size_t>(i)];
    info.joints.push_back(its.name);
    info.actuators.push_back(actuator.name);
    info.lower_rad.push_back(its.limited ? its.lower : -M_PI);
    info.upper_rad.push_back(its.limited ? its.upper : M_PI);
    info.velocity_rad_s.push_back(kDefaultVelocity_rad_s);
    info.acceleration_rad_s2.push_back(kDefaultAcceleration_rad_s2);
    info.torque_nm.push_back(actuator.force_limited ? actuator.force_upper : kDefaultTorque);
    info.lead_s.push_back((actuator.kv + its.damping) / actuator.kp);
  }
  const std::vector<double> home = model.keyframes().empty() ? std::vector<double>() : model.keyframes()[0].qpos;
  for (size_t i = 0; i < chain.size(); ++i) {
    const JointInfo& its = joint(chain[i]);
    info.home_rad.push_back(home.empty() ? std::clamp(0.0, info.lower_rad[i], info.upper_rad[i])
                                         : home[static_cast<size_t>(its.qpos_idx)]);
  }
  const int first_body = joint(chain[0]).body_idx;
  info.base_body = model.bodies()[static_cast<size_t>(model.bodies()[static_cast<size_t>(first_body)].root_idx)].name;
  if (info.hand_body.empty()) info.hand_body = model.bodies()[static_cast<size_t>(joint(chain.back()).body_idx)].name;
  for (const char* word : {"tool", "tcp", "pinch", "grasp", "attachment_site", "ee"}) {
    for (const SiteInfo& site : model.sites())
      if (info.tool_site.empty() && site.name.find(word) != std::string::npos) info.tool_site = site.name;
  }
  for (const CameraInfo& camera : model.cameras())
    if (info.wrist_camera.empty() && !camera.name.empty() && camera.body_idx != 0) info.wrist_camera = camera.name;
  // Reach: the lengths of the links from the first pitch joint on.
  for (size_t i = 2; i < chain.size(); ++i)
    info.reach_m += model.bodies()[static_cast<size_t>(joint(chain[i]).body_idx)].parent_from_body.translation_m.norm();
  return info;
}

}  // namespace

std::vector<std::string> BuiltInRobots() { return {"arm5", "arm7"}; }

Robot LoadRobot(const std::string& name_or_path) {
  if (name_or_path == "arm5") return MakeArm5();
  if (name_or_path == "arm7") return MakeArm7();
  const std::filesystem::path path(name_or_path);
  if (path.extension() != ".xml")
    throw Error(ErrorCode::kNotFound, "robot '" + name_or_path + "'", "is neither built in nor an .xml file",
                "built in: arm5, arm7");
  Robot robot;
  robot.mjcf = ReadTextFile(path, uint64_t{64} << 20);
  robot.asset_folder = path.has_parent_path() ? path.parent_path() : ".";
  robot.info = Derive(*Model::Compile(robot.mjcf, {robot.asset_folder, name_or_path, {}}), name_or_path);
  return robot;
}

RobotInfo Prefixed(const RobotInfo& info, std::string_view prefix) {
  RobotInfo out = info;
  const auto put = [&](std::string* name) {
    if (!name->empty()) *name = std::string(prefix) + *name;
  };
  for (std::string* name : {&out.base_body, &out.gripper_actuator, &out.hand_body, &out.tool_site, &out.wrist_camera})
    put(name);
  for (auto* names : {&out.joints, &out.actuators, &out.gripper_joints, &out.finger_bodies})
    for (std::string& name : *names) put(&name);
  return out;
}

std::vector<double> ServoTargets(const RobotInfo& info, std::span<const double> q_rad,
                                 std::span<const double> v_rad_s) {
  if (q_rad.size() != info.joints.size() || v_rad_s.size() != info.joints.size())
    throw Error(
        ErrorCode::kBadInput, "servo targets",
        fmt::format("are {} and {}; the robot has {} joints", q_rad.size(), v_rad_s.size(), info.joints.size()));
  std::vector<double> ctrl(q_rad.size());
  for (size_t i = 0; i < ctrl.size(); ++i) ctrl[i] = q_rad[i] + info.lead_s[i] * v_rad_s[i];
  return ctrl;
}

}  // namespace takt::sim
