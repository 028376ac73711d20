// SPDX-License-Identifier: Apache-2.0
#include "takt/data/sim/mjcf_merge.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "takt/data/sim/arms_test_script.h"

namespace takt::sim {
namespace {

constexpr char kBench[] = R"(<mujoco model="bench"><compiler angle="degree"/>
  <default><default class="soft"><geom rgba="1 0 0 1"/></default></default>
  <worldbody>
    <geom name="floor" type="plane" size="2 2 0.1"/>
    <body name="lid" pos="0 2 0.5" euler="0 0 90"><joint name="lid" range="-45 90"/><geom class="soft" type="box" size="0.1 0.1 0.01"/></body>
    <body name="object" pos="0.7 0.2 0.02"><freejoint/><geom type="box" size="0.02 0.02 0.02" mass="0.1" friction="0.8"/></body>
  </worldbody></mujoco>)";

Attachment ArmAt(const std::string& name, const std::string& prefix, const Pose& pose) {
  return {LoadRobot(name).mjcf, "", prefix, pose, name};
}

TEST(MergeMjcf, TheRobotWorksInTheScene) {
  const Pose base = Pose::Yaw(0.5, {0.4, 0.1, 0});
  const auto model = Model::Compile(MergeMjcf(kBench, "", ArmAt("arm5", "left/", base)));
  const RobotInfo info = Prefixed(LoadRobot("arm5").info, "left/");
  const script::Rig rig = script::MakeRig(model, info);
  World world(model);
  script::GoHome(rig, &world);

  // The tool stands where the base puts it.
  const auto alone = Model::Compile(LoadRobot("arm5").mjcf);
  const script::Rig alone_rig = script::MakeRig(alone, LoadRobot("arm5").info);
  World reference(alone);
  script::GoHome(alone_rig, &reference);
  const Pose expected = base * reference.SitePose(alone_rig.tool), tool = world.SitePose(rig.tool);
  EXPECT_LT((expected.translation_m - tool.translation_m).norm(), 1e-9);
  EXPECT_LT(expected.rotation.angularDistance(tool.rotation), 1e-9);

  // Angles of the scene are what they were in degrees.
  const JointInfo& lid = model->joints()[static_cast<size_t>(model->JointIdx("lid"))];
  EXPECT_NEAR(lid.upper, M_PI / 2, 1e-12);
  EXPECT_NEAR(world.BodyPose(model->BodyIdx("lid")).rotation.angularDistance(Pose::Yaw(M_PI / 2).rotation), 0, 1e-9);
  // Defaults did not leak: the scene's geoms are not the arm's colour, the pads kept their friction cone.
  EXPECT_EQ(model->geoms()[static_cast<size_t>(model->GeomIdx("left/pad_left"))].friction, 1);
  EXPECT_EQ(model->geoms()[0].rgba[0], 0.5);

  ASSERT_TRUE(script::Wait(&world, 0.2));
  const script::GraspResult grasp = script::Grasp(rig, &world, model->BodyIdx("object"), 0.02);
  EXPECT_GT(grasp.lifted_m, 0.097);
  EXPECT_LT(grasp.slip_m, 0.002);
}

TEST(MergeMjcf, TwoRobotsShareAScene) {
  const std::string once = MergeMjcf(kBench, "", ArmAt("arm5", "a/", Pose::Translation(0, -0.5, 0)));
  const auto model = Model::Compile(MergeMjcf(once, "", ArmAt("arm7", "b/", Pose::Translation(0, 0.9, 0))));
  EXPECT_EQ(model->actuator_count(), 6 + 8);
  World world(model);
  ASSERT_TRUE(world.Step(200));
  EXPECT_GE(model->FindBody("a/hand"), 0);
  EXPECT_GE(model->FindBody("b/hand"), 0);
}

TEST(MergeMjcf, ARobotWithMeshes) {
  const std::filesystem::path path = std::filesystem::path(TAKT_SHARED_DATA) / "robot/trs_so_arm100/so_arm100.xml";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "needs robot/trs_so_arm100";
  const Robot robot = LoadRobot(path.string());
  const std::string merged =
      MergeMjcf(kBench, "", {robot.mjcf, robot.asset_folder, "so/", Pose::Translation(0, 0, 0.1), "so"});
  const auto model =
      Model::Compile(merged, {.asset_folder = "", .subject = "merged", .more_folders = {robot.asset_folder}});
  EXPECT_EQ(model->mesh_count(), 18);
  World world(model), alone(Model::Compile(robot.mjcf, {robot.asset_folder, "so", {}}));
  const Vec3 jaw = world.BodyPose(model->BodyIdx("so/Moving_Jaw")).translation_m;
  const Vec3 expected = alone.BodyPose(alone.model().BodyIdx("Moving_Jaw")).translation_m + Vec3(0, 0, 0.1);
  EXPECT_LT((jaw - expected).norm(), 1e-9);
  for (size_t i = 0; i < 6; ++i) {
    EXPECT_EQ(model->actuators()[i].kp, 50);
    EXPECT_NEAR(model->actuators()[i].kv, alone.model().actuators()[i].kv, 1e-9);
  }
}

}  // namespace
}  // namespace takt::sim
