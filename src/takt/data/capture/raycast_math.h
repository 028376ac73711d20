// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>

namespace takt::capture::raycast {

// A point, a direction or a colour, in single precision: scenes are some metres large, so that a rounding error is
// below a micrometre.
struct Vec3 {
  float x = 0, y = 0, z = 0;
};

inline Vec3 operator+(Vec3 a, Vec3 b) { return {a.x + b.x, a.y + b.y, a.z + b.z}; }
inline Vec3 operator-(Vec3 a, Vec3 b) { return {a.x - b.x, a.y - b.y, a.z - b.z}; }
inline Vec3 operator-(Vec3 a) { return {-a.x, -a.y, -a.z}; }
inline Vec3 operator*(Vec3 a, Vec3 b) { return {a.x * b.x, a.y * b.y, a.z * b.z}; }
inline Vec3 operator*(Vec3 a, float s) { return {a.x * s, a.y * s, a.z * s}; }
inline Vec3 operator*(float s, Vec3 a) { return a * s; }
inline Vec3& operator+=(Vec3& a, Vec3 b) { return a = a + b; }
inline Vec3& operator*=(Vec3& a, float s) { return a = a * s; }

inline float Dot(Vec3 a, Vec3 b) { return a.x * b.x + a.y * b.y + a.z * b.z; }
inline Vec3 Cross(Vec3 a, Vec3 b) { return {a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x}; }
inline float Length(Vec3 a) { return std::sqrt(Dot(a, a)); }
inline Vec3 Normalized(Vec3 a) { return a * (1.0f / Length(a)); }
inline Vec3 Min(Vec3 a, Vec3 b) { return {std::min(a.x, b.x), std::min(a.y, b.y), std::min(a.z, b.z)}; }
inline Vec3 Max(Vec3 a, Vec3 b) { return {std::max(a.x, b.x), std::max(a.y, b.y), std::max(a.z, b.z)}; }
inline Vec3 Abs(Vec3 a) { return {std::abs(a.x), std::abs(a.y), std::abs(a.z)}; }
inline Vec3 Mix(Vec3 a, Vec3 b, float t) { return a + (b - a) * t; }
inline float MaxComponent(Vec3 a) { return std::max(a.x, std::max(a.y, a.z)); }
inline float Clamp01(float v) { return std::clamp(v, 0.0f, 1.0f); }
// 0 below `edge0`, 1 above `edge1`, smooth between; edge0 < edge1.
inline float SmoothStep(float edge0, float edge1, float v) {
  const float t = Clamp01((v - edge0) / (edge1 - edge0));
  return t * t * (3 - 2 * t);
}

// A local frame: its orthonormal, right-handed axes and its origin, in the world.
struct Frame {
  Vec3 x{1, 0, 0}, y{0, 1, 0}, z{0, 0, 1};
  Vec3 origin{0, 0, 0};

  Vec3 DirectionToWorld(Vec3 v) const { return x * v.x + y * v.y + z * v.z; }
  Vec3 DirectionToLocal(Vec3 v) const { return {Dot(x, v), Dot(y, v), Dot(z, v)}; }
  Vec3 ToWorld(Vec3 p) const { return origin + DirectionToWorld(p); }
  Vec3 ToLocal(Vec3 p) const { return DirectionToLocal(p - origin); }
};

// world_from_b, given world_from_a and a_from_b.
inline Frame Compose(const Frame& world_from_a, const Frame& a_from_b) {
  return {world_from_a.DirectionToWorld(a_from_b.x), world_from_a.DirectionToWorld(a_from_b.y),
          world_from_a.DirectionToWorld(a_from_b.z), world_from_a.ToWorld(a_from_b.origin)};
}

// A frame whose z axis is the unit vector `z`; x and y are chosen without a jump except around z = (0, 0, -1).
// Source: Duff et al., "Building an orthonormal basis, revisited", JCGT 2017.
inline Frame FrameAlong(Vec3 z, Vec3 origin = {}) {
  const float sign = std::copysign(1.0f, z.z);
  const float a = -1.0f / (sign + z.z);
  const float b = z.x * z.y * a;
  return {{1 + sign * z.x * z.x * a, sign * b, -sign * z.x}, {b, sign + z.y * z.y * a, -z.y}, z, origin};
}

// Turned by `angle_rad` about the vertical, counter-clockwise from above.
inline Frame Turned(float angle_rad, Vec3 origin) {
  const float c = std::cos(angle_rad), s = std::sin(angle_rad);
  return {{c, s, 0}, {-s, c, 0}, {0, 0, 1}, origin};
}

}  // namespace takt::capture::raycast
