// SPDX-License-Identifier: Apache-2.0
#include "takt/data/splat/model/splat_file.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <limits>

#include "takt/core/base/file.h"
#include "takt/data/splat/model/quantize.h"
#include "takt/data/splat/model/test_splats.h"

namespace takt::splat {
namespace {

const std::filesystem::path kMinimal = TAKT_SHARED_DATA "/splat/files/minimal.splat";

std::vector<uint8_t> Record(float scale, std::array<uint8_t, 4> quat, float x = 1) {
  std::vector<uint8_t> bytes(32);
  const float floats[6] = {x, 2, 3, scale, scale, scale};
  std::memcpy(bytes.data(), floats, 24);
  bytes[24] = 255, bytes[25] = 128, bytes[26] = 0, bytes[27] = 51;
  std::copy(quat.begin(), quat.end(), bytes.begin() + 28);
  return bytes;
}

TEST(SplatFile, ReadsTheMinimalFile) {
  if (!std::filesystem::exists(kMinimal)) GTEST_SKIP() << "needs ../shared/data/splat/files/minimal.splat";
  ReadReport report;
  const Splats s = ReadSplats(kMinimal, &report);
  EXPECT_EQ(report.format, Format::kSplat);
  ASSERT_EQ(s.size(), 4u);
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_NEAR(s.log_scales[i * 3], std::log(0.1f), 1e-6);
    EXPECT_NEAR(Opacity(s.logits[i]), 230 / 255.0, 1e-6);
  }
  EXPECT_EQ(s.means[0], -1.0f);
  EXPECT_NEAR(0.5f + kShC0 * s.sh[2], 128 / 255.0, 1e-6);
}

TEST(SplatFile, TruncationInsideARecordIsBadInput) {
  ExpectTruncationsFail(Record(1, {255, 128, 128, 128}), "a.splat");
}

TEST(SplatFile, DecodesByHand) {
  const Splats s = ParseSplats(Record(0.5f, {255, 128, 0, 64}), "a.splat");
  ASSERT_EQ(s.size(), 1u);
  EXPECT_EQ(s.means, (std::vector<float>{1, 2, 3}));
  EXPECT_EQ(s.log_scales[1], std::log(0.5f));
  EXPECT_EQ(s.quats, (std::vector<float>{127 / 128.0f, 0, -1, -0.5f}));  // w x y z
  EXPECT_NEAR(Opacity(s.logits[0]), 0.2, 1e-6);
  EXPECT_NEAR(s.sh[0], 0.5 / kShC0, 1e-5);
  EXPECT_NEAR(s.sh[2], -0.5 / kShC0, 1e-5);
}

TEST(SplatFile, RoundTripStaysWithinHalfAStep) {
  Splats s = RandomSplats(3000, 0);
  WriteReport written;
  const auto bytes = EncodeSplats(s, Format::kSplat, {}, &written);
  EXPECT_EQ(bytes.size(), 3000u * 32);
  EXPECT_TRUE(written.lost.empty());
  const Splats back = ParseSplats(bytes, "a.splat");

  const auto importance = [](const Splats& x, size_t i) {
    return Opacity(x.logits[i]) *
           std::exp(double{x.log_scales[i * 3]} + x.log_scales[i * 3 + 1] + x.log_scales[i * 3 + 2]);
  };
  std::vector<size_t> order(s.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return importance(s, a) > importance(s, b); });
  for (size_t j = 0; j < order.size(); ++j) {
    const size_t i = order[j];
    for (size_t a = 0; a < 3; ++a) {
      ASSERT_EQ(back.means[j * 3 + a], s.means[i * 3 + a]) << "sorted by importance";
      ASSERT_NEAR(back.log_scales[j * 3 + a], s.log_scales[i * 3 + a], 1e-5);
      ASSERT_NEAR(back.sh[j * 3 + a] * kShC0, s.sh[i * 3 + a] * kShC0, 0.5001 / 255);
    }
    ASSERT_NEAR(Opacity(back.logits[j]), Opacity(s.logits[i]), 0.5001 / 255);
    ASSERT_LE(RotationAngle(&back.quats[j * 4], &s.quats[i * 4]), 0.02);
  }
  // What was read is on the grid: writing it again keeps the values (near ties may change places).
  std::vector<float> once = back.logits, twice = ParseSplats(EncodeSplats(back, Format::kSplat), "a.splat").logits;
  std::sort(once.begin(), once.end());
  std::sort(twice.begin(), twice.end());
  EXPECT_EQ(twice, once);
}

TEST(SplatFile, SaysWhatIsLost) {
  Splats s = RandomSplats(3, 2);
  s.antialiased = true;
  s.log_scales[0] = 200;
  s.sh[0] = 10;
  WriteReport written;
  const auto bytes = EncodeSplats(s, Format::kSplat, {}, &written);
  EXPECT_EQ(written.lost,
            (std::vector<std::string>{"SH of degree 2: .splat holds colour only", "the antialiased mark",
                                      "1 colours clamped to [0, 1]", "1 scales clamped to the largest float"}));
  EXPECT_NO_THROW(ParseSplats(bytes, "a.splat"));
}

TEST(SplatFile, SaturatedOpacityAndFlatScalesStayFinite) {
  auto bytes = Record(0, {255, 128, 128, 128});
  bytes[27] = 255;
  ReadReport report;
  const Splats s = ParseSplats(bytes, "a.splat", &report);
  EXPECT_EQ(s.logits[0], kSaturatedLogit);
  EXPECT_EQ(s.log_scales[0], kFlatLogScale);
  EXPECT_EQ(report.defaulted.size(), 1u);
  bytes[27] = 0;
  EXPECT_EQ(ParseSplats(bytes, "a.splat").logits[0], -kSaturatedLogit);
}

TEST(SplatFile, HostileFiles) {
  const auto fails = [](const std::vector<uint8_t>& bytes) {
    const Error e = ErrorOf([&] { ParseSplats(bytes, "a.splat"); });
    EXPECT_EQ(e.code(), ErrorCode::kBadInput);
    return e.message();
  };
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_NE(fails({}).find("no splats"), std::string::npos);
  EXPECT_NE(fails(std::vector<uint8_t>(33)).find("multiple of 32"), std::string::npos);
  EXPECT_NE(fails(Record(1, {128, 128, 128, 128})).find("quaternion"), std::string::npos);
  EXPECT_NE(fails(Record(-1, {255, 128, 128, 128})).find("'scale_0' is -1"), std::string::npos);
  EXPECT_NE(fails(Record(kNan, {255, 128, 128, 128})).find("'scale_0' is nan"), std::string::npos);
  EXPECT_NE(fails(Record(std::numeric_limits<float>::infinity(), {255, 128, 128, 128})).find("scale_0"),
            std::string::npos);
  EXPECT_NE(fails(Record(1, {255, 128, 128, 128}, kNan)).find("'x' is nan"), std::string::npos);
}

}  // namespace
}  // namespace takt::splat
