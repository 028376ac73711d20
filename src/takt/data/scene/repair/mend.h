// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "takt/data/scene/model/scene.h"

namespace takt::scene {

// Mends what no geometry can: second ids become "id_2"; poses that are no numbers become the middle of their parent; sizes in
// millimetres become metres, with the parts and the place; negative sizes lose their sign; a box whose parts have its
// extents in another order, or that stands higher than the room, gets its axes back. What it cannot know (a size that
// is NaN or zero) it leaves. True when something changed.
bool MendValues(Scene* scene);

// Whether an object's size_m names its axes in another order than its parts do, or stands it higher than the room; `size_m` is
// then what was meant.
bool AxesSwapped(const Node& node, double room_height_m, double room_extent_m, Vec3* size_m);

}  // namespace takt::scene
