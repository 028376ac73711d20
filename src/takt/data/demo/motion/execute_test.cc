// SPDX-License-Identifier: Apache-2.0
// Plans played by the position servos in the full physics: what was planned must happen.
#include <gtest/gtest.h>

#include <cmath>

#include "takt/data/demo/motion/motion.h"
#include "takt/data/demo/motion/motion_test_scene.h"
#include "takt/data/demo/motion/planning_scene.h"

namespace takt::demo {
namespace {

struct Player {
  const TableScene& scene;
  sim::World& world;
  std::vector<int> dofs;
  double worst_torque = 0;    // share of the limit
  double worst_lag_rad = 0;

  void Play(const MotionPlan& plan) {
    const sim::Model& model = *scene.model;
    const double per_metre = scene.robot.gripper_open / scene.robot.gripper_width_m;
    for (const MotionSegment& segment : plan.segments) {
      const Trajectory& t = segment.joints;
      const int steps = static_cast<int>(std::lround(1 / (t.rate_hz * model.timestep_s())));
      for (size_t k = 0; k < t.q.size(); ++k) {
        const auto target = sim::ServoTargets(scene.robot, {t.q[k].data(), static_cast<size_t>(t.q[k].size())},
                                              {t.dq[k].data(), static_cast<size_t>(t.dq[k].size())});
        for (size_t j = 0; j < target.size(); ++j) {
          world.ctrl()[static_cast<size_t>(model.ActuatorIdx(scene.robot.actuators[j]))] = target[j];
        }
        world.ctrl()[static_cast<size_t>(model.ActuatorIdx(scene.robot.gripper_actuator))] = segment.gripper_opening_m * per_metre;
        ASSERT_TRUE(world.Step(steps));
        for (size_t j = 0; j < target.size(); ++j) {
          const auto& joint = model.joints()[static_cast<size_t>(model.JointIdx(scene.robot.joints[j]))];
          const double force = world.actuator_forces()[static_cast<size_t>(model.ActuatorIdx(scene.robot.actuators[j]))];
          worst_torque = std::max(worst_torque, std::abs(force) / scene.robot.torque_nm[j]);
          // Targets step at the control rate: the arm is on its way to the sample.
          const double lag = std::abs(world.qpos()[static_cast<size_t>(joint.qpos_idx)] - t.q[k][static_cast<Eigen::Index>(j)]);
          worst_lag_rad = std::max(worst_lag_rad, lag - std::abs(t.dq[k][static_cast<Eigen::Index>(j)]) / t.rate_hz);
        }
      }
    }
  }
};

TEST(Execute, WhatIsPlannedHappensInThePhysics) {
  for (const char* name : {"arm5", "arm7"}) {
    for (uint64_t seed = 1; seed <= 4; ++seed) {
      const TableScene scene = MakeTableScene(name, seed);
      PlannerOptions options;
      options.seed = seed;
      MotionPlanner planner(scene.model, scene.robot, options);
      sim::World world = AtHome(scene);
      planner.Observe(world);
      PickRequest pick;
      pick.body_idx = scene.model->BodyIdx(scene.objects[seed % 6]);
      const Vec3 bin = scene.bin_centres_m[seed % 2];
      pick.world_from_object_goals = {Pose::Translation(bin.x(), bin.y(), 0.0265)};
      pick.free_yaw = true;
      PlaceRequest place;
      place.world_from_object_goals = pick.world_from_object_goals;
      place.free_yaw = true;
      Player player{scene, world, {}};
      const MotionPlan picked = planner.Pick(pick);
      ASSERT_TRUE(picked.Ok()) << picked.detail;
      player.Play(picked);
      // Closer to the truth than the plan: where the object really lies in the gripper.
      const double lifted = world.BodyPose(pick.body_idx).translation_m.z();
      EXPECT_GT(lifted, 0.06) << name << " " << seed;
      planner.Observe(world, pick.body_idx);
      const MotionPlan placed = planner.Place(place);
      ASSERT_TRUE(placed.Ok()) << placed.detail;
      player.Play(placed);
      const Pose rests = world.BodyPose(pick.body_idx);
      EXPECT_LT((rests.translation_m - placed.world_from_object.translation_m).norm(), 0.01) << name << " " << seed;
      EXPECT_LT(AngleBetween(rests.rotation, placed.world_from_object.rotation), 0.1) << name << " " << seed;
      EXPECT_LE(player.worst_torque, 1.0) << name << " " << seed;
      EXPECT_LT(player.worst_lag_rad, 0.02) << name << " " << seed;
    }
  }
}

TEST(Execute, TheLoadIsInTheTorques) {
  const TableScene scene = MakeTableScene("arm5", 1);
  PlanningScene planning(scene.model, scene.robot);
  planning.Observe(AtHome(scene));
  const Joints q = planning.ReadQ(), zero = Joints::Zero(q.size());
  const Joints empty = planning.Dynamics()(q, zero, zero);
  const int body = scene.model->BodyIdx("object0");
  planning.Hold(body, Pose::Translation(0.01, 0.005, 0.03));
  const Joints loaded = planning.Dynamics()(q, zero, zero);
  // Independent: the weight does work; its potential's gradient is the torque that holds it.
  const auto height = [&](const Joints& at) {
    planning.Put(at);
    return planning.world().SubtreeCom(body).z();
  };
  for (int j = 0; j < q.size(); ++j) {
    Joints up = q, down = q;
    up[j] += 1e-5;
    down[j] -= 1e-5;
    const double expected = 0.05 * 9.81 * (height(up) - height(down)) / 2e-5;
    EXPECT_NEAR(loaded[j] - empty[j], expected, 1e-6);
  }
}

TEST(Execute, TorquesOfPlansAreWithinTheirShare) {
  for (const char* name : {"arm5", "arm7"}) {
    const TableScene scene = MakeTableScene(name, 3);
    MotionPlanner planner(scene.model, scene.robot);
    planner.Observe(AtHome(scene));
    PickRequest pick;
    pick.body_idx = scene.model->BodyIdx("object0");
    const MotionPlan plan = planner.Pick(pick);
    ASSERT_TRUE(plan.Ok()) << plan.detail;
    PlanningScene check(scene.model, scene.robot);
    check.Observe(AtHome(scene));
    for (const MotionSegment& segment : plan.segments) {
      if (segment.kind == SegmentKind::kLift) check.Hold(pick.body_idx, plan.tool_from_object);
      EXPECT_LE(MeasureLimits(planner.chain(), segment.joints, check.Dynamics()).torque, PlannerOptions().torque_share + 0.005);
    }
  }
}

}  // namespace
}  // namespace takt::demo
