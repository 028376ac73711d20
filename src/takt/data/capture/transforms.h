// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "takt/data/capture/draft.h"

namespace takt::capture {

// Intrinsics as transforms files spell them; frames override the file's head key by key.
struct TransformsIntrinsics {
  std::optional<double> fl_x, fl_y, cx, cy, w, h, camera_angle_x, camera_angle_y;
  std::optional<double> k1, k2, k3, k4, p1, p2;
  std::optional<std::string> camera_model;
  std::optional<bool> is_fisheye;  // instant-ngp's spelling of OPENCV_FISHEYE
};

struct TransformsFrame {
  std::string file_path;
  std::string mask_path;  // empty where there is none
  TransformsIntrinsics intrinsics;
  RigidTransform cam_from_world;  // already in OpenCV's camera axes
  Split split = Split::kUnnamed;
};

struct TransformsFile {
  std::vector<TransformsFrame> frames;
  std::string ply_file_path;  // empty where there is none
  bool is_ngp = false;        // written by instant-ngp's scripts (aabb_scale or sharpness)
  std::vector<std::string> warnings;
};

// Parses transforms.json as instant-ngp, nerfstudio and Blender write it. Frames that a split leaves unnamed are
// dropped with a warning. Python's NaN and Infinity are read, to be refused by the name of what they spoil. Errors:
// bad_input naming `subject`, and the frame where there is one.
TransformsFile ParseTransforms(std::string_view text, const std::string& subject);

// The lens of a width_px x height_px picture. Errors: bad_input (no focal length, a stated size that is another one);
// unsupported (a camera model without a pinhole view); naming `subject`.
Lens LensOf(const TransformsIntrinsics& intrinsics, int width_px, int height_px, const std::string& subject);

// Reads one transforms file with its pictures and points, or Blender's train and test files in `folder`.
// Errors: as LoadCapture.
DraftCapture LoadTransforms(const std::filesystem::path& file);
DraftCapture LoadBlender(const std::filesystem::path& folder);

}  // namespace takt::capture
