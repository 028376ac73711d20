// SPDX-License-Identifier: Apache-2.0
#include "takt/data/splat/model/ply.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <limits>

#include "takt/core/base/parallel.h"
#include "takt/data/splat/model/quantize.h"
#include "takt/data/splat/model/test_splats.h"

namespace takt::splat {
namespace {

const std::vector<std::string> kEssential = {"x",       "y",       "z",       "f_dc_0", "f_dc_1", "f_dc_2", "opacity",
                                             "scale_0", "scale_1", "scale_2", "rot_0",  "rot_1",  "rot_2",  "rot_3"};

// A file of `rows` rows over `columns`; the value in row i, column j is value(i, name).
std::vector<uint8_t> MakePly(const std::vector<std::string>& columns, size_t rows,
                             const std::function<double(size_t, const std::string&)>& value,
                             const std::string& format = "binary_little_endian", const std::string& type = "float",
                             const std::string& extra_header = "") {
  std::string file = fmt::format("ply\nformat {} 1.0\n{}element vertex {}\n", format, extra_header, rows);
  for (const std::string& c : columns) file += fmt::format("property {} {}\n", type, c);
  file += "end_header\n";
  for (size_t i = 0; i < rows; ++i) {
    for (const std::string& c : columns) {
      const double v = value(i, c);
      if (format == "ascii") {
        file += fmt::format("{} ", type == "float" ? fmt::format("{}", static_cast<float>(v)) : fmt::format("{}", v));
        continue;
      }
      std::string raw(type == "float" ? 4 : 8, '\0');
      const float f = static_cast<float>(v);
      std::memcpy(raw.data(), type == "float" ? static_cast<const void*>(&f) : &v, raw.size());
      if (format == "binary_big_endian") std::reverse(raw.begin(), raw.end());
      file += raw;
    }
    if (format == "ascii") file += "\n";
  }
  return ToBytes(file);
}

double Plausible(size_t row, const std::string& column) {
  double hash = 0;
  for (const char c : column) hash = hash * 0.37 + c * 0.011;
  return static_cast<float>(std::sin(hash * 7 + static_cast<double>(row)));
}

TEST(Ply, RoundTripIsBitExact) {
  for (int degree = 0; degree <= 3; ++degree) {
    for (const bool antialiased : {false, true}) {
      Splats s = RandomSplats(5000, degree);
      s.antialiased = antialiased;
      s.means[0] = -0.0f;
      s.means[1] = std::numeric_limits<float>::denorm_min();
      s.sh[2] = std::numeric_limits<float>::max();
      WriteReport written;
      const auto bytes = EncodeSplats(s, Format::kPly, {}, &written);
      EXPECT_EQ(written.file_bytes, bytes.size());
      EXPECT_TRUE(written.lost.empty());
      ReadReport report;
      const Splats back = ParseSplats(bytes, "a.ply", &report);
      EXPECT_EQ(back, s);
      EXPECT_TRUE(std::signbit(back.means[0]));
      EXPECT_EQ(report.format, Format::kPly);
      EXPECT_EQ(report.encoding, "binary_little_endian");
      EXPECT_EQ(report.sh_degree, degree);
      EXPECT_EQ(report.splats, 5000u);
      EXPECT_EQ(report.columns.size(), 17u + 3 * (ShCoefficients(degree) - 1));
      EXPECT_TRUE(report.ignored.empty() && report.defaulted.empty());
      EXPECT_EQ(EncodeSplats(back, Format::kPly), bytes);
    }
  }
}

TEST(Ply, BytesDoNotDependOnThreads) {
  const Splats s = RandomSplats(20000, 3);
  SetThreadCount(1);
  const auto one = EncodeSplats(s, Format::kPly);
  const Splats read_one = ParseSplats(one, "a.ply");
  SetThreadCount(0);
  EXPECT_EQ(EncodeSplats(s, Format::kPly), one);
  EXPECT_EQ(ParseSplats(one, "a.ply"), read_one);
}

TEST(Ply, LayoutIsThatOfTheOriginalProgram) {
  const Splats s = RandomSplats(2, 3);
  const auto bytes = EncodeSplats(s, Format::kPly);
  const std::string text(bytes.begin(), bytes.end());
  EXPECT_EQ(text.find("ply\nformat binary_little_endian 1.0\nelement vertex 2\nproperty float x\n"), 0u);
  const size_t data = text.find("end_header\n") + 11;
  ASSERT_EQ(bytes.size() - data, 2u * 248);
  float row[62];
  std::memcpy(row, bytes.data() + data + 248, 248);
  EXPECT_EQ(row[0], s.means[3]);
  EXPECT_EQ(row[3], 0.0f);                    // nx
  EXPECT_EQ(row[7], s.sh[48 + 16]);           // f_dc_1: green
  EXPECT_EQ(row[9], s.sh[48 + 1]);            // f_rest_0: red, first of degree 1
  EXPECT_EQ(row[9 + 15], s.sh[48 + 16 + 1]);  // f_rest_15: green
  EXPECT_EQ(row[54], s.logits[1]);
  EXPECT_EQ(row[55], s.log_scales[3]);
  EXPECT_EQ(row[58], s.quats[4]);  // w
}

TEST(Ply, ColumnsInAnyOrderAndExtraOnes) {
  std::vector<std::string> columns = kEssential;
  std::reverse(columns.begin(), columns.end());
  columns.insert(columns.begin() + 3, {"nx", "confidence", "red"});
  for (int i = 8; i >= 0; --i) columns.push_back(fmt::format("f_rest_{}", i));
  ReadReport report;
  const Splats s = ParseSplats(MakePly(columns, 3, Plausible), "a.ply", &report);
  EXPECT_EQ(s.sh_degree, 1);
  EXPECT_EQ(s.means[3 + 1], static_cast<float>(Plausible(1, "y")));
  EXPECT_EQ(s.quats[8 + 3], static_cast<float>(Plausible(2, "rot_3")));
  EXPECT_EQ(s.sh[12 + 4 + 2], static_cast<float>(Plausible(1, "f_rest_4")));  // green, second of degree 1
  EXPECT_EQ(report.ignored, (std::vector<std::string>{"column confidence", "column red"}));
  EXPECT_EQ(report.columns, columns);
}

TEST(Ply, EveryEncodingAndTypeGivesTheSame) {
  std::vector<std::string> columns = kEssential;
  for (int i = 0; i < 24; ++i) columns.push_back(fmt::format("f_rest_{}", i));
  const Splats expected = ParseSplats(MakePly(columns, 700, Plausible), "a.ply");
  for (const std::string format : {"binary_little_endian", "binary_big_endian", "ascii"}) {
    for (const std::string type : {"float", "double"}) {
      ReadReport report;
      EXPECT_EQ(ParseSplats(MakePly(columns, 700, Plausible, format, type), "a.ply", &report), expected)
          << format << " " << type;
      EXPECT_EQ(report.encoding, format);
    }
  }
}

TEST(Ply, MissingColumnsAreNamed) {
  for (const std::string& gone : kEssential) {
    if (gone == "scale_2") continue;
    std::vector<std::string> columns = kEssential;
    columns.erase(std::find(columns.begin(), columns.end(), gone));
    const Error e = ErrorOf([&] { ParseSplats(MakePly(columns, 2, Plausible), "a.ply"); });
    EXPECT_EQ(e.code(), ErrorCode::kBadInput);
    EXPECT_NE(e.message().find("no column '" + gone + "'"), std::string::npos) << e.message();
  }
  const Error cloud = ErrorOf([&] { ParseSplats(MakePly({"x", "y", "z"}, 2, Plausible), "a.ply"); });
  EXPECT_NE(cloud.message().find("no columns 'scale_0', 'scale_1'"), std::string::npos) << cloud.message();
}

TEST(Ply, TwoDimensionalSplatsBecomeFlat) {
  std::vector<std::string> columns = kEssential;
  columns.erase(std::find(columns.begin(), columns.end(), "scale_2"));
  ReadReport report;
  const Splats s = ParseSplats(MakePly(columns, 2, Plausible), "a.ply", &report);
  EXPECT_EQ(s.log_scales[5], kFlatLogScale);
  ASSERT_EQ(report.defaulted.size(), 1u);
  EXPECT_NE(report.defaulted[0].find("scale_2"), std::string::npos);
}

TEST(Ply, RestColumnsMustFitADegree) {
  for (const int count : {1, 8, 10, 23, 46}) {
    std::vector<std::string> columns = kEssential;
    for (int i = 0; i < count; ++i) columns.push_back(fmt::format("f_rest_{}", i));
    EXPECT_EQ(ErrorOf([&] { ParseSplats(MakePly(columns, 2, Plausible), "a.ply"); }).code(), ErrorCode::kBadInput);
  }
  std::vector<std::string> gap = kEssential;
  for (int i = 0; i < 10; ++i) {
    if (i != 4) gap.push_back(fmt::format("f_rest_{}", i));
  }
  const Error e = ErrorOf([&] { ParseSplats(MakePly(gap, 2, Plausible), "a.ply"); });
  EXPECT_NE(e.message().find("'f_rest_4'"), std::string::npos) << e.message();
}

TEST(Ply, DegreeFourKeepsTheFirstThree) {
  std::vector<std::string> columns = kEssential;
  for (int i = 0; i < 72; ++i) columns.push_back(fmt::format("f_rest_{}", i));
  ReadReport report;
  const Splats s = ParseSplats(MakePly(columns, 2, Plausible), "a.ply", &report);
  EXPECT_EQ(s.sh_degree, 3);
  EXPECT_EQ(s.sh[16 + 1], static_cast<float>(Plausible(0, "f_rest_24")));  // green begins at 24
  EXPECT_EQ(report.ignored, std::vector<std::string>{"SH coefficients of degree 4"});
}

TEST(Ply, AntialiasedComments) {
  const auto flag = [](const std::string& header) {
    return ParseSplats(MakePly(kEssential, 1, Plausible, "ascii", "float", header), "a.ply").antialiased;
  };
  EXPECT_FALSE(flag(""));
  EXPECT_TRUE(flag("comment SplatRenderMode: mip\n"));
  EXPECT_TRUE(flag("comment splatrendermode:   MIP\n"));
  EXPECT_TRUE(flag("comment antialiased 1\n"));
  EXPECT_FALSE(flag("comment antialiased 0\n"));
  EXPECT_FALSE(flag("comment antialiased 1\ncomment SplatRenderMode: default\n"));
  EXPECT_FALSE(flag("comment is it antialiased 1 or not\n"));
}

TEST(Ply, CrLfHeadersAndOtherElements) {
  std::string file =
      "ply\r\nformat ascii 1.0\r\nobj_info made by hand\r\nelement camera 2\r\nproperty int id\r\n"
      "property float f\r\nelement vertex 1\r\n";
  for (const std::string& c : kEssential) file += "property float32 " + c + "\r\n";
  file += "element face 1\r\nproperty list uchar int vertex_indices\r\nend_header\r\n7 0.5\r\n8 0.6\r\n";
  for (size_t i = 0; i < kEssential.size(); ++i) file += fmt::format("+{}e-1 ", i + 1);
  file += "\r\n3 0 0 0\r\n";
  ReadReport report;
  const Splats s = ParseSplats(ToBytes(file), "a.ply", &report);
  EXPECT_EQ(s.means, (std::vector<float>{0.1f, 0.2f, 0.3f}));
  EXPECT_EQ(report.ignored, (std::vector<std::string>{"element camera: 2 rows", "element face: 1 rows"}));
}

TEST(Ply, ElementBeforeTheVerticesIsSkippedInBinary) {
  auto bytes = MakePly(kEssential, 4, Plausible);
  std::string file(bytes.begin(), bytes.end());
  file.replace(file.find("element vertex"), 0, "element camera 3\nproperty double t\nproperty uchar id\n");
  file.insert(file.find("end_header\n") + 11, std::string(27, '\7'));
  EXPECT_EQ(ParseSplats(ToBytes(file), "a.ply"), ParseSplats(bytes, "a.ply"));
}

TEST(Ply, NotFiniteIsNamedInfiniteOpacityIsNot) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  for (const std::string format : {"binary_little_endian", "binary_big_endian", "ascii"}) {
    const auto with = [&](const std::string& column, double value) {
      return MakePly(
          kEssential, 5,
          [&](size_t i, const std::string& c) { return i == 3 && c == column ? value : Plausible(i, c); }, format);
    };
    for (const std::string column : {"x", "rot_2", "opacity", "f_dc_1", "scale_1"}) {
      const Error e = ErrorOf([&] { ParseSplats(with(column, std::nan("")), "a.ply"); });
      EXPECT_NE(e.message().find("splat 3: column '" + column + "' is nan"), std::string::npos) << e.message();
    }
    EXPECT_EQ(ErrorOf([&] { ParseSplats(with("y", kInfinity), "a.ply"); }).code(), ErrorCode::kBadInput);
    EXPECT_EQ(ErrorOf([&] { ParseSplats(with("scale_0", kInfinity), "a.ply"); }).code(), ErrorCode::kBadInput);
    ReadReport report;
    EXPECT_EQ(ParseSplats(with("opacity", kInfinity), "a.ply", &report).logits[3], kSaturatedLogit);
    EXPECT_EQ(report.defaulted.size(), 1u);
    EXPECT_EQ(ParseSplats(with("opacity", -kInfinity), "a.ply").logits[3], -kSaturatedLogit);
    EXPECT_EQ(ParseSplats(with("scale_2", -kInfinity), "a.ply").log_scales[11], kFlatLogScale);
  }
  const auto zero = MakePly(kEssential, 5, [](size_t i, const std::string& c) {
    return i == 2 && c.starts_with("rot") ? 0.0 : Plausible(i, c);
  });
  EXPECT_NE(ErrorOf([&] { ParseSplats(zero, "a.ply"); }).message().find("splat 2: the quaternion"), std::string::npos);
}

TEST(Ply, TruncationAnywhereIsBadInput) {
  ExpectTruncationsFail(EncodeSplats(RandomSplats(2, 1), Format::kPly), "a.ply");
  // The last number of a text can be cut short and still be one: only white space follows the last digit that counts.
  auto text = MakePly(
      kEssential, 2, [](size_t, const std::string&) { return 1.0; }, "ascii");
  while (text.back() != '1') text.pop_back();
  ExpectTruncationsFail(text, "a.ply");
}

TEST(Ply, LyingCounts) {
  const auto bytes = MakePly(kEssential, 2, Plausible);
  for (const std::string format : {"binary_little_endian", "ascii"}) {
    for (const char* count : {"0", "3", "2147483648", "9223372036854775808", "18446744073709551615",
                              "18446744073709551616", "-1", "2.5", "x", ""}) {
      const auto made = MakePly(kEssential, 2, Plausible, format);
      std::string file(made.begin(), made.end());
      file.replace(file.find("vertex 2"), 8, fmt::format("vertex {}", count));
      EXPECT_EQ(ErrorOf([&] { ParseSplats(ToBytes(file), "a.ply"); }).code(), ErrorCode::kBadInput) << count;
    }
    const auto made = MakePly(kEssential, 2, Plausible, format);
    std::string file(made.begin(), made.end());
    file.replace(file.find("element vertex"), 0, "element camera 9223372036854775808\nproperty double t\n");
    EXPECT_EQ(ErrorOf([&] { ParseSplats(ToBytes(file), "a.ply"); }).code(), ErrorCode::kBadInput);
  }
  std::string shorter(bytes.begin(), bytes.end());
  shorter.replace(shorter.find("vertex 2"), 8, "vertex 1");
  ReadReport report;
  EXPECT_EQ(ParseSplats(ToBytes(shorter), "a.ply", &report).size(), 1u);
  EXPECT_EQ(report.ignored, std::vector<std::string>{"56 bytes after the last row"});
}

TEST(Ply, HostileHeaders) {
  const auto fails = [](const std::string& file) {
    const Error e = ErrorOf([&] { ParseSplats(ToBytes(file), "a.ply"); });
    EXPECT_EQ(e.code(), ErrorCode::kBadInput) << e.what();
    EXPECT_LT(e.message().size(), 400u);
    return e.message();
  };
  const std::string head = "ply\nformat binary_little_endian 1.0\n";
  EXPECT_NE(fails("ply\nformat ascii 1.0\nelement vertex 1\n").find("no 'end_header'"), std::string::npos);
  EXPECT_NE(fails("ply\ncomment " + std::string(3 << 20, 'a')).find("first MiB"), std::string::npos);
  EXPECT_NE(fails("ply\n" + std::string(1 << 20, 'a') + "\n").find("end_header"), std::string::npos);
  fails(head + "element vertex 1\nproperty float " + std::string(900000, 'z') + "\nend_header\n");
  fails("ply\nend_header\n");
  fails("ply\nformat binary_little_endian 2.0\nend_header\n");
  fails("ply\nformat gzip 1.0\nend_header\n");
  fails(head + "end_header\n");
  fails(head + "property float x\nend_header\n");
  fails(head + "element vertex 1\nproperty quad x\nend_header\n");
  fails(head + "element vertex 1\nproperty float x\nproperty float x\nend_header\n");
  fails(head + "element vertex 1\nelement vertex 1\nend_header\n");
  fails(head + "element vertex 1 2\nend_header\n");
  fails(head + "nonsense\nend_header\n");
  fails(head + "element vertex 1\nproperty float \x01\x02\nend_header\n");
  std::string many = head;
  for (int i = 0; i < 70000; ++i) many += fmt::format("element e{} 1\n", i);
  fails(many + "end_header\n");
  std::string wide = head + "element vertex 1\n";
  for (int i = 0; i < 40000; ++i) wide += fmt::format("property char c{}\n", i);
  fails(wide + "end_header\n");
}

TEST(Ply, WrongTypesAndLists) {
  EXPECT_EQ(ErrorOf([] { ParseSplats(MakePly(kEssential, 2, Plausible, "ascii", "int"), "a.ply"); }).code(),
            ErrorCode::kBadInput);
  const auto made = MakePly(kEssential, 2, Plausible);
  std::string file(made.begin(), made.end());
  file.replace(file.find("element vertex"), 0, "element face 1\nproperty list uchar int i\n");
  EXPECT_EQ(ErrorOf([&] { ParseSplats(ToBytes(file), "a.ply"); }).code(), ErrorCode::kUnsupported);
}

}  // namespace
}  // namespace takt::splat
