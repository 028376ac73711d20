// SPDX-License-Identifier: Apache-2.0
#include "takt/infer/policy/sampler.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "takt/core/base/error.h"

namespace takt::policy {

std::vector<SamplerStep> SamplerSteps(const PolicyConfig& c, Sampler sampler, int steps) {
  const bool flow = c.head == Head::kFlow;
  if (flow != (sampler == Sampler::kEuler)) {
    throw Error(ErrorCode::kBadInput, "plan", fmt::format("samples a {} model the other way", flow ? "flow" : "diffusion"),
                flow ? "use the sampler euler" : "use the sampler ddpm or ddim");
  }
  const int most = flow ? 1000 : c.train_steps;
  if (steps == 0) steps = flow ? 10 : c.train_steps;
  if (steps < 1 || steps > most) {
    throw Error(ErrorCode::kBadInput, "plan", fmt::format("asks for {} denoising steps", steps), fmt::format("1 ... {}", most));
  }
  std::vector<SamplerStep> list(static_cast<size_t>(steps));
  if (flow) {
    for (int i = 0; i < steps; ++i) {
      SamplerStep& s = list[static_cast<size_t>(i)];
      const double tau = static_cast<double>(i) / steps, rest = 1 - tau;
      s.time = FlowTime(c, tau);
      // x0 is where the velocity leads; written through x0, a cut of x0 is a cut of the velocity.
      s.x0_x = 1;
      s.x0_f = rest;
      const double share = 1.0 / steps / rest;
      s.x_x0 = share;
      s.x_x = 1 - share;
    }
    return list;
  }
  const std::vector<double> bars = AlphaBars(c.beta_schedule, c.train_steps);
  const auto time_of = [&](int i) { return static_cast<int>(std::lround(c.train_steps * (steps - i) / static_cast<double>(steps))) - 1; };
  for (int i = 0; i < steps; ++i) {
    SamplerStep& s = list[static_cast<size_t>(i)];
    const int t = time_of(i);
    const double bar = bars[static_cast<size_t>(t)];
    const double bar_next = i + 1 < steps ? bars[static_cast<size_t>(time_of(i + 1))] : 1;
    s.time = t;
    s.noise_stream = 1 + t;
    const bool sample = c.prediction == Prediction::kSample;
    s.x0_x = sample ? 0 : 1 / std::sqrt(bar);
    s.x0_f = sample ? 1 : -std::sqrt(1 - bar) / std::sqrt(bar);
    if (sampler == Sampler::kDdim && sample) {
      // The noise is what is left of x beside the actions.
      s.x_x = std::sqrt(1 - bar_next) / std::sqrt(1 - bar);
      s.x_x0 = std::sqrt(bar_next) - s.x_x * std::sqrt(bar);
    } else if (sampler == Sampler::kDdim) {
      s.x_x0 = std::sqrt(bar_next);
      s.x_f = std::sqrt(1 - bar_next);
    } else {
      const double alpha = bar / bar_next, beta = 1 - alpha;
      s.x_x0 = std::sqrt(bar_next) * beta / (1 - bar);
      s.x_x = std::sqrt(alpha) * (1 - bar_next) / (1 - bar);
      if (i + 1 < steps) s.noise_scale = std::sqrt(std::max((1 - bar_next) / (1 - bar) * beta, 1e-20));
    }
  }
  return list;
}

void DrawNoise(uint64_t seed, int stream, uint64_t first, int count, int dim, float* out) {
  const Rng rng(seed, static_cast<uint64_t>(stream));
  const auto groups = static_cast<uint64_t>((dim + 3) / 4);
  for (int t = 0; t < count; ++t) {
    for (int d = 0; d < dim; d += 4) {
      const auto four = rng.Normal4((first + static_cast<uint64_t>(t)) * groups + static_cast<uint64_t>(d / 4));
      for (int i = d; i < std::min(d + 4, dim); ++i) out[t * dim + i] = four[static_cast<size_t>(i - d)];
    }
  }
}

void Advance(const SamplerStep& s, bool clip, const float* f, const float* z, int n, float* x) {
  for (int i = 0; i < n; ++i) {
    double x0 = s.x0_x * x[i] + s.x0_f * f[i];
    // Written so that NaN stays NaN.
    if (clip) x0 = x0 > 1 ? 1 : x0 < -1 ? -1 : x0;
    double next = s.x_x0 * x0 + s.x_x * x[i] + s.x_f * f[i];
    if (s.noise_scale > 0) next += s.noise_scale * z[i];
    x[i] = static_cast<float>(next);
  }
}

}  // namespace takt::policy
