// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "takt/data/demo/motion/joint_path.h"

namespace takt::demo {

// Joint torques [Nm] that produce this motion, gravity and load included, without friction and damping:
// M(q) ddq + C(q, dq) dq + g(q). Must be exactly of that form (quadratic in dq, affine in ddq).
using InverseDynamics = std::function<Joints(const Joints& q, const Joints& dq, const Joints& ddq)>;

// Keeps what stands or swims in the tool where it is: limits of the acceleration of a point fixed in the tool.
struct ToolLimit {
  Vec3 point_in_tool_m = Vec3::Zero();
  double max_acceleration_mps2 = 1e9;  // length of the vector
  // The apparent vertical (gravity minus acceleration) leaves the world's vertical by at most this angle: the slope of a
  // liquid's surface while it follows. pi/2: no limit.
  double max_slope_rad = 1.5707963267949;
};

struct TimingOptions {
  double rate_hz = 50;           // of the samples
  double grid_step_rad = 0.02;   // of the path parameter, at most; at least 60 steps a path
  double speed = 1;              // scales velocity limits, accelerations by its square; (0, 1]
  double smoothing_s = 0.06;     // width of the jerk filter; 0: bang-bang
  bool limit_jerk = true;        // with smoothing: max_jerk_rad_s3 is kept too
  InverseDynamics dynamics;      // empty: torques are not limited
  std::optional<ToolLimit> tool;
};

// Samples at a fixed rate, from rest to rest. The last sample lies at or after the end of the motion.
struct Trajectory {
  double rate_hz = 50;
  std::vector<Joints> q;         // rad
  std::vector<Joints> dq;        // rad/s
  std::vector<Joints> ddq;       // rad/s^2
  double duration_s = 0;         // exact time at which the path ends
  double Duration() const { return duration_s; }
};

struct TimingResult {
  Trajectory trajectory;
  bool feasible = true;          // false: even standing still breaks a torque limit somewhere
  int rounds = 0;                // of local slowing
  double optimal_s = 0;          // duration before smoothing: the lower bound for this path
};

// The fastest motion along a path from rest to rest under the chain's limits, torques and tool limits.
//   x = (ds/dt)^2, u = d2s/dt2;  joint accelerations, torques and tool accelerations are a(s) u + b(s) x + c(s):
//   a backward pass of largest controllable x, a forward pass of largest u, constraints at both ends of each cell.
// Smoothing: s(t) is convolved with a box of smoothing_s, which stays on the path, bounds the jerk of s by
// 2 max|u| / smoothing_s and adds smoothing_s to the duration. Whatever then exceeds a limit between the grid points or
// through the filter is slowed locally and timed again; a last uniform stretch makes the limits hold at every sample of
// a 1 kHz check. Cost: below 1 ms for 100 cells without dynamics. Determinism: a function of its arguments.
// Source: Pham and Pham 2018 (TOPP-RA), interpolation scheme; Biagiotti and Melchiorri 2012 (box filters).
// Where we deviate: the 2-variable programs are solved by cutting planes from above (exact, a handful of steps), since
// standing still is feasible; local slowing.
TimingResult TimePath(const Chain& chain, const JointPath& path, const TimingOptions& options = {});

// The largest |value| / limit over velocity, acceleration and torque at `checks_hz`; <= 1 where everything is kept.
struct LimitUse {
  double velocity = 0, acceleration = 0, jerk = 0, torque = 0;
};
LimitUse MeasureLimits(const Chain& chain, const Trajectory& trajectory, const InverseDynamics& dynamics = {});

}  // namespace takt::demo
