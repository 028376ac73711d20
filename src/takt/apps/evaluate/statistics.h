// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

// What success rates and scores of closed-loop runs allow to say. Levels are two-sided confidences in (0, 1).
namespace takt::evaluate {

struct Interval {
  double low = 0, high = 0;
};

// The x with P(N(0, 1) <= x) = p, 0 < p < 1; to 1e-12.
double NormalQuantile(double p);

// Wilson's score interval of a success rate. Errors: bad_input unless 0 <= successes <= n, n >= 1, 0 < level < 1.
// Source: Wilson 1927; Newcombe, "Two-sided confidence intervals for the single proportion", Stat. Med. 1998, method 3.
Interval Wilson(int64_t successes, int64_t n, double level = 0.95);

// How two policies ended on the same seeds.
struct PairedCounts {
  int64_t both = 0, only_first = 0, only_second = 0, neither = 0;
  int64_t n() const { return both + only_first + only_second + neither; }
};
// Errors: bad_input for different lengths. Elements are 0 or 1.
PairedCounts CountPairs(std::span<const uint8_t> first, std::span<const uint8_t> second);

// Two-sided exact p of "both succeed equally often": min(1, 2 P(Binomial(b + c, 1/2) <= min(b, c))).
double McNemarExact(const PairedCounts& counts);

// Tango's score interval of (rate of the first - rate of the second). Errors: bad_input for n = 0.
// Source: Tango, "Equivalence test and confidence interval for the difference in proportions for the paired-sample
// design", Stat. Med. 1998.
Interval PairedRateDifference(const PairedCounts& counts, double level = 0.95);

// Percentile bootstrap of mean(first - second) over seeds. Errors: bad_input for different lengths or none, or a number
// that is not finite. Determinism: a pure function of its arguments. Cost: n * resamples draws.
Interval PairedMeanDifference(std::span<const double> first, std::span<const double> second, double level = 0.95,
                              uint64_t seed = 0, int resamples = 10000);
// The same of one mean.
Interval MeanInterval(std::span<const double> values, double level = 0.95, uint64_t seed = 0, int resamples = 10000);

// Whether a drop of `margin` or more is ruled out: the whole interval of (candidate - reference) lies above -margin.
// False for NaN. A two-sided level of 0.90 gives the customary one-sided test at 5 %.
inline bool NonInferior(const Interval& difference, double margin) { return difference.low > -margin; }

// Pairs that show non-inferiority at `margin` in 4 of 5 trials where both are equally good, from the share of pairs
// that end differently: (z_level + z_0.8)^2 share / margin^2.
int64_t PairsNeeded(double discordant_share, double margin, double level = 0.90);

double Mean(std::span<const double> values);  // NaN for none
// Linear between the neighbours in rank, as numpy does; p in [0, 1]. NaN for no values.
double Percentile(std::span<const double> values, double p);

}  // namespace takt::evaluate
