// SPDX-License-Identifier: Apache-2.0
#include "takt/infer/policy/denoiser.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "takt/core/base/error.h"
#include "takt/core/nn/norm.h"

namespace takt::policy {
namespace {

bool IsInteger(nn::Precision precision) { return precision == nn::Precision::kW8A8 || precision == nn::Precision::kW4A8; }

std::string LayerPrefix(int l) { return fmt::format("model.decoder.layers.{}.", l); }

void CopyRows(const float* from, int64_t rows, int64_t n, int64_t ld, float* to) {
  for (int64_t r = 0; r < rows; ++r) std::copy_n(from + r * n, n, to + r * ld);
}

void Check(const reuse::Schedule& schedule, const PolicyConfig& config, size_t steps) {
  reuse::Validate(schedule, "schedule");
  if (static_cast<size_t>(schedule.steps) != steps) {
    throw Error(ErrorCode::kBadInput, "schedule",
                fmt::format("is of {} denoising steps, the plan has {}", schedule.steps, steps));
  }
  if (schedule.blocks != reuse::TransformerBlocks(config.n_layer)) {
    throw Error(ErrorCode::kBadInput, "schedule",
                fmt::format("is not of the blocks of this model: {} layers of sa, ca and ffn", config.n_layer));
  }
}

}  // namespace

Denoiser::Denoiser(const Model& model, const Plan& plan, const quant::QuantFile* quant, std::span<const double> times,
                   const reuse::Schedule* schedule)
    : model_(model),
      config_(model.config),
      quant_(quant),
      times_(times.begin(), times.end()),
      n_(config_.n_emb),
      heads_(config_.n_head),
      tokens_(config_.horizon),
      memory_(1 + config_.n_obs_steps),
      ld_(RowStride(n_)),
      tokenwise_(config_.n_cond_layers == 0),
      final_norm_(model.Get("model.ln_f.weight").data()),
      final_norm_bias_(model.Get("model.ln_f.bias").data()),
      input_pos_(tokens_ * ld_),
      cond_pos_(memory_ * ld_),
      time_rows_(static_cast<int64_t>(times.size()) * ld_),
      h_(tokens_ * ld_),
      normed_(tokens_ * ld_),
      wide_(tokens_ * 4 * ld_),
      mixed_(tokens_ * ld_),
      quant_rows_(tokens_, 4 * n_) {
  if (schedule) {
    Check(*schedule, config_, times_.size());
    schedule_ = *schedule;
    origins_ = reuse::ResolveOrigins(*schedule_);
  }
  PackLayers(plan, quant);
  input_ = PackTensor(model, "model.input_emb", n_, config_.action_dim, nn::Precision::kF32);
  head_ = PackTensor(model, "model.head", config_.action_dim, n_, nn::Precision::kF32);
  const nn::Precision memory_precision =
      plan.precision == nn::Precision::kF32 ? nn::Precision::kF32 : nn::Precision::kBf16;
  cond_ = PackTensor(model, "model.cond_obs_emb", n_, config_.cond_dim(), nn::Precision::kF32);
  CopyRows(model.Get("model.pos_emb").data(), tokens_, n_, ld_, input_pos_.data());
  CopyRows(model.Get("model.cond_pos_emb").data(), memory_, n_, ld_, cond_pos_.data());
  if (tokenwise_) {
    encoder1_ = PackTensor(model, "model.encoder.0", 4 * n_, n_, memory_precision);
    encoder2_ = PackTensor(model, "model.encoder.2", n_, 4 * n_, memory_precision);
  }
  for (int l = 0; l < config_.n_cond_layers; ++l) {
    encoder_layers_.emplace_back(model, fmt::format("model.encoder.layers.{}.", l), n_, heads_, nn::Precision::kF32);
  }
  if (config_.causal_attn) {
    causal_.resize(static_cast<size_t>(tokens_) * static_cast<size_t>(tokens_));
    nn::CausalBias(tokens_, tokens_, 0, causal_.data(), tokens_);
  }
  for (size_t k = 0; k < times_.size(); ++k) {
    const std::vector<float> embedding = TimeEmbedding(times_[k], n_);
    for (int i = 0; i < n_; ++i) {
      time_rows_.data()[static_cast<int64_t>(k) * ld_ + i] = embedding[static_cast<size_t>(i)] + cond_pos_.data()[i];
    }
  }
  PackFolds(memory_precision);

  // Work space: the largest of what one call needs at a time, for the rows of a step and those of the memory.
  const int steps_count = steps(), rows = std::max({tokens_, memory_, tokenwise_ ? steps_count : steps_count * memory_});
  size_t bytes = nn::AttentionScratchBytes({tokens_, tokens_, heads_, n_ / heads_});
  const auto need = [&](const nn::Linear& linear, int m) { bytes = std::max(bytes, linear.ScratchBytes(m)); };
  for (const Layer& layer : layers_) {
    for (const nn::Linear& linear : layer.linears) need(linear, tokens_);
  }
  for (const nn::Linear* linear : {&input_, &head_, &cond_}) need(*linear, rows);
  for (const Fold& fold : folds_) {
    need(fold.key, rows);
    need(fold.value, rows);
  }
  if (tokenwise_) {
    need(*encoder1_, rows);
    need(*encoder2_, rows);
  }
  for (const EncoderLayer& layer : encoder_layers_) bytes = std::max(bytes, layer.ScratchBytes(memory_));
  scratch_.emplace(bytes);
  // Rows of the memory, then their keys and values; or the wide rows of the encoder.
  tick_rows_ = Floats(rows * 5 * ld_);

  const int64_t tick_tokens = tokenwise_ ? config_.n_obs_steps : static_cast<int64_t>(steps_count) * memory_;
  for (int l = 0; l < config_.n_layer; ++l) tick_folds_.push_back(NewFolded(tick_tokens));
  if (tokenwise_) {
    // tick_rows_ holds [rows, ld] and its wide rows behind; times fill it once, here.
    std::copy_n(time_rows_.data(), steps_count * ld_, tick_rows_.data());
    EncodeTokens(tick_rows_.data(), steps_count);
    for (int l = 0; l < config_.n_layer; ++l) {
      time_folds_.push_back(NewFolded(steps_count));
      FoldRows(l, tick_rows_.data(), steps_count, &time_folds_.back(), 0);
    }
  }

  bool ticks = false;
  if (schedule_) {
    for (const reuse::Cell& cell : schedule_->cells) {
      two_values_ = two_values_ || cell.order > 0;
      ticks = ticks || cell.source == reuse::Source::kTick;
    }
  }
  if (schedule_) FindIdleSteps();
  slots_.resize(schedule_ ? schedule_->blocks.size() : 1);
  for (Slot& slot : slots_) {
    slot.value[0] = Floats(tokens_ * ld_);
    if (two_values_) slot.value[1] = Floats(tokens_ * ld_);
  }
  if (ticks) {
    tick_values_.resize(schedule_->cells.size());
    for (size_t i = 0; i < tick_values_.size(); ++i) {
      if (schedule_->cells[i].source == reuse::Source::kTick) tick_values_[i] = Floats(tokens_ * ld_);
    }
  }
}

void Denoiser::FindIdleSteps() {
  const auto blocks = schedule_->blocks.size();
  idle_sum_ = Floats(tokens_ * ld_);
  idle_.assign(static_cast<size_t>(schedule_->steps), Idle::kNo);
  for (size_t k = 1; k < idle_.size(); ++k) {
    const auto row = schedule_->cells.begin() + static_cast<int64_t>(k * blocks), end = row + static_cast<int64_t>(blocks);
    const bool idle = std::all_of(row, end, [](const reuse::Cell& cell) {
      return (cell.source == reuse::Source::kOwn || cell.source == reuse::Source::kKind) && cell.order == 0;
    });
    if (!idle) continue;
    const bool same = idle_[k - 1] != Idle::kNo && std::equal(row, end, row - static_cast<int64_t>(blocks));
    idle_[k] = same ? Idle::kAsBefore : Idle::kNew;
  }
}

void Denoiser::PackLayers(const Plan& plan, const quant::QuantFile* quant) {
  const auto tensor = [&](const std::string& name) {
    if (quant) {
      if (const auto it = quant->replaced.find(name); it != quant->replaced.end()) return it->second.data();
    }
    return model_.Get(name).data();
  };
  const nn::Precision attention =
      !plan.float_attention ? plan.precision : IsInteger(plan.precision) ? nn::Precision::kBf16 : nn::Precision::kF32;
  struct Place {
    const char *weight, *bias;
    bool attention;
  };
  const Place places[kLinearKinds] = {{"self_attn.in_proj_weight", "self_attn.in_proj_bias", true},
                                      {"self_attn.out_proj.weight", "self_attn.out_proj.bias", true},
                                      {"linear1.weight", "linear1.bias", false},
                                      {"linear2.weight", "linear2.bias", false}};
  for (int l = 0; l < config_.n_layer; ++l) {
    const std::string prefix = LayerPrefix(l);
    Layer layer{tensor(prefix + "norm1.weight"), tensor(prefix + "norm1.bias"), tensor(prefix + "norm3.weight"),
                tensor(prefix + "norm3.bias"), {}, {}};
    for (int p = 0; p < kLinearKinds; ++p) {
      const quant::ProductShape shape = quant::ShapeOf(config_, p);
      const float* bias = tensor(prefix + places[p].bias);
      const auto slot = static_cast<size_t>(p);
      const nn::Precision precision = places[p].attention ? attention : plan.precision;
      const quant::QuantLinear* q = quant ? &quant->layers[static_cast<size_t>(l)][slot] : nullptr;
      if (!IsInteger(precision) || !q || q->empty()) {
        layer.linears[slot] = PackWeights(tensor(prefix + places[p].weight), bias, shape.n, shape.k, precision);
        continue;
      }
      layer.linears[slot] = quant->weight_bits == 8
                                ? nn::Linear::PackW8(q->codes.data(), q->scales.data(), bias, shape.n, shape.k)
                                : nn::Linear::PackW4(q->codes.data(), q->scales.data(), static_cast<int>(q->group), bias,
                                                     shape.n, shape.k);
      if (q->act_scales.size() == times_.size()) layer.act_scales[slot] = q->act_scales;
    }
    layers_.push_back(std::move(layer));
  }
}

void Denoiser::Rows::Sum(const float* coefficients, int64_t first, int count, int64_t ld, float* y) const {
  if (bf16.empty()) {
    SumRows(coefficients, f32.data() + first * ld, count, ld, y);
  } else {
    SumRows(coefficients, bf16.data() + first * ld, count, ld, y);
  }
}

void Denoiser::PackFolds(nn::Precision precision) {
  const auto pack = [&](Floats rows) {
    Rows packed;
    if (precision == nn::Precision::kF32) {
      packed.f32 = std::move(rows);
      return packed;
    }
    for (int64_t i = 0; i < rows.size(); ++i) {
      // To nearest, ties to even; weights are finite.
      const uint32_t bits = std::bit_cast<uint32_t>(rows.data()[i]);
      packed.bf16.push_back(static_cast<uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16));
    }
    return packed;
  };
  const int d = n_ / heads_;
  const double scale = 1 / std::sqrt(static_cast<double>(d));
  for (int l = 0; l < config_.n_layer; ++l) {
    const std::string prefix = LayerPrefix(l);
    const float* w = model_.Get(prefix + "multihead_attn.in_proj_weight").data();
    const float* b = model_.Get(prefix + "multihead_attn.in_proj_bias").data();
    const float* wo = model_.Get(prefix + "multihead_attn.out_proj.weight").data();
    const float* gamma = model_.Get(prefix + "norm2.weight").data();
    const float* beta = model_.Get(prefix + "norm2.bias").data();
    const int64_t square = int64_t{n_} * n_;
    Fold fold;
    fold.key = PackWeights(w + square, b + n_, n_, n_, precision);
    fold.value = PackWeights(w + 2 * square, b + 2 * n_, n_, n_, precision);
    Floats query_rows(n_ * ld_), value_rows(n_ * ld_);
    fold.out_bias = Floats(ld_);
    fold.query_at_beta.resize(static_cast<size_t>(n_));
    for (int o = 0; o < n_; ++o) {
      double at_beta = b[o];
      for (int i = 0; i < n_; ++i) {
        at_beta += static_cast<double>(w[int64_t{o} * n_ + i]) * beta[i];
        query_rows.data()[o * ld_ + i] = static_cast<float>(static_cast<double>(w[int64_t{o} * n_ + i]) * gamma[i] * scale);
        value_rows.data()[i * ld_ + o] = wo[int64_t{o} * n_ + i];
      }
      fold.query_at_beta[static_cast<size_t>(o)] = static_cast<float>(at_beta * scale);
    }
    fold.query_rows = pack(std::move(query_rows));
    fold.value_rows = pack(std::move(value_rows));
    std::copy_n(model_.Get(prefix + "multihead_attn.out_proj.bias").data(), n_, fold.out_bias.data());
    folds_.push_back(std::move(fold));
  }
}

Denoiser::Folded Denoiser::NewFolded(int64_t tokens) const {
  return {Floats(tokens * heads_ * ld_), Floats(tokens * heads_ * ld_), Floats(tokens * heads_)};
}

void Denoiser::FoldRows(int l, const float* memory, int tokens, Folded* out, int64_t first) {
  const Fold& fold = folds_[static_cast<size_t>(l)];
  const int d = n_ / heads_;
  // Keys and values lie behind the rows of the memory in tick_rows_.
  float* keys = tick_rows_.data() + tick_rows_.size() / 5 * 3;
  float* values = tick_rows_.data() + tick_rows_.size() / 5 * 4;
  fold.key.Apply(memory, ld_, tokens, keys, ld_, nn::Epilogue::kStore, *scratch_);
  fold.value.Apply(memory, ld_, tokens, values, ld_, nn::Epilogue::kStore, *scratch_);
  for (int t = 0; t < tokens; ++t) {
    for (int h = 0; h < heads_; ++h) {
      const int64_t place = ((first + t) * heads_ + h) * ld_;
      const float* k = keys + t * ld_ + h * d;
      fold.query_rows.Sum(k, h * d, d, ld_, out->keys.data() + place);
      fold.value_rows.Sum(values + t * ld_ + h * d, h * d, d, ld_, out->values.data() + place);
      double bias = 0;
      for (int i = 0; i < d; ++i) bias += static_cast<double>(fold.query_at_beta[static_cast<size_t>(h * d + i)]) * k[i];
      out->biases.data()[(first + t) * heads_ + h] = static_cast<float>(bias);
    }
  }
}

void Denoiser::EncodeTokens(float* rows, int tokens) {
  float* wide = tick_rows_.data() + tick_rows_.size() / 5;
  encoder1_->Apply(rows, ld_, tokens, wide, 4 * ld_, nn::Epilogue::kMish, *scratch_);
  encoder2_->Apply(wide, 4 * ld_, tokens, rows, ld_, nn::Epilogue::kStore, *scratch_);
}

void Denoiser::SetCondition(const float* cond) {
  const int observed = config_.n_obs_steps;
  float* rows = tick_rows_.data();
  if (tokenwise_) {
    cond_.Apply(cond, config_.cond_dim(), observed, rows, ld_, nn::Epilogue::kStore, *scratch_);
    AddRows(cond_pos_.data() + ld_, observed * ld_, rows);
    EncodeTokens(rows, observed);
    for (int l = 0; l < config_.n_layer; ++l) FoldRows(l, rows, observed, &tick_folds_[static_cast<size_t>(l)], 0);
    return;
  }
  for (int k = 0; k < steps(); ++k) {
    float* at = rows + static_cast<int64_t>(k) * memory_ * ld_;
    std::copy_n(time_rows_.data() + k * ld_, ld_, at);
    cond_.Apply(cond, config_.cond_dim(), observed, at + ld_, ld_, nn::Epilogue::kStore, *scratch_);
    AddRows(cond_pos_.data() + ld_, observed * ld_, at + ld_);
    for (const EncoderLayer& layer : encoder_layers_) layer.Apply(at, memory_, *scratch_);
  }
  for (int l = 0; l < config_.n_layer; ++l) FoldRows(l, rows, steps() * memory_, &tick_folds_[static_cast<size_t>(l)], 0);
}

void Denoiser::ResetTicks() { tick_ = 0; }

void Denoiser::NextTick(int actions) {
  ++tick_;
  moved_ = actions;
}

float* Denoiser::FreshSlot(int block) {
  if (!schedule_) return slots_[0].value[0].data();
  Slot& slot = slots_[static_cast<size_t>(block)];
  if (two_values_) slot.newest = 1 - slot.newest;
  return slot.Newest().data();
}

std::span<const float> Denoiser::Compact(const float* x, int64_t ldx, int64_t k) {
  compact_.resize(static_cast<size_t>(tokens_ * k));
  for (int64_t r = 0; r < tokens_; ++r) std::copy_n(x + r * ldx, k, compact_.data() + r * k);
  return compact_;
}

void Denoiser::Embed(const float* sample) {
  input_.Apply(sample, config_.action_dim, tokens_, h_.data(), ld_, nn::Epilogue::kStore, *scratch_);
  AddRows(input_pos_.data(), tokens_ * ld_, h_.data());
}

void Denoiser::Step(int step_idx, const float* sample, float* answer) {
  const int blocks = 3 * config_.n_layer;
  const int64_t count = tokens_ * ld_;
  Embed(sample);
  if (probe_) probe_->StepInput(step_idx, Compact(h_.data(), ld_, n_));
  const Idle idle = schedule_ ? idle_[static_cast<size_t>(step_idx)] : Idle::kNo;
  if (idle == Idle::kNew) {
    std::fill_n(idle_sum_.data(), count, 0.0f);
    for (int b = 0; b < blocks; ++b) {
      AddRows(slots_[static_cast<size_t>(origins_[static_cast<size_t>(step_idx * blocks + b)].block)].Newest().data(), count,
              idle_sum_.data());
    }
  }
  if (idle != Idle::kNo) AddRows(idle_sum_.data(), count, h_.data());
  for (int b = 0; b < blocks && idle == Idle::kNo; ++b) {
    const reuse::Cell cell = schedule_ ? schedule_->at(step_idx, b) : reuse::Cell{};
    const bool fresh = cell.source == reuse::Source::kCompute || cell.source == reuse::Source::kTick;
    if (!fresh) {
      const reuse::Origin& origin = origins_[static_cast<size_t>(step_idx * blocks + b)];
      Slot& slot = slots_[static_cast<size_t>(origin.block)];
      if (origin.step_before >= 0) {
        AddLine(slot.Newest().data(), slot.Before().data(), static_cast<float>(origin.weight), count, h_.data());
      } else {
        AddRows(slot.Newest().data(), count, h_.data());
      }
      continue;
    }
    float* value = FreshSlot(b);
    if (cell.source == reuse::Source::kTick) {
      float* kept = tick_values_[static_cast<size_t>(step_idx * blocks + b)].data();
      if (tick_ % schedule_->tick_refresh == 0) {
        Compute(step_idx, b, value);
      } else {
        // In place: row r comes from a row that is not written yet, or is itself.
        for (int r = 0; r < tokens_; ++r) {
          std::memmove(kept + r * ld_, kept + std::min(r + moved_, tokens_ - 1) * ld_, static_cast<size_t>(ld_) * sizeof(float));
        }
        std::copy_n(kept, count, value);
      }
      std::copy_n(value, count, kept);
    } else {
      Compute(step_idx, b, value);
    }
    AddRows(value, count, h_.data());
  }
  nn::LayerNorm(h_.data(), ld_, tokens_, n_, final_norm_, final_norm_bias_, normed_.data(), ld_);
  head_.Apply(normed_.data(), ld_, tokens_, answer, config_.action_dim, nn::Epilogue::kStore, *scratch_);
}

void Denoiser::Compute(int step_idx, int block, float* out) {
  const int l = block / 3;
  if (block % 3 == 0) SelfAttention(step_idx, l, out);
  if (block % 3 == 1) {
    FoldedToken memory[kMaxMemory];
    const Folded& tick = tick_folds_[static_cast<size_t>(l)];
    for (int s = 0; s < memory_; ++s) {
      memory[s] = !tokenwise_ ? tick.At(step_idx * memory_ + s, heads_, ld_)
                  : s == 0    ? time_folds_[static_cast<size_t>(l)].At(step_idx, heads_, ld_)
                              : tick.At(s - 1, heads_, ld_);
    }
    FoldedCross(h_.data(), tokens_, n_, ld_, {memory, static_cast<size_t>(memory_)}, heads_, config_.causal_attn ? 1 : -1,
                folds_[static_cast<size_t>(l)].out_bias.data(), out);
  }
  if (block % 3 == 2) FeedForward(step_idx, l, out);
  if (probe_) probe_->Block(step_idx, block, Compact(out, ld_, n_));
}

void Denoiser::SelfAttention(int step_idx, int l, float* out) {
  const Layer& layer = layers_[static_cast<size_t>(l)];
  const nn::Linear& qkv = layer.linears[static_cast<size_t>(LinearKind::kSaQkv)];
  const std::vector<float>& scales = layer.act_scales[static_cast<size_t>(LinearKind::kSaQkv)];
  if (IsInteger(qkv.precision()) && !probe_) {
    const nn::QuantRows rows = quant_rows_.Rows(tokens_, n_);
    nn::LayerNormQuantise(h_.data(), ld_, layer.norm1, layer.norm1_bias, rows,
                          scales.empty() ? nullptr : &scales[static_cast<size_t>(step_idx)]);
    qkv.ApplyQuantised(rows, wide_.data(), 4 * ld_, nn::Epilogue::kStore, *scratch_);
  } else {
    nn::LayerNorm(h_.data(), ld_, tokens_, n_, layer.norm1, layer.norm1_bias, normed_.data(), ld_);
    Product(step_idx, l, LinearKind::kSaQkv, normed_.data(), ld_, wide_.data(), 4 * ld_);
  }
  nn::Attention({tokens_, tokens_, heads_, n_ / heads_}, wide_.data(), 4 * ld_, wide_.data() + n_, 4 * ld_,
                wide_.data() + 2 * n_, 4 * ld_, causal_.empty() ? nullptr : causal_.data(), tokens_, mixed_.data(), ld_,
                *scratch_);
  Product(step_idx, l, LinearKind::kSaOut, mixed_.data(), ld_, out, ld_);
}

void Denoiser::FeedForward(int step_idx, int l, float* out) {
  const Layer& layer = layers_[static_cast<size_t>(l)];
  const nn::Linear& first = layer.linears[static_cast<size_t>(LinearKind::kFfn1)];
  const nn::Linear& second = layer.linears[static_cast<size_t>(LinearKind::kFfn2)];
  const auto scale = [&](LinearKind kind) {
    const std::vector<float>& scales = layer.act_scales[static_cast<size_t>(kind)];
    return scales.empty() ? nullptr : &scales[static_cast<size_t>(step_idx)];
  };
  if (IsInteger(first.precision()) && IsInteger(second.precision()) && !probe_) {
    nn::QuantRows rows = quant_rows_.Rows(tokens_, n_);
    nn::LayerNormQuantise(h_.data(), ld_, layer.norm3, layer.norm3_bias, rows, scale(LinearKind::kFfn1));
    first.ApplyQuantised(rows, wide_.data(), 4 * ld_, nn::Epilogue::kStore, *scratch_);
    rows = quant_rows_.Rows(tokens_, 4 * n_);
    nn::GeluQuantise(wide_.data(), 4 * ld_, rows, scale(LinearKind::kFfn2));
    second.ApplyQuantised(rows, out, ld_, nn::Epilogue::kStore, *scratch_);
    return;
  }
  nn::LayerNorm(h_.data(), ld_, tokens_, n_, layer.norm3, layer.norm3_bias, normed_.data(), ld_);
  if (probe_) probe_->Input(step_idx, l, LinearKind::kFfn1, Compact(normed_.data(), ld_, n_), n_);
  first.Apply(normed_.data(), ld_, tokens_, wide_.data(), 4 * ld_, nn::Epilogue::kGelu, *scratch_, scale(LinearKind::kFfn1));
  Product(step_idx, l, LinearKind::kFfn2, wide_.data(), 4 * ld_, out, ld_);
}

void Denoiser::Product(int step_idx, int l, LinearKind kind, const float* x, int64_t ldx, float* y, int64_t ldy) {
  const Layer& layer = layers_[static_cast<size_t>(l)];
  const nn::Linear& linear = layer.linears[static_cast<size_t>(kind)];
  const std::vector<float>& scales = layer.act_scales[static_cast<size_t>(kind)];
  if (probe_) probe_->Input(step_idx, l, kind, Compact(x, ldx, linear.k()), static_cast<int>(linear.k()));
  linear.Apply(x, ldx, tokens_, y, ldy, nn::Epilogue::kStore, *scratch_,
               scales.empty() ? nullptr : &scales[static_cast<size_t>(step_idx)]);
}

reuse::Costs Denoiser::Flops() const {
  const double t = tokens_, n = n_;
  reuse::Costs costs;
  costs.step = 4 * t * n * config_.action_dim;
  for (int l = 0; l < config_.n_layer; ++l) {
    costs.block.push_back(8 * t * n * n + 4 * t * t * n);
    costs.block.push_back(4 * t * memory_ * heads_ * n);
    costs.block.push_back(16 * t * n * n);
  }
  return costs;
}

}  // namespace takt::policy
