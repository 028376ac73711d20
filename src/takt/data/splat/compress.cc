// SPDX-License-Identifier: Apache-2.0
#include "takt/data/splat/compress.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <memory>
#include <utility>
#include <vector>

#include "takt/core/base/error.h"
#include "takt/core/base/file.h"
#include "takt/core/base/interrupt.h"
#include "takt/data/splat/render/sensitivity.h"
#include "takt/data/splat/score.h"
#include "takt/data/splat/train/trainer.h"

namespace takt::splat {
namespace {

constexpr long kFinetuneIterationsWithMinutes = 1'000'000;  // the clock ends it

class Stopwatch {
 public:
  double Lap() {
    const auto now = std::chrono::steady_clock::now();
    const double s = std::chrono::duration<double>(now - start_).count();
    start_ = now;
    return s;
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

void CheckOptions(const CompressOptions& options) {
  if (options.max_bytes == 0) throw Error(ErrorCode::kBadInput, "--max-bytes", "must be at least one byte");
  const bool finetune = options.finetune_iterations > 0 || options.finetune_minutes > 0;
  if (options.finetune_iterations < 0 || !(options.finetune_minutes >= 0) || std::isinf(options.finetune_minutes)) {
    throw Error(ErrorCode::kBadInput, "--finetune", "must be a number, and not negative");
  }
  if (finetune && !options.capture) {
    throw Error(ErrorCode::kBadInput, "--finetune", "needs the photographs that the scene was made from",
                "name them with --capture");
  }
}

// An encoded scene with what it took.
struct Encoded {
  std::vector<uint8_t> bytes;
  FitReport fit;
  Splats splats;  // decoded from the bytes
  std::optional<RetargetCache> cache;
};

Encoded Encode(const Splats& splats, const Sensitivity& sensitivity, SceneFormat format, uint64_t max_bytes,
               const std::string& subject) {
  Encoded encoded;
  if (format == SceneFormat::kTks) {
    encoded.cache = MakeRetargetCache(splats, sensitivity, subject.c_str());
    encoded.bytes = FitTks(*encoded.cache, max_bytes, &encoded.fit);
  } else {
    encoded.bytes = FitForeign(splats, sensitivity, ForeignFormat(format), max_bytes, &encoded.fit);
  }
  encoded.splats = ParseScene(encoded.bytes, subject);
  return encoded;
}

}  // namespace

std::filesystem::path ScoresPath(const std::filesystem::path& file) { return file.string() + ".scores"; }

Splats Finetune(const capture::Capture& capture, capture::ViewSource& source, Splats start,
                const std::array<float, 3>& background, long iterations, double minutes, uint64_t seed,
                const ProgressSink& progress, long* done_iterations) {
  TrainConfig config;
  config.fixed_geometry = true;
  config.max_splats = start.size();
  config.iterations = iterations > 0 ? iterations : kFinetuneIterationsWithMinutes;
  config.minutes = minutes;
  config.sh_degree = start.sh_degree;
  config.seed = seed;
  config.background = background;
  Trainer trainer(capture, source, config, std::move(start));
  while (!trainer.done()) {
    ThrowIfInterrupted();
    const double loss = trainer.Step();
    if (!progress) continue;
    const std::string note = fmt::format("loss {:.4f}", loss);
    if (minutes > 0) {
      const auto total = static_cast<uint64_t>(std::ceil(60 * minutes));
      progress({"fine-tune", trainer.done() ? total : std::min(static_cast<uint64_t>(trainer.elapsed_s()), total - 1),
                total, "s", note});
    } else {
      progress({"fine-tune", static_cast<uint64_t>(trainer.iteration()), static_cast<uint64_t>(iterations),
                "iterations", note});
    }
  }
  *done_iterations = trainer.iteration();
  return trainer.TakeSplats();
}

CompressReport Compress(const CompressOptions& options) {
  CheckOptions(options);
  CompressReport report;
  report.out_format = SceneFormatFromPath(options.out);
  CheckWritable(options.out);
  const Splats splats = ReadScene(options.in, &report.in);
  std::optional<capture::Capture> capture;
  std::unique_ptr<capture::ViewSource> source;
  std::vector<capture::Camera> cameras;
  std::vector<size_t> held_out;
  const auto background = options.capture ? options.capture->background : options.background;
  if (options.capture) {
    capture = LoadCapture(*options.capture);
    source = std::make_unique<capture::ViewSource>(*capture, options.capture->max_ram_bytes);
    cameras = TrainingCameras(*capture);
    held_out = HeldOutViews(*capture);
  } else {
    cameras = ScoringCameras(splats);
  }
  report.scoring_views = cameras.size();

  Stopwatch watch;
  const Sensitivity sensitivity = ComputeSensitivity(splats, cameras, background, options.progress);
  const auto seen = [](float importance) { return importance > 0; };
  if (std::none_of(sensitivity.importance.begin(), sensitivity.importance.end(), seen)) {
    throw Error(ErrorCode::kBadInput, options.in.string(),
                options.capture ? "no camera of the capture sees any of its splats" : "shows nothing from any side",
                options.capture ? "is it the capture that the scene was made from?" : "");
  }
  report.score_s = watch.Lap();
  Encoded encoded = Encode(splats, sensitivity, report.out_format, options.max_bytes, options.out.string());
  report.encode_s = watch.Lap();
  if (options.finetune_iterations > 0 || options.finetune_minutes > 0) {
    Splats tuned = Finetune(*capture, *source, encoded.splats, background, options.finetune_iterations,
                            options.finetune_minutes, options.seed, options.progress, &report.finetune_iterations);
    const Sensitivity again = ComputeSensitivity(tuned, cameras, background, options.progress);
    Encoded better = Encode(tuned, again, report.out_format, options.max_bytes, options.out.string());
    report.finetune_s = watch.Lap();
    const std::vector<size_t> training = TrainingViews(*capture), judges = Spread(training, 8);
    const auto score = [&](const Encoded& e) {
      return ScoreViews(e.splats, *capture, *source, judges, background).psnr_db;
    };
    report.finetune_kept = score(better) > score(encoded);
    if (report.finetune_kept) encoded = std::move(better);
  }
  report.psnr_to_input_db = std::numeric_limits<double>::quiet_NaN();
  if (!held_out.empty()) {
    report.before = ScoreViews(splats, *capture, *source, held_out, background, options.progress);
    report.after = ScoreViews(encoded.splats, *capture, *source, held_out, background, options.progress);
  } else {
    const auto judges = options.capture ? cameras : JudgingCameras(splats);
    report.psnr_to_input_db = PsnrBetween(splats, encoded.splats, judges, background, options.progress);
  }
  if (encoded.cache) {
    report.scores = ScoresPath(options.out);
    WriteRetargetCache(report.scores, *encoded.cache);
  }
  WriteFileAtomic(options.out, encoded.bytes);
  report.out_bytes = encoded.bytes.size();
  report.fit = std::move(encoded.fit);
  return report;
}

RetargetReport Retarget(const RetargetOptions& options) {
  if (options.max_bytes == 0) throw Error(ErrorCode::kBadInput, "--max-bytes", "must be at least one byte");
  RetargetReport report;
  report.out = options.out.empty() ? options.file : options.out;
  if (SceneFormatFromPath(report.out) != SceneFormat::kTks) {
    throw Error(ErrorCode::kBadInput, report.out.string(), "retarget writes .tks files",
                "takt splat compress meets a budget in other formats");
  }
  CheckWritable(report.out);
  const std::filesystem::path scores = ScoresPath(options.file);
  if (!std::filesystem::exists(scores)) {
    throw Error(ErrorCode::kNotFound, scores.string(), "there are no cached scores",
                "takt splat compress and train write them beside a .tks file");
  }
  Stopwatch watch;
  const RetargetCache cache = ReadRetargetCache(scores);
  report.read_s = watch.Lap();
  const std::vector<uint8_t> bytes = FitTks(cache, options.max_bytes, &report.fit);
  report.encode_s = watch.Lap();
  WriteFileAtomic(report.out, bytes);
  report.out_bytes = bytes.size();
  return report;
}

}  // namespace takt::splat
