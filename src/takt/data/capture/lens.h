// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
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

// Intrinsics as the capture states them: parameters in COLMAP's order for the model, for a width_px x height_px
// picture.
struct Lens {
  LensModel model = LensModel::kPinhole;
  int width_px = 0;
  int height_px = 0;
  std::array<double, 12> params{};

  bool operator==(const Lens&) const = default;
};

// Focal lengths and principal point of a lens, whatever its model [px].
struct PinholeParams {
  double fx = 0, fy = 0, cx = 0, cy = 0;
};

std::string_view LensModelName(LensModel model);  // COLMAP's name: "OPENCV"
std::optional<LensModel> LensModelFromName(std::string_view name);
std::optional<LensModel> LensModelFromId(int64_t id);
int LensParamCount(LensModel model);  // 3-12; the params beyond are zero
PinholeParams PinholeParamsOf(const Lens& lens);

// Errors: bad_input naming `subject` for a size outside [1, 2^28] pixels, a parameter that is not finite, a focal
// length that is not positive.
void CheckLens(const Lens& lens, const std::string& subject);

// The same lens as kPinhole where the model has no distortion or all its coefficients are zero (fisheye models always
// distort); otherwise as it is.
Lens SimplifyLens(const Lens& lens);

// The pixel (u, v) where the lens images the direction (x, y, 1) of OpenCV camera axes; pixel centres at +0.5. May be
// non-finite for extreme parameters.
// Source: COLMAP, src/colmap/sensor/models.h (ImgFromCam). Deviation: FOV with |omega| < 0.01 uses the series of its
// closed form, 1 + omega^2 (1/12 - r^2/3); COLMAP's has the sign of the inverse.
std::array<double, 2> DistortedPixel(const Lens& lens, double x, double y);

}  // namespace takt::capture
