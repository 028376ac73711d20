// SPDX-License-Identifier: Apache-2.0
#include "takt/data/demo/judge/liquid.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <vector>

#include "takt/core/base/error.h"

namespace takt::demo {
namespace {

constexpr double kPi = 3.14159265358979323846;
const OpenVessel kCup{0.035, 0.09, 0.06, {}};

std::vector<VesselMotion> Move(double seconds, const std::function<Pose(double)>& pose_at) {
  std::vector<VesselMotion> motion;
  for (double t = 0; t < seconds; t += 0.002) motion.push_back({t, pose_at(t)});
  return motion;
}

Pose Tilted(double angle_rad) { return {Quat(Eigen::AngleAxisd(angle_rad, Vec3::UnitY())), Vec3::Zero()}; }

// Minimum-jerk travel over `distance_m` in `seconds`, then rest.
std::vector<VesselMotion> Travel(double distance_m, double seconds) {
  return Move(seconds + 1, [=](double t) {
    const double u = std::min(t / seconds, 1.0);
    return Pose::Translation(distance_m * u * u * u * (10 + u * (6 * u - 15)), 0, 0);
  });
}

TEST(Slosh, RestSpillsNothing) {
  const SloshResult result = Slosh(kCup, Move(1, [](double) { return Pose(); }));
  EXPECT_DOUBLE_EQ(result.peak_rise_m, 0);
  EXPECT_NEAR(result.freeboard_m, 0.03, 1e-12);
  EXPECT_FALSE(result.spilled());
}

TEST(Slosh, SlowTiltRisesByTheTangent) {
  for (double degrees : {5.0, 20.0, 35.0}) {
    const double angle = degrees * kPi / 180;
    const auto motion = Move(6, [&](double t) { return Tilted(angle * std::min(1.0, t / 5)); });
    const double expected = kCup.radius_m * std::tan(angle);
    EXPECT_NEAR(Slosh(kCup, motion).peak_rise_m, expected, 0.06 * expected) << degrees;
  }
}

TEST(Slosh, SuddenAccelerationOvershoots) {
  // At rest, then 2 m/s^2 from one moment to the next: an undamped mode swings to twice its new equilibrium.
  const auto motion = Move(1.5, [](double t) {
    const double s = std::max(0.0, t - 0.3);
    return Pose::Translation(0.5 * 2 * s * s, 0, 0);
  });
  const double still = kCup.radius_m * 2 / 9.81;
  EXPECT_NEAR(Slosh(kCup, motion, 0.0).peak_rise_m, still * (2 * 0.837 + 0.163), 0.05 * still);
  EXPECT_LT(Slosh(kCup, motion, 0.3).peak_rise_m, 1.55 * still);
}

TEST(Slosh, TiltIntoTheAccelerationHelps) {
  // A waiter's trick: with the vessel's axis along effective gravity nothing moves.
  const double a = 3;
  const Pose upright, leaning = Tilted(std::atan2(a, 9.81));
  const auto drive = [&](const Pose& pose) {
    return Move(1, [&](double t) { return Pose{pose.rotation, Vec3(0.5 * a * t * t, 0, 0)}; });
  };
  EXPECT_LT(Slosh(kCup, drive(leaning)).peak_rise_m, 0.2 * Slosh(kCup, drive(upright)).peak_rise_m);
}

TEST(Slosh, UpsideDownSpills) {
  EXPECT_TRUE(Slosh(kCup, Move(3, [](double t) { return Tilted(std::min(t, 2.0) / 2 * kPi); })).spilled());
}

TEST(Slosh, RefusesWhatIsNoVessel) {
  const auto motion = Move(1, [](double) { return Pose(); });
  EXPECT_THROW(Slosh({0.03, 0.05, 0.05, {}}, motion), Error);
  EXPECT_THROW(Slosh({0, 0.05, 0.02, {}}, motion), Error);
  EXPECT_THROW(Slosh(kCup, std::span(motion).first(2)), Error);
  auto backwards = motion;
  backwards[5].time_s = 0;
  EXPECT_THROW(Slosh(kCup, backwards), Error);
}

TEST(Particles, AgreeWithSloshAwayFromTheLimit) {
  struct Case {
    const char* name;
    std::vector<VesselMotion> motion;
  };
  const std::vector<Case> cases = {
      {"rest", Move(1, [](double) { return Pose(); })},
      {"slow travel", Travel(0.4, 2.0)},
      {"brisk travel", Travel(0.4, 1.0)},
      {"slow tilt by 15 degrees", Move(2.5, [](double t) { return Tilted(std::min(1.0, t / 2) * 0.26); })},
      {"slow tilt by 60 degrees", Move(2.5, [](double t) { return Tilted(std::min(1.0, t / 2) * 1.05); })},
      {"violent travel", Travel(0.6, 0.35)},
      {"knocked over", Move(2, [](double t) { return Tilted(std::min(1.0, t / 0.4) * 1.5); })},
  };
  for (const Case& c : cases) {
    const SloshResult slosh = Slosh(kCup, c.motion);
    const ParticleResult particles = PourParticles(kCup, c.motion, 1);
    EXPECT_GT(particles.particles, 150);
    EXPECT_EQ(slosh.spilled(), particles.spilled > 0)
        << c.name << ": rise " << slosh.peak_rise_m << " of " << slosh.freeboard_m << " m, " << particles.spilled
        << " of " << particles.particles << " particles";
  }
}

TEST(Particles, SameSeedSameResult) {
  const auto motion = Travel(0.6, 0.4);
  const ParticleResult a = PourParticles(kCup, motion, 7), b = PourParticles(kCup, motion, 7);
  EXPECT_EQ(a.particles, b.particles);
  EXPECT_EQ(a.spilled, b.spilled);
}

}  // namespace
}  // namespace takt::demo
