// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "takt/data/scene/model/scene.h"
#include "takt/data/scene/recipe.h"

namespace takt::scene {

// Scene number `index` of a recipe: rooms, objects and places drawn, every relation of the recipe kept and stated in
// the scene, no two bodies closer than recipe.gap_m on a shared support, doors and clearances free, and the certificate
// of scene/repair holding. Node ids are those of the recipe; surfaces are "ID.top". Scene::extra has the hints of the
// recipe, "recipe", "seed" and "index".
// Method: objects in the recipe's order; each draws places on its support until one is free (darts), then the whole
// scene starts afresh; what stays crowded is finished by Repair. Errors: infeasible_budget naming the object for which
// no place was found in any attempt; bad_input for a recipe whose ranges give no sound object. Cost: below a
// millisecond for 20 objects. Determinism: a pure function of (recipe, seed, index).
Scene GenerateScene(const Recipe& recipe, uint64_t seed, uint64_t index);

}  // namespace takt::scene
