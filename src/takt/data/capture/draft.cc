// SPDX-License-Identifier: Apache-2.0
#include "takt/data/capture/draft.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "takt/core/base/error.h"

namespace takt::capture {
namespace {

using Matrix = std::array<double, 9>;

// The cofactors of m; m^-T = cofactors / determinant.
Matrix Cofactors(const Matrix& m) {
  return {m[4] * m[8] - m[5] * m[7], m[5] * m[6] - m[3] * m[8], m[3] * m[7] - m[4] * m[6],
          m[2] * m[7] - m[1] * m[8], m[0] * m[8] - m[2] * m[6], m[1] * m[6] - m[0] * m[7],
          m[1] * m[5] - m[2] * m[4], m[2] * m[3] - m[0] * m[5], m[0] * m[4] - m[1] * m[3]};
}

double DistanceFromOrthonormal(const Matrix& m) {
  double worst = 0;
  for (int i = 0; i < 3; ++i) {
    for (int j = 0; j < 3; ++j) {
      const double dot = m[3 * i] * m[3 * j] + m[3 * i + 1] * m[3 * j + 1] + m[3 * i + 2] * m[3 * j + 2];
      worst = std::max(worst, std::abs(dot - (i == j ? 1 : 0)));
    }
  }
  return worst;
}

}  // namespace

RigidTransform NearestRigid(const std::array<double, 9>& rotation, const std::array<double, 3>& translation,
                            const std::string& subject) {
  constexpr double kMaxDrift = 0.02;
  const auto finite = [](double v) { return std::isfinite(v); };
  if (!std::all_of(rotation.begin(), rotation.end(), finite) ||
      !std::all_of(translation.begin(), translation.end(), finite)) {
    throw Error(ErrorCode::kBadInput, subject, "the pose is not finite", "remove this view or pose it again");
  }
  const double drift = DistanceFromOrthonormal(rotation);
  if (!(drift <= kMaxDrift)) {
    throw Error(ErrorCode::kBadInput, subject, fmt::format("the pose is not rigid: its axes are off by {:.3g}", drift),
                "poses hold a rotation and a translation, no scale or shear");
  }
  RigidTransform rigid;
  rigid.rotation = rotation;
  rigid.translation = translation;
  // Newton's iteration for the polar factor: converges quadratically from this close.
  for (int i = 0; i < 4; ++i) {
    const Matrix c = Cofactors(rigid.rotation);
    const double determinant = rigid.rotation[0] * c[0] + rigid.rotation[1] * c[1] + rigid.rotation[2] * c[2];
    if (!(determinant > 0)) {
      throw Error(ErrorCode::kBadInput, subject, "the pose is a mirror image, not a rotation");
    }
    for (int k = 0; k < 9; ++k) rigid.rotation[k] = 0.5 * (rigid.rotation[k] + c[k] / determinant);
  }
  return rigid;
}

void CheckName(std::string_view name, const std::string& subject) {
  const auto control = [](char c) { return static_cast<unsigned char>(c) < 0x20; };
  if (name.empty() || std::any_of(name.begin(), name.end(), control)) {
    throw Error(ErrorCode::kBadInput, subject,
                name.empty() ? "a picture has an empty name" : "a picture's name holds control characters");
  }
}

}  // namespace takt::capture
