// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

#include "takt/core/geom/pose.h"

namespace takt::demo {

// An upright round vessel, open at the top.
struct OpenVessel {
  double radius_m = 0;      // inside
  double height_m = 0;      // from the inner bottom to the rim
  double fill_m = 0;        // height of the liquid at rest, above the inner bottom
  Pose object_from_vessel;  // origin in the centre of the inner bottom, z towards the rim
  bool valid() const { return radius_m > 0 && fill_m > 0 && fill_m < height_m; }
};

// How the vessel moves at one moment.
struct VesselMotion {
  double time_s = 0;
  Pose world_from_vessel;
};

struct SloshResult {
  double peak_rise_m = 0;  // highest that the liquid climbed at the wall, above its level at rest
  double freeboard_m = 0;  // height of the rim above the level at rest
  double peak_time_s = 0;
  bool spilled() const { return !(peak_rise_m <= freeboard_m); }
};

// How high the liquid climbs. In the vessel's frame it feels the effective gravity g_e = R^T (g - a), so that at rest
// its surface would stand at right angles to it, rising by r tan(angle) at the wall. The first lateral mode carries
// 0.837 of that rise and follows as a damped oscillator,
//   s'' + 2 zeta w s' + w^2 (s - s_e) = 0,   w^2 = (g_e / r) 1.8412 tanh(1.8412 fill / r),   s_e = tan(angle) in x and
//   y,
// the higher modes follow at once. The acceleration comes from the positions by a central second difference over
// `smoothing_s`, since contact forces make single steps rough.
// Arguments: motion in equal steps, at least three; 0 < fill < height. `damping`: zeta, about 0.05 for a small cup of
// water. Errors: bad_input for a vessel that is not valid or times that do not grow. Cost: O(steps). Source: Ibrahim,
// "Liquid Sloshing Dynamics" (2005), ch. 1, upright circular cylinder; 1.8412 is the first zero of J1', and 2 /
// (1.8412^2 - 1) = 0.837. We deviate: the modes above the first are quasi-static, and rotation of the vessel enters
// through effective gravity only.
SloshResult Slosh(const OpenVessel& vessel, std::span<const VesselMotion> motion, double damping = 0.05,
                  double smoothing_s = 0.02);

struct ParticleResult {
  int particles = 0;
  int spilled = 0;  // left over the rim
};

// The same question to a few hundred frictionless spheres in the moving vessel: an independent check of Slosh, slower
// by three orders. Spheres of radius r / 7 fill the vessel to its level, interact by damped springs, and count as
// spilled once their centre is above the rim and outside the wall, or below it outside. The liquid they make is coarser
// and stiffer than water: near the limit the two may disagree by about a sphere's radius of height. Determinism: the
// seed places the spheres. Cost: about 0.1 s of CPU for a second of motion. Errors: as Slosh.
ParticleResult PourParticles(const OpenVessel& vessel, std::span<const VesselMotion> motion, uint64_t seed);

}  // namespace takt::demo
