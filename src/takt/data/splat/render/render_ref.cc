// SPDX-License-Identifier: Apache-2.0
#include "takt/data/splat/render/render_ref.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "takt/data/splat/render/sh_basis.h"

namespace takt::splat {
namespace {

using Vec2 = std::array<double, 2>;
using Vec3 = std::array<double, 3>;
using Mat3 = std::array<double, 9>;

Mat3 RotationFromQuat(const double* quat, double* norm) {
  *norm = std::sqrt(quat[0] * quat[0] + quat[1] * quat[1] + quat[2] * quat[2] + quat[3] * quat[3]);
  const double w = quat[0] / *norm, x = quat[1] / *norm, y = quat[2] / *norm, z = quat[3] / *norm;
  return {1 - 2 * (y * y + z * z), 2 * (x * y - w * z),     2 * (x * z + w * y),
          2 * (x * y + w * z),     1 - 2 * (x * x + z * z), 2 * (y * z - w * x),
          2 * (x * z - w * y),     2 * (y * z + w * x),     1 - 2 * (x * x + y * y)};
}

struct Projected {
  bool drawn = false;
  double depth = 0;
  Vec2 mean{};                     // [px]
  double conic_a = 0, conic_b = 0, conic_c = 0;  // inverse of the blurred screen covariance
  double opacity = 0;              // with compensation
  Vec3 color{};
  // Kept for the gradient.
  Vec3 p_in_cam{}, direction{}, raw_color{};
  double cov[3] = {0, 0, 0};       // xx xy yy without blur
  double compensation = 1, sigmoid = 0;
};

Projected Project(const DoubleSplats& s, size_t i, const capture::Camera& camera, int degree) {
  Projected p;
  const auto& r = camera.cam_from_world.rotation;
  p.p_in_cam = camera.cam_from_world.Apply({s.means[3 * i], s.means[3 * i + 1], s.means[3 * i + 2]});
  const auto [x, y, z] = p.p_in_cam;
  if (!(z > kNearPlane)) return p;
  p.depth = z;
  p.mean = {camera.fx * x / z + camera.cx, camera.fy * y / z + camera.cy};
  // The Jacobian is taken at a point clamped to a little outside the picture, or splats beside the camera explode.
  const double x_lo = -(camera.cx / camera.fx + 0.15 * camera.width_px / camera.fx);
  const double x_hi = (camera.width_px - camera.cx) / camera.fx + 0.15 * camera.width_px / camera.fx;
  const double y_lo = -(camera.cy / camera.fy + 0.15 * camera.height_px / camera.fy);
  const double y_hi = (camera.height_px - camera.cy) / camera.fy + 0.15 * camera.height_px / camera.fy;
  const double tx = z * std::clamp(x / z, x_lo, x_hi), ty = z * std::clamp(y / z, y_lo, y_hi);
  const double j[6] = {camera.fx / z, 0, -camera.fx * tx / (z * z), 0, camera.fy / z, -camera.fy * ty / (z * z)};
  double norm;
  const Mat3 rot = RotationFromQuat(&s.quats[4 * i], &norm);
  double t[6];  // J W R S: 2 x 3
  for (int row = 0; row < 2; ++row) {
    for (int col = 0; col < 3; ++col) {
      double sum = 0;
      for (int a = 0; a < 3; ++a) {
        for (int b = 0; b < 3; ++b) sum += j[3 * row + a] * r[3 * a + b] * rot[3 * b + col];
      }
      t[3 * row + col] = sum * std::exp(s.log_scales[3 * i + col]);
    }
  }
  for (int k = 0; k < 3; ++k) {
    p.cov[0] += t[k] * t[k];
    p.cov[1] += t[k] * t[3 + k];
    p.cov[2] += t[3 + k] * t[3 + k];
  }
  const double xx = p.cov[0] + kScreenBlur, xy = p.cov[1], yy = p.cov[2] + kScreenBlur;
  const double det = xx * yy - xy * xy;
  if (!(det > 0)) return p;
  p.conic_a = yy / det, p.conic_b = -xy / det, p.conic_c = xx / det;
  if (s.antialiased) p.compensation = std::sqrt(std::max(0.0, (p.cov[0] * p.cov[2] - xy * xy) / det));
  p.sigmoid = 1 / (1 + std::exp(-s.logits[i]));
  p.opacity = p.sigmoid * p.compensation;
  const Vec3 eye = camera.CenterInWorld();
  double length = 0;
  for (int k = 0; k < 3; ++k) {
    p.direction[k] = s.means[3 * i + k] - eye[k];
    length += p.direction[k] * p.direction[k];
  }
  for (double& d : p.direction) d /= std::sqrt(length);
  double basis[16];
  ShBasis(degree, p.direction[0], p.direction[1], p.direction[2], basis);
  const int stride = ShCoefficients(s.sh_degree);
  for (int c = 0; c < 3; ++c) {
    double value = 0.5;
    for (int k = 0; k < ShCoefficients(degree); ++k) value += basis[k] * s.sh[(3 * i + c) * stride + k];
    p.raw_color[c] = value;
    p.color[c] = std::max(0.0, value);
  }
  p.drawn = true;
  return p;
}

struct Hit {
  size_t rank;
  double gauss, alpha, transmittance, dx, dy;
};

struct PixelResult {
  Vec3 color;
  double transmittance;
  double median_depth = std::numeric_limits<double>::infinity();
};

// Front to back over the depth-sorted splats; `hits` (optional) receives what contributed.
PixelResult BlendPixel(const std::vector<Projected>& sorted, double px, double py, const RenderOptions& options,
                       std::vector<Hit>* hits) {
  PixelResult out{.color = {0, 0, 0}, .transmittance = 1};
  for (size_t rank = 0; rank < sorted.size(); ++rank) {
    const Projected& p = sorted[rank];
    const double dx = px - p.mean[0], dy = py - p.mean[1];
    const double sigma = 0.5 * (p.conic_a * dx * dx + p.conic_c * dy * dy) + p.conic_b * dx * dy;
    const double gauss = std::exp(-sigma);
    const double alpha = std::min<double>(kMaxAlpha, p.opacity * gauss);
    if (!(alpha >= kMinAlpha)) continue;
    const double next = out.transmittance * (1 - alpha);
    if (next <= kMinTransmittance) break;
    if (hits) hits->push_back({rank, gauss, alpha, out.transmittance, dx, dy});
    for (int c = 0; c < 3; ++c) out.color[c] += alpha * out.transmittance * p.color[c];
    if (out.transmittance > 0.5 && next <= 0.5) out.median_depth = p.depth;
    out.transmittance = next;
  }
  for (int c = 0; c < 3; ++c) out.color[c] += out.transmittance * options.background[c];
  return out;
}

struct SortedSplats {
  std::vector<Projected> projected;
  std::vector<size_t> splat_idx;
};

SortedSplats ProjectAndSort(const DoubleSplats& splats, const capture::Camera& camera, int degree) {
  const size_t n = splats.logits.size();
  std::vector<Projected> all(n);
  for (size_t i = 0; i < n; ++i) all[i] = Project(splats, i, camera, degree);
  SortedSplats sorted;
  for (size_t i = 0; i < n; ++i) {
    if (all[i].drawn) sorted.splat_idx.push_back(i);
  }
  // Depth is compared in float, as the fast renderer sorts it; equal depths keep file order.
  std::stable_sort(sorted.splat_idx.begin(), sorted.splat_idx.end(), [&](size_t a, size_t b) {
    return static_cast<float>(all[a].depth) < static_cast<float>(all[b].depth);
  });
  for (size_t i : sorted.splat_idx) sorted.projected.push_back(all[i]);
  return sorted;
}

// Gradient of the loss by what a pixel sees of a splat.
struct ScreenGradient {
  Vec2 mean{};
  double conic[3] = {0, 0, 0};
  double opacity = 0;
  Vec3 color{};
};

void AccumulatePixel(const std::vector<Projected>& sorted, const std::vector<Hit>& hits, const PixelResult& out,
                     const RenderOptions& options, const double d_out[4], std::vector<ScreenGradient>* gradients) {
  // Back to front: `behind` is the colour that a ray finds behind the current splat.
  Vec3 behind = {options.background[0], options.background[1], options.background[2]};
  for (size_t h = hits.size(); h-- > 0;) {
    const Hit& hit = hits[h];
    const Projected& p = sorted[hit.rank];
    ScreenGradient& g = (*gradients)[hit.rank];
    double d_alpha = d_out[3] * out.transmittance / (1 - hit.alpha);  // coverage = 1 - transmittance
    for (int c = 0; c < 3; ++c) {
      g.color[c] += d_out[c] * hit.alpha * hit.transmittance;
      d_alpha += d_out[c] * hit.transmittance * (p.color[c] - behind[c]);
      behind[c] = hit.alpha * p.color[c] + (1 - hit.alpha) * behind[c];
    }
    if (p.opacity * hit.gauss > kMaxAlpha) continue;
    g.opacity += d_alpha * hit.gauss;
    const double d_sigma = -d_alpha * hit.alpha;
    g.conic[0] += d_sigma * 0.5 * hit.dx * hit.dx;
    g.conic[1] += d_sigma * hit.dx * hit.dy;
    g.conic[2] += d_sigma * 0.5 * hit.dy * hit.dy;
    g.mean[0] -= d_sigma * (p.conic_a * hit.dx + p.conic_b * hit.dy);
    g.mean[1] -= d_sigma * (p.conic_b * hit.dx + p.conic_c * hit.dy);
  }
}

}  // namespace

DoubleSplats ToDouble(const Splats& splats) {
  const auto wide = [](const std::vector<float>& v) { return std::vector<double>(v.begin(), v.end()); };
  return {splats.sh_degree, splats.antialiased,  wide(splats.means), wide(splats.log_scales),
          wide(splats.quats), wide(splats.logits), wide(splats.sh)};
}

double ReferenceLoss(const DoubleSplats& splats, const capture::Camera& camera, const RenderOptions& options,
                     const Picture& d_picture) {
  const SortedSplats sorted = ProjectAndSort(splats, camera, std::min(options.sh_degree, splats.sh_degree));
  double loss = 0;
  for (int y = 0; y < camera.height_px; ++y) {
    for (int x = 0; x < camera.width_px; ++x) {
      const size_t at = static_cast<size_t>(y) * camera.width_px + x;
      const PixelResult out = BlendPixel(sorted.projected, x + 0.5, y + 0.5, options, nullptr);
      for (int c = 0; c < 3; ++c) loss += out.color[c] * d_picture.plane(c)[at];
      loss += (1 - out.transmittance) * d_picture.plane(3)[at];
    }
  }
  return loss;
}

Picture RenderReference(const Splats& splats, const capture::Camera& camera, const RenderOptions& options,
                        const Picture* d_picture, SplatGradients* gradients) {
  const DoubleSplats wide = ToDouble(splats);
  const int degree = std::min(options.sh_degree, splats.sh_degree);
  const SortedSplats sorted = ProjectAndSort(wide, camera, degree);
  std::vector<ScreenGradient> screen(sorted.projected.size());
  Picture picture;
  picture.Resize(camera.width_px, camera.height_px);
  picture.median_depth.resize(options.median_depth ? picture.pixels() : 0);
  std::vector<Hit> hits;
  for (int y = 0; y < camera.height_px; ++y) {
    for (int x = 0; x < camera.width_px; ++x) {
      const size_t at = static_cast<size_t>(y) * camera.width_px + x;
      hits.clear();
      const PixelResult out = BlendPixel(sorted.projected, x + 0.5, y + 0.5, options, gradients ? &hits : nullptr);
      for (int c = 0; c < 3; ++c) picture.plane(c)[at] = static_cast<float>(out.color[c]);
      picture.plane(3)[at] = static_cast<float>(1 - out.transmittance);
      if (options.median_depth) picture.median_depth[at] = static_cast<float>(out.median_depth);
      if (!gradients) continue;
      const double d_out[4] = {d_picture->plane(0)[at], d_picture->plane(1)[at], d_picture->plane(2)[at],
                               d_picture->plane(3)[at]};
      AccumulatePixel(sorted.projected, hits, out, options, d_out, &screen);
    }
  }
  if (!gradients) return picture;

  // From the screen to the parameters: d (mean, conic, opacity, colour) / d parameter by central differences in double
  // of the projection alone. Independent of the analytic chain that the fast renderer uses, and good to about 1e-8.
  const size_t n = splats.size();
  const int coefficients = ShCoefficients(degree);
  gradients->sh_coefficients = coefficients;
  gradients->splat_idx.resize(n);
  std::iota(gradients->splat_idx.begin(), gradients->splat_idx.end(), 0u);
  gradients->means.assign(3 * n, 0), gradients->log_scales.assign(3 * n, 0), gradients->quats.assign(4 * n, 0);
  gradients->logits.assign(n, 0), gradients->sh.assign(3 * n * coefficients, 0);
  DoubleSplats moved = wide;
  for (size_t rank = 0; rank < sorted.splat_idx.size(); ++rank) {
    const size_t i = sorted.splat_idx[rank];
    const ScreenGradient& g = screen[rank];
    const auto difference = [&](double* parameter) {
      const double value = *parameter, step = 1e-6;
      const auto loss_at = [&](double v) {
        *parameter = v;
        const Projected p = Project(moved, i, camera, degree);
        *parameter = value;
        return g.mean[0] * p.mean[0] + g.mean[1] * p.mean[1] + g.conic[0] * p.conic_a + g.conic[1] * p.conic_b +
               g.conic[2] * p.conic_c + g.opacity * p.opacity + g.color[0] * p.color[0] + g.color[1] * p.color[1] +
               g.color[2] * p.color[2];
      };
      return static_cast<float>((loss_at(value + step) - loss_at(value - step)) / (2 * step));
    };
    for (int k = 0; k < 3; ++k) gradients->means[3 * i + k] = difference(&moved.means[3 * i + k]);
    for (int k = 0; k < 3; ++k) gradients->log_scales[3 * i + k] = difference(&moved.log_scales[3 * i + k]);
    for (int k = 0; k < 4; ++k) gradients->quats[4 * i + k] = difference(&moved.quats[4 * i + k]);
    gradients->logits[i] = difference(&moved.logits[i]);
    for (int c = 0; c < 3; ++c) {
      for (int k = 0; k < coefficients; ++k) {
        gradients->sh[(3 * i + c) * coefficients + k] =
            difference(&moved.sh[(3 * i + c) * ShCoefficients(splats.sh_degree) + k]);
      }
    }
  }
  return picture;
}

}  // namespace takt::splat
