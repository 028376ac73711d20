// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "takt/core/base/progress.h"
#include "takt/data/capture/camera.h"
#include "takt/data/splat/eval.h"
#include "takt/data/splat/model/splats.h"

namespace takt::splat {

struct RenderViewsOptions {
  std::filesystem::path file;
  std::filesystem::path out;                       // a folder for PNGs, F.png for one picture, F.mp4 for a film
  std::optional<CaptureOptions> capture;           // its views, or the orbit of its cameras
  std::string view;                                // with a capture: this view alone
  int orbit = 0;                                   // > 0: so many pictures once around the scene
  int width_px = 0, height_px = 0;                 // 0: as the capture, or 800 x 600
  std::array<double, 3> up_in_world = {0, -1, 0};  // of an orbit without a capture; unit length
  std::array<float, 3> background = {1, 1, 1};
  double frames_per_s = 30;  // of a film
  ProgressSink progress;
};
struct RenderViewsReport {
  size_t pictures = 0;
  int width_px = 0, height_px = 0;  // of the last picture
  double render_s = 0;              // in the rasteriser alone
  std::vector<std::filesystem::path> files;
};

// `takt splat render`: PNGs of the views of a capture or of an orbit, or a film of them. A film needs the program
// ffmpeg. Without a capture and an orbit: one picture for F.png, 120 for a film, 36 for a folder. Errors: as ReadScene
// and LoadCapture; not_found (no view of that name); bad_input (several pictures for one .png, a film of pictures of
// different sizes); unsupported (no ffmpeg); io; cancelled.
RenderViewsReport RenderViews(const RenderViewsOptions& options);

// `count` cameras on a circle, evenly spaced, all looking at `target_in_world`. `up_in_world` is the axis of the
// circle; the eyes stand `height` along it above the target and `radius` away from the axis.
std::vector<capture::Camera> OrbitCameras(const std::array<double, 3>& target_in_world,
                                          const std::array<double, 3>& up_in_world, double radius, double height,
                                          int count, int width_px, int height_px, double vertical_fov_rad);

}  // namespace takt::splat
