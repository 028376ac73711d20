// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "takt/core/base/progress.h"
#include "takt/data/capture/capture.h"
#include "takt/data/capture/view_source.h"
#include "takt/data/splat/model/splats.h"

namespace takt::splat {

// How a capture is read by every verb that takes one.
struct CaptureOptions {
  std::filesystem::path path;
  int downscale = 1;                            // pictures this many times smaller; 0 = to at most 1 megapixel
  int held_out_every = 8;                       // as capture::LoadOptions
  uint64_t max_ram_bytes = 2'000'000'000;       // decoded pictures kept in memory
  std::array<float, 3> background = {1, 1, 1};  // behind pictures with alpha
};

capture::Capture LoadCapture(const CaptureOptions& options);

std::vector<size_t> HeldOutViews(const capture::Capture& capture);
std::vector<size_t> TrainingViews(const capture::Capture& capture);
// At most `count` of `views`, spread evenly over them.
std::vector<size_t> Spread(std::span<const size_t> views, size_t count);

// How near a rendered view comes to its photograph.
struct ViewScore {
  size_t view_idx = 0;
  std::string name;
  bool held_out = false;
  double psnr_db = 0;  // see Psnr
  double ssim = 0;     // see MeanSsim
};
struct Scores {
  std::vector<ViewScore> views;
  double psnr_db = 0;  // mean over the views; NaN where there are none
  double ssim = 0;
};

// Renders each of `views` and compares it with its photograph over `background`.
// Errors: as ViewSource::Get; cancelled. Determinism: independent of the thread count.
Scores ScoreViews(const Splats& splats, const capture::Capture& capture, capture::ViewSource& source,
                  std::span<const size_t> views, const std::array<float, 3>& background,
                  const ProgressSink& progress = {});

struct EvalOptions {
  std::filesystem::path file;
  CaptureOptions capture;
  bool all = false;  // the training views too
  ProgressSink progress;
};
struct EvalReport {
  uint64_t file_bytes = 0;
  size_t splats = 0;
  Scores scores;
};

// `takt splat eval`: PSNR and SSIM of a splat file on the held-out views of a capture, per view and mean.
// Errors: as ReadScene and LoadCapture; bad_input where the capture holds out no views and `all` is not set.
EvalReport Eval(const EvalOptions& options);

}  // namespace takt::splat
