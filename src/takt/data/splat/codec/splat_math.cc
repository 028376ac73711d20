// SPDX-License-Identifier: Apache-2.0
#include "takt/data/splat/codec/splat_math.h"

#include <algorithm>
#include <cmath>

#include "takt/data/splat/codec/det_math.h"

namespace takt::splat {
namespace {

constexpr double kPi = 3.14159265358979323846;

std::array<double, 3> Normalised(std::array<double, 3> v) {
  const double length = std::sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]);
  for (double& x : v) x /= length;
  return v;
}

std::array<double, 3> Cross(const std::array<double, 3>& a, const std::array<double, 3>& b) {
  return {a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]};
}

double Dot(const std::array<double, 3>& a, const std::array<double, 3>& b) {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

// Two tangents at a unit vector with z >= 0; smooth there. Source: Duff et al., JCGT 6(1), 2017.
void Tangents(const std::array<double, 3>& n, std::array<double, 3>* b1, std::array<double, 3>* b2) {
  const double a = -1.0 / (1.0 + n[2]), b = n[0] * n[1] * a;
  *b1 = {1.0 + n[0] * n[0] * a, b, -n[0]};
  *b2 = {b, 1.0 + n[1] * n[1] * a, -n[1]};
}

// Taylor series about 0 after one reflection; |error| < 1e-13 on [0, pi].
void SinCos(double x, double* sine, double* cosine) {
  const double y = x - kPi / 2, yy = y * y;
  double s = 1.0, c = 1.0;
  for (int k = 12; k >= 1; --k) {
    s = 1.0 - s * yy / ((2.0 * k) * (2.0 * k + 1.0));
    c = 1.0 - c * yy / ((2.0 * k - 1.0) * (2.0 * k));
  }
  *sine = c;         // sin x = cos (x - pi/2)
  *cosine = -s * y;  // cos x = -sin (x - pi/2)
}

}  // namespace

uint32_t SpaceMap::ToFixed(int axis, float x) const {
  double u = (static_cast<double>(x) - centre[axis]) / radius;
  if (std::abs(u) > 1) u = std::copysign(1 + DetLog(std::abs(u)), u);
  const double fixed = (u / extent + 1) * 0x1p31;
  return static_cast<uint32_t>(std::clamp(fixed, 0.0, 4294967295.0));
}

float SpaceMap::FromFixed(int axis, double fixed) const {
  const double u = (fixed * 0x1p-31 - 1) * extent;
  const double stretched = std::abs(u) > 1 ? std::copysign(DetExp(std::abs(u) - 1), u) : u;
  return static_cast<float>(centre[axis] + radius * stretched);
}

double SpaceMap::Stretch(double fixed) const {
  const double u = std::abs((fixed * 0x1p-31 - 1) * extent);
  return u > 1 ? radius * DetExp(u - 1) : radius;
}

bool IsNeedle(const float log_scales[3]) { return log_scales[0] - log_scales[1] > log_scales[1] - log_scales[2]; }

RotationCode EncodeRotation(const Axes& axes, bool needle) {
  std::array<double, 3> p = needle ? axes[0] : axes[2];
  const std::array<double, 3>& reference = needle ? axes[1] : axes[0];
  if (p[2] < 0) {
    for (double& x : p) x = -x;
  }
  const double sum = std::abs(p[0]) + std::abs(p[1]) + std::abs(p[2]);
  const double x = p[0] / sum, y = p[1] / sum;
  std::array<double, 3> b1, b2;
  Tangents(p, &b1, &b2);
  double angle = std::atan2(Dot(reference, b2), Dot(reference, b1));
  if (angle < 0) angle += kPi;
  const auto unit = [](double t) { return static_cast<float>(std::clamp(t, 0.0, 0.99999994)); };
  return {unit((x + y + 1) / 2), unit((x - y + 1) / 2), unit(angle >= kPi ? 0.0 : angle / kPi)};
}

Axes DecodeRotation(const RotationCode& code, bool needle) {
  const double s = 2.0 * code.u - 1.0, t = 2.0 * code.v - 1.0;
  const double x = (s + t) / 2, y = (s - t) / 2;
  const std::array<double, 3> p = Normalised({x, y, std::max(0.0, 1.0 - std::abs(x) - std::abs(y))});
  std::array<double, 3> b1, b2;
  Tangents(p, &b1, &b2);
  double sine, cosine;
  SinCos(code.spin * kPi, &sine, &cosine);
  std::array<double, 3> reference;
  for (int a = 0; a < 3; ++a) reference[a] = cosine * b1[a] + sine * b2[a];
  const std::array<double, 3> third = Cross(p, reference);
  return needle ? Axes{p, reference, third} : Axes{reference, third, p};
}

Axes AxesFromQuaternion(const float wxyz[4]) {
  const double w0 = wxyz[0], x0 = wxyz[1], y0 = wxyz[2], z0 = wxyz[3];
  const double scale = 1.0 / std::sqrt(w0 * w0 + x0 * x0 + y0 * y0 + z0 * z0);
  const double w = w0 * scale, x = x0 * scale, y = y0 * scale, z = z0 * scale;
  return {{{1 - 2 * (y * y + z * z), 2 * (x * y + w * z), 2 * (x * z - w * y)},
           {2 * (x * y - w * z), 1 - 2 * (x * x + z * z), 2 * (y * z + w * x)},
           {2 * (x * z + w * y), 2 * (y * z - w * x), 1 - 2 * (x * x + y * y)}}};
}

void QuaternionFromAxes(const Axes& axes, float wxyz[4]) {
  std::array<double, 3> c = axes[2];
  if (Dot(Cross(axes[0], axes[1]), c) < 0) {
    for (double& x : c) x = -x;
  }
  const std::array<double, 3>&a = axes[0], &b = axes[1];
  // The largest of the four squares is at least 1/4, so the division is safe. Source: Shepperd, 1978.
  const double square[4] = {1 + a[0] + b[1] + c[2], 1 + a[0] - b[1] - c[2], 1 - a[0] + b[1] - c[2],
                            1 - a[0] - b[1] + c[2]};
  int best = 0;
  for (int i = 1; i < 4; ++i) {
    if (square[i] > square[best]) best = i;
  }
  const double root = std::sqrt(square[best]), half = 0.5 / root;
  double q[4];
  q[best] = 0.5 * root;
  const double wx = (b[2] - c[1]) * half, wy = (c[0] - a[2]) * half, wz = (a[1] - b[0]) * half;
  const double xy = (a[1] + b[0]) * half, xz = (c[0] + a[2]) * half, yz = (b[2] + c[1]) * half;
  if (best == 0) q[1] = wx, q[2] = wy, q[3] = wz;
  if (best == 1) q[0] = wx, q[2] = xy, q[3] = xz;
  if (best == 2) q[0] = wy, q[1] = xy, q[3] = yz;
  if (best == 3) q[0] = wz, q[1] = xz, q[2] = yz;
  for (int i = 0; i < 4; ++i) wxyz[i] = static_cast<float>(q[i]);
}

Footprint::Footprint(const float log_scales[3], double blur) {
  for (int j = 0; j < 3; ++j) {
    square[j] = DetExp(2.0 * std::clamp(log_scales[j], -80.0f, 80.0f));
    blurred[j] = square[j] + blur * blur;
  }
}

double Footprint::Turn(int j, int k) const {
  const double d = square[j] - square[k];
  return d / blurred[j] * (d / blurred[k]);
}

double Footprint::DirectionWeight(bool needle) const {
  return needle ? 0.5 * (Turn(0, 1) + Turn(0, 2)) : 0.5 * (Turn(2, 0) + Turn(2, 1));
}

double Footprint::SpinWeight(bool needle) const { return needle ? Turn(1, 2) : Turn(0, 1); }

double Footprint::ShiftWeight(const Axes& axes, int axis) const {
  double sum = 0;
  for (int j = 0; j < 3; ++j) sum += axes[j][axis] * axes[j][axis] / blurred[j];
  return sum;
}

}  // namespace takt::splat
