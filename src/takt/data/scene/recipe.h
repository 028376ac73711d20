// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "takt/core/base/diagnostic.h"
#include "takt/data/scene/model/scene.h"

namespace takt::scene {

// Uniform in [low, high]; a single number in the text is low == high.
struct Range {
  double low = 0, high = 0;
};
// Uniform over the integers low ... high.
struct IntRange {
  int low = 1, high = 1;
};

struct RecipeOpening {
  OpeningKind kind = OpeningKind::kDoor;
  int wall_idx = -1;  // 0 ... 3: y = 0, x = width, y = depth, x = 0; -1: any
  Range width_m, height_m, sill_m;
  Range clearance_m;
};

// A rectangle of the floor, as fractions of the room's width and depth.
struct RecipeRegion {
  std::string id, name;
  double x0 = 0, y0 = 0, x1 = 1, y1 = 1;
};

// A relation that every object of a line must have; `target` is an id of the recipe (with several copies: each copy
// draws one of them), a surface, or a wall.
struct RecipeRelation {
  RelationKind kind = RelationKind::kNear;
  std::string target;
  Side side = Side::kBack;
  double min_m = 0, max_m = 0;
  double tolerance_rad = 0;
};

// One line of a recipe: what to make, how many, and where.
struct RecipeObject {
  std::string id;                       // copies are called id_1, id_2 ... unless count can only be 1
  std::vector<std::string> categories;  // each copy draws one
  IntRange count;
  std::map<std::string, Range> params;
  std::vector<std::string> colors;  // each copy draws one; empty: those of the catalogue
  bool distinct_colors = false;     // no two copies alike, while colours last
  bool distractor = false;          // scaled with `clutter`
  std::string support = "floor";    // "floor", a region, "bench" (its first surface), "bench.top", "bench.*" (any)
  bool inside = false;              // in a cavity: states relation `in` rather than `on`
  std::optional<Range> x_m, y_m;    // centre, in the frame of the support (floor, region: from the lower corner)
  std::optional<Range> yaw_rad;     // absent: any yaw on surfaces, along the wall where against one
  Range reach_m;                    // with reachable_by: horizontal distance of the robot's base, both 0: 0 ... reach
  bool fixed = false;
  std::vector<RecipeRelation> relations;
  std::map<std::string, std::string> extra;  // copied to the nodes
  int line = 0;                              // in the file
};

// What is sampled into scenes; docs/formats/recipe.md is the reference.
struct Recipe {
  std::string name, description;
  Range width_m = {5, 5}, depth_m = {4, 4}, height_m = {3, 3};  // of the room: x, y, z
  std::vector<RecipeOpening> openings;
  std::vector<RecipeRegion> regions;
  std::vector<RecipeObject> objects;         // placed in this order
  Range clutter = {1, 1};                    // factor on the counts of distractors, drawn for each scene
  double gap_m = 0.01;                       // least distance between two bodies that share a support
  std::map<std::string, std::string> hints;  // free keys (lights, cameras), dotted; kept in Scene::extra
};

struct RecipeResult {
  Recipe recipe;
  std::vector<Diagnostic> diagnostics;
};

// Reads a recipe from TOML text; `file` is the name in the diagnostics. Collects every fault that it can, but TOML
// syntax errors end the reading. Checks that categories, parameters, colours, supports and targets exist. Determinism:
// a pure function of the text.
RecipeResult ParseRecipe(std::string_view text, const std::string& file);

// Names of the recipes that are built in, sorted: "assembly_cell", "bench_bins" ...
std::vector<std::string> BuiltInRecipes();
// The text of a built-in recipe. Errors: not_found.
std::string_view BuiltInRecipeText(std::string_view name);

// A built-in name or a TOML file. Errors: not_found; io; bad_input with the first error ("FILE:LINE:COLUMN: message").
Recipe LoadRecipe(const std::string& name_or_path);

}  // namespace takt::scene
