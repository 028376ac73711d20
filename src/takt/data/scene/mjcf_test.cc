// SPDX-License-Identifier: Apache-2.0
#include "takt/data/scene/mjcf.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>

#include "takt/core/base/error.h"
#include "takt/core/base/file.h"
#include "takt/data/scene/catalogue.h"
#include "takt/data/sim/arms.h"
#include "takt/data/sim/world.h"

namespace takt::scene {
namespace {

Node Object(const std::string& id, const Vec3& size_m, const Pose& pose, bool fixed = false) {
  Node node;
  node.id = id;
  node.size_m = size_m;
  node.parent_from_node = pose;
  node.fixed = fixed;
  return node;
}

Scene Bench() {
  Scene scene;
  scene.name = "bench";
  scene.room.kind = NodeKind::kRoom;
  scene.room.id = "room";
  scene.room.floor_m = {{0, 0}, {4, 0}, {4, 3}, {0, 3}};
  scene.room.height_m = 2.5;
  scene.room.openings = {{OpeningKind::kDoor, "door", 0, 1, 0.9, 0, 2, 1},
                         {OpeningKind::kWindow, "window", 0, 2.5, 1, 0.8, 1, 0}};
  Node table = Object("table", {1.2, 0.8, 0.75}, Pose::Yaw(0.3, {2, 1.5, 0}), true);
  Node top;
  top.kind = NodeKind::kSurface;
  top.id = "top";
  top.parent_from_node = Pose::Translation(0, 0, 0.75);
  Node cube = Object("cube", {0.04, 0.04, 0.04}, Pose::Translation(0.2, 0.1, 0));
  cube.mass_kg = 0.1;
  Node can = Object("can", {0.06, 0.06, 0.1}, Pose::Translation(-0.2, 0.1, 0));
  Part cylinder;
  cylinder.shape = ShapeKind::kCylinder;
  cylinder.size_m = {0.06, 0.06, 0.1};
  cylinder.object_from_part = Pose::Translation(0, 0, 0.05);
  can.parts = {cylinder};
  Node arm = Object("arm", {0.12, 0.12, 0.3}, Pose::Translation(-0.3, -0.2, 0), true);
  arm.robot = "arm5";
  top.children = {cube, can, arm};
  table.children = {top};
  scene.room.children = {table};
  return scene;
}

TEST(SceneToMjcf, ObjectsStandWhereTheSceneSays) {
  const auto model = CompileScene(Bench());
  sim::World world(model);
  const Pose table = Pose::Yaw(0.3, {2, 1.5, 0});
  const Vec3 cube = table * Vec3(0.2, 0.1, 0.75);
  EXPECT_LT((world.BodyPose(model->BodyIdx("cube")).translation_m - cube).norm(), 1e-9);
  EXPECT_NEAR(model->bodies()[static_cast<size_t>(model->BodyIdx("cube"))].mass_kg, 0.1, 1e-12);
  EXPECT_NEAR(model->bodies()[static_cast<size_t>(model->BodyIdx("can"))].mass_kg, 500 * M_PI * 0.03 * 0.03 * 0.1,
              1e-9);
  EXPECT_EQ(model->bodies()[static_cast<size_t>(model->BodyIdx("table"))].joint_count, 0);
  EXPECT_LT((world.BodyPose(model->BodyIdx("arm/base")).translation_m - table * Vec3(-0.3, -0.2, 0.75)).norm(), 1e-9);
  // Settled for 2 s, nothing has moved.
  ASSERT_TRUE(world.Step(1000));
  EXPECT_LT((world.BodyPose(model->BodyIdx("cube")).translation_m - cube).norm(), 1e-3);
  const Pose can = world.BodyPose(model->BodyIdx("can"));
  EXPECT_LT((can.translation_m - table * Vec3(-0.2, 0.1, 0.75)).norm(), 1e-3);
  EXPECT_GT((can.rotation * Vec3::UnitZ()).z(), 0.9999);
}

TEST(SceneToMjcf, WallsHaveHoles) {
  const auto model = CompileScene(Bench(), {.folder = "", .timestep_s = 0.002, .walls = true, .robots = false});
  EXPECT_EQ(model->FindBody("arm/base"), -1);
  sim::World world(model);
  // A ball of 0.2 m fits wherever no wall box comes near.
  const auto blocked = [&](const Vec3& at) {
    for (int i = 0; i < model->geom_count(); ++i) {
      const sim::GeomInfo& geom = model->geoms()[static_cast<size_t>(i)];
      if (!geom.name.starts_with("wall")) continue;
      const Vec3 local = (world.GeomPose(i).Inverse() * at).cwiseAbs() - geom.half_size_m;
      if (local.maxCoeff() < 0) return true;
    }
    return false;
  };
  EXPECT_TRUE(blocked({0.5, -0.05, 1}));
  EXPECT_FALSE(blocked({1.4, -0.05, 1})) << "the door";
  EXPECT_TRUE(blocked({1.4, -0.05, 2.2})) << "above the door";
  EXPECT_FALSE(blocked({3, -0.05, 1.3})) << "the window";
  EXPECT_TRUE(blocked({3, -0.05, 0.4})) << "below the window";
  EXPECT_TRUE(blocked({2, 3.05, 1}));
  EXPECT_FALSE(blocked({2, 1.5, 1}));
}

TEST(SceneToMjcf, TheCatalogueStandsStill) {
  int stood = 0;
  for (const CatalogueEntry& entry : Catalogue()) {
    Scene scene;
    scene.room.kind = NodeKind::kRoom;
    scene.room.id = "room";
    scene.room.floor_m = {{-5, -5}, {5, -5}, {5, 5}, {-5, 5}};
    Node node = MakeObject(entry.category, "thing");
    if (!node.robot.empty()) continue;
    node.fixed = false;
    node.parent_from_node = Pose::Yaw(0.4);
    scene.room.children = {node};
    const auto model = CompileScene(scene);
    sim::World world(model);
    ASSERT_TRUE(world.Step(1000)) << entry.category;
    const Pose pose = world.BodyPose(model->BodyIdx("thing"));
    EXPECT_LT(pose.translation_m.norm(), 0.01) << entry.category;
    EXPECT_GT((pose.rotation * Vec3::UnitZ()).z(), 0.999) << entry.category;
    ++stood;
  }
  EXPECT_GT(stood, 5);
}

TEST(SceneToMjcf, MeshesCollideAsTheirHulls) {
  const std::filesystem::path folder =
      std::filesystem::temp_directory_path() / ("takt_mjcf_" + std::to_string(::getpid()));
  std::filesystem::create_directories(folder);
  WriteFileAtomic(folder / "wedge.obj",
                  std::string_view("v 0 0 0\nv 1 0 0\nv 0 1 0\nv 0 0 1\nf 1 3 2\nf 1 2 4\nf 1 4 3\nf 2 3 4\n"));
  Scene scene = Bench();
  Node wedge = Object("wedge", {0.1, 0.1, 0.1}, Pose::Translation(1, 1, 0));
  Part part;
  part.shape = ShapeKind::kMesh;
  part.mesh = "wedge.obj";
  part.size_m = {0.1, 0.1, 0.1};
  wedge.parts = {part};
  scene.room.children.push_back(wedge);
  const MjcfOptions options{folder, 0.002, true, true};
  const auto model = CompileScene(scene, options);
  EXPECT_NEAR(model->bodies()[static_cast<size_t>(model->BodyIdx("wedge"))].mass_kg, 500 * 1e-3 / 6, 1e-9);
  scene.room.children.back().parts[0].mesh = "../wedge.obj";
  EXPECT_THROW(CompileScene(scene, options), Error);
  scene.room.children.back().parts[0].mesh = "wedge.obj";
  EXPECT_THROW(CompileScene(scene), Error) << "no folder was given";
  std::filesystem::remove_all(folder);
}

TEST(SceneToMjcf, RefusesBodiesWithoutSize) {
  Scene scene = Bench();
  scene.room.children.push_back(Object("flat", {0.1, 0, 0.1}, Pose()));
  EXPECT_THROW(SceneToMjcf(scene), Error);
  scene.room.children.back().size_m = {0.1, std::nan(""), 0.1};
  EXPECT_THROW(SceneToMjcf(scene), Error);
}

}  // namespace
}  // namespace takt::scene
