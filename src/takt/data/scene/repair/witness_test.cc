// SPDX-License-Identifier: Apache-2.0
#include "takt/data/scene/repair/witness.h"

#include <gtest/gtest.h>

#include "takt/data/scene/repair/repair.h"
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

void Add(Scene* scene, const std::string& id, const Vec3& size_m, double x_m, double y_m, bool fixed = false, double yaw_rad = 0) {
  Node node;
  node.id = id;
  node.size_m = size_m;
  node.fixed = fixed;
  node.parent_from_node = Pose::Yaw(yaw_rad, {x_m, y_m, 0});
  scene->room.children.push_back(node);
}

// Repair gives this witness, the checker agrees, and refuses it once a member is taken away.
void Expect(const Scene& scene, ProofKind kind, const std::vector<std::string>& objects, const std::vector<int>& relations) {
  const RepairResult result = Repair(scene);
  ASSERT_EQ(result.outcome, RepairOutcome::kInfeasible);
  const Witness& w = result.witness;
  EXPECT_STREQ(ProofName(w.kind), ProofName(kind));
  EXPECT_EQ(w.objects, objects);
  EXPECT_EQ(w.relations, relations);
  EXPECT_FALSE(w.steps.empty());
  EXPECT_TRUE(CheckWitness(scene, w));
  for (size_t k = 0; k < w.objects.size(); ++k) {
    Witness less = w;
    less.objects.erase(less.objects.begin() + static_cast<long>(k));
    EXPECT_FALSE(CheckWitness(scene, less)) << "without " << w.objects[k];
  }
  for (size_t k = 0; k < w.relations.size(); ++k) {
    Witness less = w;
    less.relations.erase(less.relations.begin() + static_cast<long>(k));
    EXPECT_FALSE(CheckWitness(scene, less)) << "without relation " << w.relations[k];
  }
}

TEST(Witness, Area) {
  Scene scene = Room(2, 2);
  for (int k = 0; k < 4; ++k) Add(&scene, "big" + std::to_string(k), {1.1, 1.1, 1}, 1, 1);
  Add(&scene, "small", {0.2, 0.2, 0.2}, 0.5, 0.5);
  Expect(scene, ProofKind::kArea, {"big0", "big1", "big2", "big3"}, {});
}

TEST(Witness, LargerThanTheRoom) {
  Scene scene = Room(3, 2);
  Add(&scene, "ok", {0.5, 0.5, 0.5}, 1, 1);
  Add(&scene, "beam", {3.9, 0.3, 0.2}, 1, 1);  // the diagonal is 3.6 m
  Expect(scene, ProofKind::kSupportMisfit, {"beam"}, {});
  scene.room.children[1].size_m = {3.2, 0.1, 0.2};  // it fits askew
  EXPECT_EQ(Repair(scene).outcome, RepairOutcome::kRepaired);
}

TEST(Witness, TooHighForItsShelf) {
  Scene scene = Room(3, 3);
  Add(&scene, "shelf", {0.4, 1, 1.8}, 1, 1);
  Node surface;
  surface.kind = NodeKind::kSurface;
  surface.id = "level";
  surface.size_m = {0.36, 0.9, 0.3};
  surface.parent_from_node = Pose::Translation(0, 0, 0.5);
  Node jar;
  jar.id = "jar";
  jar.size_m = {0.1, 0.1, 0.4};
  surface.children.push_back(jar);
  scene.room.children[0].children.push_back(surface);
  Expect(scene, ProofKind::kSupportMisfit, {"jar"}, {});
}

TEST(Witness, WallLength) {
  Scene scene = Room(3, 6);
  for (int k = 0; k < 4; ++k) {
    Add(&scene, "sofa" + std::to_string(k), {0.6, 1.2, 0.8}, 1, 1 + k);
    scene.relations.push_back({RelationKind::kAgainst, "sofa" + std::to_string(k), "wall:0", Side::kBack, 0, 0, 0});
  }
  Add(&scene, "lamp", {0.2, 0.2, 1}, 2, 2);
  const RepairResult result = Repair(scene);
  ASSERT_EQ(result.outcome, RepairOutcome::kInfeasible);
  EXPECT_EQ(result.witness.kind, ProofKind::kWallLength);
  EXPECT_EQ(result.witness.objects.size(), 3u);  // three times 1.2 m do not go into 3 m
  EXPECT_EQ(result.witness.relations.size(), 3u);
}

TEST(Witness, DistancesContradict) {
  Scene scene = Room(8, 8);
  Add(&scene, "a", {0.4, 0.4, 0.4}, 1, 1);
  Add(&scene, "b", {0.4, 0.4, 0.4}, 2, 1);
  Add(&scene, "c", {0.4, 0.4, 0.4}, 3, 1);
  Add(&scene, "d", {0.4, 0.4, 0.4}, 5, 5);
  scene.relations = {{RelationKind::kNear, "d", "a", Side::kBack, 0, 6, 0},
                     {RelationKind::kNear, "a", "b", Side::kBack, 0, 0.5, 0},
                     {RelationKind::kNear, "b", "c", Side::kBack, 0, 0.5, 0},
                     {RelationKind::kNear, "a", "c", Side::kBack, 4, 6, 0}};
  Expect(scene, ProofKind::kDistance, {"a", "b", "c"}, {1, 2, 3});
}

TEST(Witness, OutOfReachOfBothArms) {
  Scene scene = Room(6, 3);
  Add(&scene, "left", {0.2, 0.2, 0.3}, 0.5, 1.5, true);
  Add(&scene, "right", {0.2, 0.2, 0.3}, 5.5, 1.5, true);
  scene.room.children[0].reach_m = scene.room.children[1].reach_m = 0.9;
  Add(&scene, "part", {0.1, 0.1, 0.1}, 3, 1.5);
  scene.relations = {{RelationKind::kReachableBy, "part", "left", Side::kBack, 0, 0, 0},
                     {RelationKind::kReachableBy, "part", "right", Side::kBack, 0, 0, 0}};
  Expect(scene, ProofKind::kDistance, {"left", "right", "part"}, {0, 1});
}

TEST(Witness, YawsContradict) {
  Scene scene = Room(6, 6);
  Add(&scene, "post", {0.3, 0.3, 1}, 3, 3, true, 0.7);
  Add(&scene, "desk", {0.6, 1.2, 0.7}, 1, 1);
  scene.relations = {{RelationKind::kAgainst, "desk", "wall", Side::kBack, 0, 0, 0}, {RelationKind::kAligned, "desk", "post", Side::kBack, 0, 0, 0}};
  Expect(scene, ProofKind::kAngle, {"post", "desk"}, {0, 1});
}

TEST(Witness, FixedThingsOverlap) {
  Scene scene = Room(4, 4);
  Add(&scene, "a", {1, 1, 1}, 1, 1, true);
  Add(&scene, "b", {1, 1, 1}, 1.5, 1.5, true);
  Add(&scene, "c", {0.5, 0.5, 0.5}, 3, 3);
  Expect(scene, ProofKind::kFixedPair, {"a", "b"}, {});
}

TEST(Witness, FixedRelation) {
  Scene scene = Room(6, 6);
  Add(&scene, "a", {0.5, 0.5, 1}, 1, 1, true);
  Add(&scene, "b", {0.5, 0.5, 1}, 5, 5, true);
  scene.relations = {{RelationKind::kNear, "a", "b", Side::kBack, 0, 1, 0}};
  const RepairResult result = Repair(scene);
  ASSERT_EQ(result.outcome, RepairOutcome::kInfeasible);
  EXPECT_EQ(result.witness.kind, ProofKind::kFixedRelation);
}

TEST(Witness, RingsAndMissingNames) {
  Scene scene = Room(4, 4);
  Add(&scene, "a", {0.5, 0.5, 0.5}, 1, 1);
  Add(&scene, "b", {0.5, 0.5, 0.5}, 2, 2);
  scene.relations = {{RelationKind::kOn, "a", "b", Side::kBack, 0, 0, 0}, {RelationKind::kOn, "b", "a", Side::kBack, 0, 0, 0}};
  Expect(scene, ProofKind::kCycle, {}, {0, 1});
  scene.relations = {{RelationKind::kNear, "a", "ghost", Side::kBack, 0, 1, 0}};
  Expect(scene, ProofKind::kMissing, {}, {0});
}

TEST(Witness, NoPlaceBetweenFixedThings) {
  Scene scene = Room(3, 3);
  Add(&scene, "pillar", {0.6, 0.6, 2}, 1.5, 1.5, true);
  Add(&scene, "slab", {1.6, 1.6, 0.3}, 1, 1);
  Expect(scene, ProofKind::kPlacement, {"pillar", "slab"}, {});
}

// A witness for what can be repaired would be a lie: thousands of rooms that have a solution give none.
TEST(Witness, NeverForWhatIsFeasible) {
  RoomRecipe recipe;
  recipe.relations = 12;
  for (uint64_t seed = 0; seed < 150; ++seed) {
    EXPECT_EQ(FindWitness(RoomMaker(seed, recipe).Make(), {}, {}, 0).kind, ProofKind::kNone) << seed;
  }
}

TEST(Witness, CheckerRefusesForgeries) {
  const Scene scene = RoomMaker(3, {}).Make();
  for (int kind = 0; kind <= static_cast<int>(ProofKind::kPlacement); ++kind) {
    Witness w;
    w.kind = static_cast<ProofKind>(kind);
    w.objects = {"o0", "o1"};
    w.relations = {0, 3};
    w.support = "room";
    w.needed = 10;
    w.available = 1;
    EXPECT_FALSE(CheckWitness(scene, w)) << kind;
    w.relations.clear();
    EXPECT_FALSE(CheckWitness(scene, w)) << kind;
    w.objects = {"nobody"};
    EXPECT_FALSE(CheckWitness(scene, w)) << kind;
  }
}

}  // namespace
}  // namespace takt::scene
