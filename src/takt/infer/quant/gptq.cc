// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <numeric>

#include "takt/core/base/error.h"
#include "takt/core/base/parallel.h"
#include "takt/infer/quant/rounding.h"
#include "takt/infer/quant/scales.h"

namespace takt::quant {
namespace {

using Matrix = Eigen::MatrixXd;
using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using MomentMap = Eigen::Map<const RowMajor>;

constexpr size_t kRowGrain = 32;  // outputs that are rounded together
constexpr int64_t kBlock = 128;   // inputs between two updates of all the rest

MomentMap MapMoments(std::span<const double> moments, int64_t k) { return {moments.data(), k, k}; }

// The inputs in the order in which they are rounded.
std::vector<int64_t> Order(const MomentMap& h, bool by_activation) {
  std::vector<int64_t> order(static_cast<size_t>(h.rows()));
  std::iota(order.begin(), order.end(), 0);
  if (by_activation) {
    std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) { return h(a, a) > h(b, b); });
  }
  return order;
}

// U with (H + damping)^-1 = U^T U, the inputs in `order`. With the order reversed H' = L L^T; reversed back, L is an
// upper R with H = R R^T, so U = R^-1.
Matrix UpperFactor(const MomentMap& moments, const std::vector<int64_t>& order, double damping) {
  const int64_t k = moments.rows();
  const double mean = moments.diagonal().mean();
  if (!(moments.diagonal().minCoeff() >= 0) || !std::isfinite(moments.sum())) {
    throw Error(ErrorCode::kBadInput, "calibration", "has second moments that are negative or not finite");
  }
  // No activation was ever seen: all errors count the same.
  const double unit = mean > 0 ? mean : 1;
  for (double damp = damping; damp <= 1; damp *= 10) {
    Matrix reversed(k, k);
    for (int64_t i = 0; i < k; ++i) {
      for (int64_t j = 0; j < k; ++j) {
        reversed(i, j) = moments(order[static_cast<size_t>(k - 1 - i)], order[static_cast<size_t>(k - 1 - j)]);
      }
    }
    reversed.diagonal().array() += damp * unit;
    const Eigen::LLT<Eigen::Ref<Matrix>> cholesky(reversed);
    if (cholesky.info() != Eigen::Success) continue;
    const Matrix upper = reversed.triangularView<Eigen::Lower>().toDenseMatrix().reverse();
    Matrix inverse = Matrix::Identity(k, k);
    upper.triangularView<Eigen::Upper>().solveInPlace(inverse);
    return inverse;
  }
  throw Error(ErrorCode::kBadInput, "calibration", "has second moments that are no sums of squares");
}

// Per output: e H e^T.
Eigen::VectorXd RowErrors(const RowMajor& error, const MomentMap& moments) {
  return (error * moments).cwiseProduct(error).rowwise().sum();
}

// Rounds the outputs [begin, end). `fixed`: use the scales that are in `out` already.
void GptqRows(std::span<const float> w, const Matrix& upper, const std::vector<int64_t>& order, int bits, bool fixed,
              std::span<const double> importance, int64_t begin, int64_t end, QuantLinear* out) {
  const int64_t k = out->k, group = out->group, groups = out->groups(), rows = end - begin;
  const int64_t block = group >= kBlock ? group : kBlock / group * group;
  Matrix rest(rows, k);  // what the inputs still have to represent, in rounding order
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t i = 0; i < k; ++i) {
      rest(r, i) = w[static_cast<size_t>((begin + r) * k + order[static_cast<size_t>(i)])];
    }
  }
  std::vector<double> part;
  for (int64_t first = 0; first < k; first += block) {
    const int64_t last = std::min(k, first + block);
    Matrix errors(rows, last - first);
    for (int64_t i = first; i < last; ++i) {
      const int64_t input = order[static_cast<size_t>(i)];
      if (!fixed && i % group == 0) {
        const int64_t width = std::min(group, k - i);
        for (int64_t r = 0; r < rows; ++r) {
          part.resize(static_cast<size_t>(width));
          for (int64_t j = 0; j < width; ++j) part[static_cast<size_t>(j)] = rest(r, i + j);
          out->scales[static_cast<size_t>((begin + r) * groups + i / group)] =
              Int4Scale(part, importance.subspan(static_cast<size_t>(i), static_cast<size_t>(width)));
        }
      }
      for (int64_t r = 0; r < rows; ++r) {
        const float scale = out->scales[static_cast<size_t>((begin + r) * groups + input / group)];
        const int8_t code = NearestCode(rest(r, i), scale, bits);
        out->codes[static_cast<size_t>((begin + r) * k + input)] = code;
        errors(r, i - first) = (rest(r, i) - static_cast<double>(code) * scale) / upper(i, i);
      }
      const int64_t behind = last - i - 1;
      rest.middleCols(i + 1, behind).noalias() -= errors.col(i - first) * upper.row(i).segment(i + 1, behind);
    }
    rest.rightCols(k - last).noalias() -= errors * upper.block(first, last, last - first, k - last);
  }
}

}  // namespace

QuantLinear Gptq(std::span<const float> w, int n, int64_t k, int bits, int64_t group, std::span<const double> moments,
                 const GptqOptions& options) {
  const MomentMap h = MapMoments(moments, k);
  const std::vector<int64_t> order = Order(h, options.activation_order);
  const Matrix upper = UpperFactor(h, order, options.damping);
  std::vector<double> importance(static_cast<size_t>(k));
  for (int64_t i = 0; i < k; ++i) importance[static_cast<size_t>(i)] = h(i, i);

  const QuantLinear nearest = bits == 8 ? RoundInt8(w, n, k) : RoundInt4(w, n, k, group);
  const bool fixed = bits == 8 || options.activation_order;
  QuantLinear out = fixed && bits == 4 ? RoundInt4(w, n, k, group, importance) : nearest;
  ParallelFor(static_cast<size_t>(n), kRowGrain, [&](size_t first, size_t last) {
    const int64_t begin = static_cast<int64_t>(first), end = static_cast<int64_t>(last), rows = end - begin;
    GptqRows(w, upper, order, bits, fixed, importance, begin, end, &out);
    // Greedy is not optimal: an output that lost by it goes back to the nearest codes.
    const int64_t groups = out.groups();
    RowMajor error_out(rows, k), error_nearest(rows, k);
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t i = 0; i < k; ++i) {
        const size_t at = static_cast<size_t>((begin + r) * k + i);
        const size_t scale = static_cast<size_t>((begin + r) * groups + i / out.group);
        error_out(r, i) = w[at] - static_cast<double>(out.codes[at]) * out.scales[scale];
        error_nearest(r, i) = w[at] - static_cast<double>(nearest.codes[at]) * nearest.scales[scale];
      }
    }
    const Eigen::VectorXd ours = RowErrors(error_out, h), theirs = RowErrors(error_nearest, h);
    for (int64_t r = 0; r < rows; ++r) {
      if (ours[r] <= theirs[r]) continue;
      const int64_t row = begin + r;
      std::copy_n(nearest.codes.begin() + row * k, k, out.codes.begin() + row * k);
      std::copy_n(nearest.scales.begin() + row * groups, groups, out.scales.begin() + row * groups);
    }
  });
  return out;
}

double MomentError(std::span<const float> w, const QuantLinear& linear, std::span<const double> moments) {
  const std::vector<float> dequantised = Dequantise(linear);
  RowMajor error(linear.n, linear.k);
  for (size_t i = 0; i < w.size(); ++i) error.data()[i] = static_cast<double>(w[i]) - dequantised[i];
  return RowErrors(error, MapMoments(moments, linear.k)).sum();
}

}  // namespace takt::quant
