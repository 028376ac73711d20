// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "takt/data/scene/model/scene.h"

namespace takt::scene {

// The scene as an SDFormat 1.9 world. The room is a static model with floor and walls; every object is a model of one
// link with its pose in the world, visuals, collisions of the same shapes (sliding friction as in the scene), mass and the
// inertia of its box with that mass; fixed objects are static. Mesh files are named as in the scene, with their scale.
// Robots become the box of their node; `boxed_robots` (optional) receives their ids: SDFormat has no way to say "this MJCF".
// Errors: as NodeSolids. Determinism: same scene, same text.
std::string SceneToSdf(const Scene& scene, const std::filesystem::path& folder,
                       std::vector<std::string>* boxed_robots = nullptr);

}  // namespace takt::scene
