// SPDX-License-Identifier: Apache-2.0
#include "takt/data/sim/camera/camera.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <thread>

#include "takt/core/base/error.h"
#include "takt/core/base/parallel.h"
#include "takt/data/sim/camera/background.h"
#include "takt/data/sim/camera/camera_ref.h"
#include "takt/data/sim/camera/camera_test_scene.h"

namespace takt::sim {
namespace {

constexpr double kFov = 0.9;

capture::Camera TestCamera(int width_px, int height_px) {
  return CameraFromVerticalFov(width_px, height_px, kFov, LookAt({0.9, -1.3, 1.0}, {0, 0, 0.05}));
}

std::shared_ptr<const CameraScene> Share(const TestScene& scene) {
  return std::make_shared<const CameraScene>(scene.shapes, static_cast<int>(scene.world_from_body.size()));
}

CameraFrame Draw(const TestScene& scene, const capture::Camera& camera, const CameraOptions& options) {
  CameraRenderer renderer(Share(scene));
  CameraFrame frame;
  renderer.Render(scene.world_from_body, camera, options, &frame);
  return frame;
}

double Difference(const ReferencePixel& a, const ReferencePixel& b) { return (a.rgb - b.rgb).cwiseAbs().maxCoeff(); }

// Compares with the reference wherever the picture is smooth: rays a margin of 0.03 px away must see the same shape at
// nearly the same depth and colour, or an edge (of a shape, a shadow or a pattern) is so near that rounding may decide.
void ExpectLikeReference(const TestScene& scene, const capture::Camera& camera, const CameraOptions& options,
                         double most_edges) {
  const CameraFrame frame = Draw(scene, camera, options);
  const ReferenceTracer reference(scene.shapes, scene.world_from_body);
  int edges = 0, off = 0, foreground = 0;
  for (int y = 0; y < camera.height_px; ++y) {
    for (int x = 0; x < camera.width_px; ++x) {
      const ReferencePixel want = reference.Trace(camera, x + 0.5, y + 0.5, options);
      bool edge = false;
      for (const auto& [dx, dy] : {std::pair{0.03, 0.0}, {-0.03, 0.0}, {0.0, 0.03}, {0.0, -0.03}}) {
        const ReferencePixel near = reference.Trace(camera, x + 0.5 + dx, y + 0.5 + dy, options);
        if (near.segmentation != want.segmentation || Difference(near, want) > 0.02) edge = true;
        if (std::isfinite(want.depth_m) && !(std::abs(near.depth_m - want.depth_m) < 0.01)) edge = true;
      }
      if (edge) {
        ++edges;
        continue;
      }
      const size_t at = static_cast<size_t>(y) * camera.width_px + x;
      foreground += want.segmentation != 0;
      bool good = frame.segmentation[at] == want.segmentation;
      if (std::isfinite(want.depth_m)) {
        good &= std::abs(frame.depth_m[at] - want.depth_m) <= 1e-5 * (1 + want.depth_m);
      } else {
        good &= std::isinf(frame.depth_m[at]);
      }
      for (int c = 0; c < 3; ++c) {
        good &= std::abs(frame.rgb.row(y)[3 * x + c] - 255 * std::clamp(want.rgb[c], 0.0, 1.0)) <= 1.2;
      }
      if (!good && off++ < 3) {
        ADD_FAILURE() << "pixel " << x << " " << y << ": " << +frame.rgb.row(y)[3 * x] << " "
                      << +frame.rgb.row(y)[3 * x + 1] << " " << +frame.rgb.row(y)[3 * x + 2] << " for "
                      << (255 * want.rgb).transpose() << ", depth " << frame.depth_m[at] << " for " << want.depth_m
                      << ", shape " << frame.segmentation[at] << " for " << want.segmentation;
      }
    }
  }
  EXPECT_EQ(off, 0);
  EXPECT_LT(edges, most_edges * camera.width_px * camera.height_px);
  EXPECT_GT(foreground, camera.width_px * camera.height_px / 3);
}

CameraOptions Everything() {
  CameraOptions options;
  options.depth = options.segmentation = true;
  return options;
}

TEST(CameraTest, MatchesTheReference) {
  for (const uint64_t seed : {1, 2, 3}) {
    ExpectLikeReference(MakeTestScene(8, 10, seed), TestCamera(61, 47), Everything(), 0.25);
  }
}

TEST(CameraTest, MatchesTheReferenceThroughGlassAndOverCatchers) {
  TestScene scene = MakeTestScene(6, 8, 4);
  scene.shapes[0].shadow_catcher = true;
  scene.shapes[0].material.texture = {};
  for (size_t i = 1; i < scene.shapes.size(); ++i) scene.shapes[i].material.rgba[3] = i % 3 == 0 ? 0.4f : i % 3 == 1 ? 1.0f : 0.7f;
  CameraOptions options = Everything();
  options.light.to_sun = {-1, 0.5, 0.8};
  const CameraFrame frame = Draw(scene, TestCamera(64, 48), options);
  const ReferenceTracer reference(scene.shapes, scene.world_from_body);
  int darkened = 0, same = 0;
  for (int y = 0; y < 48; ++y) {
    for (int x = 0; x < 64; ++x) {
      const ReferencePixel want = reference.Trace(TestCamera(64, 48), x + 0.5, y + 0.5, options);
      bool good = true;
      for (int c = 0; c < 3; ++c) good &= std::abs(frame.rgb.row(y)[3 * x + c] - 255 * want.rgb[c]) <= 1.2;
      same += good;
      darkened += want.segmentation == 0 && want.rgb[0] < 0.6;
    }
  }
  EXPECT_GT(same, 64 * 48 * 97 / 100);
  EXPECT_GT(darkened, 30);
}

TEST(CameraTest, MatchesTheReferenceWithOcclusion) {
  CameraOptions options = Everything();
  options.occlusion_rays = 5;
  const TestScene scene = MakeTestScene(6, 8, 5);
  const CameraFrame frame = Draw(scene, TestCamera(48, 40), options);
  const ReferenceTracer reference(scene.shapes, scene.world_from_body);
  int same = 0;
  for (int y = 0; y < 40; ++y) {
    for (int x = 0; x < 48; ++x) {
      const ReferencePixel want = reference.Trace(TestCamera(48, 40), x + 0.5, y + 0.5, options);
      bool good = true;
      for (int c = 0; c < 3; ++c) good &= std::abs(frame.rgb.row(y)[3 * x + c] - 255 * want.rgb[c]) <= 1.2;
      same += good;
    }
  }
  EXPECT_GT(same, 48 * 40 * 95 / 100);
}

// What the comparison above would not notice if both were wrong.
TEST(CameraTest, GeometryIsRight) {
  // A box of 1 m, its near face 2 m ahead: 64 px over 90 degrees see 2 * 2 m across at that depth.
  TestScene scene;
  CameraShape box;
  box.mesh = BoxMesh({1, 1, 1});
  box.segmentation_id = 9;
  scene.shapes = {box};
  scene.world_from_body = {Pose::Translation(2.5, 0, 0)};
  const auto camera = CameraFromVerticalFov(64, 64, std::numbers::pi / 2, LookAt({0, 0, 0}, {1, 0, 0}));
  const CameraFrame frame = Draw(scene, camera, Everything());
  int seen = 0;
  for (int y = 0; y < 64; ++y) {
    for (int x = 0; x < 64; ++x) {
      const size_t at = static_cast<size_t>(y) * 64 + x;
      const bool inside = x >= 24 && x < 40 && y >= 24 && y < 40;
      EXPECT_EQ(frame.segmentation[at], inside ? 9u : 0u);
      if (inside) {
        EXPECT_NEAR(frame.depth_m[at], 2, 1e-5);
      }
      seen += inside;
    }
  }
  EXPECT_EQ(seen, 256);
  // The lamp stands at the left (+y) and above: in the picture x is right and y is down.
  const capture::Camera front = CameraFromHorizontalFov(64, 32, 1, LookAt({-3, 0, 0}, {0, 0, 0}));
  CameraOptions options = Everything();
  options.light.to_sun = {0, 1, 0};
  box.mesh = SphereMesh(1, 64);
  scene = {{box}, {Pose{}}};
  const CameraFrame ball = Draw(scene, front, options);
  EXPECT_GT(ball.rgb.row(16)[3 * 26], ball.rgb.row(16)[3 * 38] + 20);
  options.light.to_sun = {0, 0, 1};
  const CameraFrame lit_above = Draw(scene, front, options);
  EXPECT_GT(lit_above.rgb.row(10)[3 * 32], lit_above.rgb.row(22)[3 * 32] + 20);
}

TEST(CameraTest, ShadowsFallAwayFromTheSun) {
  TestScene scene;
  CameraShape floor, ball;
  floor.mesh = BoxMesh({4, 4, 0.1});
  ball.mesh = SphereMesh(0.3, 32);
  ball.body_idx = 1;
  scene.shapes = {floor, ball};
  scene.world_from_body = {Pose::Translation(0, 0, -0.05), Pose::Translation(0, 0, 1)};
  const auto camera = CameraFromVerticalFov(64, 64, 1.2, LookAt({0, 0, 3}, {0, 0, 0}, Vec3::UnitY()));
  CameraOptions options = Everything();
  options.light.to_sun = {-1, 0, 1};  // so the shadow lies at x = +1
  const CameraFrame frame = Draw(scene, camera, options);
  options.light.shadows = false;
  const CameraFrame bright = Draw(scene, camera, options);
  const int x = static_cast<int>(camera.cx + camera.fx * 1 / 3), y = 32;
  EXPECT_LT(frame.rgb.row(y)[3 * x] + 40, bright.rgb.row(y)[3 * x]);
  EXPECT_EQ(frame.rgb.row(y)[3 * (63 - x)], bright.rgb.row(y)[3 * (63 - x)]);
}

TEST(CameraTest, SameBytesForAnyThreadCountAndHistory) {
  const TestScene scene = MakeTestScene(10, 12, 8);
  CameraOptions options = Everything();
  options.supersampling = 2;
  options.occlusion_rays = 3;
  const auto camera = TestCamera(77, 51);
  const CameraFrame want = Draw(scene, camera, options);
  const auto shared = Share(scene);
  options.parallel = true;
  for (const int threads : {1, 2, 5}) {
    SetThreadCount(threads);
    CameraRenderer renderer(shared);
    CameraFrame frame;
    auto moved = scene.world_from_body;
    for (Pose& pose : moved) pose.translation_m += Vec3(0.1, 0.2, 0.3);
    renderer.Render(moved, TestCamera(20, 30), options, &frame);
    renderer.Render(scene.world_from_body, camera, options, &frame);
    EXPECT_EQ(frame.rgb.pixels, want.rgb.pixels);
    EXPECT_EQ(frame.depth_m, want.depth_m);
    EXPECT_EQ(frame.segmentation, want.segmentation);
  }
  SetThreadCount(0);
}

TEST(CameraTest, ManyRenderersShareAScene) {
  const TestScene scene = MakeTestScene(10, 12, 9);
  const auto shared = Share(scene);
  const auto camera = TestCamera(64, 64);
  const CameraFrame want = Draw(scene, camera, Everything());
  std::vector<CameraFrame> frames(6);
  std::vector<std::thread> threads;
  for (CameraFrame& frame : frames) {
    threads.emplace_back([&] {
      CameraRenderer renderer(shared);
      for (int repeat = 0; repeat < 10; ++repeat) {
        auto moved = scene.world_from_body;
        for (Pose& pose : moved) pose.translation_m[2] += 0.01 * repeat;
        renderer.Render(moved, camera, Everything(), &frame);
      }
      renderer.Render(scene.world_from_body, camera, Everything(), &frame);
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const CameraFrame& frame : frames) EXPECT_EQ(frame.rgb.pixels, want.rgb.pixels);
}

TEST(CameraTest, MaterialsChangeBetweenFrames) {
  TestScene scene = MakeTestScene(3, 8, 10);
  CameraRenderer renderer(Share(scene));
  CameraFrame before, after;
  renderer.Render(scene.world_from_body, TestCamera(40, 40), Everything(), &before);
  renderer.materials()[0].rgba = {0.1f, 0.8f, 0.1f, 1};
  renderer.materials()[0].texture = {Pattern::kNoise, {0.9f, 0.1f, 0.1f}, 0.2, 5};
  renderer.Render(scene.world_from_body, TestCamera(40, 40), Everything(), &after);
  EXPECT_NE(before.rgb.pixels, after.rgb.pixels);
  scene.shapes[0].material = renderer.materials()[0];
  EXPECT_EQ(after.rgb.pixels, Draw(scene, TestCamera(40, 40), Everything()).rgb.pixels);
}

template <class Call>
void ExpectBad(const Call& call) {
  try {
    call();
    ADD_FAILURE() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kBadInput);
  }
}

TEST(CameraTest, RefusesWhatIsWrong) {
  TestScene scene = MakeTestScene(1, 8, 11);
  CameraRenderer renderer(Share(scene));
  CameraFrame frame;
  const auto camera = TestCamera(8, 8);
  ExpectBad([&] { renderer.Render({}, camera, {}, &frame); });
  auto poses = scene.world_from_body;
  poses[1].translation_m[0] = NAN;
  ExpectBad([&] { renderer.Render(poses, camera, {}, &frame); });
  capture::Camera none = camera;
  none.width_px = 0;
  ExpectBad([&] { renderer.Render(scene.world_from_body, none, {}, &frame); });
  CameraOptions no_samples;
  no_samples.supersampling = 0;
  ExpectBad([&] { renderer.Render(scene.world_from_body, camera, no_samples, &frame); });
  ExpectBad([&] { CameraFromVerticalFov(8, 8, 4, {}); });
  ExpectBad([&] { LookAt({0, 0, 1}, {0, 0, 0}); });
  ExpectBad([&] { LookAt({0, 0, 1}, {0, 0, 1}, Vec3::UnitX()); });
  scene.shapes[0].body_idx = 7;
  ExpectBad([&] { CameraScene(scene.shapes, 2); });
  scene.shapes[0].body_idx = 0;
  scene.shapes[0].mesh.vertices_m[0][0] = INFINITY;
  ExpectBad([&] { CameraScene(scene.shapes, 2); });
  scene.shapes[0].mesh.vertices_m[0][0] = 0;
  scene.shapes[0].mesh.triangles[0][0] = 99999;
  ExpectBad([&] { CameraScene(scene.shapes, 2); });
  CameraRenderer empty(std::make_shared<const CameraScene>(std::vector<CameraShape>{}, 0));
  empty.Render({}, camera, {}, &frame);
  EXPECT_EQ(frame.rgb.pixels.size(), 3u * 64);
}

TEST(CameraTest, CamerasAndPosesGoBothWays) {
  const Pose pose = LookAt({1, 2, 3}, {0.5, 0, 0});
  const auto camera = CameraFromHorizontalFov(64, 48, 1, pose);
  const Pose back = WorldFromCamera(camera);
  EXPECT_NEAR((back.translation_m - pose.translation_m).norm(), 0, 1e-12);
  EXPECT_NEAR(back.rotation.angularDistance(pose.rotation), 0, 1e-7);
  EXPECT_NEAR(camera.fx, 32 / std::tan(0.5), 1e-12);
  const auto p = camera.cam_from_world.Apply({0.5, 0, 0});
  EXPECT_NEAR(p[0], 0, 1e-12);
  EXPECT_NEAR(p[1], 0, 1e-12);
  EXPECT_GT(p[2], 0);
  // What is higher in the world is higher in the picture: smaller y.
  EXPECT_LT(camera.cam_from_world.Apply({0.5, 0, 0.1})[1], 0);
}

}  // namespace
}  // namespace takt::sim
