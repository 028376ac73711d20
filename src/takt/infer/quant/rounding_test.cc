// SPDX-License-Identifier: Apache-2.0
#include "takt/infer/quant/rounding.h"

#include <gtest/gtest.h>

#include <cmath>

#include "takt/core/base/error.h"
#include "takt/core/base/parallel.h"
#include "takt/infer/quant/test_matrices.h"

namespace takt::quant {
namespace {

TEST(RoundInt8, WithinHalfAStep) {
  for (const int64_t k : {1, 7, 64, 257}) {
    const int n = 9;
    const std::vector<float> w = RandomMatrix(n, k, 3);
    const QuantLinear q = RoundInt8(w, n, k);
    const std::vector<float> back = Dequantise(q);
    for (size_t i = 0; i < w.size(); ++i) {
      const double step = q.scales[i / static_cast<size_t>(k)];
      EXPECT_LE(std::fabs(static_cast<double>(w[i]) - back[i]), 0.5 * step * (1 + 1e-5));
    }
  }
}

TEST(Rounding, ExactOnRepresentableWeights) {
  const int n = 6;
  const int64_t k = 96;
  for (const int bits : {8, 4}) {
    std::vector<float> w(static_cast<size_t>(n * k));
    std::vector<int8_t> codes(w.size());
    const Rng rng(5);
    for (size_t i = 0; i < w.size(); ++i) {
      const int high = bits == 8 ? 127 : 7, low = bits == 8 ? -127 : -8;
      codes[i] = static_cast<int8_t>(low + static_cast<int>(rng.Below(i, static_cast<uint64_t>(high - low + 1))));
      // Each group uses the whole range, so that its step is known: 7 where no -8 is, -8 in every second one.
      if (i % 32 == 0) codes[i] = static_cast<int8_t>(high);
      if (bits == 4 && i / 32 % 2 == 0 && codes[i] == -8) codes[i] = -7;
      if (bits == 4 && i / 32 % 2 == 1 && i % 32 == 1) codes[i] = -8;
      w[i] = static_cast<float>(codes[i]) * 0.0371f;
    }
    std::vector<double> moments = CorrelatedMoments(k, 11);
    for (const QuantLinear& q :
         {bits == 8 ? RoundInt8(w, n, k) : RoundInt4(w, n, k, 32), Gptq(w, n, k, bits, bits == 8 ? k : 32, moments),
          Gptq(w, n, k, bits, bits == 8 ? k : 32, moments, {.activation_order = true})}) {
      const std::vector<float> back = Dequantise(q);
      for (size_t i = 0; i < w.size(); ++i) ASSERT_NEAR(back[i], w[i], 1e-6) << bits << " bits, weight " << i;
    }
  }
}

TEST(RoundInt4, ClippingSearchedNeverWorseThanNone) {
  const int n = 16;
  const int64_t k = 256;
  const std::vector<float> w = RandomMatrix(n, k, 4);
  for (const int64_t group : {32, 64, 128}) {
    const QuantLinear q = RoundInt4(w, n, k, group);
    const std::vector<float> back = Dequantise(q);
    for (int64_t g = 0; g < n * k / group; ++g) {
      double largest = 0, error = 0, error_unclipped = 0;
      for (int64_t i = g * group; i < (g + 1) * group; ++i) {
        largest = std::max(largest, std::fabs(static_cast<double>(w[static_cast<size_t>(i)])));
      }
      for (int64_t i = g * group; i < (g + 1) * group; ++i) {
        const double v = w[static_cast<size_t>(i)], step = static_cast<float>(largest / 7);
        error += std::pow(v - back[static_cast<size_t>(i)], 2);
        error_unclipped += std::pow(v - std::nearbyint(v / step) * step, 2);
      }
      EXPECT_LE(error, error_unclipped * (1 + 1e-6));
    }
  }
}

TEST(RoundInt4, SmallerGroupsSmallerError) {
  const int n = 32;
  const int64_t k = 256;
  const std::vector<float> w = RandomMatrix(n, k, 8);
  const std::vector<double> identity = IdentityMoments(k);
  double before = MomentError(w, RoundInt4(w, n, k, 256), identity);
  for (const int64_t group : {128, 64, 32}) {
    const double error = MomentError(w, RoundInt4(w, n, k, group), identity);
    EXPECT_LT(error, before);
    before = error;
  }
}

TEST(RoundInt4, ImportanceMovesTheError) {
  const int n = 8;
  const int64_t k = 64;
  const std::vector<float> w = RandomMatrix(n, k, 9);
  std::vector<double> importance(static_cast<size_t>(k), 0.01);
  for (size_t i = 0; i < 8; ++i) importance[i] = 10;
  std::vector<double> moments(static_cast<size_t>(k * k), 0.0);
  for (int64_t i = 0; i < k; ++i) moments[static_cast<size_t>(i * k + i)] = importance[static_cast<size_t>(i)];
  EXPECT_LE(MomentError(w, RoundInt4(w, n, k, 64, importance), moments),
            MomentError(w, RoundInt4(w, n, k, 64), moments));
}

TEST(Rounding, ZerosAndTinyWeights) {
  for (const float value : {0.0f, 1e-44f, 1e-38f, -1e30f}) {
    const std::vector<float> w(64, value);
    for (const QuantLinear& q :
         {RoundInt8(w, 2, 32), RoundInt4(w, 2, 32, 8), Gptq(w, 2, 32, 4, 8, IdentityMoments(32))}) {
      for (const float scale : q.scales) EXPECT_TRUE(std::isnormal(scale) && scale > 0);
      for (const float back : Dequantise(q)) EXPECT_NEAR(back, value, std::fabs(value) * 1e-6 + 1e-37);
    }
  }
}

// With inputs that are not correlated there is nothing to move: GPTQ is round to nearest.
TEST(Gptq, IsRoundToNearestForWhiteInputs) {
  const int n = 12;
  const int64_t k = 96;
  const std::vector<float> w = RandomMatrix(n, k, 6);
  EXPECT_EQ(Gptq(w, n, k, 8, k, IdentityMoments(k)), RoundInt8(w, n, k));
  EXPECT_EQ(Gptq(w, n, k, 4, 32, IdentityMoments(k)), RoundInt4(w, n, k, 32));
}

// The gain itself, not only the promise that no output gets worse: the mean over seeds must fall clearly.
TEST(Gptq, BeatsRoundToNearestOnCorrelatedInputs) {
  const int n = 24;
  for (const int64_t k : {64, 200, 256}) {
    for (const int bits : {8, 4}) {
      for (const bool by_activation : {false, true}) {
        double nearest_sum = 0, gptq_sum = 0;
        for (uint64_t seed = 1; seed <= 4; ++seed) {
          const std::vector<float> w = RandomMatrix(n, k, seed);
          const std::vector<double> moments = CorrelatedMoments(k, seed + 50);
          const int64_t group = bits == 8 ? k : 40;
          const double nearest = MomentError(w, bits == 8 ? RoundInt8(w, n, k) : RoundInt4(w, n, k, group), moments);
          const double gptq =
              MomentError(w, Gptq(w, n, k, bits, group, moments, {.activation_order = by_activation}), moments);
          EXPECT_LE(gptq, nearest * (1 + 1e-9));
          nearest_sum += nearest, gptq_sum += gptq;
        }
        EXPECT_LT(gptq_sum, 0.6 * nearest_sum) << "k " << k << " bits " << bits << " order " << by_activation;
      }
    }
  }
}

// The algorithm as the paper states it, input by input, with the inverse written out and updated: the truth beside
// ours.
TEST(Gptq, FollowsThePaper) {
  const int n = 3;
  const int64_t k = 48, group = 16;
  const std::vector<float> w = RandomMatrix(n, k, 21);
  const std::vector<double> moments = CorrelatedMoments(k, 22);
  const QuantLinear ours = Gptq(w, n, k, 4, group, moments);
  const QuantLinear nearest = RoundInt4(w, n, k, group);
  const std::vector<int8_t> theirs = PlainGptqCodes(w, n, k, group, moments, 0.01);
  int same = 0, rows = 0;
  for (int r = 0; r < n; ++r) {
    const auto row = [&](const std::vector<int8_t>& codes) {
      return std::vector<int8_t>(codes.begin() + r * k, codes.begin() + (r + 1) * k);
    };
    if (row(ours.codes) == row(nearest.codes)) continue;  // went back
    ++rows;
    same += row(ours.codes) == row(theirs);
  }
  EXPECT_GT(rows, 0);
  EXPECT_EQ(same, rows);
}

TEST(Gptq, SameBytesForAnyThreadCount) {
  const int n = 100;
  const int64_t k = 96;
  const std::vector<float> w = RandomMatrix(n, k, 31);
  const std::vector<double> moments = CorrelatedMoments(k, 32);
  SetThreadCount(1);
  const QuantLinear one = Gptq(w, n, k, 4, 32, moments);
  SetThreadCount(4);
  EXPECT_EQ(Gptq(w, n, k, 4, 32, moments), one);
  SetThreadCount(0);
}

TEST(Gptq, MomentsOfOneInputAndOfNone) {
  const int n = 4;
  const int64_t k = 32;
  const std::vector<float> w = RandomMatrix(n, k, 41);
  std::vector<double> moments(static_cast<size_t>(k * k), 0.0);
  EXPECT_EQ(Gptq(w, n, k, 8, k, moments), RoundInt8(w, n, k));  // no input was ever seen
  moments[0] = 5;
  for (const float scale : Gptq(w, n, k, 4, 8, moments).scales) EXPECT_TRUE(std::isnormal(scale));
  moments[3] = std::nan("");
  EXPECT_THROW(Gptq(w, n, k, 4, 8, moments), Error);
  moments[3] = 0, moments[static_cast<size_t>(k + 1)] = -1;
  EXPECT_THROW(Gptq(w, n, k, 4, 8, moments), Error);
}

}  // namespace
}  // namespace takt::quant
