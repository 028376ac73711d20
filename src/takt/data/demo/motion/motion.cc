// SPDX-License-Identifier: Apache-2.0
#include "takt/data/demo/motion/motion.h"

#include <Eigen/Cholesky>
#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "takt/core/base/error.h"
#include "takt/data/demo/motion/ik_planar.h"
#include "takt/data/demo/motion/motion_impl.h"

namespace takt::demo {
namespace {

constexpr double kStraightStep_m = 0.01;
constexpr double kStraightBlend_rad = 0.004;
constexpr double kMaxStraightStep_rad = 0.35;  // a larger step between neighbours is another branch

}  // namespace

std::string_view PlanReasonName(PlanReason reason) {
  constexpr std::array<std::string_view, 5> kNames = {"none", "no_grasp", "ik", "plan", "limit"};
  return kNames[static_cast<size_t>(reason)];
}

std::string_view SegmentKindName(SegmentKind kind) {
  constexpr std::array<std::string_view, 8> kNames = {"transit",  "approach", "close", "lift",
                                                      "transfer", "lower",    "open",  "retreat"};
  return kNames[static_cast<size_t>(kind)];
}

double MotionPlan::Duration() const {
  double sum = 0;
  for (const MotionSegment& segment : segments) sum += segment.joints.duration_s;
  return sum;
}

MotionPlanner::Impl::Impl(std::shared_ptr<const sim::Model> model, const sim::RobotInfo& robot, const PlannerOptions& o)
    : options(o), scene(std::move(model), robot), gripper(MakeGripper(scene.world(), robot)), timed(scene.chain()) {
  for (ChainJoint& joint : timed.joints) joint.max_torque_nm *= options.torque_share;
  home.resize(timed.Size());
  for (int j = 0; j < timed.Size(); ++j) home[j] = robot.home_rad[static_cast<size_t>(j)];
  q = scene.ReadQ();
}

bool MotionPlanner::Impl::Within(const Upright& upright, const Joints& at) const {
  const Vec3 axis = ToolPose(scene.chain(), at).rotation * upright.axis_in_tool;
  return std::acos(std::clamp(axis.dot(upright.direction_in_world), -1.0, 1.0)) <= upright.tolerance_rad;
}

bool MotionPlanner::Impl::Project(const Upright& upright, Joints* at) const {
  const Chain& chain = scene.chain();
  const Joints lower = chain.Lower(), upper = chain.Upper();
  const Vec3 t = upright.direction_in_world;
  for (int iteration = 0; iteration < 8; ++iteration) {
    ToolJacobian jacobian;
    const Vec3 axis = ToolPose(chain, *at, &jacobian).rotation * upright.axis_in_tool;
    const Vec3 error = axis.cross(t);
    if (axis.dot(t) > 0 && error.norm() < 0.1 * upright.tolerance_rad) return true;
    // Turning about the direction itself is free.
    const Eigen::Matrix<double, 3, Eigen::Dynamic, 0, 3, kMaxJoints> j =
        jacobian.bottomRows<3>() - t * (t.transpose() * jacobian.bottomRows<3>());
    const Eigen::Matrix3d square = j * j.transpose() + 1e-4 * Eigen::Matrix3d::Identity();
    const Vec3 turn = square.ldlt().solve(error);
    Joints step = Joints::Zero(at->size());
    step += j.transpose() * turn;
    const double longest = step.cwiseAbs().maxCoeff();
    if (longest > 0.5) step *= 0.5 / longest;
    *at = (*at + step).cwiseMax(lower).cwiseMin(upper);
  }
  return false;
}

FreePath MotionPlanner::Impl::Plan(const Joints& from, const std::vector<Joints>& goals, const Upright* upright,
                                   PlanCounts* counts) {
  FreePath result;
  result.reason = PlanReason::kPlan;
  const Chain& chain = scene.chain();
  // A start beside a wall may not have the clearance: then with a quarter of it, and with what near motions keep.
  for (int level = 0; level < 3; ++level) {
    const bool near = level == 2;
    const double clearance = near ? options.near_clearance_m : options.clearance_m / (level == 0 ? 1 : 4);
    PathSpace space;
    space.lower = chain.Lower();
    space.upper = chain.Upper();
    space.lever_m = scene.lever_m();
    space.valid = [&](const Joints& at) {
      return (upright == nullptr || Within(*upright, at)) && (near ? scene.Near(at, clearance) : scene.Free(at, clearance));
    };
    if (upright != nullptr) space.project = [&](Joints* at) { return Project(*upright, at); };
    RrtOptions rrt = options.rrt;
    for (int attempt = 0; attempt < 2; ++attempt) {
      rrt.seed = options.seed * 2 + static_cast<uint64_t>(attempt);
      // At twice the clearance no point of the arm can pass through anything between two checks.
      const double proof_m = std::max(2 * clearance, 0.004);
      space.resolution_m = attempt == 0 ? std::max(0.025, proof_m) : proof_m;
      const PathResult found = PlanPath(space, from, goals, rrt);
      counts->rrt_iterations += found.iterations;
      if (!found.start_valid || !found.any_goal_valid) break;
      if (!found.Found()) return result;
      std::vector<Waypoint> corners;
      for (const Joints& at : found.path) corners.push_back({at, options.blend_rad});
      if (PathLength(space, found.path) < 1e-9) {
        result.goal_idx = found.goal_idx;
        result.reason = PlanReason::kNone;
        return result;  // already there
      }
      result.path = SmoothPath(corners, &space);
      bool proved = true;
      for (double s = 0; s < result.path.Length() && proved;) {
        const PathPoint at = result.path.At(s);
        proved = space.valid(at.q);
        s += 0.9 * proof_m / std::max(at.dq_ds.cwiseAbs().dot(space.lever_m), 1e-6);
      }
      if (!proved) continue;
      result.goal_idx = found.goal_idx;
      result.reason = PlanReason::kNone;
      return result;
    }
  }
  return result;
}

std::vector<Joints> MotionPlanner::Impl::Straight(const Joints& from, const Vec3& shift_in_world, double clearance_m) {
  const Pose start = ToolPose(scene.chain(), from);
  const int steps = std::max(1, static_cast<int>(std::ceil(shift_in_world.norm() / kStraightStep_m)));
  std::vector<Joints> way = {from};
  for (int i = 1; i <= steps; ++i) {
    Pose target = start;
    target.translation_m += shift_in_world * (static_cast<double>(i) / steps);
    const IkResult ik = TrackIk(scene.chain(), target, way.back());
    if (!ik.Reachable() || (ik.solutions[0] - way.back()).cwiseAbs().maxCoeff() > kMaxStraightStep_rad) return {};
    if (!scene.Near(ik.solutions[0], clearance_m)) return {};
    way.push_back(ik.solutions[0]);
  }
  return way;
}

bool MotionPlanner::Impl::Append(const JointPath& path, SegmentKind kind, double opening_m, double speed,
                                 const ToolLimit* tool, MotionPlan* plan) {
  if (!(path.Length() > 0)) return true;
  TimingOptions timing;
  timing.rate_hz = options.rate_hz;
  timing.speed = speed;
  timing.smoothing_s = options.smoothing_s;
  timing.grid_step_rad = 0.03;
  timing.dynamics = scene.Dynamics();
  if (tool != nullptr) timing.tool = *tool;
  TimingResult timed_path = TimePath(timed, path, timing);
  if (!timed_path.feasible) return false;
  plan->segments.push_back({kind, std::move(timed_path.trajectory), opening_m});
  return true;
}

bool MotionPlanner::Impl::Append(const std::vector<Joints>& straight, SegmentKind kind, double opening_m,
                                 const ToolLimit* tool, MotionPlan* plan) {
  std::vector<Waypoint> corners;
  for (const Joints& at : straight) corners.push_back({at, kStraightBlend_rad});
  if ((straight.front() - straight.back()).norm() < 1e-6) return true;
  return Append(SmoothPath(corners), kind, opening_m, options.near_speed, tool, plan);
}

void MotionPlanner::Impl::Wait(const Joints& at, SegmentKind kind, double opening_m, double seconds, MotionPlan* plan) const {
  Trajectory still;
  still.rate_hz = options.rate_hz;
  still.duration_s = seconds;
  const auto count = static_cast<size_t>(std::ceil(seconds * options.rate_hz - 1e-9)) + 1;
  still.q.assign(count, at);
  still.dq.assign(count, Joints::Zero(at.size()));
  still.ddq = still.dq;
  plan->segments.push_back({kind, std::move(still), opening_m});
}

IkResult MotionPlanner::Impl::Ik(const Pose& world_from_tool, const Joints& near, PlanCounts* counts, int max_solutions) const {
  IkOptions ik;
  ik.posture = home;
  ik.starts = 8;
  ik.max_solutions = max_solutions;
  ik.seed = options.seed;
  ++counts->ik_solves;
  return SolveIk(scene.chain(), world_from_tool, near, ik);
}

void MotionPlanner::Impl::Fail(PlanReason reason, std::string detail, MotionPlan* plan) const {
  plan->reason = reason;
  plan->detail = std::move(detail);
  plan->segments.clear();
}

void MotionPlanner::Impl::Drop(int body_idx, const Pose& world_from_object) {
  scene.Hold(-1, {});
  scene.world().SetFreeBodyPose(body_idx, world_from_object);
}

std::vector<std::pair<Pose, Pose>> MotionPlanner::Impl::PlaceTools(const std::vector<Pose>& goals, const Pose& tool_from_object,
                                                                   const Vec3& com_in_object, bool free_yaw) const {
  std::vector<std::pair<Pose, Pose>> tools;
  const Pose object_from_tool = tool_from_object.Inverse();
  const auto arm = PlanarArm::Of(scene.chain());
  constexpr int kYaws = 24;
  for (const Pose& goal : goals) {
    const auto turned = [&](double yaw) {
      const Vec3 pivot = goal * com_in_object;
      return Pose::Yaw(0, pivot) * Pose::Yaw(yaw) * Pose::Translation(-pivot.x(), -pivot.y(), -pivot.z()) * goal;
    };
    if (!free_yaw) {
      tools.emplace_back(goal * object_from_tool, goal);
      continue;
    }
    const auto add = [&](double yaw) { tools.emplace_back(turned(yaw) * object_from_tool, turned(yaw)); };
    if (!arm) {
      for (int k = 0; k < kYaws; ++k) add(2 * std::numbers::pi * k / kYaws);
      continue;
    }
    // How far the approach leaves the arm's plane; a 5-joint arm needs its zeros.
    const auto out_of_plane = [&](double yaw) {
      const Pose tool = turned(yaw) * object_from_tool;
      const std::vector<double> yaws = arm->Yaws(tool.translation_m);
      return yaws.empty() ? 1.0 : arm->Normal(yaws[0]).dot(tool.rotation * Vec3::UnitZ());
    };
    for (int k = 0; k < kYaws; ++k) {
      double a = 2 * std::numbers::pi * k / kYaws, b = 2 * std::numbers::pi * (k + 1) / kYaws;
      double fa = out_of_plane(a);
      if (std::abs(fa) < 5e-4) {
        add(a);
      } else if (fa * out_of_plane(b) < 0) {
        for (int halving = 0; halving < 40; ++halving) {
          const double middle = 0.5 * (a + b), fm = out_of_plane(middle);
          (fa * fm > 0 ? a : b) = middle;
          if (fa * fm > 0) fa = fm;
        }
        add(0.5 * (a + b));
      }
    }
  }
  return tools;
}

std::vector<MotionPlanner::Impl::Lowering> MotionPlanner::Impl::Lowerings(const std::vector<Pose>& goals, bool free_yaw,
                                                                          double lower_m, const Vec3& direction, int most,
                                                                          PlanCounts* counts) {
  std::vector<Lowering> found;
  const int body = scene.held_idx();
  const Vec3 com = scene.world().BodyPose(body).Inverse() * scene.world().SubtreeCom(body);
  auto tools = PlaceTools(goals, scene.tool_from_held(), com, free_yaw);
  // The tool that turns least first: it is the likeliest to be near.
  const Pose now = ToolPose(scene.chain(), q);
  std::stable_sort(tools.begin(), tools.end(), [&](const auto& a, const auto& b) {
    return AngleBetween(a.first.rotation, now.rotation) < AngleBetween(b.first.rotation, now.rotation);
  });
  for (const auto& [tool, object] : tools) {
    const IkResult ik = Ik(tool, q, counts, 2);
    for (const Joints& at : ik.solutions) {
      if (!scene.Near(at, options.near_clearance_m)) continue;
      std::vector<Joints> up = Straight(at, -lower_m * direction, options.near_clearance_m);
      if (up.empty()) continue;
      std::reverse(up.begin(), up.end());
      found.push_back({object, std::move(up)});
      if (static_cast<int>(found.size()) >= most) return found;
    }
  }
  return found;
}

MotionPlan MotionPlanner::Impl::Move(const std::vector<Joints>& goals) {
  MotionPlan plan;
  const int64_t checks = scene.checks();
  const bool held = scene.held_idx() >= 0;
  const FreePath path = Plan(q, goals, nullptr, &plan.counts);
  if (path.reason != PlanReason::kNone) {
    scene.Free(goals.front(), options.clearance_m);
    Fail(path.reason, "no free way; at the goal: " + scene.Blocker(goals.front()), &plan);
  } else if (!Append(path.path, held ? SegmentKind::kTransfer : SegmentKind::kTransit, held ? 0 : scene.opening_m(),
                     options.speed, nullptr, &plan)) {
    Fail(PlanReason::kLimit, "the torque limits cannot be kept", &plan);
  } else {
    q = goals[static_cast<size_t>(path.goal_idx)];
  }
  scene.Put(q);
  plan.end_q = q;
  plan.counts.collision_checks = scene.checks() - checks;
  return plan;
}

MotionPlanner::MotionPlanner(std::shared_ptr<const sim::Model> model, const sim::RobotInfo& robot, const PlannerOptions& options)
    : impl_(std::make_unique<Impl>(std::move(model), robot, options)) {}
MotionPlanner::~MotionPlanner() = default;
MotionPlanner::MotionPlanner(MotionPlanner&&) noexcept = default;
MotionPlanner& MotionPlanner::operator=(MotionPlanner&&) noexcept = default;

void MotionPlanner::Observe(const sim::World& world, int held_body_idx) {
  impl_->scene.Observe(world);
  // Servos may stand a little beyond a limit.
  impl_->q = impl_->scene.ReadQ().cwiseMax(impl_->scene.chain().Lower()).cwiseMin(impl_->scene.chain().Upper());
  if (held_body_idx < 0) return;
  const Pose tool = ToolPose(impl_->scene.chain(), impl_->q);
  impl_->scene.Hold(held_body_idx, tool.Inverse() * impl_->scene.world().BodyPose(held_body_idx));
  if (!(impl_->release_m > impl_->scene.opening_m())) impl_->release_m = impl_->scene.opening_m() + 0.012;
}

MotionPlan MotionPlanner::Pick(const PickRequest& request) { return impl_->Pick(request); }
MotionPlan MotionPlanner::Place(const PlaceRequest& request) { return impl_->Place(request); }
MotionPlan MotionPlanner::Move(const Joints& goal_q) {
  if (goal_q.size() != impl_->q.size()) throw Error(ErrorCode::kBadInput, "goal", "has another number of joints than the arm");
  return impl_->Move({goal_q});
}
MotionPlan MotionPlanner::Move(const Pose& world_from_tool) {
  MotionPlan plan;
  const IkResult ik = impl_->Ik(world_from_tool, impl_->q, &plan.counts, 8);
  if (ik.Reachable()) return impl_->Move(ik.solutions);
  impl_->Fail(PlanReason::kIk, "the tool cannot get there", &plan);
  plan.end_q = impl_->q;
  return plan;
}

const Chain& MotionPlanner::chain() const { return impl_->scene.chain(); }
const GripperShape& MotionPlanner::gripper() const { return impl_->gripper; }
Joints MotionPlanner::HomeQ() const { return impl_->home; }
Joints MotionPlanner::CurrentQ() const { return impl_->q; }
int MotionPlanner::held_body_idx() const { return impl_->scene.held_idx(); }
bool MotionPlanner::Valid(const Joints& q) {
  const bool valid = impl_->scene.Free(q, impl_->options.clearance_m);
  impl_->scene.Put(impl_->q);
  return valid;
}

}  // namespace takt::demo
