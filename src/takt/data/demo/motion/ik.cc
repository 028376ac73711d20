// SPDX-License-Identifier: Apache-2.0
#include "takt/data/demo/motion/ik.h"

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "takt/core/base/rng.h"
#include "takt/data/demo/motion/ik_planar.h"

namespace takt::demo {
namespace {

using Vec6 = Eigen::Matrix<double, 6, 1>;
using Hessian = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, 0, kMaxJoints, kMaxJoints>;

constexpr double kRotationLever_m = 0.25;  // metres that one radian counts for in the residual

// Position and rotation that are missing, in the world: linear m, angular rad.
Vec6 Residual(const Pose& target, const Pose& now) {
  Vec6 r;
  r.head<3>() = target.translation_m - now.translation_m;
  const Quat d = target.rotation * now.rotation.conjugate();
  const double n = d.vec().norm();
  const double angle = 2 * std::atan2(n, std::abs(d.w()));
  r.tail<3>() = n > 1e-12 ? Vec3(d.vec() * ((d.w() < 0 ? -angle : angle) / n)) : Vec3(Vec3::Zero());
  return r;
}

struct Attempt {
  Joints q;
  double position_m = std::numeric_limits<double>::infinity();
  double rotation_rad = std::numeric_limits<double>::infinity();
  bool ok = false;
};

void Judge(const Chain& chain, const Pose& target, const IkOptions& options, Attempt* attempt) {
  const Vec6 r = Residual(target, ToolPose(chain, attempt->q));
  attempt->position_m = r.head<3>().norm();
  attempt->rotation_rad = r.tail<3>().norm();
  attempt->ok = attempt->position_m <= options.position_tolerance_m &&
                attempt->rotation_rad <= options.rotation_tolerance_rad && chain.WithinLimits(attempt->q);
}

Attempt Descend(const Chain& chain, const Pose& target, const Joints& start, const Joints& posture, double pull,
                const IkOptions& options) {
  const int n = chain.Size();
  const Joints lower = chain.Lower(), upper = chain.Upper();
  Joints q = start.cwiseMax(lower).cwiseMin(upper);
  ToolJacobian jacobian;
  Vec6 r = Residual(target, ToolPose(chain, q, &jacobian));
  r.tail<3>() *= kRotationLever_m;
  double error = r.squaredNorm();
  double damping = 1e-3;
  // A tenth of the tolerance: what is left must not decide whether a neighbour of this pose counts as reached.
  const double good = 0.01 * std::min(std::pow(options.position_tolerance_m, 2),
                                      std::pow(kRotationLever_m * options.rotation_tolerance_rad, 2));
  for (int iteration = 0; iteration < options.iterations && error > good; ++iteration) {
    ToolJacobian weighted = jacobian;
    weighted.bottomRows<3>() *= kRotationLever_m;
    // The pull fades with the error, so that it chooses among solutions and spoils none.
    const double mu = pull * error;
    Joints gradient = weighted.transpose() * r;
    gradient += mu * (posture - q);
    Hessian hessian = weighted.transpose() * weighted;
    hessian.diagonal().array() += damping * error + mu + 1e-12;
    for (int j = 0; j < n; ++j) {
      const bool held = (q[j] <= lower[j] && gradient[j] < 0) || (q[j] >= upper[j] && gradient[j] > 0);
      if (!held) continue;
      hessian.row(j).setZero();
      hessian.col(j).setZero();
      hessian(j, j) = 1;
      gradient[j] = 0;
    }
    Joints step = hessian.llt().solve(gradient);
    const double longest = step.cwiseAbs().maxCoeff();
    if (!std::isfinite(longest) || longest < 1e-13) break;
    if (longest > 0.6) step *= 0.6 / longest;
    const Joints candidate = (q + step).cwiseMax(lower).cwiseMin(upper);
    ToolJacobian next_jacobian;
    Vec6 next = Residual(target, ToolPose(chain, candidate, &next_jacobian));
    next.tail<3>() *= kRotationLever_m;
    const double next_error = next.squaredNorm();
    if (next_error < error) {
      if (next_error > 0.999 * error && iteration > 15) break;  // a local minimum
      q = candidate;
      r = next;
      jacobian = next_jacobian;
      error = next_error;
      damping = std::max(damping * 0.2, 1e-9);
    } else {
      damping = damping * 10 + 1e-3;
      if (damping > 1e6) break;
    }
  }
  Attempt attempt;
  attempt.q = q;
  Judge(chain, target, options, &attempt);
  return attempt;
}

Joints Posture(const Chain& chain, const IkOptions& options) {
  if (options.posture.size() == chain.Size()) return options.posture;
  return 0.5 * (chain.Lower() + chain.Upper());
}

bool IsNew(const std::vector<Joints>& solutions, const Joints& q, double apart_rad) {
  return std::none_of(solutions.begin(), solutions.end(),
                      [&](const Joints& s) { return (s - q).cwiseAbs().maxCoeff() < apart_rad; });
}

void Keep(const Attempt& attempt, const IkOptions& options, double* best, IkResult* result) {
  const double error = attempt.position_m + kRotationLever_m * attempt.rotation_rad;
  if (error < *best) {
    *best = error;
    result->position_error_m = attempt.position_m;
    result->rotation_error_rad = attempt.rotation_rad;
  }
  if (attempt.ok && IsNew(result->solutions, attempt.q, options.apart_rad)) result->solutions.push_back(attempt.q);
}

void SortByDistance(const Joints& near, std::vector<Joints>* solutions) {
  std::stable_sort(solutions->begin(), solutions->end(), [&](const Joints& a, const Joints& b) {
    return (a - near).squaredNorm() < (b - near).squaredNorm();
  });
}

}  // namespace

IkResult SolveIk(const Chain& chain, const Pose& world_from_tool, const Joints& near, const IkOptions& options) {
  IkResult result;
  double best = std::numeric_limits<double>::infinity();
  result.position_error_m = result.rotation_error_rad = best;
  if (const auto arm = PlanarArm::Of(chain)) {
    for (const Joints& q : arm->Solve(world_from_tool)) {
      Attempt attempt;
      attempt.q = q;
      Judge(chain, world_from_tool, options, &attempt);
      Keep(attempt, options, &best, &result);
    }
    SortByDistance(near, &result.solutions);
    return result;
  }
  const Joints posture = Posture(chain, options);
  const Joints lower = chain.Lower(), range = chain.Upper() - chain.Lower();
  const Rng rng(options.seed, 0x1c);
  for (int start = 0; start < options.starts; ++start) {
    if (static_cast<int>(result.solutions.size()) >= options.max_solutions) break;
    Joints q = near;
    for (int j = 0; start > 0 && j < chain.Size(); ++j) {
      const double u = rng.UniformDouble(static_cast<uint64_t>(start * kMaxJoints + j));
      // Every other start half way to the posture: most poses are reached from there, some only from the extremes.
      const double anywhere = lower[j] + u * range[j];
      q[j] = start % 2 == 1 ? 0.5 * (posture[j] + anywhere) : anywhere;
    }
    Keep(Descend(chain, world_from_tool, q, posture, start == 0 ? 0 : 0.5, options), options, &best, &result);
  }
  SortByDistance(near, &result.solutions);
  return result;
}

IkResult TrackIk(const Chain& chain, const Pose& world_from_tool, const Joints& start, const IkOptions& options) {
  if (IsYawPitchRoll(chain)) {
    IkResult result = SolveIk(chain, world_from_tool, start, options);
    if (result.solutions.size() > 1) result.solutions.resize(1);
    return result;
  }
  IkResult result;
  double best = std::numeric_limits<double>::infinity();
  Keep(Descend(chain, world_from_tool, start, start, 0, options), options, &best, &result);
  return result;
}

bool IsYawPitchRoll(const Chain& chain) { return PlanarArm::Of(chain).has_value(); }

std::vector<Pose> InArmPlane(const Chain& chain, const Pose& world_from_tool, bool symmetric) {
  const auto arm = PlanarArm::Of(chain);
  if (!arm) return {world_from_tool};
  const Eigen::Matrix3d axes = world_from_tool.rotation.toRotationMatrix();
  const Vec3 opening = axes.col(1), approach = axes.col(2);
  std::vector<std::pair<double, Pose>> found;
  for (const double yaw : arm->Yaws(world_from_tool.translation_m)) {
    const Vec3 normal = arm->Normal(yaw);
    Vec3 turned = opening.cross(normal);
    Vec3 closing = opening;
    if (turned.norm() < 0.05) {
      // Closing across the plane: every approach in the plane will do; the small rest is turned away.
      closing = opening.dot(normal) > 0 ? normal : Vec3(-normal);
      turned = approach - normal * approach.dot(normal);
      if (turned.norm() < 1e-6) continue;
    }
    turned.normalize();
    if (turned.dot(approach) < 0) turned = -turned;
    const double turn = std::acos(std::clamp(turned.dot(approach), -1.0, 1.0));
    for (int flip = 0; flip < (symmetric ? 2 : 1); ++flip) {
      Eigen::Matrix3d r;
      r.col(1) = flip == 0 ? closing : Vec3(-closing);
      r.col(2) = turned;
      r.col(0) = r.col(1).cross(r.col(2));
      const Pose pose{Quat(r).normalized(), world_from_tool.translation_m};
      const bool is_new = std::none_of(found.begin(), found.end(), [&](const auto& f) {
        return AngleBetween(f.second.rotation, pose.rotation) < 1e-6;
      });
      if (is_new) found.emplace_back(turn, pose);
    }
  }
  std::stable_sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<Pose> poses;
  for (auto& f : found) poses.push_back(f.second);
  return poses;
}

}  // namespace takt::demo
