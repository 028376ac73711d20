// SPDX-License-Identifier: Apache-2.0
// The machines of the cell: conveyor, robot and mobile robot.
#include <array>
#include <cmath>
#include <vector>

#include "takt/core/base/rng.h"
#include "takt/data/capture/cell_layout.h"
#include "takt/data/capture/cell_scene.h"

namespace takt::capture::cell {
namespace {

using raycast::Cross;
using raycast::Frame;
using raycast::Length;
using raycast::Normalized;

constexpr float kPi = 3.14159265358979f;

enum Stream : uint64_t { kConveyorStream = 1, kRobotStream = 2, kMobileStream = 3 };

// A lidded tote with a rim, a handle recess and a card; `center` is the middle of its underside.
void AddTote(Builder* b, uint32_t color, Vec3 center, Vec3 half, float angle_rad) {
  const Frame frame = raycast::Turned(angle_rad, center);
  const auto part = [&](uint32_t material, Vec3 p, Vec3 h, float rounding) {
    b->BoxIn(material, raycast::Compose(frame, Frame{.origin = p}), h, rounding);
  };
  part(color, {0, 0, half.z * 0.9f}, {half.x * 0.95f, half.y * 0.95f, half.z * 0.9f}, 0.012f);
  part(color, {0, 0, half.z * 1.72f}, {half.x, half.y, half.z * 0.10f}, 0.006f);
  part(color, {0, 0, half.z * 1.90f}, {half.x * 0.93f, half.y * 0.93f, half.z * 0.08f}, 0.006f);
  for (const float side : {-1.0f, 1.0f}) {
    part(color, {side * half.x * 0.5f, -half.y * 0.95f, half.z * 0.75f}, {0.006f, 0.006f, half.z * 0.7f}, 0.003f);
  }
  part(b->paint().white, {0, -half.y * 0.95f, half.z * 0.8f}, {half.x * 0.30f, 0.003f, half.z * 0.36f}, 0.002f);
  part(b->paint().graphite, {0, -half.y * 0.95f - 0.002f, half.z * 0.95f}, {half.x * 0.22f, 0.0025f, half.z * 0.07f},
       0.001f);
}

void AddGripper(Builder* b, Vec3 wrist, float yaw_rad) {
  const Palette& p = b->paint();
  const Frame tool = raycast::Turned(yaw_rad, wrist);
  const auto down = [&](float z) { return tool.ToWorld({0, 0, -z}); };
  b->Cylinder(p.graphite, down(0.045f), down(0.10f), 0.052f, 0.008f);
  b->Cylinder(p.steel, down(0.10f), down(0.118f), 0.046f, 0.003f);
  const auto box = [&](uint32_t material, Vec3 center, Vec3 half, float rounding) {
    b->BoxIn(material, raycast::Compose(tool, Frame{.origin = center}), half, rounding);
  };
  box(p.graphite, {0, 0, -0.15f}, {0.085f, 0.045f, 0.034f}, 0.010f);
  box(p.teal, {0, -0.045f, -0.15f}, {0.045f, 0.004f, 0.012f}, 0.002f);
  box(p.aluminium, {0, 0, -0.192f}, {0.125f, 0.030f, 0.010f}, 0.003f);
  for (const float side : {-1.0f, 1.0f}) {
    box(p.aluminium, {side * 0.112f, 0, -0.245f}, {0.011f, 0.026f, 0.050f}, 0.003f);
    box(p.black, {side * 0.100f, 0, -0.285f}, {0.006f, 0.032f, 0.028f}, 0.003f);
  }
}

}  // namespace

void AddConveyor(uint64_t seed, Builder* b) {
  const Palette& p = b->paint();
  b->SetFrame({});
  const float start = kConveyorStartX_m, end = kConveyorEndX_m, y = kConveyorY_m, top = kConveyorTopZ_m;
  const float half_width = kConveyorHalfWidth_m, middle = (start + end) * 0.5f;
  for (const float side : {-1.0f, 1.0f}) {
    const float rail_y = y + side * (half_width + 0.022f);
    b->Box(p.aluminium, {middle, rail_y, top - 0.055f}, {(end - start) * 0.5f, 0.02f, 0.065f}, 0.005f);
    b->Box(p.teal, {middle, rail_y + side * 0.021f, top - 0.055f}, {(end - start) * 0.5f - 0.02f, 0.003f, 0.028f},
           0.002f);
    b->Cylinder(p.steel, {start + 0.05f, rail_y, top + 0.11f}, {end - 0.05f, rail_y, top + 0.11f}, 0.011f, 0.004f);
    for (float x = start + 0.12f; x < end; x += 0.72f) {
      b->Box(p.graphite, {x, rail_y + side * 0.004f, top + 0.055f}, {0.014f, 0.012f, 0.06f}, 0.004f);
    }
    for (const float x : {start + 0.25f, start + 1.72f, end - 1.52f, end - 0.22f}) {
      b->Box(p.aluminium, {x, rail_y, 0.36f}, {0.030f, 0.024f, 0.345f}, 0.005f);
      b->Cylinder(p.steel, {x, rail_y, 0.012f}, {x, rail_y, 0.05f}, 0.016f);
      b->Cylinder(p.rubber, {x, rail_y, 0}, {x, rail_y, 0.018f}, 0.045f, 0.006f);
    }
  }
  for (const float x : {start + 0.25f, start + 1.72f, end - 1.52f, end - 0.22f}) {
    b->Box(p.aluminium, {x, y, 0.22f}, {0.018f, half_width + 0.01f, 0.022f}, 0.004f);
  }
  // The belt, its end drums, the drive.
  const float belt_middle = (start + kBeltEndX_m) * 0.5f, belt_half = (kBeltEndX_m - start) * 0.5f;
  b->Box(p.belt, {belt_middle, y, top - 0.035f}, {belt_half, half_width - 0.012f, 0.036f}, 0.035f);
  b->Box(p.graphite, {start + 0.75f, y - half_width - 0.10f, top - 0.16f}, {0.13f, 0.075f, 0.085f}, 0.012f);
  b->Cylinder(p.graphite, {start + 0.88f, y - half_width - 0.10f, top - 0.16f},
              {start + 1.14f, y - half_width - 0.10f, top - 0.16f}, 0.068f, 0.012f);
  for (int fin = 0; fin < 6; ++fin) {
    const float x = start + 0.93f + 0.034f * static_cast<float>(fin);
    b->Cylinder(p.graphite, {x, y - half_width - 0.10f, top - 0.16f}, {x + 0.010f, y - half_width - 0.10f, top - 0.16f},
                0.077f, 0.003f);
  }
  for (float x = kBeltEndX_m + 0.055f; x < end - 0.03f; x += 0.092f) {
    b->Cylinder(p.steel, {x, y - half_width + 0.006f, top - 0.028f}, {x, y + half_width - 0.006f, top - 0.028f},
                0.028f);
  }
  // A light barrier at the place where the robot picks.
  for (const float side : {-1.0f, 1.0f}) {
    b->Box(p.yellow, {kBeltEndX_m - 0.05f, y + side * (half_width + 0.06f), top + 0.13f}, {0.018f, 0.014f, 0.05f},
           0.004f);
    b->Sphere(p.red_lamp, {kBeltEndX_m - 0.05f, y + side * (half_width + 0.043f), top + 0.15f}, 0.008f);
  }

  const std::array<uint32_t, 6> colors = {p.blue, p.red, p.cardboard, p.teal, p.yellow, p.green};
  const Rng rng(seed, kConveyorStream);
  float x = start + 0.35f;
  for (uint64_t i = 0; x < end - 0.25f; ++i) {
    const float half_x = 0.125f + 0.045f * rng.Uniform(8 * i), half_y = 0.12f + 0.04f * rng.Uniform(8 * i + 1);
    const float half_z = 0.075f + 0.05f * rng.Uniform(8 * i + 2), angle = 0.22f * (rng.Uniform(8 * i + 3) - 0.5f);
    const uint32_t color = colors[(i + rng.Below(8 * i + 4, 2) + seed) % colors.size()];
    const Vec3 at{x, y + 0.05f * (rng.Uniform(8 * i + 5) - 0.5f), top + 0.001f};
    if (std::abs(x - kRobotX_m) > 0.33f) {  // the robot has lifted that one
      if (color == p.cardboard) {
        b->TurnedBox(color, at + Vec3{0, 0, half_z}, {half_x, half_y, half_z}, angle);
      } else {
        AddTote(b, color, at, {half_x, half_y, half_z}, angle);
      }
    }
    x += 0.50f + 0.26f * rng.Uniform(8 * i + 6);
  }
}

void AddRobot(uint64_t seed, Builder* b) {
  const Palette& p = b->paint();
  b->SetFrame({});
  const Rng rng(seed, kRobotStream);
  const Vec3 base{kRobotX_m, kRobotY_m, 0};
  const auto up = [&](float z) { return base + Vec3{0, 0, z}; };
  b->Box(p.graphite, up(0.015f), {0.34f, 0.34f, 0.015f}, 0.006f);
  for (int i = 0; i < 8; ++i) {
    const float a = kPi * (0.25f * static_cast<float>(i) + 0.125f);
    const Vec3 bolt = base + Vec3{0.285f * std::cos(a), 0.285f * std::sin(a), 0};
    b->Cylinder(p.steel, bolt + Vec3{0, 0, 0.03f}, bolt + Vec3{0, 0, 0.052f}, 0.018f);
  }
  b->Cylinder(p.graphite, up(0.03f), up(0.34f), 0.20f, 0.02f);
  b->Cylinder(p.graphite, up(0.03f), up(0.08f), 0.25f, 0.02f);
  b->Cylinder(p.steel, up(0.34f), up(0.365f), 0.185f);
  b->Cylinder(p.orange, up(0.365f), up(0.60f), 0.215f, 0.05f);
  b->Box(p.graphite, base + Vec3{0, 0.24f, 0.20f}, {0.11f, 0.06f, 0.12f}, 0.015f);  // connectors

  // The arm lies in the vertical plane through the base and the place where the tool points down.
  const Vec3 wrist{kRobotX_m + 0.06f + 0.10f * (rng.Uniform(0) - 0.5f), kConveyorY_m + 0.05f,
                   kConveyorTopZ_m + 0.70f + 0.08f * rng.Uniform(1)};
  const float reach_x = wrist.x - base.x, reach_y = wrist.y - base.y;
  const Vec3 forward = Normalized({reach_x, reach_y, 0}), side = Cross(Vec3{0, 0, 1}, forward);
  const Vec3 shoulder = up(0.86f) - forward * 0.04f;
  constexpr float kUpper_m = 0.78f, kFore_m = 0.80f;
  const Vec3 to_wrist = wrist - shoulder;
  const float distance = std::min(Length(to_wrist), 0.98f * (kUpper_m + kFore_m));
  const float cosine = (kUpper_m * kUpper_m + distance * distance - kFore_m * kFore_m) / (2 * kUpper_m * distance);
  const float lift = std::atan2(to_wrist.z, Dot(to_wrist, forward)) + std::acos(cosine);
  const Vec3 elbow = shoulder + forward * (kUpper_m * std::cos(lift)) + Vec3{0, 0, kUpper_m * std::sin(lift)};

  // Turret and shoulder.
  b->Cone(p.orange, up(0.60f), shoulder - Vec3{0, 0, 0.03f}, 0.185f, 0.15f);
  b->Cylinder(p.orange, shoulder - side * 0.17f, shoulder + side * 0.17f, 0.165f, 0.03f);
  for (const float s : {-1.0f, 1.0f}) {
    b->Cylinder(p.graphite, shoulder + side * (s * 0.165f), shoulder + side * (s * 0.215f), 0.145f, 0.02f);
    b->Cylinder(p.steel, shoulder + side * (s * 0.21f), shoulder + side * (s * 0.222f), 0.075f, 0.004f);
  }
  b->Cylinder(p.graphite, shoulder - forward * 0.10f - side * 0.09f + Vec3{0, 0, 0.02f},
              shoulder - forward * 0.34f - side * 0.09f + Vec3{0, 0, 0.02f}, 0.085f, 0.02f);  // motor
  // Upper arm: a beam between two rounded ends.
  const Vec3 along_upper = Normalized(elbow - shoulder), across_upper = Cross(side, along_upper);
  b->Cone(p.orange, shoulder, elbow, 0.150f, 0.112f);
  for (const float s : {-1.0f, 1.0f}) {
    b->BoxIn(
        p.graphite,
        {along_upper, across_upper, Cross(along_upper, across_upper), (shoulder + elbow) * 0.5f + side * (s * 0.126f)},
        {0.20f, 0.030f, 0.008f}, 0.007f);
  }
  // Elbow and forearm.
  b->Cylinder(p.orange, elbow - side * 0.14f, elbow + side * 0.14f, 0.128f, 0.025f);
  for (const float s : {-1.0f, 1.0f}) {
    b->Cylinder(p.graphite, elbow + side * (s * 0.135f), elbow + side * (s * 0.172f), 0.112f, 0.016f);
    b->Cylinder(p.steel, elbow + side * (s * 0.168f), elbow + side * (s * 0.178f), 0.055f, 0.003f);
  }
  const Vec3 along_fore = Normalized(wrist - elbow);
  b->Cone(p.orange, elbow + along_fore * 0.02f, elbow + along_fore * 0.34f, 0.110f, 0.085f);
  b->Cylinder(p.graphite, elbow + along_fore * 0.36f, elbow + along_fore * 0.44f, 0.088f, 0.012f);
  b->Cone(p.orange, elbow + along_fore * 0.44f, wrist - along_fore * 0.05f, 0.078f, 0.058f);
  for (int i = 0; i < 3; ++i) {  // the motors of the hand sit behind the elbow
    const Vec3 motor = elbow - along_fore * 0.10f + side * (0.075f * static_cast<float>(i - 1));
    b->Cylinder(p.graphite, motor, motor - along_fore * (i == 1 ? 0.17f : 0.13f), 0.036f, 0.010f);
  }
  // Wrist, tool, and what it carries.
  b->Cylinder(p.graphite, wrist - side * 0.085f, wrist + side * 0.085f, 0.070f, 0.014f);
  b->Cylinder(p.steel, wrist - side * 0.094f, wrist + side * 0.094f, 0.036f, 0.003f);
  b->Sphere(p.orange, wrist, 0.076f);
  const float yaw = 0.5f * (rng.Uniform(2) - 0.5f);
  AddGripper(b, wrist, yaw);
  b->TurnedBox(p.pale_cardboard, wrist - Vec3{0, 0, 0.335f}, {0.093f, 0.115f, 0.085f}, yaw);

  // Hoses from the base to the tool, held by clamps on their way.
  for (int i = 0; i < 2; ++i) {
    const float off = 0.19f + 0.035f * static_cast<float>(i);
    const std::vector<Vec3> points = {base - forward * 0.22f + side * (0.5f * off) + Vec3{0, 0, 0.26f},
                                      base - forward * 0.33f + side * off + Vec3{0, 0, 0.55f},
                                      shoulder - forward * 0.22f + side * (off + 0.06f),
                                      shoulder + along_upper * 0.22f + side * off + across_upper * 0.09f,
                                      shoulder + along_upper * 0.58f + side * off + across_upper * 0.08f,
                                      elbow + side * (off + 0.03f) + Vec3{0, 0, 0.13f},
                                      elbow + along_fore * 0.30f + side * 0.13f + Vec3{0, 0, 0.13f},
                                      elbow + along_fore * 0.56f + side * 0.10f + Vec3{0, 0, 0.10f},
                                      wrist + side * 0.12f + Vec3{0, 0, 0.04f},
                                      wrist + side * 0.07f - Vec3{0, 0, 0.14f}};
    b->Cable(i == 0 ? p.black : p.blue, points, i == 0 ? 0.017f : 0.011f, 0.035f);
    if (i == 0) {
      for (const size_t k : {size_t{3}, size_t{4}, size_t{7}}) {
        b->Torus(p.steel, points[k], points[k + 1] - points[k - 1], 0.022f, 0.006f);
      }
    }
  }
}

void AddMobileRobot(uint64_t seed, Builder* b) {
  const Palette& p = b->paint();
  const Rng rng(seed, kMobileStream);
  b->SetFrame(raycast::Turned(-0.32f + 0.3f * (rng.Uniform(0) - 0.5f), {1.55f + 0.1f * rng.Uniform(1), -1.42f, 0}));
  b->Box(p.graphite, {0, 0, 0.075f}, {0.39f, 0.27f, 0.035f}, 0.03f);
  b->Box(p.white, {0, 0, 0.17f}, {0.41f, 0.29f, 0.075f}, 0.05f);
  b->Box(p.blue_lamp, {0, 0, 0.118f}, {0.402f, 0.282f, 0.007f}, 0.005f);
  b->Box(p.graphite, {0, 0, 0.262f}, {0.36f, 0.25f, 0.022f}, 0.015f);
  b->Cylinder(p.black, {-0.36f, -0.24f, 0.245f}, {-0.36f, -0.24f, 0.285f}, 0.042f, 0.012f);
  b->Cylinder(p.black, {0.36f, 0.24f, 0.245f}, {0.36f, 0.24f, 0.285f}, 0.042f, 0.012f);
  for (const float x : {-0.26f, 0.26f}) {
    for (const float y : {-0.25f, 0.25f})
      b->Cylinder(p.rubber, {x, y - 0.02f, 0.06f}, {x, y + 0.02f, 0.06f}, 0.06f, 0.012f);
  }
  b->Sign("TAKT", 0xEDEDE8, 0x14808A, {0, -0.2925f, 0.185f}, {0.13f, 0.004f, 0.038f});
  b->Cylinder(p.red, {0.33f, -0.20f, 0.244f}, {0.33f, -0.20f, 0.272f}, 0.024f, 0.008f);
  // Open crate with parts.
  const float w = 0.27f, d = 0.19f, h = 0.085f, z = 0.285f + h;
  b->Box(p.teal, {0, 0, 0.292f}, {w, d, 0.008f});
  for (const float s : {-1.0f, 1.0f}) {
    b->Box(p.teal, {s * w, 0, z}, {0.008f, d + 0.008f, h}, 0.005f);
    b->Box(p.teal, {0, s * d, z}, {w + 0.008f, 0.008f, h}, 0.005f);
    b->Box(p.teal, {0, s * d, z + h}, {w + 0.018f, 0.014f, 0.010f}, 0.005f);
    b->Box(p.teal, {s * w, 0, z + h}, {0.014f, d + 0.018f, 0.010f}, 0.005f);
  }
  for (int i = 0; i < 5; ++i) {
    for (int k = 0; k < 3; ++k) {
      const Vec3 at{-0.21f + 0.105f * static_cast<float>(i), -0.125f + 0.125f * static_cast<float>(k), 0.335f};
      b->Cylinder(p.steel, at, at + Vec3{0, 0, 0.075f}, 0.042f, 0.008f);
      b->Cylinder(p.graphite, at + Vec3{0, 0, 0.07f}, at + Vec3{0, 0, 0.10f}, 0.020f, 0.004f);
    }
  }
}

}  // namespace takt::capture::cell
