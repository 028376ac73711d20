// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "takt/core/base/progress.h"
#include "takt/data/capture/capture.h"
#include "takt/data/capture/view_source.h"
#include "takt/data/splat/eval.h"
#include "takt/data/splat/fit.h"
#include "takt/data/splat/scene_file.h"

namespace takt::splat {

// Where the cached scores (RetargetCache) of a .tks file lie: beside it, `file`.scores.
std::filesystem::path ScoresPath(const std::filesystem::path& file);

struct CompressOptions {
  std::filesystem::path in, out;          // the suffix of `out` names the format
  uint64_t max_bytes = 0;                 // the file is never larger
  std::optional<CaptureOptions> capture;  // importance from its training views; otherwise from cameras around the scene
  long finetune_iterations = 0;           // > 0: train what was kept on the capture, then encode it again
  double finetune_minutes = 0;            // > 0: for at most so long
  uint64_t seed = 0;                      // of the fine-tuning
  std::array<float, 3> background = {1, 1, 1};  // without a capture; with one, its own counts
  ProgressSink progress;
};
struct CompressReport {
  SceneReport in;
  SceneFormat out_format = SceneFormat::kTks;
  uint64_t out_bytes = 0;
  FitReport fit;
  size_t scoring_views = 0;
  long finetune_iterations = 0;
  bool finetune_kept = false;    // false where the file without fine-tuning was the better one
  std::optional<Scores> before;  // with a capture that holds out views: the input on them
  std::optional<Scores> after;   // and the written file
  double psnr_to_input_db = 0;   // without: pictures of the file against pictures of the input; NaN otherwise
  std::filesystem::path scores;  // the cache for Retarget; empty where none was written
  double score_s = 0, encode_s = 0, finetune_s = 0;
};

// `takt splat compress`: meets a byte budget for any splat file. Writes `out`, and for .tks its ScoresPath.
// Errors: infeasible_budget naming the smallest size; bad_input (fine-tuning without a capture, a scene that no camera
// sees); as ReadScene, LoadCapture; io; cancelled. Nothing is written unless all went well.
// Determinism: same input and options, same bytes, any thread count (with finetune_minutes = 0).
CompressReport Compress(const CompressOptions& options);

struct RetargetOptions {
  std::filesystem::path file;  // a .tks that Train or Compress wrote, its ScoresPath beside it
  std::filesystem::path out;   // empty: in place of `file`
  uint64_t max_bytes = 0;
};
struct RetargetReport {
  std::filesystem::path out;
  uint64_t out_bytes = 0;
  FitReport fit;
  double read_s = 0, encode_s = 0;
};

// `takt splat retarget`: another budget, larger or smaller, from cached scores: every splat that was scored is
// considered again. Errors: not_found where there are no cached scores; infeasible_budget; io.
RetargetReport Retarget(const RetargetOptions& options);

// Trains what `start` has, without growth, on the training views. Errors: as Trainer; cancelled.
Splats Finetune(const capture::Capture& capture, capture::ViewSource& source, Splats start,
                const std::array<float, 3>& background, long iterations, double minutes, uint64_t seed,
                const ProgressSink& progress, long* done_iterations);

}  // namespace takt::splat
