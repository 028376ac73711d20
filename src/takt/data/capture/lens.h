// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <string_view>

namespace takt::capture {

// COLMAP's camera models, by its model id.
enum class LensModel {
  kSimplePinhole = 0,
  kPinhole = 1,
  kSimpleRadial = 2,
  kRadial = 3,
  kOpenCv = 4,
  kOpenCvFisheye = 5,
  kFullOpenCv = 6,
  kFov = 7,
  kSimpleRadialFisheye = 8,
  kRadialFisheye = 9,
  kThinPrismFisheye = 10,
};

// Intrinsics as the capture states them: parameters in COLMAP's order for the model, for a width_px x height_px picture.
struct Lens {
  LensModel model = LensModel::kPinhole;
  int width_px = 0;
  int height_px = 0;
  std::array<double, 12> params{};
};

}  // namespace takt::capture
