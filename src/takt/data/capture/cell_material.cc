// SPDX-License-Identifier: Apache-2.0
#include "takt/data/capture/cell_material.h"

#include <array>
#include <cmath>
#include <vector>

#include "takt/data/capture/cell_layout.h"
#include "takt/data/capture/cell_texture.h"

namespace takt::capture::cell {
namespace {

using raycast::Clamp01;
using raycast::Mix;
using raycast::SmoothStep;

constexpr float kEdge_m = 0.0015f;  // half the width of a painted edge

constexpr float kLampPeriodX_m = 1.8f, kLampHalfX_m = 0.26f, kLampPeriodY_m = 2.4f, kLampHalfY_m = 1.0f;
constexpr Vec3 kLampTint{1.0f, 0.98f, 0.94f};

// 1 inside [lo, hi].
float Band(float v, float lo, float hi) {
  return SmoothStep(lo - kEdge_m, lo + kEdge_m, v) * (1 - SmoothStep(hi - kEdge_m, hi + kEdge_m, v));
}

// Distance to the nearest multiple of `period`.
float ToGrid(float v, float period) { return std::abs(v - period * std::round(v / period)); }

// 1 on every other stripe of the given width.
float Stripes(float v, float width) {
  const float phase = std::abs(v / (2 * width) - std::floor(v / (2 * width)) - 0.5f) * 2 * width;  // 0 .. width
  return SmoothStep(width * 0.5f - kEdge_m, width * 0.5f + kEdge_m, phase);
}

void PaintFloor(Vec3 p, Finish* finish) {
  const float cloud = Noise(p * 0.9f, 2), grain = Noise(p * 45.0f, 1);
  const float x = p.x, y = p.y;
  Vec3 color = Mix(Srgb(0xA3A7A8), Srgb(0xB9BBB8), cloud);
  float wear = 0;

  const float walkway = 1 - SmoothStep(kWalkwayEdgeY_m - kEdge_m, kWalkwayEdgeY_m + kEdge_m, y);
  color = Mix(color, Mix(Srgb(0x3F6F78), Srgb(0x4A7C84), cloud), walkway);
  const float line = Band(y, kWalkwayEdgeY_m - 0.04f, kWalkwayEdgeY_m + 0.04f);
  color = Mix(color, Srgb(0xF2F1EA), line);

  // The hazard border around the robot's reach.
  const float outside =
      std::max(std::abs(x - kZoneCenterX_m) - kZoneHalfX_m, std::abs(y - kZoneCenterY_m) - kZoneHalfY_m);
  const float border = Band(outside, -0.12f, 0.0f);
  const float stripe = Stripes(x + y, 0.1f * 1.41421f);
  color = Mix(color, Mix(Srgb(0x26272A), Srgb(0xF3B81A), stripe), border);
  // Inside, a darker coat.
  const float inside = 1 - SmoothStep(-0.12f - kEdge_m, -0.12f + kEdge_m, outside);
  color = Mix(color, color * Vec3{0.70f, 0.73f, 0.76f}, inside);
  const float marked = std::max(line, border);
  if (marked > 0) wear = marked * SmoothStep(0.62f, 0.78f, Noise(p * 9.0f, 3)) * 0.45f;
  color = Mix(color, Srgb(0x9B9E9E), wear);

  const float letters = TextCoverage("CELL 07", (x + 2.62f) / 0.26f, (y + 1.52f) / 0.26f, 0.01f);
  color = Mix(color, Srgb(0xF2F1EA), letters * (1 - wear) * 0.9f);

  const float joint = 1 - SmoothStep(0.002f, 0.006f, std::min(ToGrid(x - 0.4f, 2.4f), ToGrid(y + 0.2f, 2.4f)));
  color = color * (1 - 0.45f * joint);
  finish->albedo = color * (0.95f + 0.08f * grain);
  finish->roughness = 0.16f + 0.16f * cloud + 0.25f * wear;
}

void PaintWall(const Material& material, Vec3 p_local, float height, Finish* finish) {
  const float along = p_local.x;
  const float seam = ToGrid(along, 0.9f);
  const float base = 1 - SmoothStep(0.95f - kEdge_m, 0.95f + kEdge_m, height);
  Vec3 color = Mix(material.color, material.accent, base);
  color = Mix(color, Srgb(0xE8762B), Band(height, 0.97f, 1.03f));
  color = Mix(color, Srgb(0x2B3437), 1 - SmoothStep(0.118f, 0.121f, height));  // skirting
  // Fine flutes in the upper panels, a groove where two panels meet.
  const float flute = SmoothStep(0.008f, 0.0f, ToGrid(along, 0.15f)) * (1 - base) * 0.08f;
  const float groove = 1 - SmoothStep(0.004f, 0.009f, seam);
  const float lip = Band(seam, 0.010f, 0.016f) * 0.06f;
  color = color * (1 - flute - 0.55f * groove + lip);
  finish->albedo = color * (0.965f + 0.05f * Noise({along * 1.3f, height * 0.7f, 3.1f}, 2));
}

void PaintCeiling(const Material& material, Vec3 p, Finish* finish) {
  const float lamp = Band(ToGrid(p.x - 0.9f, kLampPeriodX_m), -1.0f, kLampHalfX_m) *
                     Band(ToGrid(p.y, kLampPeriodY_m), -1.0f, kLampHalfY_m);
  finish->albedo = material.color;
  finish->emission = kLampTint * (lamp * material.glow);
}

void PaintCardboard(const Material& material, const raycast::Primitive& box, Vec3 p, Vec3 n, Finish* finish) {
  const Vec3 s = box.size;
  const float fibre = Noise({p.x * 25, p.y * 25, p.z * 90}, 1);
  Vec3 color = material.color * (0.92f + 0.16f * fibre);
  const float tape =
      Band(p.y, -0.024f, 0.024f) *
      (std::abs(n.z) > 0.5f ? 1.0f : SmoothStep(s.z - 0.055f, s.z - 0.052f, p.z) * (std::abs(n.x) > 0.5f));
  color = Mix(color, Srgb(0xD9B98A) * 1.05f, tape * 0.75f);
  const float slit = 1 - SmoothStep(0.0008f, 0.0022f, std::abs(p.y));
  if (n.z > 0.5f) color = color * (1 - 0.35f * slit);
  // A shipping label on the sides that face +-y.
  if (std::abs(n.y) > 0.5f) {
    const float u = (n.y < 0 ? p.x : -p.x) / s.x, v = p.z / s.z;
    if (std::abs(u - 0.42f) < 0.36f && std::abs(v - 0.1f) < 0.42f) {
      color = Srgb(0xF4F2EC);
      const float bar =
          LatticeNoise(static_cast<int32_t>(std::floor(u * 42)), 7, static_cast<int32_t>(box.material_idx));
      if (v < -0.02f && v > -0.22f && u > 0.12f && u < 0.72f && bar > 0.48f) color = Srgb(0x24262A);
      if (v > 0.08f && v < 0.42f && u > 0.12f && u < 0.60f &&
          std::abs(v - 0.12f - 0.12f * std::round((v - 0.12f) / 0.12f)) < 0.022f) {
        color = Srgb(0x5A5D62);
      }
    }
  }
  finish->albedo = color;
}

void PaintScreen(const raycast::Primitive& plate, Vec3 p, Vec3 n, Finish* finish) {
  if (n.y > -0.9f) {
    finish->albedo = Srgb(0x202326);
    return;
  }
  const float aspect = plate.size.x / plate.size.z;
  const float u = (p.x / plate.size.x * 0.5f + 0.5f) * aspect, v = p.z / plate.size.z * 0.5f + 0.5f;
  Vec3 color = Srgb(0x0E2230);
  const float blur = 0.008f;
  const auto fill = [&](float lo_u, float hi_u, float lo_v, float hi_v, Vec3 paint) {
    const float du = std::max(lo_u - u, u - hi_u), dv = std::max(lo_v - v, v - hi_v);
    color = Mix(color, paint, 1 - SmoothStep(-blur, blur, std::max(du, dv)));
  };
  fill(0, aspect, 0.88f, 1.0f, Srgb(0x15485A));
  color = Mix(color, Srgb(0xF5F7F7), TextCoverage("TAKT", (u - 0.05f) / 0.07f, (v - 0.905f) / 0.07f, 0.05f));
  for (int bar = 0; bar < 6; ++bar) {
    const float left = 0.08f + 0.09f * static_cast<float>(bar);
    fill(left, left + 0.06f, 0.12f, 0.2f + 0.24f * LatticeNoise(bar, 3, 1), bar == 4 ? Srgb(0xF08A3C) : Srgb(0x39B3A6));
  }
  const float wave = 0.66f + 0.07f * std::sin(u * 11.0f) + 0.035f * std::sin(u * 29.0f);
  color = Mix(color, Srgb(0x7FE0D2), (1 - SmoothStep(0.006f, 0.018f, std::abs(v - wave))) * (u < 0.64f && u > 0.06f));
  const float ring = std::hypot(u - (aspect - 0.33f), v - 0.46f);
  const float angle = std::atan2(u - (aspect - 0.33f), v - 0.46f);
  color =
      Mix(color, angle < 1.9f ? Srgb(0x39B3A6) : Srgb(0x1E4152), 1 - SmoothStep(0.045f, 0.055f, std::abs(ring - 0.2f)));
  color = Mix(color, Srgb(0xF5F7F7), TextCoverage("98", (u - (aspect - 0.415f)) / 0.13f, (v - 0.4f) / 0.13f, 0.04f));
  finish->albedo = color * 0.1f;
  finish->emission = color * 0.9f;
}

void PaintText(const Material& material, const raycast::Primitive& plate, Vec3 p, Vec3 n, Finish* finish) {
  finish->albedo = material.color;
  if (n.y > -0.9f) return;
  std::vector<std::string> lines(1);
  for (const char c : material.text) {
    if (c == '\n')
      lines.emplace_back();
    else
      lines.back() += c;
  }
  float widest = 0.1f;
  for (const std::string& line : lines) widest = std::max(widest, TextWidth(line));
  const float row = 1.55f;
  const float rows = static_cast<float>(lines.size()) * row - (row - 1);
  const float capital = std::min(1.62f * plate.size.x / widest, 1.3f * plate.size.z / rows);
  for (size_t i = 0; i < lines.size(); ++i) {
    const float base = rows * 0.5f - 1 - static_cast<float>(i) * row;
    const float coverage =
        TextCoverage(lines[i], p.x / capital + TextWidth(lines[i]) * 0.5f, p.z / capital - base, 0.02f);
    finish->albedo = Mix(finish->albedo, material.accent, coverage);
  }
}

}  // namespace

Vec3 Srgb(uint32_t rrggbb) {
  static const std::array<float, 256> linear = [] {
    std::array<float, 256> table;
    for (size_t i = 0; i < table.size(); ++i) {
      const double v = static_cast<double>(i) / 255;
      table[i] = static_cast<float>(v <= 0.04045 ? v / 12.92 : std::pow((v + 0.055) / 1.055, 2.4));
    }
    return table;
  }();
  return {linear[rrggbb >> 16 & 255u], linear[rrggbb >> 8 & 255u], linear[rrggbb & 255u]};
}

Vec3 MeanEmission(const Material& material) {
  const float share = (2 * kLampHalfX_m / kLampPeriodX_m) * (2 * kLampHalfY_m / kLampPeriodY_m);
  return material.pattern == Pattern::kCeiling ? kLampTint * (share * material.glow) : material.color * material.glow;
}

Finish FinishAt(const Material& material, const raycast::Primitive& primitive, Vec3 p, Vec3 p_in_world, Vec3 n) {
  Finish finish;
  finish.albedo = material.color;
  finish.roughness = material.roughness;
  finish.emission = material.color * material.glow;
  switch (material.pattern) {
    case Pattern::kPlain:
      break;
    case Pattern::kPowder:
      finish.albedo = material.color * (0.97f + 0.06f * Noise(p * 70.0f, 1));
      break;
    case Pattern::kFloor:
      PaintFloor(p_in_world, &finish);
      break;
    case Pattern::kWall:
      PaintWall(material, p, p_in_world.z, &finish);
      break;
    case Pattern::kCeiling:
      PaintCeiling(material, p_in_world, &finish);
      break;
    case Pattern::kCardboard:
      PaintCardboard(material, primitive, p, n, &finish);
      break;
    case Pattern::kBelt: {
      const float rib = SmoothStep(0.006f, 0.002f, ToGrid(p.x, 0.03f));
      finish.albedo = material.color * (0.85f + 0.3f * Noise(p * 40.0f, 1) + 0.6f * rib);
      break;
    }
    case Pattern::kBrushed:
      finish.albedo = material.color * (0.9f + 0.2f * Noise({p.x * 9, p.y * 150, p.z * 150}, 1));
      break;
    case Pattern::kWood: {
      const float plank = std::floor(p.y / 0.14f);
      const float tone = LatticeNoise(static_cast<int32_t>(plank), 5, static_cast<int32_t>(primitive.material_idx));
      const float grain = Noise({p.x * 5 + plank * 7, p.y * 60, p.z * 60}, 2);
      const float gap = SmoothStep(0.003f, 0.001f, ToGrid(p.y, 0.14f));
      finish.albedo = Mix(material.color, material.accent, 0.55f * grain + 0.35f * tone) * (1 - 0.5f * gap);
      break;
    }
    case Pattern::kStripes:
      finish.albedo = Mix(material.color, material.accent, Stripes(p.x + p.y + p.z, 0.07f));
      break;
    case Pattern::kText:
      PaintText(material, primitive, p, n, &finish);
      break;
    case Pattern::kScreen:
      PaintScreen(primitive, p, n, &finish);
      break;
  }
  finish.reflectance = Mix(Vec3{1, 1, 1} * material.reflectance, finish.albedo, material.metallic);
  finish.albedo *= 1 - 0.65f * material.metallic;
  return finish;
}

}  // namespace takt::capture::cell
