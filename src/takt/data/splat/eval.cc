// SPDX-License-Identifier: Apache-2.0
#include "takt/data/splat/eval.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "takt/core/base/error.h"
#include "takt/core/base/interrupt.h"
#include "takt/data/splat/render/metrics.h"
#include "takt/data/splat/render/renderer.h"
#include "takt/data/splat/scene_file.h"

namespace takt::splat {
namespace {

std::vector<size_t> ViewsThatAre(const capture::Capture& capture, bool held_out) {
  std::vector<size_t> views;
  for (size_t i = 0; i < capture.views.size(); ++i) {
    if (capture.views[i].held_out == held_out) views.push_back(i);
  }
  return views;
}

}  // namespace

capture::Capture LoadCapture(const CaptureOptions& options) {
  capture::LoadOptions load;
  load.held_out_every = options.held_out_every;
  load.downscale = options.downscale;
  return capture::LoadCapture(options.path, load);
}

std::vector<size_t> HeldOutViews(const capture::Capture& capture) { return ViewsThatAre(capture, true); }
std::vector<size_t> TrainingViews(const capture::Capture& capture) { return ViewsThatAre(capture, false); }

std::vector<size_t> Spread(std::span<const size_t> views, size_t count) {
  count = std::min(count, views.size());
  std::vector<size_t> chosen(count);
  for (size_t i = 0; i < count; ++i) chosen[i] = views[(2 * i + 1) * views.size() / (2 * count)];
  return chosen;
}

Scores ScoreViews(const Splats& splats, const capture::Capture& capture, capture::ViewSource& source,
                  std::span<const size_t> views, const std::array<float, 3>& background, const ProgressSink& progress) {
  Scores scores;
  Renderer renderer;
  Picture rendered;
  double psnr_sum = 0, ssim_sum = 0;
  for (const size_t i : views) {
    ThrowIfInterrupted();
    const capture::View& view = capture.views[i];
    renderer.Forward(splats, view.camera, {.background = background}, &rendered);
    const Picture truth = ToPicture(*source.Get(i), background);
    scores.views.push_back({i, view.name, view.held_out, Psnr(rendered, truth), MeanSsim(rendered, truth)});
    psnr_sum += scores.views.back().psnr_db;
    ssim_sum += scores.views.back().ssim;
    if (progress) progress({"evaluate", scores.views.size(), views.size(), "views", ""});
  }
  const double n = static_cast<double>(views.size());
  scores.psnr_db = views.empty() ? std::numeric_limits<double>::quiet_NaN() : psnr_sum / n;
  scores.ssim = views.empty() ? std::numeric_limits<double>::quiet_NaN() : ssim_sum / n;
  return scores;
}

EvalReport Eval(const EvalOptions& options) {
  SceneReport scene;
  const Splats splats = ReadScene(options.file, &scene);
  const capture::Capture capture = LoadCapture(options.capture);
  std::vector<size_t> views = HeldOutViews(capture);
  if (options.all) {
    views.resize(capture.views.size());
    std::iota(views.begin(), views.end(), size_t{0});
  }
  if (views.empty()) {
    throw Error(ErrorCode::kBadInput, options.capture.path.string(), "holds out no views to evaluate on",
                "--all evaluates on all views, those that were trained on too");
  }
  capture::ViewSource source(capture, options.capture.max_ram_bytes);
  EvalReport report;
  report.file_bytes = scene.read.file_bytes;
  report.splats = splats.size();
  report.scores = ScoreViews(splats, capture, source, views, options.capture.background, options.progress);
  return report;
}

}  // namespace takt::splat
