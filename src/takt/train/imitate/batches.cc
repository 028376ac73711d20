// SPDX-License-Identifier: Apache-2.0
#include "takt/train/imitate/batches.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "takt/core/base/error.h"
#include "takt/core/base/parallel.h"
#include "takt/train/imitate/streams.h"

namespace takt::imitate {
namespace {

constexpr uint64_t kHeldOutDraw = uint64_t{1} << 62;  // no training step has this number

// A permutation of 0 ... n - 1 (Fisher and Yates).
std::vector<uint32_t> Permutation(size_t n, uint64_t seed, uint64_t stream, uint64_t number) {
  std::vector<uint32_t> order(n);
  std::iota(order.begin(), order.end(), 0u);
  const Rng rng(seed, stream);
  for (size_t i = n; i > 1; --i) std::swap(order[i - 1], order[rng.Below((number << 32) + i, i)]);
  return order;
}

void Normalise(const float* values, const Normaliser& normaliser, float* out) {
  for (size_t i = 0; i < normaliser.scale.size(); ++i) out[i] = values[i] * normaliser.scale[i] + normaliser.offset[i];
}

// A column that hardly changes - how a part tilts that lies - is noise of each scene, which a network learns by heart if it
// is made as large as the others: every range counts as at least a twentieth of the widest.
Normaliser FitAuxiliary(const Demonstrations& demonstrations) {
  constexpr float kLeastRange = 0.05f;
  Normaliser n = FitNormaliser(demonstrations, &Episode::auxiliary, demonstrations.auxiliary_dim);
  if (n.scale.empty()) return n;
  const float most = *std::min_element(n.scale.begin(), n.scale.end()) / kLeastRange;
  for (size_t i = 0; i < n.scale.size(); ++i) {
    n.offset[i] *= std::min(1.0f, most / n.scale[i]);
    n.scale[i] = std::min(n.scale[i], most);
  }
  return n;
}

int64_t ClampedStep(const Episode& episode, int64_t step) { return std::clamp<int64_t>(step, 0, episode.length - 1); }

// The action of a step as the network names it at step `now`, not normalised. [action_dim]
void RelativeAction(const policy::PolicyConfig& policy, const Episode& episode, int64_t now, int64_t step, float* out) {
  const auto dim = static_cast<size_t>(policy.action_dim), state_dim = static_cast<size_t>(policy.state_dim());
  std::copy_n(episode.action.data() + static_cast<size_t>(ClampedStep(episode, step)) * dim, dim, out);
  const float* state = episode.state.data() + static_cast<size_t>(ClampedStep(episode, now)) * state_dim;
  for (size_t d = 0; d < static_cast<size_t>(policy.relative_action_dims); ++d) out[d] -= state[d];
}

}  // namespace

Batches::Batches(const Demonstrations& demonstrations, const TrainingConfig& config, uint64_t seed)
    : demonstrations_(demonstrations), config_(config), seed_(seed) {
  const policy::PolicyConfig& policy = config.policy;
  state_ = FitNormaliser(demonstrations, &Episode::state, policy.state_dim());
  auxiliary_ = FitAuxiliary(demonstrations);
  alpha_bars_ = policy::AlphaBars(policy.beta_schedule, policy.train_steps);
  if (policy.head == policy::Head::kDdpm) {
    for (int k = 0; k < policy.train_steps; ++k) {
      const std::vector<float> embedding = policy::TimeEmbedding(k, policy.n_emb);
      time_table_.insert(time_table_.end(), embedding.begin(), embedding.end());
    }
  }

  const size_t episodes = demonstrations.episodes.size();
  auto held = static_cast<size_t>(std::lround(config.training.held_out * static_cast<double>(episodes)));
  if (config.training.held_out > 0 && episodes >= 2) held = std::clamp<size_t>(held, 1, episodes - 1);
  if (episodes < 2) held = 0;
  std::vector<uint8_t> is_held(episodes, 0);
  const std::vector<uint32_t> order = Permutation(episodes, seed, kStreamSplit, 0);
  for (size_t i = 0; i < held; ++i) is_held[order[i]] = 1;
  held_out_episodes_ = static_cast<int64_t>(held);
  train_episodes_ = static_cast<int64_t>(episodes - held);
  const int stride = policy.pictures.empty() ? 1 : config.training.picture_stride;
  for (size_t e = 0; e < episodes; ++e) {
    const int64_t last =
        std::max<int64_t>(demonstrations.episodes[e].length - policy.horizon + policy.n_action_steps - 1, 0) +
        policy.n_obs_steps - 1;
    for (int64_t now = 0; now <= std::min(last, demonstrations.episodes[e].length - 1); now += stride) {
      (is_held[e] ? held_out_ : train_).push_back({static_cast<int32_t>(e), static_cast<int32_t>(now)});
    }
  }
  action_ = FitActions();
}

// Over all samples, since a relative action depends on when it is named.
Normaliser Batches::FitActions() const {
  const policy::PolicyConfig& policy = config_.policy;
  if (policy.relative_action_dims == 0) return FitNormaliser(demonstrations_, &Episode::action, policy.action_dim);
  Demonstrations named;
  const auto dim = static_cast<size_t>(policy.action_dim);
  for (const std::vector<Sample>* samples : {&train_, &held_out_}) {
    for (const Sample& sample : *samples) {
      Episode& all = named.episodes.emplace_back();
      all.action.resize(static_cast<size_t>(policy.horizon) * dim);
      for (int t = 0; t < policy.horizon; ++t) {
        RelativeAction(policy, demonstrations_.episodes[static_cast<size_t>(sample.episode)], sample.now,
                       sample.now - policy.n_obs_steps + 1 + t, all.action.data() + static_cast<size_t>(t) * dim);
      }
    }
  }
  return FitNormaliser(named, &Episode::action, policy.action_dim);
}

void Batches::Train(int64_t step, Batch* batch) const {
  const auto n = static_cast<int64_t>(train_.size());
  std::vector<Sample> samples;
  for (int64_t i = step * config_.training.batch_size; i < (step + 1) * config_.training.batch_size; ++i) {
    if (i / n != order_pass_) {
      order_pass_ = i / n;
      order_ = Permutation(train_.size(), seed_, kStreamShuffle, static_cast<uint64_t>(order_pass_));
    }
    samples.push_back(train_[order_[static_cast<size_t>(i % n)]]);
  }
  Fill(samples, config_.training.draws_per_sample, static_cast<uint64_t>(step), true, batch);
}

void Batches::HeldOut(int count, Batch* batch) const {
  const size_t n = std::min(held_out_.size(), static_cast<size_t>(count));
  std::vector<Sample> samples;
  for (size_t i = 0; i < n; ++i) samples.push_back(held_out_[i * held_out_.size() / n]);
  Fill(samples, 2, kHeldOutDraw, false, batch);
}

void Batches::Fill(const std::vector<Sample>& samples, int draws, uint64_t draw, bool move, Batch* batch) const {
  const policy::PolicyConfig& policy = config_.policy;
  const size_t b_count = samples.size(), n_count = b_count * static_cast<size_t>(draws);
  const auto to = static_cast<size_t>(policy.n_obs_steps), horizon = static_cast<size_t>(policy.horizon);
  const auto state_dim = static_cast<size_t>(policy.state_dim()), action_dim = static_cast<size_t>(policy.action_dim);
  const auto aux_dim = static_cast<size_t>(demonstrations_.auxiliary_dim);
  const auto letters = static_cast<size_t>(policy.instruction_bytes);
  batch->observations = static_cast<int>(b_count);
  batch->draws = draws;
  batch->state.resize(b_count * to * state_dim);
  batch->auxiliary.resize(b_count * aux_dim);
  batch->bytes.resize(b_count * letters);
  batch->actions.resize(b_count * horizon * action_dim);
  batch->noisy.resize(n_count * horizon * action_dim);
  batch->target.resize(batch->noisy.size());
  batch->time.resize(n_count * static_cast<size_t>(policy.n_emb));
  batch->patches.resize(policy.pictures.size());
  for (size_t i = 0; i < policy.pictures.size(); ++i) {
    const auto& input = policy.pictures[i];
    batch->patches[i].resize(b_count * to * static_cast<size_t>(input.width_px) * static_cast<size_t>(input.height_px) * 3);
  }
  ParallelFor(b_count, 1, [&](size_t begin, size_t end) {
    for (size_t b = begin; b < end; ++b) {
      const Sample& sample = samples[b];
      const Episode& episode = demonstrations_.episodes[static_cast<size_t>(sample.episode)];
      const auto at = [&](int64_t step) { return static_cast<size_t>(ClampedStep(episode, step)); };
      const int64_t first = sample.now - policy.n_obs_steps + 1;
      for (size_t t = 0; t < to; ++t) {
        Normalise(episode.state.data() + at(first + static_cast<int64_t>(t)) * state_dim, state_,
                  batch->state.data() + (b * to + t) * state_dim);
      }
      for (size_t t = 0; t < horizon; ++t) {
        float* action = batch->actions.data() + (b * horizon + t) * action_dim;
        RelativeAction(policy, episode, sample.now, first + static_cast<int64_t>(t), action);
        Normalise(action, action_, action);
      }
      Normalise(episode.auxiliary.data() + at(sample.now) * aux_dim, auxiliary_, batch->auxiliary.data() + b * aux_dim);
      for (size_t i = 0; i < letters; ++i) {
        batch->bytes[b * letters + i] = i < episode.instruction.size() ? static_cast<uint8_t>(episode.instruction[i]) : 256;
      }
      FillPictures(sample, b, draw, move, batch);
      for (size_t d = 0; d < static_cast<size_t>(draws); ++d) FillDraw(b * static_cast<size_t>(draws) + d, draw, batch);
    }
  });
}

void Batches::FillPictures(const Sample& sample, size_t b, uint64_t draw, bool move, Batch* batch) const {
  const policy::PolicyConfig& policy = config_.policy;
  const Episode& episode = demonstrations_.episodes[static_cast<size_t>(sample.episode)];
  const int shift = move ? config_.training.shift_px : 0;
  const Rng rng(seed_, kStreamShift);
  for (size_t i = 0; i < policy.pictures.size(); ++i) {
    const auto& input = policy.pictures[i];
    const int width = input.width_px, height = input.height_px, patch = input.patch_px;
    const size_t pixels = static_cast<size_t>(width) * static_cast<size_t>(height) * 3;
    // The steps of one observation are moved alike, so that their difference stays what it was.
    const auto words = rng.Words((draw << 24) + b * policy.pictures.size() + i);
    const int range = 2 * shift + 1;
    const int dx = static_cast<int>(words[0] % static_cast<uint32_t>(range)) - shift;
    const int dy = static_cast<int>(words[1] % static_cast<uint32_t>(range)) - shift;
    for (int t = 0; t < policy.n_obs_steps; ++t) {
      const int64_t step = std::clamp<int64_t>(sample.now - policy.n_obs_steps + 1 + t, 0, episode.length - 1);
      const uint8_t* picture =
          episode.pictures[i].data() + static_cast<size_t>(step / config_.training.picture_stride) * pixels;
      float* out = batch->patches[i].data() + (b * static_cast<size_t>(policy.n_obs_steps) + static_cast<size_t>(t)) * pixels;
      for (int py = 0; py < height / patch; ++py) {
        for (int px = 0; px < width / patch; ++px) {
          for (int y = 0; y < patch; ++y) {
            const uint8_t* row = picture + static_cast<size_t>(std::clamp(py * patch + y + dy, 0, height - 1)) * width * 3;
            for (int x = 0; x < patch; ++x) {
              const uint8_t* pixel = row + std::clamp(px * patch + x + dx, 0, width - 1) * 3;
              for (int c = 0; c < 3; ++c) *out++ = static_cast<float>(pixel[c]) * (2.0f / 255) - 1;
            }
          }
        }
      }
    }
  }
}

void Batches::FillDraw(size_t n, uint64_t draw, Batch* batch) const {
  const policy::PolicyConfig& policy = config_.policy;
  const size_t size = static_cast<size_t>(policy.horizon) * static_cast<size_t>(policy.action_dim);
  const auto n_emb = static_cast<size_t>(policy.n_emb);
  const float* action = batch->actions.data() + n / static_cast<size_t>(batch->draws) * size;
  float* noisy = batch->noisy.data() + n * size;
  float* target = batch->target.data() + n * size;
  const double u = Rng(seed_, kStreamTime).UniformDouble((draw << 24) + n);
  const bool flow = policy.head == policy::Head::kFlow, sample = policy.prediction == policy::Prediction::kSample;
  float keep, add;
  if (flow) {
    const std::vector<float> embedding = policy::TimeEmbedding(policy::FlowTime(policy, u), policy.n_emb);
    std::copy(embedding.begin(), embedding.end(), batch->time.data() + n * n_emb);
    keep = static_cast<float>(u);
    add = static_cast<float>(1 - u);
  } else {
    const auto k = std::min(static_cast<size_t>(u * policy.train_steps), alpha_bars_.size() - 1);
    std::copy_n(time_table_.data() + k * n_emb, n_emb, batch->time.data() + n * n_emb);
    keep = static_cast<float>(std::sqrt(alpha_bars_[k]));
    add = static_cast<float>(std::sqrt(1 - alpha_bars_[k]));
  }
  const Rng rng(seed_, kStreamNoise);
  // A counter for each group of four numbers: draw, row of the batch, group.
  for (size_t i = 0; i < size; i += 4) {
    const auto noise = rng.Normal4((draw << 40) + (n << 20) + i / 4);
    for (size_t j = i; j < std::min(size, i + 4); ++j) {
      noisy[j] = keep * action[j] + add * noise[j - i];
      target[j] = flow ? action[j] - noise[j - i] : sample ? action[j] : noise[j - i];
    }
  }
}

}  // namespace takt::imitate
