// SPDX-License-Identifier: Apache-2.0
#include "takt/data/splat/codec/layout.h"

#include <algorithm>
#include <cmath>

#include "takt/core/base/error.h"
#include "takt/core/base/parallel.h"
#include "takt/data/splat/codec/det_math.h"
#include "takt/data/splat/codec/range_coder.h"

namespace takt::splat {
namespace {

constexpr size_t kGrain = 4096;
constexpr double kNoWeight = 1e-250;

int FloorLog4(double weight) { return static_cast<int>(std::floor(0.5 * DetLog2(std::max(weight, kNoWeight)))); }

Footprint FootprintOf(const std::array<std::vector<float>, 3>& scales, size_t i, double blur, bool* needle) {
  const float log_scales[3] = {scales[0][i], scales[1][i], scales[2][i]};
  *needle = IsNeedle(log_scales);
  return Footprint(log_scales, blur);
}

// max over [0, n) of f(i), the same for any thread count.
template <class F>
double LargestOf(size_t n, const F& f) {
  std::vector<double> parts((n + kGrain - 1) / kGrain, 0.0);
  ParallelFor(n, kGrain, [&](size_t begin, size_t end) {
    double largest = 0;
    for (size_t i = begin; i < end; ++i) largest = std::max(largest, f(i));
    parts[begin / kGrain] = largest;
  });
  return parts.empty() ? 0.0 : *std::max_element(parts.begin(), parts.end());
}

// Weight of a shift along an axis by one cell of the octree.
double ShiftWeight(const Footprint& footprint, const Axes& axes, int axis, uint64_t code, int depth, const SpaceMap& space) {
  uint32_t cell[3];
  CellOf(code, cell);
  const double side = static_cast<double>(uint64_t{1} << (32 - depth));
  const double stretch = space.Stretch((cell[axis] + 0.5) * side);
  return footprint.ShiftWeight(axes, axis) * stretch * stretch;
}

}  // namespace

Groups MakeGroups(std::span<const uint8_t> group_of) {
  Groups groups;
  groups.order.resize(group_of.size());
  for (const uint8_t g : group_of) ++groups.first[g + 1];
  for (int g = 0; g < kGroups; ++g) groups.first[g + 1] += groups.first[g];
  std::array<uint32_t, kGroups> at;
  std::copy_n(groups.first.begin(), kGroups, at.begin());
  for (size_t i = 0; i < group_of.size(); ++i) groups.order[at[group_of[i]]++] = static_cast<uint32_t>(i);
  return groups;
}

uint8_t GroupOfWeight(double weight, int base) {
  return static_cast<uint8_t>(std::clamp(FloorLog4(weight) - base, 0, kGroups - 1));
}

int BaseForLargest(double largest) { return std::clamp(FloorLog4(largest) - (kGroups - 1), -512, 511); }

Groups GroupsOfTransform(const Raht& raht) {
  const std::span<const float> gains = raht.gains();
  std::vector<uint8_t> group_of(gains.size());
  for (size_t i = 0; i < gains.size(); ++i) group_of[i] = GroupOfWeight(2.0 * gains[i], 0);
  group_of[0] = kGroups - 1;
  Groups groups = MakeGroups(group_of);
  // Slot 0 is the smallest index of the last group.
  groups.order.erase(groups.order.begin() + groups.first[kGroups - 1]);
  --groups.first[kGroups];
  return groups;
}

Shapes ComputeShapes(const std::array<std::vector<float>, 3>& scales, std::span<const float> weights, double blur,
                     int direction_base, int spin_base) {
  const size_t n = weights.size();
  Shapes shapes;
  shapes.needle.resize(n);
  std::vector<uint8_t> direction(n), spin(n);
  ParallelFor(n, kGrain, [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) {
      bool needle;
      const Footprint footprint = FootprintOf(scales, i, blur, &needle);
      shapes.needle[i] = needle;
      direction[i] = GroupOfWeight(weights[i] * footprint.DirectionWeight(needle), direction_base);
      spin[i] = GroupOfWeight(weights[i] * footprint.SpinWeight(needle), spin_base);
    }
  });
  shapes.direction = MakeGroups(direction);
  shapes.spin = MakeGroups(spin);
  return shapes;
}

std::array<Groups, 3> ComputeShiftGroups(const std::array<std::vector<float>, 3>& scales, std::span<const Axes> axes,
                                         std::span<const float> weights, std::span<const uint64_t> codes, int depth,
                                         const SpaceMap& space, double blur, int base) {
  const size_t n = weights.size();
  std::array<std::vector<uint8_t>, 3> group_of;
  for (auto& g : group_of) g.resize(n);
  ParallelFor(n, kGrain, [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) {
      bool needle;
      const Footprint footprint = FootprintOf(scales, i, blur, &needle);
      for (int a = 0; a < 3; ++a) {
        group_of[a][i] = GroupOfWeight(weights[i] * ShiftWeight(footprint, axes[i], a, codes[i], depth, space), base);
      }
    }
  });
  return {MakeGroups(group_of[0]), MakeGroups(group_of[1]), MakeGroups(group_of[2])};
}

double LargestDirectionWeight(const std::array<std::vector<float>, 3>& scales, std::span<const float> weights, double blur) {
  return LargestOf(weights.size(), [&](size_t i) {
    bool needle;
    const Footprint footprint = FootprintOf(scales, i, blur, &needle);
    return weights[i] * footprint.DirectionWeight(needle);
  });
}

double LargestSpinWeight(const std::array<std::vector<float>, 3>& scales, std::span<const float> weights, double blur) {
  return LargestOf(weights.size(), [&](size_t i) {
    bool needle;
    const Footprint footprint = FootprintOf(scales, i, blur, &needle);
    return weights[i] * footprint.SpinWeight(needle);
  });
}

double LargestShiftWeight(const std::array<std::vector<float>, 3>& scales, std::span<const Axes> axes,
                          std::span<const float> weights, std::span<const uint64_t> codes, int depth,
                          const SpaceMap& space, double blur) {
  return LargestOf(weights.size(), [&](size_t i) {
    bool needle;
    const Footprint footprint = FootprintOf(scales, i, blur, &needle);
    double largest = 0;
    for (int a = 0; a < 3; ++a) largest = std::max(largest, ShiftWeight(footprint, axes[i], a, codes[i], depth, space));
    return weights[i] * largest;
  });
}

std::vector<float> ClassWeights(std::span<const uint8_t> classes) {
  std::vector<float> weights(classes.size());
  for (size_t i = 0; i < classes.size(); ++i) weights[i] = static_cast<float>(uint64_t{1} << (2 * classes[i]));
  return weights;
}

namespace {

// Four binary decisions from the top bit, in a tree of 16 leaves, for each pair of classes before.
struct ClassModel {
  std::vector<BitModel> models = std::vector<BitModel>(16 * 16 * 16);
  BitModel* At(int before, int last, int node) { return &models[static_cast<size_t>((before * 16 + last) * 16 + node)]; }
};

}  // namespace

std::vector<uint8_t> EncodeClasses(std::span<const uint8_t> classes) {
  RangeEncoder coder;
  ClassModel model;
  int before = 0, last = 0;
  for (const uint8_t c : classes) {
    int node = 1;
    for (int b = 3; b >= 0; --b) {
      const int bit = c >> b & 1;
      coder.Encode(model.At(before, last, node), bit);
      node = node * 2 + bit;
    }
    before = last;
    last = c;
  }
  return coder.Finish();
}

std::vector<uint8_t> DecodeClasses(std::span<const uint8_t> bytes, size_t count, const std::string& subject) {
  RangeDecoder coder(bytes);
  ClassModel model;
  std::vector<uint8_t> classes(count);
  int before = 0, last = 0;
  for (uint8_t& c : classes) {
    int node = 1;
    while (node < 16) node = node * 2 + coder.Decode(model.At(before, last, node));
    c = static_cast<uint8_t>(node - 16);
    if (c >= kClasses) throw Error(ErrorCode::kBadInput, subject, "a splat has an unknown class", "the file is damaged");
    before = last;
    last = c;
  }
  return classes;
}

}  // namespace takt::splat
