// SPDX-License-Identifier: Apache-2.0
#include "takt/data/scene/recipe.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "takt/core/base/error.h"

namespace takt::scene {
namespace {

constexpr const char* kSmall = R"(
[room]
width_m = [3, 4]
[[object]]
id = "table"
category = "table"
params = { width_m = [1, 1.2] }
against = "wall:2"
[[object]]
id = "cube"
category = ["cube", "ball"]
count = [1, 3]
on = "table.top"
near = { target = "table", max_m = 0.5 }
[hints]
light.elevation_deg = [30, 60]
note = "warm"
)";

// The code of the first diagnostic after one replacement, and its line.
std::pair<std::string, int> First(std::string_view from, std::string_view to) {
  std::string text = kSmall;
  const size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  text.replace(at, from.size(), to);
  const RecipeResult result = ParseRecipe(text, "r.toml");
  return result.diagnostics.empty() ? std::pair<std::string, int>{"", 0}
                                    : std::pair{result.diagnostics[0].code, result.diagnostics[0].line};
}

TEST(Recipe, ReadsWhatIsWritten) {
  const RecipeResult result = ParseRecipe(kSmall, "r.toml");
  EXPECT_TRUE(result.diagnostics.empty()) << result.diagnostics[0].message;
  const Recipe& recipe = result.recipe;
  EXPECT_EQ(recipe.width_m.low, 3);
  EXPECT_EQ(recipe.width_m.high, 4);
  ASSERT_EQ(recipe.objects.size(), 2u);
  EXPECT_EQ(recipe.objects[0].params.at("width_m").high, 1.2);
  EXPECT_EQ(recipe.objects[0].relations[0].target, "wall:2");
  EXPECT_EQ(recipe.objects[1].categories, (std::vector<std::string>{"cube", "ball"}));
  EXPECT_EQ(recipe.objects[1].count.high, 3);
  EXPECT_EQ(recipe.objects[1].support, "table.top");
  EXPECT_EQ(recipe.objects[1].relations[0].max_m, 0.5);
  EXPECT_EQ(recipe.hints.at("light.elevation_deg"), "[30,60]");
  EXPECT_EQ(recipe.hints.at("note"), "warm");
}

TEST(Recipe, SaysWhatIsWrongAndWhere) {
  using P = std::pair<std::string, int>;
  EXPECT_EQ(First("[room]", "[room"), P("recipe/syntax", 2));
  EXPECT_EQ(First("width_m = [3, 4]", "widht_m = [3, 4]"), P("recipe/unknown-key", 3));
  EXPECT_EQ(First("width_m = [3, 4]", "width_m = [4, 3]"), P("recipe/out-of-range", 3));
  EXPECT_EQ(First("width_m = [3, 4]", "width_m = nan"), P("recipe/wrong-type", 3));
  EXPECT_EQ(First("width_m = [3, 4]", "width_m = \"wide\""), P("recipe/wrong-type", 3));
  EXPECT_EQ(First("category = \"table\"", "category = \"sofa\"").first, "recipe/unknown-category");
  EXPECT_EQ(First("width_m = [1, 1.2]", "breadth_m = 1").first, "recipe/unknown-param");
  EXPECT_EQ(First("width_m = [1, 1.2]", "width_m = 40").first, "recipe/out-of-range");
  EXPECT_EQ(First("\"wall:2\"", "\"wall:7\"").first, "recipe/unknown-target");
  EXPECT_EQ(First("id = \"cube\"", "id = \"table\"").first, "recipe/duplicate-id");
  EXPECT_EQ(First("id = \"cube\"", "id = \"a cube\"").first, "recipe/bad-id");
  EXPECT_EQ(First("id = \"cube\"", "").first, "recipe/missing-key");
  EXPECT_EQ(First("on = \"table.top\"", "on = \"table.bottom\"").first, "recipe/bad-support");
  EXPECT_EQ(First("on = \"table.top\"", "in = \"floor\"").first, "recipe/bad-support");
  EXPECT_EQ(First("count = [1, 3]", "count = 1.5").first, "recipe/wrong-type");
  EXPECT_EQ(First("count = [1, 3]", "count = 1000000").first, "recipe/out-of-range");
  EXPECT_EQ(First("count = [1, 3]", "color = \"plaid\"").first, "recipe/unknown-color");
}

TEST(Recipe, CollectsAllFaults) {
  std::string text = kSmall;
  text.replace(text.find("width_m = [3, 4]"), 16, "widht_m = 1");
  text.replace(text.find("\"wall:2\""), 8, "\"wall:9\"");
  EXPECT_EQ(ParseRecipe(text, "r.toml").diagnostics.size(), 2u);
}

TEST(Recipe, SurvivesEveryTruncation) {
  const std::string text(BuiltInRecipeText("lab_desk"));
  for (size_t n = 0; n < text.size(); n += 7) ParseRecipe(std::string_view(text).substr(0, n), "r.toml");
  EXPECT_TRUE(HasErrors(ParseRecipe("", "r.toml").diagnostics));
  EXPECT_EQ(ParseRecipe(std::string((1 << 20) + 1, '#'), "r.toml").diagnostics[0].code, "recipe/too-large");
  EXPECT_TRUE(HasErrors(ParseRecipe("a = " + std::string(100'000, '['), "r.toml").diagnostics));
}

TEST(Recipe, TheBuiltInsAreTheFilesAndAreSound) {
  EXPECT_GE(BuiltInRecipes().size(), 5u);
  for (const std::string& name : BuiltInRecipes()) {
    std::ifstream file(std::filesystem::path(TAKT_SOURCE_DIR) / "recipes" / (name + ".toml"));
    const std::string text((std::istreambuf_iterator<char>(file)), {});
    EXPECT_EQ(BuiltInRecipeText(name), text);
    for (const Diagnostic& d : ParseRecipe(text, name).diagnostics)
      ADD_FAILURE() << name << ":" << d.line << ": " << d.message;
    EXPECT_EQ(LoadRecipe(name).name, name);
    EXPECT_FALSE(LoadRecipe(name).description.empty());
  }
  EXPECT_THROW(LoadRecipe("no_such_recipe"), Error);
}

}  // namespace
}  // namespace takt::scene
