// SPDX-License-Identifier: Apache-2.0
#include "takt/data/capture/cell_builder.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace takt::capture::cell {
namespace {

using raycast::Frame;
using raycast::Shape;

Material Paint(uint32_t color, float roughness, float reflectance = 0.04f, Pattern pattern = Pattern::kPlain) {
  Material m;
  m.pattern = pattern;
  m.color = Srgb(color);
  m.roughness = roughness;
  m.reflectance = reflectance;
  return m;
}

Material TwoTone(Pattern pattern, uint32_t color, uint32_t accent, float roughness) {
  Material m = Paint(color, roughness, 0.04f, pattern);
  m.accent = Srgb(accent);
  return m;
}

Material Metal(uint32_t color, float roughness, Pattern pattern = Pattern::kPlain) {
  Material m = Paint(color, roughness, 0.04f, pattern);
  m.metallic = 1;
  return m;
}

Material Lamp(uint32_t color, float glow) {
  Material m = Paint(color, 0.2f);
  m.glow = glow;
  return m;
}

}  // namespace

Builder::Builder() {
  Palette& p = palette_;
  p.floor = AddMaterial(Paint(0xB0B0B0, 0.2f, 0.045f, Pattern::kFloor));
  p.wall = AddMaterial(TwoTone(Pattern::kWall, 0xDCDDD6, 0x3D6B74, 0.55f));
  p.ceiling = AddMaterial(Paint(0xD8DADB, 0.9f, 0.0f, Pattern::kCeiling));
  scene_.materials[p.ceiling].glow = 4.2f;
  p.orange = AddMaterial(Paint(0xEE6A12, 0.22f, 0.05f));
  p.graphite = AddMaterial(Paint(0x33383C, 0.38f, 0.05f, Pattern::kPowder));
  p.black = AddMaterial(Paint(0x1B1D1F, 0.35f));
  p.rubber = AddMaterial(Paint(0x222325, 0.6f));
  p.steel = AddMaterial(Metal(0xC4C8CC, 0.20f));
  p.brushed = AddMaterial(Metal(0xB9BEC2, 0.32f, Pattern::kBrushed));
  p.aluminium = AddMaterial(Metal(0xD3D6D9, 0.36f));
  p.light_grey = AddMaterial(Paint(0xC9CDCD, 0.42f, 0.04f, Pattern::kPowder));
  p.white = AddMaterial(Paint(0xEDEDE8, 0.35f));
  p.teal = AddMaterial(Paint(0x14808A, 0.3f, 0.05f));
  p.red = AddMaterial(Paint(0xC62828, 0.25f, 0.05f));
  p.yellow = AddMaterial(Paint(0xF2B61A, 0.3f, 0.05f));
  p.green = AddMaterial(Paint(0x3E9B4F, 0.3f, 0.05f));
  p.blue = AddMaterial(Paint(0x2563B8, 0.28f, 0.05f));
  p.amber_lamp = AddMaterial(Lamp(0xFFA41F, 0.9f));
  p.green_lamp = AddMaterial(Lamp(0x35E07A, 1.6f));
  p.red_lamp = AddMaterial(Lamp(0xD93025, 0.35f));
  p.blue_lamp = AddMaterial(Lamp(0x3FB6FF, 1.5f));
  p.cardboard = AddMaterial(Paint(0xB98A57, 0.8f, 0.03f, Pattern::kCardboard));
  p.pale_cardboard = AddMaterial(Paint(0xCFAE82, 0.8f, 0.03f, Pattern::kCardboard));
  p.belt = AddMaterial(Paint(0x2A2F33, 0.55f, 0.04f, Pattern::kBelt));
  p.wood = AddMaterial(TwoTone(Pattern::kWood, 0xD9B37C, 0xA87642, 0.35f));
  p.pallet = AddMaterial(TwoTone(Pattern::kWood, 0xC9A26B, 0x94683A, 0.8f));
  p.stripes = AddMaterial(TwoTone(Pattern::kStripes, 0x232427, 0xF3B81A, 0.35f));
  p.screen = AddMaterial(Paint(0x0E2230, 0.15f, 0.05f, Pattern::kScreen));
}

uint32_t Builder::AddMaterial(Material material) {
  scene_.materials.push_back(std::move(material));
  return static_cast<uint32_t>(scene_.materials.size() - 1);
}

void Builder::Add(Shape shape, uint32_t material, const Frame& frame, Vec3 size, float rounding) {
  raycast::Primitive primitive;
  primitive.shape = shape;
  primitive.size = size;
  primitive.rounding = rounding;
  primitive.world_from_local = raycast::Compose(frame_, frame);
  primitive.material_idx = material;
  scene_.primitives.push_back(primitive);
}

void Builder::Box(uint32_t material, Vec3 center, Vec3 half, float rounding) {
  BoxIn(material, Frame{.origin = center}, half, rounding);
}

void Builder::TurnedBox(uint32_t material, Vec3 center, Vec3 half, float angle_rad, float rounding) {
  BoxIn(material, raycast::Turned(angle_rad, center), half, rounding);
}

void Builder::BoxIn(uint32_t material, const Frame& assembly_from_box, Vec3 half, float rounding) {
  const float smallest = std::min(half.x, std::min(half.y, half.z));
  Add(Shape::kBox, material, assembly_from_box, half, std::min(rounding, 0.999f * smallest));
}

void Builder::Cylinder(uint32_t material, Vec3 from, Vec3 to, float radius, float rounding) {
  const float half = 0.5f * raycast::Length(to - from);
  Add(Shape::kCylinder, material, raycast::FrameAlong(raycast::Normalized(to - from), (from + to) * 0.5f),
      {radius, radius, half}, std::min(rounding, 0.999f * std::min(radius, half)));
}

void Builder::Cone(uint32_t material, Vec3 from, Vec3 to, float radius_from, float radius_to) {
  const float length = raycast::Length(to - from);
  Add(Shape::kCone, material, raycast::FrameAlong(raycast::Normalized(to - from), from),
      {radius_from, radius_to, length}, 0);
}

void Builder::Sphere(uint32_t material, Vec3 center, float radius) {
  Add(Shape::kSphere, material, Frame{.origin = center}, {radius, radius, radius}, 0);
}

void Builder::Torus(uint32_t material, Vec3 center, Vec3 axis, float ring_radius, float tube_radius) {
  Add(Shape::kTorus, material, raycast::FrameAlong(raycast::Normalized(axis), center), {ring_radius, tube_radius, 0},
      0);
}

void Builder::Cable(uint32_t material, std::span<const Vec3> points, float radius, float step) {
  const auto at = [&](size_t i, int offset) {
    const auto n = static_cast<int>(points.size());
    return points[static_cast<size_t>(std::clamp(static_cast<int>(i) + offset, 0, n - 1))];
  };
  for (size_t i = 0; i + 1 < points.size(); ++i) {
    const Vec3 a = at(i, -1), b = at(i, 0), c = at(i, 1), d = at(i, 2);
    const int pieces = std::max(1, static_cast<int>(std::lround(raycast::Length(c - b) / step)));
    Vec3 previous = b;
    for (int k = 1; k <= pieces; ++k) {
      const float t = static_cast<float>(k) / static_cast<float>(pieces), t2 = t * t, t3 = t2 * t;
      const Vec3 next =
          (b * 2.0f + (c - a) * t + (a * 2.0f - b * 5.0f + c * 4.0f - d) * t2 + (b * 3.0f - a - c * 3.0f + d) * t3) *
          0.5f;
      Capsule(material, previous, next, radius);
      previous = next;
    }
  }
}

void Builder::Sign(std::string text, uint32_t color_rrggbb, uint32_t letters_rrggbb, Vec3 center, Vec3 half,
                   float glow) {
  Material m = TwoTone(Pattern::kText, color_rrggbb, letters_rrggbb, 0.3f);
  m.text = std::move(text);
  m.glow = glow;
  Box(AddMaterial(std::move(m)), center, half, 0.003f);
}

}  // namespace takt::capture::cell
