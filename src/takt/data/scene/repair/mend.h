// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "takt/data/scene/model/scene.h"

namespace takt::scene {

// Mends what no geometry can: second ids become "id_2"; poses that are no numbers become the middle of their parent; sizes in
// millimetres become metres, with the parts and the place; negative sizes lose their sign. What it cannot know (a size that
// is NaN or zero) it leaves. True when something changed.
bool MendValues(Scene* scene);

}  // namespace takt::scene
