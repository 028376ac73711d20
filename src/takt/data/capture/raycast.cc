// SPDX-License-Identifier: Apache-2.0
#include "takt/data/capture/raycast.h"

namespace takt::capture::raycast {
namespace {

constexpr int kMaxNewtonSteps = 40;
constexpr int kMaxTraceSteps = 200;

// |max(q, 0)| - rounding, the distance to a rounded corner, where q is measured from the corner's core. `signs` turns
// the gradient back to where q came from.
float CornerDistance(Vec3 q, float rounding, Vec3 signs, Vec3* gradient) {
  const Vec3 outside = Max(q, {0, 0, 0});
  const float length = Length(outside);
  if (length <= 0) return std::max(q.x, std::max(q.y, q.z)) - rounding;
  if (gradient != nullptr) *gradient = outside * signs * (1.0f / length);
  return length - rounding;
}

float BoxDistance(const Primitive& box, Vec3 p, Vec3* gradient) {
  const float r = box.rounding;
  const Vec3 signs{std::copysign(1.0f, p.x), std::copysign(1.0f, p.y), std::copysign(1.0f, p.z)};
  return CornerDistance(Abs(p) - (box.size - Vec3{r, r, r}), r, signs, gradient);
}

float CylinderDistance(const Primitive& cylinder, Vec3 p, Vec3* gradient) {
  const float r = cylinder.rounding;
  const float radial = std::sqrt(p.x * p.x + p.y * p.y);
  const Vec3 q{radial - (cylinder.size.x - r), -kNoHit, std::abs(p.z) - (cylinder.size.z - r)};
  Vec3 profile{0, 0, 0};
  const float distance =
      CornerDistance(q, r, {1, 1, std::copysign(1.0f, p.z)}, gradient == nullptr ? nullptr : &profile);
  if (gradient != nullptr) {
    const float inverse = radial > 0 ? 1.0f / radial : 0.0f;
    *gradient = {profile.x * p.x * inverse, profile.x * p.y * inverse, profile.z};
  }
  return distance;
}

// In the half plane (radial, z) the outline is two arcs and the line that touches both. The line's normal has the slope
// (r0 - r1) / height; which part is nearest is decided by the coordinate along the line.
float ConeDistance(const Primitive& cone, Vec3 p, Vec3* gradient) {
  const float r0 = cone.size.x, r1 = cone.size.y, height = cone.size.z;
  const float radial = std::sqrt(p.x * p.x + p.y * p.y);
  const float normal_z = (r0 - r1) / height;
  const float normal_r = std::sqrt(1 - normal_z * normal_z);
  const float along = p.z * normal_r - radial * normal_z;
  float out_r = normal_r, out_z = normal_z, distance;
  if (along > 0 && along < height * normal_r) {
    distance = radial * normal_r + p.z * normal_z - r0;
  } else {
    const bool bottom = along <= 0;
    const float dz = bottom ? p.z : p.z - height;
    const float length = std::sqrt(radial * radial + dz * dz);
    distance = length - (bottom ? r0 : r1);
    const float inverse = length > 0 ? 1.0f / length : 0.0f;
    out_r = radial * inverse, out_z = dz * inverse;
  }
  if (gradient != nullptr) {
    const float inverse = radial > 0 ? 1.0f / radial : 0.0f;
    *gradient = {out_r * p.x * inverse, out_r * p.y * inverse, out_z};
  }
  return distance;
}

float SphereDistance(const Primitive& sphere, Vec3 p, Vec3* gradient) {
  const float length = Length(p);
  if (gradient != nullptr) *gradient = length > 0 ? p * (1.0f / length) : Vec3{0, 0, 1};
  return length - sphere.size.x;
}

float TorusDistance(const Primitive& torus, Vec3 p, Vec3* gradient) {
  const float radial = std::sqrt(p.x * p.x + p.y * p.y);
  const float from_ring = radial - torus.size.x;
  const float length = std::sqrt(from_ring * from_ring + p.z * p.z);
  if (gradient != nullptr) {
    const float inverse = length > 0 ? 1.0f / length : 0.0f, inverse_radial = radial > 0 ? 1.0f / radial : 0.0f;
    *gradient = {from_ring * inverse * p.x * inverse_radial, from_ring * inverse * p.y * inverse_radial, p.z * inverse};
  }
  return length - torus.size.y;
}

// The part of [0, t_max] inside the bounds; false where there is none.
bool ClipToBounds(const Bounds& bounds, const Ray& ray, float* t_in, float* t_out) {
  const float lo[3] = {bounds.lo.x, bounds.lo.y, bounds.lo.z}, hi[3] = {bounds.hi.x, bounds.hi.y, bounds.hi.z};
  const float origin[3] = {ray.origin.x, ray.origin.y, ray.origin.z};
  const float direction[3] = {ray.direction.x, ray.direction.y, ray.direction.z};
  for (int i = 0; i < 3; ++i) {
    if (direction[i] == 0) {
      if (origin[i] < lo[i] || origin[i] > hi[i]) return false;
      continue;
    }
    const float inverse = 1.0f / direction[i];
    const float t0 = (lo[i] - origin[i]) * inverse, t1 = (hi[i] - origin[i]) * inverse;
    *t_in = std::max(*t_in, std::min(t0, t1));
    *t_out = std::min(*t_out, std::max(t0, t1));
  }
  return *t_in <= *t_out;
}

}  // namespace

float Distance(const Primitive& primitive, Vec3 p, Vec3* gradient) {
  switch (primitive.shape) {
    case Shape::kBox:
      return BoxDistance(primitive, p, gradient);
    case Shape::kCylinder:
      return CylinderDistance(primitive, p, gradient);
    case Shape::kCone:
      return ConeDistance(primitive, p, gradient);
    case Shape::kSphere:
      return SphereDistance(primitive, p, gradient);
    case Shape::kTorus:
      return TorusDistance(primitive, p, gradient);
  }
  return kNoHit;
}

Bounds LocalBounds(const Primitive& primitive) {
  const Vec3 s = primitive.size;
  switch (primitive.shape) {
    case Shape::kBox:
      return {-s, s};
    case Shape::kCylinder:
      return {{-s.x, -s.x, -s.z}, {s.x, s.x, s.z}};
    case Shape::kCone: {
      const float r = std::max(s.x, s.y);
      return {{-r, -r, std::min(-s.x, s.z - s.y)}, {r, r, std::max(s.x, s.z + s.y)}};
    }
    case Shape::kSphere:
      return {{-s.x, -s.x, -s.x}, {s.x, s.x, s.x}};
    case Shape::kTorus:
      return {{-s.x - s.y, -s.x - s.y, -s.y}, {s.x + s.y, s.x + s.y, s.y}};
  }
  return {};
}

Bounds WorldBounds(const Primitive& primitive) {
  const Bounds local = LocalBounds(primitive);
  const Frame& frame = primitive.world_from_local;
  const Vec3 center = frame.ToWorld((local.lo + local.hi) * 0.5f);
  const Vec3 half = (local.hi - local.lo) * 0.5f;
  const Vec3 reach = Abs(frame.x) * half.x + Abs(frame.y) * half.y + Abs(frame.z) * half.z;
  return {center - reach, center + reach};
}

float Intersect(const Primitive& primitive, const Ray& ray, float t_max_m) {
  const Frame& frame = primitive.world_from_local;
  const Ray local{frame.ToLocal(ray.origin), frame.DirectionToLocal(ray.direction)};
  float t = 0, t_out = t_max_m;
  if (!ClipToBounds(LocalBounds(primitive), local, &t, &t_out)) return kNoHit;

  if (primitive.shape == Shape::kSphere) {
    const float b = Dot(local.origin, local.direction);
    // The distance of the line from the centre, not b^2 - c: that cancels for small spheres far away.
    const Vec3 nearest = local.origin - local.direction * b;
    const float discriminant = primitive.size.x * primitive.size.x - Dot(nearest, nearest);
    if (discriminant < 0) return kNoHit;
    const float entry = -b - std::sqrt(discriminant);
    return entry >= 0 && entry <= t_max_m ? entry : kNoHit;
  }
  if (primitive.shape == Shape::kTorus) {
    if (t == 0 && TorusDistance(primitive, local.origin, nullptr) <= 0) return kNoHit;
    for (int step = 0; step < kMaxTraceSteps && t <= t_out; ++step) {
      const float distance = TorusDistance(primitive, local.At(t), nullptr);
      if (distance < kHitTolerance) return t;
      t += distance;
    }
    return kNoHit;
  }

  t_out += kHitTolerance;  // the bounds touch the surface: rounding must not end the search in front of it
  for (int step = 0; step < kMaxNewtonSteps; ++step) {
    Vec3 gradient{0, 0, 0};
    const float distance = Distance(primitive, local.At(t), &gradient);
    if (distance <= 0 && t == 0) return kNoHit;
    if (distance < kHitTolerance) return t <= t_max_m ? t : kNoHit;
    const float slope = Dot(gradient, local.direction);
    if (slope >= -1e-6f) return kNoHit;
    t -= distance / slope;
    if (t > t_out) return kNoHit;
  }
  return kNoHit;
}

Vec3 NormalAt(const Primitive& primitive, Vec3 p_in_world) {
  Vec3 gradient{0, 0, 1};
  Distance(primitive, primitive.world_from_local.ToLocal(p_in_world), &gradient);
  return primitive.world_from_local.DirectionToWorld(gradient);
}

}  // namespace takt::capture::raycast
