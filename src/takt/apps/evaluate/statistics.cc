// SPDX-License-Identifier: Apache-2.0
#include "takt/apps/evaluate/statistics.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "takt/core/base/error.h"
#include "takt/core/base/rng.h"

namespace takt::evaluate {
namespace {

void CheckLevel(double level) {
  if (!(level > 0 && level < 1)) throw Error(ErrorCode::kBadInput, "level", "is no confidence between 0 and 1");
}

double TwoSidedZ(double level) {
  CheckLevel(level);
  return NormalQuantile(0.5 + 0.5 * level);
}

// Tango's statistic of the hypothesis "the difference is delta", with the nuisance rate at its constrained maximum of
// likelihood. x pairs are won by the first alone, y by the second alone.
double TangoScore(double x, double y, double n, double delta) {
  const double a = 2 * n, b = -x - y + (2 * n - x + y) * delta, c = -y * delta * (1 - delta);
  const double q = (std::sqrt(std::max(b * b - 4 * a * c, 0.0)) - b) / (2 * a);
  return (x - y - n * delta) / std::sqrt(n * (2 * q + delta * (1 - delta)));
}

// The largest delta that is not rejected. The score falls as delta grows.
double TangoUpper(double x, double y, double n, double z) {
  if (x == n) return 1;
  double inside = (x - y) / n, outside = 1;
  for (int i = 0; i < 60; ++i) {
    const double middle = 0.5 * (inside + outside);
    (std::abs(TangoScore(x, y, n, middle)) < z ? inside : outside) = middle;
  }
  return inside;
}

Interval Bootstrap(const std::vector<double>& values, double level, uint64_t seed, int resamples) {
  CheckLevel(level);
  if (values.empty()) throw Error(ErrorCode::kBadInput, "values", "are none");
  if (resamples < 100) throw Error(ErrorCode::kBadInput, "resamples", "are too few; 100 at least");
  for (double v : values) {
    if (!std::isfinite(v)) throw Error(ErrorCode::kBadInput, "values", "hold a number that is not finite");
  }
  std::vector<double> means(static_cast<size_t>(resamples));
  for (size_t r = 0; r < means.size(); ++r) {
    const Rng rng(seed, r);
    double sum = 0;
    for (size_t i = 0; i < values.size(); ++i) sum += values[rng.Below(i, values.size())];
    means[r] = sum / static_cast<double>(values.size());
  }
  return {Percentile(means, 0.5 - 0.5 * level), Percentile(means, 0.5 + 0.5 * level)};
}

}  // namespace

double NormalQuantile(double p) {
  if (!(p > 0 && p < 1)) throw Error(ErrorCode::kBadInput, "probability", "is not between 0 and 1");
  double low = -40, high = 40;
  for (int i = 0; i < 100; ++i) {
    const double middle = 0.5 * (low + high);
    (0.5 * std::erfc(-middle / std::sqrt(2.0)) < p ? low : high) = middle;
  }
  return 0.5 * (low + high);
}

Interval Wilson(int64_t successes, int64_t n, double level) {
  if (n < 1 || successes < 0 || successes > n) {
    throw Error(ErrorCode::kBadInput, "successes", "are no count out of at least one");
  }
  const double z = TwoSidedZ(level), count = static_cast<double>(n), p = static_cast<double>(successes) / count;
  const double centre = p + z * z / (2 * count), spread = z * std::sqrt((p * (1 - p) + z * z / (4 * count)) / count);
  const double scale = 1 + z * z / count;
  // At the ends the roots are 0 and 1; rounding must not say otherwise.
  return {successes == 0 ? 0 : (centre - spread) / scale, successes == n ? 1 : (centre + spread) / scale};
}

PairedCounts CountPairs(std::span<const uint8_t> first, std::span<const uint8_t> second) {
  if (first.size() != second.size()) throw Error(ErrorCode::kBadInput, "pairs", "have sides of different lengths");
  PairedCounts counts;
  for (size_t i = 0; i < first.size(); ++i) {
    ++(first[i] ? (second[i] ? counts.both : counts.only_first) : (second[i] ? counts.only_second : counts.neither));
  }
  return counts;
}

double McNemarExact(const PairedCounts& counts) {
  const int64_t n = counts.only_first + counts.only_second, k = std::min(counts.only_first, counts.only_second);
  double tail = 0;
  for (int64_t i = 0; i <= k; ++i) {
    tail += std::exp(std::lgamma(n + 1.0) - std::lgamma(i + 1.0) - std::lgamma(static_cast<double>(n - i) + 1.0) -
                     static_cast<double>(n) * std::log(2.0));
  }
  return std::min(1.0, 2 * tail);
}

Interval PairedRateDifference(const PairedCounts& counts, double level) {
  if (counts.n() < 1) throw Error(ErrorCode::kBadInput, "pairs", "are none");
  const double x = static_cast<double>(counts.only_first), y = static_cast<double>(counts.only_second);
  const double n = static_cast<double>(counts.n()), z = TwoSidedZ(level);
  return {-TangoUpper(y, x, n, z), TangoUpper(x, y, n, z)};
}

Interval PairedMeanDifference(std::span<const double> first, std::span<const double> second, double level,
                              uint64_t seed, int resamples) {
  if (first.size() != second.size()) throw Error(ErrorCode::kBadInput, "pairs", "have sides of different lengths");
  std::vector<double> differences(first.size());
  for (size_t i = 0; i < first.size(); ++i) differences[i] = first[i] - second[i];
  return Bootstrap(differences, level, seed, resamples);
}

Interval MeanInterval(std::span<const double> values, double level, uint64_t seed, int resamples) {
  return Bootstrap({values.begin(), values.end()}, level, seed, resamples);
}

int64_t PairsNeeded(double discordant_share, double margin, double level) {
  if (!(margin > 0)) throw Error(ErrorCode::kBadInput, "margin", "is not above 0");
  const double z = TwoSidedZ(level) + NormalQuantile(0.8);
  return static_cast<int64_t>(std::ceil(z * z * discordant_share / (margin * margin)));
}

double Mean(std::span<const double> values) {
  double sum = 0;
  for (double v : values) sum += v;
  return values.empty() ? std::numeric_limits<double>::quiet_NaN() : sum / static_cast<double>(values.size());
}

double Percentile(std::span<const double> values, double p) {
  if (values.empty()) return std::numeric_limits<double>::quiet_NaN();
  std::vector<double> sorted(values.begin(), values.end());
  std::sort(sorted.begin(), sorted.end());
  const double at = std::clamp(p, 0.0, 1.0) * static_cast<double>(sorted.size() - 1);
  const size_t below = static_cast<size_t>(at), above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (at - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

}  // namespace takt::evaluate
