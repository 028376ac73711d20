// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <limits>

#include "takt/data/capture/raycast_math.h"

namespace takt::capture::raycast {

enum class Shape : uint8_t { kBox, kCylinder, kCone, kSphere, kTorus };

// A solid in its own frame, centred on the frame's origin unless stated otherwise [m].
//   kBox       size = half extents; edges and corners rounded by `rounding`
//   kCylinder  along z: size = (radius, -, half height); rims rounded by `rounding`
//   kCone      the hull of two balls, of radius size.x at the origin and size.y at (0, 0, size.z); a capsule where both
//              are equal. size.z > |size.x - size.y|
//   kSphere    size.x = radius
//   kTorus     around z: size.x = radius of the ring, size.y = radius of the tube, size.y < size.x
// Boxes and cylinders need 0 < rounding <= their smallest size.
struct Primitive {
  Shape shape = Shape::kBox;
  Vec3 size{1, 1, 1};
  float rounding = 1e-3f;
  Frame world_from_local;
  uint32_t material_idx = 0;  // not used here
};

// `direction` is a unit vector.
struct Ray {
  Vec3 origin;
  Vec3 direction;

  Vec3 At(float t_m) const { return origin + direction * t_m; }
};

// A ray ends this far from a surface at most [m]. Rays that leave a surface start further out (kLeaveDistance).
inline constexpr float kHitTolerance = 1e-5f;
inline constexpr float kLeaveDistance = 2e-4f;
inline constexpr float kNoHit = std::numeric_limits<float>::infinity();

struct Bounds {
  Vec3 lo{kNoHit, kNoHit, kNoHit};
  Vec3 hi{-kNoHit, -kNoHit, -kNoHit};

  void Grow(const Bounds& other) { lo = Min(lo, other.lo), hi = Max(hi, other.hi); }
  // Proportional to the surface.
  float Area() const {
    const Vec3 d = hi - lo;
    return d.x * d.y + d.y * d.z + d.z * d.x;
  }
};

// Signed distance from a point in the primitive's frame to its surface [m]: exact outside, negative inside (there only
// the sign is exact). `gradient`, where asked for, is the unit direction away from the surface, for points not deeper
// than the rounding.
float Distance(const Primitive& primitive, Vec3 p_in_local, Vec3* gradient = nullptr);

// The tight box around the primitive in its own frame, and around that box in the world.
Bounds LocalBounds(const Primitive& primitive);
Bounds WorldBounds(const Primitive& primitive);

// Distance along the ray at which it enters the primitive, in [0, t_max_m]; kNoHit where it does not, or starts inside.
// The distance to a convex solid is a convex function along a line, so that Newton's iteration from outside never
// steps past the entry: one routine serves every convex shape. The torus is sphere traced.
float Intersect(const Primitive& primitive, const Ray& ray, float t_max_m);

// The outward unit normal at a point on the surface, in the world.
Vec3 NormalAt(const Primitive& primitive, Vec3 p_in_world);

}  // namespace takt::capture::raycast
