// SPDX-License-Identifier: Apache-2.0
#pragma once

// A scripted grasp for tests and benchmarks: Newton steps for the joints, quintic timing, servo targets.
#include <algorithm>
#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "takt/data/sim/arms.h"
#include "takt/data/sim/world.h"

namespace takt::sim::script {

struct Rig {
  std::shared_ptr<const Model> model;
  RobotInfo info;
  std::vector<int> qpos, dofs, ctrls;
  int gripper = -1, tool = -1;
};

inline Rig MakeRig(std::shared_ptr<const Model> model, const RobotInfo& info) {
  Rig rig{model, info, {}, {}, {}, model->ActuatorIdx(info.gripper_actuator), model->SiteIdx(info.tool_site)};
  for (const std::string& name : info.joints) {
    const JointInfo& joint = model->joints()[static_cast<size_t>(model->JointIdx(name))];
    rig.qpos.push_back(joint.qpos_idx);
    rig.dofs.push_back(joint.dof_idx);
  }
  for (const std::string& name : info.actuators) rig.ctrls.push_back(model->ActuatorIdx(name));
  return rig;
}

// `mjcf` of a robot with bodies put in front of its own.
inline std::string WithBodies(std::string mjcf, const std::string& bodies) {
  const std::string tag = "<worldbody>";
  return mjcf.insert(mjcf.find(tag) + tag.size(), bodies);
}

inline std::vector<double> Joints(const Rig& rig, const World& world) {
  std::vector<double> q;
  for (const int idx : rig.qpos) q.push_back(world.qpos()[static_cast<size_t>(idx)]);
  return q;
}

inline void GoHome(const Rig& rig, World* world) {
  for (size_t i = 0; i < rig.qpos.size(); ++i) {
    world->mutable_qpos()[static_cast<size_t>(rig.qpos[i])] = rig.info.home_rad[i];
    world->ctrl()[static_cast<size_t>(rig.ctrls[i])] = rig.info.home_rad[i];
  }
  for (const std::string& name : rig.info.gripper_joints) {
    const int idx = rig.model->joints()[static_cast<size_t>(rig.model->JointIdx(name))].qpos_idx;
    world->mutable_qpos()[static_cast<size_t>(idx)] = rig.info.gripper_open;
  }
  world->ctrl()[static_cast<size_t>(rig.gripper)] = rig.info.gripper_open;
}

// Joints that put the tool at `target`, pointing down; damped least squares from `start`.
inline std::vector<double> Reach(const Rig& rig, const Vec3& target, const std::vector<double>& start) {
  World world(rig.model);
  GoHome(rig, &world);
  std::vector<double> q = start;
  const auto n = static_cast<Eigen::Index>(q.size());
  for (int iteration = 0; iteration < 200; ++iteration) {
    for (size_t i = 0; i < q.size(); ++i) world.mutable_qpos()[static_cast<size_t>(rig.qpos[i])] = q[i];
    const Pose tool = world.SitePose(rig.tool);
    const Jacobian full = world.SiteJacobian(rig.tool);
    Eigen::MatrixXd jacobian(6, n);
    for (Eigen::Index i = 0; i < n; ++i) jacobian.col(i) = full.col(rig.dofs[static_cast<size_t>(i)]);
    Eigen::VectorXd error(6);
    error.head<3>() = target - tool.translation_m;
    error.tail<3>() = (tool.rotation * Vec3::UnitZ()).cross(Vec3(0, 0, -1));
    // The turn about the approach axis is free.
    jacobian.bottomRows(3) -= Vec3::UnitZ() * Vec3::UnitZ().transpose() * jacobian.bottomRows(3);
    const Eigen::MatrixXd damped = jacobian.transpose() * jacobian + 1e-6 * Eigen::MatrixXd::Identity(n, n);
    const Eigen::VectorXd step = damped.ldlt().solve(jacobian.transpose() * error);
    for (Eigen::Index i = 0; i < n; ++i) q[static_cast<size_t>(i)] += std::clamp(step[i], -0.2, 0.2);
  }
  return q;
}

// Drives the joints to `goal` in `seconds` by a quintic; calls `each` after every step. False where it diverged.
inline bool MoveTo(const Rig& rig, World* world, const std::vector<double>& start, const std::vector<double>& goal,
                   double seconds, const std::function<void(const std::vector<double>& wanted)>& each = nullptr) {
  const double dt = rig.model->timestep_s();
  const int steps = static_cast<int>(std::lround(seconds / dt));
  std::vector<double> q(start.size()), v(start.size());
  for (int k = 0; k < steps; ++k) {
    const auto blend = [](double t) { return t * t * t * (10 + t * (-15 + 6 * t)); };
    const double t = std::min(1.0, k * dt / seconds);
    for (size_t i = 0; i < q.size(); ++i) {
      q[i] = start[i] + (goal[i] - start[i]) * blend(t);
      v[i] = (goal[i] - start[i]) * 30 * t * t * (1 - t) * (1 - t) / seconds;
    }
    const std::vector<double> ctrl = ServoTargets(rig.info, q, v);
    for (size_t i = 0; i < q.size(); ++i) world->ctrl()[static_cast<size_t>(rig.ctrls[i])] = ctrl[i];
    if (!world->Step()) return false;
    if (each) {
      const double t1 = std::min(1.0, (k + 1) * dt / seconds);
      for (size_t i = 0; i < q.size(); ++i) q[i] = start[i] + (goal[i] - start[i]) * blend(t1);
      each(q);
    }
  }
  return true;
}

inline bool Wait(World* world, double seconds) {
  return world->Step(static_cast<int>(std::lround(seconds / world->model().timestep_s())));
}

// Closes or opens over 0.3 s, then waits as long.
inline bool SetGripper(const Rig& rig, World* world, double target) {
  double& ctrl = world->ctrl()[static_cast<size_t>(rig.gripper)];
  const double from = ctrl;
  const int steps = static_cast<int>(std::lround(0.3 / rig.model->timestep_s()));
  for (int k = 1; k <= steps; ++k) {
    ctrl = from + (target - from) * k / steps;
    if (!world->Step()) return false;
  }
  return Wait(world, 0.3);
}

struct GraspResult {
  bool stepped = false;
  double lifted_m = 0;  // of the object
  double slip_m = 0;    // of the object in the tool's frame, from the end of closing to the end of holding
  double turn_rad = 0;
};

// Above the object, down, close, lift by 0.1 m, hold for a second.
inline GraspResult Grasp(const Rig& rig, World* world, int object, double grasp_height_m) {
  GraspResult result;
  const Pose before = world->BodyPose(object);
  const Vec3 at(before.translation_m.x(), before.translation_m.y(), grasp_height_m);
  const std::vector<double> home = Joints(rig, *world);
  const std::vector<double> above = Reach(rig, at + Vec3(0, 0, 0.1), home), down = Reach(rig, at, above);
  if (!MoveTo(rig, world, home, above, 1) || !MoveTo(rig, world, above, down, 1)) return result;
  if (!SetGripper(rig, world, rig.info.gripper_closed)) return result;
  const Pose held = world->SitePose(rig.tool).Inverse() * world->BodyPose(object);
  if (!MoveTo(rig, world, down, above, 1) || !MoveTo(rig, world, above, above, 1)) return result;
  const Pose end = world->SitePose(rig.tool).Inverse() * world->BodyPose(object);
  result.stepped = true;
  result.lifted_m = world->BodyPose(object).translation_m.z() - before.translation_m.z();
  result.slip_m = (end.translation_m - held.translation_m).norm();
  result.turn_rad = end.rotation.angularDistance(held.rotation);
  return result;
}

}  // namespace takt::sim::script
