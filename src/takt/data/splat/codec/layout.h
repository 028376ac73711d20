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
inline constexpr int kGroups = 16;

// A permutation that puts the samples of a group side by side: group g is order[first[g] .. first[g + 1]).
struct Groups {
  std::vector<uint32_t> order;             // [N]
  std::array<uint32_t, kGroups + 1> first{};

  size_t size(int g) const { return first[g + 1] - first[g]; }
};
Groups MakeGroups(std::span<const uint8_t> group_of);

// floor(log4 weight) - base, clamped to the groups.
uint8_t GroupOfWeight(double weight, int base);
// The base that puts `largest` into the last group.
int BaseForLargest(double largest);

// Transform coefficients by the weight of their merge. Slot 0 holds the low-pass value and is in no group: `order` has
// N - 1 entries.
Groups GroupsOfTransform(const Raht& raht);

// What later channels need of the splats' shapes, from decoded values only.
struct Shapes {
  std::vector<uint8_t> needle;             // [N]
  Groups direction, spin;
};
Shapes ComputeShapes(const std::array<std::vector<float>, 3>& scales, std::span<const float> weights, double blur,
                     int direction_base, int spin_base);

// Groups of the position refinement along each axis.
std::array<Groups, 3> ComputeShiftGroups(const std::array<std::vector<float>, 3>& scales, std::span<const Axes> axes,
                                         std::span<const float> weights, std::span<const uint64_t> codes, int depth,
                                         const SpaceMap& space, double blur, int base);

// The largest weights that ComputeShapes and ComputeShiftGroups meet, for the encoder to choose the bases.
double LargestDirectionWeight(const std::array<std::vector<float>, 3>& scales, std::span<const float> weights, double blur);
double LargestSpinWeight(const std::array<std::vector<float>, 3>& scales, std::span<const float> weights, double blur);
double LargestShiftWeight(const std::array<std::vector<float>, 3>& scales, std::span<const Axes> axes,
                          std::span<const float> weights, std::span<const uint64_t> codes, int depth,
                          const SpaceMap& space, double blur);

// Importance classes of the splats: class c has weight 4^c.
inline constexpr int kClasses = 12;
std::vector<float> ClassWeights(std::span<const uint8_t> classes);
// Adaptive binary coding with the two classes before as contexts.
std::vector<uint8_t> EncodeClasses(std::span<const uint8_t> classes);
std::vector<uint8_t> DecodeClasses(std::span<const uint8_t> bytes, size_t count, const std::string& subject);

}  // namespace takt::splat
