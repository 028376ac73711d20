// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "takt/core/nn/quant_rows.h"
#include "takt/infer/policy/cross.h"
#include "takt/infer/policy/layers.h"
#include "takt/infer/policy/policy.h"
#include "takt/infer/quant/file/quant_file.h"

namespace takt::policy {

// The transformer of a policy, packed, with all that is constant computed ahead:
// - at load time: for every denoising step and layer, what cross-attention makes of the time token (cross.h);
// - once a tick: the same of the observation tokens;
// so that a step runs self-attention and the feed-forward part, and a few dot products for the rest. With n_cond_layers > 0
// time and observation mix, and the whole memory of all steps is made once a tick, in one batch.
class Denoiser {
 public:
  // `times`: what the network is told in each step. Borrows the model. `quant`: null, or weights to take instead.
  // `schedule`: null, or of times.size() steps and the model's blocks. Errors: bad_input where it is not.
  Denoiser(const Model& model, const Plan& plan, const quant::QuantFile* quant, std::span<const double> times,
           const reuse::Schedule* schedule);

  // The condition of this tick, [n_obs_steps, cond_dim].
  void SetCondition(const float* cond);
  // What the schedule remembers: forgets all ticks; or goes on to the next one, so many actions later.
  void ResetTicks();
  void NextTick(int actions);
  // The network's answer to `sample` [horizon, action_dim] in a step; steps of a tick in rising order, none left out where
  // there is a schedule. answer [horizon, action_dim].
  void Step(int step_idx, const float* sample, float* answer);

  void SetProbe(Probe* probe) { probe_ = probe; }
  // Of one computation of each block, and of the rest of a step.
  reuse::Costs Flops() const;
  int steps() const { return static_cast<int>(times_.size()); }

 private:
  // What is read in each step of a layer.
  struct Layer {
    const float *norm1, *norm1_bias, *norm3, *norm3_bias;
    std::array<nn::Linear, kLinearKinds> linears;
    std::array<std::vector<float>, kLinearKinds> act_scales;  // [steps] or empty
  };
  // Rows of weights that are read once a tick, from memory: in bfloat16 unless the plan is in f32.
  struct Rows {
    Floats f32;
    std::vector<uint16_t> bf16;
    // y = sum_i coefficients[i] row[first + i]
    void Sum(const float* coefficients, int64_t first, int count, int64_t ld, float* y) const;
  };
  // What turns memory tokens into FoldedTokens.
  struct Fold {
    nn::Linear key, value;       // of memory rows
    Rows query_rows;             // [D, ld] row o: Wq[o, :] * gamma / sqrt(d)
    std::vector<float> query_at_beta;  // [D] (Wq beta + bq) / sqrt(d)
    Rows value_rows;             // [D, ld] row i: Wo[:, i]
    Floats out_bias;             // [ld]
  };
  // Folded tokens in a row.
  struct Folded {
    Floats keys, values, biases;  // [tokens, heads, ld], the same, [tokens, heads]
    FoldedToken At(int64_t token, int heads, int64_t ld) const {
      return {keys.data() + token * heads * ld, values.data() + token * heads * ld, biases.data() + token * heads};
    }
  };
  // The last two fresh outputs of a block.
  struct Slot {
    Floats value[2];
    int newest = 0;
    Floats& Newest() { return value[newest]; }
    Floats& Before() { return value[1 - newest]; }
  };

  void PackLayers(const Plan& plan, const quant::QuantFile* quant);
  void PackFolds(nn::Precision precision);
  void FindIdleSteps();
  Folded NewFolded(int64_t tokens) const;
  // Folds rows [tokens, ld] of the memory for layer l, into places first, first + 1, ...
  void FoldRows(int l, const float* memory, int tokens, Folded* out, int64_t first);
  void EncodeTokens(float* rows, int tokens);  // the token-wise encoder
  void Embed(const float* sample);
  void Compute(int step_idx, int block, float* out);
  void SelfAttention(int step_idx, int l, float* out);
  void FeedForward(int step_idx, int l, float* out);
  void Product(int step_idx, int l, LinearKind kind, const float* x, int64_t ldx, float* y, int64_t ldy);
  float* FreshSlot(int block);
  // Rows without what lies between them, for probes.
  std::span<const float> Compact(const float* x, int64_t ldx, int64_t k);

  const Model& model_;
  const PolicyConfig& config_;
  const quant::QuantFile* quant_;
  std::vector<double> times_;
  int n_, heads_, tokens_, memory_;
  int64_t ld_;
  bool tokenwise_;
  const float *final_norm_, *final_norm_bias_;

  std::vector<Layer> layers_;
  std::vector<Fold> folds_;
  nn::Linear input_, head_, cond_;
  std::optional<nn::Linear> encoder1_, encoder2_;
  std::vector<EncoderLayer> encoder_layers_;
  Floats input_pos_, cond_pos_;       // [T, ld], [memory, ld]
  Floats time_rows_;                  // [steps, ld] embeddings with their position
  std::vector<Folded> time_folds_;    // [layer] of [steps] tokens: token-wise encoders
  std::vector<Folded> tick_folds_;    // [layer] of [n_obs_steps] tokens, or of [steps, memory]

  std::optional<reuse::Schedule> schedule_;
  std::vector<reuse::Origin> origins_;
  std::vector<Slot> slots_;           // [blocks], or one for all
  // [steps] Whether a step computes nothing and draws no lines, and whether it then adds up to what the step before did.
  enum class Idle : uint8_t { kNo, kNew, kAsBefore };
  std::vector<Idle> idle_;
  Floats idle_sum_;                   // [T, ld] of all blocks in such a step
  bool two_values_ = false;
  std::vector<Floats> tick_values_;   // [steps * blocks]; empty where no cell comes from the previous tick
  int64_t tick_ = 0;
  int moved_ = 0;

  Floats h_, normed_, wide_, mixed_, tick_rows_;
  std::vector<float> causal_;
  nn::QuantBuffer quant_rows_;
  std::optional<nn::Scratch> scratch_;
  Probe* probe_ = nullptr;
  std::vector<float> compact_;
};

}  // namespace takt::policy
