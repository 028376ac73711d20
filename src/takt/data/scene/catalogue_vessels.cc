// SPDX-License-Identifier: Apache-2.0
// Cups, bottles, and what else stands in a laboratory or on a desk.
#include <algorithm>

#include "takt/data/scene/catalogue_builder.h"

namespace takt::scene {
namespace {

using B = CatalogueBuilder;

const std::vector<CatalogueParam> kCupParams = {
    {"inner_radius_m", 0.03, 0.015, 0.06, ""},
    {"inner_height_m", 0.08, 0.03, 0.2, ""},
    {"wall_m", 0.003, 0.002, 0.006, ""},
    {"fill", 0.6, 0, 0.95, "depth of liquid as a part of the inner height"},
};

void Round(B& b, double bottom_m, const char* material = "") {
  const double height_m = b("inner_height_m");
  b.Vessel(b("inner_radius_m"), height_m, b("wall_m"), bottom_m, b("fill") * height_m, material);
}

Node Cup(B& b) {
  Round(b, 0.004);
  return b.Finish(1100, 0.7);  // polystyrene
}

Node Mug(B& b) {
  Round(b, 0.005);
  const double outer_m = b("inner_radius_m") + b("wall_m"), middle_m = 0.005 + b("inner_height_m") / 2;
  const double reach_m = 0.03, span_m = std::min(0.05, b("inner_height_m") * 0.7);
  b.Box({reach_m, 0.012, 0.01}, outer_m + reach_m / 2, 0, middle_m + span_m / 2 - 0.01);
  b.Box({reach_m, 0.012, 0.01}, outer_m + reach_m / 2, 0, middle_m - span_m / 2);
  b.Box({0.01, 0.012, span_m}, outer_m + reach_m - 0.005, 0, middle_m - span_m / 2);
  return b.Finish(2300, 0.6);  // stoneware
}

Node Beaker(B& b) {
  Round(b, 0.004);
  return b.Finish(2230, 0.4);  // borosilicate
}

// A body with a liquid and a closed neck: it does not spill, so it is a solid outside.
Node Bottle(B& b) {
  const double d = b("diameter_m"), h = b("height_m");
  b.Cylinder(d, h * 0.7, 0, 0, 0);
  b.Cylinder(d * 0.45, h * 0.2, 0, 0, h * 0.7);
  b.Cylinder(d * 0.5, h * 0.1, 0, 0, h * 0.9, "white");
  b.Extra("inner_radius_m", d / 2 - 0.001);
  b.Extra("inner_height_m", h * 0.7);
  b.Extra("inner_bottom_m", 0.001);
  b.Extra("fill_m", h * 0.6);
  return b.Finish(900, 0.5);
}

Node Vial(B& b) {
  b.Cylinder(b("diameter_m"), b("height_m") - 0.012, 0, 0, 0, "glass");
  b.Cylinder(b("diameter_m") * 1.1, 0.012, 0, 0, b("height_m") - 0.012);
  return b.Finish(1300, 0.4);
}

Node Plate(B& b) {
  const double d = b("diameter_m");
  b.Cylinder(d * 0.65, 0.006, 0, 0, 0);
  b.Cylinder(d, 0.006, 0, 0, 0.006);
  b.Surface("top", {d * 0.7, d * 0.7, 0}, 0, 0, 0.012);
  return b.Finish(2300, 0.4);
}

Node TubeRack(B& b) {
  const double y = b("length_m"), x = 0.07, h = 0.06;
  b.Box({x, y, 0.006}, 0, 0, 0);
  b.Box({x, 0.006, h}, 0, -(y - 0.006) / 2, 0.006);
  b.Box({x, 0.006, h}, 0, (y - 0.006) / 2, 0.006);
  // The upper plate is two bars with a slot between them, in which the tubes stand.
  b.Box({0.022, y - 0.012, 0.006}, -0.024, 0, 0.006 + h - 0.006);
  b.Box({0.022, y - 0.012, 0.006}, 0.024, 0, 0.006 + h - 0.006);
  b.Surface("slot", {0.026, y - 0.014, 0}, 0, 0, 0.006);  // tubes stand out of it
  return b.Finish(950, 0.5);
}

Node TestTube(B& b) {
  b.Cylinder(0.016, 0.095, 0, 0, 0);
  b.Cylinder(0.019, 0.012, 0, 0, 0.095, "red");
  return b.Finish(1500, 0.4);
}

Node Microscope(B& b) {
  b.Box({0.22, 0.18, 0.03}, 0, 0, 0);
  b.Box({0.06, 0.08, 0.3}, -0.07, 0, 0.03);
  b.Box({0.14, 0.14, 0.015}, 0.03, 0, 0.12, "black");
  b.Box({0.16, 0.08, 0.07}, 0.03, 0, 0.26);
  b.Cylinder(0.035, 0.09, 0.04, 0, 0.165, "steel");
  b.Cylinder(0.05, 0.07, 0.05, 0, 0.33, "black");
  b.Clear(Side::kFront, 0.1, "user");
  return b.Finish(1400, 0.6);
}

Node Balance(B& b) {
  b.Box({0.3, 0.2, 0.06}, 0, 0, 0);
  b.Cylinder(0.13, 0.012, -0.03, 0, 0.06, "steel");
  b.Surface("pan", {0.09, 0.09, 0}, -0.03, 0, 0.072);
  return b.Finish(900, 0.6);
}

Node HotPlate(B& b) {
  b.Box({0.26, 0.18, 0.09}, 0, 0, 0);
  b.Box({0.17, 0.17, 0.01}, -0.04, 0, 0.09, "white");
  b.Surface("top", {0.17, 0.17, 0}, -0.04, 0, 0.1);
  return b.Finish(700, 0.6);
}

Node Centrifuge(B& b) {
  b.Box({0.34, 0.3, 0.18}, 0, 0, 0);
  b.Cylinder(0.24, 0.06, -0.03, 0, 0.18, "gray");
  b.Clear(Side::kTop, 0.3, "lid");
  return b.Finish(500, 0.7);
}

Node Laptop(B& b) {
  b.Box({0.24, 0.34, 0.018}, 0, 0, 0);
  b.Box({0.01, 0.34, 0.22}, -0.115, 0, 0.018);
  return b.Finish(1100, 0.6);
}

Node Monitor(B& b) {
  b.Box({0.2, 0.26, 0.015}, 0, 0, 0);
  b.Box({0.03, 0.06, 0.14}, -0.04, 0, 0.015);
  b.Box({0.03, 0.56, 0.33}, -0.02, 0, 0.14, "black");
  return b.Finish(700, 0.6);
}

Node Book(B& b) {
  b.Box({b("length_m"), b("length_m") * 0.7, b("height_m")}, 0, 0, 0);
  b.Surface("top", {b("length_m"), b("length_m") * 0.7, 0}, 0, 0, b("height_m"));
  return b.Finish(700, 0.5);
}

}  // namespace

std::vector<CatalogueKind> VesselKinds() {
  return {
      {"cup", "open cup with liquid", kCupParams, {"white", "red", "blue", "yellow"}, {"inside"}, Cup},
      {"mug", "mug with a handle in front", kCupParams, {"white", "blue", "red", "green"}, {"inside"}, Mug},
      {"beaker", "glass beaker with liquid", kCupParams, {"glass"}, {"inside"}, Beaker},
      {"bottle",
       "closed bottle",
       {{"diameter_m", 0.065, 0.03, 0.12, ""}, {"height_m", 0.2, 0.08, 0.35, ""}},
       {"green", "brown", "blue", "white"},
       {},
       Bottle},
      {"vial",
       "glass vial with a cap",
       {{"diameter_m", 0.028, 0.015, 0.05, ""}, {"height_m", 0.06, 0.04, 0.12, ""}},
       {"black", "red", "blue", "white"},
       {},
       Vial},
      {"plate", "round plate", {{"diameter_m", 0.2, 0.1, 0.32, ""}}, {"white", "blue", "gray"}, {"top"}, Plate},
      {"tube_rack",
       "rack for test tubes",
       {{"length_m", 0.2, 0.1, 0.4, "along y"}},
       {"blue", "white", "orange"},
       {"slot"},
       TubeRack},
      {"test_tube", "closed test tube, standing", {}, {"glass"}, {}, TestTube},
      {"microscope", "microscope", {}, {"white", "gray"}, {}, Microscope},
      {"balance", "laboratory balance", {}, {"white", "gray"}, {"pan"}, Balance},
      {"hot_plate", "magnetic stirrer with a hot plate", {}, {"gray", "blue"}, {"top"}, HotPlate},
      {"centrifuge", "bench centrifuge; its lid opens upwards", {}, {"white", "gray"}, {}, Centrifuge},
      {"laptop", "open laptop", {}, {"gray", "black"}, {}, Laptop},
      {"monitor", "screen on a foot", {}, {"gray", "black"}, {}, Monitor},
      {"book",
       "book, lying",
       {{"length_m", 0.24, 0.1, 0.4, ""}, {"height_m", 0.03, 0.01, 0.08, ""}},
       {"red", "blue", "green", "brown"},
       {"top"},
       Book},
  };
}

}  // namespace takt::scene
