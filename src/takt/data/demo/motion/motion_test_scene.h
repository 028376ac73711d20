// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include <memory>
#include <string>
#include <vector>

#include "takt/core/base/rng.h"
#include "takt/data/sim/arms.h"
#include "takt/data/sim/mjcf_merge.h"
#include "takt/data/sim/world.h"

namespace takt::demo {

// A table, two bins and six objects at random places, with an arm: what a demonstration plans in.
struct TableScene {
  std::shared_ptr<const sim::Model> model;
  sim::RobotInfo robot;
  std::vector<std::string> objects;
  double object_z_m = 0.02;
  Vec3 bin_centres_m[2];
};

inline std::string BinText(const std::string& name, const Vec3& at) {
  // 0.16 x 0.12 m, walls of 5 cm.
  return fmt::format(
      R"(<body name="{}" pos="{} {} {}">
        <geom type="box" size="0.08 0.06 0.003" pos="0 0 0.003"/>
        <geom type="box" size="0.08 0.003 0.025" pos="0 0.06 0.025"/><geom type="box" size="0.08 0.003 0.025" pos="0 -0.06 0.025"/>
        <geom type="box" size="0.003 0.06 0.025" pos="0.08 0 0.025"/><geom type="box" size="0.003 0.06 0.025" pos="-0.08 0 0.025"/>
      </body>)",
      name, at.x(), at.y(), at.z());
}

inline TableScene MakeTableScene(const std::string& robot_name, uint64_t seed) {
  TableScene scene;
  const bool small = robot_name == "arm5";
  const double reach = small ? 0.33 : 0.5;
  scene.bin_centres_m[0] = {0.8 * reach, 0.75 * reach, 0};
  scene.bin_centres_m[1] = {0.8 * reach, -0.75 * reach, 0};
  std::string text = R"(<mujoco><compiler angle="radian"/><option><flag multiccd="enable"/></option><worldbody>
    <geom name="table" type="box" size="0.8 0.8 0.02" pos="0.4 0 -0.02"/>)";
  text += BinText("bin_a", scene.bin_centres_m[0]) + BinText("bin_b", scene.bin_centres_m[1]);
  const Rng rng(seed, 0x5ce);
  std::vector<Vec2> taken;
  uint64_t counter = 0;
  for (int i = 0; i < 6; ++i) {
    Vec2 at;
    bool clear = false;
    while (!clear) {
      const double r = reach * (0.65 + 0.4 * rng.UniformDouble(counter++));
      const double angle = -0.45 + 0.9 * rng.UniformDouble(counter++);
      at = {r * std::cos(angle), r * std::sin(angle)};
      clear = true;
      for (const Vec2& other : taken) clear = clear && (other - at).norm() > 0.055;
    }
    taken.push_back(at);
    const double yaw = 6.28318530718 * rng.UniformDouble(counter++);
    const std::string name = "object" + std::to_string(i);
    scene.objects.push_back(name);
    const char* shapes[] = {R"(type="box" size="0.015 0.015 0.02")", R"(type="cylinder" size="0.016 0.02")",
                            R"(type="box" size="0.012 0.02 0.02")"};
    text += fmt::format(R"(<body name="{}" pos="{} {} 0.0201" quat="{} 0 0 {}"><freejoint/><geom {} mass="0.05"/></body>)", name,
                        at.x(), at.y(), std::cos(yaw / 2), std::sin(yaw / 2), shapes[i % 3]);
  }
  text += "</worldbody></mujoco>";
  const sim::Robot robot = sim::LoadRobot(robot_name);
  sim::Attachment attachment;
  attachment.mjcf = robot.mjcf;
  attachment.asset_folder = robot.asset_folder;
  attachment.prefix = "robot/";
  scene.model = sim::Model::Compile(sim::MergeMjcf(text, {}, attachment));
  scene.robot = sim::Prefixed(robot.info, "robot/");
  return scene;
}

inline sim::World AtHome(const TableScene& scene) {
  sim::World world(scene.model);
  for (size_t i = 0; i < scene.robot.joints.size(); ++i) {
    const auto& joint = scene.model->joints()[static_cast<size_t>(scene.model->JointIdx(scene.robot.joints[i]))];
    world.mutable_qpos()[static_cast<size_t>(joint.qpos_idx)] = scene.robot.home_rad[i];
  }
  return world;
}

}  // namespace takt::demo
