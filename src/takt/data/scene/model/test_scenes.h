// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "takt/core/base/rng.h"
#include "takt/data/scene/model/scene.h"

namespace takt::scene {

// A bench with a cup, an arm and a shelf; every field that a scene can have stands in it somewhere.
inline constexpr char kCellXml[] = R"(<?xml version="1.0" encoding="UTF-8"?>
<scene schema="1.0" name="cell &amp; bench">
  <material id="steel" rgba="0.5 0.5 0.55 1"/>
  <material id="glass" rgba="0.9 0.95 1 0.3"/>
  <room id="cell" name="assembly cell" floor_m="0 0 6 0 6 5 0 5" height_m="3">
    <opening kind="door" id="door" wall_idx="0" offset_m="1" width_m="1" height_m="2.1" clearance_m="1"/>
    <opening kind="window" id="window" wall_idx="2" offset_m="0.5" width_m="2" sill_m="1" height_m="1.2"/>
    <region id="work" name="work area" category="area" position_m="3 2.5 0" size_m="4 3 0">
      <object id="bench" name="work bench" category="bench" position_m="0 0.5 0" yaw_deg="90" size_m="0.8 1.6 0.75" material="steel" mass_kg="40" fixed="true">
        <part shape="box" size_m="0.8 1.6 0.05" position_m="0 0 0.725"/>
        <part shape="cylinder" size_m="0.1 0.1 0.7" position_m="0 0 0.35" material="steel"/>
        <clearance side="front" depth_m="0.8" what="operator"/>
        <surface id="top" position_m="0 0 0.75" size_m="0.8 1.6 0">
          <object id="cup" name="red cup" category="cup" position_m="0.1 0.2 0" rotation_wxyz="0.9238795325112867 0 0.3826834323650898 0" size_m="0.08 0.08 0.1" material="glass" mass_kg="0.2" friction="0.4" upright="false"/>
          <object id="arm" position_m="-0.2 -0.4 0" size_m="0.2 0.2 0.4" robot="arm5" reach_m="0.5"/>
        </surface>
      </object>
    </region>
    <object id="shelf" category="cabinet" position_m="5.7 1 0" yaw_deg="180" size_m="0.4 1 1.8"/>
  </room>
  <relation kind="on" subject="cup" target="top"/>
  <relation kind="against" subject="shelf" target="wall:1" side="back" max_m="0.15"/>
  <relation kind="reachable_by" subject="cup" target="arm"/>
  <relation kind="facing" subject="arm" target="cup" tolerance_rad="0.35"/>
</scene>
)";

// A valid scene with numbers of every length: objects on the floor and on the surfaces of others.
inline Scene RandomScene(uint64_t seed, int objects = 12) {
  const Rng rng(seed, 7);
  uint64_t counter = 0;
  const auto uniform = [&](double low, double high) { return low + (high - low) * rng.UniformDouble(counter++); };
  Scene scene;
  scene.name = "random <\"scene\"> & more";
  scene.materials.push_back({.id = "m0", .rgba = {uniform(0, 1), uniform(0, 1), 0.5, 1}});
  scene.room.kind = NodeKind::kRoom;
  scene.room.id = "room";
  scene.room.floor_m = {{0, 0}, {uniform(6, 9), 0}, {uniform(6, 9), uniform(6, 9)}, {0, uniform(6, 9)}};
  scene.room.height_m = uniform(2.5, 4);
  scene.room.extra["note"] = "tab\there, \xC3\xA9, [1,2]";
  for (int i = 0; i < objects; ++i) {
    Node object;
    object.id = "o" + std::to_string(i);
    object.size_m = {uniform(0.1, 1), uniform(0.1, 1), uniform(0.1, 1)};
    const double turn = uniform(0, 3);
    object.parent_from_node = Pose::Yaw(uniform(-3, 3), {uniform(0, 5), uniform(0, 5), 0});
    if (turn < 1)
      object.parent_from_node.rotation =
          Quat(uniform(-1, 1), uniform(-1, 1), uniform(-1, 1), uniform(0.1, 1)).normalized();
    if (turn > 2) object.parent_from_node.rotation = Quat::Identity();
    object.mass_kg = uniform(0, 1) < 0.5 ? 0 : uniform(0.1, 5);
    object.material = uniform(0, 1) < 0.5 ? "" : "m0";
    object.fixed = uniform(0, 1) < 0.2;
    object.upright = uniform(0, 1) < 0.8;
    if (uniform(0, 1) < 0.3)
      object.clearances.push_back({.side = Side::kTop, .depth_m = uniform(0.1, 1), .what = "lid"});
    if (uniform(0, 1) < 0.3) object.extra["x-list"] = "[1,{\"a\":null}]";
    if (uniform(0, 1) < 0.3) object.extra["x-string"] = "\"5\"";
    if (uniform(0, 1) < 0.5) {
      Node top;
      top.kind = NodeKind::kSurface;
      top.id = object.id + ".top";
      top.size_m = {object.size_m.x(), object.size_m.y(), 0};
      top.parent_from_node.translation_m = {0, 0, object.size_m.z()};
      if (!scene.room.children.empty() && uniform(0, 1) < 0.5) {
        top.children.push_back(std::move(scene.room.children.back()));
        scene.room.children.pop_back();
      }
      object.children.push_back(std::move(top));
    }
    scene.room.children.push_back(std::move(object));
    if (i > 0) {
      scene.relations.push_back({.kind = RelationKind::kNear,
                                 .subject = "o" + std::to_string(i),
                                 .target = "o" + std::to_string(i - 1),
                                 .max_m = uniform(0.1, 2)});
    }
  }
  return scene;
}

}  // namespace takt::scene
