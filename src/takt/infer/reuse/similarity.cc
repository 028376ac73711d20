// SPDX-License-Identifier: Apache-2.0
#include "takt/infer/reuse/similarity.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "takt/core/base/error.h"
#include "takt/core/base/parallel.h"
#include "takt/infer/reuse/schedule.h"

namespace takt::reuse {
namespace {

struct PairSums {
  double dot = 0, abs = 0, square = 0;
};

// Eight fixed lanes, so that the compiler may use any width of vectors and the sum stays the same.
PairSums Compare(const float* a, const float* b, size_t n) {
  constexpr size_t kLanes = 8;
  double dot[kLanes] = {}, abs[kLanes] = {}, square[kLanes] = {};
  size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (size_t l = 0; l < kLanes; ++l) {
      const double x = a[i + l], y = b[i + l], d = x - y;
      dot[l] += x * y;
      abs[l] += std::abs(d);
      square[l] += d * d;
    }
  }
  for (; i < n; ++i) {
    const double x = a[i], y = b[i], d = x - y;
    dot[0] += x * y;
    abs[0] += std::abs(d);
    square[0] += d * d;
  }
  PairSums sums;
  for (size_t l = 0; l < kLanes; ++l) {
    sums.dot += dot[l];
    sums.abs += abs[l];
    sums.square += square[l];
  }
  return sums;
}

StepMatrix MeanOf(const std::vector<double>& upper, int steps, double scale) {
  StepMatrix m{.steps = steps, .values = std::vector<double>(upper.size())};
  for (int a = 0; a < steps; ++a) {
    for (int t = a; t < steps; ++t) m.at(a, t) = m.at(t, a) = upper[static_cast<size_t>(a) * steps + t] * scale;
  }
  return m;
}

}  // namespace

double ChangeScore(const BlockSimilarity& similarity) {
  const StepMatrix& l1 = similarity.l1;
  double sum = 0;
  for (int a = 0; a < l1.steps; ++a) {
    for (int t = a + 1; t < l1.steps; ++t) sum += l1.at(a, t);
  }
  return l1.steps > 1 ? 2 * sum / (static_cast<double>(l1.steps) * (l1.steps - 1)) : 0;
}

BlockSimilarity MeanSimilarity(std::span<const BlockSimilarity> blocks) {
  if (blocks.empty()) throw Error(ErrorCode::kBadInput, "similarity", "has no blocks");
  BlockSimilarity mean = blocks[0];
  const auto add = [](StepMatrix* sum, const StepMatrix& m) {
    if (m.steps != sum->steps || m.values.size() != sum->values.size()) {
      throw Error(ErrorCode::kBadInput, "similarity", "has blocks of different numbers of steps");
    }
    for (size_t i = 0; i < m.values.size(); ++i) sum->values[i] += m.values[i];
  };
  for (const BlockSimilarity& block : blocks.subspan(1)) {
    add(&mean.cosine, block.cosine);
    add(&mean.l1, block.l1);
    add(&mean.mse, block.mse);
  }
  for (StepMatrix* m : {&mean.cosine, &mean.l1, &mean.mse}) {
    for (double& value : m->values) value /= static_cast<double>(blocks.size());
  }
  return mean;
}

SimilarityAccumulator::SimilarityAccumulator(int steps, int blocks) : steps_(steps) {
  if (steps < 1 || steps > kMaxSteps || blocks < 1 || blocks > kMaxBlocks) {
    throw Error(ErrorCode::kBadInput, "similarity",
                fmt::format("cannot be collected for {} steps and {} blocks", steps, blocks));
  }
  sums_.resize(static_cast<size_t>(blocks));
}

void SimilarityAccumulator::Add(int block, std::span<const float> outputs) {
  const std::string subject = fmt::format("outputs of block {}", block);
  if (block < 0 || block >= static_cast<int>(sums_.size())) {
    throw Error(ErrorCode::kBadInput, subject, fmt::format("belong to no block; there are {}", sums_.size()));
  }
  Sums& sums = sums_[static_cast<size_t>(block)];
  const auto k = static_cast<size_t>(steps_);
  const size_t n = outputs.size() / k;
  if (n == 0 || outputs.size() % k != 0 || (sums.episodes > 0 && n != sums.n)) {
    throw Error(ErrorCode::kBadInput, subject,
                fmt::format("have {} values; {} steps of {} are expected", outputs.size(), k,
                            sums.episodes > 0 ? fmt::format("{} values", sums.n) : std::string("equal length")));
  }
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (!std::isfinite(outputs[i])) {
      throw Error(ErrorCode::kBadInput, subject, fmt::format("are not finite in step {}", i / n));
    }
  }
  if (sums.episodes == 0) {
    sums.n = n;
    for (std::vector<double>* sum : {&sums.cosine, &sums.l1, &sums.mse}) sum->assign(k * k, 0);
  }
  ++sums.episodes;

  std::vector<double> norm(k);
  for (size_t a = 0; a < k; ++a) {
    const float* x = outputs.data() + a * n;
    norm[a] = std::sqrt(Compare(x, x, n).dot);
  }
  // Row a has K - a pairs: rows a and K - 1 - a together are always K + 1.
  ParallelFor((k + 1) / 2, 1, [&](size_t begin, size_t end) {
    const auto row = [&](size_t a) {
      for (size_t t = a; t < k; ++t) {
        const PairSums pair = Compare(outputs.data() + a * n, outputs.data() + t * n, n);
        const double product = norm[a] * norm[t];
        const double cosine = a == t || (norm[a] == 0 && norm[t] == 0) ? 1 : product > 0 ? pair.dot / product : 0;
        sums.cosine[a * k + t] += cosine;
        sums.l1[a * k + t] += pair.abs / static_cast<double>(n);
        sums.mse[a * k + t] += pair.square / static_cast<double>(n);
      }
    };
    for (size_t i = begin; i < end; ++i) {
      row(i);
      if (k - 1 - i != i) row(k - 1 - i);
    }
  });
}

BlockSimilarity SimilarityAccumulator::Mean(int block) const {
  if (episodes(block) == 0) throw Error(ErrorCode::kBadInput, fmt::format("block {}", block), "was never recorded");
  const Sums& sums = sums_[static_cast<size_t>(block)];
  const double scale = 1.0 / static_cast<double>(sums.episodes);
  return {.cosine = MeanOf(sums.cosine, steps_, scale),
          .l1 = MeanOf(sums.l1, steps_, scale),
          .mse = MeanOf(sums.mse, steps_, scale)};
}

std::vector<BlockSimilarity> SimilarityAccumulator::MeanOfAll() const {
  std::vector<BlockSimilarity> all;
  for (size_t b = 0; b < sums_.size(); ++b) all.push_back(Mean(static_cast<int>(b)));
  return all;
}

uint64_t SimilarityAccumulator::episodes(int block) const {
  return block < 0 || block >= static_cast<int>(sums_.size()) ? 0 : sums_[static_cast<size_t>(block)].episodes;
}

}  // namespace takt::reuse
