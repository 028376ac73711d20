// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Eigen/Dense>
#include <cstdint>
#include <span>
#include <vector>

#include "takt/core/base/rng.h"
#include "takt/infer/quant/scales.h"

namespace takt::quant {

inline std::vector<float> RandomMatrix(int64_t rows, int64_t cols, uint64_t seed, float sigma = 1) {
  std::vector<float> values(static_cast<size_t>(rows * cols));
  const Rng rng(seed, 77);
  for (size_t i = 0; i < values.size(); ++i) values[i] = sigma * rng.Normal4(i / 4)[i % 4];
  return values;
}

// X [rows, cols] whose columns are mixtures of a few sources, a little noise, and some of them much larger.
inline std::vector<float> CorrelatedInputs(int64_t rows, int64_t cols, uint64_t seed) {
  const int64_t sources = std::max<int64_t>(2, cols / 8);
  const std::vector<float> source = RandomMatrix(rows, sources, seed), mix = RandomMatrix(sources, cols, seed + 1);
  std::vector<float> x = RandomMatrix(rows, cols, seed + 2, 0.3f);
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < cols; ++c) {
      float sum = 0;
      for (int64_t s = 0; s < sources; ++s) {
        sum += source[static_cast<size_t>(r * sources + s)] * mix[static_cast<size_t>(s * cols + c)];
      }
      float& value = x[static_cast<size_t>(r * cols + c)];
      value = (value + sum) * (c % 29 == 3 ? 12.0f : 1.0f);
    }
  }
  return x;
}

inline std::vector<double> MomentsOf(std::span<const float> x, int64_t rows, int64_t cols) {
  using RowMajor = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  const Eigen::MatrixXd values = Eigen::Map<const RowMajor>(x.data(), rows, cols).cast<double>();
  const Eigen::MatrixXd h = values.transpose() * values / static_cast<double>(rows);
  return {h.data(), h.data() + h.size()};
}

inline std::vector<double> CorrelatedMoments(int64_t k, uint64_t seed) {
  return MomentsOf(CorrelatedInputs(4 * k, k, seed), 4 * k, k);
}

inline std::vector<double> IdentityMoments(int64_t k) {
  std::vector<double> moments(static_cast<size_t>(k * k), 0.0);
  for (int64_t i = 0; i < k; ++i) moments[static_cast<size_t>(i * k + i)] = 1;
  return moments;
}

// GPTQ in 4 bits without blocks or factorisations: after input i is rounded, the optimal update of the rest and
// Gaussian elimination of i from H^-1.
inline std::vector<int8_t> PlainGptqCodes(std::span<const float> w, int n, int64_t k, int64_t group,
                                          std::span<const double> moments, double damping) {
  using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  Eigen::MatrixXd h = Eigen::Map<const RowMajor>(moments.data(), k, k);
  const Eigen::VectorXd diagonal = h.diagonal();
  h.diagonal().array() += damping * diagonal.mean();
  Eigen::MatrixXd inverse = h.inverse();
  Eigen::MatrixXd rest = Eigen::Map<const Eigen::Matrix<float, -1, -1, Eigen::RowMajor>>(w.data(), n, k).cast<double>();
  std::vector<int8_t> codes(static_cast<size_t>(n * k));
  std::vector<float> scales(static_cast<size_t>(n));
  for (int64_t i = 0; i < k; ++i) {
    for (int r = 0; r < n; ++r) {
      if (i % group == 0) {
        const Eigen::VectorXd part = rest.row(r).segment(i, std::min(group, k - i));
        scales[static_cast<size_t>(r)] = Int4Scale({part.data(), static_cast<size_t>(part.size())},
                                                   {diagonal.data() + i, static_cast<size_t>(part.size())});
      }
      const float scale = scales[static_cast<size_t>(r)];
      const int8_t code = NearestCode(rest(r, i), scale, 4);
      codes[static_cast<size_t>(r * k + i)] = code;
      const double error = (rest(r, i) - static_cast<double>(code) * scale) / inverse(i, i);
      rest.row(r) -= error * inverse.row(i);
    }
    inverse -= Eigen::MatrixXd(inverse.col(i) * inverse.row(i) / inverse(i, i));
  }
  return codes;
}

}  // namespace takt::quant
