// SPDX-License-Identifier: Apache-2.0
#include "takt/data/demo/stage.h"

#include <cmath>
#include <limits>

#include "takt/core/base/error.h"
#include "takt/data/demo/recovery.h"
#include "takt/data/scene/generate.h"
#include "takt/data/scene/mjcf.h"
#include "takt/data/scene/model/walk.h"

namespace takt::demo {
namespace {

constexpr double kBystanderTilt_rad = 0.5;

// Uniform in 1 +- spread.
double Factor(const Rng& rng, uint64_t counter, double spread) {
  return 1 + spread * (2 * rng.UniformDouble(counter) - 1);
}

void RandomisePhysics(scene::Node* node, const Rng& rng, const Randomisation& random, uint64_t* counter) {
  if (node->kind == scene::NodeKind::kObject && !node->fixed) {
    node->mass_kg *= Factor(rng, (*counter)++, random.mass);
    node->friction *= Factor(rng, (*counter)++, random.friction);
  }
  for (scene::Node& child : node->children) RandomisePhysics(&child, rng, random, counter);
}

// The id of the only robot of a scene.
std::string FindRobot(const scene::Scene& scene) {
  std::string id;
  scene::Walk(scene, [&](const scene::Node& node, const scene::Node*, const Pose&) {
    if (node.robot.empty()) return;
    if (!id.empty()) {
      throw Error(ErrorCode::kBadInput, "scene", "has more than one robot: " + id + " and " + node.id,
                  "keep one of them");
    }
    id = node.id;
  });
  if (id.empty())
    throw Error(ErrorCode::kBadInput, "scene", "has no robot", "give a node of the recipe robot = \"arm5\"");
  return id;
}

// Bolts down what no episode moves: the furniture on the floor, a block with a hole to insert into, and what lies well
// beyond the robot's reach. A body that cannot move costs no physics.
void Pin(scene::Node* node, bool on_floor, const Pose& world_from_parent, const Vec3& base_m, double reach_m) {
  const Pose world_from_node = world_from_parent * node->parent_from_node;
  const bool object = node->kind == scene::NodeKind::kObject;
  if (object) {
    const double away_m = (world_from_node.translation_m - base_m).norm() - 0.5 * node->size_m.norm();
    node->fixed = node->fixed || on_floor || node->category == "peg_hole" || away_m > reach_m + 0.15;
  }
  for (scene::Node& child : node->children) Pin(&child, on_floor && !object, world_from_node, base_m, reach_m);
}

// Objects that may end any way up, and those that must not fall over.
double TiltLimit(const scene::Node& node, const Task& task) {
  for (const PutStep& step : task.steps) {
    if (step.object_id == node.id && step.kind == PutKind::kInto) return std::numeric_limits<double>::quiet_NaN();
  }
  // What lies may roll; what stands taller than it is wide may not.
  const bool stands = node.size_m.z() >= 0.6 * node.size_m.head<2>().maxCoeff();
  const bool round = node.category == "ball" || node.category == "sphere";
  return node.upright && stands && !round ? kBystanderTilt_rad : std::numeric_limits<double>::quiet_NaN();
}

}  // namespace

Rng DrawsOf(uint64_t seed, uint64_t index, Draws purpose) {
  return Rng(seed, (index << 8) | (0x40 + static_cast<uint64_t>(purpose)));
}

int Stage::ObjectIdx(std::string_view id) const {
  for (size_t o = 0; o < objects.size(); ++o) {
    if (objects[o].id == id) return static_cast<int>(o);
  }
  return -1;
}

Stage MakeStage(const StageOptions& options, uint64_t index) {
  Stage stage;
  stage.seed = options.seed;
  stage.index = index;
  stage.scene = scene::GenerateScene(options.recipe, options.seed, index);
  stage.robot_id = FindRobot(stage.scene);
  if (!options.robot.empty()) scene::Find(&stage.scene, stage.robot_id)->robot = options.robot;
  stage.task = MakeTask(options.task, stage.scene, DrawsOf(options.seed, index, Draws::kTask), options.sort_steps);
  Pin(&stage.scene.room, true, Pose(), scene::WorldFromNode(stage.scene, stage.robot_id).translation_m,
      scene::Find(stage.scene, stage.robot_id)->reach_m);
  uint64_t counter = 0;
  RandomisePhysics(&stage.scene.room, DrawsOf(options.seed, index, Draws::kPhysics), options.random, &counter);

  stage.model = scene::CompileScene(stage.scene);
  stage.robot = sim::Prefixed(sim::LoadRobot(scene::Find(stage.scene, stage.robot_id)->robot).info,
                              scene::RobotPrefix(stage.robot_id));
  const Rng posture = DrawsOf(options.seed, index, Draws::kPosture);
  for (size_t j = 0; j < stage.robot.home_rad.size(); ++j) {
    const double draw = options.random.posture_rad * (2 * posture.UniformDouble(j) - 1);
    stage.start_rad.push_back(
        std::clamp(stage.robot.home_rad[j] + draw, stage.robot.lower_rad[j], stage.robot.upper_rad[j]));
  }
  stage.start_opening_m = stage.robot.gripper_width_m;
  const Rng recovery = DrawsOf(options.seed, index, Draws::kRecovery);
  if (recovery.UniformDouble(0) < options.random.recovery) {
    if (auto start = RecoveryStart(stage.model, stage.robot, stage.task, Rng(recovery.Words(1)[0], index))) {
      stage.start_rad = std::move(start->q_rad);
      stage.start_opening_m = start->opening_m;
    }
  }
  scene::Walk(stage.scene, [&](const scene::Node& node, const scene::Node*, const Pose&) {
    if (node.kind != scene::NodeKind::kObject || node.fixed || !node.robot.empty()) return;
    const int body = stage.model->BodyIdx(node.id);
    stage.objects.push_back(
        {node.id, body, stage.model->bodies()[static_cast<size_t>(body)].com_in_body_m, TiltLimit(node, stage.task)});
  });
  return stage;
}

}  // namespace takt::demo
