// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "takt/data/demo/judge/trace.h"
#include "takt/data/demo/task.h"
#include "takt/data/scene/model/scene.h"
#include "takt/data/scene/recipe.h"
#include "takt/data/sim/arms.h"
#include "takt/data/sim/model.h"

namespace takt::demo {

// How much an episode differs from the scene that the recipe describes.
struct Randomisation {
  double mass = 0.2;          // of every loose object: factor in 1 +- this
  double friction = 0.2;      // the same
  double posture_rad = 0.08;  // of the arm at the start: each joint by at most this
  double recovery = 0;        // share of the attempts that begin at a RecoveryStart, [0, 1]
};

struct StageOptions {
  TaskKind task = TaskKind::kPickPlace;
  scene::Recipe recipe;
  uint64_t seed = 0;
  std::string robot;   // "arm5", "arm7" or an MJCF file; empty: the one of the recipe
  int sort_steps = 2;  // objects that sort_to_bins moves
  Randomisation random;
};

// A loose object of the stage.
struct StageObject {
  std::string id;
  int body_idx = 0;
  Vec3 com_in_object_m = Vec3::Zero();
  double max_tilt_rad = 0;  // as TracedObject
};

// Everything that one attempt starts from.
struct Stage {
  uint64_t seed = 0, index = 0;
  scene::Scene scene;  // with this attempt's masses and friction
  Task task;
  std::shared_ptr<const sim::Model> model;
  sim::RobotInfo robot;  // names as in the model
  std::string robot_id;  // the node that it stands for
  std::vector<double> start_rad;
  double start_opening_m = 0;  // of the gripper
  std::vector<StageObject> objects;  // [O], in the order of the scene

  // Index in `objects`, or -1 for what is bolted down.
  int ObjectIdx(std::string_view id) const;
};

// Stage `index` of an endless row: the recipe's scene number `index`, the task's choice of objects and words, masses,
// friction and the arm's posture, all drawn from (seed, index); compiled.
// Errors: as GenerateScene, MakeTask, sim::Model::Compile; bad_input where the scene has no robot, or more than one.
// Cost: some milliseconds. Determinism: a pure function of its arguments.
Stage MakeStage(const StageOptions& options, uint64_t index);

// A random stream of an attempt; `purpose` keeps streams apart.
enum class Draws : uint64_t { kTask, kPhysics, kPosture, kPlan, kPut, kLook, kRecovery };
Rng DrawsOf(uint64_t seed, uint64_t index, Draws purpose);

}  // namespace takt::demo
