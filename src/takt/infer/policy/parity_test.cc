// SPDX-License-Identifier: Apache-2.0
// The network against answers of the original implementation.
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "takt/core/base/file.h"
#include "takt/core/io/safetensors.h"
#include "takt/infer/policy/policy.h"

namespace takt::policy {
namespace {

// The shared reference files carry their sizes as text.
Model ModelOf(const SafeTensors& file) {
  const auto& text = file.metadata();
  const auto number = [&](const char* key) { return std::stoi(text.at(key)); };
  Model model;
  PolicyConfig& c = model.config;
  c.state_keys = {"observation.state"};
  c.state_dims = {number("cond_dim")};
  c.action_dim = number("input_dim");
  c.horizon = number("horizon");
  c.n_obs_steps = number("n_obs_steps");
  c.n_action_steps = c.horizon - c.n_obs_steps + 1;
  c.n_emb = number("n_emb");
  c.n_head = number("n_head");
  c.n_layer = number("n_layer");
  c.n_cond_layers = number("n_cond_layers");
  c.causal_attn = text.at("causal_attn") == "True";
  for (const auto& [name, shape] : ExpectedTensors(c)) {
    if (name.starts_with("normalizer.")) {
      model.tensors[name].assign(static_cast<size_t>(shape[0]), name.ends_with("scale") ? 1.0f : 0.0f);
    } else {
      model.tensors[name] = file.GetFloats(name, shape);
    }
  }
  return model;
}

struct Errors {
  double relative = 0;  // ||error|| / ||answer||
  double largest = 0;   // of the answer's largest
};

Errors Compare(const std::filesystem::path& path, nn::Precision precision) {
  const SafeTensors file = ReadSafeTensors(path);
  auto model = std::make_shared<Model>(ModelOf(file));
  const PolicyConfig& c = model->config;
  const TensorView& times = file.Get("input.timestep");
  const int64_t batch = times.shape[0];
  const std::vector<float> sample = file.GetFloats("input.sample", {batch, c.horizon, c.action_dim});
  const std::vector<float> cond = file.GetFloats("input.cond", {batch, c.n_obs_steps, c.cond_dim()});
  const auto time = file.GetValues<int64_t>("input.timestep", {batch});
  const auto want = file.GetValues<double>("output.f64", {batch, c.horizon, c.action_dim});
  Plan plan = ExactPlan(c);
  plan.precision = precision;
  Policy policy(model, plan);
  const size_t n = static_cast<size_t>(c.horizon * c.action_dim), m = static_cast<size_t>(c.n_obs_steps * c.cond_dim());
  double error = 0, norm = 0, most = 0, largest = 0;
  for (size_t b = 0; b < static_cast<size_t>(batch); ++b) {
    const std::vector<float> got = policy.Predict({sample.data() + b * n, n}, static_cast<double>(time[b]), {cond.data() + b * m, m});
    for (size_t i = 0; i < n; ++i) {
      const double e = got[i] - want[b * n + i];
      error += e * e;
      norm += want[b * n + i] * want[b * n + i];
      most = std::max(most, std::abs(e));
      largest = std::max(largest, std::abs(want[b * n + i]));
    }
  }
  return {std::sqrt(error / norm), most / largest};
}

class Parity : public testing::TestWithParam<const char*> {};

TEST_P(Parity, AnswersAsTheOriginalDoes) {
  const std::filesystem::path path = std::filesystem::path(TAKT_SHARED_DATA) / "policy" / GetParam();
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "needs " << path;
  const Errors f32 = Compare(path, nn::Precision::kF32);
  RecordProperty("relative_error", std::to_string(f32.relative));
  EXPECT_TRUE(f32.relative <= 1e-5) << f32.relative;
  EXPECT_TRUE(f32.largest <= 1e-5) << f32.largest;
  const Errors bf16 = Compare(path, nn::Precision::kBf16), w8 = Compare(path, nn::Precision::kW8A8),
               w4 = Compare(path, nn::Precision::kW4A8);
  EXPECT_TRUE(bf16.relative <= 0.02) << bf16.relative;
  EXPECT_TRUE(w8.relative <= 0.05) << w8.relative;
  EXPECT_TRUE(w4.relative <= 0.3) << w4.relative;
  // Each one is worse than the finer one, or it did not run in the precision that it says.
  EXPECT_TRUE(f32.relative < 0.1 * bf16.relative);
  EXPECT_TRUE(bf16.relative < w4.relative && w8.relative < w4.relative);
  std::printf("%s: f32 %.2g, bf16 %.2g, w8a8 %.2g, w4a8 %.2g\n", GetParam(), f32.relative, bf16.relative, w8.relative, w4.relative);
}

// Goldens that lie in the repository: testdata/make_golden.py computes them from the formulas.
void Flatten(const nlohmann::json& json, std::vector<float>* out) {
  if (json.is_array()) {
    for (const nlohmann::json& item : json) Flatten(item, out);
  } else {
    out->push_back(json.get<float>());
  }
}

std::vector<float> Flat(const nlohmann::json& json) {
  std::vector<float> values;
  Flatten(json, &values);
  return values;
}

class Golden : public testing::TestWithParam<const char*> {};

TEST_P(Golden, AnswersAsTheFormulasDo) {
  const std::string path = std::string(TAKT_SOURCE_DIR) + "/src/takt/infer/policy/testdata/" + GetParam();
  const nlohmann::json golden = nlohmann::json::parse(ReadTextFile(path));
  auto model = std::make_shared<Model>();
  model->config = ParsePolicyConfig(golden["config"].dump(), path);
  const PolicyConfig& c = model->config;
  for (const auto& [name, shape] : ExpectedTensors(c)) {
    std::vector<float>& values = model->tensors[name];
    if (name == "instruction.bytes") {
      values.resize(static_cast<size_t>(256 * c.instruction_dim));
      for (const auto& [byte, row] : golden["weights"][name].items()) {
        const std::vector<float> numbers = Flat(row);
        std::copy(numbers.begin(), numbers.end(), values.begin() + std::stoi(byte) * c.instruction_dim);
      }
      continue;
    }
    values = Flat(golden["weights"][name]);
    int64_t count = 1;
    for (int64_t dim : shape) count *= dim;
    ASSERT_EQ(static_cast<int64_t>(values.size()), count) << name;
  }
  std::vector<Observation> window(2);
  for (size_t i = 0; i < 2; ++i) {
    window[i].state = Flat(golden["states"][i]);
    Image8 picture(8, 4, 3);
    picture.pixels = golden["pixels"][i].get<std::vector<uint8_t>>();
    window[i].pictures = {picture};
    window[i].instruction = golden["instruction"];
  }
  Policy policy(model, ExactPlan(c));
  const std::vector<float> cond = policy.Encode(window), want_cond = Flat(golden["condition"]);
  ASSERT_EQ(cond.size(), want_cond.size());
  for (size_t i = 0; i < cond.size(); ++i) EXPECT_NEAR(cond[i], want_cond[i], 2e-5) << i;
  for (const nlohmann::json& answer : golden["answers"]) {
    const std::vector<float> got = policy.Predict(Flat(golden["sample"]), answer["time"], want_cond), want = Flat(answer["answer"]);
    ASSERT_EQ(got.size(), want.size());
    for (size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], want[i], 2e-5) << answer["time"] << " " << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Own, Golden, testing::Values("golden_tokenwise.json", "golden_condlayers.json"));

INSTANTIATE_TEST_SUITE_P(Shared, Parity, testing::Values("dpt_pusht_small.safetensors", "dpt_condlayers_small.safetensors"));

}  // namespace
}  // namespace takt::policy
