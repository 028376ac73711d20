// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "takt/core/base/sha256.h"
#include "takt/data/demo/judge/trace.h"
#include "takt/data/demo/stage.h"
#include "takt/data/sim/world.h"

namespace takt::demo {

// What the robot is told for one control step: a target for each joint [rad], then the opening of the gripper [m].
// Numbers are float32, as the dataset keeps them, so that what is recorded is exactly what was executed.
using Action = std::vector<float>;  // [J + 1]

// Runs one stage in physics, action by action, and keeps its trace. Servo targets go in a straight line from one action
// to the next; so the actions alone, from the start of the stage, give the same motion bit for bit.
class Execution {
 public:
  // `model`: the stage's, or a variant of it with another time step or friction.
  // Errors: bad_input unless a control step is a whole number of physics steps.
  Execution(const Stage& stage, std::shared_ptr<const sim::Model> model, int control_hz);

  // Lets the objects come to rest with the arm at its start; at most `seconds`. False: something still moves, or the
  // simulation diverged.
  bool Settle(double seconds = 2);

  // One control step. `held_idx`: the object that the gripper is meant to hold during it; -1 = none.
  // False: the simulation diverged; the trace then ends before this step.
  bool Apply(std::span<const float> action, int held_idx);

  const sim::World& world() const { return world_; }
  const Stage& stage() const { return stage_; }
  Action LastAction() const { return last_action_; }
  double opening_m() const;                    // of the gripper, now
  std::vector<float> JointState() const;       // [J + 1] joints [rad], opening [m]
  Pose ObjectPose(std::string_view id) const;  // of any object of the scene, loose or not
  // [S, 14] for each step of the task: poses (x y z, w x y z with w >= 0) of object and target in the frame of the robot's
  // base. In the world's frame they would say nothing to who does not know where the robot stands.
  std::vector<float> EnvironmentState() const;
  bool Holds(int object_idx) const;            // both fingers touch it
  const Trace& trace() const { return trace_; }
  Trace TakeTrace() { return std::move(trace_); }
  // SHA-256 over positions and velocities at every control step since Settle, as 64-bit floats; call once.
  std::string Digest();

 private:
  void Command(std::span<const double> q_rad, std::span<const double> v_rad_s, double opening_m);
  void Hash();
  Sample Measure() const;

  const Stage& stage_;
  sim::World world_;
  int steps_per_action_ = 0;
  double period_s_ = 0;
  std::vector<int> joint_qpos_, joint_dof_, joint_ctrl_;  // [J]
  int gripper_qpos_ = -1, gripper_ctrl_ = -1, tool_site_ = -1, base_body_ = -1;
  double opening_per_unit_ = 1;     // metres of opening per unit of the gripper's joint
  std::vector<int> touch_of_body_;  // [bodies] object index or kTouch...
  Action before_last_, last_action_;
  Trace trace_;
  Sha256 hash_;
};

}  // namespace takt::demo
