// SPDX-License-Identifier: Apache-2.0
#include "takt/data/sim/camera/background.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "takt/core/base/error.h"
#include "takt/data/sim/camera/background_cache.h"
#include "takt/data/splat/model/transform.h"

namespace takt::sim {
namespace {

bool Same(const capture::Camera& a, const capture::Camera& b) {
  return a.width_px == b.width_px && a.height_px == b.height_px && a.fx == b.fx && a.fy == b.fy && a.cx == b.cx &&
         a.cy == b.cy && a.cam_from_world.rotation == b.cam_from_world.rotation &&
         a.cam_from_world.translation == b.cam_from_world.translation;
}

}  // namespace

Similarity UprightPlace(double scale, double yaw_rad, const Vec3& origin_in_world_m) {
  const Quat upright(std::sqrt(0.5), -std::sqrt(0.5), 0, 0);  // a quarter turn about x: -y to z, z to y
  return {scale, {(Pose::Yaw(yaw_rad).rotation * upright).normalized(), origin_in_world_m}};
}

SplatBackground::SplatBackground(const splat::Splats& splats, const Similarity& world_from_splat) {
  if (splats.size() == 0) throw Error(ErrorCode::kBadInput, "background", "has no splats", "give a file with splats");
  const Eigen::Matrix3d r = world_from_splat.pose.rotation.normalized().toRotationMatrix();
  std::array<double, 9> rotation;
  for (int i = 0; i < 9; ++i) rotation[i] = r(i / 3, i % 3);
  const Vec3& t = world_from_splat.pose.translation_m;
  splats_ = splat::TransformSplats(splats, rotation, {t[0], t[1], t[2]}, world_from_splat.scale);
}

std::shared_ptr<const SplatBackground> SplatBackground::Thinned(std::span<const capture::Camera> views,
                                                                double min_weight_px) const {
  std::vector<double> weight(splats_.size(), 0);
  splat::Renderer renderer;
  splat::Picture picture;
  splat::Renderer::Moments moments;
  for (const capture::Camera& view : views) {
    renderer.Forward(splats_, view, {}, &picture);
    renderer.SecondMoments(picture, &moments);
    for (size_t i = 0; i < moments.splat_idx.size(); ++i) {
      double& most = weight[moments.splat_idx[i]];
      most = std::max(most, moments.weight[i]);
    }
  }
  const std::shared_ptr<SplatBackground> thinned(new SplatBackground);
  splat::Splats& out = thinned->splats_;
  out.sh_degree = splats_.sh_degree;
  out.antialiased = splats_.antialiased;
  const auto copy = [](const std::vector<float>& from, std::vector<float>& to, size_t i, size_t floats) {
    to.insert(to.end(), from.begin() + static_cast<std::ptrdiff_t>(i * floats),
              from.begin() + static_cast<std::ptrdiff_t>((i + 1) * floats));
  };
  for (size_t i = 0; i < splats_.size(); ++i) {
    if (!(weight[i] >= min_weight_px)) continue;
    copy(splats_.means, out.means, i, 3);
    copy(splats_.log_scales, out.log_scales, i, 3);
    copy(splats_.quats, out.quats, i, 4);
    copy(splats_.logits, out.logits, i, 1);
    copy(splats_.sh, out.sh, i, static_cast<size_t>(splats_.sh_stride()));
  }
  if (out.size() == 0) {
    throw Error(ErrorCode::kBadInput, "background", "shows no splat in any view", "give views that look at it, or a smaller weight");
  }
  return thinned;
}

const splat::Picture& BackgroundCache::Get(const std::shared_ptr<const SplatBackground>& background,
                                              const capture::Camera& camera) {
  if (background != background_ || !Same(camera, camera_)) {
    renderer_.Forward(background->splats_in_world(), camera, {.median_depth = true}, &picture_);
    background_ = background;
    camera_ = camera;
  }
  return picture_;
}

}  // namespace takt::sim
