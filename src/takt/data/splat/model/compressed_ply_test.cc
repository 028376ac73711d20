// SPDX-License-Identifier: Apache-2.0
#include "takt/data/splat/model/compressed_ply.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "takt/core/base/parallel.h"
#include "takt/data/splat/model/morton.h"
#include "takt/data/splat/model/quantize.h"
#include "takt/data/splat/model/test_splats.h"

namespace takt::splat {
namespace {

struct File {
  std::string header = "ply\nformat binary_little_endian 1.0\n";
  std::vector<uint8_t> data;

  template <class T>
  void Put(std::initializer_list<T> values) {
    for (const T v : values) {
      const size_t at = data.size();
      data.resize(at + sizeof(T));
      std::memcpy(data.data() + at, &v, sizeof(T));
    }
  }
  std::vector<uint8_t> Bytes() const {
    std::vector<uint8_t> all = ToBytes(header + "end_header\n");
    all.insert(all.end(), data.begin(), data.end());
    return all;
  }
};

// One chunk, one splat. Positions in [0, 2047] x [0, 1023] x [0, 2047], so that the code is the coordinate.
File OneSplat(int chunk_floats) {
  File f;
  f.header += "element chunk 1\n";
  const char* names[18] = {"min_x",       "min_y",       "min_z",       "max_x",       "max_y",       "max_z",
                           "min_scale_x", "min_scale_y", "min_scale_z", "max_scale_x", "max_scale_y", "max_scale_z",
                           "min_r",       "min_g",       "min_b",       "max_r",       "max_g",       "max_b"};
  for (int i = 0; i < chunk_floats; ++i) f.header += fmt::format("property float {}\n", names[i]);
  f.header += "element vertex 1\n";
  for (const char* n : {"position", "rotation", "scale", "color"})
    f.header += fmt::format("property uint packed_{}\n", n);
  f.Put({0.0f, 0.0f, 0.0f, 2047.0f, 1023.0f, 2047.0f, -8.0f, -8.0f, -8.0f, 0.0f, 0.0f, 0.0f});
  if (chunk_floats == 18) f.Put({-1.0f, -1.0f, -1.0f, 1.0f, 2.0f, 3.0f});
  f.Put({7u << 21 | 5u << 11 | 3u, 1u << 30 | 1023u << 20 | 0u << 10 | 512u, 2047u << 21 | 0u << 11 | 2047u,
         255u << 24 | 0u << 16 | 51u << 8 | 51u});
  return f;
}

Error ParseError(const std::vector<uint8_t>& bytes) {
  return ErrorOf([&] { ParseSplats(bytes, "a.compressed.ply"); });
}

TEST(CompressedPly, DecodesByHand) {
  for (const int floats : {12, 18}) {
    ReadReport report;
    const Splats s = ParseSplats(OneSplat(floats).Bytes(), "a.ply", &report);
    EXPECT_EQ(report.format, Format::kCompressedPly);
    EXPECT_EQ(report.version, floats);
    EXPECT_EQ(report.columns.front(), "chunk.min_x");
    for (size_t a = 0; a < 3; ++a) EXPECT_NEAR(s.means[a], 7.0 - 2.0 * a, 1e-3);
    EXPECT_EQ(s.log_scales, (std::vector<float>{0, -8, 0}));
    // 1: x is the largest; w = +1/sqrt(2), y = -1/sqrt(2), z about 0; so x is 0 too.
    EXPECT_NEAR(s.quats[0], std::sqrt(0.5), 1e-6);
    EXPECT_NEAR(s.quats[1], 0, 1e-3);
    EXPECT_NEAR(s.quats[2], -std::sqrt(0.5), 1e-6);
    EXPECT_NEAR(s.quats[3], 0, 1e-3);
    EXPECT_NEAR(Opacity(s.logits[0]), 0.2, 1e-6);
    EXPECT_NEAR(s.sh[0] * kShC0 + 0.5, 1, 1e-6);
    EXPECT_NEAR(s.sh[1] * kShC0 + 0.5, floats == 12 ? 0 : -1, 1e-6);
    EXPECT_NEAR(s.sh[2] * kShC0 + 0.5, floats == 12 ? 0.2 : -0.2, 1e-6);
  }
}

TEST(CompressedPly, DecodesSh) {
  File f = OneSplat(18);
  f.header += "element sh 1\n";
  for (int i = 0; i < 9; ++i) f.header += fmt::format("property uchar f_rest_{}\n", i);
  f.Put<uint8_t>({0, 1, 128, 255, 4, 5, 6, 7, 8});
  const Splats s = ParseSplats(f.Bytes(), "a.ply");
  EXPECT_EQ(s.sh_degree, 1);
  EXPECT_EQ(s.sh[1], -4.0f);
  EXPECT_NEAR(s.sh[2], (1.5 / 256 - 0.5) * 8, 1e-6);
  EXPECT_NEAR(s.sh[3], 0.5 / 256 * 8, 1e-6);
  EXPECT_EQ(s.sh[4 + 1], 4.0f);  // f_rest_3: green
}

TEST(CompressedPly, RoundTripStaysWithinHalfAStep) {
  for (int degree = 0; degree <= 3; ++degree) {
    Splats s = RandomSplats(3000, degree);
    s.antialiased = degree == 2;
    WriteReport written;
    const auto bytes = EncodeSplats(s, Format::kCompressedPly, {}, &written);
    EXPECT_TRUE(written.lost.empty());
    ReadReport report;
    const Splats back = ParseSplats(bytes, "a.compressed.ply", &report);
    EXPECT_EQ(report.version, 18);
    EXPECT_TRUE(report.ignored.empty());
    EXPECT_EQ(back.antialiased, s.antialiased);
    ASSERT_EQ(back.size(), s.size());
    const std::vector<uint32_t> order = MortonOrder(s);
    const size_t k_count = static_cast<size_t>(ShCoefficients(degree)), stride = 3 * k_count;
    for (size_t c = 0; c < (s.size() + 255) / 256; ++c) {
      const size_t begin = c * 256, end = std::min(s.size(), begin + 256);
      // The steps of this chunk: its range over the largest code.
      std::array<double, 9> step;
      for (size_t lane = 0; lane < 9; ++lane) {
        const size_t a = lane % 3;
        const auto value = [&](size_t j) {
          const size_t i = order[j];
          return double{lane < 3   ? s.means[i * 3 + a]
                        : lane < 6 ? s.log_scales[i * 3 + a]
                                   : s.sh[i * stride + a * k_count]};
        };
        double low = value(begin), high = low;
        for (size_t j = begin; j < end; ++j) low = std::min(low, value(j)), high = std::max(high, value(j));
        step[lane] = (high - low) / (lane >= 6 ? 255 : a == 1 ? 1023 : 2047);
      }
      for (size_t j = begin; j < end; ++j) {
        const size_t i = order[j];
        for (size_t a = 0; a < 3; ++a) {
          ASSERT_NEAR(back.means[j * 3 + a], s.means[i * 3 + a], 0.501 * step[a] + 1e-5);
          ASSERT_NEAR(back.log_scales[j * 3 + a], s.log_scales[i * 3 + a], 0.501 * step[3 + a] + 1e-5);
          ASSERT_NEAR(back.sh[j * stride + a * k_count], s.sh[i * stride + a * k_count], 0.501 * step[6 + a] + 1e-5);
        }
        for (size_t k = 0; k < stride; ++k) {
          if (k % k_count == 0) continue;
          ASSERT_NEAR(back.sh[j * stride + k], s.sh[i * stride + k], 0.5001 * 8 / 256);
        }
        ASSERT_NEAR(Opacity(back.logits[j]), Opacity(s.logits[i]), 0.5001 / 255);
        ASSERT_LE(RotationAngle(&back.quats[j * 4], &s.quats[i * 4]), 0.005);
      }
    }
  }
}

TEST(CompressedPly, ClampsAreReported) {
  Splats s = RandomSplats(300, 1);
  s.log_scales[0] = 21;
  s.sh[1] = -5;
  WriteReport written;
  const Splats back = ParseSplats(EncodeSplats(s, Format::kCompressedPly, {}, &written), "a.ply");
  EXPECT_EQ(written.lost, (std::vector<std::string>{"1 log scales clamped to +-20", "1 SH values clamped to +-4"}));
  EXPECT_EQ(*std::max_element(back.log_scales.begin(), back.log_scales.end()), 20);
}

TEST(CompressedPly, OneValueForAllIsExact) {
  Splats s = RandomSplats(700, 0);
  std::fill(s.means.begin(), s.means.end(), 0.3f);
  std::fill(s.log_scales.begin(), s.log_scales.end(), -5.7f);
  const Splats back = ParseSplats(EncodeSplats(s, Format::kCompressedPly), "a.ply");
  EXPECT_EQ(back.means, s.means);
  EXPECT_EQ(back.log_scales, s.log_scales);
}

TEST(CompressedPly, BytesDoNotDependOnThreads) {
  const Splats s = RandomSplats(20000, 2);
  SetThreadCount(1);
  const auto one = EncodeSplats(s, Format::kCompressedPly);
  SetThreadCount(0);
  EXPECT_EQ(EncodeSplats(s, Format::kCompressedPly), one);
}

TEST(CompressedPly, TruncationAnywhereIsBadInput) {
  ExpectTruncationsFail(EncodeSplats(RandomSplats(2, 1), Format::kCompressedPly), "a.compressed.ply");
}

TEST(CompressedPly, HostileFiles) {
  const auto replace = [](const std::string& what, const std::string& by) {
    File f = OneSplat(18);
    const size_t at = f.header.find(what);
    EXPECT_NE(at, std::string::npos) << what;
    f.header.replace(at, what.size(), by);
    return f.Bytes();
  };
  for (const char* count : {"0", "2", "257", "2147483648", "9223372036854775808", "18446744073709551615"}) {
    EXPECT_EQ(ParseError(replace("vertex 1", fmt::format("vertex {}", count))).code(), ErrorCode::kBadInput) << count;
    EXPECT_EQ(ParseError(replace("chunk 1", fmt::format("chunk {}", count))).code(), ErrorCode::kBadInput) << count;
  }
  EXPECT_EQ(ParseError(replace("property uint packed_scale\n", "")).code(), ErrorCode::kBadInput);
  EXPECT_EQ(ParseError(replace("property float max_scale_y\n", "")).code(), ErrorCode::kBadInput);
  EXPECT_EQ(ParseError(replace("property uint packed_scale", "property int packed_scale")).code(),
            ErrorCode::kBadInput);
  EXPECT_EQ(ParseError(replace("element chunk", "element lump")).code(), ErrorCode::kBadInput);
  EXPECT_EQ(ParseError(replace("binary_little_endian", "ascii")).code(), ErrorCode::kUnsupported);
  EXPECT_EQ(ParseError(replace("binary_little_endian", "binary_big_endian")).code(), ErrorCode::kUnsupported);
  for (const char* sh : {"element sh 1\nproperty uchar f_rest_0\n", "element sh 7\nproperty uchar f_rest_0\n"}) {
    File f = OneSplat(18);
    f.header += sh;
    EXPECT_EQ(ParseError(f.Bytes()).code(), ErrorCode::kBadInput);
  }
  for (size_t i = 0; i < 18; ++i) {
    File f = OneSplat(18);
    const float nan = std::nanf("");
    std::memcpy(f.data.data() + i * 4, &nan, 4);
    EXPECT_NE(ParseError(f.Bytes()).message().find("chunk 0: column 'm"), std::string::npos);
  }
}

TEST(CompressedPly, AnyCodesAreSplats) {
  const Rng rng(8);
  for (uint64_t t = 0; t < 2000; ++t) {
    File f = OneSplat(18);
    const auto words = rng.Words(t);
    std::memcpy(f.data.data() + 18 * 4, words.data(), 16);
    EXPECT_NO_THROW(ParseSplats(f.Bytes(), "a.ply"));
  }
}

}  // namespace
}  // namespace takt::splat
