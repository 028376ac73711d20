// SPDX-License-Identifier: Apache-2.0
#include "takt/data/demo/execute.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "takt/core/base/error.h"
#include "takt/data/scene/model/walk.h"

namespace takt::demo {
namespace {

constexpr double kQuietSpeed_m_s = 0.004;
constexpr double kQuietRate_rad_s = 0.05;

std::span<const uint8_t> Bytes(std::span<const double> values) {
  return {reinterpret_cast<const uint8_t*>(values.data()), values.size_bytes()};
}

void PushPose(const Pose& pose, std::vector<float>* values) {
  for (int a = 0; a < 3; ++a) values->push_back(static_cast<float>(pose.translation_m[a]));
  // Of the two quaternions of a rotation, always the same one.
  const Quat q = pose.rotation.w() < 0 ? Quat(-pose.rotation.coeffs()) : pose.rotation;
  for (double v : {q.w(), q.x(), q.y(), q.z()}) values->push_back(static_cast<float>(v));
}

}  // namespace

Execution::Execution(const Stage& stage, std::shared_ptr<const sim::Model> model, int control_hz)
    : stage_(stage), world_(std::move(model)) {
  const sim::Model& m = world_.model();
  const double steps = control_hz > 0 ? 1 / (control_hz * m.timestep_s()) : 0;
  steps_per_action_ = static_cast<int>(std::lround(std::min(steps, 1e6)));
  if (steps_per_action_ < 1 || !(std::abs(steps - steps_per_action_) < 1e-6)) {
    throw Error(ErrorCode::kBadInput, "--fps", "is no whole number of physics steps", "use 10, 20, 25, 50 or 100");
  }
  period_s_ = 1.0 / control_hz;
  const sim::RobotInfo& robot = stage.robot;
  for (size_t j = 0; j < robot.joints.size(); ++j) {
    const sim::JointInfo& joint = m.joints()[static_cast<size_t>(m.JointIdx(robot.joints[j]))];
    joint_qpos_.push_back(joint.qpos_idx);
    joint_dof_.push_back(joint.dof_idx);
    joint_ctrl_.push_back(m.ActuatorIdx(robot.actuators[j]));
  }
  gripper_qpos_ = m.joints()[static_cast<size_t>(m.JointIdx(robot.gripper_joints.front()))].qpos_idx;
  gripper_ctrl_ = m.ActuatorIdx(robot.gripper_actuator);
  opening_per_unit_ = robot.gripper_width_m / (robot.gripper_open - robot.gripper_closed);
  tool_site_ = m.SiteIdx(robot.tool_site);
  base_body_ = m.BodyIdx(robot.base_body);

  touch_of_body_.assign(static_cast<size_t>(m.body_count()), kTouchWorld);
  for (int b : m.Subtree(m.BodyIdx(robot.base_body))) touch_of_body_[static_cast<size_t>(b)] = kTouchRobot;
  for (size_t f = 0; f < robot.finger_bodies.size(); ++f) {
    touch_of_body_[static_cast<size_t>(m.BodyIdx(robot.finger_bodies[f]))] =
        f == 0 ? kTouchLeftFinger : kTouchRightFinger;
  }
  trace_.control_period_s = period_s_;
  trace_.joint_min_rad = robot.lower_rad;
  trace_.joint_max_rad = robot.upper_rad;
  trace_.max_velocity_rad_s = robot.velocity_rad_s;
  trace_.max_torque_n_m = robot.torque_nm;
  for (size_t o = 0; o < stage.objects.size(); ++o) {
    const StageObject& object = stage.objects[o];
    touch_of_body_[static_cast<size_t>(object.body_idx)] = static_cast<int>(o);
    trace_.objects.push_back({object.id, object.com_in_object_m, object.max_tilt_rad});
  }
  trace_.vessel_idx = stage.task.vessel_id.empty() ? -1 : stage.ObjectIdx(stage.task.vessel_id);
  trace_.vessel = stage.task.vessel;

  for (size_t j = 0; j < joint_qpos_.size(); ++j) {
    world_.mutable_qpos()[static_cast<size_t>(joint_qpos_[j])] = stage.start_rad[j];
    last_action_.push_back(static_cast<float>(stage.start_rad[j]));
  }
  for (const std::string& name : robot.gripper_joints) {
    const sim::JointInfo& joint = m.joints()[static_cast<size_t>(m.JointIdx(name))];
    world_.mutable_qpos()[static_cast<size_t>(joint.qpos_idx)] =
        robot.gripper_closed +
        stage.start_opening_m / robot.gripper_width_m * (robot.gripper_open - robot.gripper_closed);
  }
  last_action_.push_back(static_cast<float>(stage.start_opening_m));
  before_last_ = last_action_;
}

double Execution::opening_m() const {
  return (world_.qpos()[static_cast<size_t>(gripper_qpos_)] - stage_.robot.gripper_closed) * opening_per_unit_;
}

std::vector<float> Execution::JointState() const {
  std::vector<float> state;
  for (int q : joint_qpos_) state.push_back(static_cast<float>(world_.qpos()[static_cast<size_t>(q)]));
  state.push_back(static_cast<float>(opening_m()));
  return state;
}

Pose Execution::ObjectPose(std::string_view id) const {
  const int object = stage_.ObjectIdx(id);
  if (object >= 0) return world_.BodyPose(stage_.objects[static_cast<size_t>(object)].body_idx);
  return scene::WorldFromNode(stage_.scene, id);
}

std::vector<float> Execution::EnvironmentState() const {
  const Pose base_from_world = world_.BodyPose(base_body_).Inverse();
  std::vector<float> values;
  for (const PutStep& step : stage_.task.steps) {
    PushPose(base_from_world * ObjectPose(step.object_id), &values);
    PushPose(base_from_world * ObjectPose(step.target_id), &values);
  }
  return values;
}

bool Execution::Holds(int object_idx) const {
  bool left = false, right = false;
  if (trace_.samples.empty()) return false;
  for (const Touch& t : trace_.samples.back().touches) {
    left = left || (t.object_idx == object_idx && t.other_idx == kTouchLeftFinger);
    right = right || (t.object_idx == object_idx && t.other_idx == kTouchRightFinger);
  }
  return left && right;
}

void Execution::Command(std::span<const double> q_rad, std::span<const double> v_rad_s, double opening_m) {
  const std::vector<double> targets = sim::ServoTargets(stage_.robot, q_rad, v_rad_s);
  for (size_t j = 0; j < targets.size(); ++j) world_.ctrl()[static_cast<size_t>(joint_ctrl_[j])] = targets[j];
  world_.ctrl()[static_cast<size_t>(gripper_ctrl_)] = stage_.robot.gripper_closed + opening_m / opening_per_unit_;
}

bool Execution::Settle(double seconds) {
  const std::vector<double> still(stage_.start_rad.size(), 0.0);
  std::vector<double> start(last_action_.begin(), last_action_.end() - 1);
  Command(start, still, last_action_.back());
  const int limit = static_cast<int>(std::ceil(seconds / period_s_));
  int quiet = 0;
  for (int k = 0; k < limit && quiet < 3; ++k) {
    if (!world_.Step(steps_per_action_)) return false;
    bool rest = true;
    for (const StageObject& object : stage_.objects) {
      const sim::Twist twist = world_.BodyTwist(object.body_idx);
      rest = rest && twist.linear_m_s.norm() <= kQuietSpeed_m_s && twist.angular_rad_s.norm() <= kQuietRate_rad_s;
    }
    quiet = rest ? quiet + 1 : 0;
  }
  // Where the objects lie now is where the goals stand that are bolted down, or ride on an object.
  for (const PutStep& step : stage_.task.steps) {
    const int object = stage_.ObjectIdx(step.object_id), target = stage_.ObjectIdx(step.target_id);
    const GoalBox box = GoalOf(stage_.scene, step, stage_.objects[static_cast<size_t>(object)].com_in_object_m);
    trace_.goals.push_back({object, target,
                            target >= 0 ? box.target_from_box : ObjectPose(step.target_id) * box.target_from_box,
                            box.half_extents_m, box.max_tilt_rad});
  }
  Hash();
  return quiet >= 3;
}

bool Execution::Apply(std::span<const float> action, int held_idx) {
  const size_t joints = joint_qpos_.size();
  const std::vector<double> a0(before_last_.begin(), before_last_.end()), a1(last_action_.begin(), last_action_.end()),
      a2(action.begin(), action.end());
  std::vector<double> q(joints + 1), v(joints), peak_velocity(joints, 0.0), peak_torque(joints, 0.0);
  double peak_penetration = 0;
  std::vector<VesselMotion> vessel_motion;
  for (int s = 1; s <= steps_per_action_; ++s) {
    const double u = static_cast<double>(s) / steps_per_action_;
    for (size_t j = 0; j <= joints; ++j) {
      q[j] = 0.5 * ((1 - u) * (1 - u) * a0[j] + (1 + 2 * u * (1 - u)) * a1[j] + u * u * a2[j]);
      if (j < joints) v[j] = ((1 - u) * (a1[j] - a0[j]) + u * (a2[j] - a1[j])) / period_s_;
    }
    Command(std::span(q).first(joints), v, q[joints]);
    if (!world_.Step()) return false;
    peak_penetration = std::max(peak_penetration, world_.DeepestPenetration());
    const std::vector<double> torques = world_.MotorForces();
    for (size_t j = 0; j < joints; ++j) {
      const size_t dof = static_cast<size_t>(joint_dof_[j]);
      peak_velocity[j] = std::max(peak_velocity[j], std::abs(world_.qvel()[dof]));
      peak_torque[j] = std::max(peak_torque[j], std::abs(torques[dof]));
    }
    if (trace_.vessel_idx >= 0) {
      const Pose pose = world_.BodyPose(stage_.objects[static_cast<size_t>(trace_.vessel_idx)].body_idx);
      vessel_motion.push_back({world_.time_s(), pose * trace_.vessel.object_from_vessel});
    }
  }
  Sample sample = Measure();
  sample.peak_velocity_rad_s = std::move(peak_velocity);
  sample.peak_torque_n_m = std::move(peak_torque);
  sample.peak_penetration_m = peak_penetration;
  sample.vessel_motion = std::move(vessel_motion);
  sample.action = a2;
  sample.held_idx = held_idx;
  trace_.samples.push_back(std::move(sample));
  before_last_ = std::exchange(last_action_, Action(action.begin(), action.end()));
  Hash();
  return true;
}

Sample Execution::Measure() const {
  Sample sample;
  sample.time_s = world_.time_s();
  for (int q : joint_qpos_) sample.joint_rad.push_back(world_.qpos()[static_cast<size_t>(q)]);
  sample.opening_m = opening_m();
  sample.world_from_tool = world_.SitePose(tool_site_);
  for (const StageObject& object : stage_.objects) {
    const sim::Twist twist = world_.BodyTwist(object.body_idx);
    sample.objects.push_back({world_.BodyPose(object.body_idx), twist.linear_m_s, twist.angular_rad_s});
  }
  for (const sim::Contact& c : world_.Contacts()) {
    const int a = touch_of_body_[static_cast<size_t>(c.body_a_idx)],
              b = touch_of_body_[static_cast<size_t>(c.body_b_idx)];
    if (a >= 0)
      sample.touches.push_back({a, b, c.point_in_world_m, c.normal_force_n});
    else if (b >= 0)
      sample.touches.push_back({b, a, c.point_in_world_m, c.normal_force_n});
  }
  return sample;
}

void Execution::Hash() {
  hash_.Update(Bytes(world_.qpos()));
  hash_.Update(Bytes(world_.qvel()));
}

std::string Execution::Digest() { return ToHex(hash_.Finish()); }

}  // namespace takt::demo
