// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "takt/data/splat/codec/octree.h"
#include "takt/data/splat/codec/raht.h"
#include "takt/data/splat/codec/splat_math.h"

namespace takt::splat {

// Which samples are coded together. A group gathers samples of which the decoder already knows that an error matters about
// equally, in Morton order, so that each (channel, group) can have its own step and its own statistics.
inline constexpr int kGroups = 32;

// A permutation that puts the samples of a group side by side: group g is order[first[g] .. first[g + 1]).
struct Groups {
  std::vector<uint32_t> order;             // [N]
  std::array<uint32_t, kGroups + 1> first{};

  size_t size(int g) const { return first[g + 1] - first[g]; }
};
Groups MakeGroups(std::span<const uint8_t> group_of);

// floor(log2 weight), the level of a weight; a channel's groups are its levels from a base on, the last ones clamped.
int16_t LevelOfWeight(double weight);
Groups MakeGroups(std::span<const int16_t> levels, int base);
// The base that puts the largest level into the last group.
int16_t BaseForLargest(std::span<const int16_t> levels);

// Transform coefficients by the weight of their merge. Slot 0 holds the low-pass value and is in no group: `order` has
// N - 1 entries.
Groups GroupsOfTransform(const Raht& raht);

// What later channels need of the splats' shapes, from decoded values only.
struct Shapes {
  std::vector<uint8_t> needle;       // [N]
  std::vector<Footprint> footprint;  // [N]
};
Shapes ComputeShapes(const std::array<std::vector<float>, 3>& scales, double blur);

// Levels [N] of the rotation channels, and of the position refinement along each axis.
struct TurnLevels {
  std::vector<int16_t> direction, spin;
};
TurnLevels ComputeTurnLevels(const Shapes& shapes, std::span<const float> weights);
using ShiftLevels = std::array<std::vector<int16_t>, 3>;
ShiftLevels ComputeShiftLevels(const Shapes& shapes, std::span<const Axes> axes, std::span<const float> weights,
                               std::span<const uint64_t> codes, int depth, const SpaceMap& space);

// Importance classes of the splats: class c has weight 4^c.
inline constexpr int kClasses = 12;
std::vector<float> ClassWeights(std::span<const uint8_t> classes);
// Adaptive binary coding with the two classes before as contexts.
std::vector<uint8_t> EncodeClasses(std::span<const uint8_t> classes);
std::vector<uint8_t> DecodeClasses(std::span<const uint8_t> bytes, size_t count, const std::string& subject);

}  // namespace takt::splat
