// SPDX-License-Identifier: Apache-2.0
#include "takt/data/demo/motion/motion.h"

#include <gtest/gtest.h>

#include <cmath>

#include "takt/core/base/error.h"
#include "takt/data/demo/motion/motion_test_scene.h"
#include "takt/data/demo/motion/planning_scene.h"

namespace takt::demo {
namespace {

// Plays a plan's samples through a world that only computes poses, and looks for anything that overlaps.
void ExpectNoCollision(const TableScene& scene, const MotionPlan& plan, const sim::World& start, int held) {
  PlanningScene check(scene.model, scene.robot);
  check.Observe(start);
  for (const MotionSegment& segment : plan.segments) {
    const bool carries = segment.kind == SegmentKind::kLift || segment.kind == SegmentKind::kTransfer || segment.kind == SegmentKind::kLower;
    if (segment.kind == SegmentKind::kRetreat || segment.kind == SegmentKind::kOpen) break;
    if (carries) {
      check.SetOpening(plan.grasp.width_m);
      check.Hold(held, plan.tool_from_object);
    } else {
      check.SetOpening(plan.grasp.open_m);
    }
    for (const Joints& q : segment.joints.q) {
      ASSERT_TRUE(check.Near(q, 0)) << SegmentKindName(segment.kind) << " " << check.Blocker(q);
    }
  }
}

void ExpectContinuous(const MotionPlan& plan, const Joints& from) {
  Joints last = from;
  for (const MotionSegment& segment : plan.segments) {
    EXPECT_LT((segment.joints.q.front() - last).norm(), 1e-6) << SegmentKindName(segment.kind);
    last = segment.joints.q.back();
  }
  EXPECT_LT((plan.end_q - last).norm(), 1e-6);
}

TEST(Motion, ChainAgreesWithThePhysics) {
  for (const char* name : {"arm5", "arm7"}) {
    const TableScene scene = MakeTableScene(name, 1);
    sim::World world = AtHome(scene);
    const Chain chain = MakeChain(world, scene.robot);
    EXPECT_EQ(IsYawPitchRoll(chain), std::string(name) == "arm5");
    const Rng rng(3);
    for (uint64_t i = 0; i < 50; ++i) {
      Joints q = chain.Lower();
      for (int j = 0; j < chain.Size(); ++j) {
        q[j] += rng.UniformDouble(i * 8 + static_cast<uint64_t>(j)) * (chain.Upper()[j] - chain.Lower()[j]);
        const auto& joint = scene.model->joints()[static_cast<size_t>(scene.model->JointIdx(scene.robot.joints[static_cast<size_t>(j)]))];
        world.mutable_qpos()[static_cast<size_t>(joint.qpos_idx)] = q[j];
      }
      const Pose expected = world.SitePose(scene.model->SiteIdx(scene.robot.tool_site)), got = ToolPose(chain, q);
      ASSERT_LT((expected.translation_m - got.translation_m).norm(), 1e-9);
      ASSERT_LT(AngleBetween(expected.rotation, got.rotation), 1e-7);
    }
  }
}

TEST(Motion, GripperIsMeasuredFromItsGeoms) {
  const TableScene scene = MakeTableScene("arm5", 1);
  sim::World world = AtHome(scene);
  const GripperShape shape = MakeGripper(world, scene.robot);
  EXPECT_NEAR(shape.max_opening_m, 0.08, 1e-9);
  EXPECT_NEAR(shape.finger_tip_m, 0.01, 1e-6);
  EXPECT_NEAR(shape.finger_depth_m, 0.035, 1e-6);
  EXPECT_NEAR(shape.finger_width_m, 0.018, 1e-6);
  EXPECT_NEAR(shape.finger_length_m, 0.068, 1e-6);
}

TEST(Motion, HomeIsFree) {
  for (const char* name : {"arm5", "arm7"}) {
    const TableScene scene = MakeTableScene(name, 1);
    MotionPlanner planner(scene.model, scene.robot);
    planner.Observe(AtHome(scene));
    EXPECT_TRUE(planner.Valid(planner.HomeQ())) << name;
    Joints below = planner.HomeQ();
    below[1] += 1.9;  // into the table
    EXPECT_FALSE(planner.Valid(below)) << name;
  }
}

TEST(Motion, PicksAndPlacesInBins) {
  for (const char* name : {"arm5", "arm7"}) {
    int done = 0, tried = 0;
    for (uint64_t seed = 1; seed <= 6; ++seed) {
      const TableScene scene = MakeTableScene(name, seed);
      PlannerOptions options;
      options.seed = seed;
      MotionPlanner planner(scene.model, scene.robot, options);
      sim::World world = AtHome(scene);
      planner.Observe(world);
      const Joints home = planner.CurrentQ();
      PickRequest pick;
      pick.body_idx = scene.model->BodyIdx(scene.objects[seed % 6]);
      const Vec3 bin = scene.bin_centres_m[seed % 2];
      pick.world_from_object_goals = {Pose::Translation(bin.x(), bin.y(), 0.0265)};
      pick.free_yaw = true;
      ++tried;
      const MotionPlan picked = planner.Pick(pick);
      if (!picked.Ok()) {
        ADD_FAILURE() << name << " " << seed << " pick: " << PlanReasonName(picked.reason) << ": " << picked.detail;
        continue;
      }
      ExpectContinuous(picked, home);
      ExpectNoCollision(scene, picked, world, pick.body_idx);
      PlaceRequest place;
      place.world_from_object_goals = pick.world_from_object_goals;
      place.free_yaw = true;
      const MotionPlan placed = planner.Place(place);
      if (!placed.Ok()) {
        ADD_FAILURE() << name << " " << seed << " place: " << PlanReasonName(placed.reason) << ": " << placed.detail;
        continue;
      }
      ExpectContinuous(placed, picked.end_q);
      const MotionPlan back = planner.Home();
      EXPECT_TRUE(back.Ok()) << back.detail;
      EXPECT_LT((back.end_q - home).norm(), 1e-9);
      for (const MotionPlan* plan : {&picked, &placed, &back}) {
        for (const MotionSegment& segment : plan->segments) {
          const LimitUse use = MeasureLimits(planner.chain(), segment.joints);
          EXPECT_LE(use.velocity, 1 + 1e-6);
          EXPECT_LE(use.acceleration, 1 + 1e-3);
        }
      }
      ++done;
    }
    EXPECT_EQ(done, tried) << name;
  }
}

TEST(Motion, RepeatsToTheBit) {
  const TableScene scene = MakeTableScene("arm7", 4);
  std::vector<Joints> first;
  for (int round = 0; round < 2; ++round) {
    MotionPlanner planner(scene.model, scene.robot);
    planner.Observe(AtHome(scene));
    PickRequest pick;
    pick.body_idx = scene.model->BodyIdx("object2");
    const MotionPlan plan = planner.Pick(pick);
    ASSERT_TRUE(plan.Ok()) << plan.detail;
    std::vector<Joints> all;
    for (const MotionSegment& segment : plan.segments) all.insert(all.end(), segment.joints.q.begin(), segment.joints.q.end());
    if (round == 0) first = all;
    EXPECT_EQ(first, all);
  }
}

TEST(Motion, CarriesUprightAndSlowly) {
  for (const char* name : {"arm5", "arm7"}) {
    const TableScene scene = MakeTableScene(name, 2);
    MotionPlanner planner(scene.model, scene.robot);
    planner.Observe(AtHome(scene));
    PickRequest pick;
    pick.body_idx = scene.model->BodyIdx("object1");
    pick.keep_upright = true;
    const Vec3 bin = scene.bin_centres_m[0];
    pick.world_from_object_goals = {Pose::Translation(bin.x(), bin.y(), 0.0265)};
    pick.free_yaw = true;
    const MotionPlan picked = planner.Pick(pick);
    ASSERT_TRUE(picked.Ok()) << name << picked.detail;
    PlaceRequest place;
    place.world_from_object_goals = pick.world_from_object_goals;
    place.free_yaw = true;
    place.keep_upright_rad = 0.1;
    place.max_slope_rad = 0.12;
    const MotionPlan placed = planner.Place(place);
    ASSERT_TRUE(placed.Ok()) << name << placed.detail;
    for (const MotionSegment& segment : placed.segments) {
      if (segment.kind != SegmentKind::kTransfer && segment.kind != SegmentKind::kLower) continue;
      for (const Joints& q : segment.joints.q) {
        const Vec3 up = (ToolPose(planner.chain(), q) * placed.tool_from_object).rotation * Vec3::UnitZ();
        ASSERT_LE(std::acos(std::min(1.0, up.z())), 0.101);
      }
    }
  }
}

// A cup of twelve staves and a floor among boxes: rim grasps and grasps across, carried level into a free place.
TEST(Motion, CarriesAnOpenCup) {
  std::string cup;
  const double radius = 0.03, height = 0.08;
  for (int i = 0; i < 12; ++i) {
    const double angle = 0.5235987756 * i;
    cup += fmt::format(R"(<geom type="box" size="0.002 0.0083 {}" pos="{} {} 0" euler="0 0 {}" mass="0.008"/>)", height / 2,
                       (radius - 0.002) * std::cos(angle), (radius - 0.002) * std::sin(angle), angle);
  }
  cup += fmt::format(R"(<geom type="cylinder" size="0.028 0.002" pos="0 0 {}" mass="0.01"/>)", 0.002 - height / 2);
  for (const char* name : {"arm5", "arm7"}) {
    for (const double side : {1.0, -1.0}) {
      const double reach = std::string(name) == "arm5" ? 0.28 : 0.45;
      const std::string text = fmt::format(
          R"(<mujoco><compiler angle="radian"/><worldbody><geom type="box" size="0.8 0.8 0.02" pos="0.4 0 -0.02"/>
             <body name="cup" pos="{} {} 0.0401"><freejoint/>{}</body>
             <body name="block" pos="{} 0 0.05"><geom type="box" size="0.03 0.02 0.05"/></body></worldbody></mujoco>)",
          reach, 0.12 * side, cup, reach);
      const sim::Robot robot = sim::LoadRobot(name);
      sim::Attachment attachment;
      attachment.mjcf = robot.mjcf;
      attachment.prefix = "robot/";
      TableScene scene;
      scene.model = sim::Model::Compile(sim::MergeMjcf(text, {}, attachment));
      scene.robot = sim::Prefixed(robot.info, "robot/");
      MotionPlanner planner(scene.model, scene.robot);
      planner.Observe(AtHome(scene));
      PickRequest pick;
      pick.body_idx = scene.model->BodyIdx("cup");
      pick.keep_upright = true;
      pick.world_from_object_goals = {Pose::Translation(reach, -0.12 * side, 0.041)};
      pick.free_yaw = true;
      const MotionPlan picked = planner.Pick(pick);
      ASSERT_TRUE(picked.Ok()) << name << " " << PlanReasonName(picked.reason) << " " << picked.detail;
      PlaceRequest place;
      place.world_from_object_goals = pick.world_from_object_goals;
      place.free_yaw = true;
      place.keep_upright_rad = 0.08;
      place.max_slope_rad = 0.15;
      const MotionPlan placed = planner.Place(place);
      ASSERT_TRUE(placed.Ok()) << name << " " << PlanReasonName(placed.reason) << " " << placed.detail;
      for (const MotionSegment& segment : placed.segments) {
        if (segment.kind != SegmentKind::kTransfer) continue;
        for (const Joints& q : segment.joints.q) {
          const Vec3 up = (ToolPose(planner.chain(), q) * placed.tool_from_object).rotation * Vec3::UnitZ();
          ASSERT_LE(std::acos(std::min(1.0, up.z())), 0.081);
        }
      }
    }
  }
}

// A square peg into a hole with 1 mm to spare on each side.
TEST(Motion, InsertsAPeg) {
  for (const char* name : {"arm5", "arm7"}) {
    const double reach = std::string(name) == "arm5" ? 0.28 : 0.45;
    const std::string text = fmt::format(
        R"(<mujoco><compiler angle="radian"/><worldbody><geom type="box" size="0.8 0.8 0.02" pos="0.4 0 -0.02"/>
           <body name="peg" pos="{} 0.1 0.0401"><freejoint/><geom type="box" size="0.01 0.01 0.04" mass="0.05"/></body>
           <body name="hole" pos="{} -0.1 0.02">
             <geom type="box" size="0.03 0.0095 0.02" pos="0 0.0205 0"/><geom type="box" size="0.03 0.0095 0.02" pos="0 -0.0205 0"/>
             <geom type="box" size="0.0095 0.011 0.02" pos="0.0205 0 0"/><geom type="box" size="0.0095 0.011 0.02" pos="-0.0205 0 0"/>
           </body></worldbody></mujoco>)",
        reach, reach);
    const sim::Robot robot = sim::LoadRobot(name);
    sim::Attachment attachment;
    attachment.mjcf = robot.mjcf;
    attachment.prefix = "robot/";
    TableScene scene;
    scene.model = sim::Model::Compile(sim::MergeMjcf(text, {}, attachment));
    scene.robot = sim::Prefixed(robot.info, "robot/");
    MotionPlanner planner(scene.model, scene.robot);
    planner.Observe(AtHome(scene));
    PickRequest pick;
    pick.body_idx = scene.model->BodyIdx("peg");
    const double turn = 0.7071067811865476;
    const Pose down{Quat::Identity(), {reach, -0.1, 0.0405}}, across{Quat(turn, 0, 0, turn), {reach, -0.1, 0.0405}};
    pick.world_from_object_goals = {down, across};
    const MotionPlan picked = planner.Pick(pick);
    ASSERT_TRUE(picked.Ok()) << name << " " << PlanReasonName(picked.reason) << " " << picked.detail;
    PlaceRequest place;
    place.world_from_object_goals = pick.world_from_object_goals;
    const MotionPlan placed = planner.Place(place);
    EXPECT_TRUE(placed.Ok()) << name << " " << PlanReasonName(placed.reason) << " " << placed.detail;
    // 3 mm beside the hole there is no way in.
    planner.Observe(AtHome(scene));
    place.world_from_object_goals = {Pose::Translation(0.003, 0, 0) * down, Pose::Translation(0.003, 0, 0) * across};
    pick.world_from_object_goals = place.world_from_object_goals;
    EXPECT_EQ(planner.Pick(pick).reason, PlanReason::kPlan) << name;
  }
}

TEST(Motion, SaysWhyNot) {
  const TableScene scene = MakeTableScene("arm5", 1);
  MotionPlanner planner(scene.model, scene.robot);
  sim::World world = AtHome(scene);
  const int body = scene.model->BodyIdx("object0");
  world.SetFreeBodyPose(body, Pose::Translation(0.75, 0.3, 0.0201));
  planner.Observe(world);
  PickRequest pick;
  pick.body_idx = body;
  EXPECT_EQ(planner.Pick(pick).reason, PlanReason::kIk);
  EXPECT_EQ(planner.held_body_idx(), -1);
  EXPECT_EQ(planner.Move(Pose::Translation(2, 0, 0)).reason, PlanReason::kIk);
  // Under the other objects' table there is no way.
  Joints below = planner.HomeQ();
  below[1] += 1.2;
  const MotionPlan move = planner.Move(below);
  EXPECT_EQ(move.reason, PlanReason::kPlan);
  EXPECT_FALSE(move.detail.empty());
  PlannerOptions weak;
  weak.max_load_kg = 0.01;
  MotionPlanner careful(scene.model, scene.robot, weak);
  careful.Observe(AtHome(scene));
  EXPECT_EQ(careful.Pick(pick).reason, PlanReason::kNoGrasp);
  EXPECT_THROW(planner.Place({}), Error);
  pick.body_idx = scene.model->BodyIdx("bin_a");
  EXPECT_THROW(planner.Pick(pick), Error);
  pick.body_idx = 100000;
  EXPECT_THROW(planner.Pick(pick), Error);
}

}  // namespace
}  // namespace takt::demo
