// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <array>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "takt/core/base/file.h"
#include "takt/core/io/image.h"
#include "takt/data/capture/camera.h"
#include "takt/data/splat/model/splats.h"
#include "takt/data/splat/render.h"
#include "takt/data/splat/render/render_test_scene.h"
#include "takt/data/splat/render/renderer.h"

namespace takt::splat {

// A folder of its own for each test, empty at its beginning and gone at its end.
class TestFolder {
 public:
  TestFolder() {
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    path_ =
        std::filesystem::path(testing::TempDir()) / fmt::format("takt_{}_{}", test->test_suite_name(), test->name());
    std::filesystem::remove_all(path_);
    std::filesystem::create_directories(path_);
  }
  ~TestFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

// The scene behind TestCapture: few, large splats, so that tiny pictures show them.
inline Splats TestScene() { return TestCloud(60, 1, 11, -1.4f); }

// Photographs of TestScene from cameras around it, as a transforms.json (OpenGL axes) and PNGs.
inline std::filesystem::path TestCapture(const std::filesystem::path& folder, int views = 10, int width_px = 64,
                                         int height_px = 48) {
  std::filesystem::create_directories(folder / "images");
  const auto cameras = OrbitCameras({0, 0, 0}, {0, 0, 1}, 3.0, 0.8, views, width_px, height_px, 0.8);
  nlohmann::json document = {{"w", width_px},
                             {"h", height_px},
                             {"fl_x", cameras[0].fx},
                             {"fl_y", cameras[0].fy},
                             {"cx", cameras[0].cx},
                             {"cy", cameras[0].cy},
                             {"frames", nlohmann::json::array()}};
  Renderer renderer;
  Picture picture;
  const Splats scene = TestScene();
  for (size_t i = 0; i < cameras.size(); ++i) {
    renderer.Forward(scene, cameras[i], {.background = {1, 1, 1}}, &picture);
    const std::string name = fmt::format("images/{:02}.png", i);
    WriteImage(folder / name, ToImage8(ToImage(picture)));
    const capture::RigidTransform world_from_cam = cameras[i].cam_from_world.Inverse();
    nlohmann::json matrix = nlohmann::json::array();
    for (size_t row = 0; row < 3; ++row) {
      const double* r = &world_from_cam.rotation[3 * row];
      matrix.push_back({r[0], -r[1], -r[2], world_from_cam.translation[row]});  // y up, z backward
    }
    matrix.push_back({0, 0, 0, 1});
    document["frames"].push_back({{"file_path", name}, {"transform_matrix", matrix}});
  }
  WriteFileAtomic(folder / "transforms.json", document.dump(1));
  return folder;
}

}  // namespace takt::splat
