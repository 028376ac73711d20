// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "takt/data/splat/codec/layout.h"
#include "takt/data/splat/codec/raht.h"
#include "takt/data/splat/codec/tks_format.h"

namespace takt::splat {

// How the attributes that are coded by magnitude become samples: y = sqrt(weight) x, then the transform or none.
// Without the transform the mean is taken off first and coded in place of the low-pass value.
class AttributeBasis {
 public:
  AttributeBasis(std::span<const uint64_t> cells, std::vector<uint8_t> classes, int depth);

  std::span<const float> weights() const { return weights_; }
  const Groups& groups(bool transformed) const { return transformed ? transform_groups_ : class_groups_; }

  // `x` [N] -> `samples` in coding order; returns the root, which is coded as it is.
  float Forward(bool transformed, std::span<const float> x, std::vector<float>* samples) const;
  void Inverse(bool transformed, float root, std::span<const float> samples, std::vector<float>* x) const;
  // What a squared error of a sample costs, given what one of x costs.
  void SpreadCosts(bool transformed, std::span<const float> x_costs, std::vector<float>* costs) const;

 private:
  std::vector<uint8_t> classes_;
  std::vector<float> weights_;
  Raht raht_;
  Groups transform_groups_, class_groups_;
};

// Samples of the linear channels back to shapes.
std::vector<Axes> DecodeAxes(const Shapes& shapes, const Groups& direction, const Groups& spin,
                             const std::array<std::vector<float>, 3>& samples);

}  // namespace takt::splat
