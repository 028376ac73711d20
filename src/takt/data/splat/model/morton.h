// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "takt/data/splat/model/splats.h"

namespace takt::splat {

// Interleaves the low 21 bits of x, y and z to 63 bits: bit 3i is bit i of x, 3i + 1 of y, 3i + 2 of z.
uint64_t MortonCode(uint32_t x, uint32_t y, uint32_t z);

// order[j] = index of the splat that comes j-th along the Morton curve through the cube over the bounding box, 2^21
// cells a side; splats of one cell keep their order.
// `splats` must pass CheckSplats. Errors: bad_input for 2^32 splats or more. Cost: O(N), 6 radix passes.
std::vector<uint32_t> MortonOrder(const Splats& splats);

}  // namespace takt::splat
