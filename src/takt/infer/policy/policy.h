// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "takt/infer/policy/model.h"
#include "takt/infer/policy/plan.h"
#include "takt/infer/quant/file/quant_file.h"

namespace takt::policy {

// Which product of a decoder layer.
enum class LinearKind { kSaQkv, kSaOut, kFfn1, kFfn2 };
inline constexpr int kLinearKinds = 4;

// Looks over the shoulder of the denoiser: for calibration and for schedules. Called in the order of the computation,
// from the calling thread, for blocks and products that are really computed.
class Probe {
 public:
  virtual ~Probe() = default;
  // Output of residual branch `block_idx` = 3 * layer + {0 self-attention, 1 cross-attention, 2 FFN} in denoising step
  // `step_idx` (0 = the noisiest). [tokens, n_emb]
  virtual void Block(int /*step_idx*/, int /*block_idx*/, std::span<const float> /*output*/) {}
  // Input of a product, after any smoothing. [tokens, inputs]
  virtual void Input(int /*step_idx*/, int /*layer*/, LinearKind, std::span<const float> /*x*/, int /*inputs*/) {}
  // What the first block of a step sees, and the time embedding that this step adds: for TeaCache. [tokens, n_emb]
  virtual void StepInput(int /*step_idx*/, std::span<const float> /*x*/) {}
};

// Actions that the robot executes from now on.
struct Chunk {
  int count = 0, dim = 0;
  std::vector<float> actions;  // [count, dim] in the units of the demonstrations
};

// A model packed for a plan, with what it remembers of one episode. Not thread-safe.
// Determinism: equal model, plan, seed and observations since Reset give equal bytes, on any machine with the same
// vector instructions; it runs on the calling thread alone.
// Memory: all of it is allocated by the constructor; Act allocates only the chunk that it returns.
class Policy {
 public:
  // Errors: bad_input, unsupported for a plan that the model cannot follow (a schedule of other steps or blocks, a
  // sampler of the other head).
  Policy(std::shared_ptr<const Model> model, const Plan& plan, const std::filesystem::path& folder = {});
  // The same with quantised weights that are in memory.
  Policy(std::shared_ptr<const Model> model, const Plan& plan, std::optional<quant::QuantFile> quant);
  ~Policy();
  Policy(Policy&&) noexcept;
  Policy& operator=(Policy&&) noexcept;

  // Forgets the episode: observations and what the previous tick left for reuse. Noise is drawn from (seed, tick).
  void Reset(uint64_t seed);

  // The next chunk. `window`: the last observation steps, oldest first; fewer than n_obs_steps: the first is repeated.
  // Errors: bad_input naming the input that is missing, has another size or is not finite; internal (non-finite
  // actions: they are never returned).
  Chunk Act(std::span<const Observation> window);

  // The parts of Act. Condition of a window: [n_obs_steps * cond_dim], normalised.
  std::vector<float> Encode(std::span<const Observation> window);
  // Denoises all `horizon` actions from the noise of the current tick, and goes on to the next tick.
  // Result: [horizon, action_dim], normalised. It stays valid until the next call.
  std::span<const float> Denoise(std::span<const float> cond);
  // The network alone: what it predicts for `sample` [horizon, action_dim] at network time `t`; for parity tests.
  // Exact plans only. [horizon, action_dim]
  std::vector<float> Predict(std::span<const float> sample, double t, std::span<const float> cond);

  void SetProbe(Probe* probe);  // null: none

  const Model& model() const;
  const Plan& plan() const;
  int steps() const;           // denoising steps of a chunk
  int blocks() const;          // 3 * n_layer
  double flops() const;        // of one chunk's products and attention as the plan runs them, vision included
  double exact_flops() const;  // of the same steps without a schedule

 private:
  double denoiser_flops() const;  // of a chunk without a schedule

  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace takt::policy
