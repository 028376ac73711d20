// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "takt/core/base/error.h"
#include "takt/core/geom/mesh.h"

// Reading may fail in an orderly way; what was read is indexed right, and its hull is closed or refused.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  try {
    const auto bytes = std::span(data, size).subspan(1);
    const takt::TriMesh mesh = data[0] & 1 ? takt::ParseStl(bytes, "fuzz.stl") : takt::ParseObj(bytes, "fuzz.obj");
    for (const auto& triangle : mesh.triangles) {
      for (const uint32_t vertex : triangle) {
        if (vertex >= mesh.vertices_m.size()) std::abort();
      }
    }
    const takt::TriMesh hull = takt::ConvexHull(mesh.vertices_m, "fuzz");
    if (hull.triangles.size() + 4 != 2 * hull.vertices_m.size()) std::abort();  // Euler, closed
  } catch (const takt::Error& e) {
    if (e.code() == takt::ErrorCode::kInternal) std::abort();
  }
  return 0;
}
