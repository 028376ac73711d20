// SPDX-License-Identifier: Apache-2.0
#include "takt/data/capture/colmap.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numbers>

#include "takt/core/base/bytes.h"
#include "takt/core/base/error.h"
#include "takt/core/base/file.h"
#include "takt/core/io/image.h"
#include "takt/data/capture/capture.h"

namespace takt::capture {
namespace {

namespace fs = std::filesystem;

constexpr int kWidth_px = 64, kHeight_px = 48;

// A model as COLMAP writes it, in both encodings: one camera of each lens model, an image for each camera on a circle.
struct Model {
  ByteWriter cameras_bin, images_bin, points_bin;
  std::string cameras_text = "# Camera list\n#   CAMERA_ID, MODEL, WIDTH, HEIGHT, PARAMS[]\n";
  std::string images_text = "# Image list with two lines of data per image:\n";
  std::string points_text = "# 3D point list\n";
};

std::vector<std::vector<double>> ParamsOfModels() {
  return {{60, 32, 24},
          {60, 61, 32, 24},
          {60, 32, 24, -0.05},
          {60, 32, 24, 0.05, -0.02},
          {60, 61, 32, 24, -0.05, 0.01, 0.001, -0.002},
          {60, 61, 32, 24, 0.01, -0.01, 0.001, -0.001},
          {60, 61, 32, 24, -0.05, 0.01, 0.001, -0.002, 0.01, 0.02, 0.001, 0.0001},
          {60, 61, 32, 24, 0.4},
          {60, 32, 24, 0.01},
          {60, 32, 24, 0.01, -0.01},
          {60, 61, 32, 24, 0.01, -0.01, 0.001, -0.001, 0.001, -0.001, 0.002, -0.001}};
}

std::string ImageName(size_t i) { return fmt::format("cam/view {:02}.png", i); }

Model MakeModel() {
  Model m;
  const auto params = ParamsOfModels();
  const size_t count = params.size();
  m.cameras_bin.Write<uint64_t>(count);
  m.images_bin.Write<uint64_t>(count);
  for (size_t i = 0; i < count; ++i) {
    const uint32_t camera_id = static_cast<uint32_t>(10 * i + 3), image_id = static_cast<uint32_t>(100 - i);
    m.cameras_bin.Write<uint32_t>(camera_id);
    m.cameras_bin.Write<int32_t>(static_cast<int32_t>(i));
    m.cameras_bin.Write<uint64_t>(kWidth_px);
    m.cameras_bin.Write<uint64_t>(kHeight_px);
    m.cameras_text +=
        fmt::format("{} {} {} {}", camera_id, LensModelName(static_cast<LensModel>(i)), kWidth_px, kHeight_px);
    for (const double p : params[i]) {
      m.cameras_bin.Write<double>(p);
      m.cameras_text += fmt::format(" {}", p);
    }
    m.cameras_text += "\n";

    const double half_angle = std::numbers::pi * static_cast<double>(i) / static_cast<double>(count);
    const double pose[] = {
        std::cos(half_angle), 0, std::sin(half_angle), 0, 0.5, -0.25, 3 + 0.1 * static_cast<double>(i)};
    m.images_bin.Write<uint32_t>(image_id);
    m.images_text += fmt::format("{}", image_id);
    for (const double p : pose) {
      m.images_bin.Write<double>(p);
      m.images_text += fmt::format(" {}", p);
    }
    m.images_bin.Write<uint32_t>(camera_id);
    const std::string name = ImageName(i);
    m.images_bin.Append(std::span(reinterpret_cast<const uint8_t*>(name.c_str()), name.size() + 1));
    m.images_text += fmt::format(" {} {}\n", camera_id, name);
    m.images_bin.Write<uint64_t>(i % 3);
    for (size_t k = 0; k < i % 3; ++k) {
      m.images_bin.Write<double>(1.5);
      m.images_bin.Write<double>(2.5);
      m.images_bin.Write<uint64_t>(k == 0 ? ~uint64_t{0} : 7);
      m.images_text += k == 0 ? "1.5 2.5 -1" : " 1.5 2.5 7";
    }
    m.images_text += "\n";
  }
  m.points_bin.Write<uint64_t>(3);
  for (uint64_t i = 0; i < 3; ++i) {
    const double x = 0.25 * static_cast<double>(i), y = i == 1 ? std::nan("") : -1.75;
    m.points_bin.Write<uint64_t>(30 - i);
    for (const double v : {x, y, 0.1}) m.points_bin.Write<double>(v);
    for (const uint8_t v : {10, 20, 255}) m.points_bin.Write<uint8_t>(v);
    m.points_bin.Write<double>(0.5);
    m.points_bin.Write<uint64_t>(i);
    m.points_text += fmt::format("{} {} {} 0.1 10 20 255 0.5", 30 - i, x, y);
    for (uint64_t k = 0; k < i; ++k) {
      m.points_bin.Write<uint32_t>(100);
      m.points_bin.Write<uint32_t>(0);
      m.points_text += " 100 0";
    }
    m.points_text += "\n";
  }
  return m;
}

template <class Parse>
void ExpectEveryTruncationRefused(const std::vector<uint8_t>& bytes, const Parse& parse) {
  for (size_t size = 0; size < bytes.size(); ++size) {
    try {
      parse(std::span(bytes).first(size));
      ADD_FAILURE() << "accepted the first " << size << " of " << bytes.size() << " bytes";
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ErrorCode::kBadInput);
    }
  }
}

// The error of parse(), which must be bad_input and mention `mentions`.
template <class Parse>
void ExpectBadInput(const Parse& parse, const std::string& mentions) {
  try {
    parse();
    ADD_FAILURE() << "accepted: " << mentions;
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kBadInput) << e.what();
    EXPECT_NE(std::string(e.what()).find(mentions), std::string::npos) << e.what();
  }
}

class ColmapTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(testing::TempDir()) /
              (std::string("colmap_") + testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::remove_all(folder_);
    fs::create_directories(folder_ / "images" / "cam");
    for (size_t i = 0; i < ParamsOfModels().size(); ++i) {
      WriteImage(folder_ / "images" / ImageName(i), Image8(kWidth_px, kHeight_px, 3));
    }
  }
  void TearDown() override { fs::remove_all(folder_); }

  void WriteBin(const fs::path& to) {
    fs::create_directories(to);
    WriteFileAtomic(to / "cameras.bin", model_.cameras_bin.bytes());
    WriteFileAtomic(to / "images.bin", model_.images_bin.bytes());
    WriteFileAtomic(to / "points3D.bin", model_.points_bin.bytes());
    WriteFileAtomic(to / "rigs.bin", std::string_view("not read"));
  }
  void WriteText(const fs::path& to) {
    fs::create_directories(to);
    WriteFileAtomic(to / "cameras.txt", model_.cameras_text);
    WriteFileAtomic(to / "images.txt", model_.images_text);
    WriteFileAtomic(to / "points3D.txt", model_.points_text);
  }

  const Model model_ = MakeModel();
  fs::path folder_;
};

TEST_F(ColmapTest, BinaryAndTextAreTheSameCapture) {
  WriteText(folder_);
  const Capture text = LoadCapture(folder_);
  WriteBin(folder_);  // preferred over the text that is still there
  const Capture bin = LoadCapture(folder_);
  EXPECT_EQ(bin.source, "colmap");
  ASSERT_EQ(bin.views.size(), 11u);
  ASSERT_EQ(text.views.size(), bin.views.size());
  for (size_t i = 0; i < bin.views.size(); ++i) {
    const View &a = bin.views[i], &b = text.views[i];
    EXPECT_EQ(a.name, ImageName(i));
    EXPECT_EQ(a.name, b.name);
    EXPECT_EQ(a.lens, b.lens);
    EXPECT_EQ(a.held_out, i % 8 == 0);
    EXPECT_EQ(a.camera.width_px, b.camera.width_px);
    EXPECT_EQ(a.camera.cx, b.camera.cx);
    EXPECT_EQ(a.camera.cam_from_world.rotation, b.camera.cam_from_world.rotation);
    EXPECT_EQ(a.camera.cam_from_world.translation, b.camera.cam_from_world.translation);
    EXPECT_EQ(a.camera.cam_from_world.translation[2], 3 + 0.1 * static_cast<double>(i));
    // Models without distortion need no resampling.
    EXPECT_EQ(a.lens.model, i == 0 ? LensModel::kPinhole : static_cast<LensModel>(i));
  }
  // A quaternion about y by 2 pi 3 / 11: x of the rotation is cos.
  EXPECT_NEAR(bin.views[3].camera.cam_from_world.rotation[0], std::cos(2 * std::numbers::pi * 3 / 11), 1e-12);
  EXPECT_NEAR(bin.views[3].camera.cam_from_world.rotation[2], std::sin(2 * std::numbers::pi * 3 / 11), 1e-12);
  ASSERT_EQ(bin.points.size(), 2u);
  ASSERT_EQ(text.points.size(), 2u);
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(bin.points[i].p_in_world, text.points[i].p_in_world);
    EXPECT_EQ(bin.points[i].rgb, (std::array<uint8_t, 3>{10, 20, 255}));
  }
  EXPECT_EQ(bin.points[0].p_in_world[0], 0.5);  // in order of the ids
  ASSERT_EQ(bin.warnings.size(), 1u);
  EXPECT_NE(bin.warnings[0].find("1 points"), std::string::npos);
}

TEST_F(ColmapTest, FindsTheModelInSparseAndMasks) {
  WriteBin(folder_ / "sparse" / "0");
  fs::create_directories(folder_ / "masks" / "cam");
  WriteImage(folder_ / "masks" / (ImageName(0) + ".png"), Image8(kWidth_px, kHeight_px, 1));
  WriteImage(folder_ / "masks" / ImageName(1), Image8(kWidth_px, kHeight_px, 1));
  Capture capture = LoadCapture(folder_);
  EXPECT_TRUE(capture.has_alpha);
  EXPECT_FALSE(capture.views[0].mask_path.empty());
  EXPECT_FALSE(capture.views[1].mask_path.empty());
  EXPECT_TRUE(capture.views[2].mask_path.empty());
  WriteImage(folder_ / "masks" / ImageName(2), Image8(kWidth_px, kHeight_px + 1, 1));
  ExpectBadInput([&] { LoadCapture(folder_); }, ImageName(2));
}

TEST_F(ColmapTest, GoesOnWithoutPoints) {
  WriteText(folder_ / "sparse");
  fs::remove(folder_ / "sparse" / "points3D.txt");
  const Capture capture = LoadCapture(folder_);
  EXPECT_TRUE(capture.points.empty());
  EXPECT_EQ(capture.warnings.size(), 1u);
}

TEST_F(ColmapTest, NamesTheMissingAndTheWrongPicture) {
  WriteBin(folder_);
  fs::remove(folder_ / "images" / ImageName(4));
  try {
    LoadCapture(folder_);
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kNotFound);
    EXPECT_EQ(e.subject(), (folder_ / "images" / ImageName(4)).string());
  }
  WriteImage(folder_ / "images" / ImageName(4), Image8(kWidth_px / 2, kHeight_px / 2, 3));
  ExpectBadInput([&] { LoadCapture(folder_); }, ImageName(4));
  WriteFileAtomic(folder_ / "images" / ImageName(4), std::string_view("not a picture at all"));
  try {
    LoadCapture(folder_);
    FAIL();
  } catch (const Error& e) {
    EXPECT_NE(e.subject().find(ImageName(4)), std::string::npos);
  }
}

TEST_F(ColmapTest, NamesAnImageWithoutCamera) {
  WriteText(folder_);
  WriteFileAtomic(folder_ / "cameras.txt", std::string_view("3 PINHOLE 64 48 60 60 32 24\n"));
  ExpectBadInput([&] { LoadCapture(folder_); }, "is not in cameras.txt");
}

TEST_F(ColmapTest, RefusesEveryTruncation) {
  ExpectEveryTruncationRefused(model_.cameras_bin.bytes(), [](auto b) { return ParseColmapCamerasBin(b, "c"); });
  ExpectEveryTruncationRefused(model_.images_bin.bytes(), [](auto b) { return ParseColmapImagesBin(b, "i"); });
  size_t left_out = 0;
  ExpectEveryTruncationRefused(model_.points_bin.bytes(),
                               [&](auto b) { return ParseColmapPointsBin(b, "p", left_out); });
}

TEST_F(ColmapTest, RefusesLyingCountsBeforeAllocating) {
  size_t left_out = 0;
  for (const uint64_t count : {uint64_t{12}, uint64_t{1} << 32, uint64_t{1} << 63, ~uint64_t{0}}) {
    const auto with_count = [&](std::vector<uint8_t> bytes) {
      std::memcpy(bytes.data(), &count, sizeof count);
      return bytes;
    };
    EXPECT_THROW(ParseColmapCamerasBin(with_count(model_.cameras_bin.bytes()), "c"), Error);
    EXPECT_THROW(ParseColmapImagesBin(with_count(model_.images_bin.bytes()), "i"), Error);
    EXPECT_THROW(ParseColmapPointsBin(with_count(model_.points_bin.bytes()), "p", left_out), Error);
  }
  // Too few is a lie as well.
  auto bytes = model_.cameras_bin.bytes();
  bytes[0] = 1;
  ExpectBadInput([&] { ParseColmapCamerasBin(bytes, "c"); }, "follow its last entry");
}

TEST(ColmapParserTest, NamesTheUnknownModel) {
  ByteWriter w;
  w.Write<uint64_t>(1);
  w.Write<uint32_t>(7);
  w.Write<int32_t>(17);
  for (int i = 0; i < 16; ++i) w.Write<double>(1);
  ExpectBadInput([&] { ParseColmapCamerasBin(w.bytes(), "x/cameras.bin"); },
                 "x/cameras.bin: camera 7: unknown camera model id 17");
  ExpectBadInput([&] { ParseColmapCamerasText("7 EQUIRECTANGULAR 64 48\n", "cameras.txt"); },
                 "cameras.txt:1: camera 7: unknown camera model EQUIRECTANGULAR");
}

TEST(ColmapParserTest, RefusesDamagedText) {
  const std::pair<const char*, const char*> cameras[] = {
      {"1 PINHOLE 64 48 60 60 32", "too early"},
      {"1 PINHOLE 64 48 60 60 32 24 9", "more than"},
      {"1 PINHOLE 0 48 60 60 32 24", "0 x 48"},
      {"1 PINHOLE 64 48 nan 60 32 24", "not finite"},
      {"1 PINHOLE 64 48 60 1e999 32 24", "not a number"},
      {"1 PINHOLE 64 48 -60 60 32 24", "focal length"},
      {"1 PINHOLE 9223372036854775808 48 60 60 32 24", "pixels"},
      {"x PINHOLE 64 48 60 60 32 24", "not a number"},
      {"1", "unknown camera model"},
      {"1 PINHOLE 64 48 60 60 32 24\n1 PINHOLE 64 48 60 60 32 24", "twice"}};
  for (const auto& [text, mentions] : cameras) {
    ExpectBadInput([&] { ParseColmapCamerasText(text, "cameras.txt"); }, mentions);
  }
  const std::pair<const char*, const char*> images[] = {
      {"1 1 0 0 0 0 0 0 1", "empty name"},
      {"1 1 0 0 0 nan 0 0 1 a.png", "a.png): the pose is not finite"},
      {"1 nan 0 0 0 0 0 0 1 a.png", "a.png): the pose is not finite"},
      {"1 0 0 0 0 0 0 0 1 a.png", "not rigid"},
      {"1 2 0 0 0 0 0 0 1 a.png", "not rigid"},
      {"1 1 0 0 0 0 0 0 1 a.png\n2 1 0 0 0 0 0 0 1 b.png\n", "images.txt:2"},
      {"1 1 0 0 0 0 0 0 1 a.png\n\n1 1 0 0 0 0 0 0 1 b.png\n", "twice"},
      {"1 1 0 0", "too early"}};
  for (const auto& [text, mentions] : images) {
    ExpectBadInput([&] { ParseColmapImagesText(text, "images.txt"); }, mentions);
  }
  size_t left_out = 0;
  for (const char* text : {"1 0 0 0 256 0 0 1", "1 0 0", "1 0 0 0 -1 0 0", "-1 0 0 0 1 1 1"}) {
    EXPECT_THROW(ParseColmapPointsText(text, "points3D.txt", left_out), Error) << text;
  }
}

TEST(ColmapParserTest, ReadsWindowsLineEndsAndNamesWithBlanks) {
  const auto images = ParseColmapImagesText("# x\r\n\r\n4 1 0 0 0 0 0 1 2  my picture.png \r\n\r\n", "images.txt");
  ASSERT_EQ(images.size(), 1u);
  EXPECT_EQ(images.at(4).name, "my picture.png");
  EXPECT_EQ(images.at(4).camera_id, 2u);
}

}  // namespace
}  // namespace takt::capture
