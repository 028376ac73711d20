// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "takt/data/capture/camera.h"
#include "takt/data/capture/lens.h"

namespace takt::capture {

// One posed photograph. `camera` is the pinhole camera of the picture as ViewSource delivers it; where the file's lens
// is distorted, `lens` holds its model and the picture is resampled on load.
struct View {
  std::string name;                  // as the capture names it, unique
  std::filesystem::path image_path;  // exists (checked on load)
  std::filesystem::path mask_path;   // empty where there is none; white = keep
  Camera camera;                     // undistorted
  Lens lens;                         // lens.model == kPinhole: nothing to undo
  int downscale = 1;                 // box filter after undistortion; `camera` is that of the smaller picture
  bool held_out = false;             // used for evaluation, never for training
};

struct Point {
  std::array<double, 3> p_in_world;
  std::array<uint8_t, 3> rgb;
};

struct Capture {
  std::filesystem::path root;
  std::string source;         // "colmap", "transforms", "blender"
  std::vector<View> views;    // sorted by name
  std::vector<Point> points;  // structure-from-motion points; may be empty
  bool has_alpha = false;     // pictures are RGBA: composited over a background, alpha is a target
  std::array<double, 3> center_in_world = {0, 0, 0};  // mean centre of the training cameras
  double extent = 1;  // 1.1 x largest distance of a training camera from that centre [world units]; 1 where that is 0
  std::vector<std::string> warnings;  // what was left out and why, a sentence each; empty where nothing was
};

inline constexpr double kAutomaticPixels = 1e6;  // what LoadOptions::downscale = 0 aims at

struct LoadOptions {
  int held_out_every = 8;  // every 8th view by name is held out, unless the capture names a split; 0 = none
  double downscale = 1;    // pictures are delivered this many times smaller; integer; 0 = to at most kAutomaticPixels
};

// Reads a capture folder or file: COLMAP (cameras/images/points3D as .bin or .txt in PATH, PATH/sparse/0 or
// PATH/sparse, pictures in PATH/images or PATH) or transforms.json (instant-ngp, nerfstudio) or Blender's
// transforms_train.json + transforms_test.json; tried in this order. PATH may be a transforms file itself.
// docs/formats/capture.md has the details. Errors: not_found (no capture there; a missing picture, by name); bad_input
// (unknown camera model, non-finite or non-rigid pose, zero-size picture, a picture of another size than its camera,
// damaged file); each names the file. Cost: reads the header of every picture, decodes none.
Capture LoadCapture(const std::filesystem::path& path, const LoadOptions& options = {});

}  // namespace takt::capture
