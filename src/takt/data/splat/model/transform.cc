// SPDX-License-Identifier: Apache-2.0
#include "takt/data/splat/model/transform.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <iterator>

#include "takt/core/base/error.h"
#include "takt/core/base/parallel.h"

namespace takt::splat {
namespace {

constexpr size_t kMaxCoefficients = 16;
constexpr double kRotationTolerance = 1e-5;
constexpr double kPi = 3.14159265358979323846;

using Vec3 = std::array<double, 3>;
using Basis = std::array<double, kMaxCoefficients>;

// The real spherical harmonics of 3DGS, with its signs.
Basis ShAt(const Vec3& d) {
  const auto [x, y, z] = d;
  return {0.28209479177387814,
          -0.4886025119029199 * y,
          0.4886025119029199 * z,
          -0.4886025119029199 * x,
          1.0925484305920792 * x * y,
          -1.0925484305920792 * y * z,
          0.31539156525252005 * (2 * z * z - x * x - y * y),
          -1.0925484305920792 * x * z,
          0.5462742152960396 * (x * x - y * y),
          -0.5900435899266435 * y * (3 * x * x - y * y),
          2.890611442640554 * x * y * z,
          -0.4570457994644658 * y * (4 * z * z - x * x - y * y),
          0.3731763325901154 * z * (2 * z * z - 3 * x * x - 3 * y * y),
          -0.4570457994644658 * x * (4 * z * z - x * x - y * y),
          1.445305721320277 * z * (x * x - y * y),
          -0.5900435899266435 * x * (x * x - 3 * y * y)};
}

// [16, 16] row-major, block-diagonal by degree: new = M old.
using ShMatrix = std::array<std::array<double, kMaxCoefficients>, kMaxCoefficients>;

// Products of two functions of degree 3 are polynomials of degree 6. Four Gauss-Legendre nodes in z are exact up to
// degree 7, eight points around the axis too.
ShMatrix ShRotation(const std::array<double, 9>& r) {
  constexpr std::array<double, 4> kNodes = {-0.86113631159405257522, -0.33998104358485626480, 0.33998104358485626480,
                                            0.86113631159405257522};
  constexpr std::array<double, 4> kWeights = {0.34785484513745385737, 0.65214515486254614263, 0.65214515486254614263,
                                              0.34785484513745385737};
  constexpr int kAround = 8;
  ShMatrix m{};
  for (size_t node = 0; node < kNodes.size(); ++node) {
    const double z = kNodes[node], radius = std::sqrt(1 - z * z), weight = kWeights[node] * 2 * kPi / kAround;
    for (int step = 0; step < kAround; ++step) {
      const double angle = 2 * kPi * step / kAround;
      const Vec3 d = {radius * std::cos(angle), radius * std::sin(angle), z};
      const Vec3 back = {r[0] * d[0] + r[3] * d[1] + r[6] * d[2], r[1] * d[0] + r[4] * d[1] + r[7] * d[2],
                         r[2] * d[0] + r[5] * d[1] + r[8] * d[2]};  // R^T d
      const Basis to = ShAt(d), from = ShAt(back);
      for (size_t degree = 1; degree <= 3; ++degree) {
        for (size_t i = degree * degree; i < (degree + 1) * (degree + 1); ++i) {
          for (size_t j = degree * degree; j < (degree + 1) * (degree + 1); ++j) m[i][j] += weight * to[i] * from[j];
        }
      }
    }
  }
  return m;
}

// w x y z. Shepperd's method: divide by the largest of the four.
std::array<double, 4> QuaternionOf(const std::array<double, 9>& r) {
  const double trace = r[0] + r[4] + r[8];
  const std::array<double, 4> four_squares = {1 + trace, 1 + 2 * r[0] - trace, 1 + 2 * r[4] - trace,
                                              1 + 2 * r[8] - trace};
  const auto largest = static_cast<size_t>(
      std::distance(four_squares.begin(), std::max_element(four_squares.begin(), four_squares.end())));
  const double half = 0.5 * std::sqrt(four_squares[largest]), f = 0.25 / half;
  switch (largest) {
    case 0:
      return {half, (r[7] - r[5]) * f, (r[2] - r[6]) * f, (r[3] - r[1]) * f};
    case 1:
      return {(r[7] - r[5]) * f, half, (r[1] + r[3]) * f, (r[2] + r[6]) * f};
    case 2:
      return {(r[2] - r[6]) * f, (r[1] + r[3]) * f, half, (r[5] + r[7]) * f};
    default:
      return {(r[3] - r[1]) * f, (r[2] + r[6]) * f, (r[5] + r[7]) * f, half};
  }
}

void CheckRotation(const std::array<double, 9>& r) {
  bool orthonormal = true;
  for (size_t i = 0; i < 3; ++i) {
    for (size_t j = 0; j < 3; ++j) {
      const double dot = r[i * 3] * r[j * 3] + r[i * 3 + 1] * r[j * 3 + 1] + r[i * 3 + 2] * r[j * 3 + 2];
      orthonormal = orthonormal && std::abs(dot - (i == j ? 1.0 : 0.0)) <= kRotationTolerance;
    }
  }
  const double determinant =
      r[0] * (r[4] * r[8] - r[5] * r[7]) - r[1] * (r[3] * r[8] - r[5] * r[6]) + r[2] * (r[3] * r[7] - r[4] * r[6]);
  if (!orthonormal || !(determinant > 0)) {
    throw Error(ErrorCode::kBadInput, "rotation", "is not a rotation matrix",
                "its rows must be orthonormal and its determinant +1; a mirrored scene cannot be had this way");
  }
}

}  // namespace

Splats TransformSplats(const Splats& splats, const std::array<double, 9>& rotation,
                       const std::array<double, 3>& translation, double scale) {
  CheckRotation(rotation);
  if (!(scale > 0) || !std::isfinite(scale)) {
    throw Error(ErrorCode::kBadInput, "scale", "is not a positive finite number");
  }
  for (const double t : translation) {
    if (!std::isfinite(t)) throw Error(ErrorCode::kBadInput, "translation", "is not finite");
  }
  CheckSplats(splats, "splats");
  const std::array<double, 4> r = QuaternionOf(rotation);
  const ShMatrix sh_matrix = ShRotation(rotation);
  const double log_scale = std::log(scale);
  const size_t k_count = static_cast<size_t>(ShCoefficients(splats.sh_degree));

  Splats moved = splats;
  ParallelFor(splats.size(), 4096, [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) {
      const float* p = &splats.means[i * 3];
      for (size_t a = 0; a < 3; ++a) {
        const double rotated = rotation[a * 3] * p[0] + rotation[a * 3 + 1] * p[1] + rotation[a * 3 + 2] * p[2];
        moved.means[i * 3 + a] = static_cast<float>(scale * rotated + translation[a]);
        moved.log_scales[i * 3 + a] = static_cast<float>(splats.log_scales[i * 3 + a] + log_scale);
      }
      const float* q = &splats.quats[i * 4];
      float* out = &moved.quats[i * 4];
      out[0] = static_cast<float>(r[0] * q[0] - r[1] * q[1] - r[2] * q[2] - r[3] * q[3]);
      out[1] = static_cast<float>(r[0] * q[1] + r[1] * q[0] + r[2] * q[3] - r[3] * q[2]);
      out[2] = static_cast<float>(r[0] * q[2] - r[1] * q[3] + r[2] * q[0] + r[3] * q[1]);
      out[3] = static_cast<float>(r[0] * q[3] + r[1] * q[2] - r[2] * q[1] + r[3] * q[0]);
      for (size_t c = 0; c < 3; ++c) {
        const float* from = &splats.sh[(i * 3 + c) * k_count];
        float* to = &moved.sh[(i * 3 + c) * k_count];
        for (size_t degree = 1; degree * degree < k_count; ++degree) {
          const size_t first = degree * degree, last = (degree + 1) * (degree + 1);
          for (size_t m = first; m < last; ++m) {
            double sum = 0;
            for (size_t k = first; k < last; ++k) sum += sh_matrix[m][k] * from[k];
            to[m] = static_cast<float>(sum);
          }
        }
      }
    }
  });
  CheckSplats(moved, "moved splats");
  return moved;
}

}  // namespace takt::splat
