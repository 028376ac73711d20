// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "takt/data/capture/raycast.h"

namespace takt::capture::cell {

using raycast::Vec3;

// What is painted on a solid. Patterns are functions of the point alone (solid textures), so that every camera sees the
// same mark at the same place. Plates (kText, kScreen) are boxes whose front is the -y face, x to the right, z up.
enum class Pattern : uint8_t {
  kPlain,      // `color`
  kPowder,     // `color` with the faint grain of a powder coat
  kFloor,      // epoxy on concrete with the markings of the cell; world coordinates
  kWall,       // sandwich panels with a painted base; x along the wall
  kCeiling,    // rows of lamps
  kCardboard,  // corrugated board, a strip of tape along x, one label
  kBelt,       // rubber with fine ribs across x
  kBrushed,    // metal ground along x
  kWood,       // planks along x
  kStripes,    // diagonal stripes of `color` and `accent`, 0.05 m wide
  kText,       // lines of `text` in `accent` on `color`
  kScreen,     // an operator's display, lit
};

struct Material {
  Pattern pattern = Pattern::kPlain;
  Vec3 color{0.5f, 0.5f, 0.5f};   // linear
  Vec3 accent{0.0f, 0.0f, 0.0f};  // linear
  float roughness = 0.5f;         // of the highlight, (0, 1]
  float reflectance = 0.04f;      // at normal incidence
  float metallic = 0;             // 1: `color` tints the reflection, little diffuse is left
  float glow = 0;                 // emitted radiance / color
  std::string text;
};

// The optical properties of one point.
struct Finish {
  Vec3 albedo;
  Vec3 reflectance;  // at normal incidence
  float roughness = 0.5f;
  Vec3 emission;
};

// A colour as designers write it, 0xRRGGBB in sRGB, in linear light.
Vec3 Srgb(uint32_t rrggbb);

// Emitted radiance, averaged over the pattern: what light from many places gathers without noise.
Vec3 MeanEmission(const Material& material);

// Cost: up to about 0.2 us (the floor's noise).
Finish FinishAt(const Material& material, const raycast::Primitive& primitive, Vec3 p_in_local, Vec3 p_in_world,
                Vec3 normal_in_local);

}  // namespace takt::capture::cell
