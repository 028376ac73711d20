// SPDX-License-Identifier: Apache-2.0
#include "takt/data/demo/motion/timing.h"

#include <gtest/gtest.h>

#include <cmath>

#include "takt/core/base/error.h"
#include "takt/core/base/rng.h"
#include "takt/data/demo/motion/motion_test_chains.h"
#include "takt/data/demo/motion/topp.h"

namespace takt::demo {
namespace {

Chain Axes(int n, double v, double a) {
  Chain chain;
  for (int j = 0; j < n; ++j) {
    chain.joints.push_back(MakeJoint(Vec3::UnitZ(), {0, 0, 0}, -10, 10));
    chain.joints.back().max_velocity_rad_s = v;
    chain.joints.back().max_acceleration_rad_s2 = a;
    chain.joints.back().max_jerk_rad_s3 = 30 * a;
  }
  return chain;
}

JointPath Polyline(const std::vector<Joints>& points, double tolerance_rad) {
  std::vector<Waypoint> waypoints;
  for (const Joints& q : points) waypoints.push_back({q, tolerance_rad});
  return SmoothPath(waypoints);
}

Joints Vec(std::initializer_list<double> values) {
  Joints q(static_cast<int>(values.size()));
  int i = 0;
  for (const double v : values) q[i++] = v;
  return q;
}

std::vector<Joints> Zigzag(const Chain& chain, uint64_t seed, int corners) {
  const Rng rng(seed);
  std::vector<Joints> points;
  for (int i = 0; i < corners; ++i) {
    Joints q(chain.Size());
    for (int j = 0; j < chain.Size(); ++j) q[j] = 2 * rng.UniformDouble(static_cast<uint64_t>(i * 8 + j)) - 1;
    points.push_back(q);
  }
  return points;
}

// A planar two-link arm with point masses at the links' ends under gravity; textbook dynamics.
Joints TwoLinks(const Joints& q, const Joints& dq, const Joints& ddq) {
  const double m1 = 2, m2 = 1, l1 = 0.4, l2 = 0.3, g = 9.81;
  const double c2 = std::cos(q[1]), s2 = std::sin(q[1]);
  const double m12 = m2 * (l2 * l2 + l1 * l2 * c2), m22 = m2 * l2 * l2;
  const double m11 = m1 * l1 * l1 + m2 * (l1 * l1 + 2 * l1 * l2 * c2 + l2 * l2);
  const double h = m2 * l1 * l2 * s2;
  const double g2 = m2 * l2 * g * std::cos(q[0] + q[1]), g1 = (m1 + m2) * l1 * g * std::cos(q[0]) + g2;
  return Vec({m11 * ddq[0] + m12 * ddq[1] - h * (2 * dq[0] * dq[1] + dq[1] * dq[1]) + g1,
              m12 * ddq[0] + m22 * ddq[1] + h * dq[0] * dq[0] + g2});
}

TEST(JointPath, StaysWithinTheToleranceAndIsSmooth) {
  const Chain chain = Axes(3, 1, 1);
  const std::vector<Joints> corners = Zigzag(chain, 5, 6);
  const JointPath path = Polyline(corners, 0.05);
  EXPECT_LT((path.At(0).q - corners.front()).norm(), 1e-12);
  EXPECT_LT((path.At(path.Length()).q - corners.back()).norm(), 1e-12);
  for (int k = 0; k <= 2000; ++k) {
    const Joints q = path.At(path.Length() * k / 2000).q;
    double nearest = 1e9;
    for (size_t i = 1; i < corners.size(); ++i) {
      const Joints edge = corners[i] - corners[i - 1];
      const double t = std::clamp((q - corners[i - 1]).dot(edge) / edge.squaredNorm(), 0.0, 1.0);
      nearest = std::min(nearest, (q - corners[i - 1] - t * edge).norm());
    }
    ASSERT_LE(nearest, 0.05 + 1e-9);
  }
  // Two continuous derivatives, which are the derivatives.
  const double h = 1e-5;
  for (int k = 1; k < 3000; ++k) {
    const double s = path.Length() * k / 3000;
    const PathPoint a = path.At(s - h), b = path.At(s), c = path.At(s + h);
    ASSERT_LT(((c.q - a.q) / (2 * h) - b.dq_ds).norm(), 1e-6);
    ASSERT_LT((c.d2q_ds2 - a.d2q_ds2).norm(), 0.05);
    ASSERT_LT(((c.dq_ds - a.dq_ds) / (2 * h) - b.d2q_ds2).norm(), 0.05);
  }
}

TEST(JointPath, RefusesWhatHasNoLength) {
  EXPECT_THROW(SmoothPath({{Vec({1, 2}), 0.1}}), Error);
  EXPECT_THROW(SmoothPath({{Vec({1, 2}), 0.1}, {Vec({1, 2}), 0.1}}), Error);
  EXPECT_THROW(SmoothPath({{Vec({1, 2}), 0.1}, {Vec({2, 2}), 0}, {Vec({2, 3}), 0.1}}), Error);
}

TEST(JointPath, BlendsKeepOutOfObstacles) {
  PathSpace space;
  space.lower = Vec({-2, -2});
  space.upper = Vec({2, 2});
  space.lever_m = Vec({1, 1});
  space.resolution_m = 0.005;
  // The corner may be cut by no more than 0.03.
  space.valid = [](const Joints& q) { return q[0] > 0.97 || q[1] < 0.03; };
  const JointPath path = SmoothPath({{Vec({0, 0}), 0}, {Vec({1, 0}), 0.5}, {Vec({1, 1}), 0}}, &space);
  for (int k = 0; k <= 1000; ++k) EXPECT_TRUE(space.valid(path.At(path.Length() * k / 1000).q));
}

TEST(Topp, LargestXAgreesWithABruteForceSearch) {
  const Rng rng(3);
  for (uint64_t problem = 0; problem < 300; ++problem) {
    std::vector<ToppRow> rows;
    for (uint64_t k = 0; k < 12; ++k) {
      const auto n = rng.Normal4(problem * 16 + k);
      rows.push_back({n[0], n[1], std::abs(n[2])});
    }
    double best = -1;
    for (int k = 0; k <= 20000; ++k) {
      const double x = 4.0 * k / 20000;
      double low = -1e18, high = 1e18;
      for (const ToppRow& r : rows) {
        const double bound = (r.c - r.b * x) / r.a;
        if (r.a > 0) high = std::min(high, bound);
        else low = std::max(low, bound);
      }
      if (low <= high) best = x;
    }
    EXPECT_NEAR(LargestX(rows, 4.0), best, 3e-4);
  }
}

TEST(Timing, BangBangInClosedForm) {
  TimingOptions options;
  options.smoothing_s = 0;
  // Triangle: a long acceleration never meets the velocity limit. t = 2 sqrt(d / a).
  const TimingResult triangle = TimePath(Axes(1, 100, 2), Polyline({Vec({0}), Vec({1.5})}, 0.1), options);
  EXPECT_NEAR(triangle.trajectory.duration_s, 2 * std::sqrt(1.5 / 2), 0.01 * 1.73);
  // Trapezoid: t = d / v + v / a.
  const TimingResult trapezoid = TimePath(Axes(1, 0.8, 2), Polyline({Vec({0}), Vec({1.5})}, 0.1), options);
  EXPECT_NEAR(trapezoid.trajectory.duration_s, 1.5 / 0.8 + 0.8 / 2, 0.01 * 2.3);
  // Two joints: the one that moves further decides.
  const TimingResult two = TimePath(Axes(2, 0.8, 2), Polyline({Vec({0, 0}), Vec({1.5, -0.3})}, 0.1), options);
  EXPECT_NEAR(two.trajectory.duration_s, 1.5 / 0.8 + 0.8 / 2, 0.01 * 2.3);
}

TEST(Timing, SmoothingAddsItsWidth) {
  const Chain chain = Axes(1, 0.8, 2);
  TimingOptions options;
  options.smoothing_s = 0.1;
  const TimingResult result = TimePath(chain, Polyline({Vec({0}), Vec({1.5})}, 0.1), options);
  EXPECT_NEAR(result.trajectory.duration_s, 1.5 / 0.8 + 0.8 / 2 + 0.1, 0.025);
  EXPECT_LE(MeasureLimits(chain, result.trajectory).jerk, 1);
}

void ExpectLimitsKept(const Chain& chain, const JointPath& path, TimingOptions options) {
  options.rate_hz = 2000;
  const TimingResult result = TimePath(chain, path, options);
  ASSERT_TRUE(result.feasible);
  const Trajectory& t = result.trajectory;
  const LimitUse use = MeasureLimits(chain, t, options.dynamics);
  EXPECT_LE(use.velocity, 1 + 1e-6);
  EXPECT_LE(use.acceleration, 1 + 2e-3);  // between the samples of the 1 kHz check
  if (options.dynamics) {
    EXPECT_LE(use.torque, 1 + 5e-3);
  }
  if (options.smoothing_s > 0) {
    EXPECT_LE(use.jerk, 1.05);
  }
  // The derivatives are those of the positions.
  for (size_t k = 1; k + 1 < t.q.size(); ++k) {
    ASSERT_LT(((t.q[k + 1] - t.q[k - 1]) * (t.rate_hz / 2) - t.dq[k]).norm(), 0.01);
  }
  EXPECT_LT(t.dq.front().norm(), 1e-9);
  EXPECT_LT(t.dq.back().norm(), 1e-9);
  EXPECT_LT((t.q.back() - path.At(path.Length()).q).norm(), 1e-9);
}

TEST(Timing, LimitsHoldOnADenseGrid) {
  for (uint64_t seed = 1; seed <= 12; ++seed) {
    const Chain chain = Axes(6, 1.5, 5);
    const JointPath path = Polyline(Zigzag(chain, seed, 5), 0.1);
    TimingOptions options;
    options.smoothing_s = 0.08;
    ExpectLimitsKept(chain, path, options);
    options.smoothing_s = 0;
    ExpectLimitsKept(chain, path, options);
  }
}

TEST(Timing, TorquesHoldByIndependentDynamics) {
  for (uint64_t seed = 1; seed <= 8; ++seed) {
    Chain chain = Axes(2, 5, 40);
    chain.joints[0].max_torque_nm = 17;  // 14.7 to hold it stretched out
    chain.joints[1].max_torque_nm = 4;
    const JointPath path = Polyline(Zigzag(chain, seed, 4), 0.2);
    TimingOptions options;
    options.dynamics = TwoLinks;
    options.smoothing_s = 0.05;
    ExpectLimitsKept(chain, path, options);
    // Without the constraint they do not hold: the test sees what it tests.
    TimingOptions blind = options;
    blind.dynamics = {};
    EXPECT_GT(MeasureLimits(chain, TimePath(chain, path, blind).trajectory, TwoLinks).torque, 1.05);
  }
}

TEST(Timing, ALoadThatCannotBeHeldIsInfeasible) {
  Chain chain = Axes(2, 5, 40);
  chain.joints[0].max_torque_nm = 5;
  TimingOptions options;
  options.dynamics = TwoLinks;
  EXPECT_FALSE(TimePath(chain, Polyline({Vec({-0.2, 0}), Vec({0.2, 0})}, 0.1), options).feasible);
}

// Dynamic programming over a fine grid of speeds, with a first-order check of the same constraints.
double BruteForceDuration(const Chain& chain, const JointPath& path, const InverseDynamics& dynamics) {
  const int n = 240, levels = 4000;
  const double ds = path.Length() / n, x_top = 8;
  std::vector<double> reach(static_cast<size_t>(n) + 1, 0);
  struct Place {
    PathPoint p;
    Joints a, b, c;
  };
  std::vector<Place> places;
  for (int i = 0; i <= n; ++i) {
    Place place{path.At(i * ds), {}, {}, {}};
    if (dynamics) {
      const Joints zero = Joints::Zero(chain.Size());
      place.c = dynamics(place.p.q, zero, zero);
      place.a = dynamics(place.p.q, zero, place.p.dq_ds) - place.c;
      place.b = dynamics(place.p.q, place.p.dq_ds, place.p.d2q_ds2) - place.c;
    }
    places.push_back(place);
  }
  const auto bounds = [&](int i, double x, double* low, double* high) {
    const Place& place = places[static_cast<size_t>(i)];
    *low = -1e18;
    *high = 1e18;
    const auto row = [&](double a, double b, double c) {
      if (a > 1e-12) *high = std::min(*high, (c - b * x) / a);
      else if (a < -1e-12) *low = std::max(*low, (c - b * x) / a);
      else if (b * x > c) *high = -1e18;
    };
    for (int j = 0; j < chain.Size(); ++j) {
      const ChainJoint& joint = chain.joints[static_cast<size_t>(j)];
      if (std::abs(place.p.dq_ds[j]) * std::sqrt(x) > joint.max_velocity_rad_s) *high = -1e18;
      for (const double sign : {1.0, -1.0}) {
        row(sign * place.p.dq_ds[j], sign * place.p.d2q_ds2[j], joint.max_acceleration_rad_s2);
        if (dynamics) row(sign * place.a[j], sign * place.b[j], joint.max_torque_nm - sign * place.c[j]);
      }
    }
  };
  for (int i = n - 1; i >= 0; --i) {
    for (int k = levels; k >= 0; --k) {
      const double x = x_top * k / levels;
      double low = 0, high = 0;
      bounds(i, x, &low, &high);
      if (low > high) continue;
      // Some deceleration must lead to a speed from which the end is reached.
      if (x + 2 * ds * low <= reach[static_cast<size_t>(i) + 1]) {
        reach[static_cast<size_t>(i)] = x;
        break;
      }
    }
  }
  double x = 0, t = 0;
  for (int i = 0; i < n; ++i) {
    double low = 0, high = 0;
    bounds(i, x, &low, &high);
    const double next = std::max(0.0, std::min(x + 2 * ds * high, reach[static_cast<size_t>(i) + 1]));
    t += 2 * ds / (std::sqrt(x) + std::sqrt(next));
    x = next;
  }
  return t;
}

TEST(Timing, AsFastAsABruteForceReference) {
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    Chain chain = Axes(2, 2, 6);
    chain.joints[0].max_torque_nm = 20;
    chain.joints[1].max_torque_nm = 5;
    const JointPath path = Polyline(Zigzag(chain, seed, 3), 0.3);
    TimingOptions options;
    options.smoothing_s = 0;
    options.grid_step_rad = 0.01;
    for (const InverseDynamics& dynamics : {InverseDynamics(), InverseDynamics(TwoLinks)}) {
      options.dynamics = dynamics;
      const double reference = BruteForceDuration(chain, path, dynamics);
      const TimingResult result = TimePath(chain, path, options);
      EXPECT_NEAR(result.trajectory.duration_s, reference, 0.01 * reference) << seed;
    }
  }
}

TEST(Timing, LiquidStaysLevel) {
  const Chain chain = SevenAxes();
  Joints a(7), b(7);
  a << -0.8, 0.2, 0, -2.0, 0, 2.2, 0.7;
  b << 0.8, 0.2, 0, -2.0, 0, 2.2, 0.7;
  const JointPath path = Polyline({a, b}, 0.1);
  TimingOptions options;
  options.rate_hz = 1000;
  const TimingResult fast = TimePath(chain, path, options);
  options.tool = ToolLimit{{0, 0, 0.02}, 1e9, 0.15};
  const TimingResult calm = TimePath(chain, path, options);
  const auto worst_slope = [&](const Trajectory& t) {
    double worst = 0;
    for (size_t k = 1; k + 1 < t.q.size(); ++k) {
      const auto at = [&](size_t i) { return ToolPose(chain, t.q[i]) * Vec3(0, 0, 0.02); };
      const Vec3 acc = (at(k + 1) - 2 * at(k) + at(k - 1)) * t.rate_hz * t.rate_hz;
      worst = std::max(worst, std::atan2(acc.head<2>().norm(), 9.81 + acc.z()));
    }
    return worst;
  };
  EXPECT_LE(worst_slope(calm.trajectory), 0.151);
  EXPECT_GT(worst_slope(calm.trajectory), 0.12);
  EXPECT_GT(worst_slope(fast.trajectory), 0.2);
  EXPECT_GT(calm.trajectory.duration_s, fast.trajectory.duration_s);
  options.tool = ToolLimit{{0, 0, 0.02}, 0.8, 1.5707963267949};
  const TimingResult slow = TimePath(chain, path, options);
  for (size_t k = 1; k + 1 < slow.trajectory.q.size(); ++k) {
    const auto at = [&](size_t i) { return ToolPose(chain, slow.trajectory.q[i]) * Vec3(0, 0, 0.02); };
    ASSERT_LE(((at(k + 1) - 2 * at(k) + at(k - 1)) * 1e6).norm(), 0.81);
  }
}

}  // namespace
}  // namespace takt::demo
