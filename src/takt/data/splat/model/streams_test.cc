// SPDX-License-Identifier: Apache-2.0
#include "takt/data/splat/model/streams.h"

#include <gtest/gtest.h>
#include <zstd.h>

#include "takt/data/splat/model/test_splats.h"

namespace takt::splat {
namespace {

std::vector<uint8_t> Sample(size_t n) {
  std::vector<uint8_t> bytes(n);
  const Rng rng(3);
  for (size_t i = 0; i < n; ++i) bytes[i] = static_cast<uint8_t>(rng.Words(i)[0] & 31);
  return bytes;
}

TEST(Streams, RoundTrip) {
  for (const size_t n : {1u, 100u, 65535u, 65536u, 65537u, 1000000u}) {
    const auto bytes = Sample(n);
    const auto gzip = Gzip(bytes);
    GzipReader reader(gzip, "x");
    EXPECT_EQ(reader.Read(n), bytes);
    EXPECT_EQ(reader.SkipToEnd(0), 0u);
    EXPECT_EQ(UnpackZstd(Zstd(bytes, 12), n, "x"), bytes);
  }
}

TEST(Streams, GzipInPieces) {
  const auto bytes = Sample(1000);
  const auto gzip = Gzip(bytes);
  GzipReader reader(gzip, "x");
  EXPECT_EQ(reader.Read(10), std::vector<uint8_t>(bytes.begin(), bytes.begin() + 10));
  EXPECT_EQ(reader.Read(490), std::vector<uint8_t>(bytes.begin() + 10, bytes.begin() + 500));
  EXPECT_EQ(reader.SkipToEnd(500), 500u);
  GzipReader again(gzip, "x");
  EXPECT_EQ(ErrorOf([&] { again.SkipToEnd(999); }).code(), ErrorCode::kBadInput);
}

TEST(Streams, DamageIsBadInput) {
  const auto bytes = Sample(500);
  auto gzip = Gzip(bytes);
  gzip[gzip.size() - 6] ^= 1;  // check sum
  const Error sum = ErrorOf([&] {
    GzipReader reader(gzip, "x");
    reader.Read(500);
    reader.SkipToEnd(0);
  });
  EXPECT_EQ(sum.code(), ErrorCode::kBadInput);
  auto zstd = Zstd(bytes, 3);
  EXPECT_EQ(ErrorOf([&] { UnpackZstd(zstd, 499, "x"); }).code(), ErrorCode::kBadInput);
  EXPECT_EQ(ErrorOf([&] { UnpackZstd(zstd, 501, "x"); }).code(), ErrorCode::kBadInput);
  zstd.push_back(0);
  EXPECT_EQ(ErrorOf([&] { UnpackZstd(zstd, 500, "x"); }).code(), ErrorCode::kBadInput);
  EXPECT_EQ(ErrorOf([&] { UnpackZstd({}, 500, "x"); }).code(), ErrorCode::kBadInput);
}

TEST(Streams, ClaimedSizesCostNothing) {
  // 2^60 bytes asked of streams that hold 500: an error after 500 bytes, not an allocation.
  const auto bytes = Sample(500);
  const auto gzip = Gzip(bytes);
  GzipReader reader(gzip, "x");
  EXPECT_EQ(ErrorOf([&] { reader.Read(uint64_t{1} << 60); }).code(), ErrorCode::kBadInput);
  EXPECT_EQ(ErrorOf([&] { UnpackZstd(Zstd(bytes, 3), uint64_t{1} << 60, "x"); }).code(), ErrorCode::kBadInput);
  // A frame of a few bytes that asks for a window of 128 MiB is refused.
  const std::vector<uint8_t> greedy = {0x28, 0xb5, 0x2f, 0xfd, 0x00, 17 << 3, 0x01, 0x00, 0x00};
  EXPECT_NE(ErrorOf([&] { UnpackZstd(greedy, 500, "x"); }).message().find("memory"), std::string::npos);
}

TEST(Streams, SeveralZstdFramesInARow) {
  const auto bytes = Sample(1000);
  auto frames = Zstd(std::span(bytes).first(300), 3);
  const auto rest = Zstd(std::span(bytes).subspan(300), 3);
  frames.insert(frames.end(), rest.begin(), rest.end());
  EXPECT_EQ(UnpackZstd(frames, 1000, "x"), bytes);
}

}  // namespace
}  // namespace takt::splat
