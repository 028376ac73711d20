// SPDX-License-Identifier: Apache-2.0
#include "takt/core/base/rng.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace takt {
namespace {

using Words = std::array<uint32_t, 4>;

// Random123, kat_vectors: philox4x32 with 10 rounds. Counter words: counter, counter >> 32, stream, stream >> 32.
TEST(Rng, PhiloxKnownAnswers) {
  EXPECT_EQ(Rng(0, 0).Words(0), (Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  const uint64_t ones = ~uint64_t{0};
  EXPECT_EQ(Rng(ones, ones).Words(ones), (Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(Rng(0x299f31d0a4093822, 0x0370734413198a2e).Words(0x85a308d3243f6a88),
            (Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Rng, IsAFunctionOfSeedStreamAndCounter) {
  static_assert(Rng(1, 2).Words(3)[0] == Rng(1, 2).Words(3)[0]);
  EXPECT_NE(Rng(1, 2).Words(3), Rng(2, 2).Words(3));
  EXPECT_NE(Rng(1, 2).Words(3), Rng(1, 3).Words(3));
  EXPECT_NE(Rng(1, 2).Words(3), Rng(1, 2).Words(4));
}

TEST(Rng, UniformFillsItsInterval) {
  constexpr uint64_t kCount = 200000;
  constexpr int kBins = 64;
  const Rng rng(42);
  std::vector<double> bins(kBins);
  double sum = 0, sum_squares = 0;
  for (uint64_t i = 0; i < kCount; ++i) {
    const float value = rng.Uniform(i);
    ASSERT_GE(value, 0.0f);
    ASSERT_LT(value, 1.0f);
    const double precise = rng.UniformDouble(i);
    ASSERT_TRUE(precise >= 0.0 && precise < 1.0);
    ASSERT_NEAR(value, precise, 1e-7);  // both from the first word
    ++bins[static_cast<size_t>(value * kBins)];
    sum += value;
    sum_squares += static_cast<double>(value) * value;
  }
  const double mean = sum / kCount, expected = static_cast<double>(kCount) / kBins;
  EXPECT_NEAR(mean, 0.5, 5 / std::sqrt(12.0 * kCount));
  EXPECT_NEAR(sum_squares / kCount - mean * mean, 1.0 / 12, 1e-3);
  double chi_squared = 0;
  for (const double bin : bins) chi_squared += (bin - expected) * (bin - expected) / expected;
  EXPECT_LE(chi_squared, 63 + 5 * std::sqrt(2 * 63.0));
}

TEST(Rng, NormalsHaveTheMomentsOfANormal) {
  constexpr uint64_t kCount = 100000;
  const Rng rng(7, 3);
  double moments[4] = {}, product = 0;
  size_t beyond_two = 0;
  for (uint64_t i = 0; i < kCount; ++i) {
    const auto n = rng.Normal4(i);
    for (const float value : n) {
      ASSERT_TRUE(std::isfinite(value));
      double power = 1;
      for (double& moment : moments) moment += power *= value;
      beyond_two += std::abs(value) > 2;
    }
    product += n[0] * n[1] + n[1] * n[2] + n[2] * n[3];
  }
  const double total = 4 * kCount;
  EXPECT_NEAR(moments[0] / total, 0, 5 / std::sqrt(total));
  EXPECT_NEAR(moments[1] / total, 1, 0.015);
  EXPECT_NEAR(moments[2] / total, 0, 0.03);
  EXPECT_NEAR(moments[3] / total, 3, 0.1);
  EXPECT_NEAR(product / (3 * kCount), 0, 0.01);
  EXPECT_NEAR(static_cast<double>(beyond_two) / total, 0.0455, 0.002);
}

TEST(Rng, BelowIsEvenAndInside) {
  const Rng rng(9);
  std::vector<int> counts(7);
  for (uint64_t i = 0; i < 70000; ++i) ++counts.at(rng.Below(i, 7));
  for (const int count : counts) EXPECT_NEAR(count, 10000, 500);
  for (uint64_t i = 0; i < 1000; ++i) {
    EXPECT_EQ(rng.Below(i, 1), 0u);
    EXPECT_LT(rng.Below(i, uint64_t{1} << 63), uint64_t{1} << 63);
  }
}

}  // namespace
}  // namespace takt
