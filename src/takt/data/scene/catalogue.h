// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "takt/data/scene/model/scene.h"

namespace takt::scene {

// A number that shapes an object of the catalogue.
struct CatalogueParam {
  std::string_view name;  // "inner_radius_m"
  double standard = 0;    // where nothing is asked
  double low = 0;         // smallest and largest that give a sound object
  double high = 0;
  std::string_view what;  // for people
};

// A kind of object that can be built to size.
struct CatalogueEntry {
  std::string_view category;  // "bin"; what recipes name
  std::string_view what;      // one line for people
  std::span<const CatalogueParam> params;
  std::span<const std::string_view> colors;    // ids of Palette(); the first is standard
  std::span<const std::string_view> surfaces;  // suffixes of the ids of its surfaces: "top", "inside", "board_1"
};

// All kinds, sorted by category.
std::span<const CatalogueEntry> Catalogue();
// Null for a category that there is none of.
const CatalogueEntry* FindCatalogueEntry(std::string_view category);

// The colours and materials that objects of the catalogue name, as scene materials: "red", "wood", "steel" ...
std::span<const Material> Palette();

// Builds an object at the origin of its parent: convex parts, mass from real densities, friction, clearances,
// surfaces as children (ids "ID.top"), and a name for language ("red cube").
//   bench  = MakeObject("table", "bench", {{"width_m", 1.4}}, "wood")
// Conventions: front +x, bottom centre is the origin; a surface's origin is the centre of its rectangle, z up; an
// "inside" surface lies on the bottom of a cavity and its z extent is the cavity's height, x and y the largest
// rectangle that fits (round cavities: the square inscribed). Walls of round cavities are 16 boxes.
// What a planner may want to know of the inside stands in Node::extra, as numbers:
//   cup, beaker, mug, bottle: inner_radius_m, inner_height_m, inner_bottom_m (height of the inner bottom over the
//                       origin), fill_m (depth of liquid; liquid itself has no body)
//   peg_hole:           hole_shape ("round" or "square"), hole_width_m (diameter or side), hole_depth_m,
//                       hole_bottom_m
//   peg:                peg_shape, peg_width_m
// `params`: what is absent is standard. `color`: empty is standard.
// Errors: not_found naming the category; bad_input for an unknown parameter or colour, or a value outside [low, high].
// Cost: microseconds. Determinism: a pure function of its arguments.
Node MakeObject(std::string_view category, const std::string& id, const std::map<std::string, double>& params = {},
                const std::string& color = {});

// Adds to scene->materials, in the order of Palette(), those that nodes and parts name and that are not there yet.
void AddPaletteMaterials(Scene* scene);

// A number in Node::extra. `otherwise` where it is absent or no number.
double ExtraNumber(const Node& node, const std::string& key, double otherwise);

}  // namespace takt::scene
