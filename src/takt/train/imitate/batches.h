// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "takt/core/base/rng.h"
#include "takt/train/imitate/demonstrations.h"

namespace takt::imitate {

// One moment that can be trained on: the network sees steps now - n_obs_steps + 1 ... now, and answers with the actions
// of steps now - n_obs_steps + 1 ... now - n_obs_steps + horizon.
struct Sample {
  int32_t episode = 0;
  int32_t now = 0;
};

// Everything that one step of the network reads, row-major.
struct Batch {
  int observations = 0, draws = 0;  // B, D
  std::vector<float> state;         // [B, To, state_dim], normalised
  std::vector<float> auxiliary;     // [B, auxiliary_dim] at `now`, normalised
  std::vector<std::vector<float>> patches;  // of each picture: [B * To, patches, 3 * patch^2], -1 ... 1
  std::vector<int64_t> bytes;       // [B, instruction_bytes]: 0 ... 255, and 256 behind the end
  std::vector<float> actions;       // [B, T, action_dim], normalised
  std::vector<float> noisy;         // [B * D, T, action_dim]: what the network is to denoise
  std::vector<float> target;        // [B * D, T, action_dim]: noise (DDPM), or action - noise (flow)
  std::vector<float> time;          // [B * D, n_emb]: the embedding of the time
};

// Cuts samples out of demonstrations, as the sampler of real-stanford/diffusion_policy does: an episode is continued by
// its first step, n_obs_steps - 1 times, and by its last one, n_action_steps - 1 times.
//
// Determinism: a batch is a pure function of the seed and of the step; threads do not matter.
class Batches {
 public:
  // Borrows the demonstrations, which CheckDemonstrations accepted. Held out are whole episodes: as many as the share
  // `held_out` says, rounded, but at least one of two or more where the share is not 0; which, decides the seed.
  Batches(const Demonstrations& demonstrations, const TrainingConfig& config, uint64_t seed);

  const std::vector<Sample>& train() const { return train_; }
  const std::vector<Sample>& held_out() const { return held_out_; }
  int64_t train_episodes() const { return train_episodes_; }
  int64_t held_out_episodes() const { return held_out_episodes_; }
  const Normaliser& state() const { return state_; }
  const Normaliser& action() const { return action_; }
  const Normaliser& auxiliary() const { return auxiliary_; }

  // Training step `step`, from 0: batch_size samples of a permutation that is drawn anew for each pass through the set.
  void Train(int64_t step, Batch* batch) const;
  // Up to `count` held-out samples, evenly spread, whose noise and times are always the same; pictures are not moved.
  void HeldOut(int count, Batch* batch) const;

 private:
  Normaliser FitActions() const;
  void Fill(const std::vector<Sample>& samples, int draws, uint64_t draw, bool move, Batch* batch) const;
  void FillPictures(const Sample& sample, size_t b, uint64_t draw, bool move, Batch* batch) const;
  void FillDraw(size_t n, uint64_t draw, Batch* batch) const;

  const Demonstrations& demonstrations_;
  const TrainingConfig& config_;
  uint64_t seed_;
  std::vector<Sample> train_, held_out_;
  int64_t train_episodes_ = 0, held_out_episodes_ = 0;
  Normaliser state_, action_, auxiliary_;
  std::vector<double> alpha_bars_;
  std::vector<float> time_table_;  // DDPM: [train_steps, n_emb]
  mutable std::vector<uint32_t> order_;  // of the pass `order_pass_` through train_
  mutable int64_t order_pass_ = -1;
};

}  // namespace takt::imitate
