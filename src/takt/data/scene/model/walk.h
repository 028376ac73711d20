// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string_view>

#include "takt/data/scene/model/scene.h"

namespace takt::scene {

// Calls visit(node, parent, world_from_node) for every node, parents first, in the order of the file. `parent` is null for
// the room. The room's frame is the world.
void Walk(const Scene& scene, const std::function<void(const Node&, const Node* parent, const Pose& world_from_node)>& visit);

// The node with this id, or null.
const Node* Find(const Scene& scene, std::string_view id);
Node* Find(Scene* scene, std::string_view id);

// Pose of a node in the world. Errors: not_found naming the id.
Pose WorldFromNode(const Scene& scene, std::string_view id);

}  // namespace takt::scene
