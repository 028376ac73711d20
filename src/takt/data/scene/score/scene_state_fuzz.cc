// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "takt/data/scene/score/scene_state.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto result = takt::scene::ParseSceneState({reinterpret_cast<const char*>(data), size}, "fuzz");
  for (const auto& node : result.scene.room.children) {
    if (!node.size_m.allFinite() || !node.parent_from_node.rotation.coeffs().allFinite()) std::abort();
  }
  return 0;
}
