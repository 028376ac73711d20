// SPDX-License-Identifier: Apache-2.0
// What a line makes, holds and carries. Densities in kg/m^3 are of the body of parts: solids at the material's own,
// hollow things at what real ones weigh over their volume.
#include <cmath>
#include <numbers>

#include "takt/data/scene/catalogue_builder.h"

namespace takt::scene {
namespace {

using B = CatalogueBuilder;

const std::vector<std::string_view> kBright = {"red", "green", "blue", "yellow", "orange", "purple"};

Node Cube(B& b) {
  b.Box(Vec3::Constant(b("size_m")), 0, 0, 0);
  return b.Finish(600, 0.8);  // beech, painted
}

Node Block(B& b) {
  b.Box({b("length_m"), b("width_m"), b("height_m")}, 0, 0, 0);
  return b.Finish(600, 0.8);
}

Node Cylinder(B& b) {
  b.Cylinder(b("diameter_m"), b("height_m"), 0, 0, 0);
  return b.Finish(600, 0.8);
}

Node Ball(B& b) {
  b.Sphere(b("diameter_m"), 0, 0, 0);
  return b.Finish(300, 0.9);  // hollow rubber
}

// A shaft with a wider head to hold it by.
Node Peg(B& b) {
  const double width_m = b("width_m"), length_m = b("length_m"), head_m = b("head_m");
  if (b.Flag("square")) {
    b.Box({width_m, width_m, length_m}, 0, 0, 0);
  } else {
    b.Cylinder(width_m, length_m, 0, 0, 0);
  }
  b.Box({width_m + 0.008, width_m + 0.008, head_m}, 0, 0, length_m);
  b.node().extra["peg_shape"] = b.Flag("square") ? "square" : "round";
  b.Extra("peg_width_m", width_m);
  b.Extra("peg_length_m", length_m);
  return b.Finish(1400, 0.7);  // POM
}

// A plate with a blind hole above it: four slabs around a square one, a ring around a round one.
Node PegHole(B& b) {
  const double hole_m = b("peg_width_m") + b("clearance_m"), wall_m = b("wall_m"), depth_m = b("depth_m");
  const double plate_m = 0.008, side_m = hole_m + 2 * wall_m;
  b.Box({side_m, side_m, plate_m}, 0, 0, 0);
  if (b.Flag("square")) {
    for (const int side : {-1, 1}) {
      b.Box({wall_m, side_m, depth_m}, side * (hole_m + wall_m) / 2, 0, plate_m);
      b.Box({hole_m, wall_m, depth_m}, 0, side * (hole_m + wall_m) / 2, plate_m);
    }
  } else {
    // The outer corners of the ring must not stand over the plate.
    const double outer_m = side_m / 2 * std::cos(std::numbers::pi / 16);
    b.Ring(hole_m / 2, outer_m - hole_m / 2, depth_m, plate_m);
  }
  b.node().extra["hole_shape"] = b.Flag("square") ? "square" : "round";
  b.Extra("hole_width_m", hole_m);
  b.Extra("hole_depth_m", depth_m);
  b.Extra("hole_bottom_m", plate_m);
  const double cavity_m = b.Flag("square") ? hole_m : hole_m * std::numbers::sqrt2 / 2;
  b.Surface("hole", {cavity_m, cavity_m, depth_m}, 0, 0, plate_m);
  return b.Finish(2700, 0.6);  // aluminium
}

Node Nut(B& b) {
  const double width_m = b("width_m"), height_m = b("height_m");
  // Three boxes at 60 degrees are a hexagon; its hole is not modelled.
  for (int i = 0; i < 3; ++i) {
    b.Add(ShapeKind::kBox, {width_m, width_m / std::sqrt(3.0), height_m},
          Pose::Yaw(i * std::numbers::pi / 3, {0, 0, height_m / 2}));
  }
  return b.Finish(2600, 0.5);  // steel; the three boxes count the middle three times
}

Node Bin(B& b) {
  b.Tub({b("length_m"), b("width_m"), b("height_m")}, 0.004, 0.004, 0);
  return b.Finish(950, 0.5);  // polypropylene
}

Node Tote(B& b) {
  b.Tub({b("length_m"), b("width_m"), b("height_m")}, 0.006, 0.006, 0);
  return b.Finish(950, 0.5);
}

Node Tray(B& b) {
  b.Tub({b("length_m"), b("width_m"), 0.025}, 0.004, 0.004, 0);
  return b.Finish(950, 0.5);
}

Node Carton(B& b) {
  b.Box({b("length_m"), b("width_m"), b("height_m")}, 0, 0, 0);
  b.Surface("top", {b("length_m"), b("width_m"), 0}, 0, 0, b("height_m"));
  return b.Finish(120, 0.6);
}

Node Can(B& b) {
  b.Cylinder(b("diameter_m"), b("height_m"), 0, 0, 0);
  return b.Finish(900, 0.5);
}

Node Screwdriver(B& b) {
  b.Box({0.028, 0.1, 0.026}, 0, -0.05, 0);  // handles are faceted, so that they do not roll away
  b.LyingCylinder(0.007, 0.11, 0, 0.055, 0.0105, "steel");
  return b.Finish(1500, 0.7);
}

Node Toolbox(B& b) {
  const double x = b("width_m"), y = b("length_m"), z = 0.16;
  b.Box({x, y, z}, 0, 0, 0);
  b.Box({0.03, 0.02, 0.04}, 0, -0.07, z, "black");
  b.Box({0.03, 0.02, 0.04}, 0, 0.07, z, "black");
  b.Box({0.03, 0.16, 0.02}, 0, 0, z + 0.04, "black");
  return b.Finish(450, 0.6);
}

Node Gear(B& b) {
  b.Cylinder(b("diameter_m"), 0.02, 0, 0, 0);
  b.Cylinder(b("diameter_m") * 0.45, 0.015, 0, 0, 0.02);
  return b.Finish(7800, 0.5);
}

Node Board(B& b) {
  const double x = b("width_m"), y = b("length_m");
  b.Box({x, y, 0.002}, 0, 0, 0);
  b.Box({0.02, 0.02, 0.004}, 0, -y / 5, 0.002, "black");
  b.Box({0.012, 0.03, 0.008}, x / 4, y / 5, 0.002, "white");
  return b.Finish(1900, 0.5);  // FR-4
}

}  // namespace

std::vector<CatalogueKind> WorkpieceKinds() {
  return {
      {"cube", "solid cube", {{"size_m", 0.04, 0.01, 0.3, "edge"}}, kBright, {}, Cube},
      {"block",
       "solid block",
       {{"length_m", 0.08, 0.01, 0.4, "along x"},
        {"width_m", 0.04, 0.01, 0.4, "along y"},
        {"height_m", 0.03, 0.01, 0.4, ""}},
       kBright,
       {},
       Block},
      {"cylinder",
       "solid cylinder, standing",
       {{"diameter_m", 0.04, 0.01, 0.3, ""}, {"height_m", 0.05, 0.01, 0.4, ""}},
       kBright,
       {},
       Cylinder},
      {"ball", "rubber ball", {{"diameter_m", 0.05, 0.02, 0.3, ""}}, kBright, {}, Ball},
      {"peg",
       "shaft with a head to hold it by, standing on the shaft",
       {{"width_m", 0.03, 0.01, 0.06, "diameter, or side of a square one"},
        {"length_m", 0.05, 0.02, 0.12, "of the shaft"},
        {"head_m", 0.025, 0.01, 0.05, "height of the head"},
        {"square", 0, 0, 1, "1: square shaft"}},
       {"gray", "orange", "blue"},
       {},
       Peg},
      {"peg_hole",
       "block with a blind hole for a peg",
       {{"peg_width_m", 0.03, 0.01, 0.06, "of the peg that goes in"},
        {"clearance_m", 0.002, 0.0001, 0.02, "hole less peg, on the diameter"},
        {"depth_m", 0.035, 0.01, 0.1, "of the hole"},
        {"wall_m", 0.03, 0.015, 0.1, "around the hole"},
        {"square", 0, 0, 1, "1: square hole"}},
       {"steel", "black", "green"},
       {"hole"},
       PegHole},
      {"nut",
       "hexagon nut",
       {{"width_m", 0.036, 0.01, 0.1, "across flats"}, {"height_m", 0.018, 0.005, 0.05, ""}},
       {"steel", "brass"},
       {},
       Nut},
      {"gear", "gear wheel with a hub", {{"diameter_m", 0.07, 0.03, 0.2, ""}}, {"steel", "brass"}, {}, Gear},
      {"circuit_board",
       "printed circuit board with a chip and a connector",
       {{"width_m", 0.08, 0.06, 0.3, ""}, {"length_m", 0.1, 0.06, 0.4, ""}},
       {"green", "blue"},
       {},
       Board},
      {"bin",
       "open bin for small parts",
       {{"length_m", 0.16, 0.06, 0.6, "along x"},
        {"width_m", 0.16, 0.06, 0.6, "along y"},
        {"height_m", 0.06, 0.03, 0.4, ""}},
       {"blue", "red", "yellow", "green", "gray"},
       {"inside"},
       Bin},
      {"tote",
       "stackable container, 400 x 300 mm",
       {{"length_m", 0.3, 0.2, 0.8, "along x"},
        {"width_m", 0.4, 0.2, 0.8, "along y"},
        {"height_m", 0.22, 0.1, 0.5, ""}},
       {"blue", "gray", "green"},
       {"inside"},
       Tote},
      {"tray",
       "flat tray with a rim",
       {{"length_m", 0.22, 0.1, 0.6, "along x"}, {"width_m", 0.3, 0.1, 0.6, "along y"}},
       {"white", "gray", "black"},
       {"inside"},
       Tray},
      {"carton",
       "closed cardboard box",
       {{"length_m", 0.3, 0.05, 0.8, "along x"},
        {"width_m", 0.4, 0.05, 0.8, "along y"},
        {"height_m", 0.25, 0.04, 0.8, ""}},
       {"cardboard", "white"},
       {"top"},
       Carton},
      {"can",
       "tin can",
       {{"diameter_m", 0.066, 0.04, 0.12, ""}, {"height_m", 0.115, 0.06, 0.2, ""}},
       {"red", "green", "steel"},
       {},
       Can},
      {"screwdriver", "screwdriver, lying", {}, {"red", "yellow", "blue"}, {}, Screwdriver},
      {"toolbox",
       "toolbox with a handle",
       {{"width_m", 0.2, 0.15, 0.4, "along x"}, {"length_m", 0.4, 0.3, 0.7, "along y"}},
       {"red", "blue"},
       {},
       Toolbox},
  };
}

}  // namespace takt::scene
