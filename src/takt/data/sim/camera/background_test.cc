// SPDX-License-Identifier: Apache-2.0
#include "takt/data/sim/camera/background.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <limits>
#include <numbers>

#include "takt/core/base/error.h"
#include "takt/core/base/parallel.h"
#include "takt/data/sim/camera/camera_ref.h"
#include "takt/data/sim/camera/camera_test_scene.h"
#include "takt/data/splat/render/render_ref.h"
#include "takt/data/splat/scene_file.h"

namespace takt::sim {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// One flat splat facing the x axis at each depth, coloured, with a peak opacity.
struct Wall {
  double x_m;
  std::array<float, 3> rgb;
  float opacity;
};
splat::Splats Walls(const std::vector<Wall>& walls) {
  splat::Splats splats;
  splats.Resize(walls.size());
  for (size_t i = 0; i < walls.size(); ++i) {
    splats.means[3 * i] = static_cast<float>(walls[i].x_m);
    splats.log_scales[3 * i] = std::log(0.01f);
    splats.log_scales[3 * i + 1] = splats.log_scales[3 * i + 2] = std::log(20.0f);
    splats.quats[4 * i] = 1;
    splats.logits[i] = std::log(walls[i].opacity / (1 - walls[i].opacity));
    for (int c = 0; c < 3; ++c) splats.sh[3 * i + c] = (walls[i].rgb[c] - 0.5f) / splat::kShC0;
  }
  return splats;
}

// A white box of 1 m whose near face is at x = 2 m, seen from the origin; 32 px over 90 degrees.
struct BoxScene {
  TestScene scene;
  capture::Camera camera = CameraFromVerticalFov(32, 32, std::numbers::pi / 2, LookAt({0, 0, 0}, {1, 0, 0}));
  BoxScene() {
    CameraShape box;
    box.mesh = BoxMesh({1, 1, 1});
    box.material.rgba = {1, 1, 1, 1};
    scene.shapes = {box};
    scene.world_from_body = {Pose::Translation(2.5, 0, 0)};
  }
  // The pixel in the middle, where the box is, or the one in the corner, where it is not.
  std::array<int, 3> Pixel(const std::vector<Wall>& walls, bool middle) const {
    CameraRenderer renderer(std::make_shared<const CameraScene>(scene.shapes, 1),
                            std::make_shared<const SplatBackground>(Walls(walls), Similarity{}));
    CameraFrame frame;
    renderer.Render(scene.world_from_body, camera, {}, &frame);
    const int at = middle ? 16 : 2;
    const uint8_t* p = frame.rgb.row(at) + 3 * at;
    return {p[0], p[1], p[2]};
  }
};

TEST(BackgroundTest, TheNearerOneWins) {
  const BoxScene box;
  const std::array<float, 3> red = {1, 0, 0}, green = {0, 1, 0};
  const auto alone = box.Pixel({{50, red, 0.01f}}, true);
  // Behind the box: hidden by it, seen beside it.
  EXPECT_EQ(box.Pixel({{5, red, 0.98f}}, true), alone);
  EXPECT_GT(box.Pixel({{5, red, 0.98f}}, false)[0], 240);
  EXPECT_LT(box.Pixel({{5, red, 0.98f}}, false)[1], 20);  // the splat is fainter there: a little sky shows
  // Before the box: hides it, but for what it lets through.
  const auto before = box.Pixel({{1, red, 0.9f}}, true);
  for (int c = 0; c < 3; ++c) EXPECT_NEAR(before[c], 0.9 * 255 * red[c] + 0.1 * alone[c], 3) << c;
  // Thin haze before a box does not hide it; haze and a wall behind it neither.
  EXPECT_EQ(box.Pixel({{1, red, 0.3f}}, true), alone);
  EXPECT_EQ(box.Pixel({{1, red, 0.3f}, {5, green, 0.9f}}, true), alone);
  // Haze before a wall before the box: both are blended, in order.
  const auto two = box.Pixel({{1, red, 0.3f}, {1.5, green, 0.9f}}, true);
  EXPECT_NEAR(two[0], 255 * 0.3 + 0.07 * alone[0], 3);
  EXPECT_NEAR(two[1], 255 * 0.63 + 0.07 * alone[1], 3);
}

splat::Splats Cloud(size_t n) {
  splat::Splats splats;
  splats.sh_degree = 1;
  splats.Resize(n);
  const auto fill = [&](std::vector<float>& v, uint64_t stream, float scale, float offset) {
    for (size_t i = 0; i < v.size(); ++i) v[i] = offset + scale * Rng(5, stream).Normal4(i)[0];
  };
  fill(splats.means, 1, 0.5f, 0), fill(splats.log_scales, 2, 0.5f, -2.3f), fill(splats.quats, 3, 1, 0);
  fill(splats.logits, 4, 2, 0.5f), fill(splats.sh, 5, 0.3f, 0.1f);
  return splats;
}

capture::Camera Orbit(double turn_rad, int size_px, double distance_m = 1.2) {
  const Vec3 eye(distance_m * std::sin(turn_rad), -distance_m * std::cos(turn_rad), 0.9);
  return CameraFromVerticalFov(size_px, size_px, 0.9, LookAt(eye, {0, 0, 0.05}));
}

TEST(BackgroundTest, MatchesBothReferencesTogether) {
  const TestScene scene = MakeTestScene(6, 8, 3);
  const auto background = std::make_shared<const SplatBackground>(Cloud(150), Similarity{});
  const auto camera = Orbit(0.4, 48, 1.6);
  CameraRenderer renderer(std::make_shared<const CameraScene>(scene.shapes, static_cast<int>(scene.world_from_body.size())),
                          background);
  CameraFrame frame;
  renderer.Render(scene.world_from_body, camera, {}, &frame);
  const splat::Picture picture = splat::RenderReference(background->splats_in_world(), camera, {.median_depth = true});
  const ReferenceTracer reference(scene.shapes, scene.world_from_body);
  int same = 0, in_front = 0, behind = 0;
  for (int y = 0; y < 48; ++y) {
    for (int x = 0; x < 48; ++x) {
      const size_t at = static_cast<size_t>(y) * 48 + x;
      const BackgroundPixel pixel = {{picture.plane(0)[at], picture.plane(1)[at], picture.plane(2)[at]},
                                     1 - picture.plane(3)[at], picture.median_depth[at]};
      const ReferencePixel want = reference.Trace(camera, x + 0.5, y + 0.5, {}, pixel);
      bool good = true;
      for (int c = 0; c < 3; ++c) {
        good &= std::abs(frame.rgb.row(y)[3 * x + c] - 255 * std::clamp(want.rgb[c], 0.0, 1.0)) <= 1.5;
      }
      same += good;
      if (pixel.depth < kInfinity && std::isfinite(want.depth_m)) ++(want.depth_m < pixel.depth ? in_front : behind);
    }
  }
  EXPECT_GT(same, 48 * 48 * 96 / 100);
  EXPECT_GT(in_front, 50);
  EXPECT_GT(behind, 50);
}

TEST(BackgroundTest, KeptPicturesAreThoseOfAFreshRenderer) {
  const TestScene scene = MakeTestScene(4, 8, 2);
  const auto shared = std::make_shared<const CameraScene>(scene.shapes, static_cast<int>(scene.world_from_body.size()));
  const auto first = std::make_shared<const SplatBackground>(Cloud(100), Similarity{});
  Similarity moved;
  moved.pose = Pose::Translation(0.2, 0, 0.1);
  const auto second = std::make_shared<const SplatBackground>(Cloud(100), moved);
  CameraRenderer kept(shared, first);
  CameraOptions options;
  CameraFrame frame, fresh;
  for (int step = 0; step < 8; ++step) {
    const auto& background = step < 4 ? first : step < 6 ? second : nullptr;
    kept.SetBackground(background);
    options.parallel = step % 2 == 1;
    auto poses = scene.world_from_body;
    poses[1].translation_m[2] += 0.05 * step;
    const auto camera = Orbit(step < 2 ? 0 : 0.3, 40 + step / 3);
    kept.Render(poses, camera, options, &frame);
    CameraRenderer other(shared, background);
    other.Render(poses, camera, {}, &fresh);
    EXPECT_EQ(frame.rgb.pixels, fresh.rgb.pixels) << step;
  }
}

TEST(BackgroundTest, UprightPlacesTurnCapturesOntoTheirFeet) {
  // In a capture's axes: one up (y = -1), one ahead (z = 1), one to the right (x = 1).
  splat::Splats splats;
  splats.Resize(3);
  splats.means = {0, -1, 0, 0, 0, 1, 1, 0, 0};
  splats.quats = {1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0};
  const SplatBackground background(splats, UprightPlace(2, std::numbers::pi / 2, {10, 20, 30}));
  const std::vector<float>& m = background.splats_in_world().means;
  const float want[9] = {10, 20, 32, 8, 20, 30, 10, 22, 30};  // up; ahead: +y, turned to -x; right: +x, turned to +y
  for (int i = 0; i < 9; ++i) EXPECT_NEAR(m[i], want[i], 1e-5) << i;
}

TEST(BackgroundTest, RefusesWhatIsWrong) {
  const auto bad = [](const splat::Splats& splats, double scale) {
    Similarity place;
    place.scale = scale;
    try {
      SplatBackground background(splats, place);
      ADD_FAILURE() << "no error";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kBadInput);
    }
  };
  bad({}, 1);
  for (const double scale : {0.0, -1.0, double{NAN}, double{INFINITY}}) bad(Cloud(5), scale);
  const SplatBackground background(Cloud(5), Similarity{});
  const std::vector<capture::Camera> away = {
      CameraFromVerticalFov(16, 16, 0.5, LookAt({0, 100, 0}, {0, 200, 0}))};
  EXPECT_THROW(background.Thinned(away, 0.1), Error);
}

double Psnr(const SplatBackground& a, const SplatBackground& b, int size_px) {
  splat::Renderer renderer;
  splat::Picture pa, pb;
  double squares = 0;
  for (int i = 0; i < 4; ++i) {
    renderer.Forward(a.splats_in_world(), Orbit(0.5 + 1.5 * i, size_px), {}, &pa);
    renderer.Forward(b.splats_in_world(), Orbit(0.5 + 1.5 * i, size_px), {}, &pb);
    const double count = 12.0 * static_cast<double>(pa.pixels());
    for (size_t k = 0; k < 3 * pa.pixels(); ++k) squares += std::pow(pa.planes[k] - pb.planes[k], 2) / count;
  }
  return -10 * std::log10(squares);
}

TEST(BackgroundTest, ThinningKeepsThePictureOfARealPlace) {
  const std::filesystem::path file = TAKT_SHARED_DATA "/splat/files/guitar.compressed.ply";
  if (!std::filesystem::exists(file)) GTEST_SKIP() << "needs ../shared/data/splat/files";
  const SplatBackground full(splat::ReadScene(file), UprightPlace(1, 0, Vec3::Zero()));
  std::vector<capture::Camera> views;
  for (int i = 0; i < 24; ++i) views.push_back(Orbit(0.1 + i * std::numbers::pi / 12, 64));
  const auto fine = full.Thinned(views, 0.02), coarse = full.Thinned(views, 0.3);
  EXPECT_LT(fine->splats_in_world().size(), full.splats_in_world().size() / 2);
  EXPECT_LT(coarse->splats_in_world().size(), fine->splats_in_world().size());
  const double fine_db = Psnr(full, *fine, 64), coarse_db = Psnr(full, *coarse, 64);
  EXPECT_GT(fine_db, 45);
  EXPECT_GT(coarse_db, 27);
  EXPECT_GT(fine_db, coarse_db + 3);
  // Chosen by views from one side only, the other side is lost: the measure sees a broken choice.
  const std::vector<capture::Camera> one_side(views.begin(), views.begin() + 1);
  EXPECT_LT(Psnr(full, *full.Thinned(one_side, 0.02), 64), coarse_db);
  SetThreadCount(1);
  EXPECT_EQ(full.Thinned(views, 0.3)->splats_in_world(), coarse->splats_in_world());
  SetThreadCount(0);
}

}  // namespace
}  // namespace takt::sim
