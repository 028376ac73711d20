// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <vector>

#include "takt/core/base/rng.h"
#include "takt/infer/policy/plan.h"

namespace takt::policy {

// One denoising step: x <- noise_scale z + a x + b f(x), where f is the network's answer, with the predicted actions cut to
// [-1, 1] on the way where the model asks for it.
struct SamplerStep {
  double time = 0;        // that the network is told
  int noise_stream = 0;   // of the step's own noise: steps of equal time share it, whatever the plan
  double x0_x = 0, x0_f = 0;  // predicted actions x0 = x0_x x + x0_f f
  double x_x0 = 0, x_x = 0, x_f = 0;  // next x = x_x0 x0 + x_x x + x_f f + noise_scale z
  double noise_scale = 0;
};

// The steps of a plan, the noisiest first.
//   DDPM   Ho et al. 2020, eq. 7, with the smaller variance; times spread over the training's ("trailing")
//   DDIM   Song et al. 2021, eq. 12 with eta = 0
//   Euler  x <- x + f / steps from tau = 0 to 1
// `steps` 0: train_steps for DDPM and DDIM, 10 for Euler.
// Errors: bad_input for a sampler of the other head, or steps beyond train_steps (Euler: beyond 1000).
std::vector<SamplerStep> SamplerSteps(const PolicyConfig& config, Sampler sampler, int steps);

// z for `count` actions from absolute control step `first` on: a pure function of (seed, stream, control step, dimension), so
// that overlapping chunks of one episode see the same noise for the same future action. out [count, dim].
void DrawNoise(uint64_t seed, int stream, uint64_t first, int count, int dim, float* out);

// x <- the next x; x, f, z [n]; z may be null where noise_scale is 0.
void Advance(const SamplerStep& step, bool clip, const float* f, const float* z, int n, float* x);

}  // namespace takt::policy
