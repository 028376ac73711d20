// SPDX-License-Identifier: Apache-2.0
#include "takt/data/demo/motion/planning_scene.h"

#include <algorithm>

#include "takt/core/base/error.h"
#include "takt/data/demo/motion/motion.h"

namespace takt::demo {
namespace {

// How far what rests may sink into what carries it. MuJoCo reports half of the depth of boxes that meet squarely.
constexpr double kRest_m = 6e-4;

bool Contains(const std::vector<int>& sorted, int value) { return std::binary_search(sorted.begin(), sorted.end(), value); }

// How far any point behind joint j can be from its axis; hands reach a little beyond the tool.
Joints Levers(const Chain& chain) {
  constexpr double kHand_m = 0.08;
  Joints lever(chain.Size());
  for (int j = 0; j < chain.Size(); ++j) {
    const ChainJoint& joint = chain.joints[static_cast<size_t>(j)];
    const Vec3 tool = chain.world_from_tool_zero.translation_m;
    const auto next = [&](int k) {
      return k < chain.Size() ? chain.joints[static_cast<size_t>(k)].point_in_world : tool;
    };
    const Vec3 out = next(j + 1) - joint.point_in_world;
    double reach = (out - joint.axis_in_world * joint.axis_in_world.dot(out)).norm();
    for (int k = j + 1; k < chain.Size(); ++k) reach += (next(k + 1) - next(k)).norm();
    lever[j] = reach + kHand_m;
  }
  return lever;
}

}  // namespace

PlanningScene::PlanningScene(std::shared_ptr<const sim::Model> model, const sim::RobotInfo& robot)
    : model_(std::move(model)), world_(model_) {
  chain_ = MakeChain(world_, robot);
  lever_m_ = Levers(chain_);
  for (const std::string& name : robot.joints) {
    const sim::JointInfo& joint = model_->joints()[static_cast<size_t>(model_->JointIdx(name))];
    arm_qpos_.push_back(joint.qpos_idx);
    arm_dof_.push_back(joint.dof_idx);
    arm_damping_.push_back(joint.damping);
  }
  for (const std::string& name : robot.gripper_joints) {
    const sim::JointInfo& joint = model_->joints()[static_cast<size_t>(model_->JointIdx(name))];
    fingers_.push_back({joint.qpos_idx, robot.gripper_closed, robot.gripper_open});
  }
  width_m_ = opening_m_ = robot.gripper_width_m;
  robot_ = model_->Subtree(model_->BodyIdx(robot.base_body));
  moving_ = model_->Subtree(model_->joints()[static_cast<size_t>(model_->JointIdx(robot.joints.front()))].body_idx);
  for (const std::string& name : robot.finger_bodies) grippers_.push_back(model_->BodyIdx(name));
  if (!robot.hand_body.empty()) grippers_.push_back(model_->BodyIdx(robot.hand_body));
  std::sort(grippers_.begin(), grippers_.end());
  self_.emplace(model_, moving_, robot_);
  Rebuild();
}

void PlanningScene::Rebuild() {
  std::vector<int> others;
  blocked_by_ = nullptr;
  std::vector<std::pair<int, int>> touching;
  for (int b = 0; b < model_->body_count(); ++b) {
    if (!Contains(robot_, b) && b != held_idx_) others.push_back(b);
  }
  arm_.emplace(model_, moving_, others);
  held_free_.reset();
  held_near_.reset();
  if (held_idx_ < 0) return;
  for (const int b : robot_) {
    if (!Contains(grippers_, b)) others.push_back(b);
  }
  for (const int b : may_touch_) touching.emplace_back(held_idx_, b);
  const std::vector<int> held = model_->Subtree(held_idx_);
  held_free_.emplace(model_, held, others);
  held_near_.emplace(model_, held, others, touching);
}

void PlanningScene::Observe(const sim::World& world) {
  world_.SetState(world.GetState());
  Hold(-1, {});
  double part = 0;
  for (const Finger& f : fingers_) part += (world_.qpos()[static_cast<size_t>(f.qpos_idx)] - f.closed) / (f.open - f.closed);
  if (!fingers_.empty()) SetOpening(width_m_ * part / static_cast<double>(fingers_.size()));
}

void PlanningScene::Hold(int held_idx, const Pose& tool_from_held, std::span<const int> may_touch) {
  held_idx_ = held_idx;
  tool_from_held_ = tool_from_held;
  may_touch_.assign(may_touch.begin(), may_touch.end());
  held_qpos_ = -1;
  if (held_idx >= 0) {
    const sim::BodyInfo& body = model_->bodies()[static_cast<size_t>(held_idx)];
    const bool is_free = body.joint_count == 1 && model_->joints()[static_cast<size_t>(body.first_joint_idx)].kind ==
                                                      sim::JointKind::kFree;
    if (!is_free) throw Error(ErrorCode::kBadInput, body.name, "is not a free body", "only free bodies can be held");
    held_qpos_ = model_->joints()[static_cast<size_t>(body.first_joint_idx)].qpos_idx;
  }
  Rebuild();
}

void PlanningScene::SetOpening(double opening_m) { opening_m_ = std::clamp(opening_m, 0.0, width_m_); }

void PlanningScene::Put(const Joints& q) {
  const std::span<double> qpos = world_.mutable_qpos();
  for (size_t j = 0; j < arm_qpos_.size(); ++j) qpos[static_cast<size_t>(arm_qpos_[j])] = q[static_cast<Eigen::Index>(j)];
  const double part = width_m_ > 0 ? opening_m_ / width_m_ : 0;
  for (const Finger& f : fingers_) qpos[static_cast<size_t>(f.qpos_idx)] = f.closed + part * (f.open - f.closed);
  if (held_qpos_ < 0) return;
  const Pose pose = ToolPose(chain_, q) * tool_from_held_;
  double* p = qpos.data() + held_qpos_;
  p[0] = pose.translation_m.x();
  p[1] = pose.translation_m.y();
  p[2] = pose.translation_m.z();
  p[3] = pose.rotation.w();
  p[4] = pose.rotation.x();
  p[5] = pose.rotation.y();
  p[6] = pose.rotation.z();
}

bool PlanningScene::Check(const Joints& q, double clearance_m, bool near) {
  ++checks_;
  if (!chain_.WithinLimits(q)) return false;
  Put(q);
  const auto clear = [&](const sim::CollisionQuery& query, double clearance) {
    if (!query.Collides(world_, -clearance)) return true;
    blocked_by_ = &query;
    blocked_within_m_ = clearance;
    return false;
  };
  if (!clear(*arm_, clearance_m)) return false;
  if (held_idx_ >= 0 && !(near ? clear(*held_near_, -kRest_m) : clear(*held_free_, clearance_m))) return false;
  return clear(*self_, 0);
}

bool PlanningScene::Free(const Joints& q, double clearance_m) { return Check(q, clearance_m, false); }

bool PlanningScene::Near(const Joints& q, double clearance_m) { return Check(q, clearance_m, true); }

std::string PlanningScene::Blocker(const Joints& q) {
  if (!chain_.WithinLimits(q)) return "joint limits";
  if (blocked_by_ == nullptr) return {};
  Put(q);
  const sim::Proximity p = blocked_by_->Closest(world_, std::max(blocked_within_m_, 0.0) + 1e-6);
  if (p.body_a_idx < 0) return {};
  const auto name = [&](int body) { return body == 0 ? "world" : model_->bodies()[static_cast<size_t>(body)].name; };
  return name(p.body_a_idx) + " at " + name(p.body_b_idx);
}

Joints PlanningScene::ReadQ() const {
  Joints q(chain_.Size());
  for (size_t j = 0; j < arm_qpos_.size(); ++j) q[static_cast<Eigen::Index>(j)] = world_.qpos()[static_cast<size_t>(arm_qpos_[j])];
  return q;
}

InverseDynamics PlanningScene::Dynamics() {
  double mass_kg = 0;
  Chain load = chain_;
  if (held_idx_ >= 0) {
    for (const int b : model_->Subtree(held_idx_)) mass_kg += model_->bodies()[static_cast<size_t>(b)].mass_kg;
    const Vec3 com = world_.BodyPose(held_idx_).Inverse() * world_.SubtreeCom(held_idx_);
    load.world_from_tool_zero = chain_.world_from_tool_zero * tool_from_held_ * Pose{Quat::Identity(), com};
  }
  const Vec3 gravity = model_->gravity_m_s2();
  std::vector<double> qpos(world_.qpos().begin(), world_.qpos().end());
  return [this, load, mass_kg, gravity, qpos, qvel = std::vector<double>(static_cast<size_t>(model_->dof_count())),
          qacc = std::vector<double>(static_cast<size_t>(model_->dof_count()))](const Joints& q, const Joints& dq,
                                                                                const Joints& ddq) mutable {
    for (size_t j = 0; j < arm_qpos_.size(); ++j) {
      const auto i = static_cast<Eigen::Index>(j);
      qpos[static_cast<size_t>(arm_qpos_[j])] = q[i];
      qvel[static_cast<size_t>(arm_dof_[j])] = dq[i];
      qacc[static_cast<size_t>(arm_dof_[j])] = ddq[i];
    }
    const std::vector<double> all = world_.InverseDynamics(qpos, qvel, qacc);
    Joints torque(q.size());
    for (size_t j = 0; j < arm_dof_.size(); ++j) {
      const auto i = static_cast<Eigen::Index>(j);
      torque[i] = all[static_cast<size_t>(arm_dof_[j])] - arm_damping_[j] * dq[i];
    }
    if (mass_kg > 0) {
      // The load as a point: J^T m (J ddq + dJ/dt dq - g); the change of J along dq by a central difference.
      ToolJacobian now, before, after;
      constexpr double kStep_s = 1e-5;
      ToolPose(load, q, &now);
      ToolPose(load, q - kStep_s * dq, &before);
      ToolPose(load, q + kStep_s * dq, &after);
      const Vec3 acceleration = now.topRows<3>() * ddq + (after.topRows<3>() - before.topRows<3>()) * dq / (2 * kStep_s);
      torque += now.topRows<3>().transpose() * (mass_kg * (acceleration - gravity));
    }
    return torque;
  };
}

}  // namespace takt::demo
