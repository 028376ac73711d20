// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "takt/data/scene/recipe.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto result = takt::scene::ParseRecipe({reinterpret_cast<const char*>(data), size}, "fuzz");
  if (takt::HasErrors(result.diagnostics)) return 0;
  for (const auto& object : result.recipe.objects) {
    if (object.categories.empty() || object.count.low > object.count.high) std::abort();
  }
  return 0;
}
