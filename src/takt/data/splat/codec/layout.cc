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

int16_t LevelOfWeight(double weight) {
  return static_cast<int16_t>(std::floor(DetLog2(std::max(weight, kNoWeight))));
}

Groups MakeGroups(std::span<const int16_t> levels, int base) {
  std::vector<uint8_t> group_of(levels.size());
  for (size_t i = 0; i < levels.size(); ++i) group_of[i] = static_cast<uint8_t>(std::clamp(levels[i] - base, 0, kGroups - 1));
  return MakeGroups(group_of);
}

int16_t BaseForLargest(std::span<const int16_t> levels) {
  return static_cast<int16_t>(*std::max_element(levels.begin(), levels.end()) - (kGroups - 1));
}

Groups GroupsOfTransform(const Raht& raht) {
  const std::span<const float> gains = raht.gains();
  std::vector<uint8_t> group_of(gains.size());
  for (size_t i = 0; i < gains.size(); ++i) group_of[i] = static_cast<uint8_t>(std::clamp<int>(LevelOfWeight(2.0 * gains[i]), 0, kGroups - 1));
  group_of[0] = kGroups - 1;
  Groups groups = MakeGroups(group_of);
  // Slot 0 is the smallest index of the last group.
  groups.order.erase(groups.order.begin() + groups.first[kGroups - 1]);
  --groups.first[kGroups];
  return groups;
}

Shapes ComputeShapes(const std::array<std::vector<float>, 3>& scales, double blur) {
  const size_t n = scales[0].size();
  Shapes shapes;
  shapes.needle.resize(n);
  shapes.footprint.resize(n);
  ParallelFor(n, kGrain, [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) {
      const float log_scales[3] = {scales[0][i], scales[1][i], scales[2][i]};
      shapes.needle[i] = IsNeedle(log_scales);
      shapes.footprint[i] = Footprint(log_scales, blur);
    }
  });
  return shapes;
}

TurnLevels ComputeTurnLevels(const Shapes& shapes, std::span<const float> weights) {
  const size_t n = weights.size();
  TurnLevels levels;
  levels.direction.resize(n);
  levels.spin.resize(n);
  ParallelFor(n, kGrain, [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) {
      const bool needle = shapes.needle[i] != 0;
      levels.direction[i] = LevelOfWeight(weights[i] * shapes.footprint[i].DirectionWeight(needle));
      levels.spin[i] = LevelOfWeight(weights[i] * shapes.footprint[i].SpinWeight(needle));
    }
  });
  return levels;
}

ShiftLevels ComputeShiftLevels(const Shapes& shapes, std::span<const Axes> axes, std::span<const float> weights,
                               std::span<const uint64_t> codes, int depth, const SpaceMap& space) {
  const size_t n = weights.size();
  const double side = static_cast<double>(uint64_t{1} << (32 - depth));
  ShiftLevels levels;
  for (auto& level : levels) level.resize(n);
  ParallelFor(n, kGrain, [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) {
      uint32_t cell[3];
      CellOf(codes[i], cell);
      for (int a = 0; a < 3; ++a) {
        const double stretch = space.Stretch((cell[a] + 0.5) * side);
        levels[a][i] =
            LevelOfWeight(weights[i] * shapes.footprint[i].ShiftWeight(axes[i], a) * stretch * stretch);
      }
    }
  });
  return levels;
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
