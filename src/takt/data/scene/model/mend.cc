// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <set>
#include <string>
#include <vector>

#include "takt/data/scene/model/polygon.h"
#include "takt/data/scene/model/relations.h"
#include "takt/data/scene/model/tree.h"

namespace takt::scene {
namespace {

constexpr double kAssumedSize_m = 0.01;
constexpr double kAssumedRoom_m = 5;
constexpr double kAssumedHeight_m = 2.5;

double Positive(double value, double assumed) { return std::abs(value) > 0 ? std::abs(value) : assumed; }

// The same room listed the other way round: wall i was wall n-2-i, and is walked from its other end.
void TurnRound(Node* room) {
  std::reverse(room->floor_m.begin(), room->floor_m.end());
  const int n = static_cast<int>(room->floor_m.size());
  for (Opening& opening : room->openings) {
    if (opening.wall_idx < 0 || opening.wall_idx >= n) continue;
    opening.wall_idx = (2 * n - 2 - opening.wall_idx) % n;
    const auto wall = static_cast<size_t>(opening.wall_idx);
    const double length_m = (room->floor_m[(wall + 1) % room->floor_m.size()] - room->floor_m[wall]).norm();
    opening.offset_m = length_m - opening.offset_m - opening.width_m;
  }
}

void MendBelow(Node* node, const std::set<std::string>& materials) {
  if (node->kind == NodeKind::kObject) {
    for (double& extent : node->size_m) extent = Positive(extent, kAssumedSize_m);
    node->mass_kg = std::abs(node->mass_kg);
    node->friction = std::abs(node->friction);
  } else {
    node->size_m = node->size_m.cwiseAbs();
  }
  if (!materials.contains(node->material)) node->material.clear();
  for (Part& part : node->parts) {
    if (part.shape != ShapeKind::kMesh) {
      for (double& extent : part.size_m) extent = Positive(extent, kAssumedSize_m);
    }
    if (!materials.contains(part.material)) part.material.clear();
  }
  std::erase_if(node->parts, [](const Part& part) { return part.shape == ShapeKind::kMesh && part.mesh.empty(); });
  std::erase_if(node->clearances, [](const Clearance& clearance) { return !(clearance.depth_m > 0); });
  for (Node& child : node->children) MendBelow(&child, materials);
}

}  // namespace

void MendScene(Scene* scene) {
  Node& room = scene->room;
  if (!IsSimple(room.floor_m)) {
    Vec2 low(0, 0), high(kAssumedRoom_m, kAssumedRoom_m);
    for (size_t i = 0; i < room.floor_m.size(); ++i) {
      low = i == 0 ? room.floor_m[0] : Vec2(low.cwiseMin(room.floor_m[i]));
      high = i == 0 ? room.floor_m[0] : Vec2(high.cwiseMax(room.floor_m[i]));
    }
    high = high.cwiseMax(low + Vec2::Constant(kAssumedSize_m));
    room.floor_m = {low, {high.x(), low.y()}, high, {low.x(), high.y()}};
  } else if (SignedArea(room.floor_m) < 0) {
    TurnRound(&room);
  }
  room.height_m = Positive(room.height_m, kAssumedHeight_m);
  std::erase_if(room.openings, [&](const Opening& opening) {
    return opening.wall_idx < 0 || static_cast<size_t>(opening.wall_idx) >= room.floor_m.size() ||
           !(opening.width_m > 0) || !(opening.height_m > 0);
  });
  std::set<std::string> materials;
  for (Material& material : scene->materials) {
    materials.insert(material.id);
    for (double& channel : material.rgba) channel = std::clamp(channel, 0.0, 1.0);
  }
  MendBelow(&room, materials);
  const std::vector<bool> is_usable = UsableRelations(*scene, Places(), nullptr);
  std::vector<Relation> kept;
  for (size_t i = 0; i < is_usable.size(); ++i) {
    if (is_usable[i]) kept.push_back(std::move(scene->relations[i]));
  }
  scene->relations = std::move(kept);
}

}  // namespace takt::scene
