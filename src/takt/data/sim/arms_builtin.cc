// SPDX-License-Identifier: Apache-2.0
#include "takt/data/sim/arms_builtin.h"

#include <cmath>

namespace takt::sim {
namespace {

// Both grippers are the same: two fingers on slides, coupled, driven by one servo on their mean travel (0 closed,
// 0.04 m open: the pads 0.08 m apart). The tool site lies between the pads, 10 mm inside the tips.
//   Pads: boxes, so that a cube meets faces; condim 4, so that one point of a cylinder still resists twist; a torsional
//   coefficient of 10 mm, the radius of a soft fingertip's patch. solref 4 ms is the stiffest that a step of 2 ms
//   allows. The settings that keep what is held from creeping stand in <option>: elliptic cone, impratio, and several
//   contact points for convex pairs (multiccd): with one, a cylinder between flat pads slipped by up to 17 mm in 23 of
//   216 grasps.
// %HAND_MASS% and %FORCE% are replaced.
constexpr const char* kGripperBodies = R"(
          <geom name="palm" type="box" size="0.02 0.055 0.02" pos="0 0 0.022" mass="%HAND_MASS%" class="shell"/>
          <site name="tool" pos="0 0 0.1" size="0.004"/>
          <camera name="wrist" pos="-0.07 0 0.02" xyaxes="0 -1 0 -0.8660254 0 0.5" fovy="70"/>
          <body name="finger_left" gravcomp="1">
            <joint name="finger_left" type="slide" axis="0 1 0" range="0 0.04" armature="0.2" damping="2"/>
            <geom type="box" size="0.009 0.006 0.02" pos="0 0.012 0.06" mass="0.02" class="shell"/>
            <geom name="pad_left" type="box" size="0.009 0.004 0.0175" pos="0 0.004 0.0925" mass="0.01" class="pad"/>
          </body>
          <body name="finger_right" gravcomp="1">
            <joint name="finger_right" type="slide" axis="0 -1 0" range="0 0.04" armature="0.2" damping="2"/>
            <geom type="box" size="0.009 0.006 0.02" pos="0 -0.012 0.06" mass="0.02" class="shell"/>
            <geom name="pad_right" type="box" size="0.009 0.004 0.0175" pos="0 -0.004 0.0925" mass="0.01" class="pad"/>
          </body>)";

constexpr const char* kGripperRest = R"(
  <tendon>
    <fixed name="grip"><joint joint="finger_left" coef="0.5"/><joint joint="finger_right" coef="0.5"/></fixed>
  </tendon>
  <equality>
    <joint name="fingers" joint1="finger_left" joint2="finger_right" solref="0.004 1" solimp="0.95 0.99 0.001"/>
  </equality>)";

constexpr const char* kGripperActuator = R"(
    <general name="gripper" tendon="grip" ctrlrange="0 0.04" forcerange="-%FORCE% %FORCE%" gaintype="fixed"
      gainprm="4000" biastype="affine" biasprm="0 -4000 -90"/>)";

constexpr const char* kDefaults = R"(
  <default>
    <default class="arm">
      <joint limited="true"/>
      <site group="4"/>
      <default class="shell"><geom rgba="0.82 0.83 0.85 1" friction="0.6"/></default>
      <default class="dark"><geom rgba="0.16 0.17 0.19 1" friction="0.6"/></default>
      <default class="pad">
        <geom rgba="0.1 0.1 0.1 1" friction="1 0.01 0.0001" condim="4" solref="0.004 1" solimp="0.95 0.99 0.001"/>
      </default>
    </default>
  </default>)";

constexpr const char* kOption = R"(
  <compiler angle="radian" autolimits="true"/>
  <option timestep="0.002" cone="elliptic" impratio="10"><flag multiccd="enable"/></option>)";

// Links of 220 and 200 mm, and 140 mm from wrist to tool. At zero the upper arm stands up and the rest points forward;
// positive pitch leans forward and down.
constexpr const char* kArm5Bodies = R"(
  <worldbody>
    <body name="base" childclass="arm">
      <geom type="cylinder" size="0.055 0.03" pos="0 0 0.03" mass="0.8" class="dark"/>
      <body name="shoulder" pos="0 0 0.06" gravcomp="1">
        <joint name="yaw" axis="0 0 1" range="-3.05 3.05" armature="0.05"/>
        <geom type="cylinder" size="0.045 0.02" pos="0 0 0.02" mass="0.25" class="shell"/>
        <geom type="box" size="0.03 0.035 0.022" pos="0 0 0.05" mass="0.2" class="dark"/>
        <body name="upper_arm" pos="0 0 0.05" gravcomp="1">
          <joint name="shoulder" axis="0 1 0" range="-1.88 1.98" armature="0.05"/>
          <geom type="capsule" size="0.028" fromto="0 0 0.035 0 0 0.185" mass="0.45" class="shell"/>
          <body name="forearm" pos="0 0 0.22" gravcomp="1">
            <joint name="elbow" axis="0 1 0" range="-1.6 1.9" armature="0.03"/>
            <geom type="capsule" size="0.026" fromto="0 -0.012 0 0 0.012 0" mass="0.1" class="dark"/>
            <geom type="capsule" size="0.023" fromto="0.035 0 0 0.165 0 0" mass="0.25" class="shell"/>
            <body name="wrist" pos="0.2 0 0" gravcomp="1">
              <joint name="wrist_pitch" axis="0 1 0" range="-1.75 2.15" armature="0.015"/>
              <geom type="capsule" size="0.02" fromto="0 -0.012 0 0 0.012 0" mass="0.12" class="dark"/>
              <body name="hand" pos="0.04 0 0" quat="0.70710678118654752 0 0.70710678118654752 0" gravcomp="1">
                <joint name="wrist_roll" axis="0 0 1" range="-3.1 3.1" armature="0.01"/>)";

constexpr const char* kArm5Actuators = R"(
  <actuator>
    <position name="yaw" joint="yaw" kp="900" kv="25" inheritrange="1.05" forcerange="-12 12"/>
    <position name="shoulder" joint="shoulder" kp="1000" kv="28" inheritrange="1.05" forcerange="-20 20"/>
    <position name="elbow" joint="elbow" kp="400" kv="11" inheritrange="1.05" forcerange="-10 10"/>
    <position name="wrist_pitch" joint="wrist_pitch" kp="90" kv="2.6" inheritrange="1.05" forcerange="-4.1 4.1"/>
    <position name="wrist_roll" joint="wrist_roll" kp="40" kv="1.3" inheritrange="1.05" forcerange="-2.7 2.7"/>)";

constexpr const char* kArm5Rest = R"(
  <contact>
    <exclude body1="base" body2="upper_arm"/>
    <exclude body1="shoulder" body2="forearm"/>
    <exclude body1="forearm" body2="hand"/>
    <exclude body1="finger_left" body2="finger_right"/>
  </contact>)";

// Frames by the modified Denavit-Hartenberg table of the manufacturer:
//   joint   1      2       3      4        5        6      7      flange
//   a [m]   0      0       0      0.0825  -0.0825   0      0.088
//   d [m]   0.333  0       0.316  0        0.384    0      0      0.107
//   alpha   0     -90      90     90      -90       90     90
// The hand is turned by -45 degrees about the flange's axis; tool at 0.1034 m, as the manufacturer's hand has it.
constexpr const char* kArm7Bodies = R"(
  <worldbody>
    <body name="base" childclass="arm">
      <geom type="cylinder" size="0.08 0.06" pos="-0.02 0 0.06" mass="2.8" class="shell"/>
      <body name="link1" pos="0 0 0.333" gravcomp="1">
        <joint name="joint1" axis="0 0 1" range="-2.8973 2.8973" armature="0.3"/>
        <geom type="capsule" size="0.06" fromto="0 0 -0.14 0 0 -0.06" mass="4.97" class="shell"/>
        <body name="link2" quat="0.70710678118654752 -0.70710678118654752 0 0" gravcomp="1">
          <joint name="joint2" axis="0 0 1" range="-1.7628 1.7628" armature="0.3"/>
          <geom type="capsule" size="0.06" fromto="0 0 -0.05 0 0 0.05" mass="0.65" class="dark"/>
          <body name="link3" pos="0 -0.316 0" quat="0.70710678118654752 0.70710678118654752 0 0" gravcomp="1">
            <joint name="joint3" axis="0 0 1" range="-2.8973 2.8973" armature="0.3"/>
            <geom type="capsule" size="0.058" fromto="0 0 -0.2 0 0 -0.07" mass="3.23" class="shell"/>
            <body name="link4" pos="0.0825 0 0" quat="0.70710678118654752 0.70710678118654752 0 0" gravcomp="1">
              <joint name="joint4" axis="0 0 1" range="-3.0718 -0.0698" armature="0.3"/>
              <geom type="capsule" size="0.055" fromto="0 0 -0.045 0 0 0.045" mass="3.59" class="dark"/>
              <body name="link5" pos="-0.0825 0.384 0" quat="0.70710678118654752 -0.70710678118654752 0 0" gravcomp="1">
                <joint name="joint5" axis="0 0 1" range="-2.8973 2.8973" armature="0.15"/>
                <geom type="capsule" size="0.055" fromto="0 0 -0.28 0 0 -0.22" mass="0.8" class="shell"/>
                <geom type="capsule" size="0.03" fromto="0 0.07 -0.2 0 0.07 -0.07" mass="0.43" class="shell"/>
                <body name="link6" quat="0.70710678118654752 0.70710678118654752 0 0" gravcomp="1">
                  <joint name="joint6" axis="0 0 1" range="-0.0175 3.7525" armature="0.15"/>
                  <geom type="capsule" size="0.048" fromto="0 0 -0.05 0 0 0.01" mass="1.67" class="dark"/>
                  <body name="link7" pos="0.088 0 0" quat="0.70710678118654752 0.70710678118654752 0 0" gravcomp="1">
                    <joint name="joint7" axis="0 0 1" range="-2.8973 2.8973" armature="0.1"/>
                    <geom type="capsule" size="0.044" fromto="0 0 0 0 0 0.06" mass="0.74" class="shell"/>
                    <body name="hand" pos="0 0 0.1104" quat="0.92387953251128674 0 0 -0.38268343236508978" gravcomp="1">)";

constexpr const char* kArm7Actuators = R"(
  <actuator>
    <position name="joint1" joint="joint1" kp="4500" kv="200" inheritrange="1.05" forcerange="-87 87"/>
    <position name="joint2" joint="joint2" kp="4500" kv="200" inheritrange="1.05" forcerange="-87 87"/>
    <position name="joint3" joint="joint3" kp="3500" kv="130" inheritrange="1.05" forcerange="-87 87"/>
    <position name="joint4" joint="joint4" kp="3500" kv="130" inheritrange="1.05" forcerange="-87 87"/>
    <position name="joint5" joint="joint5" kp="900" kv="28" inheritrange="1.05" forcerange="-12 12"/>
    <position name="joint6" joint="joint6" kp="900" kv="28" inheritrange="1.05" forcerange="-12 12"/>
    <position name="joint7" joint="joint7" kp="500" kv="15" inheritrange="1.05" forcerange="-12 12"/>)";

constexpr const char* kArm7Rest = R"(
  <contact>
    <exclude body1="base" body2="link2"/>
    <exclude body1="link1" body2="link3"/>
    <exclude body1="link3" body2="link5"/>
    <exclude body1="link4" body2="link6"/>
    <exclude body1="link5" body2="link7"/>
    <exclude body1="link5" body2="hand"/>
    <exclude body1="link6" body2="hand"/>
    <exclude body1="finger_left" body2="finger_right"/>
  </contact>)";

std::string Replaced(std::string text, std::string_view from, std::string_view to) {
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
  return text;
}

// `depth` bodies are open behind `bodies`.
std::string Assemble(const std::string& name, const char* bodies, int depth, const char* actuators, const char* rest,
                     const char* hand_mass, const char* force) {
  std::string text = "<mujoco model=\"" + name + "\">" + kOption + kDefaults + bodies +
                     Replaced(kGripperBodies, "%HAND_MASS%", hand_mass);
  for (int i = 0; i < depth; ++i) text += "</body>";
  text += "\n  </worldbody>";
  text += kGripperRest;
  text += actuators + Replaced(kGripperActuator, "%FORCE%", force) + "\n  </actuator>" + rest + "\n</mujoco>\n";
  return text;
}

void FillGripper(RobotInfo* info, double force_n) {
  info->base_body = "base";
  info->gripper_joints = {"finger_left", "finger_right"};
  info->gripper_actuator = "gripper";
  info->gripper_open = 0.04;
  info->gripper_closed = 0;
  info->gripper_width_m = 0.08;
  info->gripper_force_n = force_n / 2;  // the tendon shares it between the fingers
  info->finger_bodies = {"finger_left", "finger_right"};
  info->hand_body = "hand";
  info->tool_site = "tool";
  info->wrist_camera = "wrist";
}

}  // namespace

Robot MakeArm5() {
  Robot robot;
  robot.mjcf = Assemble("arm5", kArm5Bodies, 6, kArm5Actuators, kArm5Rest, "0.2", "40");
  RobotInfo& info = robot.info;
  info.name = "arm5";
  info.joints = info.actuators = {"yaw", "shoulder", "elbow", "wrist_pitch", "wrist_roll"};
  info.lower_rad = {-3.05, -1.88, -1.6, -1.75, -3.1};
  info.upper_rad = {3.05, 1.98, 1.9, 2.15, 3.1};
  info.velocity_rad_s = {3.14, 3.14, 3.14, 4.8, 4.8};
  info.acceleration_rad_s2 = {12, 12, 15, 20, 20};
  info.torque_nm = {12, 20, 10, 4.1, 2.7};
  info.lead_s = {25. / 900, 28. / 1000, 11. / 400, 2.6 / 90, 1.3 / 40};
  info.home_rad = {0, 0.489, -0.669, 1.7508, 0};
  info.reach_m = 0.56;
  info.payload_kg = 0.3;
  FillGripper(&info, 40);
  return robot;
}

Robot MakeArm7() {
  Robot robot;
  robot.mjcf = Assemble("arm7", kArm7Bodies, 9, kArm7Actuators, kArm7Rest, "0.67", "80");
  RobotInfo& info = robot.info;
  info.name = "arm7";
  for (int i = 1; i <= 7; ++i) info.joints.push_back("joint" + std::to_string(i));
  info.actuators = info.joints;
  info.lower_rad = {-2.8973, -1.7628, -2.8973, -3.0718, -2.8973, -0.0175, -2.8973};
  info.upper_rad = {2.8973, 1.7628, 2.8973, -0.0698, 2.8973, 3.7525, 2.8973};
  info.velocity_rad_s = {2.175, 2.175, 2.175, 2.175, 2.61, 2.61, 2.61};
  info.acceleration_rad_s2 = {15, 7.5, 10, 12.5, 15, 20, 20};
  info.torque_nm = {87, 87, 87, 87, 12, 12, 12};
  info.lead_s = {200. / 4500, 200. / 4500, 130. / 3500, 130. / 3500, 28. / 900, 28. / 900, 15. / 500};
  info.home_rad = {0, -M_PI / 4, 0, -3 * M_PI / 4, 0, M_PI / 2, M_PI / 4};
  info.reach_m = 0.855;
  info.payload_kg = 3;
  FillGripper(&info, 80);
  return robot;
}

}  // namespace takt::sim
