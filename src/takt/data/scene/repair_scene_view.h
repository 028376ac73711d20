// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <set>
#include <string>

#include "takt/core/io/image.h"
#include "takt/data/scene/model/scene.h"

namespace takt::scene {

// A plan of the scene: floor, walls, space before doors, clearances, and every body by its outline with its front marked.
// `marked` bodies are red, `moved` ones blue, fixed ones dark. Both plans of one room have the same size.
Image8 DrawPlan(const Scene& scene, const std::filesystem::path& folder, const std::set<std::string>& marked,
                const std::set<std::string>& moved, int width_px = 640);

}  // namespace takt::scene
