// SPDX-License-Identifier: Apache-2.0
#include "takt/data/capture/undistort.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "takt/core/base/error.h"
#include "takt/core/base/parallel.h"
#include "takt/core/base/rng.h"

namespace takt::capture {
namespace {

// A lens of each model with distortion as real ones have it.
std::vector<Lens> AllModels() {
  return {
      {LensModel::kSimplePinhole, 320, 240, {250, 161, 118}},
      {LensModel::kPinhole, 320, 240, {250, 255, 161, 118}},
      {LensModel::kSimpleRadial, 320, 240, {250, 161, 118, -0.15}},
      {LensModel::kRadial, 320, 240, {250, 161, 118, 0.1, -0.05}},
      {LensModel::kOpenCv, 320, 240, {250, 255, 161, 118, -0.2, 0.04, 0.002, -0.001}},
      {LensModel::kOpenCvFisheye, 320, 240, {180, 181, 161, 118, 0.02, -0.01, 0.002, -0.001}},
      {LensModel::kFullOpenCv, 320, 240, {250, 255, 161, 118, 0.3, -0.1, 0.001, 0.002, 0.02, 0.4, -0.1, 0.01}},
      {LensModel::kFov, 320, 240, {200, 201, 161, 118, 0.9}},
      {LensModel::kSimpleRadialFisheye, 320, 240, {180, 161, 118, -0.02}},
      {LensModel::kRadialFisheye, 320, 240, {180, 161, 118, 0.01, -0.01}},
      {LensModel::kThinPrismFisheye,
       320,
       240,
       {180, 181, 161, 118, 0.02, -0.01, 0.001, -0.001, 0.001, -0.001, 0.002, -0.001}},
  };
}

// A smooth scene over viewing directions, in grey levels.
double Scene(double x, double y, int channel) {
  return 128 + 100 * std::sin(4 * x + channel) * std::cos(5 * y - channel);
}

// The picture that `lens` takes of the scene: each distorted pixel's direction by Newton's method on the lens.
Image8 Photograph(const Lens& lens) {
  Image8 picture(lens.width_px, lens.height_px, 3);
  const PinholeParams pinhole = PinholeParamsOf(lens);
  for (int v = 0; v < lens.height_px; ++v) {
    double x = (0.5 - pinhole.cx) / pinhole.fx, y = (v + 0.5 - pinhole.cy) / pinhole.fy;
    for (int u = 0; u < lens.width_px; ++u) {
      for (int i = 0; i < (u == 0 ? 20 : 4); ++i) {  // each pixel starts where its neighbour ended
        constexpr double kStep = 1e-6;
        const auto p = DistortedPixel(lens, x, y);
        const auto px = DistortedPixel(lens, x + kStep, y), py = DistortedPixel(lens, x, y + kStep);
        const double a = (px[0] - p[0]) / kStep, b = (py[0] - p[0]) / kStep;
        const double c = (px[1] - p[1]) / kStep, d = (py[1] - p[1]) / kStep;
        const double ru = u + 0.5 - p[0], rv = v + 0.5 - p[1], det = a * d - b * c;
        x += (d * ru - b * rv) / det;
        y += (a * rv - c * ru) / det;
      }
      for (int k = 0; k < 3; ++k) picture.row(v)[3 * u + k] = static_cast<uint8_t>(Scene(x, y, k) + 0.5);
    }
  }
  return picture;
}

TEST(UndistortTest, EveryModelComesBackAsAPinholeView) {
  for (const Lens& lens : AllModels()) {
    SCOPED_TRACE(LensModelName(lens.model));
    const Camera camera = UndistortedCamera(lens, "lens");
    const PinholeParams pinhole = PinholeParamsOf(lens);
    EXPECT_EQ(camera.fx, pinhole.fx);
    EXPECT_EQ(camera.fy, pinhole.fy);
    // The same pixel grid: the crop is whole pixels.
    EXPECT_NEAR(std::remainder(camera.cx - pinhole.cx, 1.0), 0, 1e-9);
    EXPECT_NEAR(std::remainder(camera.cy - pinhole.cy, 1.0), 0, 1e-9);
    const Image8 picture = UndistortMap(lens, camera).Apply(Photograph(lens));
    ASSERT_EQ(picture.width_px, camera.width_px);
    ASSERT_EQ(picture.height_px, camera.height_px);
    double worst = 0;
    for (int v = 0; v < camera.height_px; ++v) {
      for (int u = 0; u < camera.width_px; ++u) {
        const double x = (u + 0.5 - camera.cx) / camera.fx, y = (v + 0.5 - camera.cy) / camera.fy;
        for (int k = 0; k < 3; ++k) worst = std::max(worst, std::abs(picture.row(v)[3 * u + k] - Scene(x, y, k)));
      }
    }
    EXPECT_LE(worst, 2.0);  // rounding twice, 1/256 px, and the bend of the scene within a pixel
  }
}

TEST(UndistortTest, ShowsNoPixelFromOutsideAndCouldNotGrow) {
  for (const Lens& lens : AllModels()) {
    SCOPED_TRACE(LensModelName(lens.model));
    const Camera camera = UndistortedCamera(lens, "lens");
    const auto inside = [&](int u, int v) {
      const auto p = DistortedPixel(lens, (u + 0.5 - camera.cx) / camera.fx, (v + 0.5 - camera.cy) / camera.fy);
      return p[0] >= 0.499 && p[0] <= lens.width_px - 0.499 && p[1] >= 0.499 && p[1] <= lens.height_px - 0.499;
    };
    for (int v = 0; v < camera.height_px; ++v) {
      for (int u = 0; u < camera.width_px; ++u) ASSERT_TRUE(inside(u, v)) << u << " " << v;
    }
    // A ring two pixels further out meets the outside on every side.
    const auto side_is_inside = [&](int u0, int v0, int u1, int v1) {
      for (int u = u0; u <= u1; ++u) {
        for (int v = v0; v <= v1; ++v) {
          if (!inside(u, v)) return false;
        }
      }
      return true;
    };
    const int w = camera.width_px, h = camera.height_px;
    EXPECT_FALSE(w < 2 * lens.width_px - 8 && side_is_inside(-4, 0, -4, h - 1));
    EXPECT_FALSE(w < 2 * lens.width_px - 8 && side_is_inside(w + 3, 0, w + 3, h - 1));
    EXPECT_FALSE(h < 2 * lens.height_px - 8 && side_is_inside(0, -4, w - 1, -4));
    EXPECT_FALSE(h < 2 * lens.height_px - 8 && side_is_inside(0, h + 3, w - 1, h + 3));
  }
}

TEST(UndistortTest, NoDistortionIsTheIdentity) {
  const Rng rng(7);
  for (const LensModel model : {LensModel::kOpenCv, LensModel::kPinhole, LensModel::kFullOpenCv, LensModel::kFov}) {
    const Lens lens = {model, 67, 45, {50, 51, 30.3, 22.8}};
    const Camera camera = UndistortedCamera(lens, "lens");
    EXPECT_EQ(camera.width_px, 67);
    EXPECT_EQ(camera.height_px, 45);
    EXPECT_EQ(camera.cx, 30.3);
    for (int channels = 1; channels <= 4; ++channels) {
      Image8 picture(67, 45, channels);
      for (size_t i = 0; i < picture.pixels.size(); ++i)
        picture.pixels[i] = static_cast<uint8_t>(1 + rng.Below(i, 255));
      EXPECT_EQ(UndistortMap(lens, camera).Apply(picture).pixels, picture.pixels);
    }
  }
  // As good as no distortion, through the search for the outline.
  const Camera camera = UndistortedCamera({LensModel::kSimpleRadial, 67, 45, {50, 30.3, 22.8, 1e-12}}, "lens");
  EXPECT_EQ(camera.width_px, 67);
  EXPECT_EQ(camera.height_px, 45);
}

TEST(UndistortTest, ExtremeParametersEndInAnErrorOrAUsableView) {
  const double values[] = {
      0, 1, -1, 1e3, -1e3, 1e300, -1e300, 1e-300, std::numeric_limits<double>::infinity(), std::nan("")};
  const Rng rng(11);
  uint64_t draw = 0;
  int usable = 0;
  for (int trial = 0; trial < 600; ++trial) {
    Lens lens = AllModels()[static_cast<size_t>(trial) % 11];
    lens.width_px = 64, lens.height_px = 48;
    for (int i = 0; i < LensParamCount(lens.model); ++i) {
      if (rng.Below(draw++, 4) == 0) lens.params[i] = values[rng.Below(draw++, std::size(values))];
    }
    try {
      const Camera camera = UndistortedCamera(lens, "lens");
      ++usable;
      EXPECT_LE(camera.width_px, 130);
      EXPECT_LE(camera.height_px, 98);
      const Image8 picture = UndistortMap(lens, camera).Apply(Image8(64, 48, 4));
      EXPECT_EQ(picture.width_px, camera.width_px);
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ErrorCode::kBadInput);
      EXPECT_EQ(e.subject(), "lens");
    }
  }
  EXPECT_GT(usable, 30);
}

TEST(UndistortTest, AMapOfNonsenseStaysInsideThePicture) {
  const Lens lens = {LensModel::kSimpleRadial, 16, 16, {1e-3, 8, 8, 1e308}};
  const Camera camera = {
      .width_px = 40, .height_px = 40, .fx = 1e-3, .fy = 1e-3, .cx = 8, .cy = 8, .cam_from_world = {}};
  const Image8 out = UndistortMap(lens, camera).Apply(Image8(16, 16, 3));
  EXPECT_EQ(out.pixels, std::vector<uint8_t>(40 * 40 * 3, 0));
}

TEST(UndistortTest, TransparentColoursDoNotBleed) {
  const Lens lens = {LensModel::kSimpleRadial, 64, 64, {60, 32, 32, -0.1}};
  const Camera camera = UndistortedCamera(lens, "lens");
  Image8 picture(64, 64, 4);
  for (int y = 0; y < 64; ++y) {
    for (int x = 0; x < 64; ++x) {
      const bool opaque = (x / 5 + y / 7) % 2 == 0;
      uint8_t* p = picture.row(y) + 4 * x;
      p[0] = opaque ? 200 : 0, p[1] = opaque ? 100 : 255, p[2] = opaque ? 50 : 255, p[3] = opaque ? 255 : 0;
    }
  }
  for (const Image8& out : {UndistortMap(lens, camera).Apply(picture), BoxDownscale(picture, 4)}) {
    for (size_t i = 0; i < out.pixels.size(); i += 4) {
      if (out.pixels[i + 3] < 8) continue;
      EXPECT_EQ(out.pixels[i], 200);
      EXPECT_EQ(out.pixels[i + 1], 100);
      EXPECT_EQ(out.pixels[i + 2], 50);
    }
  }
}

TEST(UndistortTest, BoxDownscaleIsTheRoundedMean) {
  const Rng rng(3);
  Image8 picture(23, 17, 3);
  for (size_t i = 0; i < picture.pixels.size(); ++i) picture.pixels[i] = static_cast<uint8_t>(rng.Below(i, 256));
  EXPECT_EQ(BoxDownscale(picture, 1).pixels, picture.pixels);
  const Image8 small = BoxDownscale(picture, 5);
  ASSERT_EQ(small.width_px, 4);
  ASSERT_EQ(small.height_px, 3);
  for (int y = 0; y < 3; ++y) {
    for (int x = 0; x < 4; ++x) {
      for (int c = 0; c < 3; ++c) {
        double sum = 0;
        for (int j = 0; j < 5; ++j) {
          for (int i = 0; i < 5; ++i) sum += picture.row(5 * y + j)[3 * (5 * x + i) + c];
        }
        EXPECT_EQ(small.row(y)[3 * x + c], std::floor(sum / 25 + 0.5));
      }
    }
  }
}

TEST(UndistortTest, ThreadCountDoesNotMatter) {
  const Lens lens = AllModels()[4];
  const Camera camera = UndistortedCamera(lens, "lens");
  const Image8 photo = Photograph(lens);
  SetThreadCount(1);
  const Image8 one = UndistortMap(lens, camera).Apply(photo);
  SetThreadCount(3);
  const Image8 three = UndistortMap(lens, camera).Apply(photo);
  SetThreadCount(0);
  EXPECT_EQ(one.pixels, three.pixels);
}

TEST(LensTest, FovSeriesMeetsItsClosedForm) {
  for (const double r : {0.005, 0.3, 1.0}) {
    const Lens below = {LensModel::kFov, 100, 100, {50, 50, 50, 50, 0.00999}};
    const Lens above = {LensModel::kFov, 100, 100, {50, 50, 50, 50, 0.01001}};
    EXPECT_NEAR(DistortedPixel(below, r, 0)[0], DistortedPixel(above, r, 0)[0], 1e-5);
  }
  // tan(r omega) undoes it: Devernay and Faugeras.
  const Lens lens = {LensModel::kFov, 100, 100, {1, 1, 0, 0, 0.9}};
  EXPECT_NEAR(std::tan(DistortedPixel(lens, 0.4, 0)[0] * 0.9) / (2 * std::tan(0.45)), 0.4, 1e-12);
}

TEST(LensTest, NamesAndIdsAreColmaps) {
  for (int id = 0; id <= 10; ++id) {
    const auto model = LensModelFromId(id);
    ASSERT_TRUE(model.has_value());
    EXPECT_EQ(LensModelFromName(LensModelName(*model)), model);
  }
  EXPECT_FALSE(LensModelFromId(11).has_value());
  EXPECT_FALSE(LensModelFromId(-1).has_value());
  EXPECT_FALSE(LensModelFromName("EQUIRECTANGULAR").has_value());
}

}  // namespace
}  // namespace takt::capture
