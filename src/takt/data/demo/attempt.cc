// SPDX-License-Identifier: Apache-2.0
#include "takt/data/demo/attempt.h"

#include <fmt/format.h>

#include <cmath>

#include "takt/core/base/clock.h"
#include "takt/core/base/error.h"
#include "takt/data/demo/motion/motion.h"

namespace takt::demo {
namespace {

// Adds the CPU time of a scope to a sum.
class Stopwatch {
 public:
  explicit Stopwatch(double* sum_s) : sum_s_(sum_s), start_s_(ThreadCpuSeconds()) {}
  ~Stopwatch() { *sum_s_ += ThreadCpuSeconds() - start_s_; }
  Stopwatch(const Stopwatch&) = delete;
  Stopwatch& operator=(const Stopwatch&) = delete;

 private:
  double* sum_s_;
  double start_s_;
};

Reason ReasonOf(PlanReason reason) {
  switch (reason) {
    case PlanReason::kNone:
      return Reason::kKept;
    case PlanReason::kNoGrasp:
      return Reason::kNoGrasp;
    case PlanReason::kIk:
      return Reason::kIk;
    case PlanReason::kPlan:
      return Reason::kPlan;
    case PlanReason::kLimit:
      return Reason::kLimit;
  }
  return Reason::kPlan;
}

// Plans and executes one stage, frame by frame.
class Recorder {
 public:
  Recorder(const AttemptOptions& options, const Stage& stage, Attempt* attempt)
      : options_(options),
        stage_(stage),
        attempt_(attempt),
        run_(stage, stage.model, options.fps),
        planner_(stage.model, stage.robot, PlanOptions(options, stage)) {}

  void Record() {
    if (!Timed([&] { return run_.Settle(); })) return Stop(Reason::kUnsettled, "the scene does not come to rest");
    if (DoTask()) {
      Stopwatch watch(&attempt_->cost.judge_s);
      const Verdict verdict = Judge(run_.trace(), options_.limits);
      attempt_->reason = verdict.reason();
      attempt_->findings = verdict.findings;
      if (!verdict.findings.empty()) attempt_->detail = verdict.findings.front().what;
      attempt_->features = EpisodeFeatures(run_.trace());
    }
    attempt_->digest = run_.Digest();
  }

 private:
  static PlannerOptions PlanOptions(const AttemptOptions& options, const Stage& stage) {
    PlannerOptions plan;
    plan.seed = DrawsOf(stage.seed, stage.index, Draws::kPlan).Words(0)[0];
    plan.rate_hz = options.fps;
    plan.speed = options.speed;
    return plan;
  }

  template <class Work>
  bool Timed(const Work& work) {
    Stopwatch watch(&attempt_->cost.physics_s);
    return work();
  }
  template <class Work>
  MotionPlan Plan(const Work& work) {
    Stopwatch watch(&attempt_->cost.plan_s);
    return work();
  }

  void Stop(Reason reason, std::string detail) {
    attempt_->reason = reason;
    attempt_->detail = std::move(detail);
  }

  // False where there is nothing to judge.
  bool DoTask() {
    for (size_t s = 0; s < stage_.task.steps.size(); ++s) {
      const PutStep& step = stage_.task.steps[s];
      const int object = stage_.ObjectIdx(step.object_id);
      const int body = stage_.objects[static_cast<size_t>(object)].body_idx;
      const Rng put(DrawsOf(stage_.seed, stage_.index, Draws::kPut).Words(s)[0], s);
      const auto pose_of = [&](std::string_view id) { return run_.ObjectPose(id); };

      const bool free_yaw = step.kind == PutKind::kInto || !stage_.task.vessel_id.empty();
      PickRequest pick;
      pick.body_idx = body;
      const std::vector<std::vector<Pose>> rounds = PutPoses(stage_.scene, step, pose_of, put);
      for (const std::vector<Pose>& round : rounds) {
        pick.world_from_object_goals.insert(pick.world_from_object_goals.end(), round.begin(), round.end());
      }
      pick.goal_lower_m = LowerDistance(stage_.scene, step);
      pick.keep_upright = stage_.task.keep_upright;
      pick.free_yaw = free_yaw;
      if (!Execute(step, "pick", Plan([&] {
                     planner_.Observe(run_.world());
                     return planner_.Pick(pick);
                   }),
                   object)) {
        return false;
      }
      if (!run_.Holds(object)) return true;  // the judge will say what that means

      PlaceRequest place;
      place.lower_m = pick.goal_lower_m;
      place.free_yaw = free_yaw;
      if (stage_.task.keep_upright) place.keep_upright_rad = 0.08;
      if (!stage_.task.vessel_id.empty()) {
        // Half of the slope that would reach the rim: a sudden start swings up to twice as far as it settles.
        const OpenVessel& vessel = stage_.task.vessel;
        place.max_slope_rad = std::atan(0.45 * (vessel.height_m - vessel.fill_m) / vessel.radius_m);
      }
      if (step.kind != PutKind::kInto) {
        const int target = stage_.model->FindBody(step.target_id);
        if (target >= 0) place.may_touch = {target};
      }
      const MotionPlan put_down = Plan([&] {
        MotionPlan plan;
        for (const std::vector<Pose>& round : rounds) {
          planner_.Observe(run_.world(), body);
          place.world_from_object_goals = round;
          plan = planner_.Place(place);
          if (plan.Ok()) break;
        }
        return plan;
      });
      if (!Execute(step, "place", put_down, object)) return false;
    }
    const MotionPlan home = Plan([&] {
      planner_.Observe(run_.world());
      return planner_.Home();
    });
    if (!Execute(stage_.task.steps.back(), "home", home, -1)) return false;
    const int hold = static_cast<int>(std::ceil(options_.limits.settle_s * options_.fps)) + 1;
    const Action still = run_.LastAction();
    for (int k = 0; k < hold; ++k) {
      if (!Do(still, -1)) return Diverged();
    }
    return true;
  }

  // Executes a plan; false where there was none, or the simulation diverged.
  bool Execute(const PutStep& step, const char* what, const MotionPlan& plan, int object) {
    if (!plan.Ok()) {
      Stop(ReasonOf(plan.reason), fmt::format("{} {}: {}", what, step.object_id, plan.detail));
      return false;
    }
    for (const MotionSegment& segment : plan.segments) {
      const bool held = segment.kind == SegmentKind::kLift || segment.kind == SegmentKind::kTransfer ||
                        segment.kind == SegmentKind::kLower;
      const double from = run_.LastAction().back(), to = segment.gripper_opening_m;
      const size_t count = segment.joints.q.size();
      for (size_t k = 1; k < count; ++k) {
        // The gripper closes and opens evenly over its segment; elsewhere it has its opening from the first step.
        const bool moves = segment.kind == SegmentKind::kClose || segment.kind == SegmentKind::kOpen ||
                           segment.kind == SegmentKind::kTransit;
        const double share = moves ? std::min(1.0, static_cast<double>(k) / static_cast<double>(count - 1)) : 1.0;
        Action action;
        for (int j = 0; j < segment.joints.q[k].size(); ++j)
          action.push_back(static_cast<float>(segment.joints.q[k][j]));
        action.push_back(static_cast<float>(from + share * (to - from)));
        if (!Do(action, held ? object : -1)) {
          Diverged();
          return false;
        }
      }
    }
    return true;
  }

  bool Do(const Action& action, int held_idx) {
    Frame frame;
    frame.state = run_.JointState();
    frame.action = action;
    frame.qpos.assign(run_.world().qpos().begin(), run_.world().qpos().end());
    frame.environment = run_.EnvironmentState();
    const size_t at = attempt_->frames.size();
    if (held_idx >= 0) {
      std::vector<HeldRun>& held = attempt_->held;
      if (held.empty() || held.back().end != at || held.back().object_idx != held_idx)
        held.push_back({held_idx, at, at});
      held.back().end = at + 1;
    }
    attempt_->frames.push_back(std::move(frame));
    return Timed([&] { return run_.Apply(action, held_idx); });
  }

  bool Diverged() {
    Stop(Reason::kLimit, "the simulation diverged");
    return false;
  }

  const AttemptOptions& options_;
  const Stage& stage_;
  Attempt* attempt_;
  Execution run_;
  MotionPlanner planner_;
};

}  // namespace

Attempt MakeAttempt(const AttemptOptions& options, uint64_t index) {
  Attempt attempt;
  attempt.index = index;
  const double start = ThreadCpuSeconds();
  const Stage stage = MakeStage(options.stage, index);
  attempt.cost.stage_s = ThreadCpuSeconds() - start;
  attempt.instruction = stage.task.instruction;
  Recorder(options, stage, &attempt).Record();
  return attempt;
}

Replayed Replay(const Stage& stage, std::shared_ptr<const sim::Model> model, int fps,
                const std::vector<Action>& actions, const std::vector<HeldRun>& held) {
  Replayed result;
  Execution run(stage, std::move(model), fps);
  result.diverged = !run.Settle();
  size_t next = 0;
  for (size_t k = 0; k < actions.size() && !result.diverged; ++k) {
    while (next < held.size() && held[next].end <= k) ++next;
    const int held_idx = next < held.size() && held[next].begin <= k ? held[next].object_idx : -1;
    result.diverged = !run.Apply(actions[k], held_idx);
  }
  result.digest = run.Digest();
  result.trace = run.TakeTrace();
  return result;
}

}  // namespace takt::demo
