// SPDX-License-Identifier: Apache-2.0
#include "takt/data/sim/camera/background.h"

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

SplatBackground::SplatBackground(const splat::Splats& splats, const Similarity& world_from_splat) {
  if (splats.size() == 0) throw Error(ErrorCode::kBadInput, "background", "has no splats", "give a file with splats");
  const Eigen::Matrix3d r = world_from_splat.pose.rotation.normalized().toRotationMatrix();
  std::array<double, 9> rotation;
  for (int i = 0; i < 9; ++i) rotation[i] = r(i / 3, i % 3);
  const Vec3& t = world_from_splat.pose.translation_m;
  splats_ = splat::TransformSplats(splats, rotation, {t[0], t[1], t[2]}, world_from_splat.scale);
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
