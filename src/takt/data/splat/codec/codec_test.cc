// SPDX-License-Identifier: Apache-2.0
#include "takt/data/splat/codec/codec.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>

#include "takt/core/base/error.h"
#include "takt/core/base/parallel.h"
#include "takt/core/base/rng.h"
#include "takt/data/splat/codec/codec_test_model.h"
#include "takt/data/splat/codec/retarget_cache.h"
#include "takt/data/splat/model/formats.h"

namespace takt::splat {
namespace {

TEST(TksTest, NeverExceedsTheBudgetAndUsesIt) {
  for (const int degree : {0, 3}) {
    const Splats splats = TestSplats(degree == 0 ? 3000 : 1200, degree, 1);
    const SplatSource source = PrepareSource(splats, ProxySensitivity(splats), "test");
    for (uint64_t budget = 8000; budget < 200000; budget = budget * 8 / 5 + 13) {
      EncodeOptions options;
      options.max_bytes = budget;
      EncodeReport report;
      const std::vector<uint8_t> file = EncodeTks(source, options, &report);
      EXPECT_LE(file.size(), budget);
      // What is left is left only where every splat is at the finest precision.
      if (report.budget.left_because.empty()) {
        EXPECT_GE(static_cast<double>(file.size()), 0.998 * static_cast<double>(budget)) << "degree " << degree;
      } else {
        EXPECT_EQ(report.kept, splats.size());
        EXPECT_GE(file.size(), 20 * splats.size());
      }
      EXPECT_TRUE(report.budget.kept());
      EXPECT_EQ(report.bytes.total(), file.size());
      EXPECT_LE(std::abs(static_cast<double>(report.predicted_bytes) - static_cast<double>(file.size())),
                16.0 * ChannelsOf(degree));
      EXPECT_EQ(DecodeTks(file, "test").size(), report.kept);
    }
  }
}

TEST(TksTest, MoreBytesNeverPredictMoreError) {
  const Splats splats = TestSplats(2500, 1, 2);
  const SplatSource source = PrepareSource(splats, ProxySensitivity(splats), "test");
  double last = 1e300;
  for (const uint64_t budget : {10000, 20000, 40000, 80000, 160000}) {
    EncodeOptions options;
    options.max_bytes = budget;
    EncodeReport report;
    EncodeTks(source, options, &report);
    const double error = report.coding_mse + report.removal_mse;
    EXPECT_LT(error, last);
    last = error;
  }
}

TEST(TksTest, AGenerousBudgetReturnsTheSplatsAndSaysWhatIsLeft) {
  const Splats splats = TestSplats(800, 2, 3);
  EncodeOptions options;
  options.max_bytes = 10'000'000;
  EncodeReport report;
  const std::vector<uint8_t> file = EncodeTks(splats, ProxySensitivity(splats), options, &report);
  EXPECT_FALSE(report.budget.left_because.empty());
  const Splats back = DecodeTks(file, "test");
  ASSERT_EQ(back.size(), splats.size());
  EXPECT_EQ(back.sh_degree, 2);
  // The order differs; nearest neighbours must agree in every attribute.
  for (size_t i = 0; i < 100; ++i) {
    size_t best = 0;
    double least = 1e300;
    for (size_t j = 0; j < back.size(); ++j) {
      double d = 0;
      for (int a = 0; a < 3; ++a) d += std::pow(splats.means[3 * i + a] - back.means[3 * j + a], 2);
      if (d < least) least = d, best = j;
    }
    EXPECT_LE(std::sqrt(least), 1e-4);
    EXPECT_LE(std::abs(splats.logits[i] - back.logits[best]), 0.02);
    std::vector<float> x(&splats.log_scales[3 * i], &splats.log_scales[3 * i] + 3);
    std::vector<float> y(&back.log_scales[3 * best], &back.log_scales[3 * best] + 3);
    std::sort(x.begin(), x.end()), std::sort(y.begin(), y.end());
    for (int a = 0; a < 3; ++a) EXPECT_LE(std::abs(x[a] - y[a]), 0.01);
    for (int c = 0; c < splats.sh_stride(); ++c) {
      EXPECT_LE(std::abs(splats.sh[i * splats.sh_stride() + c] - back.sh[best * splats.sh_stride() + c]), 0.01);
    }
    // The same covariance, whatever the order and sign of the axes.
    const auto covariance = [](const Splats& s, size_t k, int r, int c) {
      const Axes axes = AxesFromQuaternion(&s.quats[4 * k]);
      double sum = 0;
      for (int j = 0; j < 3; ++j) sum += std::exp(2.0 * s.log_scales[3 * k + j]) * axes[j][r] * axes[j][c];
      return sum;
    };
    const double size = std::exp(2.0 * *std::max_element(x.begin(), x.end()));
    for (int r = 0; r < 3; ++r) {
      for (int c = 0; c < 3; ++c) EXPECT_LE(std::abs(covariance(splats, i, r, c) - covariance(back, best, r, c)), 0.02 * size);
    }
  }
}

TEST(TksTest, TheSmallestBudgetThatTheErrorNamesWorks) {
  const Splats splats = TestSplats(300, 1, 4);
  const Sensitivity sensitivity = ProxySensitivity(splats);
  EncodeOptions options;
  options.max_bytes = 10;
  uint64_t smallest = 0;
  try {
    EncodeTks(splats, sensitivity, options);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInfeasibleBudget);
    smallest = std::stoull(error.hint().substr(error.hint().find_first_of("0123456789")));
  }
  options.max_bytes = smallest;
  EXPECT_EQ(EncodeTks(splats, sensitivity, options).size(), smallest);
  options.max_bytes = smallest - 1;
  EXPECT_THROW(EncodeTks(splats, sensitivity, options), Error);
  for (options.max_bytes = smallest; options.max_bytes < smallest + 2000; options.max_bytes += 97) {
    const std::vector<uint8_t> file = EncodeTks(splats, sensitivity, options);
    EXPECT_LE(file.size(), options.max_bytes);
    EXPECT_GE(DecodeTks(file, "test").size(), 1u);
  }
}

TEST(TksTest, BytesDoNotDependOnTheThreadCount) {
  const Splats splats = TestSplats(4000, 1, 5);
  const Sensitivity sensitivity = ProxySensitivity(splats);
  EncodeOptions options;
  options.max_bytes = 40000;
  SetThreadCount(1);
  const std::vector<uint8_t> one = EncodeTks(splats, sensitivity, options);
  SetThreadCount(3);
  const std::vector<uint8_t> three = EncodeTks(splats, sensitivity, options);
  SetThreadCount(0);
  EXPECT_EQ(one, three);
  EXPECT_EQ(DecodeTks(one, "a"), DecodeTks(three, "b"));
}

TEST(TksTest, OddModels) {
  // One splat; all splats at one place; a few far away; sizes over thirty orders of magnitude; opaque and invisible ones.
  for (const size_t n : {1, 2, 3, 50}) {
    for (int kind = 0; kind < 4; ++kind) {
      Splats splats = TestSplats(n, 1, 6);
      for (size_t i = 0; i < n; ++i) {
        if (kind == 0) splats.means[3 * i] = splats.means[3 * i + 1] = splats.means[3 * i + 2] = 7.0f;
        if (kind == 1) splats.means[3 * i] *= i % 7 == 0 ? 1e6f : 1.0f;
        if (kind == 2) splats.log_scales[3 * i + i % 3] = i % 2 == 0 ? -35.0f : 35.0f;
        if (kind == 3) splats.logits[i] = i % 2 == 0 ? 80.0f : -80.0f;
      }
      for (const uint64_t budget : {700, 5000}) {
        EncodeOptions options;
        options.max_bytes = budget;
        const std::vector<uint8_t> file = EncodeTks(splats, ProxySensitivity(splats), options);
        EXPECT_LE(file.size(), budget);
        const Splats back = DecodeTks(file, "test");
        EXPECT_GE(back.size(), 1u);
        EXPECT_LE(back.size(), n);
      }
    }
  }
}

TEST(TksTest, SensitivitiesOfZeroAndOfAnotherModel) {
  const Splats splats = TestSplats(500, 0, 7);
  Sensitivity sensitivity = ProxySensitivity(splats);
  EncodeOptions options;
  options.max_bytes = 5000;
  for (auto* v : {&sensitivity.removal, &sensitivity.means, &sensitivity.log_scales, &sensitivity.rotation,
                  &sensitivity.logits, &sensitivity.sh}) {
    std::fill(v->begin(), v->end(), 0.0f);
  }
  EXPECT_LE(EncodeTks(splats, sensitivity, options).size(), 5000u);
  sensitivity.sh.pop_back();
  EXPECT_THROW(EncodeTks(splats, sensitivity, options), Error);
}

TEST(TksTest, RespectsWhatMatters) {
  // The same model, but half the splats are said not to matter: the others must come back better than before.
  const Splats splats = TestSplats(4000, 0, 8);
  Sensitivity plain = ProxySensitivity(splats), partial = plain;
  for (size_t i = 0; i < splats.size(); ++i) {
    if (splats.means[3 * i] < 0) continue;
    partial.removal[i] = partial.logits[i] = partial.sh[i] = 0;
    for (int a = 0; a < 3; ++a) partial.means[3 * i + a] = partial.log_scales[3 * i + a] = partial.rotation[3 * i + a] = 0;
  }
  EncodeOptions options;
  options.max_bytes = 30000;
  const auto kept_left = [&](const Sensitivity& s) {
    const Splats back = DecodeTks(EncodeTks(splats, s, options), "test");
    size_t left = 0;
    for (size_t i = 0; i < back.size(); ++i) left += back.means[3 * i] < 0;
    return left;
  };
  EXPECT_GT(kept_left(partial), kept_left(plain));
}

TEST(TksTest, EveryTruncationIsRefused) {
  const Splats splats = TestSplats(60, 1, 9);
  EncodeOptions options;
  options.max_bytes = 1500;
  const std::vector<uint8_t> file = EncodeTks(splats, ProxySensitivity(splats), options);
  for (size_t size = 0; size < file.size(); ++size) {
    EXPECT_THROW(DecodeTks(std::span(file).first(size), "cut"), Error) << size;
  }
}

TEST(TksTest, AnyChangedByteEndsInAnErrorEvenWithAMatchingChecksum) {
  const Splats splats = TestSplats(60, 1, 10);
  EncodeOptions options;
  options.max_bytes = 1500;
  const std::vector<uint8_t> file = EncodeTks(splats, ProxySensitivity(splats), options);
  const Rng rng(11);
  size_t refused = 0, accepted = 0;
  for (uint64_t trial = 0; trial < 4000; ++trial) {
    std::vector<uint8_t> damaged = file;
    const auto words = rng.Words(trial);
    const int changes = 1 + static_cast<int>(words[0] % 3);
    for (int c = 0; c < changes; ++c) {
      const size_t at = 12 + rng.Below(3 * trial + static_cast<uint64_t>(c) + (uint64_t{1} << 40), file.size() - 12);
      damaged[at] = static_cast<uint8_t>(damaged[at] ^ (1 + words[1 + c % 3] % 255));
    }
    try {
      DecodeTks(damaged, "damaged");
      ++accepted;
    } catch (const Error& error) {
      ++refused;
    }
    MendChecksum(&damaged);
    try {
      const Splats back = DecodeTks(damaged, "damaged");
      EXPECT_LE(back.size(), damaged.size());
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kBadInput) << error.what();
    }
  }
  EXPECT_EQ(accepted, 0u);
  EXPECT_EQ(refused, 4000u);
}

TEST(TksTest, AnotherMajorVersionIsUnsupportedAndALongerHeaderIsSkipped) {
  const Splats splats = TestSplats(20, 0, 12);
  EncodeOptions options;
  options.max_bytes = 1000;
  std::vector<uint8_t> file = EncodeTks(splats, ProxySensitivity(splats), options);
  const Splats expected = DecodeTks(file, "test");
  std::vector<uint8_t> longer = file;
  longer.insert(longer.begin() + 14 + 74, {1, 2, 3});
  longer[12] = static_cast<uint8_t>(longer[12] + 3);
  longer[6] = 9;  // minor
  MendChecksum(&longer);
  EXPECT_EQ(DecodeTks(longer, "test"), expected);
  file[4] = 2;
  try {
    DecodeTks(file, "test");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUnsupported);
  }
}

TEST(TksTest, InfoAddsUpToTheFile) {
  const Splats splats = TestSplats(500, 3, 13);
  EncodeOptions options;
  options.max_bytes = 20000;
  const std::vector<uint8_t> file = EncodeTks(splats, ProxySensitivity(splats), options);
  const TksInfo info = ReadTksInfo(file, "test");
  EXPECT_EQ(info.bytes.total(), file.size());
  EXPECT_EQ(info.sh_degree, 3);
  EXPECT_EQ(info.count, DecodeTks(file, "test").size());
}

TEST(RetargetCacheTest, GivesTheBudgetFromTheFileAlone) {
  const Splats splats = TestSplats(3000, 1, 14);
  const RetargetCache cache = MakeRetargetCache(splats, ProxySensitivity(splats), "test");
  const auto path = std::filesystem::temp_directory_path() / "takt_retarget_cache_test.safetensors";
  WriteRetargetCache(path, cache);
  const RetargetCache back = ReadRetargetCache(path);
  for (const uint64_t budget : {9000, 31000, 80000}) {
    EncodeOptions options;
    options.max_bytes = budget;
    ASSERT_TRUE(back.At(budget).has_value());
    const std::vector<uint8_t> file = EncodeTks(back, options);
    EXPECT_LE(file.size(), budget);
    EXPECT_GE(static_cast<double>(file.size()), 0.998 * static_cast<double>(budget));
    EXPECT_EQ(file, EncodeTks(cache, options));
  }
  std::filesystem::resize_file(path, std::filesystem::file_size(path) - 100);
  EXPECT_THROW(ReadRetargetCache(path), Error);
  std::filesystem::remove(path);
  EXPECT_THROW(ReadRetargetCache(path), Error);
}

TEST(TksTest, RealSplatsMeetAnyBudget) {
  const std::filesystem::path path = std::filesystem::path(TAKT_SHARED_DATA) / "splat/files/guitar.compressed.ply";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "needs ../shared/data/splat/files/guitar.compressed.ply";
  const Splats splats = ReadSplats(path);
  const SplatSource source = PrepareSource(splats, ProxySensitivity(splats), "guitar");
  for (const uint64_t budget : {60'000, 300'000, 1'479'876}) {
    EncodeOptions options;
    options.max_bytes = budget;
    EncodeReport report;
    const std::vector<uint8_t> file = EncodeTks(source, options, &report);
    EXPECT_LE(file.size(), budget);
    EXPECT_GE(static_cast<double>(file.size()), 0.998 * static_cast<double>(budget));
    EXPECT_LE(report.lp_gap, 0.01);
    const Splats back = DecodeTks(file, "guitar");
    EXPECT_EQ(back.size(), report.kept);
  }
}

}  // namespace
}  // namespace takt::splat
