// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "takt/data/scene/model/scene.h"

namespace takt::scene {

// The scene as one binary glTF 2.0 file (.glb): the tree of nodes with their ids as names (extras: name, category, kind),
// meshes with normals, materials (base colour in linear light, blended where translucent). A node above the room turns
// z up into glTF's y up; below it every node keeps its pose. Robots are drawn at rest.
// `folder` is where mesh and robot files lie. Errors: as NodeSolids; unsupported beyond 4 GiB.
// Determinism: same scene, same bytes.
std::vector<uint8_t> SceneToGlb(const Scene& scene, const std::filesystem::path& folder);

}  // namespace takt::scene
