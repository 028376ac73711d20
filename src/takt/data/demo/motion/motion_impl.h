// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "takt/data/demo/motion/motion.h"
#include "takt/data/demo/motion/planning_scene.h"

namespace takt::demo {

// An axis of what is held that must stay near a direction.
struct Upright {
  Vec3 axis_in_tool, direction_in_world;
  double tolerance_rad = 0;
};

// A way through the joint space, and which of the goals it reaches.
struct FreePath {
  JointPath path;
  int goal_idx = -1;
  PlanReason reason = PlanReason::kNone;
};

struct MotionPlanner::Impl {
  Impl(std::shared_ptr<const sim::Model> model, const sim::RobotInfo& robot, const PlannerOptions& options);

  // Free motion from where the arm is to any of the goals.
  FreePath Plan(const Joints& from, const std::vector<Joints>& goals, const Upright* upright, PlanCounts* counts);
  // Straight motion of the tool by `shift_in_world`, from a configuration; empty where it leaves the branch or collides.
  std::vector<Joints> Straight(const Joints& from, const Vec3& shift_in_world, double clearance_m);
  // A timed segment; false where the limits cannot be kept.
  bool Append(const JointPath& path, SegmentKind kind, double opening_m, double speed, const ToolLimit* tool, MotionPlan* plan);
  bool Append(const std::vector<Joints>& straight, SegmentKind kind, double opening_m, const ToolLimit* tool, MotionPlan* plan);
  void Wait(const Joints& q, SegmentKind kind, double opening_m, double seconds, MotionPlan* plan) const;
  IkResult Ik(const Pose& world_from_tool, const Joints& near, PlanCounts* counts, int max_solutions = 4) const;
  // Poses of the tool (and of the object) that put what is held at one of the goals.
  std::vector<std::pair<Pose, Pose>> PlaceTools(const std::vector<Pose>& goals, const Pose& tool_from_object,
                                                const Vec3& com_in_object, bool free_yaw) const;
  // A configuration at one of the goals from which what is held can be lowered; empty where there is none.
  struct Lowering {
    Pose world_from_object;
    std::vector<Joints> down;  // from above to the goal
  };
  std::vector<Lowering> Lowerings(const std::vector<Pose>& goals, bool free_yaw, double lower_m, const Vec3& direction,
                                  int most, PlanCounts* counts);
  // A configuration that holds the object by one of the grasps.
  struct Reach {
    size_t grasp_idx = 0;
    Pose tool;
    Joints at;
    double merit = 0;
  };
  // The best first.
  std::vector<Reach> Reaches(const std::vector<Grasp>& grasps, const Pose& world_from_object, PlanCounts* counts) const;
  void Fail(PlanReason reason, std::string detail, MotionPlan* plan) const;
  bool Within(const Upright& upright, const Joints& q) const;
  bool Project(const Upright& upright, Joints* q) const;
  // Lets go of what is held, at a pose.
  void Drop(int body_idx, const Pose& world_from_object);

  MotionPlan Pick(const PickRequest& request);
  MotionPlan Place(const PlaceRequest& request);
  MotionPlan Move(const std::vector<Joints>& goals);

  PlannerOptions options;
  PlanningScene scene;
  GripperShape gripper;
  Chain timed;           // the chain with the share of torque that timing may use
  Joints home, q;        // q: where the arm is
  double release_m = 0;  // opening that lets go of what is held
};

}  // namespace takt::demo
