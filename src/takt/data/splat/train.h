// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "takt/core/base/progress.h"
#include "takt/data/splat/eval.h"
#include "takt/data/splat/fit.h"
#include "takt/data/splat/scene_file.h"

namespace takt::splat {

struct TrainOptions {
  CaptureOptions capture;
  std::filesystem::path out;          // the suffix names the format
  std::optional<uint64_t> max_bytes;  // the file is never larger
  size_t max_splats = 0;              // hard cap during training; 0: DefaultMaxSplats(max_bytes)
  long iterations = 0;                // 0: 7,000, or 30,000 where `minutes` ends the training
  double minutes = 0;                 // > 0: train for so long at most
  int sh_degree = 3;
  uint64_t seed = 0;
  bool resume = false;  // go on from CheckpointPath(out)
  double checkpoint_every_s = 60;
  std::filesystem::path report;  // an .html file, or a folder for report.html; empty: none
  ProgressSink progress;
};

// A moment of the training.
struct CurvePoint {
  long iteration = 0;
  double elapsed_s = 0;
  size_t splats = 0;
  double loss = 0;     // smoothed over about 50 iterations
  double psnr_db = 0;  // on a few held-out views; NaN where it was not measured
};
// What another budget would give.
struct RatePoint {
  uint64_t bytes = 0;
  size_t splats = 0;
  double psnr_db = 0;  // mean over rate_views
};

struct TrainReport {
  std::string source;  // of the capture: "colmap", "transforms", "blender"
  size_t training_views = 0, held_out_views = 0;
  std::vector<std::string> warnings;  // of the capture
  SceneFormat out_format = SceneFormat::kTks;
  uint64_t out_bytes = 0;
  long iterations = 0, resumed_at = 0;
  size_t max_splats = 0;
  double final_loss = 0;  // smoothed
  FitReport fit;
  Scores trained;  // held-out views, before the file is written: full precision, every splat
  Scores written;  // held-out views, from the bytes of the file
  std::vector<CurvePoint> curve;
  std::vector<RatePoint> rates;         // with a report, for .tks
  std::vector<std::string> rate_views;  // where they were measured
  double train_s = 0, score_s = 0, encode_s = 0, evaluate_s = 0;
  std::filesystem::path scores;    // the cache for Retarget; empty where none was written
  std::filesystem::path report;    // the .html that was written; empty where none was asked for
  std::filesystem::path manifest;  // beside `out`; with a report
};

// `takt splat train`: from posed photographs to a splat file within a byte budget. Trains on the training views,
// scores every splat by them, fits the file to the budget, and measures the result on the held-out views.
// A checkpoint lies at CheckpointPath(out) from the first minute until the file is written.
// Errors: as LoadCapture, Trainer, FitTks, FitForeign; io; not_found (nothing to resume); cancelled, with a checkpoint
// to resume from.
// Determinism: with minutes = 0 the file is a function of capture, options and SIMD target, whether or not the
// training was interrupted.
TrainReport Train(const TrainOptions& options);

std::filesystem::path CheckpointPath(const std::filesystem::path& out);

// More splats than fit are worth training, as the best are kept: one for every 8 bytes, between 2,000 and 150,000.
size_t DefaultMaxSplats(std::optional<uint64_t> max_bytes);

}  // namespace takt::splat
