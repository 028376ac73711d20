// SPDX-License-Identifier: Apache-2.0
// The room and its furniture.
#include "takt/data/capture/cell_scene.h"

#include <array>
#include <cmath>
#include <vector>

#include "takt/core/base/rng.h"
#include "takt/data/capture/cell_layout.h"

namespace takt::capture::cell {
namespace {

using raycast::Frame;
using raycast::FrameAlong;
using raycast::Normalized;

constexpr float kPi = 3.14159265358979f;

enum Stream : uint64_t { kBenchStream = 16, kPalletStream = 17 };

// An open bin that leans back on its rack; the origin is the middle of its floor, the front is -y.
void AddBin(Builder* b, const Frame& frame, uint32_t color, Vec3 half) {
  const auto part = [&](Vec3 center, Vec3 h) {
    b->BoxIn(color, raycast::Compose(frame, Frame{.origin = center}), h, 0.003f);
  };
  part({0, 0, 0.004f}, {half.x, half.y, 0.004f});
  part({0, half.y, half.z}, {half.x, 0.004f, half.z});
  part({0, -half.y, half.z * 0.5f}, {half.x, 0.004f, half.z * 0.5f});
  for (const float s : {-1.0f, 1.0f}) {
    part({s * half.x, 0.0f, half.z * 0.5f}, {0.004f, half.y, half.z * 0.5f});
    part({s * half.x, half.y * 0.45f, half.z}, {0.004f, half.y * 0.55f, half.z});
  }
  const Frame card = raycast::Compose(frame, Frame{.origin = {0, -half.y - 0.004f, half.z * 0.5f}});
  b->BoxIn(b->paint().white, card, {half.x * 0.5f, 0.002f, half.z * 0.25f}, 0.001f);
}

// Small parts heaped in a bin, one kind a bin.
void FillBin(Builder* b, const Frame& frame, Vec3 half, const Rng& rng, int kind) {
  const Palette& p = b->paint();
  constexpr int kParts = 26;
  for (int i = 0; i < kParts; ++i) {
    const auto draw = [&](int k) { return rng.Uniform(static_cast<uint64_t>(i) * 8 + static_cast<uint64_t>(k)); };
    const float u = 2 * draw(0) - 1, v = 2 * draw(1) - 1;
    const float heap = 0.018f + 0.030f * (1 - 0.6f * (u * u + v * v) * 0.5f) * static_cast<float>(i) / kParts;
    const Vec3 at = frame.ToWorld({u * (half.x - 0.03f), v * (half.y - 0.032f), heap});
    const Vec3 axis = Normalized({draw(2) - 0.5f, draw(3) - 0.5f, 0.35f * (draw(4) - 0.5f) + 0.02f});
    const Vec3 flat = Normalized({draw(2) - 0.5f, draw(3) - 0.5f, 1.1f});
    switch (kind) {
      case 0:  // bolts
        b->Cylinder(p.steel, at - axis * 0.022f, at + axis * 0.020f, 0.0065f, 0.001f);
        b->Cylinder(p.steel, at + axis * 0.018f, at + axis * 0.030f, 0.013f, 0.002f);
        break;
      case 1:
        b->Torus(p.brushed, at, flat, 0.017f, 0.006f);
        break;  // rings
      case 2:
        b->Sphere(i % 3 == 0 ? p.red : i % 3 == 1 ? p.blue : p.white, at, 0.014f + 0.003f * draw(5));
        break;
      case 3:  // bushes
        b->Cylinder(p.orange, at - axis * 0.016f, at + axis * 0.016f, 0.014f, 0.002f);
        b->Cylinder(p.black, at - axis * 0.0165f, at + axis * 0.0165f, 0.008f, 0.001f);
        break;
      default:
        b->Capsule(i % 2 == 0 ? p.green : p.teal, at - axis * 0.018f, at + axis * 0.018f, 0.010f);
        break;
    }
  }
}

void AddExtinguisher(Builder* b, Vec3 at) {
  const Palette& p = b->paint();
  b->Capsule(p.red, at, at + Vec3{0, 0, 0.36f}, 0.085f);
  b->Cylinder(p.black, at + Vec3{0, 0, 0.43f}, at + Vec3{0, 0, 0.50f}, 0.026f);
  b->Box(p.black, at + Vec3{0, -0.03f, 0.51f}, {0.014f, 0.075f, 0.010f});
  b->Cylinder(p.white, at + Vec3{0, 0, 0.10f}, at + Vec3{0, 0, 0.24f}, 0.0858f, 0.001f);
  const std::array<Vec3, 5> hose = {at + Vec3{0, 0.03f, 0.48f}, at + Vec3{0.03f, 0.12f, 0.44f},
                                    at + Vec3{0.05f, 0.12f, 0.28f}, at + Vec3{0.06f, 0.10f, 0.12f},
                                    at + Vec3{0.07f, 0.08f, 0.02f}};
  b->Cable(p.black, hose, 0.012f, 0.04f);
}

void AddClock(Builder* b, Vec3 at) {
  const Palette& p = b->paint();
  const Vec3 out{0, -1, 0};
  b->Cylinder(p.white, at, at + out * 0.03f, 0.19f, 0.006f);
  b->Torus(p.graphite, at + out * 0.028f, out, 0.19f, 0.016f);
  for (int hour = 0; hour < 12; ++hour) {
    const float a = kPi * static_cast<float>(hour) / 6;
    const Vec3 ray{std::sin(a), 0, std::cos(a)};
    b->Capsule(p.graphite, at + ray * 0.148f + out * 0.03f, at + ray * 0.160f + out * 0.03f,
               hour % 3 == 0 ? 0.007f : 0.004f);
  }
  const float long_hand = 2 * kPi * 0.17f, short_hand = 2 * kPi * (10 + 0.17f) / 12;
  b->Capsule(p.graphite, at + out * 0.035f,
             at + Vec3{0.095f * std::sin(short_hand), -0.035f, 0.095f * std::cos(short_hand)}, 0.006f);
  b->Capsule(p.graphite, at + out * 0.038f,
             at + Vec3{0.140f * std::sin(long_hand), -0.038f, 0.140f * std::cos(long_hand)}, 0.0045f);
  b->Sphere(p.orange, at + out * 0.038f, 0.012f);
}

}  // namespace

void AddRoom(Builder* b) {
  const Palette& p = b->paint();
  b->SetFrame({});
  const float depth = (kBackWallY_m - kFrontY_m) * 0.5f, middle = (kBackWallY_m + kFrontY_m) * 0.5f;
  b->Box(p.floor, {0, middle, -0.1f}, {kRoomHalfX_m + 0.4f, depth + 0.4f, 0.1f}, 0.002f);
  b->Box(p.ceiling, {0, middle, kCeilingZ_m + 0.1f}, {kRoomHalfX_m + 0.4f, depth + 0.4f, 0.1f}, 0.002f);
  const float half_height = kCeilingZ_m * 0.5f;
  b->Box(p.wall, {0, kBackWallY_m + 0.1f, half_height}, {kRoomHalfX_m + 0.2f, 0.1f, half_height}, 0.002f);
  for (const float s : {-1.0f, 1.0f}) {
    b->TurnedBox(p.wall, {s * (kRoomHalfX_m + 0.1f), middle, half_height}, {depth, 0.1f, half_height}, 0.5f * kPi,
                 0.002f);
  }
  // Columns in the corners, pipes and a cable tray along the back wall.
  for (const float s : {-1.0f, 1.0f}) {
    b->Box(p.light_grey, {s * (kRoomHalfX_m - 0.09f), kBackWallY_m - 0.09f, half_height}, {0.10f, 0.10f, half_height},
           0.008f);
  }
  const float y = kBackWallY_m - 0.09f;
  const std::array<std::pair<uint32_t, float>, 3> pipes = {{{p.teal, 0.045f}, {p.yellow, 0.032f}, {p.brushed, 0.038f}}};
  for (size_t i = 0; i < pipes.size(); ++i) {
    const float z = 2.92f + 0.15f * static_cast<float>(i);
    b->Cylinder(pipes[i].first, {-kRoomHalfX_m + 0.15f, y, z}, {kRoomHalfX_m - 0.15f, y, z}, pipes[i].second);
    for (float x = -2.7f; x < 3; x += 1.35f) {
      b->Torus(p.steel, {x, y, z}, {1, 0, 0}, pipes[i].second + 0.005f, 0.007f);
      b->Box(p.graphite, {x, y + 0.05f, z}, {0.012f, 0.045f, 0.012f});
    }
  }
  b->Cylinder(p.teal, {0.95f, y, 2.90f}, {0.95f, y, 1.30f}, 0.026f);
  b->Torus(p.red, {0.95f, y - 0.055f, 1.62f}, {0, 1, 0}, 0.06f, 0.011f);
  b->Cylinder(p.brushed, {0.95f, y, 1.62f}, {0.95f, y - 0.07f, 1.62f}, 0.018f);
  b->Box(p.graphite, {0.95f, y - 0.01f, 1.28f}, {0.06f, 0.06f, 0.07f}, 0.015f);
  b->Cylinder(p.white, {0.95f, y - 0.07f, 1.30f}, {0.95f, y - 0.085f, 1.30f}, 0.036f);
  std::vector<Vec3> coil;  // a coiled air hose from the regulator to the robot's base
  for (int i = 0; i <= 150; ++i) {
    const float t = static_cast<float>(i) / 150, a = 2 * kPi * 13 * t;
    const Vec3 axis{0.95f - 0.42f * t, y - 0.02f - 1.05f * t, 1.18f - 0.95f * t + 0.55f * t * (t - 1)};
    coil.push_back(axis + Vec3{0.042f * std::cos(a), 0.042f * std::sin(a) * 0.5f, 0.042f * std::sin(a) * 0.9f});
  }
  for (size_t i = 0; i + 1 < coil.size(); ++i) b->Capsule(p.blue, coil[i], coil[i + 1], 0.0075f);

  b->Sign("TAKT", 0x17444E, 0xF5F3EC, {-0.55f, kBackWallY_m - 0.02f, 2.28f}, {0.72f, 0.02f, 0.27f}, 0.05f);
  b->Box(p.orange, {-0.55f, kBackWallY_m - 0.022f, 1.985f}, {0.72f, 0.022f, 0.014f});
  AddClock(b, {0.52f, kBackWallY_m, 2.28f});
  AddExtinguisher(b, {-kRoomHalfX_m + 0.11f, -0.62f, 0.62f});
  b->SetFrame(raycast::Turned(0.5f * kPi, {-kRoomHalfX_m + 0.01f, -0.62f, 0}));
  b->Sign("FIRE", 0xB71C1C, 0xFFFFFF, {0, 0, 1.45f}, {0.12f, 0.006f, 0.09f});
  // A board with instructions, and a tool cart at the right wall.
  b->SetFrame(raycast::Turned(-0.5f * kPi, {kRoomHalfX_m - 0.02f, 0.55f, 0}));
  b->Box(p.aluminium, {0, 0.005f, 1.75f}, {0.75f, 0.018f, 0.46f}, 0.006f);
  b->Box(p.white, {0, -0.012f, 1.75f}, {0.72f, 0.006f, 0.43f}, 0.003f);
  b->Sign("TAKT TIME\n12.4 S", 0x14808A, 0xFFFFFF, {-0.34f, -0.018f, 1.90f}, {0.32f, 0.004f, 0.20f});
  b->Sign("PLAN 480\nDONE 462", 0xF5F3EC, 0x33383C, {-0.34f, -0.018f, 1.51f}, {0.32f, 0.004f, 0.13f});
  const std::array<uint32_t, 4> notes = {p.yellow, p.orange, p.green, p.teal};
  for (int i = 0; i < 12; ++i) {
    const auto column = static_cast<float>(i % 4), row = static_cast<float>(i / 4);
    b->TurnedBox(notes[static_cast<size_t>(i * 7 % 5 % 4)], {0.13f + 0.155f * column, -0.019f, 2.04f - 0.22f * row},
                 {0.058f, 0.002f, 0.07f}, 0);
  }
  b->SetFrame(raycast::Turned(-0.5f * kPi, {kRoomHalfX_m - 0.34f, -0.95f, 0}));
  b->Box(p.red, {0, 0, 0.50f}, {0.40f, 0.24f, 0.37f}, 0.015f);
  b->Box(p.black, {0, 0, 0.885f}, {0.41f, 0.25f, 0.015f}, 0.010f);
  for (int drawer = 0; drawer < 5; ++drawer) {
    const float z = 0.22f + 0.135f * static_cast<float>(drawer);
    b->Box(p.red, {0, -0.243f, z}, {0.37f, 0.010f, 0.060f}, 0.005f);
    b->Box(p.aluminium, {0, -0.258f, z + 0.045f}, {0.34f, 0.008f, 0.008f}, 0.005f);
  }
  for (const float x : {-0.32f, 0.32f}) {
    for (const float dy : {-0.17f, 0.17f})
      b->Cylinder(p.rubber, {x - 0.018f, dy, 0.06f}, {x + 0.018f, dy, 0.06f}, 0.06f, 0.010f);
  }
  b->Box(p.blue, {-0.15f, 0.02f, 0.945f}, {0.16f, 0.10f, 0.045f}, 0.012f);
  b->Box(p.black, {-0.15f, 0.02f, 1.00f}, {0.07f, 0.012f, 0.012f}, 0.010f);
}

void AddBench(uint64_t seed, Builder* b) {
  const Palette& p = b->paint();
  const Frame bench = raycast::Turned(0.5f * kPi, {-3.12f, 1.02f, 0});
  b->SetFrame(bench);
  b->Box(p.wood, {0, 0, 0.86f}, {0.95f, 0.40f, 0.022f}, 0.008f);
  for (const float x : {-0.88f, 0.88f}) {
    for (const float y : {-0.34f, 0.34f}) {
      b->Box(p.light_grey, {x, y, 0.42f}, {0.03f, 0.03f, 0.42f}, 0.006f);
      b->Cylinder(p.rubber, {x, y, 0}, {x, y, 0.02f}, 0.04f);
    }
    b->Box(p.light_grey, {x, 0, 0.14f}, {0.025f, 0.32f, 0.025f});
    b->Box(p.light_grey, {x, 0.36f, 1.30f}, {0.025f, 0.025f, 0.42f}, 0.006f);
  }
  b->Box(p.light_grey, {0, 0.33f, 0.79f}, {0.86f, 0.02f, 0.045f});
  b->Box(p.light_grey, {0, 0.05f, 0.16f}, {0.87f, 0.30f, 0.012f});
  b->Box(p.light_grey, {0.52f, -0.05f, 0.64f}, {0.28f, 0.30f, 0.19f}, 0.010f);  // drawers
  for (int i = 0; i < 3; ++i) {
    const float z = 0.52f + 0.12f * static_cast<float>(i);
    b->Box(p.teal, {0.52f, -0.352f, z}, {0.26f, 0.008f, 0.053f}, 0.004f);
    b->Box(p.aluminium, {0.52f, -0.366f, z + 0.02f}, {0.09f, 0.008f, 0.008f}, 0.005f);
  }
  b->Box(p.pale_cardboard, {-0.45f, 0.02f, 0.30f}, {0.24f, 0.20f, 0.13f});
  // Rack with two rows of bins, leaning towards the worker.
  b->Box(p.light_grey, {0, 0.37f, 1.26f}, {0.87f, 0.012f, 0.30f}, 0.004f);
  const std::array<uint32_t, 5> colors = {p.blue, p.yellow, p.red, p.green, p.orange};
  const float tilt = 0.28f;
  for (int row = 0; row < 2; ++row) {
    for (int column = 0; column < 5; ++column) {
      const int bin = row * 5 + column;
      const Vec3 half{0.105f, 0.13f, 0.058f};
      const Frame local{{1, 0, 0},
                        {0, std::cos(tilt), std::sin(tilt)},
                        {0, -std::sin(tilt), std::cos(tilt)},
                        {-0.52f + 0.255f * static_cast<float>(column), 0.20f, 1.03f + 0.26f * static_cast<float>(row)}};
      AddBin(b, local, colors[static_cast<size_t>(column + 2 * row) % colors.size()], half);
      FillBin(b, local, half, Rng(seed, kBenchStream * 16 + static_cast<uint64_t>(bin)), (bin * 3 + row) % 5);
    }
    b->Box(p.light_grey, {0, 0.22f, 0.985f + 0.26f * static_cast<float>(row)}, {0.66f, 0.13f, 0.008f});
  }
  // Display on an arm, lamp bar, vice, mat, mug, parts being assembled.
  b->Cylinder(p.graphite, {-0.74f, 0.30f, 0.88f}, {-0.74f, 0.30f, 1.42f}, 0.018f);
  const Frame display = raycast::Turned(0.35f, {-0.76f, 0.20f, 1.36f});
  b->BoxIn(p.black, display, {0.25f, 0.018f, 0.155f}, 0.010f);
  b->BoxIn(p.screen, raycast::Compose(display, Frame{.origin = {0, -0.017f, 0}}), {0.237f, 0.003f, 0.142f}, 0.002f);
  b->Box(p.white, {0, 0.10f, 1.74f}, {0.80f, 0.05f, 0.020f}, 0.012f);
  for (const float x : {-0.88f, 0.88f}) b->Box(p.light_grey, {x, 0.23f, 1.72f}, {0.018f, 0.15f, 0.018f});
  b->Box(p.teal, {0.08f, -0.17f, 0.884f}, {0.36f, 0.19f, 0.004f}, 0.003f);
  b->Box(p.blue, {0.70f, -0.24f, 0.915f}, {0.06f, 0.085f, 0.032f}, 0.010f);
  b->Box(p.blue, {0.70f, -0.20f, 0.975f}, {0.055f, 0.020f, 0.035f}, 0.006f);
  b->Box(p.blue, {0.70f, -0.30f, 0.975f}, {0.055f, 0.020f, 0.035f}, 0.006f);
  b->Cylinder(p.steel, {0.70f, -0.32f, 0.955f}, {0.70f, -0.42f, 0.955f}, 0.010f);
  b->Capsule(p.steel, {0.64f, -0.415f, 0.955f}, {0.76f, -0.415f, 0.955f}, 0.006f);
  b->Cylinder(p.white, {-0.42f, -0.25f, 0.882f}, {-0.42f, -0.25f, 0.975f}, 0.038f, 0.006f);
  b->Torus(p.white, {-0.376f, -0.25f, 0.93f}, {0, 1, 0}, 0.026f, 0.006f);
  b->Cylinder(p.aluminium, {0.02f, -0.16f, 0.888f}, {0.02f, -0.16f, 0.96f}, 0.07f, 0.010f);
  b->Cylinder(p.graphite, {0.02f, -0.16f, 0.96f}, {0.02f, -0.16f, 0.99f}, 0.045f, 0.006f);
  b->Torus(p.orange, {0.02f, -0.16f, 0.99f}, {0, 0, 1}, 0.045f, 0.008f);
  b->Torus(p.steel, {0.24f, -0.10f, 0.897f}, {0, 0, 1}, 0.045f, 0.010f);
  b->Torus(p.brushed, {0.26f, -0.24f, 0.896f}, {0, 0, 1}, 0.030f, 0.008f);
  b->Capsule(p.red, {-0.20f, -0.20f, 0.905f}, {-0.12f, -0.12f, 0.905f}, 0.015f);  // screwdriver
  b->Capsule(p.steel, {-0.12f, -0.12f, 0.905f}, {-0.03f, -0.03f, 0.898f}, 0.004f);
}

void AddCabinet(Builder* b) {
  const Palette& p = b->paint();
  b->SetFrame(Frame{.origin = {1.82f, 2.18f, 0}});
  b->Box(p.graphite, {0, 0, 0.05f}, {0.50f, 0.27f, 0.05f});
  b->Box(p.light_grey, {0, 0, 1.05f}, {0.52f, 0.29f, 0.95f}, 0.012f);
  for (const float s : {-1.0f, 1.0f}) {
    b->Box(p.light_grey, {s * 0.257f, -0.292f, 1.06f}, {0.245f, 0.010f, 0.90f}, 0.006f);
    b->Box(p.black, {s * 0.045f, -0.312f, 1.05f}, {0.012f, 0.012f, 0.09f}, 0.008f);
    for (const float z : {0.35f, 1.05f, 1.75f})
      b->Cylinder(p.steel, {s * 0.495f, -0.305f, z}, {s * 0.495f, -0.305f, z + 0.07f}, 0.010f);
  }
  for (int slot = 0; slot < 9; ++slot) {
    b->Box(p.black, {-0.26f, -0.301f, 0.32f + 0.032f * static_cast<float>(slot)}, {0.15f, 0.004f, 0.007f}, 0.003f);
  }
  b->Box(p.graphite, {0.27f, -0.303f, 1.55f}, {0.18f, 0.008f, 0.13f}, 0.006f);
  b->Box(p.screen, {0.27f, -0.311f, 1.55f}, {0.165f, 0.003f, 0.115f}, 0.002f);
  b->Sign("CELL 07", 0x14808A, 0xFFFFFF, {-0.26f, -0.303f, 1.80f}, {0.17f, 0.004f, 0.052f});
  b->Sign("400 V", 0xF2B61A, 0x1B1D1F, {-0.26f, -0.303f, 1.62f}, {0.085f, 0.004f, 0.05f});
  const std::array<uint32_t, 5> lamps = {p.green_lamp, p.white, p.amber_lamp, p.blue_lamp, p.red_lamp};
  for (int i = 0; i < 5; ++i) {
    const Vec3 at{0.13f + 0.07f * static_cast<float>(i), -0.302f, 1.33f};
    b->Cylinder(p.steel, at, at + Vec3{0, -0.008f, 0}, 0.024f, 0.002f);
    b->Cylinder(lamps[static_cast<size_t>(i)], at, at + Vec3{0, -0.020f, 0}, 0.017f, 0.006f);
  }
  for (int i = 0; i < 3; ++i) {  // selector switches
    const Vec3 at{0.13f + 0.07f * static_cast<float>(i), -0.302f, 1.23f};
    b->Cylinder(p.black, at, at + Vec3{0, -0.012f, 0}, 0.022f, 0.003f);
    b->Box(p.white, at + Vec3{0, -0.016f, 0}, {0.005f, 0.008f, 0.018f}, 0.003f);
  }
  const Vec3 stop{0.38f, -0.302f, 1.215f};
  b->Box(p.yellow, stop, {0.055f, 0.010f, 0.055f}, 0.006f);
  b->Cylinder(p.red, stop, stop + Vec3{0, -0.055f, 0}, 0.020f, 0.003f);
  b->Cylinder(p.red, stop + Vec3{0, -0.04f, 0}, stop + Vec3{0, -0.068f, 0}, 0.038f, 0.012f);
  b->Box(p.graphite, {0, -0.30f, 0.99f}, {0.40f, 0.006f, 0.004f}, 0.003f);
  // Signal tower.
  const Vec3 tower{0.34f, -0.05f, 2.0f};
  b->Cylinder(p.graphite, tower, tower + Vec3{0, 0, 0.03f}, 0.055f);
  b->Cylinder(p.aluminium, tower, tower + Vec3{0, 0, 0.20f}, 0.016f);
  const std::array<uint32_t, 3> tiers = {p.green_lamp, p.amber_lamp, p.red_lamp};
  for (int i = 0; i < 3; ++i) {
    const float z = 0.20f + 0.095f * static_cast<float>(i);
    b->Cylinder(tiers[static_cast<size_t>(i)], tower + Vec3{0, 0, z}, tower + Vec3{0, 0, z + 0.082f}, 0.045f, 0.006f);
    b->Cylinder(p.graphite, tower + Vec3{0, 0, z + 0.08f}, tower + Vec3{0, 0, z + 0.097f}, 0.047f);
  }
  b->Cylinder(p.graphite, tower + Vec3{0, 0, 0.48f}, tower + Vec3{0, 0, 0.51f}, 0.046f, 0.010f);
  // Cable duct up the wall, cables down to the floor and on to the robot.
  b->Box(p.light_grey, {-0.30f, 0.20f, 2.5f}, {0.09f, 0.06f, 0.52f});
  b->SetFrame({});
  for (int i = 0; i < 3; ++i) {
    const float off = 0.045f * static_cast<float>(i);
    const std::array<Vec3, 6> run = {Vec3{1.42f + off, 1.90f, 0.14f},  Vec3{1.36f + off, 1.80f, 0.018f},
                                     Vec3{1.12f, 1.62f - off, 0.016f}, Vec3{0.72f, 1.46f - off, 0.016f},
                                     Vec3{0.38f - off, 1.26f, 0.018f}, Vec3{kRobotX_m + 0.06f - off, 1.08f, 0.16f}};
    b->Cable(i == 1 ? p.orange : p.rubber, run, i == 1 ? 0.011f : 0.014f, 0.06f);
  }
}

void AddPallet(uint64_t seed, Builder* b) {
  const Palette& p = b->paint();
  const Rng rng(seed, kPalletStream);
  b->SetFrame(raycast::Turned(0.10f * (rng.Uniform(0) - 0.5f), {-1.28f, 1.72f, 0}));
  for (int i = 0; i < 5; ++i) {
    const float y = -0.36f + 0.18f * static_cast<float>(i);
    b->Box(p.pallet, {0, y, 0.132f}, {0.60f, 0.062f, 0.011f}, 0.003f);
    if (i % 2 == 0) b->Box(p.pallet, {0, y, 0.011f}, {0.60f, 0.050f, 0.011f}, 0.003f);
  }
  for (const float x : {-0.53f, 0.0f, 0.53f}) {
    b->Box(p.pallet, {x, 0, 0.112f}, {0.062f, 0.42f, 0.010f}, 0.003f);
    for (const float y : {-0.36f, 0.0f, 0.36f}) b->Box(p.pallet, {x, y, 0.062f}, {0.065f, 0.05f, 0.040f}, 0.004f);
  }
  const Vec3 half{0.188f, 0.19f, 0.135f};
  for (int layer = 0; layer < 3; ++layer) {
    for (int i = 0; i < 6; ++i) {
      const auto at = static_cast<uint64_t>(16 * (layer * 6 + i) + 1);
      if (layer == 2 && rng.Uniform(at) < 0.45f) continue;
      const float x = (static_cast<float>(i % 3) - 1) * 0.388f, y = (static_cast<float>(i / 3) - 0.5f) * 0.395f;
      b->TurnedBox(
          rng.Uniform(at + 1) < 0.7f ? p.cardboard : p.pale_cardboard,
          {x + 0.008f * (rng.Uniform(at + 2) - 0.5f), y, 0.145f + half.z * (2 * static_cast<float>(layer) + 1)},
          half - Vec3{0, 0, 0.0015f}, 0.04f * (rng.Uniform(at + 3) - 0.5f));
    }
  }
}

void AddFence(Builder* b) {
  const Palette& p = b->paint();
  b->SetFrame({});
  const float x = 2.78f;
  const std::array<float, 3> posts = {0.12f, 1.12f, 2.12f};
  for (const float y : posts) {
    b->Box(p.yellow, {x, y, 0.80f}, {0.026f, 0.026f, 0.80f}, 0.005f);
    b->Box(p.graphite, {x, y, 0.008f}, {0.075f, 0.075f, 0.008f});
  }
  for (size_t panel = 0; panel + 1 < posts.size(); ++panel) {
    const float from = posts[panel] + 0.045f, to = posts[panel + 1] - 0.045f, low = 0.16f, high = 1.56f;
    for (const float z : {low, high})
      b->Box(p.graphite, {x, (from + to) * 0.5f, z}, {0.012f, (to - from) * 0.5f, 0.012f}, 0.004f);
    for (const float y : {from, to})
      b->Box(p.graphite, {x, y, (low + high) * 0.5f}, {0.012f, 0.012f, (high - low) * 0.5f}, 0.004f);
    for (int i = 1; i < 10; ++i) {
      const float y = from + (to - from) * static_cast<float>(i) / 10;
      b->Cylinder(p.graphite, {x, y, low}, {x, y, high}, 0.004f, 0.001f);
    }
    for (int i = 1; i < 7; ++i) {
      const float z = low + (high - low) * static_cast<float>(i) / 7;
      b->Cylinder(p.graphite, {x + 0.006f, from, z}, {x + 0.006f, to, z}, 0.004f, 0.001f);
    }
  }
  b->SetFrame(Frame{{0, -1, 0}, {1, 0, 0}, {0, 0, 1}, {x - 0.02f, 0.62f, 0}});
  b->Sign("ROBOT\nZONE", 0xF2B61A, 0x1B1D1F, {0, 0, 1.18f}, {0.20f, 0.005f, 0.13f});
  // The posts of the light curtain at the open corners of the zone.
  b->SetFrame({});
  for (const float s : {-1.0f, 1.0f}) {
    const Vec3 at{kZoneCenterX_m + s * (kZoneHalfX_m - 0.06f), kZoneCenterY_m - kZoneHalfY_m + 0.06f, 0};
    b->Box(p.graphite, at + Vec3{0, 0, 0.010f}, {0.08f, 0.08f, 0.010f});
    b->Box(p.yellow, at + Vec3{0, 0, 0.56f}, {0.036f, 0.030f, 0.54f}, 0.010f);
    b->Box(p.black, at + Vec3{-s * 0.034f, 0, 0.58f}, {0.006f, 0.016f, 0.44f}, 0.004f);
    b->Box(p.stripes, at + Vec3{0, 0, 0.16f}, {0.0375f, 0.0315f, 0.12f}, 0.008f);
    b->Sphere(p.green_lamp, at + Vec3{0, 0, 1.10f}, 0.022f);
  }
}

Scene MakeScene(uint64_t seed) {
  Builder builder;
  AddRoom(&builder);
  AddConveyor(seed, &builder);
  AddRobot(seed, &builder);
  AddBench(seed, &builder);
  AddCabinet(&builder);
  AddPallet(seed, &builder);
  AddFence(&builder);
  AddMobileRobot(seed, &builder);
  return builder.Release();
}

}  // namespace takt::capture::cell
