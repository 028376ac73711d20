// SPDX-License-Identifier: Apache-2.0
#include "takt/data/demo/recovery.h"

#include <numbers>

#include "takt/data/demo/motion/ik.h"
#include "takt/data/demo/motion/motion.h"
#include "takt/data/sim/world.h"

namespace takt::demo {
namespace {

constexpr int kDraws = 48;
constexpr double kAside_m = 0.06;             // of the tool beside the object's or target's origin, in x and in y
constexpr double kAbove_m = 0.14;             // of it, at most
constexpr double kBend_rad = 0.12;            // of every joint, on top of that
constexpr double kAtTarget = 0.25;            // share of the draws beside the target
constexpr double kClosed = 0.6, kOpen = 0.2;  // shares; the rest is between

void SetOpening(const sim::RobotInfo& robot, double opening_m, sim::World* world) {
  const double unit = robot.gripper_closed + opening_m / robot.gripper_width_m * (robot.gripper_open - robot.gripper_closed);
  for (const std::string& name : robot.gripper_joints) {
    const sim::Model& model = world->model();
    const int at = model.joints()[static_cast<size_t>(model.JointIdx(name))].qpos_idx;
    world->mutable_qpos()[static_cast<size_t>(at)] = unit;
  }
}

}  // namespace

std::optional<ArmStart> RecoveryStart(std::shared_ptr<const sim::Model> model, const sim::RobotInfo& robot,
                                      const Task& task, const Rng& rng) {
  sim::World world(model);
  MotionPlanner planner(model, robot);
  const Chain& chain = planner.chain();
  uint64_t counter = 0;
  const auto uniform = [&](double from, double to) { return from + (to - from) * rng.UniformDouble(counter++); };

  const double kind = uniform(0, 1), between = uniform(0, robot.gripper_width_m);
  ArmStart start;
  start.opening_m = kind < kClosed ? 0 : kind < kClosed + kOpen ? robot.gripper_width_m : between;
  const PutStep& step = task.steps.front();
  for (int draw = 0; draw < kDraws; ++draw) {
    const std::string& id = uniform(0, 1) < kAtTarget ? step.target_id : step.object_id;
    Pose tool;
    tool.translation_m = world.BodyPose(model->BodyIdx(id)).translation_m;
    tool.translation_m += Vec3(uniform(-kAside_m, kAside_m), uniform(-kAside_m, kAside_m), uniform(0, kAbove_m));
    const double turn = uniform(-std::numbers::pi, std::numbers::pi);
    tool.rotation = Quat(Eigen::AngleAxisd(turn, Vec3::UnitZ())) * Quat(Eigen::AngleAxisd(std::numbers::pi, Vec3::UnitX()));
    std::vector<Pose> tools = {tool};
    if (IsYawPitchRoll(chain)) tools = InArmPlane(chain, tool);
    std::vector<Joints> solutions;
    if (!tools.empty()) solutions = SolveIk(chain, tools.front(), planner.HomeQ()).solutions;
    Joints bend(chain.Size());
    for (double& b : bend) b = uniform(-kBend_rad, kBend_rad);
    if (solutions.empty()) continue;
    const Joints q = solutions.front() + bend;
    bool free = chain.WithinLimits(q);
    for (const double opening_m : {start.opening_m, robot.gripper_width_m}) {
      if (!free) break;
      SetOpening(robot, opening_m, &world);
      planner.Observe(world);
      free = planner.Valid(q);
    }
    if (!free) continue;
    start.q_rad.assign(q.begin(), q.end());
    return start;
  }
  return std::nullopt;
}

}  // namespace takt::demo
