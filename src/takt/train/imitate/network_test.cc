// SPDX-License-Identifier: Apache-2.0
#include "takt/train/imitate/network.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/from_blob.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "takt/core/io/safetensors.h"

namespace takt::imitate {
namespace {

class Parity : public testing::TestWithParam<const char*> {};

// The model, its inputs and its outputs, as the original computed them.
TEST_P(Parity, ComputesWhatTheOriginalComputes) {
  const std::filesystem::path path = std::filesystem::path(TAKT_SHARED_DATA) / "policy" / GetParam();
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "needs " << path;
  SetTorchThreads(1);
  const SafeTensors file = ReadSafeTensors(path);
  const auto number = [&](const char* name) { return std::stoi(file.metadata().at(name)); };
  TrainingConfig config;
  policy::PolicyConfig& p = config.policy;
  p.state_keys = {"state"};
  p.state_dims = {number("cond_dim")};
  p.action_dim = number("input_dim");
  p.horizon = number("horizon");
  p.n_obs_steps = number("n_obs_steps");
  p.n_emb = number("n_emb");
  p.n_head = number("n_head");
  p.n_layer = number("n_layer");
  p.n_cond_layers = number("n_cond_layers");
  p.causal_attn = true;
  Network network(config, 0, 1);
  size_t found = 0;
  for (const Parameter& parameter : network.parameters()) {
    const std::vector<float> values = file.GetFloats(parameter.name, parameter.shape);
    std::copy(values.begin(), values.end(), network.values() + parameter.offset);
    ++found;
  }
  size_t there = 0;
  for (const auto& [name, tensor] : file.tensors()) there += name.starts_with("model.");
  EXPECT_EQ(found, there);

  const int64_t n = 3;
  std::vector<float> sample = file.GetFloats("input.sample", {n, p.horizon, p.action_dim});
  std::vector<float> condition = file.GetFloats("input.cond", {n, p.n_obs_steps, p.state_dim()});
  std::vector<float> time;
  for (const int64_t k : file.GetValues<int64_t>("input.timestep", {n})) {
    const auto embedding = policy::TimeEmbedding(static_cast<double>(k), p.n_emb);
    time.insert(time.end(), embedding.begin(), embedding.end());
  }
  const std::vector<double> expected = file.GetValues<double>("output.f64", {n, p.horizon, p.action_dim});
  const at::NoGradGuard no_gradient;
  const at::Tensor out = network
                             .Denoise(at::from_blob(sample.data(), {n, p.horizon, p.action_dim}),
                                      at::from_blob(time.data(), {n, p.n_emb}),
                                      at::from_blob(condition.data(), {n, p.n_obs_steps, p.state_dim()}))
                             .contiguous();
  double largest = 0, error = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    largest = std::max(largest, std::abs(expected[i]));
    error = std::max(error, std::abs(out.data_ptr<float>()[i] - expected[i]));
  }
  EXPECT_LE(error, 1e-5 * largest);
}

INSTANTIATE_TEST_SUITE_P(Imitate, Parity,
                         testing::Values("dpt_pusht_small.safetensors", "dpt_condlayers_small.safetensors"));

}  // namespace
}  // namespace takt::imitate
