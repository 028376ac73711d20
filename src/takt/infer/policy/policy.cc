// SPDX-License-Identifier: Apache-2.0
#include "takt/infer/policy/policy.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "takt/core/base/error.h"
#include "takt/infer/policy/denoiser.h"
#include "takt/infer/policy/sampler.h"
#include "takt/infer/policy/vision.h"

namespace takt::policy {
namespace {

std::vector<double> TimesOf(const std::vector<SamplerStep>& steps) {
  std::vector<double> times;
  for (const SamplerStep& step : steps) times.push_back(step.time);
  return times;
}

std::optional<quant::QuantFile> LoadQuant(const Plan& plan, const Model& model, const std::filesystem::path& folder) {
  if (plan.quant_file.empty()) return std::nullopt;
  return quant::ReadQuantFile(folder / plan.quant_file, model.config, model.sha256);
}

}  // namespace

struct Policy::Impl {
  Impl(std::shared_ptr<const Model> m, const Plan& p, std::optional<quant::QuantFile> q)
      : model(std::move(m)),
        config(model->config),
        plan(p),
        quant(std::move(q)),
        steps(SamplerSteps(config, plan.sampler, plan.steps)),
        denoiser(*model, plan, quant ? &*quant : nullptr, TimesOf(steps), plan.schedule ? &*plan.schedule : nullptr),
        cond(static_cast<size_t>(config.n_obs_steps * config.cond_dim())),
        sample(static_cast<size_t>(config.horizon * config.action_dim)),
        answer(sample.size()),
        noise(sample.size()) {
    const nn::Precision vision_precision =
        plan.precision == nn::Precision::kF32 ? nn::Precision::kF32 : nn::Precision::kBf16;
    if (quant) {
      const int weight_bits = plan.precision == nn::Precision::kW8A8 ? 8 : plan.precision == nn::Precision::kW4A8 ? 4 : 0;
      quant::CheckUse(*quant, weight_bits, plan.float_attention, static_cast<int>(steps.size()), "quantised weights");
    }
    for (size_t i = 0; i < config.pictures.size(); ++i) vision.emplace_back(*model, static_cast<int>(i), vision_precision);
  }

  void Encode(std::span<const Observation> window);
  void EncodeStep(const Observation& observation, float* out);
  void Denoise();

  std::shared_ptr<const Model> model;
  const PolicyConfig& config;
  Plan plan;
  std::optional<quant::QuantFile> quant;
  std::vector<SamplerStep> steps;
  Denoiser denoiser;
  std::vector<VisionEncoder> vision;
  std::vector<float> cond, sample, answer, noise;
  uint64_t seed = 0, tick = 0;
};

void Policy::Impl::EncodeStep(const Observation& o, float* out) {
  const auto state_dim = static_cast<size_t>(config.state_dim());
  if (o.state.size() != state_dim) {
    throw Error(ErrorCode::kBadInput, "observation",
                fmt::format("has {} numbers of state, the policy wants {}", o.state.size(), state_dim));
  }
  if (o.pictures.size() != config.pictures.size()) {
    throw Error(ErrorCode::kBadInput, "observation",
                fmt::format("has {} pictures, the policy wants {}", o.pictures.size(), config.pictures.size()));
  }
  for (size_t i = 0; i < state_dim; ++i) {
    if (!std::isfinite(o.state[i])) {
      throw Error(ErrorCode::kBadInput, "observation", fmt::format("has a number of state, [{}], that is not finite", i));
    }
    *out++ = o.state[i] * model->Get("normalizer.state.scale")[i] + model->Get("normalizer.state.offset")[i];
  }
  for (size_t i = 0; i < vision.size(); ++i) {
    vision[i].Encode(o.pictures[i], out);
    out += config.pictures[i].out_dim;
  }
  if (config.instruction_bytes > 0) EncodeInstruction(*model, o.instruction, out);
}

void Policy::Impl::Encode(std::span<const Observation> window) {
  if (window.empty()) throw Error(ErrorCode::kBadInput, "observation", "is missing");
  const auto want = static_cast<size_t>(config.n_obs_steps), dim = static_cast<size_t>(config.cond_dim());
  const size_t given = std::min(window.size(), want);
  window = window.last(given);
  for (size_t i = 0; i < given; ++i) EncodeStep(window[i], cond.data() + (want - given + i) * dim);
  for (size_t i = 0; i < want - given; ++i) std::copy_n(cond.data() + (want - given) * dim, dim, cond.data() + i * dim);
}

void Policy::Impl::Denoise() {
  const int t = config.horizon, dim = config.action_dim, n = t * dim;
  const uint64_t first = tick * static_cast<uint64_t>(config.n_action_steps);
  denoiser.SetCondition(cond.data());
  DrawNoise(seed, 0, first, t, dim, sample.data());
  for (size_t k = 0; k < steps.size(); ++k) {
    denoiser.Step(static_cast<int>(k), sample.data(), answer.data());
    if (steps[k].noise_scale > 0) DrawNoise(seed, steps[k].noise_stream, first, t, dim, noise.data());
    Advance(steps[k], config.clip_sample, answer.data(), noise.data(), n, sample.data());
  }
  denoiser.NextTick(config.n_action_steps);
  ++tick;
}

Policy::Policy(std::shared_ptr<const Model> model, const Plan& plan, const std::filesystem::path& folder)
    : Policy(model, plan, LoadQuant(plan, *model, folder)) {}

Policy::Policy(std::shared_ptr<const Model> model, const Plan& plan, std::optional<quant::QuantFile> quant)
    : impl_(std::make_unique<Impl>(std::move(model), plan, std::move(quant))) {
  Reset(0);
}

Policy::~Policy() = default;
Policy::Policy(Policy&&) noexcept = default;
Policy& Policy::operator=(Policy&&) noexcept = default;

void Policy::Reset(uint64_t seed) {
  impl_->seed = seed;
  impl_->tick = 0;
  impl_->denoiser.ResetTicks();
}

Chunk Policy::Act(std::span<const Observation> window) {
  Impl& p = *impl_;
  p.Encode(window);
  p.Denoise();
  const PolicyConfig& c = p.config;
  const std::vector<float>&scale = model().Get("normalizer.action.scale"), &offset = model().Get("normalizer.action.offset");
  Chunk chunk;
  chunk.count = c.n_action_steps;
  chunk.dim = c.action_dim;
  chunk.actions.resize(static_cast<size_t>(chunk.count * chunk.dim));
  const float* from = p.sample.data() + (c.n_obs_steps - 1) * c.action_dim;
  for (size_t i = 0; i < chunk.actions.size(); ++i) {
    const size_t d = i % static_cast<size_t>(c.action_dim);
    chunk.actions[i] = (from[i] - offset[d]) / scale[d];
    if (d < static_cast<size_t>(c.relative_action_dims)) chunk.actions[i] += window.back().state[d];
    if (!std::isfinite(chunk.actions[i])) {
      throw Error(ErrorCode::kInternal, "policy", "made an action that is not finite; none of this chunk is sent",
                  "the model or its quantisation is broken: see takt policy eval");
    }
  }
  return chunk;
}

std::vector<float> Policy::Encode(std::span<const Observation> window) {
  impl_->Encode(window);
  return impl_->cond;
}

std::span<const float> Policy::Denoise(std::span<const float> cond) {
  if (cond.size() != impl_->cond.size()) {
    throw Error(ErrorCode::kBadInput, "condition", fmt::format("has {} numbers, not {}", cond.size(), impl_->cond.size()));
  }
  std::copy(cond.begin(), cond.end(), impl_->cond.begin());
  impl_->Denoise();
  return impl_->sample;
}

std::vector<float> Policy::Predict(std::span<const float> sample, double t, std::span<const float> cond) {
  const std::vector<double> times = {t};
  Denoiser one(*impl_->model, impl_->plan, impl_->quant ? &*impl_->quant : nullptr, times, nullptr);
  one.SetCondition(cond.data());
  std::vector<float> answer(sample.size());
  one.Step(0, sample.data(), answer.data());
  return answer;
}

void Policy::SetProbe(Probe* probe) { impl_->denoiser.SetProbe(probe); }

const Model& Policy::model() const { return *impl_->model; }
const Plan& Policy::plan() const { return impl_->plan; }
int Policy::steps() const { return impl_->denoiser.steps(); }
int Policy::blocks() const { return 3 * impl_->config.n_layer; }

double Policy::flops() const {
  const reuse::Costs costs = impl_->denoiser.Flops();
  double sum = impl_->plan.schedule ? reuse::Work(*impl_->plan.schedule, costs) : denoiser_flops();
  for (const VisionEncoder& encoder : impl_->vision) sum += encoder.flops() * impl_->config.n_obs_steps;
  return sum;
}

double Policy::exact_flops() const {
  double sum = denoiser_flops();
  for (const VisionEncoder& encoder : impl_->vision) sum += encoder.flops() * impl_->config.n_obs_steps;
  return sum;
}

double Policy::denoiser_flops() const {
  const reuse::Costs costs = impl_->denoiser.Flops();
  double step = costs.step;
  for (double block : costs.block) step += block;
  return step * steps();
}

}  // namespace takt::policy
