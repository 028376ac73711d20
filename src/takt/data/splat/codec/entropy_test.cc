// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "takt/core/base/error.h"
#include "takt/core/base/rng.h"
#include "takt/data/splat/codec/det_math.h"
#include "takt/data/splat/codec/layout.h"
#include "takt/data/splat/codec/octree.h"
#include "takt/data/splat/codec/quantiser.h"
#include "takt/data/splat/codec/raht.h"
#include "takt/data/splat/codec/range_coder.h"
#include "takt/data/splat/codec/rans.h"
#include "takt/data/splat/codec/splat_math.h"

namespace takt::splat {
namespace {

TEST(DetMathTest, AgreesWithLibm) {
  const Rng rng(1);
  for (uint64_t i = 0; i < 20000; ++i) {
    const double x = (rng.UniformDouble(i) - 0.5) * 200;
    EXPECT_LE(std::abs(DetExp(x) / std::exp(x) - 1), 1e-13) << x;
    const double y = std::exp((rng.UniformDouble(i + 100000) - 0.5) * 1000);
    EXPECT_LE(std::abs(DetLog(y) - std::log(y)), 1e-14 * (1 + std::abs(std::log(y)))) << y;
  }
}

TEST(RangeCoderTest, RoundTripOfAnySkew) {
  const Rng rng(2);
  for (const double p : {0.0, 0.001, 0.3, 0.5, 0.97, 1.0}) {
    RangeEncoder encoder;
    BitModel model;
    std::vector<int> bits;
    for (uint64_t i = 0; i < 20000; ++i) bits.push_back(rng.UniformDouble(i) < p);
    for (const int bit : bits) encoder.Encode(&model, bit);
    encoder.EncodeRaw(0xABC, 12);
    const std::vector<uint8_t> bytes = encoder.Finish();
    const double entropy = p > 0 && p < 1 ? -p * std::log2(p) - (1 - p) * std::log2(1 - p) : 0.0;
    EXPECT_LE(static_cast<double>(bytes.size()) * 8, 20000 * (entropy * 1.05 + 0.003) + 64);
    RangeDecoder decoder(bytes);
    model = {};
    for (const int bit : bits) ASSERT_EQ(decoder.Decode(&model), bit);
    EXPECT_EQ(decoder.DecodeRaw(12), 0xABCu);
  }
}

TEST(RansTest, SizeIsTheSumOfTheBits) {
  const Rng rng(3);
  std::vector<uint32_t> counts = {9000, 500, 0, 200, 30, 1};
  std::vector<uint8_t> codes(counts.size() - 1);
  FitStopCodes(counts, codes.data());
  SymbolTable table;
  table.Build(codes);
  uint32_t sum = 0;
  for (int s = 0; s < table.count; ++s) sum += table.frequency[s];
  EXPECT_EQ(sum, kProbabilityOne);
  RansEncoder encoder;
  std::vector<std::pair<int, uint32_t>> written;
  double bits = 0;
  for (uint64_t i = 0; i < 30000; ++i) {
    const int s = static_cast<int>(rng.Below(i, 6));
    const auto raw = static_cast<uint32_t>(rng.Below(i + 100000, 1u << s));
    encoder.Put(table.start[s], table.frequency[s]);
    encoder.PutRaw(raw, s);
    bits += SymbolBits(table.frequency[s]) + s;
    written.push_back({s, raw});
  }
  const std::vector<uint8_t> bytes = encoder.Finish();
  EXPECT_LE(std::abs(static_cast<double>(bytes.size()) - bits / 8), 9.0);
  RansDecoder decoder(bytes);
  for (const auto& [s, raw] : written) {
    int found = 0;
    while (found + 1 < table.count && decoder.Slot() >= table.start[found + 1]) ++found;
    ASSERT_EQ(found, s);
    decoder.Advance(table.start[s], table.frequency[s]);
    ASSERT_EQ(s > 0 ? decoder.Raw(s) : 0u, raw);
  }
  EXPECT_TRUE(decoder.Whole());
}

TEST(OctreeTest, RoundTripAtEveryDepth) {
  const Rng rng(4);
  for (int depth = 1; depth <= kMaxOctreeDepth; ++depth) {
    std::vector<uint64_t> codes;
    for (uint64_t i = 0; i < 700; ++i) {
      const auto w = rng.Words(i);
      const uint32_t limit = (1u << depth) - 1, x = w[0] & limit, y = w[1] & limit;
      codes.push_back(CellCode(x, y, (x + y) & limit));
      if (i % 50 == 0) codes.insert(codes.end(), 12, codes.back());
    }
    std::sort(codes.begin(), codes.end());
    const std::vector<uint8_t> bytes = EncodeOctree(codes, depth);
    EXPECT_EQ(DecodeOctree(bytes, depth, codes.size(), "test"), codes);
    EXPECT_THROW(DecodeOctree(bytes, depth, codes.size() - 1, "test"), Error);
    EXPECT_THROW(DecodeOctree(bytes, depth, codes.size() + 1, "test"), Error);
  }
}

TEST(OctreeTest, NoiseNeverGrowsBeyondTheCount) {
  const Rng rng(5);
  for (uint64_t trial = 0; trial < 300; ++trial) {
    std::vector<uint8_t> noise(rng.Below(trial, 200));
    for (size_t i = 0; i < noise.size(); ++i) noise[i] = static_cast<uint8_t>(rng.Words(trial * 1000 + i)[0]);
    try {
      EXPECT_EQ(DecodeOctree(noise, 12, 100, "noise").size(), 100u);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kBadInput);
    }
  }
}

TEST(RahtTest, OrthonormalInTheWeightedNorm) {
  const Rng rng(6);
  std::vector<uint64_t> codes;
  std::vector<float> weights, x, error;
  for (uint64_t i = 0; i < 999; ++i) {
    codes.push_back(rng.Below(i, 4096));
    weights.push_back(static_cast<float>(uint64_t{1} << (2 * rng.Below(i + 5000, 8))));
    x.push_back(rng.Normal4(i + 9000)[0]);
    error.push_back(0.01f * rng.Normal4(i + 20000)[0]);
  }
  std::sort(codes.begin(), codes.end());
  const Raht raht(codes, weights, 4);
  std::vector<float> y(x.size());
  for (size_t i = 0; i < x.size(); ++i) y[i] = x[i] * std::sqrt(weights[i]);
  std::vector<float> changed = y;
  raht.Forward(changed.data());
  double coefficient_error = 0;
  for (size_t i = 0; i < x.size(); ++i) changed[i] += error[i], coefficient_error += error[i] * error[i];
  raht.Inverse(changed.data());
  double weighted_error = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    const double e = changed[i] / std::sqrt(weights[i]) - x[i];
    weighted_error += weights[i] * e * e;
  }
  EXPECT_NEAR(weighted_error, coefficient_error, 1e-3 * coefficient_error);
  // Where the costs are the weights, every coefficient costs the same.
  std::vector<float> costs = weights;
  raht.SpreadCosts(costs.data());
  for (size_t i = 1; i < costs.size(); ++i) EXPECT_NEAR(costs[i], 1.0f, 1e-4f);
}

TEST(QuantiserTest, BucketsCoverEveryMagnitudeOnce) {
  for (uint32_t m = 0; m <= kMaxMagnitude; ++m) {
    const int b = BucketOf(m);
    ASSERT_LT(b, kMaxBuckets);
    ASSERT_GE(m, BucketBase(b));
    ASSERT_LT(m - BucketBase(b), 1u << BucketExtraBits(b));
  }
}

TEST(QuantiserTest, OptionsTellTheTruthAboutCostAndDistortion) {
  const Rng rng(7);
  std::vector<float> values, costs;
  for (uint64_t i = 0; i < 5000; ++i) {
    const auto z = rng.Normal4(i);
    values.push_back(z[0] * std::exp(z[1]));
    costs.push_back(std::exp(z[2]));
  }
  const GroupSamples group{values, costs};
  for (const double lambda : {0.0, 0.001, 0.1, 1.0}) {
    double last = 1e300;
    for (const int step : {8, 4, 0, -4, -8, -16}) {
      std::vector<int32_t> symbols(values.size());
      const GroupOption option = CodeMagnitudes(group, step, lambda, symbols.data());
      RansEncoder coder;
      PutSymbols(CodeKind::kMagnitude, option.code, symbols, &coder);
      const std::vector<uint8_t> bytes = coder.Finish();
      const double told =
          static_cast<double>(option.cost) / kCostUnit - static_cast<double>(option.code.TableBits(CodeKind::kMagnitude));
      EXPECT_LE(std::abs(static_cast<double>(bytes.size()) * 8 - told), 80) << lambda << " " << step;
      std::vector<float> back(values.size());
      RansDecoder decoder(bytes);
      GetValues(CodeKind::kMagnitude, option.code, &decoder, back);
      double distortion = 0;
      for (size_t i = 0; i < values.size(); ++i) {
        distortion += costs[i] * std::pow(static_cast<double>(values[i]) - back[i], 2);
        ASSERT_EQ(back[i], ValueOf(CodeKind::kMagnitude, option.code, symbols[i]));
      }
      EXPECT_NEAR(distortion, option.distortion, 1e-3 * distortion + 1e-9);
      if (lambda == 0) {
        EXPECT_LT(distortion, last);
      }
      last = distortion;
      EXPECT_EQ(CodeMagnitudes(group, step, lambda, nullptr).cost, option.cost);
    }
  }
  for (float& v : values) v = std::abs(v) - std::floor(std::abs(v));
  for (int bits = 1; bits <= kMaxLinearBits; ++bits) {
    std::vector<int32_t> symbols(values.size());
    const GroupOption option = CodeLinear(group, bits, symbols.data());
    RansEncoder coder;
    PutSymbols(CodeKind::kLinear, option.code, symbols, &coder);
    std::vector<float> back(values.size());
    const std::vector<uint8_t> bytes = coder.Finish();
    RansDecoder decoder(bytes);
    GetValues(CodeKind::kLinear, option.code, &decoder, back);
    double distortion = 0;
    for (size_t i = 0; i < values.size(); ++i) distortion += costs[i] * std::pow(static_cast<double>(values[i]) - back[i], 2);
    EXPECT_NEAR(distortion, option.distortion, 1e-3 * distortion + 1e-9);
  }
}

TEST(QuantiserTest, RateDistortionOptimisedQuantisationPays) {
  const Rng rng(8);
  std::vector<float> values, costs;
  for (uint64_t i = 0; i < 20000; ++i) {
    const auto z = rng.Normal4(i);
    values.push_back(z[0] * std::exp(0.5f * z[1]));
    costs.push_back(std::exp(0.7f * z[2]));
  }
  const GroupSamples group{values, costs};
  const double lambda = 0.3;
  double plain = 1e300, optimised = 1e300;
  for (int step = -8; step <= 8; ++step) {
    const GroupOption a = CodeMagnitudes(group, step, 0, nullptr), b = CodeMagnitudes(group, step, lambda, nullptr);
    plain = std::min(plain, a.distortion + lambda * static_cast<double>(a.cost) / kCostUnit);
    optimised = std::min(optimised, b.distortion + lambda * static_cast<double>(b.cost) / kCostUnit);
  }
  EXPECT_LT(optimised, 0.98 * plain);
}

TEST(SplatMathTest, RotationsSurviveUpToTheSignsOfTheAxes) {
  const Rng rng(9);
  for (uint64_t i = 0; i < 2000; ++i) {
    const auto q = rng.Normal4(i);
    const Axes axes = AxesFromQuaternion(q.data());
    for (const bool needle : {false, true}) {
      const Axes back = DecodeRotation(EncodeRotation(axes, needle), needle);
      for (int j = 0; j < 3; ++j) {
        double dot = 0;
        for (int a = 0; a < 3; ++a) dot += axes[j][a] * back[j][a];
        EXPECT_LE(std::abs(std::abs(dot) - 1), 1e-5);
      }
    }
    float wxyz[4];
    QuaternionFromAxes(axes, wxyz);
    const Axes again = AxesFromQuaternion(wxyz);
    for (int j = 0; j < 3; ++j) {
      for (int a = 0; a < 3; ++a) EXPECT_LE(std::abs(again[j][a] - axes[j][a]), 1e-6);
    }
  }
}

TEST(SplatMathTest, SpaceIsContinuousAndInvertible) {
  SpaceMap map;
  map.centre = {1, -2, 3};
  map.radius = 2;
  map.extent = 9;
  for (double x = -5000; x < 5000; x += 13.7) {
    const float value = static_cast<float>(x);
    const uint32_t fixed = map.ToFixed(0, value);
    EXPECT_LE(std::abs(map.FromFixed(0, fixed + 0.5) - value), 1e-6 * (std::abs(x) + 2)) << x;
  }
}

TEST(LayoutTest, ClassesRoundTrip) {
  const Rng rng(10);
  std::vector<uint8_t> classes(5000);
  for (size_t i = 0; i < classes.size(); ++i) classes[i] = static_cast<uint8_t>(rng.Below(i, kClasses));
  EXPECT_EQ(DecodeClasses(EncodeClasses(classes), classes.size(), "test"), classes);
}

}  // namespace
}  // namespace takt::splat
