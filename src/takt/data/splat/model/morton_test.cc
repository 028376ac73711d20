// SPDX-License-Identifier: Apache-2.0
#include "takt/data/splat/model/morton.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "takt/data/splat/model/test_splats.h"

namespace takt::splat {
namespace {

TEST(Morton, CodeInterleavesBitByBit) {
  EXPECT_EQ(MortonCode(1, 0, 0), 1u);
  EXPECT_EQ(MortonCode(0, 1, 0), 2u);
  EXPECT_EQ(MortonCode(0, 0, 1), 4u);
  EXPECT_EQ(MortonCode(0x1fffff, 0x1fffff, 0x1fffff), (uint64_t{1} << 63) - 1);
  const Rng rng(5);
  for (uint64_t t = 0; t < 1000; ++t) {
    const auto words = rng.Words(t);
    uint64_t expected = 0;
    for (int bit = 0; bit < 21; ++bit) {
      for (int a = 0; a < 3; ++a) expected |= uint64_t{words[static_cast<size_t>(a)] >> bit & 1} << (3 * bit + a);
    }
    ASSERT_EQ(MortonCode(words[0], words[1], words[2]), expected);
  }
}

TEST(Morton, OrdersTheCornersOfACube) {
  Splats s;
  s.Resize(8);
  for (size_t i = 0; i < 8; ++i) {
    const size_t corner = 7 - i;
    for (size_t a = 0; a < 3; ++a) s.means[i * 3 + a] = static_cast<float>(corner >> a & 1);
  }
  EXPECT_EQ(MortonOrder(s), (std::vector<uint32_t>{7, 6, 5, 4, 3, 2, 1, 0}));
}

TEST(Morton, IsAStablePermutationThatBringsNeighboursTogether) {
  Splats s = RandomSplats(20000, 0);
  for (size_t i = 10000; i < 10100; ++i) std::copy_n(s.means.begin(), 3, s.means.begin() + static_cast<long>(i) * 3);
  const std::vector<uint32_t> order = MortonOrder(s);
  std::vector<uint32_t> sorted = order;
  std::sort(sorted.begin(), sorted.end());
  for (uint32_t i = 0; i < sorted.size(); ++i) ASSERT_EQ(sorted[i], i);
  const auto first = std::find(order.begin(), order.end(), 0u);
  for (uint32_t i = 0; i < 100; ++i) ASSERT_EQ(first[1 + i], 10000 + i) << "equal cells keep their order";

  const auto step = [&](size_t a, size_t b) {
    double sum = 0;
    for (size_t k = 0; k < 3; ++k) sum += std::pow(double{s.means[a * 3 + k]} - s.means[b * 3 + k], 2);
    return std::sqrt(sum);
  };
  double curve = 0, as_stored = 0;
  for (size_t i = 1; i < order.size(); ++i) {
    curve += step(order[i - 1], order[i]);
    as_stored += step(i - 1, i);
  }
  EXPECT_LT(curve, 0.15 * as_stored);
}

TEST(Morton, DegenerateInputs) {
  EXPECT_TRUE(MortonOrder(Splats{}).empty());
  Splats s = RandomSplats(10, 0);
  std::fill(s.means.begin(), s.means.end(), 3.0f);
  std::vector<uint32_t> order = MortonOrder(s);
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
  s.means[3] = std::numeric_limits<float>::max();
  s.means[6] = -std::numeric_limits<float>::max();
  order = MortonOrder(s);
  EXPECT_EQ(order.front(), 2u);
  EXPECT_EQ(order.back(), 1u);
}

}  // namespace
}  // namespace takt::splat
