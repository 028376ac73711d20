// SPDX-License-Identifier: Apache-2.0
#include "takt/data/splat/train/trainer.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numeric>
#include <utility>

#include "takt/core/base/error.h"
#include "takt/core/base/parallel.h"
#include "takt/core/base/rng.h"
#include "takt/data/splat/render/metrics.h"
#include "takt/data/splat/train/init.h"
#include "takt/data/splat/train/loss.h"
#include "takt/data/splat/train/mcmc.h"

namespace takt::splat {
namespace {

constexpr uint64_t kShuffleStream = 0x31;
constexpr long kDensifyEvery = 100;        // iterations
constexpr double kDensifyFrom = 0.02, kGrowUntil = 0.5, kDensifyUntil = 0.85;  // fractions of the schedule
constexpr double kQuarterUntil = 0.08, kHalfUntil = 0.25;
constexpr float kMeansRate = 1.6e-4f, kMeansRateEnd = 1.6e-6f;  // times the scene extent
constexpr float kScaleRate = 5e-3f, kQuatRate = 1e-3f, kLogitRate = 5e-2f, kDcRate = 2.5e-3f, kShRate = kDcRate / 20;
constexpr float kNoiseRate = 5e5f;

float Sigmoid(float x) { return 1.0f / (1.0f + std::exp(-x)); }

Splats ZerosLike(const Splats& splats) {
  Splats zeros;
  zeros.sh_degree = splats.sh_degree;
  zeros.Resize(splats.size());
  return zeros;
}

}  // namespace

Picture Downscale(const Picture& picture, int factor) {
  if (factor == 1) return picture;
  Picture small;
  small.Resize(picture.width_px / factor, picture.height_px / factor);
  const float scale = 1.0f / static_cast<float>(factor * factor);
  ParallelFor(static_cast<size_t>(4 * small.height_px), 32, [&](size_t begin, size_t end) {
    for (size_t job = begin; job < end; ++job) {
      const int c = static_cast<int>(job) / small.height_px, y = static_cast<int>(job) % small.height_px;
      for (int x = 0; x < small.width_px; ++x) {
        float sum = 0;
        for (int dy = 0; dy < factor; ++dy) {
          const float* row = picture.plane(c) + static_cast<size_t>(y * factor + dy) * picture.width_px + x * factor;
          for (int dx = 0; dx < factor; ++dx) sum += row[dx];
        }
        small.plane(c)[static_cast<size_t>(y) * small.width_px + x] = sum * scale;
      }
    }
  });
  return small;
}

Trainer::Trainer(const capture::Capture& capture, capture::ViewSource& source, const TrainConfig& config)
    : Trainer(capture, source, config,
              InitialSplats(capture, source, std::max<size_t>(config.max_splats / 3, std::min<size_t>(config.max_splats, 100)),
                            config.sh_degree, config.seed)) {}

Trainer::Trainer(const capture::Capture& capture, capture::ViewSource& source, const TrainConfig& config, Splats initial)
    : capture_(capture), source_(source), config_(config), splats_(std::move(initial)) {
  for (size_t i = 0; i < capture.views.size(); ++i) {
    if (!capture.views[i].held_out) training_views_.push_back(i);
  }
  if (training_views_.empty()) {
    throw Error(ErrorCode::kBadInput, capture.root.string(), "has no training views",
                "add pictures, or hold out fewer of them");
  }
  initial_count_ = splats_.size();
  moment1_ = ZerosLike(splats_);
  moment2_ = ZerosLike(splats_);
}

double Trainer::fraction() const {
  double f = static_cast<double>(iteration_) / static_cast<double>(std::max(1L, config_.iterations));
  if (config_.minutes > 0) f = std::max(f, elapsed_s_ / (60 * config_.minutes));
  return std::min(f, 1.0);
}

bool Trainer::done() const { return fraction() >= 1.0; }

// A shuffled pass over the training views, then the next one.
size_t Trainer::NextView() const {
  const size_t n = training_views_.size();
  const uint64_t epoch = static_cast<uint64_t>(iteration_) / n, place = static_cast<uint64_t>(iteration_) % n;
  const Rng rng(config_.seed, kShuffleStream + (epoch << 8));
  std::vector<size_t> order(n);
  std::iota(order.begin(), order.end(), size_t{0});
  for (size_t i = n - 1; i > 0; --i) std::swap(order[i], order[rng.Below(i, i + 1)]);
  return training_views_[order[place]];
}

int Trainer::Downscale(const capture::Camera& camera) const {
  if (config_.fixed_geometry) return 1;
  const int smallest = std::min(camera.width_px, camera.height_px);
  const double f = fraction();
  int factor = f < kQuarterUntil ? 4 : (f < kHalfUntil ? 2 : 1);
  while (factor > 1 && smallest / factor < 64) factor /= 2;
  return factor;
}

size_t Trainer::TargetCount() const {
  const double ratio = static_cast<double>(config_.max_splats) / static_cast<double>(std::max<size_t>(1, initial_count_));
  if (!(ratio > 1)) return splats_.size();
  const double grown = static_cast<double>(initial_count_) * std::pow(ratio, std::min(1.0, fraction() / kGrowUntil));
  return std::clamp<size_t>(static_cast<size_t>(grown), splats_.size(), std::max(splats_.size(), config_.max_splats));
}

void Trainer::Densify() {
  const std::vector<uint32_t> changed =
      RelocateAndGrow(splats_, TargetCount(), config_.seed, static_cast<uint64_t>(iteration_));
  for (Splats* moment : {&moment1_, &moment2_}) {
    moment->Resize(splats_.size());
    for (const uint32_t i : changed) {
      std::fill_n(&moment->means[3 * i], 3, 0.0f);
      std::fill_n(&moment->log_scales[3 * i], 3, 0.0f);
      std::fill_n(&moment->quats[4 * i], 4, 0.0f);
      moment->logits[i] = 0;
      std::fill_n(&moment->sh[size_t{i} * moment->sh_stride()], moment->sh_stride(), 0.0f);
    }
  }
}

void Trainer::ApplyGradients() {
  const double f = fraction();
  const float means_rate = config_.fixed_geometry
                               ? 0.0f
                               : static_cast<float>(kMeansRate * capture_.extent *
                                                    std::pow(double{kMeansRateEnd / kMeansRate}, f));
  const float mean_rates[3] = {means_rate, means_rate, means_rate};
  const float scale_rates[3] = {kScaleRate, kScaleRate, kScaleRate};
  const float quat_rates[4] = {kQuatRate, kQuatRate, kQuatRate, kQuatRate};
  float sh_rates[16];
  std::fill_n(sh_rates, 16, kShRate);
  sh_rates[0] = kDcRate;
  const AdamStep step = MakeAdamStep(iteration_ + 1);
  const int active = gradients_.sh_coefficients, stride = ShCoefficients(splats_.sh_degree);
  const float n = static_cast<float>(splats_.size());
  ParallelFor(gradients_.splat_idx.size(), 1024, [&](size_t begin, size_t end) {
    for (size_t row = begin; row < end; ++row) {
      const size_t i = gradients_.splat_idx[row];
      float* scale_gradient = &gradients_.log_scales[3 * row];
      for (int k = 0; k < 3; ++k) {
        scale_gradient[k] += config_.scale_regularization * std::exp(splats_.log_scales[3 * i + k]) / (3 * n);
      }
      const float opacity = Sigmoid(splats_.logits[i]);
      gradients_.logits[row] += config_.opacity_regularization * opacity * (1 - opacity) / n;
      AdamUpdate(step, 3, &gradients_.means[3 * row], mean_rates, &splats_.means[3 * i], &moment1_.means[3 * i],
                 &moment2_.means[3 * i]);
      AdamUpdate(step, 3, scale_gradient, scale_rates, &splats_.log_scales[3 * i], &moment1_.log_scales[3 * i],
                 &moment2_.log_scales[3 * i]);
      AdamUpdate(step, 4, &gradients_.quats[4 * row], quat_rates, &splats_.quats[4 * i], &moment1_.quats[4 * i],
                 &moment2_.quats[4 * i]);
      AdamUpdate(step, 1, &gradients_.logits[row], &kLogitRate, &splats_.logits[i], &moment1_.logits[i],
                 &moment2_.logits[i]);
      for (int c = 0; c < 3; ++c) {
        const size_t at = (3 * i + c) * stride;
        AdamUpdate(step, static_cast<size_t>(active), &gradients_.sh[(3 * row + c) * active], sh_rates,
                   &splats_.sh[at], &moment1_.sh[at], &moment2_.sh[at]);
      }
    }
  });
  // Hidden splats only feel the regularisation: what stays behind opaque surfaces fades, and is then relocated.
  if (!config_.fixed_geometry) {
    ParallelFor(gradients_.hidden_idx.size(), 4096, [&](size_t begin, size_t end) {
      for (size_t k = begin; k < end; ++k) {
        const size_t i = gradients_.hidden_idx[k];
        const float opacity = Sigmoid(splats_.logits[i]);
        const float gradient = config_.opacity_regularization * opacity * (1 - opacity) / n;
        AdamUpdate(step, 1, &gradient, &kLogitRate, &splats_.logits[i], &moment1_.logits[i], &moment2_.logits[i]);
      }
    });
    AddNoise(splats_, kNoiseRate * means_rate, config_.seed, static_cast<uint64_t>(iteration_));
  }
}

double Trainer::Step() {
  const auto start = std::chrono::steady_clock::now();
  const size_t view = NextView();
  const int factor = Downscale(capture_.views[view].camera);
  const Picture target = splat::Downscale(ToPicture(*source_.Get(view), config_.background), factor);
  const capture::Camera camera = capture::Downscale(capture_.views[view].camera, factor);
  const double f = fraction();
  const int degree = config_.fixed_geometry ? config_.sh_degree : std::min(config_.sh_degree, static_cast<int>(f / 0.06));
  renderer_.Forward(splats_, camera, {.background = config_.background, .sh_degree = degree}, &rendered_);
  const double loss = PhotometricLoss(rendered_, target, config_.ssim_weight, 0.0f, &d_rendered_);
  renderer_.Backward(splats_, rendered_, d_rendered_, &gradients_);
  ApplyGradients();
  ++iteration_;
  if (!config_.fixed_geometry && iteration_ % kDensifyEvery == 0 && f >= kDensifyFrom && f < kDensifyUntil) Densify();
  elapsed_s_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return loss;
}

}  // namespace takt::splat
