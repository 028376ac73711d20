// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <numbers>

#include "takt/core/base/error.h"
#include "takt/data/demo/motion/motion_impl.h"

namespace takt::demo {
namespace {

constexpr int kPlansTried = 6;                  // grasps for which a whole way is looked for, at most
constexpr double kScorePerTravel_1_rad = 0.15;  // of a grasp, for what all joints move together

Support SupportBelow(const TriMesh& mesh, const Pose& world_from_object) {
  Support support;
  support.normal = world_from_object.rotation.conjugate() * Vec3::UnitZ();
  support.offset_m = 1e9;
  for (const Vec3& v : mesh.vertices_m) support.offset_m = std::min(support.offset_m, support.normal.dot(v));
  return support;
}

void CheckBody(const sim::Model& model, int body_idx) {
  if (body_idx <= 0 || body_idx >= model.body_count()) throw Error(ErrorCode::kBadInput, "body", "does not exist");
  const sim::BodyInfo& body = model.bodies()[static_cast<size_t>(body_idx)];
  if (body.joint_count != 1 || model.joints()[static_cast<size_t>(body.first_joint_idx)].kind != sim::JointKind::kFree) {
    throw Error(ErrorCode::kBadInput, "body '" + body.name + "'", "is not free to be picked up");
  }
}

}  // namespace

// Of grasps that are about as good, the one that is least out of the arm's way comes first: that is quicker, and who
// learns from the motions sees one choice rather than a random one.
std::vector<MotionPlanner::Impl::Reach> MotionPlanner::Impl::Reaches(const std::vector<Grasp>& grasps,
                                                                     const Pose& world_from_object,
                                                                     PlanCounts* counts) const {
  std::vector<Reach> reaches;
  for (size_t g = 0; g < grasps.size() && counts->grasps_tried < options.max_grasps_tried; ++g) {
    const Pose wanted = world_from_object * grasps[g].object_from_tool;
    std::vector<Pose> tools = {wanted, wanted * Pose{Quat(0, 0, 0, 1), Vec3::Zero()}};
    if (IsYawPitchRoll(scene.chain())) tools = InArmPlane(scene.chain(), wanted);
    const size_t before = reaches.size();
    for (const Pose& tool : tools) {
      for (const Joints& at : Ik(tool, q, counts).solutions) {
        reaches.push_back({g, tool, at, grasps[g].score - kScorePerTravel_1_rad * (at - q).cwiseAbs().sum()});
      }
    }
    if (reaches.size() > before) ++counts->grasps_tried;
  }
  std::stable_sort(reaches.begin(), reaches.end(), [](const Reach& a, const Reach& b) { return a.merit > b.merit; });
  return reaches;
}

MotionPlan MotionPlanner::Impl::Pick(const PickRequest& request) {
  MotionPlan plan;
  const sim::Model& model = scene.model();
  const int body = request.body_idx;
  CheckBody(model, body);
  if (scene.held_idx() >= 0) throw Error(ErrorCode::kBadInput, "pick", "finds the gripper full", "place what is held first");
  const int64_t checks = scene.checks();
  const Pose world_from_object = scene.world().BodyPose(body);
  const double opening_before = scene.opening_m();
  plan.end_q = q;

  double mass_kg = 0;
  for (const int b : model.Subtree(body)) mass_kg += model.bodies()[static_cast<size_t>(b)].mass_kg;
  if (!(mass_kg <= options.max_load_kg)) {
    Fail(PlanReason::kNoGrasp, "the object is too heavy", &plan);
    return plan;
  }
  std::vector<Grasp> grasps = request.grasps;
  if (grasps.empty()) {
    const TriMesh mesh = BodyMesh(model, body);
    GraspOptions grasp_options;
    grasp_options.friction = options.friction;
    grasp_options.max_lever_m = options.max_lever_m;
    grasp_options.keep_upright = request.keep_upright;
    grasp_options.seed = options.seed;
    const Vec3 com = world_from_object.Inverse() * scene.world().SubtreeCom(body);
    grasps = FindGrasps(mesh, com, SupportBelow(mesh, world_from_object), gripper, grasp_options);
  }
  plan.counts.grasps = static_cast<int>(grasps.size());
  if (grasps.empty()) {
    Fail(PlanReason::kNoGrasp, "no two contacts hold it, or none leaves room for the gripper", &plan);
    return plan;
  }

  const std::vector<Reach> reaches = Reaches(grasps, world_from_object, &plan.counts);
  bool limited = false;
  std::string blocker;
  std::vector<uint8_t> planned(grasps.size(), 0);  // other ways to hold it the same way are no better
  for (const Reach& reach : reaches) {
    if (std::count(planned.begin(), planned.end(), 1) >= kPlansTried) break;
    if (planned[reach.grasp_idx]) continue;
    const Grasp& grasp = grasps[reach.grasp_idx];
    const Joints& at = reach.at;
    double open_m = 0;
    std::vector<Joints> approach;
    for (const double share : {1.0, 0.5, 0.0}) {
      open_m = grasp.open_m + share * (gripper.max_opening_m - grasp.open_m);
      scene.SetOpening(open_m);
      if (!scene.Near(at, options.near_clearance_m)) {
        if (share == 0 && blocker.empty()) blocker = scene.Blocker(at);
        continue;
      }
      approach = Straight(at, -request.approach_m * (reach.tool.rotation * Vec3::UnitZ()), options.near_clearance_m);
      if (!approach.empty()) break;
    }
    if (approach.empty()) continue;
    std::reverse(approach.begin(), approach.end());

    const Pose tool_from_object = reach.tool.Inverse() * world_from_object;
    scene.Hold(body, tool_from_object);
    scene.SetOpening(grasp.width_m);
    const std::vector<Joints> lift = Straight(at, {0, 0, request.lift_m}, options.near_clearance_m);
    const bool can_place = !lift.empty() && (request.world_from_object_goals.empty() ||
                                             !Lowerings(request.world_from_object_goals, request.free_yaw,
                                                        request.goal_lower_m, -Vec3::UnitZ(), 1, &plan.counts).empty());
    Drop(body, world_from_object);
    scene.SetOpening(open_m);
    if (!can_place) continue;

    planned[reach.grasp_idx] = 1;
    const FreePath way = Plan(q, {approach.front()}, nullptr, &plan.counts);
    if (way.reason != PlanReason::kNone) continue;
    bool timely = Append(way.path, SegmentKind::kTransit, open_m, options.speed, nullptr, &plan) &&
                  Append(approach, SegmentKind::kApproach, open_m, nullptr, &plan);
    Wait(at, SegmentKind::kClose, 0, options.close_s, &plan);
    scene.Hold(body, tool_from_object);
    scene.SetOpening(grasp.width_m);
    timely = timely && Append(lift, SegmentKind::kLift, 0, nullptr, &plan);
    if (!timely) {
      limited = true;
      plan.segments.clear();
      Drop(body, world_from_object);
      continue;
    }
    q = lift.back();
    scene.Put(q);
    release_m = grasp.open_m;
    plan.grasp = grasp;
    plan.grasp.object_from_tool = tool_from_object.Inverse();
    plan.tool_from_object = tool_from_object;
    plan.end_q = q;
    plan.counts.collision_checks = scene.checks() - checks;
    return plan;
  }
  scene.SetOpening(opening_before);
  scene.Put(q);
  plan.counts.collision_checks = scene.checks() - checks;
  if (limited) {
    Fail(PlanReason::kLimit, "the torque limits cannot be kept", &plan);
  } else if (reaches.empty()) {
    Fail(PlanReason::kIk, "no grasp can be reached", &plan);
  } else {
    Fail(PlanReason::kPlan, blocker.empty() ? "no free way to a grasp, or from it to a goal" : "in the way: " + blocker, &plan);
  }
  return plan;
}

MotionPlan MotionPlanner::Impl::Place(const PlaceRequest& request) {
  MotionPlan plan;
  const int body = scene.held_idx();
  if (body < 0) throw Error(ErrorCode::kBadInput, "place", "finds the gripper empty", "pick something first");
  if (request.world_from_object_goals.empty()) throw Error(ErrorCode::kBadInput, "place", "has no goal");
  const int64_t checks = scene.checks();
  const Pose tool_from_object = scene.tool_from_held();
  const double opening_held = scene.opening_m();
  const Joints start = q;
  plan.end_q = q;
  plan.tool_from_object = tool_from_object;

  const Pose held_at = ToolPose(scene.chain(), start) * tool_from_object;
  ToolLimit tool;
  tool.max_slope_rad = request.max_slope_rad;
  tool.point_in_tool_m = ToolPose(scene.chain(), start).Inverse() * scene.world().SubtreeCom(body);
  const ToolLimit* tool_limit = request.max_slope_rad < 1.57 ? &tool : nullptr;
  Upright upright;
  upright.axis_in_tool = tool_from_object.rotation * Vec3::UnitZ();
  upright.direction_in_world = request.world_from_object_goals[0].rotation * Vec3::UnitZ();
  const double lean_rad = std::acos(std::clamp((held_at.rotation * Vec3::UnitZ()).dot(upright.direction_in_world), -1.0, 1.0));
  upright.tolerance_rad = std::max(request.keep_upright_rad, lean_rad + 0.02);
  const Upright* constraint = request.keep_upright_rad >= 0 ? &upright : nullptr;

  scene.Hold(body, tool_from_object, request.may_touch);
  std::vector<Lowering> lowerings = Lowerings(request.world_from_object_goals, request.free_yaw, request.lower_m,
                                              request.lower_in_world.normalized(), kPlansTried, &plan.counts);
  bool limited = false;
  const bool reached = !lowerings.empty();
  const double open_m = request.open_m >= 0 ? request.open_m : release_m;
  // Without those from which the gripper cannot leave.
  std::vector<std::vector<Joints>> retreats;
  std::vector<Joints> above;
  std::vector<Lowering> kept;
  for (Lowering& lowering : lowerings) {
    const Joints& at = lowering.down.back();
    Drop(body, lowering.world_from_object);
    scene.SetOpening(open_m);
    const Vec3 approach = ToolPose(scene.chain(), at).rotation * Vec3::UnitZ();
    std::vector<Joints> retreat = Straight(at, -request.retreat_m * approach, options.near_clearance_m);
    if (retreat.empty()) continue;
    above.push_back(lowering.down.front());
    retreats.push_back(std::move(retreat));
    kept.push_back(std::move(lowering));
  }
  const auto hold_again = [&] {
    scene.Hold(body, tool_from_object, request.may_touch);
    scene.SetOpening(opening_held);
    scene.Put(start);
  };
  hold_again();
  while (!above.empty()) {
    const FreePath way = Plan(start, above, constraint, &plan.counts);
    if (way.reason != PlanReason::kNone) break;
    const auto k = static_cast<size_t>(way.goal_idx);
    const std::vector<Joints>& down = kept[k].down;
    bool timely = Append(way.path, SegmentKind::kTransfer, 0, options.speed, tool_limit, &plan) &&
                  Append(down, SegmentKind::kLower, 0, tool_limit, &plan);
    Drop(body, kept[k].world_from_object);
    scene.SetOpening(open_m);
    Wait(down.back(), SegmentKind::kOpen, open_m, options.open_s, &plan);
    timely = timely && Append(retreats[k], SegmentKind::kRetreat, open_m, nullptr, &plan);
    if (timely) {
      q = retreats[k].back();
      scene.Put(q);
      plan.world_from_object = kept[k].world_from_object;
      plan.end_q = q;
      plan.counts.collision_checks = scene.checks() - checks;
      return plan;
    }
    limited = true;
    plan.segments.clear();
    above.erase(above.begin() + way.goal_idx);
    retreats.erase(retreats.begin() + way.goal_idx);
    kept.erase(kept.begin() + way.goal_idx);
    hold_again();
  }
  plan.counts.collision_checks = scene.checks() - checks;
  if (limited) {
    Fail(PlanReason::kLimit, "the torque limits cannot be kept", &plan);
  } else if (!reached) {
    Fail(PlanReason::kIk, "no goal can be reached and lowered to", &plan);
  } else {
    Fail(PlanReason::kPlan, kept.empty() ? "the gripper cannot leave the goal" : "no free way to a goal", &plan);
  }
  return plan;
}

}  // namespace takt::demo
