// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "takt/data/capture/cell_material.h"
#include "takt/data/capture/raycast.h"

namespace takt::capture::cell {

struct Scene {
  std::vector<raycast::Primitive> primitives;
  std::vector<Material> materials;  // by Primitive::material_idx
};

// The palette: one index into Scene::materials for each.
struct Palette {
  uint32_t floor, wall, ceiling, orange, graphite, black, rubber, steel, brushed, aluminium, light_grey, white, teal,
      red, yellow, green, blue, amber_lamp, green_lamp, red_lamp, blue_lamp, cardboard, pale_cardboard, belt, wood,
      pallet, stripes, screen;
};

// Adds solids to a scene, in the frame of the assembly that is being built.
class Builder {
 public:
  Builder();

  const Palette& paint() const { return palette_; }
  uint32_t AddMaterial(Material material);
  // Solids that follow are placed in this frame.
  void SetFrame(const raycast::Frame& world_from_assembly) { frame_ = world_from_assembly; }

  // Axis-parallel in the assembly's frame; `half` are half extents.
  void Box(uint32_t material, Vec3 center, Vec3 half, float rounding = 0.004f);
  // Turned by `angle_rad` about its own vertical.
  void TurnedBox(uint32_t material, Vec3 center, Vec3 half, float angle_rad, float rounding = 0.004f);
  void BoxIn(uint32_t material, const raycast::Frame& assembly_from_box, Vec3 half, float rounding);
  void Cylinder(uint32_t material, Vec3 from, Vec3 to, float radius, float rounding = 0.004f);
  void Cone(uint32_t material, Vec3 from, Vec3 to, float radius_from, float radius_to);
  void Capsule(uint32_t material, Vec3 from, Vec3 to, float radius) { Cone(material, from, to, radius, radius); }
  void Sphere(uint32_t material, Vec3 center, float radius);
  void Torus(uint32_t material, Vec3 center, Vec3 axis, float ring_radius, float tube_radius);
  // A smooth tube through the points (Catmull-Rom), as capsules about `step` long.
  void Cable(uint32_t material, std::span<const Vec3> points, float radius, float step = 0.05f);
  // A plate with lettering that faces -y of the assembly.
  void Sign(std::string text, uint32_t color_rrggbb, uint32_t letters_rrggbb, Vec3 center, Vec3 half, float glow = 0);

  Scene Release() { return std::move(scene_); }

 private:
  void Add(raycast::Shape shape, uint32_t material, const raycast::Frame& frame, Vec3 size, float rounding);

  Scene scene_;
  Palette palette_;
  raycast::Frame frame_;
};

}  // namespace takt::capture::cell
