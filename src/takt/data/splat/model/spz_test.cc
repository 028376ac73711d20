// SPDX-License-Identifier: Apache-2.0
#include "takt/data/splat/model/spz.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <filesystem>

#include "takt/core/base/file.h"
#include "takt/core/base/parallel.h"
#include "takt/data/splat/model/quantize.h"
#include "takt/data/splat/model/streams.h"
#include "takt/data/splat/model/test_splats.h"

namespace takt::splat {
namespace {

const std::filesystem::path kFiles = TAKT_SHARED_DATA "/splat/files";

template <class T>
void Put(std::vector<uint8_t>& bytes, size_t at, T value) {
  std::memcpy(bytes.data() + at, &value, sizeof(T));
}

// An uncompressed version 2 or 3 file, written here by hand; the streams hold `fill`.
std::vector<uint8_t> PlainFile(uint32_t version, uint32_t count, uint8_t sh_degree, uint8_t fill = 128) {
  const size_t rotation = version == 2 ? 3 : 4;
  const size_t sh = 3 * (static_cast<size_t>(ShCoefficients(sh_degree)) - 1);
  std::vector<uint8_t> bytes(16 + count * (9 + 1 + 3 + 3 + rotation + sh), fill);
  std::memcpy(bytes.data(), "NGSP", 4);
  Put(bytes, 4, version);
  Put(bytes, 8, count);
  bytes[12] = sh_degree, bytes[13] = 12, bytes[14] = 0, bytes[15] = 0;
  return bytes;
}

Error ParseError(const std::vector<uint8_t>& bytes) {
  return ErrorOf([&] { ParseSplats(bytes, "a.spz"); });
}

TEST(Spz, ReadsTheMinimalFiles) {
  if (!std::filesystem::exists(kFiles / "minimal-v2.spz")) GTEST_SKIP() << "needs ../shared/data/splat/files";
  const auto read = [](const char* name, int version, const char* encoding) {
    ReadReport report;
    Splats s = ReadSplats(kFiles / name, &report);
    EXPECT_EQ(report.format, Format::kSpz);
    EXPECT_EQ(report.version, version);
    EXPECT_EQ(report.encoding, encoding);
    return s;
  };
  // Versions 3 and 4 were made by the reference library, asked to turn RDF into RUB: y and z change their signs against
  // version 2, whose bytes were laid out by hand. Read as stored, as the reference does by default.
  const std::vector<float> by_hand = {-1, 0, -1, 0, 0, -1, -1, 0, 0, 0, 0, 0};
  const Splats raw = read("minimal-raw.spz", 2, "plain");
  EXPECT_EQ(raw.means, by_hand);
  EXPECT_EQ(read("minimal-v2.spz", 2, "gzip"), raw);
  const Splats v3 = read("minimal-v3.spz", 3, "gzip");
  EXPECT_EQ(read("minimal-v4.spz", 4, "zstd"), v3);
  for (size_t i = 0; i < 4; ++i) {
    for (size_t a = 0; a < 3; ++a) {
      EXPECT_EQ(v3.means[i * 3 + a], a == 0 ? by_hand[i * 3] : -by_hand[i * 3 + a]);
      EXPECT_NEAR(v3.log_scales[i * 3 + a], std::log(0.1), 0.5001 / 16);
    }
    EXPECT_NEAR(Opacity(v3.logits[i]), 0.9, 0.5001 / 255);
    // The colours of the fixture: 1/3 or 2/3 in red and green, 1/2 in blue.
    EXPECT_NEAR(0.5f + kShC0 * v3.sh[i * 3], i % 2 == 0 ? 1 / 3.0 : 2 / 3.0, 0.5 * kShC0 / (255 * 0.15));
    EXPECT_NEAR(0.5f + kShC0 * v3.sh[i * 3 + 1], i < 2 ? 1 / 3.0 : 2 / 3.0, 0.5 * kShC0 / (255 * 0.15));
  }
}

TEST(Spz, MinimalFilesCutAnywhereAreBadInput) {
  if (!std::filesystem::exists(kFiles / "minimal-v2.spz")) GTEST_SKIP() << "needs ../shared/data/splat/files";
  for (const char* name : {"minimal-raw.spz", "minimal-v2.spz", "minimal-v3.spz", "minimal-v4.spz"}) {
    ExpectTruncationsFail(ReadFile(kFiles / name), "a.spz");
  }
}

TEST(Spz, WritesWhatTheReferenceWroteForTheMinimalFile) {
  if (!std::filesystem::exists(kFiles / "minimal-v4.spz")) GTEST_SKIP() << "needs ../shared/data/splat/files";
  for (const auto& [name, version] : {std::pair{"minimal-v3.spz", 3}, std::pair{"minimal-v4.spz", 4}}) {
    const auto theirs = ReadFile(kFiles / name);
    ReadReport report;
    const Splats s = ParseSplats(theirs, "a.spz", &report);
    WriteOptions options;
    options.spz_version = version;
    options.spz_fractional_bits = theirs[0] == 'N' ? theirs[13] : 12;
    const Splats back = ParseSplats(EncodeSplats(s, Format::kSpz, options), "b.spz");
    EXPECT_EQ(back, s) << name << ": what stands on the grid stays";
  }
}

TEST(Spz, RoundTripStaysWithinHalfAStep) {
  for (int degree = 0; degree <= 3; ++degree) {
    for (const int version : {3, 4}) {
      Splats s = RandomSplats(5000, degree);
      s.antialiased = degree % 2 == 1;
      WriteOptions options;
      options.spz_version = version;
      WriteReport written;
      const auto bytes = EncodeSplats(s, Format::kSpz, options, &written);
      EXPECT_TRUE(written.lost.empty());
      ReadReport report;
      const Splats back = ParseSplats(bytes, "a.spz", &report);
      ASSERT_EQ(back.size(), s.size());
      EXPECT_EQ(report.version, version);
      EXPECT_EQ(back.sh_degree, degree);
      EXPECT_EQ(back.antialiased, s.antialiased);
      EXPECT_TRUE(report.ignored.empty());
      for (size_t i = 0; i < s.means.size(); ++i) ASSERT_NEAR(back.means[i], s.means[i], 0.5001 / 4096);
      for (size_t i = 0; i < s.means.size(); ++i) ASSERT_NEAR(back.log_scales[i], s.log_scales[i], 0.5001 / 16);
      const size_t k_count = static_cast<size_t>(ShCoefficients(degree));
      for (size_t i = 0; i < s.sh.size(); ++i) {
        const size_t k = i % k_count;
        const double step = k == 0 ? 1 / (255 * 0.15) : k < 4 ? 8 / 128.0 : 16 / 128.0;
        ASSERT_NEAR(back.sh[i], s.sh[i], 0.5001 * step + (k == 0 ? 0 : 0.5001 / 128)) << k;
      }
      for (size_t i = 0; i < s.size(); ++i) {
        ASSERT_NEAR(Opacity(back.logits[i]), Opacity(s.logits[i]), 0.5001 / 255);
        ASSERT_LE(RotationAngle(&back.quats[i * 4], &s.quats[i * 4]), 0.005);
      }
      EXPECT_EQ(EncodeSplats(back, Format::kSpz, options).size() > 0, true);
      EXPECT_EQ(ParseSplats(EncodeSplats(back, Format::kSpz, options), "b.spz").means, back.means);
    }
  }
}

TEST(Spz, OptionsSetTheGrid) {
  const Splats s = RandomSplats(1000, 3);
  WriteOptions fine;
  fine.spz_fractional_bits = 18;
  fine.spz_sh1_bits = fine.spz_sh_rest_bits = 8;
  const Splats back = ParseSplats(EncodeSplats(s, Format::kSpz, fine), "a.spz");
  for (size_t i = 0; i < s.means.size(); ++i) ASSERT_NEAR(back.means[i], s.means[i], 0.5001 / 262144);
  for (size_t i = 0; i < s.sh.size(); ++i) ASSERT_NEAR(back.sh[i], s.sh[i], i % 16 == 0 ? 0.014 : 0.5001 / 128);
  for (const auto& damage : std::vector<std::function<void(WriteOptions&)>>{
           [](WriteOptions& o) { o.spz_version = 2; }, [](WriteOptions& o) { o.spz_version = 5; },
           [](WriteOptions& o) { o.spz_fractional_bits = 24; }, [](WriteOptions& o) { o.spz_fractional_bits = -1; },
           [](WriteOptions& o) { o.spz_sh1_bits = 0; }, [](WriteOptions& o) { o.spz_sh_rest_bits = 9; }}) {
    WriteOptions options;
    damage(options);
    EXPECT_EQ(ErrorOf([&] { EncodeSplats(s, Format::kSpz, options); }).code(), ErrorCode::kBadInput);
  }
}

TEST(Spz, ClampsAreReported) {
  Splats s = RandomSplats(4, 1);
  s.means[0] = 1e30f;
  s.means[1] = -2049;
  s.log_scales[0] = -11;
  s.sh[0] = 7;
  s.sh[1] = -1.5f;
  WriteReport written;
  const Splats back = ParseSplats(EncodeSplats(s, Format::kSpz, {}, &written), "a.spz");
  EXPECT_EQ(written.lost,
            (std::vector<std::string>{"2 coordinates clamped to +-2048 (fewer fractional bits reach further)",
                                      "1 log scales clamped to [-10, 5.94]", "1 colours clamped to [-0.44, 1.44]",
                                      "1 SH values clamped to +-1"}));
  EXPECT_NEAR(back.means[0], 2048, 1e-3);
  EXPECT_EQ(back.means[1], -2048);
  EXPECT_EQ(back.sh[1], -1);
}

TEST(Spz, BytesDoNotDependOnThreads) {
  const Splats s = RandomSplats(20000, 3);
  for (const int version : {3, 4}) {
    WriteOptions options;
    options.spz_version = version;
    SetThreadCount(1);
    const auto one = EncodeSplats(s, Format::kSpz, options);
    SetThreadCount(0);
    EXPECT_EQ(EncodeSplats(s, Format::kSpz, options), one);
  }
}

TEST(Spz, DecodesByHand) {
  auto bytes = PlainFile(3, 1, 1);
  uint8_t* p = bytes.data() + 16;
  const uint8_t position[9] = {0x00, 0x10, 0x00, 0xff, 0xff, 0xff, 0x00, 0x00, 0x80};  // 4096, -1, -2^23
  std::copy_n(position, 9, p);
  p[9] = 51, p[10] = 255, p[11] = 0, p[12] = 0, p[13] = 0, p[14] = 160, p[15] = 255;
  Put(bytes, 16 + 16, 3u << 30 | 511u << 20 | (512u | 511u) << 10);  // w largest; x = +0.707, y = -0.707, z = 0
  for (uint8_t j = 0; j < 9; ++j) p[20 + j] = static_cast<uint8_t>(128 + j);
  const Splats s = ParseSplats(bytes, "a.spz");
  EXPECT_EQ(s.means, (std::vector<float>{1, -1 / 4096.0f, -2048}));
  EXPECT_EQ(s.log_scales, (std::vector<float>{-10, 0, 5.9375f}));
  EXPECT_NEAR(Opacity(s.logits[0]), 0.2, 1e-6);
  EXPECT_NEAR(s.sh[0], 0.5 / 0.15, 1e-5);
  EXPECT_NEAR(s.quats[0], 0, 1e-3);
  EXPECT_NEAR(s.quats[1], std::sqrt(0.5), 1e-6);
  EXPECT_NEAR(s.quats[2], -std::sqrt(0.5), 1e-6);
  EXPECT_EQ(s.sh[1], 0.0f);            // red, first coefficient
  EXPECT_EQ(s.sh[4 + 1], 1 / 128.0f);  // green, first
  EXPECT_EQ(s.sh[2], 3 / 128.0f);      // red, second: the channel runs faster
  EXPECT_EQ(s.sh[8 + 3], 8 / 128.0f);  // blue, third
}

TEST(Spz, DegreeFourAndTrailingBytesAreReported) {
  auto bytes = PlainFile(3, 2, 4);
  bytes.resize(bytes.size() + 5);
  bytes[14] = 2;
  ReadReport report;
  const Splats s = ParseSplats(bytes, "a.spz", &report);
  EXPECT_EQ(s.sh_degree, 3);
  EXPECT_EQ(report.ignored,
            (std::vector<std::string>{"5 bytes after the splats (extensions)", "SH coefficients of degree 4"}));
}

TEST(Spz, ExtensionsOfVersionFourAreReported) {
  const Splats s = RandomSplats(10, 0);
  auto bytes = EncodeSplats(s, Format::kSpz);
  std::vector<uint8_t> zone(8 + 4 + 8 + 2 + 3);
  Put(zone, 0, uint32_t{0xADBE0003});
  Put(zone, 4, uint32_t{4});
  Put(zone, 8, uint32_t{6});
  Put(zone, 12, uint32_t{0x12340001});
  Put(zone, 16, uint32_t{2});
  bytes.insert(bytes.begin() + 32, zone.begin(), zone.end());
  bytes[14] = 2;
  Put(bytes, 16, static_cast<uint32_t>(32 + zone.size()));
  ReadReport report;
  EXPECT_EQ(ParseSplats(bytes, "a.spz", &report).size(), 10u);
  EXPECT_EQ(report.axes, "RDF");
  EXPECT_EQ(report.ignored,
            (std::vector<std::string>{"extension 0x12340001: 2 bytes", "3 bytes before the table of contents"}));
}

TEST(Spz, LyingCounts) {
  for (const uint32_t count : {0u, 5u, 1000u, 0x7fffffffu, 0x80000000u, 0xffffffffu}) {
    auto plain = PlainFile(3, 4, 1);
    Put(plain, 8, count);
    EXPECT_EQ(ParseError(plain).code(), ErrorCode::kBadInput) << count;
    EXPECT_EQ(ParseError(Gzip(plain)).code(), ErrorCode::kBadInput) << count;
    auto v4 = EncodeSplats(RandomSplats(4, 1), Format::kSpz);
    Put(v4, 8, count);
    EXPECT_EQ(ParseError(v4).code(), ErrorCode::kBadInput) << count;
  }
  auto v4 = EncodeSplats(RandomSplats(4, 1), Format::kSpz);
  for (const size_t at : {32u, 40u, 48u, 56u}) {
    for (const uint64_t lie : {uint64_t{0}, uint64_t{1}, uint64_t{1} << 31, uint64_t{1} << 63, ~uint64_t{0}}) {
      auto damaged = v4;
      Put(damaged, at, lie);
      EXPECT_EQ(ParseError(damaged).code(), ErrorCode::kBadInput) << at << " " << lie;
    }
  }
  for (const uint32_t toc : {0u, 31u, 33u, 0xffffffffu}) {
    auto damaged = v4;
    Put(damaged, 16, toc);
    EXPECT_EQ(ParseError(damaged).code(), ErrorCode::kBadInput) << toc;
  }
}

TEST(Spz, WrongHeaders) {
  const auto with = [](size_t at, uint8_t value) {
    auto bytes = PlainFile(2, 4, 0);
    bytes[at] = value;
    return ParseError(bytes);
  };
  EXPECT_EQ(with(4, 1).code(), ErrorCode::kUnsupported);
  EXPECT_EQ(with(4, 5).code(), ErrorCode::kUnsupported);
  EXPECT_EQ(with(12, 5).code(), ErrorCode::kBadInput);
  EXPECT_EQ(with(13, 24).code(), ErrorCode::kBadInput);
  auto v4 = PlainFile(2, 4, 0);
  Put(v4, 4, 4u);
  EXPECT_EQ(ParseError(Gzip(v4)).code(), ErrorCode::kBadInput);
  auto streams = EncodeSplats(RandomSplats(4, 0), Format::kSpz);
  streams[15] = 6;
  EXPECT_EQ(ParseError(streams).code(), ErrorCode::kBadInput);
}

TEST(Spz, AnyBytesAreARotation) {
  for (const uint32_t version : {2u, 3u}) {
    for (const int fill : {0, 1, 127, 128, 254, 255}) {
      const Splats s = ParseSplats(PlainFile(version, 3, 2, static_cast<uint8_t>(fill)), "a.spz");
      EXPECT_NO_THROW(CheckSplats(s, "s"));
    }
  }
}

}  // namespace
}  // namespace takt::splat
