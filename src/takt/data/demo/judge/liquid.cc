// SPDX-License-Identifier: Apache-2.0
#include "takt/data/demo/judge/liquid.h"

#include <algorithm>
#include <cmath>

#include "takt/core/base/error.h"

namespace takt::demo {
namespace {

constexpr double kBesselZero = 1.8411837813406593;                       // first zero of J1'
constexpr double kFirstModeShare = 2 / (kBesselZero * kBesselZero - 1);  // of the rise at the wall: 0.837
constexpr double kMaxSlope = 1e3;                                        // weightless or upside down
const Vec3 kGravity_m_s2(0, 0, -9.81);

void Check(const OpenVessel& vessel, std::span<const VesselMotion> motion) {
  if (!vessel.valid()) {
    throw Error(ErrorCode::kBadInput, "vessel", "has no room for its liquid",
                "radius and fill must be positive and the fill below the rim");
  }
  if (motion.size() < 3) throw Error(ErrorCode::kBadInput, "vessel motion", "needs at least three moments");
  for (size_t i = 1; i < motion.size(); ++i) {
    if (!(motion[i].time_s > motion[i - 1].time_s)) {
      throw Error(ErrorCode::kBadInput, "vessel motion", "has times that do not grow");
    }
  }
}

}  // namespace

SloshResult Slosh(const OpenVessel& vessel, std::span<const VesselMotion> motion, double damping, double smoothing_s) {
  Check(vessel, motion);
  const size_t count = motion.size();
  const double dt = (motion.back().time_s - motion.front().time_s) / static_cast<double>(count - 1);
  const size_t wanted = static_cast<size_t>(std::max(0L, std::lround(smoothing_s / dt)));
  const size_t stride = std::clamp<size_t>(wanted, 1, (count - 1) / 2);
  const double h2 = std::pow(static_cast<double>(stride) * dt, 2);
  const auto centre = [&](size_t i) { return motion[i].world_from_vessel * Vec3(0, 0, vessel.fill_m / 2); };
  // Slope of the surface at right angles to effective gravity, in the vessel's x and y; and the size of that gravity.
  const auto equilibrium = [&](size_t i, double* gravity) {
    const size_t middle =
        std::clamp(i, stride, count - 1 - stride);  // at the ends: that of the nearest moment that has one
    const Vec3 acceleration = (centre(middle + stride) - 2 * centre(middle) + centre(middle - stride)) / h2;
    const Vec3 felt = motion[i].world_from_vessel.rotation.conjugate() * (kGravity_m_s2 - acceleration);
    *gravity = felt.norm();
    if (!(felt.z() < 0)) return Vec2(kMaxSlope, 0);
    const Vec2 slope = felt.head<2>() / -felt.z();
    return slope.norm() > kMaxSlope ? Vec2(slope.normalized() * kMaxSlope) : slope;
  };

  SloshResult result;
  result.freeboard_m = vessel.height_m - vessel.fill_m;
  const double shape = kBesselZero * std::tanh(kBesselZero * vessel.fill_m / vessel.radius_m) / vessel.radius_m;
  double gravity = 0;
  Vec2 slope = equilibrium(0, &gravity), rate = Vec2::Zero();
  for (size_t i = 0; i < count; ++i) {
    const Vec2 target = equilibrium(i, &gravity);
    const double omega = std::sqrt(gravity * shape);
    const int steps = std::max(1, static_cast<int>(std::ceil(omega * dt / 0.05)));
    for (int k = 0; k < steps; ++k) {
      const double step = dt / steps;
      rate += step * (omega * omega * (target - slope) - 2 * damping * omega * rate);
      slope += step * rate;
    }
    const double rise = vessel.radius_m * (kFirstModeShare * slope + (1 - kFirstModeShare) * target).norm();
    if (!(rise <= result.peak_rise_m)) {
      result.peak_rise_m = rise;
      result.peak_time_s = motion[i].time_s;
    }
  }
  return result;
}

}  // namespace takt::demo
