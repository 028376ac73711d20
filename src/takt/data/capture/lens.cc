// SPDX-License-Identifier: Apache-2.0
#include "takt/data/capture/lens.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "takt/core/base/error.h"

namespace takt::capture {
namespace {

struct ModelTraits {
  std::string_view name;
  int param_count;
  bool one_focal_length;  // params are f, cx, cy, ... instead of fx, fy, cx, cy, ...
  bool fisheye;           // distorts the angle theta, not the tangent
};

constexpr std::array<ModelTraits, 11> kModels = {{
    {"SIMPLE_PINHOLE", 3, true, false},
    {"PINHOLE", 4, false, false},
    {"SIMPLE_RADIAL", 4, true, false},
    {"RADIAL", 5, true, false},
    {"OPENCV", 8, false, false},
    {"OPENCV_FISHEYE", 8, false, true},
    {"FULL_OPENCV", 12, false, false},
    {"FOV", 5, false, false},
    {"SIMPLE_RADIAL_FISHEYE", 4, true, true},
    {"RADIAL_FISHEYE", 5, true, true},
    {"THIN_PRISM_FISHEYE", 12, false, true},
}};

constexpr int64_t kMaxPixels = int64_t{1} << 28;

const ModelTraits& TraitsOf(LensModel model) { return kModels[static_cast<size_t>(model)]; }

// x * radial + tangential part, as OpenCV orders p1 and p2.
std::array<double, 2> RadialTangential(double x, double y, double radial, double p1, double p2) {
  const double xx = x * x, xy = x * y, yy = y * y, r2 = xx + yy;
  return {x * radial + 2 * p1 * xy + p2 * (r2 + 2 * xx), y * radial + 2 * p2 * xy + p1 * (r2 + 2 * yy)};
}

double FovFactor(double omega, double r2) {
  constexpr double kSmall = 1e-4;
  const double omega2 = omega * omega;
  if (omega2 < kSmall) return 1 + omega2 / 12 - omega2 * r2 / 3;
  const double slope = 2 * std::tan(omega / 2);
  if (r2 < kSmall) return slope * (1 - r2 * slope * slope / 3) / omega;
  const double r = std::sqrt(r2);
  return std::atan(r * slope) / (r * omega);
}

}  // namespace

std::string_view LensModelName(LensModel model) { return TraitsOf(model).name; }

std::optional<LensModel> LensModelFromName(std::string_view name) {
  for (size_t i = 0; i < kModels.size(); ++i) {
    if (kModels[i].name == name) return static_cast<LensModel>(i);
  }
  return std::nullopt;
}

std::optional<LensModel> LensModelFromId(int64_t id) {
  if (id < 0 || std::cmp_greater_equal(id, kModels.size())) return std::nullopt;
  return static_cast<LensModel>(id);
}

int LensParamCount(LensModel model) { return TraitsOf(model).param_count; }

PinholeParams PinholeParamsOf(const Lens& lens) {
  const auto& p = lens.params;
  if (TraitsOf(lens.model).one_focal_length) return {p[0], p[0], p[1], p[2]};
  return {p[0], p[1], p[2], p[3]};
}

void CheckLens(const Lens& lens, const std::string& subject) {
  if (lens.width_px < 1 || lens.height_px < 1 || int64_t{lens.width_px} * lens.height_px > kMaxPixels) {
    throw Error(ErrorCode::kBadInput, subject,
                fmt::format("the camera's picture is {} x {} pixels", lens.width_px, lens.height_px),
                "sizes run from 1 x 1 to 2^28 pixels");
  }
  for (int i = 0; i < LensParamCount(lens.model); ++i) {
    if (!std::isfinite(lens.params[i])) {
      throw Error(ErrorCode::kBadInput, subject,
                  fmt::format("parameter {} of camera model {} is not finite", i + 1, LensModelName(lens.model)));
    }
  }
  const PinholeParams pinhole = PinholeParamsOf(lens);
  if (!(pinhole.fx > 0) || !(pinhole.fy > 0)) {
    throw Error(ErrorCode::kBadInput, subject,
                fmt::format("the focal length is {} x {} pixels; it must be positive", pinhole.fx, pinhole.fy));
  }
}

Lens SimplifyLens(const Lens& lens) {
  const ModelTraits& traits = TraitsOf(lens.model);
  const int first_coefficient = traits.one_focal_length ? 3 : 4;
  const bool distorts =
      traits.fisheye || std::any_of(lens.params.begin() + first_coefficient, lens.params.begin() + traits.param_count,
                                    [](double k) { return k != 0; });
  if (distorts) return lens;
  const PinholeParams p = PinholeParamsOf(lens);
  return {LensModel::kPinhole, lens.width_px, lens.height_px, {p.fx, p.fy, p.cx, p.cy}};
}

std::array<double, 2> DistortedPixel(const Lens& lens, double x, double y) {
  const auto& p = lens.params;
  const PinholeParams pinhole = PinholeParamsOf(lens);
  if (TraitsOf(lens.model).fisheye) {
    const double r = std::hypot(x, y);
    const double theta_per_r = r > 1e-12 ? std::atan(r) / r : 1;
    x *= theta_per_r;
    y *= theta_per_r;
  }
  const double r2 = x * x + y * y, r4 = r2 * r2, r6 = r4 * r2;
  std::array<double, 2> q = {x, y};
  switch (lens.model) {
    case LensModel::kSimplePinhole:
    case LensModel::kPinhole:
      break;
    case LensModel::kSimpleRadial:
    case LensModel::kSimpleRadialFisheye:
      q = RadialTangential(x, y, 1 + p[3] * r2, 0, 0);
      break;
    case LensModel::kRadial:
    case LensModel::kRadialFisheye:
      q = RadialTangential(x, y, 1 + p[3] * r2 + p[4] * r4, 0, 0);
      break;
    case LensModel::kOpenCv:
      q = RadialTangential(x, y, 1 + p[4] * r2 + p[5] * r4, p[6], p[7]);
      break;
    case LensModel::kOpenCvFisheye:
      q = RadialTangential(x, y, 1 + p[4] * r2 + p[5] * r4 + p[6] * r6 + p[7] * r4 * r4, 0, 0);
      break;
    case LensModel::kFullOpenCv: {
      const double radial = (1 + p[4] * r2 + p[5] * r4 + p[8] * r6) / (1 + p[9] * r2 + p[10] * r4 + p[11] * r6);
      q = RadialTangential(x, y, radial, p[6], p[7]);
      break;
    }
    case LensModel::kFov:
      q = RadialTangential(x, y, FovFactor(p[4], r2), 0, 0);
      break;
    case LensModel::kThinPrismFisheye:
      q = RadialTangential(x, y, 1 + p[4] * r2 + p[5] * r4 + p[8] * r6 + p[9] * r4 * r4, p[6], p[7]);
      q[0] += p[10] * r2;
      q[1] += p[11] * r2;
      break;
  }
  return {pinhole.fx * q[0] + pinhole.cx, pinhole.fy * q[1] + pinhole.cy};
}

}  // namespace takt::capture
