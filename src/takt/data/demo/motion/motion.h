// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "takt/core/geom/mesh.h"
#include "takt/data/demo/motion/chain.h"
#include "takt/data/demo/motion/grasp.h"
#include "takt/data/demo/motion/ik.h"
#include "takt/data/demo/motion/rrt.h"
#include "takt/data/demo/motion/timing.h"
#include "takt/data/sim/arms.h"
#include "takt/data/sim/world.h"

namespace takt::demo {

// Why there is no plan; the words that demonstrations count.
enum class PlanReason { kNone, kNoGrasp, kIk, kPlan, kLimit };
std::string_view PlanReasonName(PlanReason reason);  // "none", "no_grasp", "ik", "plan", "limit"

// What a segment is for. kClose and kOpen hold still while the gripper moves.
enum class SegmentKind { kTransit, kApproach, kClose, kLift, kTransfer, kLower, kOpen, kRetreat };
std::string_view SegmentKindName(SegmentKind kind);  // "transit", "approach", ...

struct MotionSegment {
  SegmentKind kind = SegmentKind::kTransit;
  Trajectory joints;             // of the arm, starting where the segment before ends; kClose, kOpen: constant
  double gripper_opening_m = 0;  // wanted between the pads during the whole segment; 0: closed with full force
};

struct PlanCounts {
  int grasps = 0, ik_solves = 0, grasps_tried = 0, rrt_iterations = 0;
  int64_t collision_checks = 0;
};

struct MotionPlan {
  PlanReason reason = PlanReason::kNone;
  std::string detail;                    // one line for people: what could not be reached, which pair collides
  std::vector<MotionSegment> segments;   // empty unless reason is kNone
  Joints end_q;                          // where the arm ends, rad
  Grasp grasp;                           // Pick
  Pose tool_from_object;                 // Pick, Place: as planned, while held
  Pose world_from_object;                // Place: where the object was to be put down
  PlanCounts counts;
  bool Ok() const { return reason == PlanReason::kNone; }
  double Duration() const;               // s
};

struct PlannerOptions {
  uint64_t seed = 1;
  double rate_hz = 50;            // of the trajectories
  double speed = 1;               // share of the velocity limits, (0, 1]; accelerations by the square
  double near_speed = 0.5;        // the same for approach, lift, lower and retreat
  double smoothing_s = 0.08;      // TimingOptions::smoothing_s
  double clearance_m = 0.004;     // kept between arm or held object and everything else on free motions
  double near_clearance_m = 0.0;  // on approach, lift, lower and retreat
  double blend_rad = 0.15;        // how far free motions may cut corners
  double torque_share = 0.85;     // of the torque limits that timing may use; the rest is for the controller
  double close_s = 0.5, open_s = 0.35;  // how long the gripper takes
  double friction = 0.6;          // assumed between pads and object
  double max_lever_m = 0.012;     // GraspOptions::max_lever_m
  double max_load_kg = 1e9;       // grasps of heavier bodies: kNoGrasp
  int max_grasps_tried = 24;      // grasps that pass IK and are planned for, at most
  RrtOptions rrt;
};

struct PickRequest {
  int body_idx = -1;              // a free body
  double approach_m = 0.08;       // straight, along the tool
  double lift_m = 0.08;           // straight up
  // Where the object will be put down: only grasps that reach one of these count (IK there and above). Empty: any.
  std::vector<Pose> world_from_object_goals;
  double goal_lower_m = 0.06;     // PlaceRequest::lower_m of that place
  bool free_yaw = false;          // PlaceRequest::free_yaw of that place
  bool keep_upright = false;      // the object may only turn about the vertical until it is put down
  std::vector<Grasp> grasps;      // object_from_tool in the body's frame; empty: FindGrasps on its geoms
};

struct PlaceRequest {
  // Poses that are equally good, tried nearest first.
  std::vector<Pose> world_from_object_goals;
  bool free_yaw = false;          // each goal may also be turned about the vertical through the object's centre
  double lower_m = 0.06;          // straight, along lower_in_world, at near_speed
  Vec3 lower_in_world = {0, 0, -1};
  double retreat_m = 0.08;        // straight back along the tool
  double open_m = -1;             // opening to let go; -1: of the grasp
  double keep_upright_rad = -1;   // >= 0: the object's z stays within this angle of that at the first goal; where it
                                  // starts further away, within 0.02 rad more than it starts with
  double max_slope_rad = 1.5707963267949;  // ToolLimit::max_slope_rad at the object's centre
  std::vector<int> may_touch;     // bodies that the held object may touch near the goal (a hole, a stack); its support always
};

// The geoms of a body (and of its children) that collide, as one mesh in the body's frame.
TriMesh BodyMesh(const sim::Model& model, int body_idx);
// The arm as a chain in the world, tool site included. Errors: unsupported for a joint that is no hinge.
Chain MakeChain(sim::World& world, const sim::RobotInfo& robot);
// The fingers and the hand as boxes, from the model's own geoms.
GripperShape MakeGripper(sim::World& world, const sim::RobotInfo& robot);

// Plans with one robot in one model. Keeps a picture of the world, which Observe replaces; every successful plan moves it to
// its end, so that Pick, Place and Move can be planned one after the other before anything is executed.
// Not thread-safe: one for each thread. Determinism: a function of the options, what was observed and the calls since.
// Errors of all members: bad_input for a request that makes no sense (a body that is not free, no goal); what cannot be
// planned is an answer, not an error.
class MotionPlanner {
 public:
  MotionPlanner(std::shared_ptr<const sim::Model> model, const sim::RobotInfo& robot, const PlannerOptions& options = {});
  ~MotionPlanner();
  MotionPlanner(MotionPlanner&&) noexcept;
  MotionPlanner& operator=(MotionPlanner&&) noexcept;

  // Takes over all poses. `held_body_idx`: free body in the gripper, moved along with the tool from here on; -1: none.
  void Observe(const sim::World& world, int held_body_idx = -1);

  // transit, approach, close, lift. With the object held afterwards.
  MotionPlan Pick(const PickRequest& request);
  // transfer, lower, open, retreat. Errors: bad_input where nothing is held.
  MotionPlan Place(const PlaceRequest& request);
  // One transit (transfer while something is held) to a configuration, or to a pose of the tool.
  MotionPlan Move(const Joints& goal_q);
  MotionPlan Move(const Pose& world_from_tool);
  MotionPlan Home() { return Move(HomeQ()); }

  const Chain& chain() const;
  const GripperShape& gripper() const;
  Joints HomeQ() const;
  Joints CurrentQ() const;
  int held_body_idx() const;
  // Whether this configuration is free in the picture of the world, with the free-motion clearance.
  bool Valid(const Joints& q);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace takt::demo
