// SPDX-License-Identifier: Apache-2.0
#include "takt/data/splat/train.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <utility>

#include "takt/core/base/error.h"
#include "takt/core/base/file.h"
#include "takt/core/base/interrupt.h"
#include "takt/core/io/artefact.h"
#include "takt/data/splat/compress.h"
#include "takt/data/splat/render/sensitivity.h"
#include "takt/data/splat/score.h"
#include "takt/data/splat/train/trainer.h"
#include "takt/data/splat/train_report.h"

namespace takt::splat {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr long kIterations = 7'000, kIterationsWithMinutes = 30'000;
constexpr double kLossSmoothing = 0.02;  // share of the newest loss
constexpr int kCurvePoints = 200, kCurvePsnrPoints = 12;
constexpr size_t kCurveViews = 3, kRateViews = 6;
// Budgets of the rate-distortion curve, relative to the one that was asked for.
constexpr double kRateFactors[] = {0.125, 0.25, 0.5, 1, 2, 4};

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

void CheckOptions(const TrainOptions& options) {
  const auto fail = [](const char* option, const char* message) { throw Error(ErrorCode::kBadInput, option, message); };
  if (options.max_bytes && *options.max_bytes == 0) fail("--max-bytes", "must be at least one byte");
  if (options.iterations < 0) fail("--iterations", "must not be negative");
  if (!(options.minutes >= 0) || std::isinf(options.minutes)) fail("--minutes", "must be a number, and not negative");
  if (options.sh_degree < 0 || options.sh_degree > kMaxShDegree) fail("--sh-degree", "must be 0, 1, 2 or 3");
  if (options.max_splats > (size_t{1} << 28)) fail("--max-splats", "must be at most 268,435,456");
}

// The .html file behind --report.
std::filesystem::path ReportFile(const std::filesystem::path& report) {
  if (report.empty()) return {};
  if (report.extension() == ".html") {
    CheckWritable(report);
    return report;
  }
  std::error_code failed;
  std::filesystem::create_directories(report, failed);
  if (failed) throw Error(ErrorCode::kIo, report.string(), fmt::format("cannot create: {}", failed.message()));
  return report / "report.html";
}

TrainConfig MakeConfig(const TrainOptions& options) {
  TrainConfig config;
  config.max_splats = options.max_splats > 0 ? options.max_splats : DefaultMaxSplats(options.max_bytes);
  config.iterations = options.iterations > 0 ? options.iterations
                      : options.minutes > 0  ? kIterationsWithMinutes
                                             : kIterations;
  config.minutes = options.minutes;
  config.sh_degree = options.sh_degree;
  config.seed = options.seed;
  config.background = options.capture.background;
  return config;
}

Splats NoSplats(int sh_degree) {
  Splats none;
  none.sh_degree = sh_degree;
  return none;
}

void Resume(const std::filesystem::path& checkpoint, Trainer* trainer) {
  if (!std::filesystem::exists(checkpoint)) {
    throw Error(ErrorCode::kNotFound, checkpoint.string(), "there is no checkpoint to resume from",
                "train without --resume");
  }
  trainer->LoadCheckpoint(checkpoint);
}

void ReportProgress(const ProgressSink& progress, const TrainConfig& config, const Trainer& trainer, double loss) {
  if (!progress) return;
  const std::string note = fmt::format("loss {:.4f}, {} splats", loss, trainer.splats().size());
  if (config.minutes > 0) {
    const auto total = static_cast<uint64_t>(std::ceil(60 * config.minutes));
    const auto done = trainer.done() ? total : std::min(static_cast<uint64_t>(trainer.elapsed_s()), total - 1);
    progress({"train", done, total, "s", fmt::format("iteration {}, {}", trainer.iteration(), note)});
  } else {
    progress({"train", static_cast<uint64_t>(trainer.iteration()), static_cast<uint64_t>(config.iterations),
              "iterations", note});
  }
}

// Runs the schedule to its end and saves checkpoints. Errors: cancelled, from between two steps.
void RunSteps(const TrainOptions& options, const TrainConfig& config, const capture::Capture& capture,
              capture::ViewSource& source, Trainer& trainer, TrainReport* report) {
  const std::vector<size_t> held_out = HeldOutViews(capture);
  const std::vector<size_t> curve_views = Spread(held_out, kCurveViews);
  double loss = kNaN, next_point = trainer.fraction(), next_psnr = trainer.fraction() + 1.0 / kCurvePsnrPoints;
  auto saved = std::chrono::steady_clock::now();
  while (!trainer.done()) {
    ThrowIfInterrupted();
    const double newest = trainer.Step();
    loss = std::isnan(loss) ? newest : loss + kLossSmoothing * (newest - loss);
    ReportProgress(options.progress, config, trainer, loss);
    if (trainer.fraction() >= next_point || trainer.done()) {
      next_point = trainer.fraction() + 1.0 / kCurvePoints;
      CurvePoint point = {trainer.iteration(), trainer.elapsed_s(), trainer.splats().size(), loss, kNaN};
      if (!curve_views.empty() && (trainer.fraction() >= next_psnr || trainer.done())) {
        next_psnr = trainer.fraction() + 1.0 / kCurvePsnrPoints;
        point.psnr_db = ScoreViews(trainer.splats(), capture, source, curve_views, options.capture.background).psnr_db;
      }
      report->curve.push_back(point);
    }
    const auto now = std::chrono::steady_clock::now();
    if (std::chrono::duration<double>(now - saved).count() >= options.checkpoint_every_s) {
      trainer.SaveCheckpoint(CheckpointPath(options.out));
      saved = now;
    }
  }
  report->final_loss = loss;
}

void RunSchedule(const TrainOptions& options, const TrainConfig& config, const capture::Capture& capture,
                 capture::ViewSource& source, Trainer& trainer, TrainReport* report) {
  const std::filesystem::path checkpoint = CheckpointPath(options.out);
  try {
    RunSteps(options, config, capture, source, trainer, report);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kCancelled || !InterruptRequested()) throw;
    trainer.SaveCheckpoint(checkpoint);
    throw Error(ErrorCode::kCancelled, options.out.string(),
                fmt::format("interrupted at iteration {}; {} has it all", trainer.iteration(), checkpoint.string()),
                "repeat the command with --resume to go on");
  }
  // What follows takes a while too; interrupted there, nothing of the training is lost.
  trainer.SaveCheckpoint(checkpoint);
}

void MeasureRates(const TrainOptions& options, const RetargetCache& tks, const capture::Capture& capture,
                  capture::ViewSource& source, TrainReport* report) {
  const std::vector<size_t> held_out = HeldOutViews(capture);
  const std::vector<size_t> views = Spread(held_out, kRateViews);
  if (views.empty()) return;
  for (const size_t i : views) report->rate_views.push_back(capture.views[i].name);
  size_t done = 0;
  for (const double factor : kRateFactors) {
    ThrowIfInterrupted();
    // Without a budget the file is as large as it gets, and the curve lies below it.
    const double scale = options.max_bytes ? factor : factor / kRateFactors[std::size(kRateFactors) - 1];
    const auto budget = static_cast<uint64_t>(scale * static_cast<double>(report->out_bytes));
    if (options.progress) options.progress({"rate curve", done++, std::size(kRateFactors), "budgets", ""});
    try {
      FitReport fit;
      const auto bytes = FitTks(tks, budget, &fit);
      const Splats decoded = DecodeTks(bytes, "rate curve");
      const double psnr = ScoreViews(decoded, capture, source, views, options.capture.background).psnr_db;
      report->rates.push_back({bytes.size(), fit.kept, psnr});
      if (factor >= 1 && bytes.size() < budget * 9 / 10) break;  // full precision: more bytes change nothing
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kInfeasibleBudget) throw;
    }
  }
  if (options.progress)
    options.progress({"rate curve", std::size(kRateFactors), std::size(kRateFactors), "budgets", ""});
}

std::filesystem::path RecordRun(const TrainOptions& options, const TrainConfig& config, const capture::Capture& capture,
                                const TrainReport& report) {
  Manifest manifest;
  manifest.kind = "splat.train";
  manifest.version = TAKT_VERSION;
  manifest.verb = "splat train";
  manifest.seed = options.seed;
  manifest.options = {{"max_splats", config.max_splats},
                      {"iterations", config.iterations},
                      {"minutes", config.minutes},
                      {"sh_degree", config.sh_degree},
                      {"downscale", options.capture.downscale},
                      {"held_out_every", options.capture.held_out_every},
                      {"background", options.capture.background}};
  if (options.max_bytes) manifest.options["max_bytes"] = *options.max_bytes;
  for (const capture::View& view : capture.views) {
    manifest.inputs.push_back(HashInput(view.image_path, view.name));
    if (!view.mask_path.empty()) manifest.inputs.push_back(HashInput(view.mask_path, view.name + " (mask)"));
  }
  const std::filesystem::path folder = options.out.has_parent_path() ? options.out.parent_path() : ".";
  manifest.payloads.push_back(HashPayload(folder, options.out.filename().string()));
  manifest.budgets.push_back(report.fit.budget);
  manifest.unhashed = {{"host", HostFacts()},
                       {"train_s", report.train_s},
                       {"score_s", report.score_s},
                       {"encode_s", report.encode_s},
                       {"evaluate_s", report.evaluate_s}};
  WriteManifest(folder, manifest);
  return folder / "manifest.json";
}

// Scores, fits, writes and measures what the trainer has.
void Finish(const TrainOptions& options, const capture::Capture& capture, capture::ViewSource& source,
            const Splats& trained, TrainReport* report) {
  Stopwatch watch;
  const auto& background = options.capture.background;
  const Sensitivity sensitivity = ComputeSensitivity(trained, TrainingCameras(capture), background, options.progress);
  report->score_s = watch.Lap();
  std::optional<RetargetCache> tks;
  std::vector<uint8_t> bytes;
  if (report->out_format == SceneFormat::kTks) {
    tks = MakeRetargetCache(trained, sensitivity, options.out.c_str());
    bytes = FitTks(*tks, options.max_bytes, &report->fit);
  } else {
    bytes = FitForeign(trained, sensitivity, ForeignFormat(report->out_format), options.max_bytes, &report->fit);
  }
  report->encode_s = watch.Lap();
  const Splats written = ParseScene(bytes, options.out.string());
  const std::vector<size_t> held_out = HeldOutViews(capture);
  report->trained = ScoreViews(trained, capture, source, held_out, background, options.progress);
  report->written = ScoreViews(written, capture, source, held_out, background, options.progress);
  report->evaluate_s = watch.Lap();
  if (tks) {
    report->scores = ScoresPath(options.out);
    WriteRetargetCache(report->scores, *tks);
  }
  WriteFileAtomic(options.out, bytes);
  report->out_bytes = bytes.size();
  if (report->report.empty()) return;
  if (tks) MeasureRates(options, *tks, capture, source, report);
  WriteTrainReport(options, *report, capture, source, trained, written);
}

}  // namespace

std::filesystem::path CheckpointPath(const std::filesystem::path& out) { return out.string() + ".checkpoint"; }

size_t DefaultMaxSplats(std::optional<uint64_t> max_bytes) {
  constexpr uint64_t kFewest = 2'000, kMost = 150'000;
  return max_bytes ? std::clamp(*max_bytes / 8, kFewest, kMost) : kMost;
}

TrainReport Train(const TrainOptions& options) {
  TrainReport report;
  CheckOptions(options);
  report.out_format = SceneFormatFromPath(options.out);
  CheckWritable(options.out);
  report.report = ReportFile(options.report);

  const capture::Capture capture = LoadCapture(options.capture);
  report.source = capture.source;
  report.warnings = capture.warnings;
  report.held_out_views = HeldOutViews(capture).size();
  report.training_views = capture.views.size() - report.held_out_views;
  capture::ViewSource source(capture, options.capture.max_ram_bytes);
  const TrainConfig config = MakeConfig(options);
  report.max_splats = config.max_splats;
  // A checkpoint brings its own splats.
  Trainer trainer =
      options.resume ? Trainer(capture, source, config, NoSplats(config.sh_degree)) : Trainer(capture, source, config);
  if (options.resume) Resume(CheckpointPath(options.out), &trainer);
  report.resumed_at = trainer.iteration();
  RunSchedule(options, config, capture, source, trainer, &report);
  report.iterations = trainer.iteration();
  report.train_s = trainer.elapsed_s();
  Finish(options, capture, source, trainer.splats(), &report);
  if (!report.report.empty()) report.manifest = RecordRun(options, config, capture, report);
  std::error_code ignored;
  std::filesystem::remove(CheckpointPath(options.out), ignored);
  return report;
}

}  // namespace takt::splat
