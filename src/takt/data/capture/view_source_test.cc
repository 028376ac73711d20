// SPDX-License-Identifier: Apache-2.0
#include "takt/data/capture/view_source.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <thread>

#include "takt/core/base/error.h"
#include "takt/core/base/parallel.h"
#include "takt/data/capture/undistort.h"

namespace takt::capture {
namespace {

namespace fs = std::filesystem;

const fs::path kSplatData = fs::path(TAKT_SHARED_DATA) / "splat";

class ViewSourceTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(testing::TempDir()) /
              ("view_source_" + std::string(testing::UnitTest::GetInstance()->current_test_info()->name()));
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  // A pinhole view with a picture of one colour.
  View Add(const std::string& name, const std::vector<uint8_t>& pixel, int width_px = 20, int height_px = 12) {
    Image8 picture(width_px, height_px, static_cast<int>(pixel.size()));
    for (size_t i = 0; i < picture.pixels.size(); ++i) picture.pixels[i] = pixel[i % pixel.size()];
    View view;
    view.name = name;
    view.image_path = folder_ / name;
    view.lens = {LensModel::kPinhole, width_px, height_px, {10, 10, 10, 6}};
    view.camera = UndistortedCamera(view.lens, name);
    WriteImage(view.image_path, picture);
    return view;
  }

  fs::path folder_;
};

TEST_F(ViewSourceTest, DeliversLegoAsItIs) {
  if (!fs::exists(kSplatData / "lego")) GTEST_SKIP() << "needs ../shared/data/splat/lego";
  const Capture capture = LoadCapture(kSplatData / "lego");
  ViewSource source(capture, uint64_t{1} << 30);
  const auto picture = source.Get(30);
  ASSERT_EQ(picture->channels, 4);
  EXPECT_EQ(picture->width_px, capture.views[30].camera.width_px);
  EXPECT_EQ(picture->pixels, ReadImage8(capture.views[30].image_path).pixels);
  EXPECT_EQ(source.Get(30), picture);
  EXPECT_EQ(source.resident_bytes(), picture->pixels.size());
}

TEST_F(ViewSourceTest, DeliversFoxUndistorted) {
  if (!fs::exists(kSplatData / "fox")) GTEST_SKIP() << "needs ../shared/data/splat/fox";
  const Capture capture = LoadCapture(kSplatData / "fox", {.downscale = 2});
  ViewSource source(capture, uint64_t{200} << 20);
  const View& view = capture.views[3];
  const auto picture = source.Get(3);
  ASSERT_EQ(picture->channels, 3);
  ASSERT_EQ(picture->width_px, view.camera.width_px);
  ASSERT_EQ(picture->height_px, view.camera.height_px);
  // Each undistorted pixel is near the box mean around the distorted pixel that the lens puts it at.
  const Image8 original = ReadImage8(view.image_path);
  double sum = 0, count = 0;
  for (int v = 10; v < picture->height_px; v += 37) {
    for (int u = 10; u < picture->width_px; u += 31) {
      const auto p = DistortedPixel(view.lens, (u + 0.5 - view.camera.cx) / view.camera.fx,
                                    (v + 0.5 - view.camera.cy) / view.camera.fy);
      const int x = static_cast<int>(std::lround(p[0])), y = static_cast<int>(std::lround(p[1]));
      if (x < 1 || y < 1 || x >= original.width_px || y >= original.height_px) continue;
      double mean = 0;
      for (int j = -1; j <= 0; ++j) {
        for (int i = -1; i <= 0; ++i) mean += original.row(y + j)[3 * (x + i)] / 4.0;
      }
      sum += std::abs(mean - picture->row(v)[3 * u]);
      ++count;
    }
  }
  EXPECT_GT(count, 400);
  EXPECT_LE(sum / count, 2.0);
}

TEST_F(ViewSourceTest, StaysWithinItsBudgetAndForgetsTheOldest) {
  Capture capture;
  for (int i = 0; i < 5; ++i) {
    capture.views.push_back(Add(std::to_string(i) + ".png", {static_cast<uint8_t>(i), 0, 0}));
  }
  constexpr uint64_t kPicture_bytes = 20 * 12 * 3;
  ViewSource source(capture, 2 * kPicture_bytes + 100);
  const auto first = source.Get(0);
  const auto second = source.Get(1);
  EXPECT_EQ(source.Get(0), first);  // now 1 is the oldest
  const auto third = source.Get(2);
  EXPECT_EQ(source.resident_bytes(), 2 * kPicture_bytes);
  EXPECT_EQ(source.Get(0), first);
  EXPECT_NE(source.Get(1), second);
  EXPECT_EQ(source.Get(1)->pixels, second->pixels);
  ViewSource none(capture, 10);
  EXPECT_EQ(none.Get(4)->pixels[0], 4);
  EXPECT_EQ(none.resident_bytes(), 0u);
}

TEST_F(ViewSourceTest, TablesOfLensesShareTheBudget) {
  Capture capture;
  for (int i = 0; i < 6; ++i) {
    View view = Add(std::to_string(i) + ".png", {static_cast<uint8_t>(40 * i), 7, 9}, 40, 30);
    view.lens = {LensModel::kSimpleRadial, 40, 30, {50, 20, 15, -0.05 - 0.01 * (i % 3)}};
    view.camera = UndistortedCamera(view.lens, view.name);
    capture.views.push_back(view);
  }
  for (const uint64_t max_bytes : {0, 5000, 20000, 60000, 1000000}) {
    ViewSource source(capture, max_bytes);
    for (int round = 0; round < 3; ++round) {
      for (size_t i = 0; i < 6; ++i) {
        const auto picture = source.Get(i);
        EXPECT_EQ(picture->width_px, capture.views[i].camera.width_px);
        EXPECT_EQ(picture->pixels[0], 40 * i);
        EXPECT_LE(source.resident_bytes(), max_bytes);
      }
    }
  }
}

TEST_F(ViewSourceTest, BringsEveryPictureToTheSameChannels) {
  Capture capture;
  capture.views = {Add("grey.png", {90}), Add("grey_alpha.png", {90, 30}), Add("rgb.png", {1, 2, 3}),
                   Add("rgba.png", {1, 2, 3, 4}), Add("photo.jpg", {200})};
  capture.has_alpha = true;
  ViewSource source(capture, 1 << 20);
  const std::vector<std::vector<uint8_t>> expected = {
      {90, 90, 90, 255}, {90, 90, 90, 30}, {1, 2, 3, 255}, {1, 2, 3, 4}, {200, 200, 200, 255}};
  for (size_t i = 0; i < expected.size(); ++i) {
    const auto picture = source.Get(i);
    ASSERT_EQ(picture->channels, 4);
    EXPECT_EQ(std::vector<uint8_t>(picture->pixels.begin(), picture->pixels.begin() + 4), expected[i]);
  }
  capture.has_alpha = false;
  EXPECT_EQ(ViewSource(capture, 1 << 20).Get(0)->channels, 3);
}

TEST_F(ViewSourceTest, MasksBecomeAlpha) {
  Capture capture;
  View masked = Add("rgba.png", {10, 20, 30, 128});
  masked.mask_path = Add("mask.png", {128, 0, 0}).image_path;
  View plain = Add("rgb.png", {10, 20, 30});
  plain.mask_path = Add("black.png", {0}).image_path;
  View wrong = Add("other.png", {10, 20, 30});
  wrong.mask_path = Add("small.png", {255}, 5, 5).image_path;
  capture.views = {masked, plain, wrong};
  capture.has_alpha = true;
  ViewSource source(capture, 1 << 20);
  EXPECT_EQ(source.Get(0)->pixels[3], 64);
  EXPECT_EQ(source.Get(0)->pixels[0], 10);
  EXPECT_EQ(source.Get(1)->pixels[3], 0);
  try {
    source.Get(2);
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kBadInput);
    EXPECT_EQ(e.subject(), wrong.mask_path.string());
  }
}

TEST_F(ViewSourceTest, NamesThePictureThatChangedOrWent) {
  Capture capture;
  capture.views = {Add("a.png", {1, 2, 3}), Add("b.png", {1, 2, 3})};
  Add("a.png", {1, 2, 3}, 8, 8);
  fs::remove(capture.views[1].image_path);
  ViewSource source(capture, 1 << 20);
  for (const auto& [i, code] :
       {std::pair(0, ErrorCode::kBadInput), {1, ErrorCode::kNotFound}, {2, ErrorCode::kNotFound}}) {
    try {
      source.Get(static_cast<size_t>(i));
      ADD_FAILURE() << i;
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), code);
      if (i < 2) {
        EXPECT_EQ(e.subject(), capture.views[static_cast<size_t>(i)].image_path.string());
      }
    }
  }
}

TEST_F(ViewSourceTest, ManyThreadsSeeTheSamePictures) {
  Capture capture;
  for (int i = 0; i < 8; ++i) {
    View view = Add(std::to_string(i) + ".png", {static_cast<uint8_t>(30 * i), 1, 2}, 64, 48);
    view.lens = {LensModel::kSimpleRadial, 64, 48, {60, 32, 24, -0.05}};
    view.camera = UndistortedCamera(view.lens, view.name);
    capture.views.push_back(view);
  }
  ViewSource source(capture, 3 * 64 * 48 * 3);
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (size_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (size_t k = 0; k < 64; ++k) {
        const size_t i = (k * (2 * t + 1) + t) % 8;
        wrong += source.Get(i)->pixels[0] != 30 * i;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  // Inside a parallel loop too: the loops of the resampling are nested in it.
  ParallelFor(64, 1, [&](size_t begin, size_t) { wrong += source.Get(begin % 8)->pixels[0] != 30 * (begin % 8); });
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace takt::capture
