// SPDX-License-Identifier: Apache-2.0
#include "takt/data/scene/settle.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "takt/core/base/file.h"
#include "takt/data/scene/model/scene_io.h"
#include "takt/data/scene/model/walk.h"
#include "takt/data/scene/repair_scene.h"

namespace takt::scene {
namespace {

namespace fs = std::filesystem;

Node Box(const std::string& id, const Vec3& size_m, const Vec3& at_m) {
  Node node;
  node.id = id;
  node.size_m = size_m;
  node.parent_from_node = Pose::Yaw(0.3, at_m);
  return node;
}

Scene Room() {
  Scene scene;
  scene.name = "test";
  scene.room.kind = NodeKind::kRoom;
  scene.room.id = "room";
  scene.room.height_m = 2.5;
  scene.room.floor_m = {{0, 0}, {4, 0}, {4, 4}, {0, 4}};
  Node table = Box("table", {1, 1, 0.7}, {2, 2, 0});
  Node top;
  top.kind = NodeKind::kSurface;
  top.id = "table.top";
  top.size_m = {1, 1, 0};
  top.parent_from_node = Pose::Translation(0, 0, 0.7);
  top.children = {Box("box", {0.2, 0.2, 0.2}, {0.1, 0.1, 0}), Box("can", {0.1, 0.1, 0.1}, {-0.2, 0.1, 0})};
  table.children = {top};
  scene.room.children = {table};
  return scene;
}

TEST(Settle, WhatStandsStays) {
  const SettleReport report = Settle(Room());
  EXPECT_EQ(report.objects.size(), 3u);
  EXPECT_EQ(report.unstable, 0);
  EXPECT_LT(report.worst_drift_m, 1e-3);
}

TEST(Settle, WhatFloatsFalls) {
  Scene scene = Room();
  scene.room.children[0].children[0].children[0].parent_from_node.translation_m.z() += 0.3;
  const SettleReport report = Settle(scene);
  EXPECT_EQ(report.unstable, 1);
  EXPECT_GT(report.worst_drift_m, 0.2);
}

// A cup wide above and narrow below stands over the edge by its centre, but not by its foot.
TEST(RepairAndSettle, MovesWhatTips) {
  Scene scene = Room();
  Node& vase = scene.room.children[0].children[0].children[0];
  vase.size_m = {0.3, 0.3, 0.4};
  Part foot, head;
  foot.size_m = {0.02, 0.02, 0.2};
  foot.object_from_part = Pose::Translation(0, 0, 0.1);
  head.size_m = {0.3, 0.3, 0.2};
  head.object_from_part = Pose::Translation(0, 0, 0.3);
  vase.parts = {foot, head};
  vase.parent_from_node = Pose::Translation(0.4999, 0.1, 0);
  ASSERT_TRUE(Certify(scene).holds);
  ASSERT_GT(Settle(scene).unstable, 0);
  SceneRepairOptions options;
  const SceneRepairReport report = RepairAndSettle(scene, {}, options);
  EXPECT_EQ(report.result.outcome, RepairOutcome::kRepaired);
  EXPECT_GT(report.rounds, 0);
  EXPECT_EQ(Settle(report.result.scene).unstable, 0);
}

TEST(RepairScene, WritesOnlyWhatIsProved) {
  const fs::path folder = fs::path(testing::TempDir()) / "takt_repair_scene";
  fs::create_directories(folder);
  Scene scene = Room();
  scene.room.children.push_back(Box("crate", {0.6, 0.6, 0.6}, {2.3, 2.4, 0.2}));
  WriteScene(scene, folder / "in.xml");
  SceneRepairOptions options;
  options.in = folder / "in.xml";
  options.out = folder / "out.json";
  options.report = folder / "report.html";
  const SceneRepairReport report = RepairScene(options);
  EXPECT_TRUE(report.written);
  EXPECT_TRUE(Certify(LoadScene(options.out)).holds);
  EXPECT_GT(fs::file_size(options.report), 10000u);

  // A clean file is copied byte for byte, spaces and all.
  WriteFileAtomic(folder / "clean.xml", ReadTextFile(folder / "in.xml"));
  WriteScene(report.result.scene, folder / "clean.xml");
  WriteFileAtomic(folder / "clean.xml", ReadTextFile(folder / "clean.xml") + "\n\n");
  options.in = folder / "clean.xml";
  options.out = folder / "copy.xml";
  const SceneRepairReport clean = RepairScene(options);
  EXPECT_EQ(clean.result.outcome, RepairOutcome::kClean);
  EXPECT_EQ(ReadTextFile(options.in), ReadTextFile(options.out));

  scene.room.children.push_back(Box("beam", {9, 0.3, 0.3}, {1, 1, 0}));
  WriteScene(scene, folder / "bad.xml");
  options.in = folder / "bad.xml";
  options.out = folder / "never.xml";
  const SceneRepairReport impossible = RepairScene(options);
  EXPECT_EQ(impossible.result.outcome, RepairOutcome::kInfeasible);
  EXPECT_FALSE(fs::exists(options.out));

  // A file cut short, or with no room, is refused: nothing that was in it may be lost.
  const std::string whole = ReadTextFile(folder / "in.xml");
  for (const std::string& text : {whole.substr(0, whole.size() / 2), std::string("<scene"), std::string("<scene schema=\"1.0\"/>")}) {
    WriteFileAtomic(folder / "cut.xml", std::string_view(text));
    options.in = folder / "cut.xml";
    EXPECT_THROW(RepairScene(options), Error) << text;
    EXPECT_FALSE(fs::exists(options.out));
  }
  fs::remove_all(folder);
}

}  // namespace
}  // namespace takt::scene
