// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "takt/data/capture/capture.h"

// What the readers of the capture formats share. Internal to the module.
namespace takt::capture {

enum class Split { kUnnamed, kTrain, kHeldOut };

// A view as a format states it: every path exists, `lens` is checked against the picture's header.
struct DraftView {
  std::string name;
  std::filesystem::path image_path, mask_path;
  bool has_alpha = false;  // from the picture's header
  Lens lens;
  RigidTransform cam_from_world;
  Split split = Split::kUnnamed;
};

struct DraftCapture {
  std::string source;
  std::vector<DraftView> views;
  std::vector<Point> points;
  std::vector<std::string> warnings;
};

// The rigid transform nearest to a row-major rotation and translation that rounding made slightly non-rigid.
// Errors: bad_input naming `subject` for a value that is not finite, a mirror image, or a matrix further than 0.02 from
// orthonormal.
RigidTransform NearestRigid(const std::array<double, 9>& rotation, const std::array<double, 3>& translation,
                            const std::string& subject);

// A name that can be a path: not empty, no control characters. Errors: bad_input naming `subject`.
void CheckName(std::string_view name, const std::string& subject);

}  // namespace takt::capture
