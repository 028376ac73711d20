// SPDX-License-Identifier: Apache-2.0
#include "takt/data/splat/render/project_simd.h"

#include <algorithm>
#include <cmath>

#include "takt/data/splat/render/renderer.h"
#include "takt/data/splat/render/sh_basis.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "takt/data/splat/render/project_simd.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
#include <hwy/contrib/math/math-inl.h>

HWY_BEFORE_NAMESPACE();
namespace takt::splat {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::CappedTag<float, 16>;
using V = hn::Vec<D>;

constexpr size_t kMaxLanes = 16;

// The splat parameters of one vector of splats, and where the results go.
struct Inputs {
  const float *means, *log_scales, *quats, *logits;
};
struct Outputs {
  alignas(64) float mean_x[kMaxLanes], mean_y[kMaxLanes], depth[kMaxLanes];
  alignas(64) float a[kMaxLanes], b[kMaxLanes], c[kMaxLanes], log2_opacity[kMaxLanes];
  alignas(64) float extent_x[kMaxLanes], extent_y[kMaxLanes], curvature[kMaxLanes], visible[kMaxLanes];
};

HWY_INLINE V Dot3(V a0, V b0, V a1, V b1, V a2, V b2) {
  return hn::MulAdd(a0, b0, hn::MulAdd(a1, b1, hn::Mul(a2, b2)));
}

// Returns whether any lane is visible.
HWY_INLINE bool ProjectVector(const Inputs& in, const ProjectionCamera& camera, bool antialiased, Outputs* out) {
  const D d;
  const auto set = [&](float v) { return hn::Set(d, v); };
  const V one = set(1.0f), zero = hn::Zero(d);
  V mx, my, mz;
  hn::LoadInterleaved3(d, in.means, mx, my, mz);
  const auto& r = camera.rotation;
  const V z = hn::Add(Dot3(set(r[6]), mx, set(r[7]), my, set(r[8]), mz), set(camera.translation[2]));
  auto visible = hn::Gt(z, set(kNearPlane));
  if (hn::AllFalse(d, visible)) return false;
  const V x = hn::Add(Dot3(set(r[0]), mx, set(r[1]), my, set(r[2]), mz), set(camera.translation[0]));
  const V y = hn::Add(Dot3(set(r[3]), mx, set(r[4]), my, set(r[5]), mz), set(camera.translation[1]));
  const V inverse_z = hn::Div(one, hn::IfThenElse(visible, z, one));
  const V x_over_z = hn::Mul(x, inverse_z), y_over_z = hn::Mul(y, inverse_z);
  const V u = hn::MulAdd(x_over_z, set(camera.fx), set(camera.cx));
  const V v = hn::MulAdd(y_over_z, set(camera.fy), set(camera.cy));

  V qw, qx, qy, qz;
  hn::LoadInterleaved4(d, in.quats, qw, qx, qy, qz);
  const V norm2 = hn::MulAdd(qw, qw, hn::MulAdd(qx, qx, hn::MulAdd(qy, qy, hn::Mul(qz, qz))));
  const V scale2 = hn::Div(set(2.0f), norm2);  // 2 / |q|^2 in place of normalising
  const V xx = hn::Mul(hn::Mul(qx, qx), scale2), yy = hn::Mul(hn::Mul(qy, qy), scale2);
  const V zz = hn::Mul(hn::Mul(qz, qz), scale2);
  const V xy = hn::Mul(hn::Mul(qx, qy), scale2), xz = hn::Mul(hn::Mul(qx, qz), scale2);
  const V yz = hn::Mul(hn::Mul(qy, qz), scale2);
  const V wx = hn::Mul(hn::Mul(qw, qx), scale2), wy = hn::Mul(hn::Mul(qw, qy), scale2);
  const V wz = hn::Mul(hn::Mul(qw, qz), scale2);
  const V rot[9] = {hn::Sub(one, hn::Add(yy, zz)), hn::Sub(xy, wz), hn::Add(xz, wy),
                    hn::Add(xy, wz), hn::Sub(one, hn::Add(xx, zz)), hn::Sub(yz, wx),
                    hn::Sub(xz, wy), hn::Add(yz, wx), hn::Sub(one, hn::Add(xx, yy))};
  V log_scale[3];
  hn::LoadInterleaved3(d, in.log_scales, log_scale[0], log_scale[1], log_scale[2]);

  // Rows of J W: the derivative of the pixel by the world position.
  const V j0 = hn::Mul(set(camera.fx), inverse_z), j1 = hn::Mul(set(camera.fy), inverse_z);
  const V j02 = hn::Neg(hn::Mul(j0, hn::Min(hn::Max(x_over_z, set(camera.x_lo)), set(camera.x_hi))));
  const V j12 = hn::Neg(hn::Mul(j1, hn::Min(hn::Max(y_over_z, set(camera.y_lo)), set(camera.y_hi))));
  V row0[3], row1[3];
  for (int k = 0; k < 3; ++k) {
    row0[k] = hn::MulAdd(j0, set(r[k]), hn::Mul(j02, set(r[6 + k])));
    row1[k] = hn::MulAdd(j1, set(r[3 + k]), hn::Mul(j12, set(r[6 + k])));
  }
  V cov_xx = zero, cov_xy = zero, cov_yy = zero;
  for (int k = 0; k < 3; ++k) {
    const V s = hn::Exp(d, log_scale[k]);
    const V t0 = hn::Mul(s, Dot3(row0[0], rot[k], row0[1], rot[3 + k], row0[2], rot[6 + k]));
    const V t1 = hn::Mul(s, Dot3(row1[0], rot[k], row1[1], rot[3 + k], row1[2], rot[6 + k]));
    cov_xx = hn::MulAdd(t0, t0, cov_xx);
    cov_xy = hn::MulAdd(t0, t1, cov_xy);
    cov_yy = hn::MulAdd(t1, t1, cov_yy);
  }
  const V xx2 = hn::Add(cov_xx, set(kScreenBlur)), yy2 = hn::Add(cov_yy, set(kScreenBlur));
  const V det = hn::Sub(hn::Mul(xx2, yy2), hn::Mul(cov_xy, cov_xy));
  visible = hn::And(visible, hn::Gt(det, zero));
  const V inverse_det = hn::Div(one, hn::IfThenElse(visible, det, one));
  V opacity = hn::Div(one, hn::Add(one, hn::Exp(d, hn::Neg(hn::Load(d, in.logits)))));
  if (antialiased) {
    const V det0 = hn::Max(zero, hn::Sub(hn::Mul(cov_xx, cov_yy), hn::Mul(cov_xy, cov_xy)));
    opacity = hn::Mul(opacity, hn::Sqrt(hn::Mul(det0, inverse_det)));
  }
  visible = hn::And(visible, hn::Ge(opacity, set(kMinAlpha)));
  if (hn::AllFalse(d, visible)) return false;
  const V log2_opacity = hn::Log2(d, hn::IfThenElse(visible, opacity, one));

  // alpha >= 1/255 inside the ellipse d^T Q d <= 2 ln(255 o); its box is sqrt of that times the deviations.
  const float kLn2 = 0.6931471805599453f, kLog2E = 1.4426950408889634f, kLog2MinAlpha = -7.994353436858858f;
  const V reach = hn::Mul(set(2.0f * kLn2), hn::Max(zero, hn::Sub(log2_opacity, set(kLog2MinAlpha))));
  const V extent_x = hn::Sqrt(hn::Mul(reach, xx2)), extent_y = hn::Sqrt(hn::Mul(reach, yy2));
  visible = hn::And(visible, hn::And(hn::Gt(hn::Add(u, extent_x), zero), hn::Gt(hn::Add(v, extent_y), zero)));
  visible = hn::And(visible, hn::And(hn::Lt(hn::Sub(u, extent_x), set(camera.width_px)),
                                     hn::Lt(hn::Sub(v, extent_y), set(camera.height_px))));
  if (hn::AllFalse(d, visible)) return false;

  hn::Store(u, d, out->mean_x);
  hn::Store(v, d, out->mean_y);
  hn::Store(z, d, out->depth);
  const V scale = hn::Mul(inverse_det, set(kLog2E));
  hn::Store(hn::Mul(set(0.5f), hn::Mul(yy2, scale)), d, out->a);
  hn::Store(hn::Neg(hn::Mul(cov_xy, scale)), d, out->b);
  hn::Store(hn::Mul(set(0.5f), hn::Mul(xx2, scale)), d, out->c);
  hn::Store(hn::Mul(scale, set(kLog2E)), d, out->curvature);
  hn::Store(log2_opacity, d, out->log2_opacity);
  hn::Store(extent_x, d, out->extent_x);
  hn::Store(extent_y, d, out->extent_y);
  hn::Store(hn::IfThenElseZero(visible, one), d, out->visible);
  return true;
}

HWY_INLINE void Colour(const Splats& splats, size_t i, const ProjectionCamera& camera, int sh_degree, float* color) {
  float direction[3], length2 = 0;
  for (int k = 0; k < 3; ++k) {
    direction[k] = splats.means[3 * i + k] - camera.eye[k];
    length2 += direction[k] * direction[k];
  }
  const float inverse = 1.0f / std::sqrt(std::max(length2, 1e-30f));
  alignas(64) float basis[16] = {};
  ShBasis(sh_degree, direction[0] * inverse, direction[1] * inverse, direction[2] * inverse, basis);
  const int stride = ShCoefficients(splats.sh_degree);
  const float* sh = splats.sh.data() + i * 3 * static_cast<size_t>(stride);
  if (stride == 16) {
    const D d;
    for (int c = 0; c < 3; ++c) {
      V sum = hn::Zero(d);
      for (size_t k = 0; k < 16; k += hn::Lanes(d)) {
        sum = hn::MulAdd(hn::Load(d, basis + k), hn::LoadU(d, sh + 16 * c + k), sum);
      }
      color[c] = std::max(0.0f, 0.5f + hn::GetLane(hn::SumOfLanes(d, sum)));
    }
    return;
  }
  for (int c = 0; c < 3; ++c) {
    float value = 0.5f;
    for (int k = 0; k < ShCoefficients(sh_degree); ++k) value += basis[k] * sh[c * stride + k];
    color[c] = std::max(0.0f, value);
  }
}

size_t ProjectSplatsImpl(const Splats& splats, size_t begin, size_t end, const ProjectionCamera& camera, int sh_degree,
                         Projected* out) {
  const D d;
  const size_t lanes = hn::Lanes(d);
  size_t count = 0;
  alignas(64) float tail_means[3 * kMaxLanes], tail_scales[3 * kMaxLanes], tail_quats[4 * kMaxLanes],
      tail_logits[kMaxLanes], logits[kMaxLanes];
  Outputs result;
  for (size_t i = begin; i < end; i += lanes) {
    const size_t valid = std::min(lanes, end - i);
    Inputs in = {&splats.means[3 * i], &splats.log_scales[3 * i], &splats.quats[4 * i], logits};
    if (valid < lanes) {  // repeat the last splat up to a full vector
      for (size_t k = 0; k < lanes; ++k) {
        const size_t from = i + std::min(k, valid - 1);
        std::copy_n(&splats.means[3 * from], 3, tail_means + 3 * k);
        std::copy_n(&splats.log_scales[3 * from], 3, tail_scales + 3 * k);
        std::copy_n(&splats.quats[4 * from], 4, tail_quats + 4 * k);
        tail_logits[k] = splats.logits[from];
      }
      in = {tail_means, tail_scales, tail_quats, tail_logits};
    } else {
      std::copy_n(&splats.logits[i], lanes, logits);
    }
    if (!ProjectVector(in, camera, splats.antialiased, &result)) continue;
    for (size_t k = 0; k < valid; ++k) {
      if (result.visible[k] == 0.0f) continue;
      Projected& p = out[count++];
      p.mean_x = result.mean_x[k], p.mean_y = result.mean_y[k], p.depth = result.depth[k];
      p.a = result.a[k], p.b = result.b[k], p.c = result.c[k];
      p.log2_opacity = result.log2_opacity[k];
      p.extent_x = result.extent_x[k], p.extent_y = result.extent_y[k];
      p.curvature = result.curvature[k];
      p.splat_idx = static_cast<uint32_t>(i + k);
      Colour(splats, i + k, camera, sh_degree, p.color);
    }
  }
  return count;
}

}  // namespace HWY_NAMESPACE
}  // namespace takt::splat
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace takt::splat {

HWY_EXPORT(ProjectSplatsImpl);

ProjectionCamera MakeProjectionCamera(const capture::Camera& camera) {
  ProjectionCamera p;
  for (int i = 0; i < 9; ++i) p.rotation[i] = static_cast<float>(camera.cam_from_world.rotation[i]);
  const auto eye = camera.CenterInWorld();
  for (int i = 0; i < 3; ++i) {
    p.translation[i] = static_cast<float>(camera.cam_from_world.translation[i]);
    p.eye[i] = static_cast<float>(eye[i]);
  }
  p.fx = static_cast<float>(camera.fx), p.fy = static_cast<float>(camera.fy);
  p.cx = static_cast<float>(camera.cx), p.cy = static_cast<float>(camera.cy);
  const double margin_x = 0.15 * camera.width_px / camera.fx, margin_y = 0.15 * camera.height_px / camera.fy;
  p.x_lo = static_cast<float>(-camera.cx / camera.fx - margin_x);
  p.x_hi = static_cast<float>((camera.width_px - camera.cx) / camera.fx + margin_x);
  p.y_lo = static_cast<float>(-camera.cy / camera.fy - margin_y);
  p.y_hi = static_cast<float>((camera.height_px - camera.cy) / camera.fy + margin_y);
  p.width_px = static_cast<float>(camera.width_px), p.height_px = static_cast<float>(camera.height_px);
  return p;
}

size_t ProjectSplats(const Splats& splats, size_t begin, size_t end, const ProjectionCamera& camera, int sh_degree,
                     Projected* out) {
  return HWY_DYNAMIC_DISPATCH(ProjectSplatsImpl)(splats, begin, end, camera, sh_degree, out);
}

}  // namespace takt::splat
#endif  // HWY_ONCE
