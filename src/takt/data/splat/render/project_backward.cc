// SPDX-License-Identifier: Apache-2.0
#include "takt/data/splat/render/project_backward.h"

#include <algorithm>
#include <cmath>

#include "takt/data/splat/render/renderer.h"
#include "takt/data/splat/render/sh_basis.h"

namespace takt::splat {

void ProjectBackward(const Splats& splats, const Projected& p, const ProjectionCamera& camera, int sh_degree,
                     const float* sums, const SplatGradientRow& out) {
  const size_t i = p.splat_idx;
  const auto& r = camera.rotation;
  const float* mean = &splats.means[3 * i];

  // Colour.
  float direction[3], length2 = 0;
  for (int k = 0; k < 3; ++k) {
    direction[k] = mean[k] - camera.eye[k];
    length2 += direction[k] * direction[k];
  }
  const float inverse_length = 1.0f / std::sqrt(std::max(length2, 1e-30f));
  for (float& v : direction) v *= inverse_length;
  const int coefficients = ShCoefficients(sh_degree), stride = ShCoefficients(splats.sh_degree);
  const float* sh = &splats.sh[i * 3 * static_cast<size_t>(stride)];
  float basis[16], along[16];
  ShBasis(sh_degree, direction[0], direction[1], direction[2], basis);
  std::fill_n(along, 16, 0.0f);
  for (int c = 0; c < 3; ++c) {
    // The projection stored max(0, colour): exactly 0 means that it was clamped.
    const float d_color = p.color[c] > 0.0f ? sums[6 + c] : 0.0f;
    for (int k = 0; k < coefficients; ++k) {
      out.sh[c * coefficients + k] = basis[k] * d_color;
      along[k] += d_color * sh[c * stride + k];
    }
  }
  float d_mean[3] = {0, 0, 0};
  if (sh_degree > 0) {
    float dx[16], dy[16], dz[16], g[3] = {0, 0, 0};
    ShBasisGradient(sh_degree, direction[0], direction[1], direction[2], dx, dy, dz);
    for (int k = 1; k < coefficients; ++k) {
      g[0] += along[k] * dx[k];
      g[1] += along[k] * dy[k];
      g[2] += along[k] * dz[k];
    }
    const float radial = g[0] * direction[0] + g[1] * direction[1] + g[2] * direction[2];
    for (int k = 0; k < 3; ++k) d_mean[k] = (g[k] - radial * direction[k]) * inverse_length;
  }

  // Geometry: repeat the projection.
  const float x = r[0] * mean[0] + r[1] * mean[1] + r[2] * mean[2] + camera.translation[0];
  const float y = r[3] * mean[0] + r[4] * mean[1] + r[5] * mean[2] + camera.translation[1];
  const float z = p.depth;
  const float iz = 1.0f / z, iz2 = iz * iz;
  const float x_slope = std::clamp(x * iz, camera.x_lo, camera.x_hi), y_slope = std::clamp(y * iz, camera.y_lo, camera.y_hi);
  const bool x_free = x_slope == x * iz, y_free = y_slope == y * iz;
  const float j00 = camera.fx * iz, j11 = camera.fy * iz, j02 = -j00 * x_slope, j12 = -j11 * y_slope;
  float a[2][3];  // J W
  for (int k = 0; k < 3; ++k) {
    a[0][k] = j00 * r[k] + j02 * r[6 + k];
    a[1][k] = j11 * r[3 + k] + j12 * r[6 + k];
  }
  const float* q = &splats.quats[4 * i];
  const float inverse_norm = 1.0f / std::sqrt(q[0] * q[0] + q[1] * q[1] + q[2] * q[2] + q[3] * q[3]);
  const float qw = q[0] * inverse_norm, qx = q[1] * inverse_norm, qy = q[2] * inverse_norm, qz = q[3] * inverse_norm;
  const float rot[3][3] = {{1 - 2 * (qy * qy + qz * qz), 2 * (qx * qy - qw * qz), 2 * (qx * qz + qw * qy)},
                           {2 * (qx * qy + qw * qz), 1 - 2 * (qx * qx + qz * qz), 2 * (qy * qz - qw * qx)},
                           {2 * (qx * qz - qw * qy), 2 * (qy * qz + qw * qx), 1 - 2 * (qx * qx + qy * qy)}};
  float scale[3], t[2][3];  // t = J W R S
  for (int k = 0; k < 3; ++k) {
    scale[k] = std::exp(splats.log_scales[3 * i + k]);
    for (int row = 0; row < 2; ++row) {
      t[row][k] = (a[row][0] * rot[0][k] + a[row][1] * rot[1][k] + a[row][2] * rot[2][k]) * scale[k];
    }
  }

  // The conic in natural units, and the gradient by the screen covariance: -Q (d Q) Q.
  const float kLn2 = 0.6931471805599453f;
  const float qa = 2 * kLn2 * p.a, qb = kLn2 * p.b, qc = 2 * kLn2 * p.c;
  const float s0 = sums[0], sx = sums[1], sy = sums[2];
  const float ga = -0.5f * sums[3], gb = -0.5f * sums[4], gc = -0.5f * sums[5];  // symmetric matrix d Q
  const float m00 = qa * ga + qb * gb, m01 = qa * gb + qb * gc, m10 = qb * ga + qc * gb, m11 = qb * gb + qc * gc;
  float g00 = -(m00 * qa + m01 * qb), g01 = -(m00 * qb + m01 * qc), g11 = -(m10 * qb + m11 * qc);
  if (splats.antialiased) {
    // ln opacity includes 1/2 (ln det cov - ln det (cov + blur)).
    const float xx = t[0][0] * t[0][0] + t[0][1] * t[0][1] + t[0][2] * t[0][2];
    const float xy = t[0][0] * t[1][0] + t[0][1] * t[1][1] + t[0][2] * t[1][2];
    const float yy = t[1][0] * t[1][0] + t[1][1] * t[1][1] + t[1][2] * t[1][2];
    const float det = xx * yy - xy * xy;
    if (det > 1e-12f) {
      const float half = 0.5f * s0, id = 1.0f / det;
      g00 += half * (yy * id - qa);
      g01 += half * (-xy * id - qb);
      g11 += half * (xx * id - qc);
    }
  }

  float d_t[2][3], d_rot[3][3], d_a[2][3] = {};
  for (int k = 0; k < 3; ++k) {
    d_t[0][k] = 2 * (g00 * t[0][k] + g01 * t[1][k]);
    d_t[1][k] = 2 * (g01 * t[0][k] + g11 * t[1][k]);
    out.log_scale[k] = d_t[0][k] * t[0][k] + d_t[1][k] * t[1][k];
    for (int row = 0; row < 3; ++row) {
      d_rot[row][k] = (a[0][row] * d_t[0][k] + a[1][row] * d_t[1][k]) * scale[k];
      d_a[0][row] += d_t[0][k] * rot[row][k] * scale[k];
      d_a[1][row] += d_t[1][k] * rot[row][k] * scale[k];
    }
  }

  // J, then the camera-space mean.
  const float d_j00 = d_a[0][0] * r[0] + d_a[0][1] * r[1] + d_a[0][2] * r[2];
  const float d_j02 = d_a[0][0] * r[6] + d_a[0][1] * r[7] + d_a[0][2] * r[8];
  const float d_j11 = d_a[1][0] * r[3] + d_a[1][1] * r[4] + d_a[1][2] * r[5];
  const float d_j12 = d_a[1][0] * r[6] + d_a[1][1] * r[7] + d_a[1][2] * r[8];
  const float d_u = qa * sx + qb * sy, d_v = qb * sx + qc * sy;
  float d_cam[3];
  d_cam[0] = j00 * d_u - (x_free ? camera.fx * iz2 * d_j02 : 0.0f);
  d_cam[1] = j11 * d_v - (y_free ? camera.fy * iz2 * d_j12 : 0.0f);
  d_cam[2] = -j00 * x * iz * d_u - j11 * y * iz * d_v - camera.fx * iz2 * d_j00 - camera.fy * iz2 * d_j11 +
             camera.fx * iz2 * x_slope * (x_free ? 2.0f : 1.0f) * d_j02 +
             camera.fy * iz2 * y_slope * (y_free ? 2.0f : 1.0f) * d_j12;
  for (int k = 0; k < 3; ++k) out.mean[k] = d_mean[k] + r[k] * d_cam[0] + r[3 + k] * d_cam[1] + r[6 + k] * d_cam[2];

  // Quaternion, through its normalisation.
  const float dw = 2 * (qx * (d_rot[2][1] - d_rot[1][2]) + qy * (d_rot[0][2] - d_rot[2][0]) + qz * (d_rot[1][0] - d_rot[0][1]));
  const float dx = 2 * (qy * (d_rot[0][1] + d_rot[1][0]) + qz * (d_rot[0][2] + d_rot[2][0]) +
                        qw * (d_rot[2][1] - d_rot[1][2]) - 2 * qx * (d_rot[1][1] + d_rot[2][2]));
  const float dy = 2 * (qx * (d_rot[0][1] + d_rot[1][0]) + qz * (d_rot[1][2] + d_rot[2][1]) +
                        qw * (d_rot[0][2] - d_rot[2][0]) - 2 * qy * (d_rot[0][0] + d_rot[2][2]));
  const float dz = 2 * (qx * (d_rot[0][2] + d_rot[2][0]) + qy * (d_rot[1][2] + d_rot[2][1]) +
                        qw * (d_rot[1][0] - d_rot[0][1]) - 2 * qz * (d_rot[0][0] + d_rot[1][1]));
  const float radial = dw * qw + dx * qx + dy * qy + dz * qz;
  out.quat[0] = (dw - qw * radial) * inverse_norm;
  out.quat[1] = (dx - qx * radial) * inverse_norm;
  out.quat[2] = (dy - qy * radial) * inverse_norm;
  out.quat[3] = (dz - qz * radial) * inverse_norm;

  out.logit[0] = s0 * (1.0f / (1.0f + std::exp(splats.logits[i])));
}

}  // namespace takt::splat
