// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "takt/data/scene/model/tree.h"

namespace takt::scene {

// For each relation whether it can hold: its nodes exist, it says something about them, and what stands on or in
// something does not carry it. The first of a cycle stay usable. Faults go to `sink`, unless that is null.
std::vector<bool> UsableRelations(const Scene& scene, const Places& places, Sink* sink);

}  // namespace takt::scene
