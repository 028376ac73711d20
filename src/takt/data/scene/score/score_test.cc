// SPDX-License-Identifier: Apache-2.0
#include "takt/data/scene/score/score.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "takt/data/scene/score/raster.h"
#include "takt/data/scene/score/scene_state.h"
#include "takt/data/scene/score/shapes.h"

namespace takt::scene {
namespace {

Scene Room(double width_m, double depth_m) {
  Scene scene;
  scene.room.kind = NodeKind::kRoom;
  scene.room.id = "room";
  scene.room.floor_m = {{0, 0}, {width_m, 0}, {width_m, depth_m}, {0, depth_m}};
  scene.room.height_m = 3;
  return scene;
}

Node& Add(Scene* scene, const std::string& id, const Vec3& size_m, const Vec3& at_m, double yaw_rad = 0) {
  Node& node = scene->room.children.emplace_back();
  node.id = id;
  node.size_m = size_m;
  node.parent_from_node = Pose::Yaw(yaw_rad, at_m);
  return node;
}

const ObjectScore& Of(const ScoreReport& report, const std::string& id) {
  for (const ObjectScore& object : report.objects) {
    if (object.id == id) return object;
  }
  throw std::runtime_error(id);
}

TEST(Score, ACollisionIsWhatFiveMillimetresDoNotMend) {
  // Two cubes of 1 m whose centres are `apart`: they overlap by 1 - apart.
  const auto collide = [](double apart) {
    Scene scene = Room(6, 6);
    Add(&scene, "a", {1, 1, 1}, {2, 2, 0});
    Add(&scene, "b", {1, 1, 1}, {2 + apart, 2, 0}, 0.3);
    return Score(scene).in_collision;
  };
  // Turned by 0.3 rad, the half extent of b along x is (cos 0.3 + sin 0.3) / 2 = 0.6254.
  EXPECT_EQ(collide(0.9), 2);
  EXPECT_EQ(collide(1.1254 - 0.02), 2);
  EXPECT_EQ(collide(1.1254 - 0.002), 0);
  EXPECT_EQ(collide(1.1256), 0);
  EXPECT_EQ(collide(2), 0);
}

TEST(Score, SurfacesCollideNotVolumes) {
  Scene scene = Room(6, 6);
  Add(&scene, "big", {2, 2, 2}, {3, 3, 0});
  Add(&scene, "inside", {0.5, 0.5, 0.5}, {3, 3, 0.7});
  EXPECT_EQ(Score(scene).in_collision, 0);  // as in SceneEval: no surface cuts another
}

TEST(Score, ThingsThatStandOnEachOtherDoNotCollide) {
  Scene scene = Room(6, 6);
  Add(&scene, "cup", {0.08, 0.08, 0.1}, {2.4, 3.3, 0.75});  // before the table: the table is what moves
  Add(&scene, "table", {1.4, 0.8, 0.75}, {2, 3, 0}, 0.1);
  Add(&scene, "plate", {0.2, 0.2, 0.02}, {1.6, 2.9, 0.75});
  const ScoreReport report = Score(scene);
  EXPECT_EQ(report.in_collision, 0);
  EXPECT_EQ(report.supported, 3);
}

TEST(Score, OutOfBoundsIsByPartOfTheSurface) {
  Scene scene = Room(4, 4);
  Add(&scene, "in", {1, 1, 1}, {2, 2, 0});
  Add(&scene, "half", {1, 1, 1}, {0, 1, 0});      // half of its surface is left of x = 0
  Add(&scene, "corner", {1, 1, 1}, {4, 4, 0});    // a quarter of the surface inside
  Add(&scene, "grazing", {1, 1, 1}, {0.499, 3, 0});  // 1 mm out: the side and a thousandth of the faces around it
  const ScoreReport report = Score(scene);
  EXPECT_EQ(Of(report, "in").in_bound_ratio, 1);
  EXPECT_NEAR(Of(report, "half").in_bound_ratio, 0.5, 0.03);  // 5,000 points: 4 sigma
  EXPECT_NEAR(Of(report, "corner").in_bound_ratio, 0.25, 0.03);
  EXPECT_NEAR(Of(report, "grazing").in_bound_ratio, 1 - (1 + 0.004) / 6, 0.03);
  EXPECT_EQ(report.out_of_bound, 3);
}

TEST(Score, AConcaveFloorIsNotItsBounds) {
  Scene scene = Room(4, 4);
  scene.room.floor_m = {{0, 0}, {4, 0}, {4, 2}, {2, 2}, {2, 4}, {0, 4}};
  Add(&scene, "in", {1, 1, 1}, {1, 3, 0});
  Add(&scene, "notch", {1, 1, 1}, {3, 3, 0});
  const ScoreReport report = Score(scene);
  EXPECT_EQ(Of(report, "in").in_bound_ratio, 1);
  EXPECT_EQ(Of(report, "notch").in_bound_ratio, 0);
}

TEST(Score, SupportNeedsContactUnderTheCentroid) {
  Scene scene = Room(6, 6);
  Add(&scene, "table", {1, 1, 0.5}, {2, 2, 0});
  Add(&scene, "on", {0.4, 0.4, 0.2}, {2.2, 2, 0.5});
  Add(&scene, "edge", {0.4, 0.4, 0.2}, {2.45, 2.4, 0.5});    // centre inside the edge
  Add(&scene, "over", {0.4, 0.4, 0.2}, {1.45, 1.6, 0.5});    // centre 5 cm beyond it
  Add(&scene, "floating", {0.2, 0.2, 0.2}, {4, 4, 0.02});
  Add(&scene, "hovering", {0.2, 0.2, 0.2}, {4, 5, 0.004});   // 4 + 5 mm lift < 1 cm
  const ScoreReport report = Score(scene);
  EXPECT_TRUE(Of(report, "table").supported);
  EXPECT_TRUE(Of(report, "on").supported);
  EXPECT_TRUE(Of(report, "edge").supported);
  EXPECT_FALSE(Of(report, "over").supported);
  EXPECT_FALSE(Of(report, "floating").supported);
  EXPECT_TRUE(std::isnan(Of(report, "floating").support_gap_m));
  EXPECT_TRUE(Of(report, "hovering").supported);
  EXPECT_NEAR(Of(report, "hovering").support_gap_m, 0.009 - 0.0005, 1e-9);  // over the floor's upper face
}

TEST(Score, NavigabilityIsTheLargestFreePart) {
  Scene empty = Room(4, 4);
  const ScoreReport open = Score(empty);
  EXPECT_EQ(open.navigability, 1);
  EXPECT_EQ(open.free_components, 1);
  // A wall of 2 cm from side to side at a quarter: the parts are 1 - 0.1 and 3 - 0.1 deep less the robot at it.
  Scene parted = Room(4, 4);
  Add(&parted, "wall", {0.02, 4, 1}, {1, 2, 0});
  const ScoreReport two = Score(parted);
  EXPECT_EQ(two.free_components, 2);
  EXPECT_NEAR(two.navigability, 2.79 / (2.79 + 0.79), 0.01);
  // What hangs above 2 m does not part the room.
  parted.room.children[0].parent_from_node.translation_m.z() = 2;
  Add(&parted, "low", {0.1, 0.1, 0.1}, {3, 3, 0});
  EXPECT_EQ(Score(parted).free_components, 1);
}

TEST(Score, AccessibilityIsFreeFloorBeforeTheSide) {
  Scene scene = Room(4, 4);
  Clearance front;
  front.side = Side::kFront;
  front.depth_m = 0.5;
  Add(&scene, "free", {0.5, 1, 1}, {1, 1, 0}).clearances.push_back(front);
  Add(&scene, "walled", {0.5, 1, 1}, {3.75, 3, 0}).clearances.push_back(front);  // its front is the wall
  Add(&scene, "half", {0.5, 1, 1}, {1, 3, 0}).clearances.push_back(front);
  Add(&scene, "blocker", {0.4, 0.5, 1}, {1.5, 2.75, 0});  // before one half of it
  const ScoreReport report = Score(scene);
  EXPECT_NEAR(Of(report, "free").accessibility, 1, 0.02);
  EXPECT_NEAR(Of(report, "walled").accessibility, 0, 0.02);
  EXPECT_NEAR(Of(report, "half").accessibility, 0.5, 0.06);
  EXPECT_TRUE(std::isnan(Of(report, "blocker").accessibility));
}

TEST(Score, OpeningsAreCoveredByWhatStandsBeforeThem) {
  Scene scene = Room(4, 4);
  Opening door;
  door.id = "door_1";
  door.wall_idx = 0;  // y = 0
  door.offset_m = 1;
  door.width_m = 1;
  door.height_m = 2;
  Opening window = door;
  window.kind = OpeningKind::kWindow;
  window.id = "window_1";
  window.wall_idx = 2;  // y = 4, from x = 4 to 0
  window.sill_m = 1;
  window.height_m = 1;
  scene.room.openings = {door, window};
  Add(&scene, "box", {2, 0.4, 1}, {1.5, 0.6, 0});          // covers the lower half of the door
  Add(&scene, "behind", {0.5, 0.4, 1}, {1.5, 1.3, 0});     // farther than the door is wide
  Add(&scene, "cabinet", {0.5, 0.4, 2}, {2.25, 3.7, 0});   // half of the window
  Add(&scene, "bench", {1, 0.4, 0.9}, {2.5, 3.7, 0});      // below the sill
  const ScoreReport report = Score(scene);
  ASSERT_EQ(report.openings.size(), 2u);
  EXPECT_EQ(report.openings[0].interfering, std::vector<std::string>{"box"});
  EXPECT_NEAR(report.openings[0].occlusion, 0.5, 0.01);
  EXPECT_EQ(report.openings[1].interfering, std::vector<std::string>{"cabinet"});
  EXPECT_NEAR(report.openings[1].occlusion, 0.5, 0.02);
}

TEST(Score, WithoutShapesItSaysSo) {
  const auto path = std::filesystem::path(TAKT_SHARED_DATA) / "scene/layoutvlm_scene_0.json";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "needs " << path;
  const SceneStateResult state = ReadSceneState(path);
  const ScoreReport report = Score(state.scene);
  EXPECT_EQ(report.unsized, 10);
  EXPECT_TRUE(std::isnan(report.navigability));
  EXPECT_EQ(report.in_collision + report.out_of_bound + report.supported, 0);
  ASSERT_FALSE(report.notes.empty());
}

TEST(Score, TheSameForEveryRun) {
  Scene scene = Room(4, 4);
  Add(&scene, "half", {1, 1, 1}, {0, 1, 0});
  EXPECT_EQ(Score(scene).objects[0].in_bound_ratio, Score(scene).objects[0].in_bound_ratio);
}

TEST(Raster, FillsOutlinesAndErodes) {
  score::Mask mask(20, 20);
  const score::Pixel square[] = {{5, 5}, {14, 5}, {14, 14}, {5, 14}};
  mask.FillPolygon(square, 255);
  EXPECT_EQ(mask.Count(), 100u);  // both borders belong to it
  mask.Erode(3);
  EXPECT_EQ(mask.Count(), 64u);
  mask.Erode(4);  // an even size takes two on one side and one on the other
  EXPECT_EQ(mask.Count(), 25u);
  const auto parts = score::FindComponents(mask);
  EXPECT_EQ(parts.count, 1);
  EXPECT_EQ(parts.largest_px, 25u);
}

TEST(Raster, DrawsNothingOutside) {
  score::Mask mask(8, 8);
  const score::Pixel far[] = {{-1000, -1000}, {1000, -900}, {1000, 1000}, {-900, 1000}};
  mask.FillPolygon(far, 255);
  EXPECT_EQ(mask.Count(), 64u);
  mask.DrawOutline(far, 4, 0);
  EXPECT_EQ(mask.Count(), 64u);
}

}  // namespace
}  // namespace takt::scene
