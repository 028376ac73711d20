// SPDX-License-Identifier: Apache-2.0
// Machines, conveyors, robots, and what keeps people safe around them.
#include "takt/data/scene/catalogue_builder.h"

namespace takt::scene {
namespace {

using B = CatalogueBuilder;

Node Conveyor(B& b) {
  const double x = b("width_m"), y = b("length_m"), z = b("height_m"), belt_m = 0.12;
  b.Box({x - 0.08, y, belt_m}, 0, 0, z - belt_m, "rubber");
  for (const int side : {-1, 1}) b.Box({0.04, y, belt_m + 0.04}, side * (x - 0.04) / 2, 0, z - belt_m);
  b.Legs(x - 0.02, y - 0.2, z - belt_m, 0.06, "steel");
  b.Surface("belt", {x - 0.08, y, 0}, 0, 0, z);
  return b.Finish(300, 0.9);
}

Node Pallet(B& b) {
  const double x = 0.8, y = 1.2;
  for (const double at : {-0.35, 0.0, 0.35}) b.Box({0.1, y, 0.1}, at, 0, 0);
  for (int i = 0; i < 5; ++i) b.Box({x, 0.16, 0.044}, 0, -0.52 + 0.26 * i, 0.1);
  b.Surface("top", {x, y, 0}, 0, 0, 0.144);
  return b.Finish(400, 0.6);
}

Node CncMachine(B& b) {
  const double x = b("depth_m"), y = b("width_m"), z = b("height_m");
  b.Box({x, y, z}, 0, 0, 0);
  b.Box({0.02, y * 0.45, z * 0.4}, x / 2 + 0.01, -y * 0.1, z * 0.42, "black");  // window of the door
  b.Box({0.06, 0.28, 0.45}, x / 2 + 0.03, y * 0.33, z * 0.55, "blue");          // panel
  b.Clear(Side::kFront, 0.8, "operator");
  return b.Finish(500, 0.6);
}

Node Press(B& b) {
  b.Box({0.6, 0.7, 0.8}, 0, 0, 0);
  for (const int side : {-1, 1}) b.Box({0.2, 0.1, 0.7}, -0.1, side * 0.3, 0.8);
  b.Box({0.4, 0.7, 0.4}, -0.1, 0, 1.5);
  b.Cylinder(0.15, 0.3, -0.1, 0, 1.2, "steel");
  b.Surface("bed", {0.2, 0.6, 0.38}, 0.2, 0, 0.8);
  b.Clear(Side::kFront, 0.7, "operator");
  return b.Finish(900, 0.6);
}

Node Pedestal(B& b) {
  const double side_m = b("width_m"), z = b("height_m");
  b.Box({side_m, side_m, 0.03}, 0, 0, 0);
  b.Box({side_m * 0.6, side_m * 0.6, z - 0.06}, 0, 0, 0.03);
  b.Box({side_m, side_m, 0.03}, 0, 0, z - 0.03);
  b.Surface("top", {side_m, side_m, 0}, 0, 0, z);
  b.node().fixed = true;
  return b.Finish(800, 0.8);
}

// The foot of a robot: its origin is the base frame of the robot, its body what must stay clear around that.
Node RobotFoot(B& b, const char* robot, double side_m, double height_m, double reach_m, double mass_kg) {
  b.Box({side_m, side_m, height_m}, 0, 0, 0);
  b.node().robot = robot;
  b.node().reach_m = reach_m;
  b.node().fixed = true;
  Node node = b.Finish(1, 0.8);
  node.mass_kg = mass_kg;
  return node;
}

Node Arm5(B& b) {
  b.Name("desk robot arm");
  return RobotFoot(b, "arm5", 0.12, 0.06, b("reach_m"), 2);
}

Node Arm7(B& b) {
  b.Name("robot arm");
  return RobotFoot(b, "arm7", 0.2, 0.1, b("reach_m"), 18);
}

Node FireExtinguisher(B& b) {
  b.Cylinder(0.15, 0.42, 0, 0, 0);
  b.Cylinder(0.05, 0.06, 0, 0, 0.42, "black");
  b.Box({0.12, 0.03, 0.04}, 0.03, 0, 0.48, "black");
  b.Clear(Side::kFront, 0.6, "access");
  return b.Finish(1200, 0.6);
}

Node Drum(B& b) {
  b.Cylinder(0.58, 0.88, 0, 0, 0);
  return b.Finish(900, 0.6);
}

Node ControlPanel(B& b) {
  b.Box({0.3, 0.3, 0.02}, 0, 0, 0, "steel");
  b.Box({0.06, 0.06, 1.0}, 0, 0, 0.02, "steel");
  b.Box({0.12, 0.4, 0.35}, 0.05, 0, 1.02);
  b.Clear(Side::kFront, 0.6, "operator");
  return b.Finish(900, 0.7);
}

Node SwitchCabinet(B& b) {
  b.Box({0.5, b("width_m"), 2}, 0, 0, 0);
  b.Clear(Side::kFront, 0.7, "door");
  return b.Finish(280, 0.6);
}

Node SafetyFence(B& b) {
  const double y = b("length_m");
  b.Box({0.02, y - 0.1, 1.8}, 0, 0, 0.2, "yellow");
  for (const int side : {-1, 1}) {
    b.Box({0.05, 0.05, 2}, 0, side * (y - 0.05) / 2, 0, "black");
    b.Box({0.3, 0.05, 0.02}, 0, side * (y - 0.05) / 2, 0, "black");
  }
  return b.Finish(400, 0.7);
}

Node PalletTruck(B& b) {
  for (const int side : {-1, 1}) b.Box({1.15, 0.16, 0.08}, 0.2, side * 0.19, 0.0);
  b.Box({0.25, 0.54, 0.35}, -0.5, 0, 0);
  b.Box({0.05, 0.05, 0.85}, -0.58, 0, 0.35, "black");
  b.Box({0.04, 0.3, 0.04}, -0.58, 0, 1.2, "black");
  return b.Finish(700, 0.7);
}

}  // namespace

std::vector<CatalogueKind> FactoryKinds() {
  return {
      {"conveyor",
       "belt conveyor on legs, running along y",
       {{"width_m", 0.5, 0.3, 1.2, "along x"}, {"length_m", 2.0, 0.8, 6, "along y"}, {"height_m", 0.75, 0.3, 1.2, ""}},
       {"gray", "green", "blue"},
       {"belt"},
       Conveyor},
      {"pallet", "pallet, 1200 x 800 mm", {}, {"wood"}, {"top"}, Pallet},
      {"cnc_machine",
       "machine tool with an operator in front",
       {{"width_m", 2.0, 1.2, 3.5, "along y"}, {"depth_m", 1.6, 1, 2.5, "along x"}, {"height_m", 2.0, 1.5, 2.6, ""}},
       {"gray", "white", "blue"},
       {},
       CncMachine},
      {"press", "bench press with a bed in front", {}, {"green", "blue", "gray"}, {"bed"}, Press},
      {"pedestal",
       "foot for a robot, bolted down",
       {{"width_m", 0.4, 0.2, 0.8, "side of the plates"}, {"height_m", 0.6, 0.1, 1.2, ""}},
       {"gray", "black"},
       {"top"},
       Pedestal},
      {"robot_arm5", "base of the 5-axis desk arm", {{"reach_m", 0.45, 0.2, 1, ""}}, {"black"}, {}, Arm5},
      {"robot_arm7", "base of the 7-axis arm", {{"reach_m", 0.85, 0.4, 1.5, ""}}, {"white"}, {}, Arm7},
      {"fire_extinguisher", "fire extinguisher, standing", {}, {"red"}, {}, FireExtinguisher},
      {"drum", "200-litre drum", {}, {"blue", "steel", "red"}, {}, Drum},
      {"control_panel", "panel on a post", {}, {"gray", "yellow"}, {}, ControlPanel},
      {"switch_cabinet",
       "electrical cabinet with a door",
       {{"width_m", 0.8, 0.4, 1.6, "along y"}},
       {"gray", "white"},
       {},
       SwitchCabinet},
      {"safety_fence",
       "fence element on two posts",
       {{"length_m", 1.5, 0.5, 3, "along y"}},
       {"yellow"},
       {},
       SafetyFence},
      {"pallet_truck", "hand pallet truck", {}, {"yellow", "red"}, {}, PalletTruck},
  };
}

}  // namespace takt::scene
