// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "takt/core/base/rng.h"
#include "takt/infer/reuse/schedule.h"
#include "takt/infer/reuse/similarity.h"

namespace takt::reuse {

// A stack of residual blocks with random weights, run over K steps with an input that drifts: small enough to read,
// deep enough that a block sees what the ones before it did. Every block is h <- h + gain W2 gelu(W1 norm(h) + c_k),
// where c_k is what the block knows of the step (nothing for self-attention). Blocks differ in gain and in when their
// c_k moves.
class Chain {
 public:
  Chain(int layers, int width, int steps, uint64_t seed)
      : blocks_(TransformerBlocks(layers)), width_(static_cast<size_t>(width)), steps_(steps), seed_(seed) {
    const auto hidden = 2 * width_;
    for (size_t b = 0; b < blocks_.size(); ++b) {
      w1_.push_back(Normal(2 * b, hidden * width_, 1 / std::sqrt(static_cast<double>(width))));
      w2_.push_back(Normal(2 * b + 1, hidden * width_, 1 / std::sqrt(static_cast<double>(hidden))));
    }
    start_ = Normal(1000, width_, 1);
    end_ = Normal(1001, width_, 1);
    turn_ = Normal(1002, blocks_.size() * hidden, 1);
  }

  const std::vector<Block>& blocks() const { return blocks_; }
  int steps() const { return steps_; }

  // The input of step k: a curve, fast at first as under a cosine schedule.
  std::vector<double> Input(int k) const {
    const double s = std::sin(1.5707963 * k / steps_);
    std::vector<double> x(width_);
    for (size_t i = 0; i < width_; ++i) x[i] = start_[i] * (1 - s) + end_[i] * s;
    return x;
  }

  // One block, as the schedule has it computed.
  std::vector<double> Compute(int block, int k, const std::vector<double>& h) const {
    double square = 0;
    for (const double v : h) square += v * v;
    const double scale = 1 / std::sqrt(square / static_cast<double>(width_) + 1e-6);
    const auto hidden = 2 * width_;
    // A smooth switch at a place of the block's own: before it one condition, behind it another.
    const double place = steps_ * (0.1 + 0.8 * Rng(seed_, 7).UniformDouble(static_cast<uint64_t>(block)));
    const double condition = blocks_[static_cast<size_t>(block)].kind == BlockKind::kSelfAttention
                                 ? 0
                                 : std::tanh((k - place) / (0.06 * steps_));
    std::vector<double> u(hidden), y(width_, 0.0);
    const double* w1 = w1_[static_cast<size_t>(block)].data();
    const double* w2 = w2_[static_cast<size_t>(block)].data();
    for (size_t j = 0; j < hidden; ++j) {
      double sum = condition * turn_[static_cast<size_t>(block) * hidden + j];
      for (size_t i = 0; i < width_; ++i) sum += w1[j * width_ + i] * h[i] * scale;
      u[j] = 0.5 * sum * (1 + std::erf(sum / 1.4142135623730951));
    }
    for (size_t i = 0; i < width_; ++i) {
      for (size_t j = 0; j < hidden; ++j) y[i] += w2[i * hidden + j] * u[j];
    }
    return y;
  }

  // The last residual stream of every step, [K][width], under a schedule without ticks.
  // `outputs` receives [B][K * width] where it is not null.
  std::vector<std::vector<double>> Run(const Schedule& s, std::vector<std::vector<float>>* outputs = nullptr) const {
    const std::vector<Origin> origins = ResolveOrigins(s);
    const size_t count = blocks_.size();
    std::vector<std::vector<double>> fresh(s.cells.size());
    std::vector<std::vector<double>> last;
    if (outputs != nullptr) outputs->assign(count, {});
    for (int k = 0; k < steps_; ++k) {
      std::vector<double> h = Input(k);
      for (size_t b = 0; b < count; ++b) {
        const size_t cell = static_cast<size_t>(k) * count + b;
        if (s.cells[cell].source == Source::kCompute) fresh[cell] = Compute(static_cast<int>(b), k, h);
        const Origin& o = origins[cell];
        std::vector<double> y = fresh[static_cast<size_t>(o.step) * count + static_cast<size_t>(o.block)];
        if (o.step_before >= 0) {
          const std::vector<double>& before =
              fresh[static_cast<size_t>(o.step_before) * count + static_cast<size_t>(o.block)];
          for (size_t i = 0; i < width_; ++i) y[i] += o.weight * (y[i] - before[i]);
        }
        for (size_t i = 0; i < width_; ++i) h[i] += y[i];
        if (outputs != nullptr) (*outputs)[b].insert((*outputs)[b].end(), y.begin(), y.end());
      }
      last.push_back(std::move(h));
    }
    return last;
  }

  // As Run with everything computed, written without any schedule.
  std::vector<std::vector<double>> RunPlainly() const {
    std::vector<std::vector<double>> last;
    for (int k = 0; k < steps_; ++k) {
      std::vector<double> h = Input(k);
      for (size_t b = 0; b < blocks_.size(); ++b) {
        const std::vector<double> y = Compute(static_cast<int>(b), k, h);
        for (size_t i = 0; i < width_; ++i) h[i] += y[i];
      }
      last.push_back(std::move(h));
    }
    return last;
  }

  std::vector<BlockSimilarity> Similarity() const {
    std::vector<std::vector<float>> outputs;
    Run(AllCompute(blocks_, steps_), &outputs);
    SimilarityAccumulator accumulator(steps_, static_cast<int>(blocks_.size()));
    for (size_t b = 0; b < blocks_.size(); ++b) accumulator.Add(static_cast<int>(b), outputs[b]);
    return accumulator.MeanOfAll();
  }

  // Root mean square error of the last stream over all steps, relative to the exact one.
  double RelativeError(const Schedule& s) const {
    const auto exact = RunPlainly(), got = Run(s);
    double error = 0, size = 0;
    for (size_t k = 0; k < exact.size(); ++k) {
      for (size_t i = 0; i < width_; ++i) {
        error += (got[k][i] - exact[k][i]) * (got[k][i] - exact[k][i]);
        size += exact[k][i] * exact[k][i];
      }
    }
    return std::sqrt(error / size);
  }

 private:
  std::vector<double> Normal(uint64_t stream, size_t n, double scale) const {
    std::vector<double> x(n);
    for (size_t i = 0; i < n; ++i) x[i] = scale * Rng(seed_, stream).Normal4(i)[0];
    return x;
  }

  std::vector<Block> blocks_;
  size_t width_;
  int steps_;
  uint64_t seed_;
  std::vector<std::vector<double>> w1_, w2_;
  std::vector<double> start_, end_, turn_;
};

}  // namespace takt::reuse
