// SPDX-License-Identifier: Apache-2.0
#include "takt/data/sim/world.h"

#include <gtest/gtest.h>

#include <cmath>
#include <thread>

#include "takt/core/base/error.h"
#include "takt/data/sim/arms_test_script.h"

namespace takt::sim {
namespace {

std::string Cubes(int count, double x = 0.3) {
  std::string text = "<geom name='table' type='plane' size='1 1 0.1' friction='0.8'/>";
  for (int i = 0; i < count; ++i) {
    const std::string n = std::to_string(i);
    text += "<body name='cube" + n + "' pos='" + std::to_string(x + 0.06 * (i % 3)) + " " +
            std::to_string(0.07 * i - 0.14) +
            " 0.02'><freejoint/><geom type='box' size='0.02 0.02 0.02' mass='0.05' friction='0.8'/></body>";
  }
  return text;
}

script::Rig ArmWithCubes(const std::string& name, int count) {
  const Robot robot = LoadRobot(name);
  return script::MakeRig(Model::Compile(script::WithBodies(robot.mjcf, Cubes(count))), robot.info);
}

// A busy run: the arm sweeps through the cubes.
Snapshot Sweep(const script::Rig& rig, int steps, bool look, Snapshot* middle = nullptr) {
  World world(rig.model);
  script::GoHome(rig, &world);
  for (int k = 0; k < steps; ++k) {
    if (middle != nullptr && k == steps / 2) *middle = world.Save();
    world.ctrl()[0] = std::sin(0.004 * k);
    world.ctrl()[1] = rig.info.home_rad[1] + 0.4 * std::sin(0.003 * k);
    EXPECT_TRUE(world.Step());
    if (look && k % 7 == 0) {  // queries must not disturb the run
      world.SitePose(rig.tool);
      world.BodyTwist(3);
      world.SiteJacobian(rig.tool);
      world.Contacts();
      world.kinetic_energy_j();
    }
  }
  return world.Save();
}

TEST(World, TwoThousandStepsAreTheSameBitsTwiceAndOnAnotherThread) {
  const script::Rig rig = ArmWithCubes("arm5", 3);
  const Snapshot first = Sweep(rig, 2000, false);
  EXPECT_EQ(first, Sweep(rig, 2000, true));
  Snapshot other;
  std::thread([&] { other = Sweep(rig, 2000, false); }).join();
  EXPECT_EQ(first, other);
}

TEST(World, ASnapshotContinuesBitForBit) {
  const script::Rig rig = ArmWithCubes("arm5", 3);
  Snapshot middle;
  const Snapshot end = Sweep(rig, 1000, false, &middle);
  World world(rig.model);
  world.Restore(middle);
  for (int k = 500; k < 1000; ++k) {
    world.ctrl()[0] = std::sin(0.004 * k);
    world.ctrl()[1] = rig.info.home_rad[1] + 0.4 * std::sin(0.003 * k);
    ASSERT_TRUE(world.Step());
  }
  EXPECT_EQ(world.Save(), end);

  // Without the warm start the bits differ: the test can fail.
  World cold(rig.model);
  cold.Restore(middle);
  const State state = cold.GetState();
  cold.SetState(state);
  EXPECT_NE(cold.Save(), middle);

  World clone = world.Clone();
  ASSERT_TRUE(clone.Step(10));
  ASSERT_TRUE(world.Step(10));
  EXPECT_EQ(clone.Save(), world.Save());
}

TEST(World, PosesBelongToTheCurrentState) {
  const script::Rig rig = ArmWithCubes("arm5", 0);
  World world(rig.model);
  script::GoHome(rig, &world);
  const Pose before = world.SitePose(rig.tool);
  world.mutable_qpos()[0] += 0.5;
  const Pose after = world.SitePose(rig.tool);
  EXPECT_NEAR((after.translation_m - Quat(Eigen::AngleAxisd(0.5, Vec3::UnitZ())) * before.translation_m).norm(), 0,
              1e-12);
  const State state = world.GetState();
  ASSERT_TRUE(world.Step(5));
  world.SetState(state);
  EXPECT_NEAR((world.SitePose(rig.tool).translation_m - after.translation_m).norm(), 0, 1e-12);
}

TEST(World, TheJacobianIsTheDerivativeOfThePose) {
  const script::Rig rig = ArmWithCubes("arm7", 1);
  World world(rig.model);
  script::GoHome(rig, &world);
  const Jacobian jacobian = world.SiteJacobian(rig.tool);
  const Pose at = world.SitePose(rig.tool);
  const double h = 1e-6;
  for (size_t i = 0; i < rig.qpos.size(); ++i) {
    world.mutable_qpos()[static_cast<size_t>(rig.qpos[i])] += h;
    const Pose moved = world.SitePose(rig.tool);
    world.mutable_qpos()[static_cast<size_t>(rig.qpos[i])] -= h;
    const Vec3 linear = (moved.translation_m - at.translation_m) / h;
    const Eigen::AngleAxisd turn(moved.rotation * at.rotation.conjugate());
    EXPECT_LT((linear - jacobian.col(rig.dofs[i]).head<3>()).norm(), 1e-5);
    EXPECT_LT((turn.axis() * turn.angle() / h - jacobian.col(rig.dofs[i]).tail<3>()).norm(), 1e-5);
  }
  world.mutable_qvel()[static_cast<size_t>(rig.dofs[0])] = 1;
  const Twist twist = world.BodyTwist(rig.model->BodyIdx("hand"));
  EXPECT_NEAR(twist.angular_rad_s.z(), 1, 1e-9);
}

TEST(World, InverseDynamicsInvertsForwardDynamics) {
  const script::Rig rig = ArmWithCubes("arm5", 0);
  World world(rig.model);
  script::GoHome(rig, &world);
  world.mutable_qvel()[1] = 0.7;
  world.mutable_qvel()[2] = -0.4;
  const State state = world.GetState();
  ASSERT_TRUE(world.Forward());
  const std::vector<double> motor = [&] {
    std::vector<double> forces(static_cast<size_t>(rig.model->dof_count()), 0);
    for (size_t i = 0; i < rig.ctrls.size(); ++i)
      forces[static_cast<size_t>(rig.dofs[i])] = world.actuator_forces()[static_cast<size_t>(rig.ctrls[i])];
    return forces;
  }();
  ASSERT_TRUE(world.Step());
  std::vector<double> acceleration(motor.size());
  for (size_t i = 0; i < motor.size(); ++i)
    acceleration[i] = (world.qvel()[i] - state.qvel[i]) / rig.model->timestep_s();
  const std::vector<double> inverse = world.InverseDynamics(state.qpos, state.qvel, acceleration);
  for (size_t i = 0; i < 5; ++i) EXPECT_NEAR(inverse[i], motor[i], 1e-6) << i;

  // The motors carry the weight that gravity compensation hides from the servos.
  const std::vector<double> motors = world.MotorForces();
  EXPECT_GT(std::abs(motors[1] - motor[1]), 1.0);
  const std::vector<double> none = world.GravityTorques(state.qpos);
  EXPECT_NEAR(none[1], 0, 1e-9);
}

TEST(World, ContactsCarryTheWeight) {
  const auto model = Model::Compile("<mujoco><worldbody>" + Cubes(1) + "</worldbody></mujoco>");
  World world(model);
  ASSERT_TRUE(world.Step(500));
  ASSERT_TRUE(world.Forward());
  double weight = 0;
  const std::vector<Contact> contacts = world.Contacts();
  ASSERT_FALSE(contacts.empty());
  for (const Contact& contact : contacts) {
    EXPECT_EQ(contact.body_b_idx, model->BodyIdx("cube0"));
    EXPECT_NEAR(contact.normal_in_world.z(), 1, 1e-9);
    EXPECT_LT(contact.distance_m, 0);
    weight += contact.normal_force_n;
  }
  EXPECT_NEAR(weight, 0.05 * 9.81, 1e-3);
  EXPECT_NEAR(world.kinetic_energy_j(), 0, 1e-9);

  // A sideways push shows up as friction, until the cone is full.
  world.SetExternalForce(model->BodyIdx("cube0"), {0.2, 0, 0}, Vec3::Zero());
  ASSERT_TRUE(world.Step(100));
  ASSERT_TRUE(world.Forward());
  Vec3 friction = Vec3::Zero();
  for (const Contact& contact : world.Contacts()) friction += contact.friction_in_world_n;
  EXPECT_NEAR(friction.x(), -0.2, 5e-3);
}

TEST(World, DivergenceIsReportedAndStaysUntilReset) {
  const auto model = Model::Compile("<mujoco><worldbody>" + Cubes(1) + "</worldbody></mujoco>");
  World world(model);
  world.mutable_qvel()[0] = 1e12;
  EXPECT_FALSE(world.Step());
  EXPECT_TRUE(world.diverged());
  EXPECT_TRUE(std::isnan(world.qpos()[0]));
  EXPECT_FALSE(world.Step());
  EXPECT_TRUE(world.Contacts().empty());
  world.Reset();
  EXPECT_TRUE(world.Step());

  world.mutable_qpos()[2] = std::nan("");
  EXPECT_FALSE(world.Step(3));
  world.Reset();
  // More contacts than there is room for is no result either.
  const auto tight = Model::Compile("<mujoco><size nconmax='2'/><worldbody>" + Cubes(3) + "</worldbody></mujoco>");
  World full(tight);
  EXPECT_FALSE(full.Step(10));
}

TEST(World, AFaultInsideMujocoBecomesDivergence) {
  // MuJoCo's own stack is too small for the contacts that come with the landing: mju_error, which would end the
  // process.
  std::string bodies = "<geom type='plane' size='9 9 1'/>";
  for (const char* x : {"0", "1", "2", "3"})
    bodies += "<body pos='" + std::string(x) + " 0 0.3'><freejoint/><geom type='box' size='0.1 0.1 0.1'/></body>";
  const auto model = Model::Compile("<mujoco><size nstack='1000'/><worldbody>" + bodies + "</worldbody></mujoco>");
  World world(model);
  EXPECT_FALSE(world.Step(500));
  EXPECT_TRUE(world.diverged());
  world.Reset();
  EXPECT_TRUE(world.Step(10)) << "and the world is as new after a reset";
}

TEST(World, RefusesStatesOfTheWrongShape) {
  const auto model = Model::Compile("<mujoco><worldbody>" + Cubes(1) + "</worldbody></mujoco>");
  World world(model);
  State state = world.GetState();
  state.qpos.pop_back();
  EXPECT_THROW(world.SetState(state), Error);
  state = world.GetState();
  state.qvel[0] = std::nan("");
  EXPECT_THROW(world.SetState(state), Error);
  EXPECT_THROW(world.Restore(Snapshot{}), Error);
  EXPECT_THROW(world.BodyPose(99), Error);
  EXPECT_THROW(world.SetFreeBodyPose(0, Pose()), Error);
  world.SetFreeBodyPose(1, Pose::Translation(1, 2, 3));
  EXPECT_EQ(world.BodyPose(1).translation_m, Vec3(1, 2, 3));
}

TEST(World, WeldsHoldWhileTheyAreActive) {
  const auto model = Model::Compile(R"(<mujoco><worldbody>
    <body name="a" pos="0 0 1"><freejoint/><geom size="0.05"/></body></worldbody>
    <equality><weld name="hold" body1="a" body2="world" active="false"/></equality></mujoco>)");
  World world(model), other(model);
  EXPECT_FALSE(model->equalities()[0].active);
  world.SetEqualityActive(0, true);
  ASSERT_TRUE(world.Step(200));
  EXPECT_NEAR(world.BodyPose(1).translation_m.z(), 1, 0.01);
  ASSERT_TRUE(other.Step(200));
  EXPECT_LT(other.BodyPose(1).translation_m.z(), 0.5) << "worlds of one model are independent";
  const Snapshot snapshot = world.Save();
  World third(model);
  third.Restore(snapshot);
  ASSERT_TRUE(third.Step(50));
  ASSERT_TRUE(world.Step(50));
  EXPECT_EQ(third.Save(), world.Save());
}

TEST(CollisionQuery, AgreesWithTheContactsOfTheSimulation) {
  const script::Rig rig = ArmWithCubes("arm5", 4);
  World world(rig.model);
  script::GoHome(rig, &world);
  const std::vector<int> arm = rig.model->Subtree(rig.model->BodyIdx("base"));
  std::vector<int> rest = {0};
  for (int i = 0; i < 4; ++i) rest.push_back(rig.model->BodyIdx("cube" + std::to_string(i)));
  const CollisionQuery query(rig.model, arm, rest);
  EXPECT_GT(query.pair_count(), 20);
  EXPECT_FALSE(query.Collides(world));
  EXPECT_TRUE(std::isinf(query.Closest(world).distance_m));
  int hits = 0;
  for (int k = 0; k < 200; ++k) {  // lean into the table and the cubes
    world.mutable_qpos()[static_cast<size_t>(rig.qpos[0])] = -0.5 + 0.005 * k;
    world.mutable_qpos()[static_cast<size_t>(rig.qpos[1])] = 0.3 + 0.004 * k;
    const Proximity closest = query.Closest(world);
    ASSERT_TRUE(world.Forward());
    double deepest = 0;
    for (const Contact& contact : world.Contacts()) {
      const bool of_arm = std::count(arm.begin(), arm.end(), contact.body_a_idx) +
                              std::count(arm.begin(), arm.end(), contact.body_b_idx) ==
                          1;
      if (of_arm) deepest = std::min(deepest, contact.distance_m);
    }
    EXPECT_EQ(query.Collides(world), deepest < 0);
    if (deepest < 0) {
      ++hits;
      EXPECT_NEAR(closest.distance_m, deepest, 1e-9);
      EXPECT_TRUE(std::count(arm.begin(), arm.end(), closest.body_a_idx));
    }
  }
  EXPECT_GT(hits, 20);

  // With a margin it tells the gap; the ignored pair is not looked at.
  script::GoHome(rig, &world);
  const Proximity near = query.Closest(world, 1.0);
  EXPECT_GT(near.distance_m, 0);
  EXPECT_LT(near.distance_m, 0.3);
  const CollisionQuery self(rig.model, arm, arm);
  EXPECT_FALSE(self.Collides(world)) << "the arm at home is free of itself";
}

}  // namespace
}  // namespace takt::sim
