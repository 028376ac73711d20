// SPDX-License-Identifier: Apache-2.0
#include "takt/data/scene/repair/repair.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numbers>

#include "takt/core/base/error.h"
#include "takt/core/base/parallel.h"
#include "takt/data/scene/model/scene_io.h"
#include "takt/data/scene/model/walk.h"
#include "takt/data/scene/repair/build.h"
#include "takt/data/scene/repair/rooms_for_test.h"

namespace takt::scene {
namespace {

Scene Room(double width_m, double depth_m) {
  Scene scene;
  scene.room.kind = NodeKind::kRoom;
  scene.room.id = "room";
  scene.room.height_m = 2.5;
  scene.room.floor_m = {{0, 0}, {width_m, 0}, {width_m, depth_m}, {0, depth_m}};
  return scene;
}

Node Box(const std::string& id, const Vec3& size_m, double x_m, double y_m, double yaw_rad = 0, double z_m = 0) {
  Node node;
  node.id = id;
  node.size_m = size_m;
  node.parent_from_node = Pose::Yaw(yaw_rad, {x_m, y_m, z_m});
  return node;
}

bool Has(const std::vector<Fault>& faults, FaultKind kind, const std::string& subject) {
  return std::any_of(faults.begin(), faults.end(), [&](const Fault& f) { return f.kind == kind && (f.subject == subject || f.other == subject); });
}

double TotalMoved(const RepairResult& result) {
  double sum = 0;
  for (const Moved& m : result.moved) sum += m.distance_m;
  return sum;
}

RepairResult Repaired(const Scene& scene, const RepairOptions& options = {}) {
  RepairResult result = Repair(scene, options);
  EXPECT_EQ(result.outcome, RepairOutcome::kRepaired);
  EXPECT_TRUE(Certify(result.scene).holds);
  return result;
}

TEST(Repair, LeavesAValidSceneBitForBit) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    RoomMaker maker(seed, {});
    maker.Make();
    const RepairResult result = Repair(maker.Planted());
    EXPECT_EQ(result.outcome, RepairOutcome::kClean) << seed;
    EXPECT_TRUE(SameScene(result.scene, maker.Planted()));
    EXPECT_TRUE(result.moved.empty());
  }
}

TEST(Repair, RandomRoomsAreSolvedAndRepairedOnlyOnce) {
  for (uint64_t seed = 0; seed < 25; ++seed) {
    const RepairResult result = Repaired(RoomMaker(seed, {}).Make());
    EXPECT_LE(result.certificate.deepest_penetration_m, 1e-4);
    const RepairResult again = Repair(result.scene);
    EXPECT_EQ(again.outcome, RepairOutcome::kClean);
    EXPECT_TRUE(SameScene(again.scene, result.scene));
  }
}

TEST(Repair, TwoBoxesPartByTheirOverlap) {
  Scene scene = Room(4, 4);
  scene.room.children = {Box("a", {1, 1, 1}, 1.5, 2), Box("b", {1, 1, 1}, 2.3, 2)};
  const RepairResult result = Repaired(scene);
  EXPECT_TRUE(Has(result.faults, FaultKind::kPenetration, "a"));
  EXPECT_LT(TotalMoved(result), 0.2 + 1e-3);  // the optimum is 0.2 m
}

TEST(Repair, AnObjectInTheWallComesBackByTheShortestWay) {
  Scene scene = Room(4, 3);
  scene.room.children = {Box("sofa", {0.8, 2, 0.8}, 0.1, 1.5)};
  const RepairResult result = Repaired(scene);
  EXPECT_TRUE(Has(result.faults, FaultKind::kOutOfBounds, "sofa"));
  EXPECT_LT(std::abs(TotalMoved(result) - 0.3), 1e-3);
}

TEST(Repair, WhatFloatsSinksLiesComesToItsSupport) {
  Scene scene = Room(4, 4);
  Node table = Box("table", {1, 1, 0.7}, 1, 1);
  table.children = {Box("cup", {0.1, 0.1, 0.1}, 0.2, 0.2, 0, 0.9), Box("plate", {0.2, 0.2, 0.02}, -0.2, 0.2, 0, 0.65)};
  scene.room.children = {table, Box("high", {0.5, 0.5, 0.5}, 3, 3, 0, 0.4), Box("low", {0.5, 0.5, 0.5}, 3, 1, 0, -0.2)};
  Node over = Box("over", {0.4, 0.4, 0.6}, 1, 3);
  over.parent_from_node.rotation = Quat(0, 1, 0, 0);  // upside-down
  over.parent_from_node.translation_m.z() = 0.6;
  scene.room.children.push_back(over);
  const RepairResult result = Repaired(scene);
  EXPECT_TRUE(Has(result.faults, FaultKind::kFloating, "cup"));
  EXPECT_TRUE(Has(result.faults, FaultKind::kSunk, "plate"));
  EXPECT_TRUE(Has(result.faults, FaultKind::kSunk, "low"));
  EXPECT_TRUE(Has(result.faults, FaultKind::kTilted, "over"));
  EXPECT_LT(std::abs(WorldFromNode(result.scene, "cup").translation_m.z() - 0.7), 1e-9);
  EXPECT_LT(std::abs(WorldFromNode(result.scene, "high").translation_m.z()), 1e-9);
  EXPECT_GT((WorldFromNode(result.scene, "over").rotation * Vec3::UnitZ()).z(), 0.999);
}

TEST(Repair, ChildrenRideWithTheirTable) {
  Scene scene = Room(4, 4);
  Node table = Box("table", {1, 1, 0.7}, 0.3, 2);
  table.children = {Box("cup", {0.1, 0.1, 0.1}, 0.2, 0.2, 0, 0.7)};
  scene.room.children = {table};
  const RepairResult result = Repaired(scene);
  EXPECT_TRUE(SameNode(result.scene.room.children[0].children[0], scene.room.children[0].children[0]));
  ASSERT_EQ(result.moved.size(), 1u);
  EXPECT_EQ(result.moved[0].id, "table");
}

TEST(Repair, DoorsAndDrawersBecomeFree) {
  Scene scene = Room(4, 4);
  Opening door;
  door.id = "door";
  door.wall_idx = 0;
  door.offset_m = 1;
  door.width_m = 0.9;
  door.height_m = 2;
  door.clearance_m = 1;
  scene.room.openings = {door};
  Node chest = Box("chest", {0.5, 1, 0.8}, 0.3, 2.5);
  chest.fixed = true;
  chest.clearances = {{Side::kFront, 0.5, "drawer"}};
  scene.room.children = {chest, Box("crate", {0.5, 0.5, 0.5}, 1.4, 0.5), Box("stool", {0.3, 0.3, 0.4}, 0.8, 2.5)};
  const RepairResult result = Repaired(scene);
  EXPECT_TRUE(Has(result.faults, FaultKind::kBlockedOpening, "crate"));
  EXPECT_TRUE(Has(result.faults, FaultKind::kBlockedClearance, "stool"));
}

TEST(Repair, RelationsAreRestored) {
  Scene scene = Room(5, 5);
  Node robot = Box("robot", {0.2, 0.2, 0.3}, 2.5, 2.5);
  robot.fixed = true;
  robot.robot = "arm5";
  robot.reach_m = 0.9;
  Node sofa = Box("sofa", {0.8, 1.8, 0.8}, 2, 4, 0.5);
  scene.room.children = {robot, sofa, Box("tv", {0.3, 1, 0.8}, 4, 1, 2), Box("lamp", {0.2, 0.2, 1.2}, 4.5, 4.5), Box("part", {0.1, 0.1, 0.1}, 0.4, 0.4)};
  scene.relations = {{RelationKind::kAgainst, "sofa", "wall", Side::kBack, 0, 0, 0},
                     {RelationKind::kFacing, "tv", "sofa", Side::kBack, 0, 0, 0.2},
                     {RelationKind::kNear, "lamp", "sofa", Side::kBack, 0.1, 0.4, 0},
                     {RelationKind::kAligned, "tv", "sofa", Side::kBack, 0, 0, 0.6},
                     {RelationKind::kReachableBy, "part", "robot", Side::kBack, 0, 0, 0}};
  const RepairResult result = Repaired(scene);
  for (const RelationCheck& check : result.certificate.relations) EXPECT_TRUE(check.holds) << check.relation_idx;
  EXPECT_TRUE(SameNode(result.scene.room.children[0], scene.room.children[0]));
}

TEST(Repair, RoomsWithCornersThatStickIn) {
  Scene scene = Room(4, 4);
  scene.room.floor_m = {{0, 0}, {4, 0}, {4, 2}, {2, 2}, {2, 4}, {0, 4}};
  scene.room.children = {Box("a", {0.8, 0.8, 0.5}, 2.3, 2.3), Box("b", {0.8, 0.8, 0.5}, 3.5, 3.2), Box("c", {0.6, 0.6, 0.5}, 1, 1)};
  const RepairResult result = Repaired(scene);
  EXPECT_EQ(result.moved.size(), 2u);
}

TEST(Repair, LocalRepairTouchesNothingElse) {
  Scene scene = RoomMaker(7, {}).Make();
  const RepairResult whole = Repaired(scene);
  Scene edited = whole.scene;
  edited.room.children[3].parent_from_node.translation_m = edited.room.children[4].parent_from_node.translation_m + Vec3(0.05, 0, 0);
  edited.relations.clear();
  for (const Node& node : edited.room.children) {
    for (const Node& top : node.children) edited.relations.push_back({RelationKind::kOn, top.id, node.id, Side::kBack, 0, 0, 0});
  }
  RepairOptions options;
  options.movable = {edited.room.children[3].id};
  const RepairResult local = Repair(edited, options);
  ASSERT_TRUE(local.certificate.holds);
  for (size_t k = 0; k < edited.room.children.size(); ++k) {
    EXPECT_EQ(SameNode(local.scene.room.children[k], edited.room.children[k]), k != 3) << k;
  }
}

TEST(Repair, ValuesThatAreNoNumbersAndMillimetres) {
  Scene scene = Room(4, 4);
  scene.room.children = {Box("a", {0.5, 0.5, 0.5}, NAN, 2), Box("b", {600, 400, 500}, 1, 1), Box("c", {0.4, 0.4, 0.4}, 2, 2), Box("c", {0.4, 0.4, 0.4}, 2.1, 2)};
  scene.room.children[2].parent_from_node.rotation = Quat(0, 0, 0, 0);
  const RepairResult result = Repaired(scene);
  EXPECT_TRUE(Has(result.faults, FaultKind::kNotFinite, "a"));
  EXPECT_TRUE(Has(result.faults, FaultKind::kUnits, "b"));
  EXPECT_TRUE(Has(result.faults, FaultKind::kDuplicateId, "c"));
  EXPECT_LT(std::abs(result.scene.room.children[1].size_m.x() - 0.6), 1e-9);
  EXPECT_EQ(result.scene.room.children[3].id, "c_2");
}

TEST(Repair, ThreadsAndOrderOfCallsChangeNothing) {
  std::vector<Scene> scenes, alone(8), together(8);
  for (uint64_t k = 0; k < 8; ++k) scenes.push_back(RoomMaker(100 + k, {}).Make());
  for (size_t k = 0; k < 8; ++k) alone[k] = Repair(scenes[k]).scene;
  SetThreadCount(4);
  ParallelFor(8, 1, [&](size_t begin, size_t end) {
    for (size_t k = begin; k < end; ++k) together[k] = Repair(scenes[k]).scene;
  });
  SetThreadCount(0);
  for (size_t k = 0; k < 8; ++k) EXPECT_TRUE(SameScene(alone[k], together[k]));
}

TEST(Repair, OrderOfTheFileDoesNotDecideSuccess) {
  for (uint64_t seed = 0; seed < 8; ++seed) {
    Scene scene = RoomMaker(seed, {}).Make();
    const RepairResult forwards = Repaired(scene);
    std::reverse(scene.room.children.begin(), scene.room.children.end());
    const RepairResult backwards = Repaired(scene);
    EXPECT_LT(std::abs(TotalMoved(forwards) - TotalMoved(backwards)), 0.5 * TotalMoved(forwards)) << seed;
  }
}

// The room and all in it shifted and turned: as good a solution, in a frame of its own.
TEST(Repair, MotionOfTheRoom) {
  RoomRecipe recipe;
  recipe.relations = 4;
  for (uint64_t seed = 0; seed < 6; ++seed) {
    Scene scene = RoomMaker(seed, recipe).Make();
    Scene moved = scene;
    const Pose motion = Pose::Yaw(std::numbers::pi / 2, {8, -4, 0});
    for (Vec2& p : moved.room.floor_m) {
      const Vec3 q = motion * Vec3(p.x(), p.y(), 0);
      p = {q.x(), q.y()};
    }
    for (Node& node : moved.room.children) node.parent_from_node = motion * node.parent_from_node;
    const double here = TotalMoved(Repaired(scene)), there = TotalMoved(Repaired(moved));
    EXPECT_LT(std::abs(here - there), 0.35 * here) << seed;
  }
}

TEST(Repair, WithoutSearchDenseRoomsFail) {
  RoomRecipe recipe;
  recipe.fill = 0.7;
  recipe.planted = false;
  recipe.relations = 4;
  RepairOptions forces;
  forces.effort = 0;
  forces.prove = false;
  int with_search = 0, without = 0;
  for (uint64_t seed = 0; seed < 12; ++seed) {
    const Scene scene = RoomMaker(seed, recipe).Make();
    with_search += Repair(scene).certificate.holds;
    without += Repair(scene, forces).certificate.holds;
  }
  EXPECT_GE(with_search, 11);
  EXPECT_LT(without, with_search);
}

TEST(Repair, NoFloorIsAnError) {
  Scene scene;
  EXPECT_THROW(Repair(scene), Error);
}

TEST(Certificate, FindsWhatWasForged) {
  Scene scene = Repaired(RoomMaker(1, {}).Make()).scene;
  Scene forged = scene;
  forged.room.children[0].parent_from_node.translation_m.z() += 0.01;
  EXPECT_TRUE(Has(Certify(forged).faults, FaultKind::kFloating, "o0"));
  forged = scene;
  forged.room.children[0].parent_from_node.translation_m = forged.room.children[1].parent_from_node.translation_m;
  EXPECT_TRUE(Has(Certify(forged).faults, FaultKind::kPenetration, "o0"));
  forged = scene;
  forged.room.children[0].parent_from_node.translation_m.x() = -0.2;
  EXPECT_TRUE(Has(Certify(forged).faults, FaultKind::kOutOfBounds, "o0"));
}

TEST(Certificate, BodiesCountNotBoxes) {
  // Two cylinders whose boxes overlap at a corner.
  Scene scene = Room(4, 4);
  for (const double at : {1.0, 1.75}) {
    Node drum = Box(at == 1.0 ? "a" : "b", {1, 1, 1}, at, at);
    Part part;
    part.shape = ShapeKind::kCylinder;
    part.size_m = {1, 1, 1};
    part.object_from_part = Pose::Translation(0, 0, 0.5);
    drum.parts = {part};
    scene.room.children.push_back(drum);
  }
  const Certificate c = Certify(scene);
  EXPECT_TRUE(c.holds);
  EXPECT_LT(std::abs(c.closest.distance_m - (0.75 * std::numbers::sqrt2 - 1)), 1e-7);
  scene.room.children[1].parts.clear();
  EXPECT_FALSE(Certify(scene).holds);
}

TEST(Pockets, CoverWhatTheHullAdds) {
  const std::vector<Vec2> floor = {{0, 0}, {6, 0}, {6, 3}, {4, 3}, {4, 2}, {3, 2}, {3, 3}, {0, 3}};
  double area = 0;
  for (const Pocket& pocket : Pockets(floor)) {
    for (size_t k = 0; k < pocket.corners.size(); ++k) area += Cross(pocket.corners[k], pocket.corners[(k + 1) % pocket.corners.size()]) / 2;
  }
  EXPECT_LT(std::abs(area - 1), 1e-12);
}

}  // namespace
}  // namespace takt::scene
