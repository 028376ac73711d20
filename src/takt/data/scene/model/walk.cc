// SPDX-License-Identifier: Apache-2.0
#include "takt/data/scene/model/walk.h"

#include <string>

#include "takt/core/base/error.h"

namespace takt::scene {
namespace {

using Visit = std::function<void(const Node&, const Node*, const Pose&)>;

void WalkNode(const Node& node, const Node* parent, const Pose& world_from_node, const Visit& visit) {
  visit(node, parent, world_from_node);
  for (const Node& child : node.children) {
    WalkNode(child, &node, world_from_node * child.parent_from_node, visit);
  }
}

template <class AnyNode>
AnyNode* FindBelow(AnyNode* node, std::string_view id) {
  if (node->id == id) return node;
  for (auto& child : node->children) {
    if (AnyNode* found = FindBelow<AnyNode>(&child, id)) return found;
  }
  return nullptr;
}

// Pose in the world of the node with this id at or below `node`.
bool PoseBelow(const Node& node, std::string_view id, const Pose& world_from_node, Pose* found) {
  if (node.id == id) {
    *found = world_from_node;
    return true;
  }
  for (const Node& child : node.children) {
    if (PoseBelow(child, id, world_from_node * child.parent_from_node, found)) return true;
  }
  return false;
}

}  // namespace

void Walk(const Scene& scene, const Visit& visit) { WalkNode(scene.room, nullptr, Pose(), visit); }

const Node* Find(const Scene& scene, std::string_view id) { return FindBelow<const Node>(&scene.room, id); }
Node* Find(Scene* scene, std::string_view id) { return FindBelow<Node>(&scene->room, id); }

Pose WorldFromNode(const Scene& scene, std::string_view id) {
  Pose world_from_node;
  if (!PoseBelow(scene.room, id, Pose(), &world_from_node)) {
    throw Error(ErrorCode::kNotFound, std::string(id), "no node of the scene has this id",
                "takt scene info lists the ids");
  }
  return world_from_node;
}

}  // namespace takt::scene
