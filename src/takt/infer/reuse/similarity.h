// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace takt::reuse {

// How two outputs of a block are compared, each flattened to n = T D values.
enum class Metric {
  kCosine,  // a.b / (|a| |b|), larger is better; 1 for two zeros, 0 for one
  kL1,      // mean |a - b|, smaller is better
  kMse,     // mean (a - b)^2, smaller is better
};
constexpr bool LargerIsBetter(Metric metric) { return metric == Metric::kCosine; }

// K x K, row-major, symmetric: how alike the outputs of a block are in steps a and t.
struct StepMatrix {
  int steps = 0;
  std::vector<double> values;  // [K, K]
  double& at(int a, int t) { return values[static_cast<size_t>(a) * steps + t]; }
  double at(int a, int t) const { return values[static_cast<size_t>(a) * steps + t]; }
};

// What solvers know about a block: the mean over episodes of each metric.
struct BlockSimilarity {
  StepMatrix cosine, l1, mse;
  const StepMatrix& of(Metric metric) const {
    return metric == Metric::kCosine ? cosine : metric == Metric::kL1 ? l1 : mse;
  }
};

// The mean over pairs of different steps of l1: how much a block changes while nobody looks. BAC's score of error
// surges: stage 1 of the bubbling union takes the blocks where it is largest. 0 for one step. Source: Ji et al.,
// "Block-wise adaptive caching", ICLR 2026, section 4.3. We leave out the pairs of a step with itself, which are 0, as
// the released code does; the order of blocks is the same.
double ChangeScore(const BlockSimilarity& similarity);

// The mean over blocks, for one schedule that all blocks share. Errors: bad_input for no blocks or different sizes.
BlockSimilarity MeanSimilarity(std::span<const BlockSimilarity> blocks);

// Collects similarity matrices from what the blocks put out while the full policy ran. Holds sums only: B x K^2 x 3
// doubles. Determinism: depends on the order of the calls of Add for one block only, not on threads.
class SimilarityAccumulator {
 public:
  // Errors: bad_input unless 1 <= steps, blocks <= the limits of schedules.
  SimilarityAccumulator(int steps, int blocks);

  // One episode (one chunk of actions) of one block: outputs [K, n] float32, the steps in order.
  // Errors: bad_input for a size that is no multiple of K, another n than before, or a value that is not finite.
  // Cost: 1.5 K^2 n multiply-adds in double, shared out by ParallelFor.
  void Add(int block, std::span<const float> outputs);

  // Errors: bad_input where the block was never added.
  BlockSimilarity Mean(int block) const;
  std::vector<BlockSimilarity> MeanOfAll() const;
  uint64_t episodes(int block) const;

 private:
  struct Sums {
    std::vector<double> cosine, l1, mse;  // [K, K], filled where a <= t
    uint64_t episodes = 0;
    size_t n = 0;
  };
  int steps_;
  std::vector<Sums> sums_;  // [B]
};

}  // namespace takt::reuse
