// SPDX-License-Identifier: Apache-2.0
#include "takt/data/splat/render/sensitivity.h"

#include <algorithm>
#include <cmath>

#include "takt/core/base/error.h"
#include "takt/core/base/interrupt.h"
#include "takt/core/base/parallel.h"
#include "takt/data/splat/render/renderer.h"
#include "takt/data/splat/render/sh_basis.h"

namespace takt::splat {
namespace {

// How ln alpha changes over the pixels when one parameter moves: coefficients of 1, x, y, x^2, xy, y^2.
using Polynomial = std::array<double, 6>;

// sum of psi * p(x, y)^2 from the moments of psi.
double Energy(const Polynomial& p, const std::array<double, 15>& moments) {
  static constexpr int kPowerX[6] = {0, 1, 0, 2, 1, 0}, kPowerY[6] = {0, 0, 1, 0, 1, 2};
  double sum = 0;
  for (int i = 0; i < 6; ++i) {
    for (int j = 0; j < 6; ++j) {
      const int a = kPowerX[i] + kPowerX[j], b = kPowerY[i] + kPowerY[j], degree = a + b;
      sum += p[i] * p[j] * moments[degree * (degree + 1) / 2 + b];
    }
  }
  return std::max(sum, 0.0);
}

struct Screen {
  double qa, qb, qc;  // conic
  // A move of the projected mean by (du, dv) and of the screen covariance by (xx, xy, yy).
  Polynomial Move(double du, double dv, double xx, double xy, double yy) const {
    const double m00 = qa * xx + qb * xy, m01 = qa * xy + qb * yy, m10 = qb * xx + qc * xy, m11 = qb * xy + qc * yy;
    const double da = -(m00 * qa + m01 * qb), db = -(m00 * qb + m01 * qc), dc = -(m10 * qb + m11 * qc);
    return {0, qa * du + qb * dv, qb * du + qc * dv, -0.5 * da, -db, -0.5 * dc};
  }
};

struct Accumulator {
  std::vector<double> importance, removal, means, log_scales, rotation, logits, sh;
};

void AddSplat(const Splats& splats, size_t i, const capture::Camera& camera, const std::array<double, 3>& eye,
              const std::array<double, 15>& moments, double weight, double weight_squared, Accumulator* sum) {
  sum->importance[i] += weight;
  sum->removal[i] += moments[0];
  if (!(weight > 0)) return;
  const auto& w = camera.cam_from_world.rotation;
  const std::array<double, 3> mean = {splats.means[3 * i], splats.means[3 * i + 1], splats.means[3 * i + 2]};
  const auto [x, y, z] = camera.cam_from_world.Apply(mean);
  const double margin_x = 0.15 * camera.width_px / camera.fx, margin_y = 0.15 * camera.height_px / camera.fy;
  const double sx = std::clamp(x / z, -camera.cx / camera.fx - margin_x, (camera.width_px - camera.cx) / camera.fx + margin_x);
  const double sy = std::clamp(y / z, -camera.cy / camera.fy - margin_y, (camera.height_px - camera.cy) / camera.fy + margin_y);
  const double j00 = camera.fx / z, j11 = camera.fy / z, j02 = -j00 * sx, j12 = -j11 * sy;

  const float* q = &splats.quats[4 * i];
  const double norm = std::sqrt(double{q[0]} * q[0] + double{q[1]} * q[1] + double{q[2]} * q[2] + double{q[3]} * q[3]);
  const double qw = q[0] / norm, qx = q[1] / norm, qy = q[2] / norm, qz = q[3] / norm;
  const double rot[3][3] = {{1 - 2 * (qy * qy + qz * qz), 2 * (qx * qy - qw * qz), 2 * (qx * qz + qw * qy)},
                            {2 * (qx * qy + qw * qz), 1 - 2 * (qx * qx + qz * qz), 2 * (qy * qz - qw * qx)},
                            {2 * (qx * qz - qw * qy), 2 * (qy * qz + qw * qx), 1 - 2 * (qx * qx + qy * qy)}};
  double cam_axes[3][3];  // W R: the splat's axes in the camera
  for (int row = 0; row < 3; ++row) {
    for (int k = 0; k < 3; ++k) {
      cam_axes[row][k] = w[3 * row] * rot[0][k] + w[3 * row + 1] * rot[1][k] + w[3 * row + 2] * rot[2][k];
    }
  }
  double axis[2][3], scale[3], xx = kScreenBlur, xy = 0, yy = kScreenBlur;  // axis = J W R
  for (int k = 0; k < 3; ++k) {
    scale[k] = std::exp(double{splats.log_scales[3 * i + k]});
    axis[0][k] = j00 * cam_axes[0][k] + j02 * cam_axes[2][k];
    axis[1][k] = j11 * cam_axes[1][k] + j12 * cam_axes[2][k];
    const double s2 = scale[k] * scale[k];
    xx += s2 * axis[0][k] * axis[0][k];
    xy += s2 * axis[0][k] * axis[1][k];
    yy += s2 * axis[1][k] * axis[1][k];
  }
  const double det = xx * yy - xy * xy;
  const Screen screen = {yy / det, -xy / det, xx / det};

  for (int k = 0; k < 3; ++k) {
    // Mean along world axis k: the pixel moves, and the Jacobian changes.
    const double dx = w[k], dy = w[3 + k], dz = w[6 + k];
    const double du = j00 * (dx - x / z * dz), dv = j11 * (dy - y / z * dz);
    const double d_j00 = -j00 / z * dz, d_j11 = -j11 / z * dz;
    const double d_sx = sx == x / z ? (dx - sx * dz) / z : 0.0, d_sy = sy == y / z ? (dy - sy * dz) / z : 0.0;
    const double d_j02 = -d_j00 * sx - j00 * d_sx, d_j12 = -d_j11 * sy - j11 * d_sy;
    double d_xx = 0, d_xy = 0, d_yy = 0;
    for (int m = 0; m < 3; ++m) {
      const double s2 = scale[m] * scale[m];
      const double d0 = d_j00 * cam_axes[0][m] + d_j02 * cam_axes[2][m];
      const double d1 = d_j11 * cam_axes[1][m] + d_j12 * cam_axes[2][m];
      d_xx += 2 * s2 * d0 * axis[0][m];
      d_xy += s2 * (d0 * axis[1][m] + d1 * axis[0][m]);
      d_yy += 2 * s2 * d1 * axis[1][m];
    }
    sum->means[3 * i + k] += Energy(screen.Move(du, dv, d_xx, d_xy, d_yy), moments);
    const double grow = 2 * scale[k] * scale[k];
    sum->log_scales[3 * i + k] += Energy(screen.Move(0, 0, grow * axis[0][k] * axis[0][k],
                                                     grow * axis[0][k] * axis[1][k], grow * axis[1][k] * axis[1][k]),
                                         moments);
    // A turn about the splat's axis k mixes the other two, as far as their scales differ.
    const int a = (k + 1) % 3, b = (k + 2) % 3;
    const double turn = scale[a] * scale[a] - scale[b] * scale[b];
    sum->rotation[3 * i + k] +=
        Energy(screen.Move(0, 0, 2 * turn * axis[0][a] * axis[0][b],
                           turn * (axis[0][a] * axis[1][b] + axis[0][b] * axis[1][a]), 2 * turn * axis[1][a] * axis[1][b]),
               moments);
  }
  const double transparent = 1 / (1 + std::exp(double{splats.logits[i]}));  // d ln opacity / d logit
  sum->logits[i] += transparent * transparent * moments[0];

  double direction[3], length = 0, basis[16];
  for (int k = 0; k < 3; ++k) {
    direction[k] = mean[k] - eye[k];
    length += direction[k] * direction[k];
  }
  length = std::sqrt(std::max(length, 1e-30));
  ShBasis(splats.sh_degree, direction[0] / length, direction[1] / length, direction[2] / length, basis);
  const int coefficients = ShCoefficients(splats.sh_degree);
  for (int k = 0; k < coefficients; ++k) sum->sh[i * coefficients + k] += basis[k] * basis[k] * weight_squared;
}

}  // namespace

Sensitivity ComputeSensitivity(const Splats& splats, std::span<const capture::Camera> cameras,
                               const std::array<float, 3>& background, const ProgressSink& progress) {
  if (splats.size() == 0 || cameras.empty()) {
    throw Error(ErrorCode::kBadInput, "score", splats.size() == 0 ? "there are no splats" : "there are no cameras");
  }
  const size_t n = splats.size(), coefficients = static_cast<size_t>(ShCoefficients(splats.sh_degree));
  const auto zeros = [](size_t count) { return std::vector<double>(count, 0.0); };
  Accumulator sum = {zeros(n), zeros(n), zeros(3 * n), zeros(3 * n), zeros(3 * n), zeros(n), zeros(n * coefficients)};
  Renderer renderer;
  Picture picture;
  Renderer::Moments moments;
  double values = 0;
  for (size_t v = 0; v < cameras.size(); ++v) {
    ThrowIfInterrupted();
    const capture::Camera& camera = cameras[v];
    const auto eye = camera.CenterInWorld();
    renderer.Forward(splats, camera, {.background = background}, &picture);
    renderer.SecondMoments(picture, &moments);
    ParallelFor(moments.splat_idx.size(), 1024, [&](size_t begin, size_t end) {
      for (size_t row = begin; row < end; ++row) {
        AddSplat(splats, moments.splat_idx[row], camera, eye, moments.moments[row], moments.weight[row],
                 moments.weight_squared[row], &sum);
      }
    });
    values += 3.0 * static_cast<double>(picture.pixels());
    if (progress) progress({"score", v + 1, cameras.size(), "views", ""});
  }
  const auto scaled = [](const std::vector<double>& in, double factor) {
    std::vector<float> out(in.size());
    for (size_t i = 0; i < in.size(); ++i) out[i] = static_cast<float>(in[i] * factor);
    return out;
  };
  const double factor = 1 / values;
  return {scaled(sum.importance, 1), scaled(sum.removal, factor), scaled(sum.means, factor),
          scaled(sum.log_scales, factor), scaled(sum.rotation, factor), scaled(sum.logits, factor), scaled(sum.sh, factor)};
}

std::vector<capture::Camera> SphereCameras(const Splats& splats, int count, int width_px, int height_px) {
  std::array<double, 3> center{}, half{};
  for (int k = 0; k < 3; ++k) {
    std::vector<float> values(splats.size());
    for (size_t i = 0; i < splats.size(); ++i) values[i] = splats.means[3 * i + k];
    if (values.empty()) continue;
    const auto quantile = [&](double at) {
      const auto it = values.begin() + static_cast<std::ptrdiff_t>(at * static_cast<double>(values.size() - 1));
      std::nth_element(values.begin(), it, values.end());
      return static_cast<double>(*it);
    };
    const double lo = quantile(0.05), hi = quantile(0.95);
    center[k] = 0.5 * (lo + hi);
    half[k] = 0.5 * (hi - lo);
  }
  const double radius = std::max(1.2 * std::hypot(half[0], half[1], half[2]), 1e-6);
  const double half_fov_rad = 0.4;
  const double distance = radius / std::sin(half_fov_rad);
  std::vector<capture::Camera> cameras;
  const double golden = M_PI * (3 - std::sqrt(5.0));
  for (int i = 0; i < count; ++i) {
    // Fibonacci sphere; `up` is any axis that the view is not along.
    const double h = 1 - 2 * (i + 0.5) / count, r = std::sqrt(1 - h * h);
    const std::array<double, 3> back = {r * std::cos(golden * i), h, r * std::sin(golden * i)};
    const std::array<double, 3> forward = {-back[0], -back[1], -back[2]};
    const std::array<double, 3> up = std::abs(h) < 0.95 ? std::array<double, 3>{0, 1, 0} : std::array<double, 3>{1, 0, 0};
    const auto cross = [](const std::array<double, 3>& a, const std::array<double, 3>& b) {
      return std::array<double, 3>{a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]};
    };
    std::array<double, 3> right = cross(forward, up);
    const double norm = std::hypot(right[0], right[1], right[2]);
    for (double& v : right) v /= norm;
    const std::array<double, 3> down = cross(forward, right);
    capture::Camera camera;
    camera.width_px = width_px, camera.height_px = height_px;
    camera.fx = camera.fy = 0.5 * std::min(width_px, height_px) / std::tan(half_fov_rad);
    camera.cx = 0.5 * width_px, camera.cy = 0.5 * height_px;
    auto& pose = camera.cam_from_world;
    for (int k = 0; k < 3; ++k) {
      pose.rotation[k] = right[k], pose.rotation[3 + k] = down[k], pose.rotation[6 + k] = forward[k];
    }
    const std::array<double, 3> eye = {center[0] + distance * back[0], center[1] + distance * back[1],
                                       center[2] + distance * back[2]};
    for (int row = 0; row < 3; ++row) {
      pose.translation[row] = -(pose.rotation[3 * row] * eye[0] + pose.rotation[3 * row + 1] * eye[1] +
                                pose.rotation[3 * row + 2] * eye[2]);
    }
    cameras.push_back(camera);
  }
  return cameras;
}

}  // namespace takt::splat
