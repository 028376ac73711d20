// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "takt/data/sim/camera/background.h"

namespace takt::sim {

// The picture of a background over black, with its median depth, rendered again only when the background or the camera is another one. One a renderer.
class BackgroundCache {
 public:
  const splat::Picture& Get(const std::shared_ptr<const SplatBackground>& background, const capture::Camera& camera);

 private:
  std::shared_ptr<const SplatBackground> background_;
  capture::Camera camera_;
  splat::Renderer renderer_;
  splat::Picture picture_;
};

}  // namespace takt::sim
