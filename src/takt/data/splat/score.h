// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <vector>

#include "takt/core/base/progress.h"
#include "takt/data/capture/camera.h"
#include "takt/data/capture/capture.h"
#include "takt/data/splat/model/splats.h"
#include "takt/data/splat/render/sensitivity.h"

namespace takt::splat {

// Cameras that stand in for a capture where there is none: for scoring, and others, between them, for judging the
// result.
std::vector<capture::Camera> ScoringCameras(const Splats& splats);
std::vector<capture::Camera> JudgingCameras(const Splats& splats);

// The cameras of the training views.
std::vector<capture::Camera> TrainingCameras(const capture::Capture& capture);

// PSNR of the pictures of `result` against those of `original`, mean over the cameras [dB].
// Errors: cancelled. Cost: two renderings a camera.
double PsnrBetween(const Splats& original, const Splats& result, const std::vector<capture::Camera>& cameras,
                   const std::array<float, 3>& background, const ProgressSink& progress = {});

}  // namespace takt::splat
