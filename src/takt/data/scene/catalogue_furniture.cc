// SPDX-License-Identifier: Apache-2.0
// Tables, shelves, cabinets. Their densities are of the modelled boards and boxes: boards at the material's own, closed
// boxes at what real ones weigh over their volume.
#include <cmath>
#include <string>

#include "takt/data/scene/catalogue_builder.h"

namespace takt::scene {
namespace {

using B = CatalogueBuilder;

// A top on four legs. `depth_m` is along x, so that the long side is the front.
void TopOnLegs(B& b, double thickness_m, double leg_m, const char* leg_material) {
  const double x = b("depth_m"), y = b("width_m"), z = b("height_m");
  b.Box({x, y, thickness_m}, 0, 0, z - thickness_m);
  b.Legs(x - 0.04, y - 0.04, z - thickness_m, leg_m, leg_material);
  b.Surface("top", {x, y, 0}, 0, 0, z);
}

Node Table(B& b) {
  TopOnLegs(b, 0.03, 0.05, "gray");
  return b.Finish(700, 0.7);
}

Node Desk(B& b) {
  TopOnLegs(b, 0.025, 0.05, "gray");
  b.Box({b("depth_m") - 0.1, 0.4, 0.55}, 0, -(b("width_m") / 2 - 0.3), b("height_m") - 0.6, "gray");
  b.Clear(Side::kFront, 0.4, "drawer");
  return b.Finish(500, 0.7);
}

Node Workbench(B& b) {
  TopOnLegs(b, 0.05, 0.08, "steel");
  const double x = b("depth_m"), y = b("width_m"), z = b("height_m");
  b.Box({x - 0.12, y - 0.24, 0.02}, 0, 0, 0.15, "steel");
  b.Box({x - 0.1, 0.5, 0.2}, 0, y / 4, z - 0.25, "gray");
  b.Surface("lower", {x - 0.12, y - 0.24, z - 0.25 - 0.17}, 0, 0, 0.17);
  b.Clear(Side::kFront, 0.45, "drawer");
  return b.Finish(700, 0.7);
}

Node Shelf(B& b) {
  const double x = b("depth_m"), y = b("width_m"), z = b("height_m"), board_m = 0.03, side_m = 0.03;
  const int boards = static_cast<int>(std::lround(b("boards")));
  const double first_m = 0.1, last_m = z - board_m;
  const double pitch_m = (last_m - first_m) / (boards - 1);
  for (const int side : {-1, 1}) b.Box({x, side_m, z}, 0, side * (y - side_m) / 2, 0, "steel");
  for (int i = 0; i < boards; ++i) {
    const double low_m = first_m + i * pitch_m;
    b.Box({x, y - 2 * side_m, board_m}, 0, 0, low_m);
    const double free_m = i + 1 < boards ? pitch_m - board_m : 0;
    b.Surface("board_" + std::to_string(i + 1), {x, y - 2 * side_m, free_m}, 0, 0, low_m + board_m);
  }
  return b.Finish(500, 0.6);
}

Node Cabinet(B& b) {
  const double x = b("depth_m"), y = b("width_m"), z = b("height_m");
  b.Box({x, y, z}, 0, 0, 0);
  b.Box({0.02, 0.02, 0.2}, x / 2 + 0.01, -0.04, z / 2 - 0.1, "black");
  b.Box({0.02, 0.02, 0.2}, x / 2 + 0.01, 0.04, z / 2 - 0.1, "black");
  b.Surface("top", {x, y, 0}, 0, 0, z);
  b.Clear(Side::kFront, y / 2, "door");  // two leaves
  return b.Finish(150, 0.6);
}

Node Stool(B& b) {
  b.Cylinder(0.34, 0.05, 0, 0, b("height_m") - 0.05);
  b.Cylinder(0.05, b("height_m") - 0.08, 0, 0, 0.03, "steel");
  b.Cylinder(0.4, 0.03, 0, 0, 0, "black");
  b.Surface("seat", {0.24, 0.24, 0}, 0, 0, b("height_m"));
  return b.Finish(700, 0.7);
}

Node Chair(B& b) {
  b.Box({0.44, 0.44, 0.04}, 0, 0, 0.43);
  b.Legs(0.42, 0.42, 0.43, 0.035, "black");
  b.Box({0.04, 0.42, 0.42}, -0.2, 0, 0.47);
  b.Surface("seat", {0.38, 0.44, 0}, 0.02, 0, 0.47);
  return b.Finish(400, 0.6);
}

Node Cart(B& b) {
  const double x = b("depth_m"), y = b("width_m");
  for (const double z : {0.15, 0.8}) b.Box({x, y, 0.03}, 0, 0, z);
  for (const int sx : {-1, 1}) {
    for (const int sy : {-1, 1}) {
      b.LyingCylinder(0.1, 0.03, sx * (x / 2 - 0.06), sy * (y / 2 - 0.03), 0, "rubber");
      b.Box({0.03, 0.03, 0.77}, sx * (x - 0.03) / 2, sy * (y - 0.03) / 2, 0.06, "steel");
    }
  }
  b.Surface("lower", {x - 0.06, y - 0.06, 0.62}, 0, 0, 0.18);
  b.Surface("top", {x, y, 0}, 0, 0, 0.83);
  return b.Finish(600, 0.6);
}

Node FumeHood(B& b) {
  const double x = 0.85, y = b("width_m"), z = 2.3, sill_m = 0.9;
  b.Box({x, y, sill_m}, 0, 0, 0);
  for (const int side : {-1, 1}) b.Box({x, 0.08, 0.9}, 0, side * (y - 0.08) / 2, sill_m);
  b.Box({0.08, y - 0.16, 0.9}, -(x - 0.08) / 2, 0, sill_m);
  b.Box({x, y, z - sill_m - 0.9}, 0, 0, sill_m + 0.9);
  b.Surface("inside", {x - 0.08, y - 0.16, 0.9}, 0.04, 0, sill_m);
  b.Clear(Side::kFront, 0.8, "operator");
  return b.Finish(160, 0.5);
}

Node Whiteboard(B& b) {
  const double y = b("width_m");
  b.Box({0.02, y, 1.1}, 0, 0, 0.8);
  for (const int side : {-1, 1}) {
    b.Box({0.04, 0.04, 1.87}, 0, side * (y / 2 - 0.05), 0.03, "steel");
    b.Box({0.5, 0.06, 0.03}, 0, side * (y / 2 - 0.05), 0, "steel");
  }
  return b.Finish(700, 0.6);
}

Node Plant(B& b) {
  b.Cylinder(0.28, 0.3, 0, 0, 0, "brown");
  b.Sphere(0.5, 0, 0, 0.32);
  b.Cylinder(0.03, 0.1, 0, 0, 0.28, "brown");
  return b.Finish(150, 0.7);
}

Node TrashCan(B& b) {
  b.Vessel(0.14, 0.36, 0.006, 0.006, 0);
  return b.Finish(950, 0.5);
}

}  // namespace

std::vector<CatalogueKind> FurnitureKinds() {
  const CatalogueParam width{"width_m", 1.4, 0.5, 3, "along y, the front"}, depth{"depth_m", 0.75, 0.3, 1.5, "along x"},
      height{"height_m", 0.75, 0.3, 1.2, ""};
  return {
      {"table", "table with four legs", {width, depth, height}, {"wood", "white", "gray"}, {"top"}, Table},
      {"desk", "desk with a drawer unit", {width, depth, height}, {"wood", "white"}, {"top"}, Desk},
      {"workbench",
       "steel bench with a drawer and a lower board",
       {{"width_m", 1.5, 1, 3, "along y, the front"}, depth, {"height_m", 0.85, 0.6, 1.2, ""}},
       {"wood", "gray", "green"},
       {"top", "lower"},
       Workbench},
      {"shelf",
       "shelf, open in front and behind",
       {{"width_m", 1.0, 0.4, 3, "along y, the front"},
        {"depth_m", 0.4, 0.2, 1.2, "along x"},
        {"height_m", 1.8, 0.6, 3, ""},
        {"boards", 4, 2, 8, "number of boards"}},
       {"gray", "wood", "blue"},
       {"board_1", "board_2", "board_3", "board_4", "board_5", "board_6", "board_7", "board_8"},
       Shelf},
      {"cabinet",
       "cabinet with two doors",
       {{"width_m", 0.9, 0.4, 1.6, "along y, the front"},
        {"depth_m", 0.45, 0.3, 0.8, "along x"},
        {"height_m", 1.9, 0.6, 2.2, ""}},
       {"gray", "white", "blue"},
       {"top"},
       Cabinet},
      {"stool", "round stool", {{"height_m", 0.55, 0.4, 0.8, ""}}, {"black", "blue", "wood"}, {"seat"}, Stool},
      {"chair", "chair with a back", {}, {"black", "blue", "wood"}, {"seat"}, Chair},
      {"cart",
       "cart with two boards on wheels",
       {{"width_m", 0.8, 0.5, 1.2, "along y"}, {"depth_m", 0.5, 0.4, 0.8, "along x"}},
       {"gray", "blue", "white"},
       {"top", "lower"},
       Cart},
      {"fume_hood",
       "fume hood with an operator in front",
       {{"width_m", 1.5, 1, 2.4, "along y"}},
       {"white", "gray"},
       {"inside"},
       FumeHood},
      {"whiteboard", "board on feet", {{"width_m", 1.2, 0.8, 2, "along y"}}, {"white"}, {}, Whiteboard},
      {"plant", "plant in a pot", {}, {"green"}, {}, Plant},
      {"trash_can", "open waste bin", {}, {"gray", "black", "blue"}, {"inside"}, TrashCan},
  };
}

}  // namespace takt::scene
