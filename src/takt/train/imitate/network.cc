// SPDX-License-Identifier: Apache-2.0
#include "takt/train/imitate/network.h"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/embedding.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/mish.h>
#include <ATen/ops/mse_loss.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/tanh.h>
#include <ATen/ops/zeros.h>
#include <dlfcn.h>
#include <fmt/format.h>
#include <malloc.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "takt/core/base/error.h"
#include "takt/core/base/parallel.h"
#include "takt/train/imitate/fused_ops.h"
#include "takt/train/imitate/streams.h"
#include "takt/train/imitate/tensor_memory.h"

namespace takt::imitate {
namespace {

constexpr float kEmbeddingStd = 0.02f;  // of positions in the denoiser
// Outputs keep the size of their inputs, and branches add less than the stream that they join. (The original's 0.02
// everywhere is for wider networks: at 128 numbers this learns as much in a third of the steps.)
constexpr double kBranchGain = 0.5;
// Where a patch is must weigh as much as what it shows, which starts at about 0.2; or places are learned late.
constexpr double kPlaceSize = 0.2;
constexpr double kSlowestWave = 0.25, kFastestWave = 4;  // of places, periods across a picture
constexpr float kQueryStd = 0.5f;
constexpr float kByteStd = 0.5f;  // of byte embeddings, which go through tanh
constexpr double kNormEpsilon = 1e-5;

at::Tensor Wrap(const std::vector<float>& values, at::IntArrayRef shape) {
  return at::from_blob(const_cast<float*>(values.data()), shape, at::kFloat);
}

constexpr size_t kAll = size_t{1} << 32;  // keys ahead that a query sees: all there are

}  // namespace

Network::Network(const TrainingConfig& config, int auxiliary_dim, uint64_t seed)
    : config_(config), auxiliary_dim_(auxiliary_dim), seed_(seed), bf16_(UsesBf16(config.training)) {
  const policy::PolicyConfig& p = config.policy;
  const int64_t dim = p.n_emb;
  Add("model.pos_emb", {1, p.horizon, dim}, false, 0, kEmbeddingStd);
  Add("model.cond_pos_emb", {1, p.n_obs_steps + 1, dim}, false, 0, kEmbeddingStd);
  AddLinear("model.input_emb", dim, p.action_dim);
  AddLinear("model.cond_obs_emb", dim, p.cond_dim());
  if (p.n_cond_layers == 0) {
    AddLinear("model.encoder.0", 4 * dim, dim);
    AddLinear("model.encoder.2", dim, 4 * dim);
  }
  for (int i = 0; i < p.n_cond_layers; ++i) AddBlock(fmt::format("model.encoder.layers.{}", i), dim, false);
  for (int i = 0; i < p.n_layer; ++i) AddBlock(fmt::format("model.decoder.layers.{}", i), dim, true);
  AddNorm("model.ln_f", dim);
  AddLinear("model.head", p.action_dim, dim);
  for (size_t i = 0; i < p.pictures.size(); ++i) {
    const policy::PictureInput& input = p.pictures[i];
    const std::string name = fmt::format("vision.{}", i);
    const int64_t patches = int64_t{input.width_px / input.patch_px} * (input.height_px / input.patch_px);
    AddLinear(name + ".patch", input.n_emb, int64_t{3} * input.patch_px * input.patch_px);
    Add(name + ".pos_emb", {patches, input.n_emb}, false, 0, 0);
    for (int j = 0; j < input.n_layer; ++j) AddBlock(fmt::format("{}.layers.{}", name, j), input.n_emb, false);
    AddNorm(name + ".norm", input.n_emb);
    if (input.n_query > 0) Add(name + ".queries", {input.n_query, input.n_emb}, false, 0, kQueryStd);
    AddLinear(name + ".proj", input.out_dim, std::max(input.n_query, 1) * input.n_emb);
  }
  if (p.instruction_bytes > 0) {
    Add("instruction.bytes", {256, p.instruction_dim}, false, 0, kByteStd);
    Add("instruction.pos_emb", {p.instruction_bytes, p.instruction_dim}, false, 0, kByteStd);
    AddLinear("instruction.proj", p.instruction_dim, p.instruction_dim);
  }
  if (auxiliary_dim > 0) AddLinear("auxiliary", auxiliary_dim, p.cond_dim());
  Allocate(seed);
  for (size_t i = 0; i < p.pictures.size(); ++i) PlacePatches(i);
}

// Waves across and down the picture: neighbours start alike, so that what is learned of one place holds for the next. With
// random places each has to be learned by itself, from the few scenes that have something there.
void Network::PlacePatches(size_t i) {
  const policy::PictureInput& input = config_.policy.pictures[i];
  const int columns = input.width_px / input.patch_px, rows = input.height_px / input.patch_px;
  float* place = Get(fmt::format("vision.{}.pos_emb", i)).data_ptr<float>();
  const int waves = (input.n_emb + 3) / 4;
  for (int row = 0; row < rows; ++row) {
    for (int column = 0; column < columns; ++column) {
      for (int d = 0; d < input.n_emb; ++d) {
        const double share = waves > 1 ? static_cast<double>(d / 4) / (waves - 1) : 0;
        const double wave = kSlowestWave * std::pow(kFastestWave / kSlowestWave, share);
        const double at = d % 2 == 0 ? (column + 0.5) / columns : (row + 0.5) / rows;
        const double angle = 2 * std::numbers::pi * wave * (at - 0.5);
        *place++ = static_cast<float>(kPlaceSize * std::numbers::sqrt2 * (d % 4 < 2 ? std::sin(angle) : std::cos(angle)));
      }
    }
  }
}

void Network::Add(const std::string& name, std::vector<int64_t> shape, bool decay, float mean, float std) {
  Parameter parameter;
  parameter.name = name;
  parameter.count = 1;
  for (const int64_t side : shape) parameter.count *= static_cast<size_t>(side);
  parameter.shape = std::move(shape);
  parameter.decay = decay;
  parameter.mean = mean;
  parameter.std = std;
  parameters_.push_back(std::move(parameter));
}

void Network::AddLinear(const std::string& name, int64_t out, int64_t in, double gain) {
  Add(name + ".weight", {out, in}, true, 0, static_cast<float>(gain / std::sqrt(static_cast<double>(in))));
  Add(name + ".bias", {out}, false, 0, 0);
}

void Network::AddNorm(const std::string& name, int64_t dim) {
  Add(name + ".weight", {dim}, false, 1, 0);
  Add(name + ".bias", {dim}, false, 0, 0);
}

void Network::AddBlock(const std::string& name, int64_t dim, bool decoder) {
  for (const char* attention : {"self_attn", "multihead_attn"}) {
    if (!decoder && attention[0] == 'm') continue;
    const std::string path = fmt::format("{}.{}", name, attention);
    Add(path + ".in_proj_weight", {3 * dim, dim}, true, 0, static_cast<float>(1 / std::sqrt(static_cast<double>(dim))));
    Add(path + ".in_proj_bias", {3 * dim}, false, 0, 0);
    AddLinear(path + ".out_proj", dim, dim, kBranchGain);
  }
  AddLinear(name + ".linear1", 4 * dim, dim);
  AddLinear(name + ".linear2", dim, 4 * dim, kBranchGain);
  for (int i = 1; i <= (decoder ? 3 : 2); ++i) AddNorm(fmt::format("{}.norm{}", name, i), dim);
}

void Network::Allocate(uint64_t seed) {
  std::stable_sort(parameters_.begin(), parameters_.end(), [](const auto& a, const auto& b) { return a.decay > b.decay; });
  for (Parameter& parameter : parameters_) {
    parameter.offset = size_;
    size_ += parameter.count;
    if (parameter.decay) decayed_ = size_;
  }
  value_buffer_ = at::zeros({static_cast<int64_t>(size_)});
  gradient_buffer_ = at::zeros({static_cast<int64_t>(size_)});
  values_ = value_buffer_.data_ptr<float>();
  gradients_ = gradient_buffer_.data_ptr<float>();
  const Rng rng(seed, kStreamInit);
  for (const Parameter& parameter : parameters_) {
    float* values = values_ + parameter.offset;
    for (size_t i = 0; i < parameter.count; ++i) {
      const auto normal = parameter.std > 0 ? rng.Normal4(parameter.offset + i)[0] : 0.0f;
      values[i] = parameter.mean + parameter.std * normal;
    }
    const auto offset = static_cast<int64_t>(parameter.offset), count = static_cast<int64_t>(parameter.count);
    at::Tensor tensor = value_buffer_.narrow(0, offset, count).view(parameter.shape);
    tensor.set_requires_grad(true);
    tensor.mutable_grad() = gradient_buffer_.narrow(0, offset, count).view(parameter.shape);
    tensors_.emplace(parameter.name, tensor);
  }
}

void Network::SetDropout(bool on, int64_t step) {
  dropout_ = on;
  dropout_counter_ = static_cast<uint64_t>(step) << 32;
}

at::Tensor Network::Linear(const std::string& name, const at::Tensor& x) const {
  return Product(x, Get(name + ".weight"), Get(name + ".bias"));
}

at::Tensor Network::Product(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) const {
  return bf16_ ? Bf16Linear(x, weight, bias) : at::linear(x, weight, bias);
}

at::Tensor Network::Norm(const std::string& name, const at::Tensor& x) const {
  return at::layer_norm(x, {x.size(-1)}, Get(name + ".weight"), Get(name + ".bias"), kNormEpsilon);
}

at::Tensor Network::Drop(const at::Tensor& x, double p) {
  if (!dropout_ || !(p > 0)) return x;
  // 16 bits decide for an element; the scale makes up for the probability that they really have.
  const auto threshold = static_cast<uint32_t>(std::lround(p * 65536));
  const float scale = 65536.0f / static_cast<float>(65536 - threshold);
  at::Tensor mask = at::zeros(x.sizes());
  float* values = mask.data_ptr<float>();
  const auto n = static_cast<size_t>(x.numel());
  const uint64_t counter = dropout_counter_;
  const Rng rng(seed_, kStreamDropout);
  ParallelFor((n + 7) / 8, 4096, [&](size_t begin, size_t end) {
    for (size_t g = begin; g < end; ++g) {
      const auto words = rng.Words(counter + g);
      for (size_t i = g * 8; i < std::min(n, g * 8 + 8); ++i) {
        const uint32_t bits = words[i % 8 / 2] >> (16 * (i % 2)) & 0xffff;
        values[i] = bits < threshold ? 0.0f : scale;
      }
    }
  });
  dropout_counter_ += (n + 7) / 8;
  return x * mask;
}

AttentionShape Network::Shape(const at::Tensor& q, const at::Tensor& k, int heads, size_t ahead, double p_drop) {
  AttentionShape shape;
  shape.batch = static_cast<size_t>(q.size(0));
  shape.heads = static_cast<size_t>(heads);
  shape.rows = static_cast<size_t>(q.size(1));
  shape.columns = static_cast<size_t>(k.size(1));
  shape.width = static_cast<size_t>(k.size(2)) / static_cast<size_t>(heads);
  shape.ahead = ahead;
  if (dropout_ && p_drop > 0) {
    shape.p_drop = p_drop;
    shape.drop_seed = seed_;
    shape.drop_counter = dropout_counter_;
    dropout_counter_ += shape.DropCounters();
  }
  return shape;
}

at::Tensor Network::SelfAttention(const std::string& name, const at::Tensor& x, int heads, size_t ahead, double p_drop) {
  const AttentionShape shape = Shape(x, x, heads, ahead, p_drop);
  const at::Tensor qkv = Product(x, Get(name + ".in_proj_weight"), Get(name + ".in_proj_bias"));
  return Linear(name + ".out_proj", FusedSelfAttention(qkv, shape));
}

at::Tensor Network::CrossAttention(const std::string& name, const at::Tensor& x, const at::Tensor& memory, int heads,
                                   size_t ahead, double p_drop) {
  const int64_t dim = x.size(2);
  const AttentionShape shape = Shape(x, memory, heads, ahead, p_drop);
  const at::Tensor& weight = Get(name + ".in_proj_weight");
  const at::Tensor& bias = Get(name + ".in_proj_bias");
  const at::Tensor q = Product(x, weight.narrow(0, 0, dim), bias.narrow(0, 0, dim));
  const at::Tensor kv = Product(memory, weight.narrow(0, dim, 2 * dim), bias.narrow(0, dim, 2 * dim));
  return Linear(name + ".out_proj", FusedCrossAttention(q, kv, shape));
}

at::Tensor Network::FeedForward(const std::string& name, const at::Tensor& x, double p_drop) {
  if (bf16_ && !(dropout_ && p_drop > 0)) {
    return Bf16FeedForward(x, Get(name + ".linear1.weight"), Get(name + ".linear1.bias"), Get(name + ".linear2.weight"),
                           Get(name + ".linear2.bias"));
  }
  return Linear(name + ".linear2", Drop(at::gelu(Linear(name + ".linear1", x)), p_drop));
}

at::Tensor Network::EncoderBlock(const std::string& name, const at::Tensor& x, int heads, double p_drop) {
  const at::Tensor y =
      x + Drop(SelfAttention(name + ".self_attn", Norm(name + ".norm1", x), heads, kAll, p_drop), p_drop);
  return y + Drop(FeedForward(name, Norm(name + ".norm2", y), p_drop), p_drop);
}

at::Tensor Network::Picture(size_t i, const at::Tensor& patches) {
  const policy::PictureInput& input = config_.policy.pictures[i];
  const std::string name = fmt::format("vision.{}", i);
  at::Tensor x = Linear(name + ".patch", patches) + Get(name + ".pos_emb");
  for (int j = 0; j < input.n_layer; ++j) x = EncoderBlock(fmt::format("{}.layers.{}", name, j), x, input.n_head, 0);
  x = Norm(name + ".norm", x);
  if (input.n_query == 0) return Linear(name + ".proj", x.mean(1));
  const at::Tensor weights =
      at::softmax(Get(name + ".queries").matmul(x.transpose(1, 2)) / std::sqrt(static_cast<double>(input.n_emb)), 2);
  return Linear(name + ".proj", weights.matmul(x).flatten(1));  // [n, queries * n_emb]
}

at::Tensor Network::Instruction(const Batch& batch) {
  const int64_t n = batch.observations, letters = config_.policy.instruction_bytes;
  const at::Tensor bytes = at::from_blob(const_cast<int64_t*>(batch.bytes.data()), {n, letters}, at::kLong);
  const at::Tensor there = bytes.lt(256).to(at::kFloat);  // [n, letters]
  const at::Tensor x = at::tanh(at::embedding(Get("instruction.bytes"), bytes.clamp_max(255)) + Get("instruction.pos_emb"));
  const at::Tensor sum = (x * there.unsqueeze(2)).sum(1);
  return Linear("instruction.proj", sum / there.sum(1, true).clamp_min(1));
}

at::Tensor Network::Condition(const Batch& batch) {
  const policy::PolicyConfig& p = config_.policy;
  const int64_t n = batch.observations, to = p.n_obs_steps;
  std::vector<at::Tensor> parts;
  if (p.state_dim() > 0) parts.push_back(Wrap(batch.state, {n, to, p.state_dim()}));
  for (size_t i = 0; i < p.pictures.size(); ++i) {
    const auto& input = p.pictures[i];
    const int64_t size = int64_t{3} * input.patch_px * input.patch_px;
    const at::Tensor patches = Wrap(batch.patches[i], {n * to, int64_t{3} * input.width_px * input.height_px / size, size});
    parts.push_back(Picture(i, patches).view({n, to, input.out_dim}));
  }
  if (p.instruction_bytes > 0) parts.push_back(Instruction(batch).unsqueeze(1).expand({n, to, p.instruction_dim}));
  return parts.size() == 1 ? parts[0] : at::cat(parts, 2);
}

at::Tensor Network::Denoise(const at::Tensor& noisy, const at::Tensor& time, const at::Tensor& condition) {
  const policy::PolicyConfig& p = config_.policy;
  const double drop = config_.training.p_drop_attn, drop_emb = config_.training.p_drop_emb;
  at::Tensor memory = at::cat({time.unsqueeze(1), Linear("model.cond_obs_emb", condition)}, 1);
  memory = Drop(memory + Get("model.cond_pos_emb"), drop_emb);
  if (p.n_cond_layers == 0) {
    memory = Linear("model.encoder.2", at::mish(Linear("model.encoder.0", memory)));
  }
  for (int i = 0; i < p.n_cond_layers; ++i) {
    memory = EncoderBlock(fmt::format("model.encoder.layers.{}", i), memory, p.n_head, drop);
  }
  at::Tensor x = Drop(Linear("model.input_emb", noisy) + Get("model.pos_emb"), drop_emb);
  for (int i = 0; i < p.n_layer; ++i) {
    const std::string name = fmt::format("model.decoder.layers.{}", i);
    x = x + Drop(SelfAttention(name + ".self_attn", Norm(name + ".norm1", x), p.n_head, p.causal_attn ? 0 : kAll, drop), drop);
    // Time is the first token, so an action sees one more.
    x = x + Drop(CrossAttention(name + ".multihead_attn", Norm(name + ".norm2", x), memory, p.n_head, p.causal_attn ? 1 : kAll, drop), drop);
    x = x + Drop(FeedForward(name, Norm(name + ".norm3", x), drop), drop);
  }
  return Linear("model.head", Norm("model.ln_f", x));
}

at::Tensor Network::Loss(const Batch& batch, Losses* losses) {
  const policy::PolicyConfig& p = config_.policy;
  const int64_t b = batch.observations, d = batch.draws, n = b * d;
  const at::Tensor condition = Condition(batch);
  const at::Tensor repeated = condition.unsqueeze(1)
                                  .expand({b, d, p.n_obs_steps, p.cond_dim()})
                                  .reshape({n, p.n_obs_steps, p.cond_dim()});
  const at::Tensor predicted =
      Denoise(Wrap(batch.noisy, {n, p.horizon, p.action_dim}), Wrap(batch.time, {n, p.n_emb}), repeated);
  at::Tensor loss = at::mse_loss(predicted, Wrap(batch.target, {n, p.horizon, p.action_dim}));
  losses->denoise = loss.item<float>();
  losses->auxiliary = std::numeric_limits<double>::quiet_NaN();
  if (auxiliary_dim_ > 0) {
    const at::Tensor guess = Linear("auxiliary", condition.select(1, p.n_obs_steps - 1));
    const at::Tensor auxiliary = at::mse_loss(guess, Wrap(batch.auxiliary, {b, auxiliary_dim_}));
    losses->auxiliary = auxiliary.item<float>();
    loss = loss + auxiliary * config_.training.auxiliary_weight;
  }
  return loss;
}

Network::Losses Network::Step(const Batch& batch) {
  gradient_buffer_.zero_();
  Losses losses;
  Loss(batch, &losses).backward();
  return losses;
}

Network::Losses Network::Evaluate(const Batch& batch) {
  const at::NoGradGuard no_gradient;
  SetDropout(false, 0);
  Losses losses;
  Loss(batch, &losses);
  return losses;
}

std::vector<float> Network::Sample(const Batch& batch, int steps, uint64_t seed) {
  const at::NoGradGuard no_gradient;
  SetDropout(false, 0);
  const policy::PolicyConfig& p = config_.policy;
  const int64_t n = batch.observations;
  const at::Tensor condition = Condition(batch);
  std::vector<float> x(static_cast<size_t>(n * p.horizon * p.action_dim));
  const Rng rng(seed, kStreamSampling);
  for (size_t i = 0; i < x.size(); ++i) x[i] = rng.Normal4(i)[0];
  const bool flow = p.head == policy::Head::kFlow;
  const std::vector<double> bars = policy::AlphaBars(p.beta_schedule, p.train_steps);
  steps = flow ? steps : std::min(steps, p.train_steps);
  const int stride = p.train_steps / steps;
  for (int i = 0; i < steps; ++i) {
    const int k = (steps - 1 - i) * stride;
    const double time = flow ? policy::FlowTime(p, static_cast<double>(i) / steps) : k;
    const std::vector<float> embedding = policy::TimeEmbedding(time, p.n_emb);
    const at::Tensor out = Denoise(Wrap(x, {n, p.horizon, p.action_dim}),
                                   Wrap(embedding, {1, p.n_emb}).expand({n, p.n_emb}), condition)
                               .contiguous();
    const float* e = out.data_ptr<float>();
    const double bar = bars[static_cast<size_t>(k)], previous = k >= stride ? bars[static_cast<size_t>(k - stride)] : 1;
    for (size_t j = 0; j < x.size(); ++j) {
      if (flow) {
        x[j] += e[j] / static_cast<float>(steps);
        continue;
      }
      const bool sample = p.prediction == policy::Prediction::kSample;
      double clean = sample ? e[j] : (x[j] - std::sqrt(1 - bar) * e[j]) / std::sqrt(bar);
      if (p.clip_sample) clean = std::clamp(clean, -1.0, 1.0);
      const double noise = sample ? (x[j] - std::sqrt(bar) * clean) / std::sqrt(1 - bar) : e[j];
      x[j] = static_cast<float>(std::sqrt(previous) * clean + std::sqrt(1 - previous) * noise);
    }
  }
  return x;
}

bool UsesBf16(const TrainingBlock& block) { return block.bf16 && __builtin_cpu_supports("avx512bf16"); }

std::string SetTorchThreads(int threads) {
  at::set_num_threads(threads);
  SetThreadCount(threads);
  ReuseTensorMemory();
  // Tensors of one step are as large as those of the next: memory that went back to the system in between would be
  // cleared anew, page by page, which took 8 % of a step.
  mallopt(M_MMAP_THRESHOLD, 1 << 30);
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
  mallopt(M_TOP_PAD, 64 << 20);
  // libtorch does not tell the BLAS that Debian loads behind it.
  const auto set = reinterpret_cast<void (*)(int)>(dlsym(RTLD_DEFAULT, "openblas_set_num_threads"));
  if (!set) return {};
  set(threads);
  return "OpenBLAS";
}

}  // namespace takt::imitate
