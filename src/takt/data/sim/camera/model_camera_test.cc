// SPDX-License-Identifier: Apache-2.0
#include "takt/data/sim/camera/model_camera.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <set>

#include "takt/data/sim/arms.h"

namespace takt::sim {
namespace {

CameraFrame Draw(const World& world, const capture::Camera& camera, const ModelShapeOptions& shape_options = {}) {
  CameraRenderer renderer(
      std::make_shared<const CameraScene>(ShapesOfModel(world.model(), shape_options), world.model().body_count()));
  std::vector<Pose> poses;
  BodyPoses(world, &poses);
  CameraOptions options;
  options.segmentation = options.depth = true;
  CameraFrame frame;
  renderer.Render(poses, camera, options, &frame);
  return frame;
}

// A red ball to the right of a blue one, green above, seen by a camera on a body that is turned.
constexpr char kBalls[] = R"(<mujoco>
  <worldbody>
    <geom name="right" type="sphere" size="0.1" pos="0.4 0 0" rgba="1 0 0 1"/>
    <geom name="left" type="sphere" size="0.1" pos="-0.4 0 0" rgba="0 0 1 1"/>
    <geom name="above" type="sphere" size="0.1" pos="0 0 0.4" rgba="0 1 0 1"/>
    <geom name="hidden" type="sphere" size="0.1" rgba="1 1 1 0"/>
    <geom name="collision" type="sphere" size="0.1" group="3"/>
    <body name="mount" pos="0 -2 0" euler="90 0 0">
      <joint type="slide" axis="0 0 1"/>
      <geom name="lens" type="sphere" size="0.01" pos="0 0 0.5"/>
      <camera name="eye" fovy="45"/>
    </body>
  </worldbody>
</mujoco>)";

TEST(ModelCameraTest, SeesTheModelFromItsCameras) {
  const auto model = Model::Compile(kBalls);
  World world(model);
  const auto camera = CameraOfWorld(world, model->CameraIdx("eye"), 64, 64);
  const CameraFrame frame = Draw(world, camera);
  const auto at = [&](const CameraFrame& f, double x_m, double y_m, double z_m) {
    const auto p = camera.cam_from_world.Apply({x_m, y_m, z_m});
    const int x = static_cast<int>(camera.fx * p[0] / p[2] + camera.cx), y = static_cast<int>(camera.fy * p[1] / p[2] + camera.cy);
    return f.segmentation[static_cast<size_t>(y) * 64 + x];
  };
  EXPECT_EQ(at(frame, 0.4, 0, 0), static_cast<uint32_t>(model->GeomIdx("right")) + 1);
  EXPECT_EQ(at(frame, -0.4, 0, 0), static_cast<uint32_t>(model->GeomIdx("left")) + 1);
  EXPECT_EQ(at(frame, 0, 0, 0.4), static_cast<uint32_t>(model->GeomIdx("above")) + 1);
  EXPECT_EQ(at(frame, 0, 0, 0), 0u) << "neither transparent nor of a drawn group";
  // Right is right and up is up in the picture.
  EXPECT_GT(camera.cam_from_world.Apply({0.4, 0, 0})[0], 0);
  EXPECT_LT(camera.cam_from_world.Apply({0, 0, 0.4})[1], 0);
  EXPECT_TRUE(std::isinf(frame.depth_m[64 * 32 + 32]));
  ModelShapeOptions with_collision;
  with_collision.groups[3] = true;
  EXPECT_EQ(at(Draw(world, camera, with_collision), 0, 0, 0), static_cast<uint32_t>(model->GeomIdx("collision")) + 1);
  // The camera moves with its body.
  world.mutable_qpos()[0] = 1;
  const Vec3 before = WorldFromCamera(camera).translation_m;
  const Vec3 after = WorldFromCamera(CameraOfWorld(world, 0, 64, 64)).translation_m;
  EXPECT_NEAR((after - before).norm(), 1, 1e-9);
}

TEST(ModelCameraTest, ArmsAreSeenWhole) {
  for (const std::string& name : BuiltInRobots()) {
    const Robot robot = LoadRobot(name);
    CompileOptions compile;
    compile.asset_folder = robot.asset_folder;
    const auto model = Model::Compile(robot.mjcf, compile);
    const World world(model);
    const CameraFrame frame =
        Draw(world, CameraFromVerticalFov(160, 160, 0.8, LookAt({2.2, -2.2, 1.5}, {0, 0, 0.4})));
    const std::set<uint32_t> seen(frame.segmentation.begin(), frame.segmentation.end());
    EXPECT_GT(seen.size(), 6u) << name;
    if (robot.info.wrist_camera.empty()) continue;
    const CameraFrame wrist = Draw(world, CameraOfWorld(world, model->CameraIdx(robot.info.wrist_camera), 64, 64));
    EXPECT_GT(std::set<uint32_t>(wrist.segmentation.begin(), wrist.segmentation.end()).size(), 1u)
        << "the camera on the wrist of " << name << " sees the fingers";
  }
}

TEST(ModelCameraTest, ARealArmOfMeshes) {
  const std::filesystem::path file = TAKT_SHARED_DATA "/robot/trs_so_arm100/so_arm100.xml";
  if (!std::filesystem::exists(file)) GTEST_SKIP() << "needs ../shared/data/robot/trs_so_arm100";
  const auto model = Model::Load(file);
  const World world(model);
  const auto shapes = ShapesOfModel(*model);
  EXPECT_GT(shapes.size(), 5u);
  const CameraFrame frame = Draw(world, CameraFromVerticalFov(128, 128, 0.7, LookAt({0.5, -0.6, 0.5}, {0, -0.1, 0.1})));
  const std::set<uint32_t> seen(frame.segmentation.begin(), frame.segmentation.end());
  EXPECT_GT(seen.size(), 5u);
}

}  // namespace
}  // namespace takt::sim
