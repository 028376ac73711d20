// SPDX-License-Identifier: Apache-2.0
#include "takt/apps/evaluate/statistics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "takt/core/base/error.h"
#include "takt/core/base/rng.h"

namespace takt::evaluate {
namespace {

TEST(Statistics, NormalQuantileIsTheTextbooks) {
  EXPECT_NEAR(NormalQuantile(0.975), 1.959963984540054, 1e-11);
  EXPECT_NEAR(NormalQuantile(0.95), 1.6448536269514722, 1e-11);
  EXPECT_NEAR(NormalQuantile(0.5), 0, 1e-11);
  EXPECT_THROW(NormalQuantile(1), Error);
}

// Newcombe 1998, table I, method 3.
TEST(Statistics, WilsonIsThePublishedOne) {
  const struct {
    int64_t successes, n;
    double low, high;
  } kPublished[] = {{81, 263, 0.2553, 0.3662}, {15, 148, 0.0624, 0.1605}, {0, 20, 0, 0.1611}, {1, 29, 0.0061, 0.1718}};
  for (const auto& p : kPublished) {
    const Interval interval = Wilson(p.successes, p.n);
    EXPECT_NEAR(interval.low, p.low, 5e-5);
    EXPECT_NEAR(interval.high, p.high, 5e-5);
  }
  EXPECT_EQ(Wilson(20, 20).high, 1);
  EXPECT_THROW(Wilson(1, 0), Error);
  EXPECT_THROW(Wilson(3, 2), Error);
  EXPECT_THROW(Wilson(1, 2, 1), Error);
}

// Airway hyper-responsiveness before and after stem-cell transplantation: 1, 1, 7, 12. Fagerland, Lydersen and Laake,
// "Recommended tests and confidence intervals for paired binomial proportions", Stat. Med. 2014.
TEST(Statistics, PairedDifferenceIsThePublishedOne) {
  const PairedCounts counts{1, 1, 7, 12};
  EXPECT_NEAR(McNemarExact(counts), 0.0703125, 1e-12);
  const Interval difference = PairedRateDifference(counts);
  EXPECT_NEAR(difference.low, -0.517, 5e-4);
  EXPECT_NEAR(difference.high, -0.026, 5e-4);
}

TEST(Statistics, PairedDifferenceTurnsAroundWithItsSides) {
  const Interval one = PairedRateDifference({36, 12, 2, 0}, 0.9), other = PairedRateDifference({36, 2, 12, 0}, 0.9);
  EXPECT_NEAR(one.low, -other.high, 1e-12);
  EXPECT_NEAR(one.high, -other.low, 1e-12);
  EXPECT_LT(one.low, 0.2);
  EXPECT_GT(one.high, 0.2);
  // Without a pair that differs, the interval is z^2 / (n + z^2) to both sides.
  const double z2 = std::pow(NormalQuantile(0.95), 2);
  const Interval equal = PairedRateDifference({300, 0, 0, 200}, 0.9);
  EXPECT_NEAR(equal.high, z2 / (500 + z2), 1e-9);
  EXPECT_NEAR(equal.low, -z2 / (500 + z2), 1e-9);
  EXPECT_EQ(McNemarExact({300, 0, 0, 200}), 1);
  EXPECT_THROW(PairedRateDifference({}), Error);
}

// Coverage of the 90 % interval where a tenth of the pairs differ evenly: 2,000 trials of 200 pairs.
TEST(Statistics, PairedDifferenceCoversTheTruth) {
  int covered = 0;
  for (uint64_t trial = 0; trial < 2000; ++trial) {
    const Rng rng(5, trial);
    PairedCounts counts;
    for (uint64_t i = 0; i < 200; ++i) {
      const double u = rng.UniformDouble(i);
      ++(u < 0.05 ? counts.only_first : u < 0.1 ? counts.only_second : counts.both);
    }
    const Interval interval = PairedRateDifference(counts, 0.9);
    covered += interval.low <= 0 && interval.high >= 0;
  }
  EXPECT_NEAR(covered / 2000.0, 0.9, 0.025);
}

TEST(Statistics, BootstrapAgreesWithTheNormalLimit) {
  std::vector<double> first, second;
  for (uint64_t i = 0; i < 1000; ++i) {
    const auto n = Rng(9).Normal4(i);
    first.push_back(0.3 + n[0] + n[2]);
    second.push_back(n[0]);
  }
  const Interval interval = PairedMeanDifference(first, second);
  double mean = 0, square = 0;
  for (size_t i = 0; i < first.size(); ++i) mean += (first[i] - second[i]) / 1000;
  for (size_t i = 0; i < first.size(); ++i) square += std::pow(first[i] - second[i] - mean, 2) / 999;
  const double half = 1.96 * std::sqrt(square / 1000);
  EXPECT_NEAR(interval.low, mean - half, 0.05 * half);
  EXPECT_NEAR(interval.high, mean + half, 0.05 * half);
  const Interval again = PairedMeanDifference(first, second);
  EXPECT_EQ(interval.low, again.low);
  EXPECT_EQ(interval.high, again.high);
  // The pairs matter: without them the noise that both share would count.
  EXPECT_LT(interval.high - interval.low, 0.8 * (MeanInterval(first).high - MeanInterval(first).low) * std::sqrt(2.0));
  second[3] = std::numeric_limits<double>::quiet_NaN();
  EXPECT_THROW(PairedMeanDifference(first, second), Error);
  EXPECT_THROW(MeanInterval({}), Error);
}

TEST(Statistics, NonInferiorityNeedsTheWholeInterval) {
  EXPECT_TRUE(NonInferior({-0.019, 0.05}, 0.02));
  EXPECT_FALSE(NonInferior({-0.021, 0.05}, 0.02));
  EXPECT_FALSE(NonInferior({std::numeric_limits<double>::quiet_NaN(), 1}, 0.02));
  // (1.645 + 0.842)^2 * 0.05 / 0.02^2.
  EXPECT_EQ(PairsNeeded(0.05, 0.02), 773);
}

TEST(Statistics, PairsAndPercentiles) {
  const std::vector<uint8_t> first = {1, 1, 0, 0, 1}, second = {1, 0, 1, 0, 1};
  const PairedCounts counts = CountPairs(first, second);
  EXPECT_EQ(counts.both, 2);
  EXPECT_EQ(counts.only_first, 1);
  EXPECT_EQ(counts.only_second, 1);
  EXPECT_EQ(counts.neither, 1);
  EXPECT_THROW(CountPairs(first, std::vector<uint8_t>{1}), Error);
  const std::vector<double> values = {4, 1, 3, 2};
  EXPECT_EQ(Percentile(values, 0), 1);
  EXPECT_EQ(Percentile(values, 0.5), 2.5);
  EXPECT_EQ(Percentile(values, 1), 4);
  EXPECT_EQ(Mean(values), 2.5);
  EXPECT_TRUE(std::isnan(Percentile({}, 0.5)));
}

}  // namespace
}  // namespace takt::evaluate
