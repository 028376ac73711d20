// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace takt::splat {

inline constexpr int kMaxOctreeDepth = 16;

// Interleaves the low 16 bits of three cell coordinates: bit 3 i + a of the code is bit i of axis a.
uint64_t CellCode(uint32_t x, uint32_t y, uint32_t z);
void CellOf(uint64_t code, uint32_t cell[3]);

// Codes a multiset of cells of a 2^depth grid without loss: the occupancy of each octree node, level by level, eight
// binary decisions with contexts (which child, which of its three inner and three outer face neighbours are known to be
// occupied, how full the parent was, how far from the leaves), then how often each leaf occurs.
// Arguments: `codes` [N] ascending Morton codes below 8^depth, repetitions allowed.
// Cost: about 0.3 us a node. Source: the contexts follow the idea of G-PCC's octree coding (ISO/IEC 23090-9); own design.
std::vector<uint8_t> EncodeOctree(std::span<const uint64_t> codes, int depth);

// Exactly `count` ascending codes. Never allocates for more than `count` leaves.
// Errors: bad_input naming `subject` when the stream describes another number of leaves.
std::vector<uint64_t> DecodeOctree(std::span<const uint8_t> bytes, int depth, size_t count, const std::string& subject);

}  // namespace takt::splat
