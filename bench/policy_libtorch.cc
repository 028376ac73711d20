// SPDX-License-Identifier: Apache-2.0
// One action chunk of a transformer diffusion policy on one core: libtorch beside takt, in turn in one run, by thread CPU
// time. libtorch runs the network as its Python original does, step by step, with ATen's own kernels.
//
//   bench_policy_libtorch [REPEATS=5] [N_EMB=256] [N_LAYER=8]
#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/mish.h>
#include <ATen/ops/softmax.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>

#include "takt/core/base/clock.h"
#include "takt/infer/policy/policy.h"
#include "takt/infer/policy/sampler.h"
#include "takt/infer/reuse/adaptive.h"
#include "takt/infer/reuse/fixed.h"
#include "takt/infer/reuse/similarity.h"

namespace {

using at::Tensor;
using namespace takt;

// The original's forward pass, batch 1.
class Libtorch {
 public:
  explicit Libtorch(const policy::Model& model) : config_(model.config) {
    for (const auto& [name, shape] : policy::ExpectedTensors(config_)) {
      if (!name.starts_with("model.")) continue;
      w_[name] = at::from_blob(const_cast<float*>(model.Get(name).data()), shape).clone();
    }
    if (config_.causal_attn) {
      std::vector<float> causal(static_cast<size_t>(config_.horizon * config_.horizon)), memory;
      for (int t = 0; t < config_.horizon; ++t) {
        for (int s = 0; s < config_.horizon; ++s) causal[static_cast<size_t>(t * config_.horizon + s)] = s <= t ? 0 : -INFINITY;
        for (int s = 0; s <= config_.n_obs_steps; ++s) memory.push_back(s <= t + 1 ? 0 : -INFINITY);
      }
      causal_ = at::from_blob(causal.data(), {config_.horizon, config_.horizon}).clone();
      memory_ = at::from_blob(memory.data(), {config_.horizon, 1 + config_.n_obs_steps}).clone();
    }
  }

  Tensor Forward(const Tensor& sample, double time, const Tensor& cond) {
    std::vector<float> embedding = policy::TimeEmbedding(time, config_.n_emb);
    const Tensor t = at::from_blob(embedding.data(), {1, config_.n_emb});
    Tensor memory = at::cat({t, Linear(cond, "model.cond_obs_emb")}, 0) + w_.at("model.cond_pos_emb")[0];
    memory = Linear(at::mish(Linear(memory, "model.encoder.0")), "model.encoder.2");
    Tensor x = Linear(sample, "model.input_emb") + w_.at("model.pos_emb")[0];
    for (int l = 0; l < config_.n_layer; ++l) {
      const std::string prefix = fmt::format("model.decoder.layers.{}.", l);
      Tensor n = Norm(x, prefix + "norm1");
      x = x + Attend(n, n, prefix + "self_attn", causal_);
      n = Norm(x, prefix + "norm2");
      x = x + Attend(n, memory, prefix + "multihead_attn", memory_);
      n = Norm(x, prefix + "norm3");
      x = x + Linear(at::gelu(Linear(n, prefix + "linear1")), prefix + "linear2");
    }
    return Linear(Norm(x, "model.ln_f"), "model.head");
  }

 private:
  Tensor Linear(const Tensor& x, const std::string& name) { return at::linear(x, w_.at(name + ".weight"), w_.at(name + ".bias")); }
  Tensor Norm(const Tensor& x, const std::string& name) {
    return at::layer_norm(x, {config_.n_emb}, w_.at(name + ".weight"), w_.at(name + ".bias"), 1e-5);
  }
  Tensor Attend(const Tensor& x, const Tensor& memory, const std::string& name, const Tensor& mask) {
    const int64_t n = config_.n_emb, heads = config_.n_head, d = n / heads;
    const Tensor &w = w_.at(name + ".in_proj_weight"), &b = w_.at(name + ".in_proj_bias");
    const auto part = [&](const Tensor& from, int64_t i) {
      return at::linear(from, w.slice(0, i * n, (i + 1) * n), b.slice(0, i * n, (i + 1) * n)).view({-1, heads, d}).transpose(0, 1);
    };
    Tensor scores = part(x, 0).matmul(part(memory, 1).transpose(1, 2)) / std::sqrt(static_cast<double>(d));
    if (mask.defined()) scores = scores + mask;
    const Tensor mixed = at::softmax(scores, -1).matmul(part(memory, 2)).transpose(0, 1).reshape({-1, n});
    return Linear(mixed, name + ".out_proj");
  }

  policy::PolicyConfig config_;
  std::map<std::string, Tensor> w_;
  Tensor causal_, memory_;
};

// Block outputs of one chunk, for a schedule.
class Record : public policy::Probe {
 public:
  Record(int steps, int blocks) : outputs_(static_cast<size_t>(blocks)), steps_(steps) {}
  void Block(int, int block, std::span<const float> output) override {
    auto& all = outputs_[static_cast<size_t>(block)];
    all.insert(all.end(), output.begin(), output.end());
  }
  std::vector<reuse::BlockSimilarity> Similarity() const {
    reuse::SimilarityAccumulator sums(steps_, static_cast<int>(outputs_.size()));
    for (size_t b = 0; b < outputs_.size(); ++b) sums.Add(static_cast<int>(b), outputs_[b]);
    return sums.MeanOfAll();
  }

 private:
  std::vector<std::vector<float>> outputs_;
  int steps_;
};

double Median(std::vector<double> v) {
  std::sort(v.begin(), v.end());
  return v[v.size() / 2];
}

}  // namespace

int main(int argc, char** argv) {
  const int repeats = argc > 1 ? std::atoi(argv[1]) : 5;
  policy::PolicyConfig config;
  config.state_keys = {"observation.state"};
  config.state_dims = {20};
  config.action_dim = 2;
  config.n_emb = argc > 2 ? std::atoi(argv[2]) : 256;
  config.n_layer = argc > 3 ? std::atoi(argv[3]) : 8;
  const auto model = std::make_shared<policy::Model>(policy::RandomModel(config, 1));
  at::set_num_threads(1);
  const at::NoGradGuard no_grad;
  Libtorch libtorch(*model);

  policy::Observation seen;
  seen.state.assign(20, 0.3f);
  const std::vector<policy::Observation> window = {seen, seen};
  struct Row {
    std::string name;
    std::unique_ptr<policy::Policy> policy;
    std::vector<double> ms;
  };
  std::vector<Row> rows;
  const auto add = [&](const std::string& name, const policy::Plan& plan) {
    rows.push_back({name, std::make_unique<policy::Policy>(model, plan), {}});
  };
  policy::Plan plan = policy::ExactPlan(config);
  add("takt f32", plan);
  Record record(config.train_steps, 3 * config.n_layer);
  rows[0].policy->SetProbe(&record);
  rows[0].policy->Act(window);
  rows[0].policy->SetProbe(nullptr);
  const reuse::Schedule bac = reuse::BacSchedule(reuse::TransformerBlocks(config.n_layer), record.Similarity(), {.updates = 10});
  // The union makes the share of computed cells depend on the weights; every tenth step is the same for all.
  const reuse::Schedule tenth = reuse::Uniform(reuse::TransformerBlocks(config.n_layer), config.train_steps, 10);
  for (const nn::Precision precision : {nn::Precision::kF32, nn::Precision::kBf16, nn::Precision::kW8A8, nn::Precision::kW4A8}) {
    plan.precision = precision;
    const std::string name = fmt::format("takt {}", policy::PrecisionName(precision));
    plan.schedule.reset();
    if (precision != nn::Precision::kF32) add(name, plan);
    plan.schedule = bac;
    add(name + ", BAC S=10 with union", plan);
    plan.schedule = tenth;
    add(name + ", 10 updates", plan);
  }

  std::vector<double> torch_ms;
  double difference = 0;
  for (int r = 0; r <= repeats; ++r) {
    const double start = ThreadCpuSeconds();
    std::vector<float> x(static_cast<size_t>(config.horizon * config.action_dim)), z(x.size());
    policy::DrawNoise(0, 0, 0, config.horizon, config.action_dim, x.data());
    const Tensor cond = at::from_blob(const_cast<float*>(std::vector<float>(40, 0.3f).data()), {2, 20}).clone();
    for (const policy::SamplerStep& step : policy::SamplerSteps(config, policy::Sampler::kDdpm, 0)) {
      const Tensor f = libtorch.Forward(at::from_blob(x.data(), {config.horizon, config.action_dim}), step.time, cond).contiguous();
      policy::DrawNoise(0, step.noise_stream, 0, config.horizon, config.action_dim, z.data());
      policy::Advance(step, true, f.data_ptr<float>(), z.data(), static_cast<int>(x.size()), x.data());
    }
    if (r > 0) torch_ms.push_back(1e3 * (ThreadCpuSeconds() - start));
    for (Row& row : rows) {
      row.policy->Reset(0);
      const double begin = ThreadCpuSeconds();
      const policy::Chunk chunk = row.policy->Act(window);
      if (r > 0) row.ms.push_back(1e3 * (ThreadCpuSeconds() - begin));
      if (&row == &rows[0]) {
        for (size_t i = 0; i < chunk.actions.size(); ++i) {
          difference = std::max(difference, std::abs(static_cast<double>(chunk.actions[i]) - x[i + 2]));
        }
      }
    }
  }
  const double torch = Median(torch_ms), exact_flops = rows[0].policy->flops();
  fmt::print("D = {}, {} layers, {} steps, one core, median of {} chunks by CPU time; f32 actions differ by {:.1e}\n\n", config.n_emb,
             config.n_layer, config.train_steps, repeats, difference);
  fmt::print("| what | ms | against libtorch | GFLOP | of the saved arithmetic, realised |\n|---|---|---|---|---|\n");
  fmt::print("| libtorch 1.13 | {:.0f} | 1.0 | | |\n", torch);
  double base = 0;
  for (const Row& row : rows) {
    const double ms = Median(row.ms), flops = row.policy->flops();
    std::string realised;
    if (!row.policy->plan().schedule) {
      base = ms;  // rows of one precision follow its exact one
    } else {
      realised = fmt::format("{:.0f} %", 100 * (base / ms) / (exact_flops / flops));
    }
    fmt::print("| {} | {:.1f} | {:.1f} | {:.2f} | {} |\n", row.name, ms, torch / ms, flops / 1e9, realised);
  }
}
