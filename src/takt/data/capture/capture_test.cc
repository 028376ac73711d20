// SPDX-License-Identifier: Apache-2.0
#include "takt/data/capture/capture.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "takt/core/base/error.h"

namespace takt::capture {
namespace {

namespace fs = std::filesystem;

const fs::path kSplatData = fs::path(TAKT_SHARED_DATA) / "splat";

size_t HeldOutCount(const Capture& capture) {
  return static_cast<size_t>(
      std::count_if(capture.views.begin(), capture.views.end(), [](const View& v) { return v.held_out; }));
}

TEST(CaptureTest, ReadsLegoAsBlenderWroteIt) {
  if (!fs::exists(kSplatData / "lego")) GTEST_SKIP() << "needs ../shared/data/splat/lego";
  const Capture capture = LoadCapture(kSplatData / "lego");
  EXPECT_EQ(capture.source, "blender");
  EXPECT_EQ(capture.views.size(), 125u);
  EXPECT_EQ(HeldOutCount(capture), 25u);
  EXPECT_TRUE(capture.has_alpha);
  ASSERT_EQ(capture.warnings.size(), 1u);
  EXPECT_NE(capture.warnings[0].find("175 of 200"), std::string::npos) << capture.warnings[0];
  EXPECT_TRUE(std::is_sorted(capture.views.begin(), capture.views.end(),
                             [](const View& a, const View& b) { return a.name < b.name; }));
  const View& view = capture.views.front();
  EXPECT_EQ(view.name, "test/r_0");
  EXPECT_EQ(view.camera.width_px, 800);
  EXPECT_NEAR(view.camera.fx, 1111.1111, 1e-3);
  EXPECT_EQ(view.camera.fx, view.camera.fy);
  EXPECT_EQ(view.camera.cx, 400);
  EXPECT_EQ(view.lens.model, LensModel::kPinhole);
  for (const View& v : capture.views) {
    // Every camera stands 4.03 from the origin and looks at it: the origin projects to the middle of the picture.
    const auto origin = v.camera.cam_from_world.Apply({0, 0, 0});
    EXPECT_NEAR(origin[2], 4.031, 2e-3) << v.name;
    EXPECT_NEAR(origin[0], 0, 1e-5) << v.name;
    EXPECT_NEAR(origin[1], 0, 1e-5) << v.name;
    // World z is up: it points against the camera's y (down).
    EXPECT_LE(v.camera.cam_from_world.rotation[5], 0) << v.name;
  }
  EXPECT_GT(capture.extent, 4);
  EXPECT_LT(capture.extent, 6);
}

TEST(CaptureTest, ReadsFoxWithItsLens) {
  if (!fs::exists(kSplatData / "fox")) GTEST_SKIP() << "needs ../shared/data/splat/fox";
  const Capture capture = LoadCapture(kSplatData / "fox");
  EXPECT_EQ(capture.source, "transforms");
  EXPECT_EQ(capture.views.size(), 50u);
  EXPECT_EQ(HeldOutCount(capture), 7u);
  EXPECT_TRUE(capture.views[0].held_out && capture.views[8].held_out);
  EXPECT_FALSE(capture.has_alpha);
  EXPECT_EQ(capture.warnings.size(), 1u);
  const View& view = capture.views.front();
  EXPECT_EQ(view.name, "images/0001.jpg");
  EXPECT_EQ(view.lens.model, LensModel::kOpenCv);
  EXPECT_EQ(view.lens.width_px, 1080);
  EXPECT_EQ(view.lens.height_px, 1920);
  EXPECT_EQ(view.camera.fx, 1375.52);
  EXPECT_NEAR(view.camera.width_px, 1080, 60);
  EXPECT_NEAR(view.camera.height_px, 1920, 100);
  const Capture chosen = LoadCapture(kSplatData / "fox", {.downscale = 0});  // two megapixels become half of one
  EXPECT_EQ(chosen.views[0].downscale, 2);
  const Capture half = LoadCapture(kSplatData / "fox" / "transforms.json", {.held_out_every = 0, .downscale = 2});
  EXPECT_EQ(HeldOutCount(half), 0u);
  EXPECT_EQ(half.views[0].camera.width_px, view.camera.width_px / 2);
  EXPECT_EQ(half.views[0].camera.fx, view.camera.fx / 2);
}

TEST(CaptureTest, RefusesOptionsThatMakeNoSense) {
  for (const double downscale : {0.5, 1.5, -1.0, 1e9, std::nan("")}) {
    EXPECT_THROW(LoadCapture(".", {.downscale = downscale}), Error);
  }
  EXPECT_THROW(LoadCapture(".", {.held_out_every = 1}), Error);
  EXPECT_THROW(LoadCapture(".", {.held_out_every = -8}), Error);
}

TEST(CaptureTest, NamesAFolderWithoutCapture) {
  try {
    LoadCapture("/nowhere/at/all");
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kNotFound);
    EXPECT_EQ(e.subject(), "/nowhere/at/all");
  }
}

}  // namespace
}  // namespace takt::capture
