// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "takt/data/splat/codec/channels.h"
#include "takt/data/splat/codec/knapsack.h"
#include "takt/data/splat/codec/quantiser.h"
#include "takt/data/splat/codec/source.h"
#include "takt/data/splat/codec/tks_format.h"

namespace takt::splat {

// One way to code one set of splats: an octree depth, and for a price of bits the best step of every (channel, group).
// Costs are in kCostUnit, distortions in mean squared error of the pictures.
class Trial {
 public:
  // `effort` 0 looks at every other step, for estimates; 1 at all in the window around the expected one.
  Trial(SplatSource source, int depth, uint8_t transforms, int effort);
  ~Trial();
  Trial(Trial&&) noexcept;

  struct Totals {
    int64_t cost = 0;       // octree, classes, tables and symbols; not the container
    int64_t tables = 0;     // the part of it that does not grow with the splats
    double distortion = 0;
  };
  // Takes the best option of every group at `lambda` (mean squared error per bit). `reach`: how many finer steps beside it
  // Allocate may choose from.
  Totals Choose(double lambda, int reach = 1);

  // Solves the groups that nothing else depends on (opacity, refinement, colours) anew so that all costs together are at
  // most `budget`; the options are those that the last Choose looked at.
  // None when the cheapest options do not fit.
  std::optional<KnapsackSolution> Allocate(int64_t budget);
  // What is chosen now.
  Totals Chosen() const;

  // Codes the choice.
  TksParts Write() const;

  size_t size() const { return source_.size(); }
  size_t octree_bytes() const { return octree_.size(); }

 private:
  struct Channel;
  void Transform();
  void PrepareAttribute(int channel, double lambda);
  void FindOptions(const std::vector<int>& channels, double lambda);
  std::vector<float> DecodeSamples(const Channel& channel) const;
  void ChooseShapes(double lambda);

  SplatSource source_;
  int effort_;
  int reach_ = 1;
  TksHeader header_;
  std::vector<uint64_t> cells_;
  std::vector<uint8_t> octree_, classes_;
  std::unique_ptr<AttributeBasis> basis_;
  std::vector<float> dc_costs_[2];  // spread costs of the DC, without and with the transform
  std::vector<Channel> channels_;
  Shapes shapes_;
  Groups direction_groups_, spin_groups_;
  std::array<Groups, 3> shift_groups_;
  double tamed_distortion_ = 0;  // by moving outlying scales
};

}  // namespace takt::splat
