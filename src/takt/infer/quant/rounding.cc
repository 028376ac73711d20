// SPDX-License-Identifier: Apache-2.0
#include "takt/infer/quant/rounding.h"

#include <cfloat>

#include "takt/core/base/parallel.h"
#include "takt/infer/quant/scales.h"

namespace takt::quant {
namespace {

constexpr size_t kRowGrain = 16;
constexpr double kFirstDivisor = 7, kLastDivisor = 14, kDivisorStep = 0.25;

double Largest(std::span<const double> w) {
  double largest = 0;
  for (const double v : w) largest = std::max(largest, std::fabs(v));
  return largest;
}

// Weights too small to have a normal step become zero.
float Usable(double scale) { return std::max(static_cast<float>(scale), FLT_MIN); }

// Rounds every row in groups, with the step that `scale_of(weights, first input)` chooses.
template <class ScaleOf>
QuantLinear RoundRows(std::span<const float> w, int n, int64_t k, int64_t group, int bits, ScaleOf&& scale_of) {
  QuantLinear out;
  out.n = n, out.k = k, out.group = group;
  const int64_t groups = out.groups();
  out.codes.resize(static_cast<size_t>(n * k));
  out.scales.resize(static_cast<size_t>(n * groups));
  ParallelFor(static_cast<size_t>(n), kRowGrain, [&](size_t begin, size_t end) {
    std::vector<double> row(static_cast<size_t>(k));
    for (int64_t r = static_cast<int64_t>(begin); r < static_cast<int64_t>(end); ++r) {
      std::copy_n(w.data() + r * k, k, row.begin());
      for (int64_t g = 0; g < groups; ++g) {
        const int64_t first = g * group, last = std::min(k, first + group);
        const std::span<const double> part(row.data() + first, static_cast<size_t>(last - first));
        const float scale = scale_of(part, first);
        out.scales[static_cast<size_t>(r * groups + g)] = scale;
        for (int64_t i = first; i < last; ++i) {
          out.codes[static_cast<size_t>(r * k + i)] = NearestCode(row[static_cast<size_t>(i)], scale, bits);
        }
      }
    }
  });
  return out;
}

}  // namespace

float Int8Scale(std::span<const double> w) {
  const double largest = Largest(w);
  return largest > 0 ? Usable(largest / 127) : 1.0f;
}

float Int4Scale(std::span<const double> w, std::span<const double> importance) {
  const double largest = Largest(w);
  if (!(largest > 0)) return 1.0f;
  float best = 0;
  double best_error = INFINITY;
  for (double divisor = kFirstDivisor; divisor <= kLastDivisor; divisor += kDivisorStep) {
    const float scale = Usable(largest / divisor);
    double error = 0;
    for (size_t i = 0; i < w.size(); ++i) {
      const double d = w[i] - static_cast<double>(NearestCode(w[i], scale, 4)) * scale;
      error += importance.empty() ? d * d : importance[i] * d * d;
    }
    if (best == 0 || error < best_error) best = scale, best_error = error;
  }
  return best;
}

QuantLinear RoundInt8(std::span<const float> w, int n, int64_t k) {
  return RoundRows(w, n, k, k, 8, [](std::span<const double> part, int64_t) { return Int8Scale(part); });
}

QuantLinear RoundInt4(std::span<const float> w, int n, int64_t k, int64_t group, std::span<const double> importance) {
  return RoundRows(w, n, k, group, 4, [&](std::span<const double> part, int64_t first) {
    return Int4Scale(part,
                     importance.empty() ? importance : importance.subspan(static_cast<size_t>(first), part.size()));
  });
}

std::vector<float> Dequantise(const QuantLinear& linear) {
  std::vector<float> w(linear.codes.size());
  const int64_t groups = linear.groups();
  for (int64_t r = 0; r < linear.n; ++r) {
    for (int64_t i = 0; i < linear.k; ++i) {
      const size_t at = static_cast<size_t>(r * linear.k + i);
      w[at] = static_cast<float>(linear.codes[at]) * linear.scales[static_cast<size_t>(r * groups + i / linear.group)];
    }
  }
  return w;
}

}  // namespace takt::quant
