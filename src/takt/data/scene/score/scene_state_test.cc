// SPDX-License-Identifier: Apache-2.0
#include "takt/data/scene/score/scene_state.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "takt/core/base/error.h"
#include "takt/core/base/file.h"

namespace takt::scene {
namespace {

std::filesystem::path Room(int i) {
  return std::filesystem::path(TAKT_SHARED_DATA) / "scene" / fmt::format("layoutvlm_scene_{}.json", i);
}

// A room of 4 x 6 m, corners clockwise as Holodeck writes them, a door in the west wall and one object.
std::string Sample() {
  return R"({"format": "sceneState", "scene": {"version": "scene@1.0.2", "id": "s", "arch": {"elements": [
    {"type": "Wall", "height": 2.8, "points": [[0, 0, 0], [0, 6, 0]], "holes": [
      {"type": "Door", "box": {"min": [3, 0], "max": [4, 2.1]}}]},
    {"type": "Floor", "roomId": "bedroom", "points": [[0, 0, 0], [0, 6, 0], [4, 6, 0], [4, 0, 0]]}]},
    "object": [{"index": 0, "modelId": "m.1", "transform": {"data":
      [0, 2, 0, 0,  0, 0, 2, 0,  2, 0, 0, 0,  1, 2, 0.5, 1]}}]}})";
}

TEST(SceneState, ReadsTheFiveRealRooms) {
  if (!std::filesystem::exists(Room(0))) GTEST_SKIP() << "needs " << Room(0);
  const size_t counts[] = {10, 11, 10, 5, 9};
  for (int i = 0; i < 5; ++i) {
    const SceneStateResult result = ReadSceneState(Room(i));
    EXPECT_TRUE(result.diagnostics.empty()) << result.diagnostics[0].message;
    EXPECT_EQ(result.scene.room.children.size(), counts[i]);
    EXPECT_EQ(result.assumed_sizes, static_cast<int>(counts[i]));
    EXPECT_EQ(result.scene.room.floor_m.size(), 4u);
    EXPECT_EQ(result.scene.room.height_m, 3);
    for (const Node& node : result.scene.room.children) {
      // All stand upright: our z is the asset's y.
      EXPECT_NEAR((node.parent_from_node.rotation * Vec3::UnitZ()).z(), 1, 1e-5);
    }
  }
}

TEST(SceneState, TurnsTheFrameOfTheAssetIntoOurs) {
  SceneStateOptions options;
  options.sizes_m["m.1"] = {0.1, 0.2, 0.3};
  const SceneStateResult result = ParseSceneState(Sample(), "s.json", options);
  EXPECT_TRUE(result.diagnostics.empty());
  const Node& room = result.scene.room;
  ASSERT_EQ(room.children.size(), 1u);
  const Node& node = room.children[0];
  EXPECT_EQ(node.id, "idx0");
  EXPECT_EQ(result.assumed_sizes, 0);
  EXPECT_NEAR((node.size_m - Vec3(0.6, 0.2, 0.4)).norm(), 0, 1e-12);  // z, x, y of the asset, twice
  EXPECT_NEAR((node.parent_from_node.rotation * Vec3::UnitX() - Vec3(1, 0, 0)).norm(), 0, 1e-12);
  EXPECT_EQ(node.parent_from_node.translation_m, Vec3(1, 2, 0.5));
  // Counter-clockwise now; the west wall runs from (0, 6) to (0, 0), so the door is measured from the other end.
  ASSERT_EQ(room.openings.size(), 1u);
  const Opening& door = room.openings[0];
  const size_t wall = static_cast<size_t>(door.wall_idx);
  const Vec2 from = room.floor_m[wall], to = room.floor_m[(wall + 1) % 4];
  const Vec2 at = from + (to - from).normalized() * (door.offset_m + door.width_m / 2);
  EXPECT_NEAR((at - Vec2(0, 3.5)).norm(), 0, 1e-12);
  EXPECT_EQ(door.clearance_m, 1);
}

TEST(SceneState, SurvivesEveryTruncation) {
  const std::string text = Sample();
  for (size_t n = 0; n < text.size(); ++n) {
    const SceneStateResult result = ParseSceneState(std::string_view(text).substr(0, n), "s.json");
    EXPECT_TRUE(HasErrors(result.diagnostics)) << n;
  }
}

TEST(SceneState, SaysWhatIsWrong) {
  const auto code = [](std::string text, const char* from, const char* to) {
    text.replace(text.find(from), std::string(from).size(), to);
    const SceneStateResult result = ParseSceneState(text, "s.json");
    return result.diagnostics.empty() ? "" : result.diagnostics[0].code;
  };
  EXPECT_EQ(code(Sample(), "sceneState", "other"), "scene-state/other-format");
  EXPECT_EQ(code(Sample(), "scene@1.0.2", "scene@9"), "scene-state/version");
  EXPECT_EQ(code(Sample(), "[4, 6, 0]", "[\"a\", 6, 0]"), "scene-state/bad-floor");
  EXPECT_EQ(code(Sample(), "[4, 6, 0]", "[1e300, 6, 0]"), "scene-state/bad-floor");
  EXPECT_EQ(code(Sample(), "0, 2, 0, 0,  0", "0, 0, 0, 0,  0"), "scene-state/bad-transform");   // singular
  EXPECT_EQ(code(Sample(), "0, 2, 0, 0,  0", "0, -2, 0, 0,  0"), "scene-state/bad-transform");  // mirrored
  EXPECT_EQ(code(Sample(), "\"max\": [4, 2.1]", "\"max\": [2, 2.1]"), "scene-state/bad-hole");
  EXPECT_EQ(code(Sample(), "[0, 6, 0]], \"holes\"", "[1, 6, 0]], \"holes\""), "scene-state/wall-off-floor");
}

TEST(SceneState, SizesAreThreePositiveNumbers) {
  EXPECT_EQ(ParseAssetSizes(R"({"a": [1, 2, 3]})", "x").at("a"), Vec3(1, 2, 3));
  for (const char* bad : {"", "[]", R"({"a": [1, 2]})", R"({"a": [1, 2, -3]})", R"({"a": [1, 2, 1e999]})"}) {
    EXPECT_THROW(ParseAssetSizes(bad, "x"), Error) << bad;
  }
}

}  // namespace
}  // namespace takt::scene
