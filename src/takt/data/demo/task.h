// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "takt/core/base/rng.h"
#include "takt/core/geom/pose.h"
#include "takt/data/demo/judge/liquid.h"
#include "takt/data/scene/model/scene.h"

namespace takt::demo {

enum class TaskKind { kPickPlace, kStack, kPegInsert, kCarryOpenCup, kSortToBins };
inline constexpr int kTaskCount = 5;

std::string_view TaskName(TaskKind kind);       // "pick_place", "stack", "peg_insert", "carry_open_cup", "sort_to_bins"
std::string_view TaskWhat(TaskKind kind);       // one line for people
std::string_view DefaultRecipe(TaskKind kind);  // the built-in recipe that the task is made for
// Errors: bad_input naming the tasks that there are.
TaskKind ParseTask(std::string_view name);

enum class PutKind {
  kInto,    // anywhere in a cavity
  kOnto,    // on the top of something, centred
  kInsert,  // into a hole that fits
};

// Take one object and put it somewhere.
struct PutStep {
  PutKind kind = PutKind::kInto;
  std::string object_id;
  std::string target_id;   // object that has the cavity, the top or the hole
  std::string surface_id;  // kInto, kOnto: the surface of it; empty: the top of its box
};

// Where the object's centre of mass must end, in the frame of the target.
struct GoalBox {
  Pose target_from_box;
  Vec3 half_extents_m = Vec3::Zero();
  double max_tilt_rad = 0;  // of the object's z from the vertical; NaN = any
};

struct Task {
  TaskKind kind = TaskKind::kPickPlace;
  std::string instruction;  // "put the red cube into the blue bin"
  std::vector<PutStep> steps;
  std::string vessel_id;  // an open vessel with liquid that must stay in; empty: none
  OpenVessel vessel;
  bool keep_upright = false;  // carried objects may only turn about the vertical
};

// Chooses what the task needs among the objects of a scene, and words for it. `sort_steps`: objects that sort_to_bins
// moves, fewer where there are fewer. Errors: infeasible_budget naming what the scene lacks (two bins, a cup ...).
// Determinism: a pure function of its arguments.
Task MakeTask(TaskKind kind, const scene::Scene& scene, const Rng& rng, int sort_steps = 2);

// Where an object is now: world_from_object.
using PoseOf = std::function<Pose(std::string_view object_id)>;

// Poses in the world that the object of a step may be put at: rounds of equally good ones, the best round first. They
// are free of what lies in the cavity already, in every allowed turn about the vertical.
std::vector<std::vector<Pose>> PutPoses(const scene::Scene& scene, const PutStep& step, const PoseOf& pose_of,
                                        const Rng& rng);

// How far the object is lowered straight down at the end [m].
double LowerDistance(const scene::Scene& scene, const PutStep& step);

// `com_in_object_m`: centre of mass of the object of the step.
GoalBox GoalOf(const scene::Scene& scene, const PutStep& step, const Vec3& com_in_object_m);

}  // namespace takt::demo
