// SPDX-License-Identifier: Apache-2.0
#include "takt/core/io/image.h"

#include <gtest/gtest.h>
#include <unistd.h>
#include <zlib.h>

#include <cmath>
#include <filesystem>
#include <limits>
#include <string>

#include "takt/core/base/error.h"
#include "takt/core/base/file.h"
#include "takt/core/base/rng.h"

namespace takt {
namespace {

namespace fs = std::filesystem;
using Bytes = std::vector<uint8_t>;

const fs::path kData = TAKT_SHARED_DATA;

#define NEEDS(path) \
  if (!fs::exists(path)) GTEST_SKIP() << "needs " << (path)

template <class Function>
ErrorCode CodeOf(Function&& function) {
  try {
    function();
  } catch (const Error& error) {
    EXPECT_FALSE(error.subject().empty());
    EXPECT_FALSE(error.message().empty());
    return error.code();
  }
  ADD_FAILURE() << "no error";
  return ErrorCode::kInternal;
}

class TempDir {
 public:
  TempDir() {
    std::string pattern = (fs::temp_directory_path() / "takt_image_XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  ~TempDir() { fs::remove_all(path_); }
  fs::path operator/(const std::string& name) const { return path_ / name; }

 private:
  fs::path path_;
};

// A PNG made by hand, so that every field can lie.
struct RawPng {
  uint32_t width = 1, height = 1;
  int depth = 8, color_type = 0, interlace = 0;
  Bytes palette, transparency;
  Bytes rows;  // filter byte and samples of every row of every pass

  static void Put32(Bytes& out, uint32_t v) {
    for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<uint8_t>(v >> shift));
  }
  static void Chunk(Bytes& out, const char* name, const Bytes& data) {
    Put32(out, static_cast<uint32_t>(data.size()));
    const size_t start = out.size();
    out.insert(out.end(), name, name + 4);
    out.insert(out.end(), data.begin(), data.end());
    Put32(out, static_cast<uint32_t>(crc32(0, out.data() + start, static_cast<uInt>(out.size() - start))));
  }
  Bytes Encode() const {
    Bytes out = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};
    Bytes header;
    Put32(header, width);
    Put32(header, height);
    for (int v : {depth, color_type, 0, 0, interlace}) header.push_back(static_cast<uint8_t>(v));
    Chunk(out, "IHDR", header);
    if (!palette.empty()) Chunk(out, "PLTE", palette);
    if (!transparency.empty()) Chunk(out, "tRNS", transparency);
    uLongf packed_bytes = compressBound(rows.size());
    Bytes packed(packed_bytes);
    compress(packed.data(), &packed_bytes, rows.data(), rows.size());
    packed.resize(packed_bytes);
    Chunk(out, "IDAT", packed);
    Chunk(out, "IEND", {});
    return out;
  }
};

template <class T>
BasicImage<T> RandomImage(int width, int height, int channels, uint64_t seed) {
  BasicImage<T> image(width, height, channels);
  const Rng rng(seed);
  for (size_t i = 0; i < image.pixels.size(); ++i) image.pixels[i] = static_cast<T>(rng.Words(i)[0]);
  return image;
}

TEST(Image, LegoIsRgbaWithTransparentCorners) {
  const fs::path path = kData / "splat/lego/train/r_0.png";
  NEEDS(path);
  const Image8 image = ReadImage8(path);
  EXPECT_EQ(image.width_px, 800);
  EXPECT_EQ(image.height_px, 800);
  ASSERT_EQ(image.channels, 4);
  EXPECT_EQ(image.row(0)[3], 0);
  EXPECT_EQ(image.row(400)[400 * 4 + 3], 255);
  const ImageInfo info = ReadImageInfo(path);
  EXPECT_EQ(info.width_px, 800);
  EXPECT_EQ(info.height_px, 800);
  EXPECT_EQ(info.channels, 4);
  EXPECT_EQ(info.bits, 8);
  const auto again = DecodeImage(EncodePng(image), "again");
  EXPECT_EQ(std::get<Image8>(again).pixels, image.pixels);
}

TEST(Image, FoxIsRgbJpeg) {
  const fs::path path = kData / "splat/fox/images/0001.jpg";
  NEEDS(path);
  const Image8 image = ReadImage8(path);
  EXPECT_EQ(image.width_px, 1080);
  EXPECT_EQ(image.height_px, 1920);
  EXPECT_EQ(image.channels, 3);
  const ImageInfo info = ReadImageInfo(path);
  EXPECT_EQ(info.width_px, 1080);
  EXPECT_EQ(info.channels, 3);
  EXPECT_EQ(info.bits, 8);
}

TEST(Image, MagneticTileMaskMatchesItsPhoto) {
  const fs::path folder = kData / "inspect/magnetic_tile/MT_Break/Imgs";
  NEEDS(folder);
  int pairs = 0;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() != ".png") continue;
    fs::path photo_path = entry.path();
    photo_path.replace_extension(".jpg");
    const Image8 mask = ReadImage8(entry.path());
    const Image8 photo = ReadImage8(photo_path);
    EXPECT_EQ(mask.channels, 1);
    EXPECT_EQ(photo.channels, 1);
    EXPECT_EQ(mask.width_px, photo.width_px);
    EXPECT_EQ(mask.height_px, photo.height_px);
    ++pairs;
  }
  EXPECT_EQ(pairs, 85);
}

TEST(Image, PngRoundTripsEveryChannelCountAndDepth) {
  for (int channels = 1; channels <= 4; ++channels) {
    for (const auto& [width, height] : {std::pair{1, 1}, {7, 3}, {64, 33}}) {
      const auto narrow = RandomImage<uint8_t>(width, height, channels, 1);
      const auto wide = RandomImage<uint16_t>(width, height, channels, 2);
      const auto narrow_again = std::get<Image8>(DecodeImage(EncodePng(narrow), "narrow"));
      const auto wide_again = std::get<Image16>(DecodeImage(EncodePng(wide), "wide"));
      EXPECT_EQ(narrow_again.channels, channels);
      EXPECT_EQ(narrow_again.pixels, narrow.pixels);
      EXPECT_EQ(wide_again.width_px, width);
      EXPECT_EQ(wide_again.pixels, wide.pixels);
      EXPECT_EQ(EncodePng(wide), EncodePng(wide));
    }
  }
}

TEST(Image, SixteenBitsRoundToEight) {
  TempDir dir;
  Image16 wide(4, 1, 1);
  wide.pixels = {0, 128, 129, 65535};
  WriteImage(dir / "wide.png", wide);
  EXPECT_EQ(ReadImageInfo(dir / "wide.png").bits, 16);
  EXPECT_EQ(ReadImage8(dir / "wide.png").pixels, (Bytes{0, 0, 1, 255}));
}

TEST(Image, SmallDepthsSpreadOverTheFullRange) {
  for (int depth : {1, 2, 4}) {
    RawPng png;
    png.width = 2;
    png.depth = depth;
    const int top = (1 << depth) - 1;
    png.rows = {0, static_cast<uint8_t>(((top << depth) | 1) << (8 - 2 * depth))};
    const Image8 image = std::get<Image8>(DecodeImage(png.Encode(), "grey"));
    EXPECT_EQ(image.channels, 1);
    EXPECT_EQ(image.pixels, (Bytes{255, static_cast<uint8_t>(255 / top)})) << depth;
  }
}

TEST(Image, PaletteWithAndWithoutTransparency) {
  RawPng png;
  png.width = 3;
  png.depth = 2;
  png.color_type = 3;
  png.palette = {10, 20, 30, 40, 50, 60, 70, 80, 90};
  png.rows = {0, 0b10'00'01'00};
  const Image8 plain = std::get<Image8>(DecodeImage(png.Encode(), "palette"));
  EXPECT_EQ(plain.channels, 3);
  EXPECT_EQ(plain.pixels, (Bytes{70, 80, 90, 10, 20, 30, 40, 50, 60}));
  png.transparency = {0, 128};
  const Image8 alpha = std::get<Image8>(DecodeImage(png.Encode(), "palette"));
  EXPECT_EQ(alpha.channels, 4);
  EXPECT_EQ(alpha.pixels, (Bytes{70, 80, 90, 255, 10, 20, 30, 0, 40, 50, 60, 128}));
}

TEST(Image, TransparentGreyAndColourBecomeAlpha) {
  RawPng grey;
  grey.width = 2;
  grey.transparency = {0, 7};
  grey.rows = {0, 7, 8};
  EXPECT_EQ(std::get<Image8>(DecodeImage(grey.Encode(), "grey")).pixels, (Bytes{7, 0, 8, 255}));
  RawPng colour;
  colour.depth = 16;
  colour.color_type = 2;
  colour.transparency = {1, 2, 3, 4, 5, 6};
  colour.rows = {0, 1, 2, 3, 4, 5, 6};
  const Image16 image = std::get<Image16>(DecodeImage(colour.Encode(), "colour"));
  EXPECT_EQ(image.pixels, (std::vector<uint16_t>{0x0102, 0x0304, 0x0506, 0}));
}

TEST(Image, InterlacedPng) {
  // Adam7: start and step of every pass.
  constexpr int kPass[7][4] = {{0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4},
                               {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2}};
  for (int size : {1, 5, 8, 13}) {
    const auto image = RandomImage<uint8_t>(size, size + 2, 3, 3);
    RawPng png;
    png.width = static_cast<uint32_t>(image.width_px);
    png.height = static_cast<uint32_t>(image.height_px);
    png.color_type = 2;
    png.interlace = 1;
    for (const auto& [x0, y0, step_x, step_y] : kPass) {
      if (x0 >= image.width_px) continue;
      for (int y = y0; y < image.height_px; y += step_y) {
        png.rows.push_back(0);
        for (int x = x0; x < image.width_px; x += step_x) {
          png.rows.insert(png.rows.end(), image.row(y) + 3 * x, image.row(y) + 3 * x + 3);
        }
      }
    }
    EXPECT_EQ(std::get<Image8>(DecodeImage(png.Encode(), "adam7")).pixels, image.pixels) << size;
  }
}

TEST(Image, JpegIsCloseAndDeterministic) {
  Image8 image(61, 47, 3);
  for (int y = 0; y < 47; ++y) {
    for (int x = 0; x < 61; ++x) {
      image.row(y)[3 * x] = static_cast<uint8_t>(4 * x);
      image.row(y)[3 * x + 1] = static_cast<uint8_t>(5 * y);
      image.row(y)[3 * x + 2] = static_cast<uint8_t>(128 + 40 * std::sin(0.1 * x));
    }
  }
  const Bytes bytes = EncodeJpeg(image, 95);
  EXPECT_EQ(bytes, EncodeJpeg(image, 95));
  EXPECT_LT(EncodeJpeg(image, 30).size(), bytes.size());
  const Image8 again = std::get<Image8>(DecodeImage(bytes, "jpeg"));
  ASSERT_EQ(again.pixels.size(), image.pixels.size());
  double sum = 0;
  for (size_t i = 0; i < image.pixels.size(); ++i) sum += std::abs(image.pixels[i] - again.pixels[i]);
  EXPECT_LE(sum / static_cast<double>(image.pixels.size()), 2.0);
}

TEST(Image, EveryTruncationIsBadInput) {
  const auto image = RandomImage<uint8_t>(9, 7, 3, 4);
  for (const Bytes& bytes : {EncodePng(image), EncodeJpeg(image, 80)}) {
    ASSERT_NO_THROW(DecodeImage(bytes, "whole"));
    for (size_t count = 0; count < bytes.size(); ++count) {
      const ErrorCode code = CodeOf([&] { DecodeImage(std::span(bytes).first(count), "cut"); });
      if (count >= 4) {
        EXPECT_EQ(code, ErrorCode::kBadInput) << count;
      }
    }
  }
}

TEST(Image, EveryDamagedPngByteIsCaughtOrHarmless) {
  const auto image = RandomImage<uint8_t>(9, 7, 3, 5);
  const Bytes bytes = EncodePng(image);
  for (size_t i = 0; i < bytes.size(); ++i) {
    Bytes damaged = bytes;
    damaged[i] ^= 0x55;
    EXPECT_THROW(DecodeImage(damaged, "damaged"), Error) << i;
  }
}

TEST(Image, DamagedJpegNeverCrashes) {
  const Bytes bytes = EncodeJpeg(RandomImage<uint8_t>(33, 17, 3, 6), 80);
  for (size_t i = 0; i < bytes.size(); ++i) {
    Bytes damaged = bytes;
    damaged[i] ^= 0xFF;
    try {
      DecodeImage(damaged, "damaged");
    } catch (const Error&) {
    }
  }
}

TEST(Image, DeclaredSizesAreRefusedBeforeAllocation) {
  RawPng png;
  png.rows = {0, 0};
  const auto code_of = [&](uint32_t width, uint32_t height) {
    png.width = width;
    png.height = height;
    const Bytes bytes = png.Encode();
    return CodeOf([&] { DecodeImage(bytes, "huge"); });
  };
  EXPECT_EQ(code_of(16384, 16384), ErrorCode::kBadInput);            // 2^28 pixels in 70 bytes
  EXPECT_EQ(code_of(0x7FFFFFFF, 0x7FFFFFFF), ErrorCode::kBadInput);  // 2^62
  EXPECT_EQ(code_of(0xFFFFFFFF, 1), ErrorCode::kBadInput);
  EXPECT_EQ(code_of(0, 5), ErrorCode::kBadInput);
  EXPECT_EQ(code_of(5, 0), ErrorCode::kBadInput);

  Bytes jpeg = EncodeJpeg(Image8(16, 16, 1), 90);
  for (size_t i = 0; i + 9 < jpeg.size(); ++i) {
    if (jpeg[i] != 0xFF || jpeg[i + 1] != 0xC0) continue;
    for (int k = 5; k < 9; ++k) jpeg[i + k] = 0xF0;
  }
  EXPECT_EQ(CodeOf([&] { DecodeImage(jpeg, "huge"); }), ErrorCode::kBadInput);
}

TEST(Image, LargestPlausiblePngIsStillRead) {
  // Blank pictures compress best: the plausibility check must let them pass.
  Image8 blank(4096, 4096, 1);
  EXPECT_EQ(std::get<Image8>(DecodeImage(EncodePng(blank), "blank")).pixels, blank.pixels);
  RawPng bilevel;
  bilevel.width = 8192;
  bilevel.height = 8192;
  bilevel.depth = 1;
  bilevel.rows.resize((8192 / 8 + 1) * 8192);
  EXPECT_NO_THROW(DecodeImage(bilevel.Encode(), "bilevel"));
  EXPECT_NO_THROW(DecodeImage(EncodeJpeg(Image8(4096, 4096, 3), 1), "blank"));
}

TEST(Image, ErrorsNameTheFile) {
  TempDir dir;
  EXPECT_EQ(CodeOf([&] { ReadImage(dir / "absent.png"); }), ErrorCode::kNotFound);
  EXPECT_EQ(CodeOf([&] { ReadImageInfo(dir / "absent.png"); }), ErrorCode::kNotFound);
  WriteFileAtomic(dir / "text.png", std::string_view("this is no picture"));
  EXPECT_EQ(CodeOf([&] { ReadImage(dir / "text.png"); }), ErrorCode::kUnsupported);
  EXPECT_EQ(CodeOf([&] { ReadImageInfo(dir / "text.png"); }), ErrorCode::kUnsupported);
  WriteFileAtomic(dir / "empty.png", std::string_view(""));
  EXPECT_EQ(CodeOf([&] { ReadImage(dir / "empty.png"); }), ErrorCode::kBadInput);
  const Bytes png = EncodePng(Image8(4, 4, 1));
  WriteFileAtomic(dir / "cut.png", std::span(png).first(30));
  try {
    ReadImageInfo(dir / "cut.png");
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kBadInput);
    EXPECT_EQ(error.subject(), (dir / "cut.png").string());
  }
}

TEST(Image, WhatCannotBeWrittenIsRefused) {
  TempDir dir;
  EXPECT_EQ(CodeOf([&] { WriteImage(dir / "a.bmp", Image8(1, 1, 1)); }), ErrorCode::kBadInput);
  EXPECT_EQ(CodeOf([&] { WriteImage(dir / "a.jpg", Image8(1, 1, 4)); }), ErrorCode::kBadInput);
  EXPECT_EQ(CodeOf([&] { WriteImage(dir / "a.jpg", Image16(1, 1, 3)); }), ErrorCode::kBadInput);
  EXPECT_EQ(CodeOf([&] { WriteImage(dir / "a.png", Image8(0, 1, 3)); }), ErrorCode::kBadInput);
  EXPECT_EQ(CodeOf([&] { WriteImage(dir / "a.png", Image8(1, 1, 5)); }), ErrorCode::kBadInput);
  Image8 torn(4, 4, 3);
  torn.pixels.pop_back();
  EXPECT_EQ(CodeOf([&] { EncodePng(torn); }), ErrorCode::kBadInput);
  EXPECT_EQ(CodeOf([&] { EncodeJpeg(torn, 90); }), ErrorCode::kBadInput);
  EXPECT_FALSE(fs::exists(dir / "a.png"));
  WriteImage(dir / "a.PNG", Image8(1, 1, 1));
  WriteImage(dir / "a.Jpeg", Image8(1, 1, 1));
  EXPECT_EQ(ReadImageInfo(dir / "a.Jpeg").channels, 1);
}

TEST(Image, FloatConversionClampsAndRounds) {
  ImageF image(8, 1, 1);
  const float nan = std::numeric_limits<float>::quiet_NaN(), inf = std::numeric_limits<float>::infinity();
  image.pixels = {-1.0f, 0.0f, 0.5f, 1.0f, 2.0f, nan, inf, -inf};
  EXPECT_EQ(ToImage8(image).pixels, (Bytes{0, 0, 128, 255, 255, 0, 255, 0}));
  Image8 all(256, 1, 1);
  for (int i = 0; i < 256; ++i) all.pixels[i] = static_cast<uint8_t>(i);
  EXPECT_EQ(ToImage8(ToImageF(all)).pixels, all.pixels);
}

TEST(Image, DownscaleAveragesBoxes) {
  ImageF image(5, 3, 2);
  for (int y = 0; y < 3; ++y) {
    for (int x = 0; x < 5; ++x) {
      image.row(y)[2 * x] = static_cast<float>(x + 10 * y);
      image.row(y)[2 * x + 1] = 0.25f;
    }
  }
  const ImageF half = Downscale(image, 2);
  EXPECT_EQ(half.width_px, 2);
  EXPECT_EQ(half.height_px, 1);
  EXPECT_EQ(half.pixels, (std::vector<float>{5.5f, 0.25f, 7.5f, 0.25f}));
  EXPECT_EQ(Downscale(image, 1).pixels, image.pixels);
  EXPECT_EQ(CodeOf([&] { Downscale(image, 0); }), ErrorCode::kBadInput);
  EXPECT_EQ(CodeOf([&] { Downscale(image, 4); }), ErrorCode::kBadInput);
}

}  // namespace
}  // namespace takt
