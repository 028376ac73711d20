// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <filesystem>
#include <string>

#include "takt/data/splat/scene_file.h"

namespace takt::splat {

struct InfoReport {
  std::filesystem::path path;
  SceneReport scene;
  std::array<float, 3> lower_in_world{}, upper_in_world{};        // bounds of the means
  std::array<float, 3> lower_90_in_world{}, upper_90_in_world{};  // 5 % and 95 % quantiles along each axis
  float median_scale = 0;                                         // of all standard deviations [world units]
  float median_opacity = 0;
};

// `takt splat info`: what is in a splat file. Axes as ReadScene. Errors: as ReadScene.
InfoReport Info(const std::filesystem::path& path);

}  // namespace takt::splat
