// SPDX-License-Identifier: Apache-2.0
#include "takt/data/scene/settle.h"

#include <algorithm>
#include <cmath>

#include "takt/data/scene/mjcf.h"
#include "takt/data/sim/world.h"

namespace takt::scene {
namespace {

void Collect(const Node& node, std::vector<const Node*>* free_objects) {
  if (node.kind == NodeKind::kObject && !node.fixed && node.robot.empty()) free_objects->push_back(&node);
  for (const Node& child : node.children) Collect(child, free_objects);
}

}  // namespace

SettleReport Settle(const Scene& scene, const SettleOptions& options) {
  SettleReport report;
  std::vector<const Node*> nodes;
  Collect(scene.room, &nodes);
  if (nodes.empty()) return report;
  MjcfOptions mjcf;
  mjcf.folder = options.folder;
  mjcf.robots = false;
  const auto model = CompileScene(scene, mjcf);
  sim::World world(model);
  std::vector<int> bodies;
  std::vector<Pose> before;
  for (const Node* node : nodes) {
    bodies.push_back(model->BodyIdx(node->id));
    before.push_back(world.BodyPose(bodies.back()));
  }
  report.diverged = !world.Step(static_cast<int>(std::lround(options.seconds / model->timestep_s())));
  for (size_t k = 0; k < nodes.size(); ++k) {
    Settled s;
    s.id = nodes[k]->id;
    s.world_from_node = report.diverged ? before[k] : world.BodyPose(bodies[k]);
    s.drift_m = (s.world_from_node.translation_m - before[k].translation_m).norm();
    s.turn_rad = s.world_from_node.rotation.angularDistance(before[k].rotation);
    s.stable = !report.diverged && s.drift_m < options.drift_m && s.turn_rad < options.turn_rad;
    report.worst_drift_m = std::max(report.worst_drift_m, s.drift_m);
    report.worst_turn_rad = std::max(report.worst_turn_rad, s.turn_rad);
    report.unstable += !s.stable;
    report.objects.push_back(std::move(s));
  }
  return report;
}

}  // namespace takt::scene
