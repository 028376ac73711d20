// SPDX-License-Identifier: Apache-2.0
// convert, info, render and eval.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "takt/core/base/error.h"
#include "takt/core/base/file.h"
#include "takt/core/io/image.h"
#include "takt/data/splat/convert.h"
#include "takt/data/splat/eval.h"
#include "takt/data/splat/info.h"
#include "takt/data/splat/model/test_splats.h"
#include "takt/data/splat/render.h"
#include "takt/data/splat/score.h"
#include "takt/data/splat/verbs_test_capture.h"

namespace takt::splat {
namespace {

const std::filesystem::path kFiles = std::filesystem::path(TAKT_SHARED_DATA) / "splat/files";

double PsnrOfFiles(const std::filesystem::path& a, const std::filesystem::path& b) {
  const Splats original = ReadScene(a);
  return PsnrBetween(original, ReadScene(b), JudgingCameras(original), {1, 1, 1});
}

TEST(Convert, EveryFormatShowsTheSameScene) {
  const TestFolder folder;
  WriteSplats(folder / "a.ply", TestCloud(500, 0, 3, -2.0f));
  std::filesystem::path last = folder / "a.ply";
  for (const char* name : {"b.spz", "c.compressed.ply", "d.splat", "e.tks", "f.ply"}) {
    const ConvertReport report = Convert({last, folder / name, 4, {}});
    EXPECT_EQ(report.splats, 500u) << name;
    EXPECT_EQ(report.out_bytes, std::filesystem::file_size(folder / name)) << name;
    EXPECT_GT(PsnrOfFiles(folder / "a.ply", folder / name), 30) << name;
    last = folder / name;
  }
}

TEST(Convert, TksIsNearlyLossless) {
  const TestFolder folder;
  WriteSplats(folder / "a.ply", TestCloud(500, 3, 3, -2.0f));
  Convert({folder / "a.ply", folder / "b.tks", 4, {}});
  EXPECT_GT(PsnrOfFiles(folder / "a.ply", folder / "b.tks"), 50);
}

TEST(Convert, SpzHasYUp) {
  const TestFolder folder;
  const Splats splats = TestCloud(20, 2, 3);
  WriteSplats(folder / "a.ply", splats);
  Convert({folder / "a.ply", folder / "b.spz", 3, {}});
  const Splats stored = ReadSplats(folder / "b.spz");  // as stored
  for (size_t i = 0; i < splats.size(); ++i) {
    EXPECT_NEAR(stored.means[3 * i], splats.means[3 * i], 1e-3);
    EXPECT_NEAR(stored.means[3 * i + 1], -splats.means[3 * i + 1], 1e-3);
    EXPECT_NEAR(stored.means[3 * i + 2], -splats.means[3 * i + 2], 1e-3);
  }
  SceneReport report;
  const Splats turned = ReadScene(folder / "b.spz", &report);
  EXPECT_FALSE(report.axes_note.empty());
  for (size_t i = 0; i < splats.means.size(); ++i) EXPECT_NEAR(turned.means[i], splats.means[i], 1e-3);
}

TEST(Convert, SaysWhatIsLost) {
  const TestFolder folder;
  WriteSplats(folder / "a.ply", TestCloud(20, 3, 3));
  EXPECT_FALSE(Convert({folder / "a.ply", folder / "b.splat", 4, {}}).lost.empty());
  EXPECT_TRUE(Convert({folder / "a.ply", folder / "b.ply", 4, {}}).lost.empty());
}

TEST(Info, RealFilesOfOthers) {
  if (!std::filesystem::exists(kFiles)) GTEST_SKIP() << "needs " << kFiles;
  const InfoReport spz = Info(kFiles / "biker.spz"), ply = Info(kFiles / "biker.compressed.ply");
  EXPECT_EQ(spz.scene.read.splats, 152746u);
  EXPECT_EQ(ply.scene.read.splats, 152746u);
  for (size_t k = 0; k < 3; ++k) {
    EXPECT_NEAR(spz.lower_90_in_world[k], ply.lower_90_in_world[k], 0.01);  // one scene, one set of axes
    EXPECT_LE(spz.lower_in_world[k], spz.lower_90_in_world[k]);
    EXPECT_LE(spz.upper_90_in_world[k], spz.upper_in_world[k]);
  }
  EXPECT_EQ(ErrorOf([] { Info(kFiles / "minimal.ksplat"); }).code(), ErrorCode::kUnsupported);
  EXPECT_EQ(ErrorOf([] { Info(kFiles / "nothing.ply"); }).code(), ErrorCode::kNotFound);
}

TEST(Info, TksSaysWhereItsBytesWent) {
  const TestFolder folder;
  WriteSplats(folder / "a.ply", TestCloud(500, 1, 3));
  Convert({folder / "a.ply", folder / "b.tks", 4, {}});
  const InfoReport report = Info(folder / "b.tks");
  ASSERT_TRUE(report.scene.tks);
  EXPECT_EQ(report.scene.tks->bytes.total(), std::filesystem::file_size(folder / "b.tks"));
  WriteFileAtomic(folder / "c.tks", "no such file");
  EXPECT_EQ(ErrorOf([&] { Info(folder / "c.tks"); }).code(), ErrorCode::kBadInput);
}

TEST(Eval, AgreesWithThePicturesItWasMadeFrom) {
  const TestFolder folder;
  EvalOptions options;
  options.file = folder / "a.ply";
  options.capture.path = TestCapture(folder / "capture");
  WriteSplats(options.file, TestScene());
  const EvalReport good = Eval(options);
  ASSERT_EQ(good.scores.views.size(), 2u);
  EXPECT_EQ(good.scores.views[0].name.find("images/00"), 0u) << good.scores.views[0].name;
  EXPECT_GT(good.scores.psnr_db, 45);  // the rounding of the pictures is left
  EXPECT_GT(good.scores.ssim, 0.99);
  options.all = true;
  EXPECT_EQ(Eval(options).scores.views.size(), 10u);
  options.capture.background = {0, 0, 0};
  EXPECT_LT(Eval(options).scores.psnr_db, 30);  // photographed before white
  options.capture.background = {1, 1, 1};
  options.capture.held_out_every = 0;
  EXPECT_EQ(Eval(options).scores.views.size(), 10u);
  options.all = false;
  EXPECT_EQ(ErrorOf([&] { Eval(options); }).code(), ErrorCode::kBadInput);
}

TEST(Render, ViewsOfACaptureAreItsPictures) {
  const TestFolder folder;
  RenderViewsOptions options;
  options.file = folder / "a.ply";
  options.out = folder / "views";
  options.capture.emplace().path = TestCapture(folder / "capture");
  WriteSplats(options.file, TestScene());
  const RenderViewsReport report = RenderViews(options);
  EXPECT_EQ(report.pictures, 10u);
  const Image8 ours = ReadImage8(folder / "views/images_03.png"), theirs = ReadImage8(folder / "capture/images/03.png");
  ASSERT_EQ(ours.pixels.size(), theirs.pixels.size());
  int largest = 0;
  for (size_t i = 0; i < ours.pixels.size(); ++i)
    largest = std::max(largest, std::abs(ours.pixels[i] - theirs.pixels[i]));
  EXPECT_LE(largest, 2);  // the poses went through JSON

  options.out = folder / "one.png";
  EXPECT_EQ(ErrorOf([&] { RenderViews(options); }).code(), ErrorCode::kBadInput);  // ten pictures, one file
  options.view = "images/03.png";
  EXPECT_EQ(RenderViews(options).pictures, 1u);
  EXPECT_EQ(ReadImage8(options.out).pixels, ours.pixels);
  options.view = "nothing";
  EXPECT_EQ(ErrorOf([&] { RenderViews(options); }).code(), ErrorCode::kNotFound);
}

TEST(Render, OrbitGoesAroundWhatTheCamerasLookAt) {
  const auto cameras = OrbitCameras({1, 2, 3}, {0, 0, 1}, 4, 1.5, 8, 100, 80, 0.9);
  for (const capture::Camera& camera : cameras) {
    const auto target = camera.cam_from_world.Apply({1, 2, 3});
    EXPECT_NEAR(target[0], 0, 1e-9);
    EXPECT_NEAR(target[1], 0, 1e-9);
    EXPECT_NEAR(target[2], std::hypot(4, 1.5), 1e-9);
    EXPECT_LT(camera.cam_from_world.Apply({1, 2, 4})[1], 0);  // up is up
    const auto& r = camera.cam_from_world.rotation;
    EXPECT_NEAR(
        r[0] * (r[4] * r[8] - r[5] * r[7]) - r[1] * (r[3] * r[8] - r[5] * r[6]) + r[2] * (r[3] * r[7] - r[4] * r[6]), 1,
        1e-9);
  }
  const TestFolder folder;
  RenderViewsOptions options;
  options.file = folder / "a.ply";
  options.out = folder / "orbit";
  options.orbit = 3;
  options.width_px = 40, options.height_px = 30;
  WriteSplats(options.file, TestScene());
  EXPECT_EQ(RenderViews(options).pictures, 3u);
  options.capture.emplace().path = TestCapture(folder / "capture", 5);
  const RenderViewsReport report = RenderViews(options);
  EXPECT_EQ(report.width_px, 40);
  const Image8 picture = ReadImage8(folder / "orbit/0002.png");
  EXPECT_NE(*std::min_element(picture.pixels.begin(), picture.pixels.end()), 255);  // something is in it
}

}  // namespace
}  // namespace takt::splat
