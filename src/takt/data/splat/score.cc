// SPDX-License-Identifier: Apache-2.0
#include "takt/data/splat/score.h"

#include <algorithm>
#include <cmath>

#include "takt/core/base/interrupt.h"
#include "takt/data/splat/render/metrics.h"
#include "takt/data/splat/render/renderer.h"

namespace takt::splat {
namespace {

constexpr int kScoringCameras = 48, kJudgingCameras = 11;  // the spirals of the two counts share no direction

// Pictures of 16 pixels a splat, within bounds: a scene of few splats has no detail that more would show [px].
int PictureSize(const Splats& splats) {
  return static_cast<int>(std::clamp(4 * std::sqrt(static_cast<double>(splats.size())), 128.0, 512.0));
}

}  // namespace

std::vector<capture::Camera> ScoringCameras(const Splats& splats) {
  return SphereCameras(splats, kScoringCameras, PictureSize(splats), PictureSize(splats));
}

std::vector<capture::Camera> JudgingCameras(const Splats& splats) {
  return SphereCameras(splats, kJudgingCameras, PictureSize(splats), PictureSize(splats));
}

std::vector<capture::Camera> TrainingCameras(const capture::Capture& capture) {
  std::vector<capture::Camera> cameras;
  for (const capture::View& view : capture.views) {
    if (!view.held_out) cameras.push_back(view.camera);
  }
  return cameras;
}

double PsnrBetween(const Splats& original, const Splats& result, const std::vector<capture::Camera>& cameras,
                   const std::array<float, 3>& background, const ProgressSink& progress) {
  Renderer renderer;
  Picture a, b;
  double sum = 0;
  for (size_t i = 0; i < cameras.size(); ++i) {
    ThrowIfInterrupted();
    renderer.Forward(original, cameras[i], {.background = background}, &a);
    renderer.Forward(result, cameras[i], {.background = background}, &b);
    sum += Psnr(a, b);
    if (progress) progress({"compare", i + 1, cameras.size(), "views", ""});
  }
  return sum / static_cast<double>(cameras.size());
}

}  // namespace takt::splat
