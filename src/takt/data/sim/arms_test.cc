// SPDX-License-Identifier: Apache-2.0
#include "takt/data/sim/arms.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>

#include "takt/core/base/error.h"
#include "takt/data/sim/arms_test_script.h"

namespace takt::sim {
namespace {

class BuiltIn : public testing::TestWithParam<std::string> {
 protected:
  double Distance() const { return GetParam() == "arm5" ? 0.3 : 0.45; }

  script::GraspResult GraspOf(const std::string& geom, double height_m, double grasp_m, double y_m,
                              double timestep_s = 0.002, double friction = 1) const {
    const Robot robot = LoadRobot(GetParam());
    const std::string bodies = "<geom type='plane' size='1 1 0.1' friction='0.8'/><body name='object' pos='" +
                               std::to_string(Distance()) + " " + std::to_string(y_m) + " " + std::to_string(height_m) +
                               "'><freejoint/><geom friction='0.8' " + geom + "/></body>";
    const auto model =
        Model::Compile(script::WithBodies(robot.mjcf, bodies))->WithTimestep(timestep_s)->WithFrictionScale(friction);
    const script::Rig rig = script::MakeRig(model, robot.info);
    World world(model);
    script::GoHome(rig, &world);
    EXPECT_TRUE(script::Wait(&world, 0.2));
    return script::Grasp(rig, &world, model->BodyIdx("object"), grasp_m);
  }
};

TEST_P(BuiltIn, InfoNamesWhatTheModelHas) {
  const Robot robot = LoadRobot(GetParam());
  const auto model = Model::Compile(robot.mjcf);
  const RobotInfo& info = robot.info;
  const size_t n = info.joints.size();
  for (size_t i = 0; i < n; ++i) {
    const JointInfo& joint = model->joints()[static_cast<size_t>(model->JointIdx(info.joints[i]))];
    EXPECT_EQ(joint.lower, info.lower_rad[i]);
    EXPECT_EQ(joint.upper, info.upper_rad[i]);
    const ActuatorInfo& actuator = model->actuators()[static_cast<size_t>(model->ActuatorIdx(info.actuators[i]))];
    EXPECT_EQ(actuator.force_upper, info.torque_nm[i]);
    EXPECT_NEAR(actuator.kv / actuator.kp, info.lead_s[i], 1e-12);
    EXPECT_GT(info.home_rad[i], info.lower_rad[i]);
    EXPECT_LT(info.home_rad[i], info.upper_rad[i]);
  }
  EXPECT_GE(model->FindBody(info.hand_body), 0);
  EXPECT_GE(model->FindBody(info.base_body), 0);
  EXPECT_GE(model->CameraIdx(info.wrist_camera), 0);

  World world(model);
  const script::Rig rig = script::MakeRig(model, info);
  script::GoHome(rig, &world);
  const Pose tool = world.SitePose(rig.tool);
  EXPECT_NEAR((tool.rotation * Vec3::UnitZ()).z(), -1, 1e-4) << "z is the approach";
  // The pads stand `gripper_width_m` apart along y of the tool.
  const Pose left = world.GeomPose(model->GeomIdx("pad_left")), right = world.GeomPose(model->GeomIdx("pad_right"));
  const Vec3 apart = tool.rotation.conjugate() * (left.translation_m - right.translation_m);
  const double pad = 2 * model->geoms()[static_cast<size_t>(model->GeomIdx("pad_left"))].half_size_m.y();
  EXPECT_NEAR(apart.y(), info.gripper_width_m + pad, 1e-9);
  EXPECT_NEAR(std::hypot(apart.x(), apart.z()), 0, 1e-9);
  // The wrist camera looks at the tool.
  const Pose camera = world.CameraPose(model->CameraIdx(info.wrist_camera));
  const Vec3 in_camera = camera.Inverse() * tool.translation_m;
  EXPECT_LT(in_camera.z(), 0);
  EXPECT_LT(std::abs(in_camera.x() / in_camera.z()), 0.3);
  EXPECT_LT(std::abs(in_camera.y() / in_camera.z()), 0.5);
}

TEST_P(BuiltIn, HoldsStillAtHome) {
  const Robot robot = LoadRobot(GetParam());
  const auto model = Model::Compile(robot.mjcf);
  const script::Rig rig = script::MakeRig(model, robot.info);
  World world(model);
  script::GoHome(rig, &world);
  ASSERT_TRUE(script::Wait(&world, 5));
  const std::vector<double> q = script::Joints(rig, world);
  for (size_t i = 0; i < q.size(); ++i) EXPECT_NEAR(q[i], robot.info.home_rad[i], 1e-6) << robot.info.joints[i];
  EXPECT_TRUE(world.Contacts().empty()) << "the arm touches itself";
}

TEST_P(BuiltIn, TracksASmoothPathWithinThreeMillimetres) {
  const Robot robot = LoadRobot(GetParam());
  const auto model = Model::Compile(robot.mjcf);
  const script::Rig rig = script::MakeRig(model, robot.info);
  World world(model), wanted(model);
  script::GoHome(rig, &world);
  std::vector<double> goal = robot.info.home_rad;
  goal[0] += 1, goal[1] += 0.4, goal[2] += 0.3, goal[3] -= 0.3;
  double worst_m = 0;
  const auto compare = [&](const std::vector<double>& q) {
    for (size_t i = 0; i < q.size(); ++i) wanted.mutable_qpos()[static_cast<size_t>(rig.qpos[i])] = q[i];
    worst_m =
        std::max(worst_m, (wanted.SitePose(rig.tool).translation_m - world.SitePose(rig.tool).translation_m).norm());
  };
  ASSERT_TRUE(script::MoveTo(rig, &world, robot.info.home_rad, goal, 1, compare));
  ASSERT_TRUE(script::MoveTo(rig, &world, goal, robot.info.home_rad, 1, compare));
  EXPECT_LT(worst_m, 0.0015);

  // Without the lead of ServoTargets the servos lag: the test can fail.
  script::Rig naive = rig;
  for (double& lead : naive.info.lead_s) lead = 0;
  worst_m = 0;
  ASSERT_TRUE(script::MoveTo(naive, &world, robot.info.home_rad, goal, 1, compare));
  EXPECT_GT(worst_m, 0.01);
}

TEST_P(BuiltIn, HoldsACubeWithoutSlip) {
  for (const char* mass : {"0.05", "0.3"}) {
    const script::GraspResult grasp =
        GraspOf("type='box' size='0.02 0.02 0.02' mass='" + std::string(mass) + "'", 0.02, 0.02, 0.02);
    ASSERT_TRUE(grasp.stepped);
    EXPECT_GT(grasp.lifted_m, 0.097) << mass;
    EXPECT_LT(grasp.slip_m, 0.001) << mass;
  }
}

TEST_P(BuiltIn, HoldsCylindersWithoutSlip) {
  for (const double friction : {0.8, 1.2}) {
    const script::GraspResult thin =
        GraspOf("type='cylinder' size='0.02 0.04' mass='0.1'", 0.04, 0.04, -0.1, 0.002, friction);
    EXPECT_GT(thin.lifted_m, 0.097) << friction;
    EXPECT_LT(thin.slip_m, 0.001) << friction;
    const script::GraspResult wide =
        GraspOf("type='cylinder' size='0.032 0.05' mass='0.3'", 0.05, 0.04, 0.05, 0.001, friction);
    EXPECT_GT(wide.lifted_m, 0.095) << friction;
    EXPECT_LT(wide.slip_m, 0.001) << friction;
  }
}

TEST_P(BuiltIn, DropsWhatHasNoFriction) {
  const script::GraspResult grasp =
      GraspOf("type='box' size='0.02 0.02 0.02' mass='0.3'", 0.02, 0.02, 0.02, 0.002, 0.02);
  EXPECT_TRUE(!grasp.stepped || grasp.lifted_m < 0.05);
}

INSTANTIATE_TEST_SUITE_P(Arms, BuiltIn, testing::Values("arm5", "arm7"), [](const auto& each) { return each.param; });

// The flange of the Panda at zero, from the manufacturer's table: x = 0.088, z = 0.333 + 0.316 + 0.384 - 0.107; the
// hand and its tool hang 0.1034 m below.
TEST(Arm7, StandsWhereTheTableSays) {
  const Robot robot = LoadRobot("arm7");
  const auto model = Model::Compile(robot.mjcf);
  World world(model);
  for (const std::string& name : robot.info.joints)
    world.mutable_qpos()[static_cast<size_t>(model->joints()[static_cast<size_t>(model->JointIdx(name))].qpos_idx)] = 0;
  const Pose tool = world.SitePose(model->SiteIdx("tool"));
  EXPECT_NEAR(tool.translation_m.x(), 0.088, 1e-9);
  EXPECT_NEAR(tool.translation_m.y(), 0, 1e-9);
  EXPECT_NEAR(tool.translation_m.z(), 0.333 + 0.316 + 0.384 - 0.107 - 0.1034, 1e-9);
}

TEST(OtherRobots, TheSoArm100LoadsAndHoldsStill) {
  const std::filesystem::path folder = std::filesystem::path(TAKT_SHARED_DATA) / "robot/trs_so_arm100";
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << "needs robot/trs_so_arm100";
  for (const char* file : {"so_arm100.xml", "scene.xml"}) {
    const auto model = Model::Load(folder / file);
    World world(model);
    world.ResetToKeyframe(model->KeyframeIdx("home"));
    const std::vector<double> start(world.qpos().begin(), world.qpos().end());
    ASSERT_TRUE(script::Wait(&world, 5));
    double drift = 0;
    for (size_t i = 0; i < start.size(); ++i) drift = std::max(drift, std::abs(world.qpos()[i] - start[i]));
    EXPECT_LT(drift, 0.010) << "rad: kp 50 against its weight of 0.45 N m, as its file asks";
    EXPECT_GT(drift, 0.005);
    // And it stays there.
    const std::vector<double> settled(world.qpos().begin(), world.qpos().end());
    ASSERT_TRUE(script::Wait(&world, 1));
    for (size_t i = 0; i < start.size(); ++i) EXPECT_NEAR(world.qpos()[i], settled[i], 3e-4);
  }
  const Robot robot = LoadRobot((folder / "so_arm100.xml").string());
  EXPECT_EQ(robot.info.joints, (std::vector<std::string>{"Rotation", "Pitch", "Elbow", "Wrist_Pitch", "Wrist_Roll"}));
  EXPECT_EQ(robot.info.gripper_actuator, "Jaw");
  EXPECT_EQ(robot.info.hand_body, "Fixed_Jaw");
  EXPECT_NEAR(robot.info.home_rad[1], -1.57, 1e-12);
  EXPECT_EQ(robot.info.base_body, "Base");
}

TEST(OtherRobots, WrongNamesAreErrors) {
  EXPECT_THROW(LoadRobot("arm9"), Error);
  EXPECT_THROW(LoadRobot("/nowhere/arm.xml"), Error);
}

}  // namespace
}  // namespace takt::sim
