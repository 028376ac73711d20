// SPDX-License-Identifier: Apache-2.0
#include "takt/data/scene/render.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <set>

#include "takt/core/base/parallel.h"
#include "takt/data/scene/model/scene_io.h"
#include "takt/data/scene/model/test_scenes.h"

namespace takt::scene {
namespace {

Scene Cell() { return ParseScene(kCellXml, Format::kXml, "cell.xml").scene; }

RenderOptions Small() {
  RenderOptions options;
  options.width_px = 96, options.height_px = 72;
  options.supersampling = 1, options.occlusion_rays = 2;
  return options;
}

TEST(RenderTest, WallsTowardsTheCameraAreCutAway) {
  const Scene scene = Cell();
  RenderOptions options = Small();
  for (const RenderView view : {RenderView::kIso, RenderView::kTop}) {
    options.view = view;
    const capture::Camera camera = ViewCamera(scene, options);
    const Pose world_from_camera = sim::WorldFromCamera(camera);
    const size_t all = SceneShapes(scene, "").size();
    const auto shapes = SceneShapes(scene, "", world_from_camera.translation_m);
    if (view == RenderView::kIso) {
      EXPECT_LT(shapes.size(), all);
    }
    EXPECT_LT(SceneShapes(scene, "", world_from_camera.translation_m, false).size(), shapes.size());
    // Everything that stands in the room is seen.
    sim::CameraRenderer renderer(std::make_shared<const sim::CameraScene>(shapes, 1));
    sim::CameraOptions camera_options;
    camera_options.segmentation = true;
    sim::CameraFrame frame;
    const Pose still;
    renderer.Render({&still, 1}, camera, camera_options, &frame);
    const std::set<uint32_t> seen(frame.segmentation.begin(), frame.segmentation.end());
    for (const uint32_t id : {1u, 3u, 5u, 6u, 7u}) EXPECT_TRUE(seen.count(id)) << id;
    // The picture is filled, and nothing is cut off at its border.
    size_t inside = 0;
    for (int y = 0; y < options.height_px; ++y) {
      for (int x = 0; x < options.width_px; ++x) {
        const uint32_t id = frame.segmentation[static_cast<size_t>(y) * options.width_px + x];
        inside += id != 0;
        if (x == 0 || y == 0 || x + 1 == options.width_px || y + 1 == options.height_px) {
          EXPECT_EQ(id, 0u);
        }
      }
    }
    EXPECT_GT(inside, static_cast<size_t>(options.width_px * options.height_px / 5));
  }
}

TEST(RenderTest, SameBytesForAnyThreadCount) {
  const Scene scene = Cell();
  const Image8 first = RenderScene(scene, Small());
  for (const int threads : {1, 3}) {
    SetThreadCount(threads);
    EXPECT_EQ(RenderScene(scene, Small()).pixels, first.pixels);
  }
  SetThreadCount(0);
}

TEST(RenderTest, ARealPlaceStandsBehind) {
  const std::filesystem::path file = TAKT_SHARED_DATA "/splat/files/guitar.compressed.ply";
  if (!std::filesystem::exists(file)) GTEST_SKIP() << "needs ../shared/data/splat/files";
  RenderOptions options = Small();
  const Image8 without = RenderScene(Cell(), options);
  options.splat = file;
  options.room_from_splat = sim::UprightPlace(1, 0, {3, 2.5, 1});
  EXPECT_NE(RenderScene(Cell(), options).pixels, without.pixels);
}

}  // namespace
}  // namespace takt::scene
