// SPDX-License-Identifier: Apache-2.0
#include "takt/data/demo/motion/timing.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "takt/data/demo/motion/topp.h"

namespace takt::demo {
namespace {

constexpr double kGravity_mps2 = 9.81;
constexpr int kSides = 16;        // of the polygons that stand for circles
constexpr double kCheck_hz = 1000;

// value = a u + b x + c of torques and tool accelerations at a place of the path.
struct Affine {
  Joints torque_a, torque_b, torque_c;
  Vec3 tool_a = Vec3::Zero(), tool_b = Vec3::Zero();
};

struct PathGrid {
  std::vector<double> s;
  std::vector<PathPoint> points;
  std::vector<Affine> affine;  // empty where there is neither dynamics nor a tool limit
};

PathGrid MakeGrid(const Chain& chain, const JointPath& path, const TimingOptions& o) {
  PathGrid grid;
  const double length = path.Length();
  const double step = std::min(o.grid_step_rad, length / 60);
  const auto& breaks = path.Breaks();
  for (size_t piece = 0; piece < breaks.size(); ++piece) {
    const double from = breaks[piece], to = piece + 1 < breaks.size() ? breaks[piece + 1] : length;
    const int cells = std::max(2, static_cast<int>(std::ceil((to - from) / step)));
    for (int i = 0; i < cells; ++i) grid.s.push_back(from + (to - from) * i / cells);
  }
  grid.s.push_back(length);
  for (const double s : grid.s) {
    PathPoint p = path.At(s);
    if (o.dynamics || o.tool) {
      Affine f;
      if (o.dynamics) {
        const Joints zero = Joints::Zero(p.q.size());
        f.torque_c = o.dynamics(p.q, zero, zero);
        f.torque_a = o.dynamics(p.q, zero, p.dq_ds) - f.torque_c;
        f.torque_b = o.dynamics(p.q, p.dq_ds, p.d2q_ds2) - f.torque_c;
      }
      if (o.tool) {
        // Differences of the point's place along the path; h is small beside every blend.
        constexpr double kStep = 1e-4;
        const auto at = [&](double h) {
          const Joints q = p.q + h * p.dq_ds + (0.5 * h * h) * p.d2q_ds2;
          return ToolPose(chain, q) * o.tool->point_in_tool_m;
        };
        const Vec3 before = at(-kStep), here = at(0), after = at(kStep);
        f.tool_a = (after - before) / (2 * kStep);
        f.tool_b = (after - 2 * here + before) / (kStep * kStep);
      }
      grid.affine.push_back(std::move(f));
    }
    grid.points.push_back(std::move(p));
  }
  return grid;
}

// The limits at one place, as rows; `pace` <= 1 slows time there.
void AddRows(const Chain& chain, const PathPoint& p, const Affine* f, double pace, const TimingOptions& o, double* x_max,
             std::vector<ToppRow>* rows) {
  const double pace2 = pace * pace, speed = o.speed * pace;
  *x_max = 1e12;
  for (int j = 0; j < chain.Size(); ++j) {
    const ChainJoint& joint = chain.joints[static_cast<size_t>(j)];
    const double v = joint.max_velocity_rad_s * speed, a = joint.max_acceleration_rad_s2 * speed * speed;
    if (std::abs(p.dq_ds[j]) > 1e-9) *x_max = std::min(*x_max, std::pow(v / p.dq_ds[j], 2));
    rows->push_back({p.dq_ds[j], p.d2q_ds2[j], a});
    rows->push_back({-p.dq_ds[j], -p.d2q_ds2[j], a});
    if (o.dynamics) {
      // Slowing leaves the static part as it is: only what is left of the limit shrinks.
      const double up = pace2 * (joint.max_torque_nm - f->torque_c[j]);
      const double down = pace2 * (joint.max_torque_nm + f->torque_c[j]);
      rows->push_back({f->torque_a[j], f->torque_b[j], up});
      rows->push_back({-f->torque_a[j], -f->torque_b[j], down});
    }
  }
  if (!o.tool) return;
  const double inscribed = std::cos(std::numbers::pi / kSides);
  if (o.tool->max_acceleration_mps2 < 1e6) {
    // The acceleration lies in the plane of its two parts: a polygon in that plane holds its length.
    const Vec3 e1 = f->tool_a.norm() > 1e-12 ? Vec3(f->tool_a.normalized()) : Vec3(Vec3::UnitX());
    Vec3 e2 = f->tool_b - e1 * e1.dot(f->tool_b);
    e2 = e2.norm() > 1e-12 ? Vec3(e2.normalized()) : e1.unitOrthogonal();
    for (int k = 0; k < kSides; ++k) {
      const double angle = 2 * std::numbers::pi * k / kSides;
      const Vec3 d = std::cos(angle) * e1 + std::sin(angle) * e2;
      rows->push_back({d.dot(f->tool_a), d.dot(f->tool_b), pace2 * inscribed * o.tool->max_acceleration_mps2});
    }
  }
  if (o.tool->max_slope_rad < 1.57) {
    // |a horizontal| <= tan(slope) (g + a vertical).
    const double slope = std::tan(o.tool->max_slope_rad) * inscribed;
    for (int k = 0; k < kSides; ++k) {
      const double angle = 2 * std::numbers::pi * k / kSides;
      const Vec3 d(std::cos(angle), std::sin(angle), -slope);
      rows->push_back({d.dot(f->tool_a), d.dot(f->tool_b), pace2 * slope * kGravity_mps2});
    }
  }
}

// s(t) of a profile, its integral and derivatives, and the same through a box filter.
class TimeLaw {
 public:
  TimeLaw(const PathGrid& grid, const ToppProfile& profile, double width_s)
      : s_(grid.s), profile_(profile), width_s_(width_s), sum_(grid.s.size(), 0) {
    for (size_t i = 0; i + 1 < s_.size(); ++i) {
      const double dt = profile_.t[i + 1] - profile_.t[i], v = std::sqrt(profile_.x[i]), u = profile_.u[i];
      sum_[i + 1] = sum_[i] + dt * (s_[i] + dt * (v / 2 + dt * u / 6));
    }
  }
  double Duration() const { return profile_.t.back() + width_s_; }

  struct Sample {
    double s, ds, dds;
    double s_oldest, s_newest;  // what the filter sees
  };
  Sample At(double t) const {
    const Raw now = At0(t);
    if (width_s_ <= 0) return {now.s, now.v, now.u, now.s, now.s};
    const Raw then = At0(t - width_s_);
    return {(now.sum - then.sum) / width_s_, (now.s - then.s) / width_s_, (now.v - then.v) / width_s_, then.s, now.s};
  }

 private:
  struct Raw {
    double sum, s, v, u;
  };
  Raw At0(double t) const {
    if (t <= 0) return {0, 0, 0, 0};
    const double end = profile_.t.back();
    if (t >= end) return {sum_.back() + (t - end) * s_.back(), s_.back(), 0, 0};
    const size_t i = static_cast<size_t>(std::upper_bound(profile_.t.begin(), profile_.t.end(), t) - profile_.t.begin()) - 1;
    const double dt = t - profile_.t[i], v = std::sqrt(profile_.x[i]), u = profile_.u[i];
    return {sum_[i] + dt * (s_[i] + dt * (v / 2 + dt * u / 6)), s_[i] + dt * (v + dt * u / 2), v + dt * u, u};
  }

  const std::vector<double>& s_;
  const ToppProfile& profile_;
  double width_s_;
  std::vector<double> sum_;
};

// By how much time must stretch at a place for the limits to hold there: 1 where they do.
struct Stretch {
  std::vector<double> s_oldest, s_newest, factor;
  double worst = 1;
};

double TorqueStretch(const Joints& dynamic, const Joints& fixed, const Chain& chain) {
  double worst = 1;
  for (int j = 0; j < chain.Size(); ++j) {
    const double room = chain.joints[static_cast<size_t>(j)].max_torque_nm - fixed[j] * (dynamic[j] > 0 ? 1 : -1);
    if (room > 0) worst = std::max(worst, std::abs(dynamic[j]) / room);
  }
  return std::sqrt(worst);
}

Stretch Check(const Chain& chain, const JointPath& path, const PathGrid& grid, const TimeLaw& law, const TimingOptions& o) {
  Stretch stretch;
  const int samples = static_cast<int>(std::ceil(law.Duration() * kCheck_hz)) + 1;
  Joints last_ddq = Joints::Zero(chain.Size());
  size_t cell = 0;
  for (int k = 0; k < samples; ++k) {
    const TimeLaw::Sample now = law.At(k / kCheck_hz);
    const PathPoint p = path.At(now.s);
    const double x = now.ds * now.ds;
    const Joints dq = p.dq_ds * now.ds, ddq = p.d2q_ds2 * x + p.dq_ds * now.dds;
    double factor = 1;
    for (int j = 0; j < chain.Size(); ++j) {
      const ChainJoint& joint = chain.joints[static_cast<size_t>(j)];
      factor = std::max(factor, std::abs(dq[j]) / (joint.max_velocity_rad_s * o.speed));
      factor = std::max(factor, std::sqrt(std::abs(ddq[j]) / (joint.max_acceleration_rad_s2 * o.speed * o.speed)));
      if (o.smoothing_s > 0 && o.limit_jerk) {
        factor = std::max(factor, std::cbrt(std::abs(ddq[j] - last_ddq[j]) * kCheck_hz / joint.max_jerk_rad_s3));
      }
    }
    last_ddq = ddq;
    if (!grid.affine.empty()) {
      while (cell + 2 < grid.s.size() && grid.s[cell + 1] < now.s) ++cell;
      while (cell > 0 && grid.s[cell] > now.s) --cell;
      const double w = std::clamp((now.s - grid.s[cell]) / (grid.s[cell + 1] - grid.s[cell]), 0.0, 1.0);
      const Affine &f = grid.affine[cell], &g = grid.affine[cell + 1];
      if (o.dynamics) {
        const Joints dynamic = ((1 - w) * f.torque_a + w * g.torque_a) * now.dds + ((1 - w) * f.torque_b + w * g.torque_b) * x;
        factor = std::max(factor, TorqueStretch(dynamic, (1 - w) * f.torque_c + w * g.torque_c, chain));
      }
      if (o.tool) {
        const Vec3 a = ((1 - w) * f.tool_a + w * g.tool_a) * now.dds + ((1 - w) * f.tool_b + w * g.tool_b) * x;
        factor = std::max(factor, std::sqrt(a.norm() / o.tool->max_acceleration_mps2));
        if (o.tool->max_slope_rad < 1.57) {
          const double excess = a.head<2>().norm() - std::tan(o.tool->max_slope_rad) * a.z();
          factor = std::max(factor, std::sqrt(std::max(0.0, excess) / (std::tan(o.tool->max_slope_rad) * kGravity_mps2)));
        }
      }
    }
    if (!(factor <= 1)) {
      stretch.s_oldest.push_back(now.s_oldest);
      stretch.s_newest.push_back(now.s_newest);
      stretch.factor.push_back(factor);
      stretch.worst = std::max(stretch.worst, factor);
    }
  }
  return stretch;
}

void SlowDown(const Stretch& stretch, const std::vector<double>& s, std::vector<double>* pace) {
  std::vector<double> slower(s.size(), 1);
  for (size_t k = 0; k < stretch.factor.size(); ++k) {
    // Everything that the filter saw, and a cell on either side.
    size_t i = static_cast<size_t>(std::upper_bound(s.begin(), s.end(), stretch.s_oldest[k]) - s.begin());
    i = i > 1 ? i - 2 : 0;
    for (; i < s.size() && (i == 0 || s[i - 1] <= stretch.s_newest[k]); ++i) {
      slower[i] = std::min(slower[i], 1 / (stretch.factor[k] * 1.0005));
    }
  }
  for (size_t i = 0; i < s.size(); ++i) (*pace)[i] *= slower[i];
}

Trajectory Sample(const JointPath& path, const TimeLaw& law, double stretch, double rate_hz) {
  Trajectory out;
  out.rate_hz = rate_hz;
  out.duration_s = law.Duration() * stretch;
  const int last = static_cast<int>(std::ceil(out.duration_s * rate_hz - 1e-9));
  for (int k = 0; k <= last; ++k) {
    const TimeLaw::Sample now = law.At(k / rate_hz / stretch);
    const PathPoint p = path.At(now.s);
    const double ds = now.ds / stretch, dds = now.dds / (stretch * stretch);
    out.q.push_back(p.q);
    out.dq.push_back(p.dq_ds * ds);
    out.ddq.push_back(p.d2q_ds2 * (ds * ds) + p.dq_ds * dds);
  }
  return out;
}

}  // namespace

TimingResult TimePath(const Chain& chain, const JointPath& path, const TimingOptions& options) {
  TimingResult result;
  const PathGrid grid = MakeGrid(chain, path, options);
  std::vector<double> pace(grid.s.size(), 1);
  ToppProblem problem;
  problem.s = grid.s;
  problem.x_max.resize(grid.s.size());
  ToppProfile profile;
  constexpr int kRounds = 12;
  for (result.rounds = 0;; ++result.rounds) {
    problem.rows.assign(grid.s.size(), {});
    for (size_t i = 0; i < grid.s.size(); ++i) {
      AddRows(chain, grid.points[i], grid.affine.empty() ? nullptr : &grid.affine[i], pace[i], options, &problem.x_max[i],
              &problem.rows[i]);
    }
    profile = SolveTopp(problem);
    if (!profile.feasible) {
      result.feasible = false;
      return result;
    }
    if (result.rounds == 0) result.optimal_s = profile.t.back();
    const TimeLaw law(grid, profile, options.smoothing_s);
    const Stretch stretch = Check(chain, path, grid, law, options);
    if (stretch.worst <= 1.002 || result.rounds == kRounds) {
      // Velocities, accelerations, jerks and the dynamic part of torques all shrink with a uniform stretch.
      result.trajectory = Sample(path, law, stretch.worst, options.rate_hz);
      return result;
    }
    SlowDown(stretch, grid.s, &pace);
  }
}

LimitUse MeasureLimits(const Chain& chain, const Trajectory& trajectory, const InverseDynamics& dynamics) {
  LimitUse use;
  for (size_t k = 0; k < trajectory.q.size(); ++k) {
    Joints torque;
    if (dynamics) torque = dynamics(trajectory.q[k], trajectory.dq[k], trajectory.ddq[k]);
    for (int j = 0; j < chain.Size(); ++j) {
      const ChainJoint& joint = chain.joints[static_cast<size_t>(j)];
      use.velocity = std::max(use.velocity, std::abs(trajectory.dq[k][j]) / joint.max_velocity_rad_s);
      use.acceleration = std::max(use.acceleration, std::abs(trajectory.ddq[k][j]) / joint.max_acceleration_rad_s2);
      if (dynamics) use.torque = std::max(use.torque, std::abs(torque[j]) / joint.max_torque_nm);
      if (k > 0) {
        const double jerk = (trajectory.ddq[k][j] - trajectory.ddq[k - 1][j]) * trajectory.rate_hz;
        use.jerk = std::max(use.jerk, std::abs(jerk) / joint.max_jerk_rad_s3);
      }
    }
  }
  return use;
}

}  // namespace takt::demo
