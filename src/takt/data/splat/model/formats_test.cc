// SPDX-License-Identifier: Apache-2.0
#include "takt/data/splat/model/formats.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <filesystem>
#include <map>

#include "takt/core/base/file.h"
#include "takt/data/splat/model/test_splats.h"
#include "takt/data/splat/model/transform.h"

namespace takt::splat {
namespace {

const std::filesystem::path kFiles = TAKT_SHARED_DATA "/splat/files";

#define NEEDS_FILES() \
  if (!std::filesystem::exists(kFiles / "biker.spz")) GTEST_SKIP() << "needs ../shared/data/splat/files"

TEST(Formats, FromPath) {
  const std::map<std::string, std::optional<Format>> cases = {{"a.ply", Format::kPly},
                                                              {"A.PLY", Format::kPly},
                                                              {"x/a.compressed.ply", Format::kCompressedPly},
                                                              {"a.splat", Format::kSplat},
                                                              {"a.spz", Format::kSpz},
                                                              {"a.tks", std::nullopt},
                                                              {"ply", std::nullopt},
                                                              {"a.ksplat", std::nullopt},
                                                              {"a.ply.gz", std::nullopt},
                                                              {"a.Compressed.Ply", Format::kCompressedPly},
                                                              {"", std::nullopt}};
  for (const auto& [path, format] : cases) EXPECT_EQ(FormatFromPath(path), format) << path;
}

TEST(Formats, ContentDecidesBeforeTheName) {
  const Splats s = RandomSplats(300, 1);
  for (const Format f : {Format::kPly, Format::kSpz, Format::kCompressedPly}) {
    const auto bytes = EncodeSplats(s, f);
    ReadReport report;
    ParseSplats(bytes, "wrong.splat", &report);
    EXPECT_EQ(report.format, f);
    EXPECT_EQ(report.file_bytes, bytes.size());
  }
}

TEST(Formats, ASplatFileMayBeginWithTheTwoBytesOfGzip) {
  // One .splat in 65,536 does: 1f 8b are the low bytes of its first coordinate.
  Splats s = RandomSplats(1, 0);
  s.means[0] = std::bit_cast<float>(0x3f008b1fu);
  ReadReport report;
  EXPECT_EQ(ParseSplats(EncodeSplats(s, Format::kSplat), "a.splat", &report).means[0], s.means[0]);
  EXPECT_EQ(report.format, Format::kSplat);
}

TEST(Formats, WhatIsNoSplatFile) {
  const auto code = [](const std::string& content, const std::string& name) {
    return ErrorOf([&] { ParseSplats(ToBytes(content), name); }).code();
  };
  EXPECT_EQ(code("hello", "a.txt"), ErrorCode::kUnsupported);
  EXPECT_EQ(code("hello", "a.ply"), ErrorCode::kBadInput);
  EXPECT_EQ(code("hello", "a.spz"), ErrorCode::kBadInput);
  EXPECT_EQ(code("", "a.ply"), ErrorCode::kBadInput);
  EXPECT_EQ(code("", "a.splat"), ErrorCode::kBadInput);
  EXPECT_EQ(code("", ""), ErrorCode::kUnsupported);
  EXPECT_EQ(ErrorOf([] { ReadSplats("/nowhere/a.ply"); }).code(), ErrorCode::kNotFound);
}

TEST(Formats, FilesOnDisk) {
  const auto folder = std::filesystem::temp_directory_path() / "takt_formats_test";
  std::filesystem::create_directories(folder);
  const Splats s = RandomSplats(500, 2);
  for (const Format f : {Format::kPly, Format::kSplat, Format::kSpz, Format::kCompressedPly}) {
    const auto path = folder / ("a." + std::string(FormatName(f)));
    const WriteReport written = WriteSplats(path, s);
    EXPECT_EQ(written.format, f);
    EXPECT_EQ(written.file_bytes, std::filesystem::file_size(path));
    EXPECT_EQ(ReadFile(path), EncodeSplats(s, f));
    ReadReport report;
    EXPECT_EQ(ReadSplats(path, &report).size(), 500u);
    EXPECT_EQ(report.format, f);
  }
  WriteOptions forced;
  forced.format = Format::kPly;
  WriteSplats(folder / "noname", s, forced);
  EXPECT_EQ(ReadSplats(folder / "noname"), s);
  EXPECT_EQ(ErrorOf([&] { WriteSplats(folder / "noname2", s); }).code(), ErrorCode::kBadInput);
  EXPECT_EQ(ErrorOf([&] { WriteSplats(folder / "none.ply", Splats{}); }).code(), ErrorCode::kBadInput);
  EXPECT_FALSE(std::filesystem::exists(folder / "none.ply"));
  Splats bad = s;
  bad.logits[3] = std::nanf("");
  for (const Format f : {Format::kPly, Format::kSplat, Format::kSpz, Format::kCompressedPly}) {
    EXPECT_EQ(ErrorOf([&] { EncodeSplats(bad, f); }).code(), ErrorCode::kBadInput);
  }
  std::filesystem::remove_all(folder);
}

TEST(Formats, RealFilesHoldWhatTheySay) {
  NEEDS_FILES();
  struct Case {
    const char* name;
    Format format;
    int version;
    size_t splats;
  };
  for (const Case& c :
       {Case{"biker.spz", Format::kSpz, 4, 152746}, Case{"biker.compressed.ply", Format::kCompressedPly, 18, 152746},
        Case{"guitar.compressed.ply", Format::kCompressedPly, 18, 90854}}) {
    ReadReport report;
    const Splats s = ReadSplats(kFiles / c.name, &report);
    EXPECT_EQ(s.size(), c.splats);
    EXPECT_EQ(report.format, c.format);
    EXPECT_EQ(report.version, c.version);
    EXPECT_EQ(report.sh_degree, 0);
    EXPECT_TRUE(report.ignored.empty() && report.defaulted.empty());
  }
}

// The same model in two formats, splat by splat in the same order, each with conventions of its own. SuperSplat turned
// the axes of the .spz from RDF to RUB; everything else must agree within the steps of both.
TEST(Formats, BikerIsTheSameModelInBothFormats) {
  NEEDS_FILES();
  const Splats ply = ReadSplats(kFiles / "biker.compressed.ply");
  const Splats spz = TransformSplats(ReadSplats(kFiles / "biker.spz"), kHalfTurnAboutX, {0, 0, 0}, 1);
  ASSERT_EQ(spz.size(), ply.size());
  const size_t n = ply.size();
  // Largest error of each kind that the two quantisations allow. The .compressed.ply steps are those of a chunk; its
  // chunks here are at most 1.5 units and 11 octaves of e wide.
  constexpr double kPosition = 0.5 / 4096 + 0.5 * 1.5 / 1023, kScale = 0.5 / 16 + 0.5 * 11 / 1023;
  constexpr double kColour = 0.5 / (255 * 0.15) + 0.5 / (255 * 0.28);
  double worst_position = 0, worst_scale = 0, worst_colour = 0, angle_sum = 0;
  size_t angles = 0, below_floor = 0;
  std::array<double, 3> drift{};
  for (size_t i = 0; i < n; ++i) {
    ASSERT_EQ(spz.logits[i], ply.logits[i]) << "both keep opacity in the same byte";
    for (size_t a = 0; a < 3; ++a) {
      const double d = double{spz.means[i * 3 + a]} - ply.means[i * 3 + a];
      drift[a] += d / static_cast<double>(n);
      worst_position = std::max(worst_position, std::abs(d));
      worst_colour = std::max<double>(worst_colour, std::abs(spz.sh[i * 3 + a] - ply.sh[i * 3 + a]));
      if (ply.log_scales[i * 3 + a] < -10) {
        EXPECT_EQ(spz.log_scales[i * 3 + a], -10) << "the smallest scale that .spz has";
        ++below_floor;
      } else {
        worst_scale = std::max<double>(worst_scale, std::abs(spz.log_scales[i * 3 + a] - ply.log_scales[i * 3 + a]));
      }
    }
    // The splat axes may point either way; a half turn about one of them gives the same splat.
    double angle = 4;
    const float* q = &spz.quats[i * 4];
    const std::array<std::array<float, 4>, 4> same = {
        {{q[0], q[1], q[2], q[3]}, {-q[1], q[0], q[3], -q[2]}, {-q[2], -q[3], q[0], q[1]}, {-q[3], q[2], -q[1], q[0]}}};
    for (const auto& s : same) angle = std::min(angle, RotationAngle(s.data(), &ply.quats[i * 4]));
    EXPECT_LE(angle, 0.01);
    angle_sum += angle;
    ++angles;
  }
  EXPECT_LE(worst_position, kPosition);
  EXPECT_LE(worst_scale, kScale);
  EXPECT_LE(worst_colour, kColour);
  EXPECT_LE(angle_sum / static_cast<double>(angles), 0.002);
  EXPECT_LT(below_floor, n / 100);
  for (const double d : drift) EXPECT_LE(std::abs(d), 2e-6) << "no offset: both round to nearest";
}

TEST(Formats, RealFilesSurviveEveryFormat) {
  NEEDS_FILES();
  const Splats guitar = ReadSplats(kFiles / "guitar.compressed.ply");
  EXPECT_EQ(ParseSplats(EncodeSplats(guitar, Format::kPly), "g.ply"), guitar);
  WriteReport report;
  const Splats spz = ParseSplats(EncodeSplats(guitar, Format::kSpz, {}, &report), "g.spz");
  for (size_t i = 0; i < guitar.means.size(); ++i) ASSERT_NEAR(spz.means[i], guitar.means[i], 0.5001 / 4096);
  const auto again = EncodeSplats(guitar, Format::kCompressedPly);
  EXPECT_NEAR(static_cast<double>(again.size()),
              static_cast<double>(std::filesystem::file_size(kFiles / "guitar.compressed.ply")), 200);
  EXPECT_EQ(ParseSplats(EncodeSplats(guitar, Format::kSplat), "g.splat").size(), guitar.size());
}

}  // namespace
}  // namespace takt::splat
