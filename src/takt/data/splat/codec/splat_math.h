// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>

namespace takt::splat {

// What encoder and decoder must compute alike: only exactly rounded operations, see det_math.h.

// Maps world positions into a cube of 2^32 cells an axis. Inside `radius` around the centre the map is linear; outside it is
// logarithmic, so that a far background costs a few cells and not the precision of what matters.
//   u = (x - centre) / radius;  |u| > 1: sign(u) (1 + ln |u|);  fixed = (u / extent + 1) 2^31
struct SpaceMap {
  std::array<float, 3> centre = {0, 0, 0};
  float radius = 1;
  float extent = 1;

  uint32_t ToFixed(int axis, float x) const;
  float FromFixed(int axis, double fixed) const;
  // Derivative of x by u at a fixed coordinate.
  double Stretch(double fixed) const;
};

// Opacities are coded as ln(opacity + bias): errors of what is opaque matter relative to it, errors of what is all but
// transparent do not grow without bound.
inline constexpr double kOpacityBias = 0.05;

// The orientation of an ellipsoid whose half axes are sorted, largest first: three numbers in [0, 1). Turning an axis
// around gives the same ellipsoid, which saves two bits against a quaternion. The direction of the axis that stands out
// (the thin one of a disc, the long one of a needle) goes through the octahedral map of a hemisphere, the rest is one
// angle, which means little where the two other axes are alike.
struct RotationCode {
  float u, v, spin;
};
using Axes = std::array<std::array<double, 3>, 3>;  // axes[j] is the world direction of the j-th largest half axis

// True where the longest axis stands out, false where the shortest does. Arguments: natural log of the half axes.
bool IsNeedle(const float log_scales[3]);
RotationCode EncodeRotation(const Axes& axes, bool needle);
Axes DecodeRotation(const RotationCode& code, bool needle);

Axes AxesFromQuaternion(const float wxyz[4]);
void QuaternionFromAxes(const Axes& axes, float wxyz[4]);  // the axes become right-handed by turning the last one

// Squared half axes, and the same with the blur of the pixel grid added.
struct Footprint {
  double square[3] = {}, blurred[3] = {};
  Footprint() = default;
  Footprint(const float log_scales[3], double blur);
  // How much turning by an angle changes the ellipsoid: (s_j^2 - s_k^2)^2 / (b_j b_k), for the direction of the axis that
  // stands out (mean of its two turns) and for the spin about it.
  double DirectionWeight(bool needle) const;
  double SpinWeight(bool needle) const;
  // How much a shift along a world axis matters: sum over j of axes[j][axis]^2 / b_j.
  double ShiftWeight(const Axes& axes, int axis) const;
  // (s_j^2 - s_k^2)^2 / (b_j b_k)
  double Turn(int j, int k) const;
};

}  // namespace takt::splat
