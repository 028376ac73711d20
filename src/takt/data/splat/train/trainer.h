// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <vector>

#include "takt/data/capture/capture.h"
#include "takt/data/capture/view_source.h"
#include "takt/data/splat/model/splats.h"
#include "takt/data/splat/render/renderer.h"
#include "takt/data/splat/train/adam_simd.h"

namespace takt::splat {

struct TrainConfig {
  size_t max_splats = 150'000;     // hard cap: memory and file size are bounded from the start
  long iterations = 7'000;         // one training view each
  double minutes = 0;              // > 0: the schedule ends after this time or `iterations`, whichever comes first
  int sh_degree = 3;
  uint64_t seed = 0;
  std::array<float, 3> background = {1, 1, 1};  // pictures with alpha are composited over it
  float ssim_weight = 0.2f;
  float opacity_regularization = 0.01f;         // times mean opacity
  float scale_regularization = 0.01f;           // times mean scale [world units]
  bool fixed_geometry = false;     // fine-tuning: no growth, no relocation, no noise, means stay
};

// Optimises splats against the training views of a capture, hand-written gradients, Adam on the splats that a view
// drew, MCMC relocation and growth under `max_splats`. Coarse to fine: quarter and half resolution first.
// Determinism: with minutes = 0 the splats are a function of capture, config and SIMD target; a resumed training equals
// an uninterrupted one bit for bit. Source: Kerbl et al. 2023 (losses, rates), Kheradmand et al. 2024 (MCMC).
class Trainer {
 public:
  Trainer(const capture::Capture& capture, capture::ViewSource& source, const TrainConfig& config);
  // Starts from given splats instead of InitialSplats.
  Trainer(const capture::Capture& capture, capture::ViewSource& source, const TrainConfig& config, Splats initial);

  bool done() const;
  double fraction() const;     // of the schedule, 0 to 1
  long iteration() const { return iteration_; }
  double elapsed_s() const { return elapsed_s_; }

  // One iteration; returns the loss. Precondition: !done(). Errors: as ViewSource::Get.
  double Step();

  const Splats& splats() const { return splats_; }
  Splats TakeSplats() { return std::move(splats_); }

  // The whole state, atomically. Errors: io; bad_input when the file is not a checkpoint of this capture and config.
  void SaveCheckpoint(const std::filesystem::path& path) const;
  void LoadCheckpoint(const std::filesystem::path& path);

 private:
  size_t NextView() const;
  int Downscale(const capture::Camera& camera) const;
  void ApplyGradients();
  void Densify();
  size_t TargetCount() const;

  const capture::Capture& capture_;
  capture::ViewSource& source_;
  TrainConfig config_;
  std::vector<size_t> training_views_;
  Splats splats_;
  Splats moment1_, moment2_;  // Adam, the shapes of splats_
  size_t initial_count_ = 0;
  long iteration_ = 0;
  double elapsed_s_ = 0;

  Renderer renderer_;
  Picture rendered_, d_rendered_;
  SplatGradients gradients_;
};

// `picture` averaged over factor x factor blocks; a remainder at the right and bottom is cropped.
Picture Downscale(const Picture& picture, int factor);

}  // namespace takt::splat
