// SPDX-License-Identifier: Apache-2.0
#include "takt/data/capture/points_ply.h"

#include <gtest/gtest.h>

#include "takt/core/base/bytes.h"
#include "takt/core/base/error.h"

namespace takt::capture {
namespace {

std::vector<Point> Parse(const std::vector<uint8_t>& bytes) {
  size_t left_out = 0;
  return ParsePlyPoints(bytes, "points.ply", left_out);
}
std::vector<uint8_t> Bytes(const std::string& text) { return {text.begin(), text.end()}; }

constexpr const char* kXyz = "property float x\nproperty float y\nproperty float z\n";
constexpr const char* kRgb = "property uchar red\nproperty uchar green\nproperty uchar blue\n";

// Points after an element with a list, colours after normals, and faces behind: all skipped but the points.
std::vector<uint8_t> Binary() {
  ByteWriter w;
  const std::string header = std::string("ply\r\nformat binary_little_endian 1.0\r\ncomment made here\r\n") +
                             "element strip 2\nproperty list uchar int idx\nproperty short s\nelement vertex "
                             "2\nproperty double x\nproperty float "
                             "nx\nproperty double y\nproperty double z\n" +
                             kRgb + "element face 1\nproperty list uchar int vertex_indices\nend_header\n";
  w.Append(Bytes(header));
  for (const int length : {0, 3}) {
    w.Write<uint8_t>(static_cast<uint8_t>(length));
    for (int i = 0; i < length; ++i) w.Write<int32_t>(i);
    w.Write<int16_t>(-1);
  }
  for (const double x : {0.1, 1e10}) {
    w.Write<double>(x);
    w.Write<float>(1);
    w.Write<double>(-2.5);
    w.Write<double>(3);
    for (const uint8_t c : {0, 128, 255}) w.Write<uint8_t>(c);
  }
  return w.Release();
}

TEST(PointsPlyTest, ReadsBinaryAmongOtherThings) {
  const auto points = Parse(Binary());
  ASSERT_EQ(points.size(), 2u);
  EXPECT_EQ(points[0].p_in_world, (std::array<double, 3>{0.1, -2.5, 3}));
  EXPECT_EQ(points[1].p_in_world[0], 1e10);
  EXPECT_EQ(points[1].rgb, (std::array<uint8_t, 3>{0, 128, 255}));
}

TEST(PointsPlyTest, ReadsAsciiWithAndWithoutColours) {
  const std::string head = std::string("ply\nformat ascii 1.0\nelement vertex 2\n") + kXyz;
  auto points = Parse(Bytes(head + "end_header\n1 2 3\n-4 5e-1 6"));
  ASSERT_EQ(points.size(), 2u);
  EXPECT_EQ(points[1].p_in_world, (std::array<double, 3>{-4, 0.5, 6}));
  EXPECT_EQ(points[0].rgb, (std::array<uint8_t, 3>{128, 128, 128}));
  points = Parse(Bytes(head + "property float red\nproperty float green\nproperty float blue\nend_header\n"
                              "1 2 3 0 0.5 1\n1 2 3 -1 nan 9"));
  EXPECT_EQ(points[0].rgb, (std::array<uint8_t, 3>{0, 128, 255}));
  EXPECT_EQ(points[1].rgb, (std::array<uint8_t, 3>{0, 0, 255}));
}

TEST(PointsPlyTest, CountsPointsThatAreNotFinite) {
  size_t left_out = 0;
  const auto bytes =
      Bytes(std::string("ply\nformat ascii 1.0\nelement vertex 3\n") + kXyz + "end_header\n1 2 3\nnan 0 0\n0 inf 0\n");
  EXPECT_EQ(ParsePlyPoints(bytes, "p", left_out).size(), 1u);
  EXPECT_EQ(left_out, 2u);
}

TEST(PointsPlyTest, RefusesEveryTruncation) {
  const auto bytes = Binary();
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_THROW(Parse({bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size)}), Error) << size;
  }
}

TEST(PointsPlyTest, RefusesLiesAndNonsense) {
  const std::string ascii = "ply\nformat ascii 1.0\n", binary = "ply\nformat binary_little_endian 1.0\n";
  const std::string xyz = kXyz, end = "end_header\n";
  for (const std::string& text :
       {ascii + "element vertex 9223372036854775808\n" + xyz + end + "1 2 3", ascii + "element vertex -1\n" + xyz + end,
        binary + "element vertex 4294967296\n" + xyz + end + "abcdefghijkl",
        binary + "element x 18446744073709551615\nelement vertex 0\n" + xyz + end,
        binary + "element s 1\nproperty list double int i\nelement vertex 0\n" + xyz + end +
            std::string("\0\0\0\0\0\0\xf0\x7f", 8),
        ascii + "element vertex 1\nproperty float x\n" + end + "1", ascii + "element face 0\n" + end, ascii + xyz + end,
        ascii + "element vertex 1\nproperty quux x\n" + end, ascii + "element vertex 1\n" + xyz + end + "1 2 z",
        "ply\nelement vertex 0\n" + xyz + end, std::string("ply\nwhat\n"), std::string("plx\n"), std::string(),
        "ply\nformat ascii 1.0\ncomment " + std::string(70000, 'x') + "\n"}) {
    EXPECT_THROW(Parse(Bytes(text)), Error) << text.substr(0, 120);
  }
  try {
    Parse(Bytes("ply\nformat binary_big_endian 1.0\n"));
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kUnsupported);
    EXPECT_EQ(e.subject(), "points.ply");
  }
}

}  // namespace
}  // namespace takt::capture
