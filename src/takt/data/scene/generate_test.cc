// SPDX-License-Identifier: Apache-2.0
#include "takt/data/scene/generate.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <set>

#include "takt/core/base/error.h"
#include "takt/core/base/file.h"
#include "takt/core/base/parallel.h"
#include "takt/data/scene/catalogue.h"
#include "takt/data/scene/diversity.h"
#include "takt/data/scene/generate_set.h"
#include "takt/data/scene/model/scene_io.h"
#include "takt/data/scene/model/walk.h"
#include "takt/data/scene/repair/certificate.h"
#include "takt/data/scene/score/score.h"

namespace takt::scene {
namespace {

std::filesystem::path Fresh(const char* name) {
  const std::filesystem::path folder = std::filesystem::path(testing::TempDir()) / name;
  std::filesystem::remove_all(folder);
  return folder;
}

TEST(Generate, EverySceneOfEveryRecipeIsValid) {
  for (const std::string& name : BuiltInRecipes()) {
    const Recipe recipe = LoadRecipe(name);
    for (uint64_t i = 0; i < 40; ++i) {
      const Scene scene = GenerateScene(recipe, 5, i);
      const Certificate certificate = Certify(scene);
      ASSERT_TRUE(certificate.holds) << name << " " << i << ": " << certificate.faults[0].text;
      EXPECT_GE(certificate.closest.distance_m, 0.005);
      for (const Diagnostic& d : Check(scene)) {
        if (d.severity == Severity::kError) ADD_FAILURE() << name << ": " << d.message;
      }
      const ReadResult back = ParseScene(FormatScene(scene, Format::kJson), Format::kJson, "x.json");
      EXPECT_TRUE(SameScene(scene, back.scene));
      const ScoreReport score = Score(scene);
      EXPECT_EQ(score.in_collision, 0) << name << " " << i;
      EXPECT_EQ(score.out_of_bound, 0);
      EXPECT_EQ(score.supported, static_cast<int>(score.objects.size())) << name << " " << i;
    }
  }
}

TEST(Generate, ASceneDependsOnRecipeSeedAndIndexAlone) {
  const Recipe recipe = LoadRecipe("bench_bins");
  const std::string first = FormatScene(GenerateScene(recipe, 3, 7), Format::kXml);
  GenerateScene(recipe, 3, 6);
  EXPECT_EQ(FormatScene(GenerateScene(recipe, 3, 7), Format::kXml), first);
  EXPECT_NE(FormatScene(GenerateScene(recipe, 3, 8), Format::kXml), first);
  EXPECT_NE(FormatScene(GenerateScene(recipe, 4, 7), Format::kXml), first);
}

// What the demonstrations need: a gripper that opens 8 cm can take the parts, and the arm gets to them and to the bins.
TEST(Generate, WhatTheArmTakesFitsItsGripperAndItsReach) {
  for (const auto& [name, prefixes] :
       std::vector<std::pair<std::string, std::vector<std::string>>>{{"bench_bins", {"part", "bin"}},
                                                                     {"desk_stack", {"cube"}},
                                                                     {"lab_desk", {"cup", "plate"}},
                                                                     {"assembly_cell", {"peg", "hole"}}}) {
    const Recipe recipe = LoadRecipe(name);
    for (uint64_t i = 0; i < 20; ++i) {
      const Scene scene = GenerateScene(recipe, 11, i);
      const Node* robot = Find(scene, "robot");
      ASSERT_TRUE(robot && !robot->robot.empty() && robot->fixed);
      const Vec3 base = WorldFromNode(scene, "robot").translation_m;
      int found = 0;
      Walk(scene, [&](const Node& node, const Node*, const Pose& world_from_node) {
        if (node.kind != NodeKind::kObject) return;
        for (const std::string& prefix : prefixes) {
          if (node.id != prefix && !node.id.starts_with(prefix + "_")) continue;
          ++found;
          const double flat = (world_from_node.translation_m - base).head<2>().norm();
          EXPECT_TRUE(flat > 0.15 && flat < robot->reach_m) << node.id << " " << flat;
          const bool taken = prefix == "part" || prefix == "cube" || prefix == "cup" || prefix == "peg";
          if (taken) EXPECT_LT(node.size_m.head<2>().minCoeff(), 0.075) << node.id;
        }
      });
      EXPECT_GE(found, 2) << name;
    }
  }
}

TEST(Generate, KeepsHintsAndStatesRelations) {
  const Scene scene = GenerateScene(LoadRecipe("lab_desk"), 1, 0);
  EXPECT_EQ(scene.extra.at("hint.task"), "carry_open_cup");
  EXPECT_EQ(scene.extra.at("recipe"), "lab_desk");
  std::set<RelationKind> kinds;
  for (const Relation& relation : scene.relations) kinds.insert(relation.kind);
  EXPECT_TRUE(kinds.count(RelationKind::kOn) && kinds.count(RelationKind::kAgainst) &&
              kinds.count(RelationKind::kReachableBy));
  EXPECT_GT(ExtraNumber(*Find(scene, "cup"), "fill_m", 0), 0.02);
}

TEST(Generate, SaysWhatDoesNotFit) {
  RecipeResult result = ParseRecipe(R"(
    [room]
    width_m = 2
    depth_m = 2
    [[object]]
    id = "table"
    category = "table"
    count = 4
    params = { width_m = 1.4, depth_m = 0.9 })",
                                    "r.toml");
  ASSERT_TRUE(result.diagnostics.empty());
  try {
    GenerateScene(result.recipe, 0, 0);
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kInfeasibleBudget);
    EXPECT_NE(e.message().find("in 16 attempts"), std::string::npos) << e.message();
  }
}

TEST(Generate, ASetIsTheSameForAnyNumberOfThreads) {
  GenerateSetOptions options;
  options.recipe = "desk_stack";
  options.count = 12;
  options.seed = 2;
  options.out = Fresh("takt_generate_1");
  options.report = options.out / "report.html";
  SetThreadCount(1);
  const GenerateSetReport one = GenerateSet(options);
  SetThreadCount(2);
  options.out = Fresh("takt_generate_2");
  options.report.clear();
  const GenerateSetReport two = GenerateSet(options);
  SetThreadCount(0);
  ASSERT_EQ(one.files.size(), 12u);
  EXPECT_EQ(one.id, two.id);
  for (size_t i = 0; i < 12; ++i) EXPECT_EQ(ReadTextFile(one.files[i]), ReadTextFile(two.files[i]));
  EXPECT_TRUE(std::filesystem::exists(one.files[0].parent_path() / "report.html"));
  EXPECT_TRUE(SameScene(LoadScene(one.files[3]), GenerateScene(LoadRecipe("desk_stack"), 2, 3)));
}

TEST(Diversity, FallsWhenTheGeneratorRepeatsItself) {
  const Recipe recipe = LoadRecipe("desk_stack");
  std::vector<Scene> different, same;
  for (uint64_t i = 0; i < 30; ++i) {
    different.push_back(GenerateScene(recipe, 0, i));
    same.push_back(GenerateScene(recipe, 0, 0));
  }
  const DiversityReport many = MeasureDiversity(different), one = MeasureDiversity(same);
  EXPECT_EQ(many.duplicates, 0);
  EXPECT_EQ(one.duplicates, 29);
  EXPECT_GT(many.distance_median_m, 0.1);
  EXPECT_EQ(one.distance_p90_m, 0);
  const auto cubes = [](const DiversityReport& report) {
    for (const CategoryDiversity& row : report.categories) {
      if (row.category == "cube") return row;
    }
    return CategoryDiversity();
  };
  EXPECT_GT(cubes(many).position_entropy, cubes(one).position_entropy + 0.1);
  EXPECT_GT(cubes(many).yaw_entropy, 0.9);
}

TEST(Diversity, DrawsTheRoomFromAbove) {
  Scene scene;
  scene.room.floor_m = {{0, 0}, {2, 0}, {2, 1}, {0, 1}};
  Node& node = scene.room.children.emplace_back();
  node.id = "a";
  node.size_m = {0.5, 0.5, 0.5};
  node.material = "red";
  node.parent_from_node = Pose::Translation(0.5, 0.5, 0);
  AddPaletteMaterials(&scene);
  const Image8 image = DrawTopView(scene, 230);  // 100 px a metre, 15 px of margin
  EXPECT_EQ(image.width_px, 230);
  EXPECT_EQ(image.height_px, 130);
  const auto red = [&](int x, int y) { return image.row(y)[3 * x] > 180 && image.row(y)[3 * x + 1] < 60; };
  EXPECT_TRUE(red(15 + 50, 15 + 50));
  EXPECT_FALSE(red(15 + 150, 15 + 50));
  EXPECT_FALSE(red(15 + 50, 15 + 20));
}

}  // namespace
}  // namespace takt::scene
