// SPDX-License-Identifier: Apache-2.0
#include "takt/infer/policy/policy.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <limits>

#include "takt/core/base/error.h"
#include "takt/core/base/file.h"
#include "takt/core/base/parallel.h"
#include "takt/core/base/rng.h"
#include "takt/core/io/safetensors.h"
#include "takt/infer/policy/cross.h"
#include "takt/infer/policy/denoiser.h"
#include "takt/infer/policy/sampler.h"
#include "takt/infer/reuse/adaptive.h"
#include "takt/infer/reuse/similarity.h"

namespace takt::policy {
namespace {

PolicyConfig SmallConfig() {
  PolicyConfig c;
  c.state_keys = {"observation.state"};
  c.state_dims = {5};
  c.action_dim = 3;
  c.horizon = 12;
  c.n_obs_steps = 2;
  c.n_action_steps = 4;
  c.n_emb = 32;
  c.n_head = 4;
  c.n_layer = 3;
  c.train_steps = 20;
  return c;
}

// Weights large enough that every block matters and the network is not linear.
std::shared_ptr<Model> StrongModel(const PolicyConfig& config, float gain = 6) {
  auto model = std::make_shared<Model>(RandomModel(config, 7));
  for (auto& [name, values] : model->tensors) {
    if (name.starts_with("normalizer.") || name.find("norm") != std::string::npos || name.find("ln_f") != std::string::npos) continue;
    for (float& v : values) v *= gain;
  }
  return model;
}

Observation See(const PolicyConfig& c, uint64_t tick) {
  Observation o;
  const Rng rng(11, tick);
  for (int i = 0; i < c.state_dim(); ++i) o.state.push_back(2 * rng.Uniform(static_cast<uint64_t>(i)) - 1);
  for (size_t p = 0; p < c.pictures.size(); ++p) {
    Image8 picture(c.pictures[p].width_px * 2, c.pictures[p].height_px * 2, 3);
    for (size_t i = 0; i < picture.pixels.size(); ++i) picture.pixels[i] = static_cast<uint8_t>(rng.Below(1000 + i, 256));
    o.pictures.push_back(std::move(picture));
  }
  o.instruction = "put the part into the bin";
  return o;
}

// The actions of some ticks, one after the other.
std::vector<float> Play(Policy* policy, int ticks, uint64_t seed = 3) {
  policy->Reset(seed);
  std::vector<float> all;
  for (int t = 0; t < ticks; ++t) {
    const std::vector<Observation> window = {See(policy->model().config, static_cast<uint64_t>(2 * t)),
                                             See(policy->model().config, static_cast<uint64_t>(2 * t + 1))};
    const Chunk chunk = policy->Act(window);
    all.insert(all.end(), chunk.actions.begin(), chunk.actions.end());
  }
  return all;
}

double Distance(const std::vector<float>& a, const std::vector<float>& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
  return std::sqrt(sum / static_cast<double>(a.size()));
}

TEST(Policy, AllComputeHasTheBitsOfNoSchedule) {
  for (const nn::Precision precision : {nn::Precision::kF32, nn::Precision::kBf16, nn::Precision::kW8A8, nn::Precision::kW4A8}) {
    const auto model = StrongModel(SmallConfig());
    Plan plan = ExactPlan(model->config);
    plan.precision = precision;
    Policy plain(model, plan);
    plan.schedule = reuse::AllCompute(reuse::TransformerBlocks(3), 20);
    Policy scheduled(model, plan);
    EXPECT_EQ(Play(&plain, 3), Play(&scheduled, 3)) << PrecisionName(precision);
  }
}

TEST(Policy, IsAFunctionOfSeedAndObservations) {
  const auto model = StrongModel(SmallConfig());
  Policy a(model, ExactPlan(model->config)), b(model, ExactPlan(model->config));
  const std::vector<float> first = Play(&a, 3);
  EXPECT_EQ(first, Play(&a, 3));  // Reset forgets
  EXPECT_EQ(first, Play(&b, 3));
  EXPECT_NE(first, Play(&a, 3, 4));
  // Policies side by side on several threads, as evaluation runs them.
  std::vector<std::vector<float>> results(8);
  ParallelFor(results.size(), 1, [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) {
      Policy mine(model, ExactPlan(model->config));
      results[i] = Play(&mine, 3);
    }
  });
  for (const std::vector<float>& result : results) EXPECT_EQ(result, first);
}

TEST(Policy, HoistedStepsAreThoseOfTheNetworkAlone) {
  for (const int cond_layers : {0, 2}) {
    PolicyConfig config = SmallConfig();
    config.n_cond_layers = cond_layers;
    const auto model = StrongModel(config);
    Policy policy(model, ExactPlan(config));
    const std::vector<Observation> window = {See(config, 0), See(config, 1)};
    const std::vector<float> cond = policy.Encode(window);
    // The sampling loop again, one network call at a time, each with its own tables.
    const std::vector<SamplerStep> steps = SamplerSteps(config, Sampler::kDdpm, 0);
    const int n = config.horizon * config.action_dim;
    std::vector<float> x(static_cast<size_t>(n)), z(x.size());
    DrawNoise(9, 0, 0, config.horizon, config.action_dim, x.data());
    for (const SamplerStep& step : steps) {
      const std::vector<float> f = policy.Predict(x, step.time, cond);
      DrawNoise(9, step.noise_stream, 0, config.horizon, config.action_dim, z.data());
      Advance(step, config.clip_sample, f.data(), z.data(), n, x.data());
    }
    policy.Reset(9);
    const std::span<const float> got = policy.Denoise(cond);
    EXPECT_TRUE(Distance({got.begin(), got.end()}, x) < 1e-5) << cond_layers;
  }
}

TEST(Policy, CausalTokensDoNotSeeTheFuture) {
  for (const bool causal : {true, false}) {
    PolicyConfig config = SmallConfig();
    config.causal_attn = causal;
    const auto model = StrongModel(config);
    Policy policy(model, ExactPlan(config));
    const std::vector<float> cond = policy.Encode(std::vector<Observation>{See(config, 0), See(config, 1)});
    std::vector<float> x(static_cast<size_t>(config.horizon * config.action_dim), 0.1f);
    const std::vector<float> before = policy.Predict(x, 5, cond);
    x.back() += 1;  // of the last action
    const std::vector<float> after = policy.Predict(x, 5, cond);
    const bool first_changed = before[0] != after[0];
    EXPECT_EQ(first_changed, !causal);
    EXPECT_NE(before.back(), after.back());
  }
}

TEST(Policy, ReusesOnlyWhatTheScheduleSays) {
  const auto model = StrongModel(SmallConfig());
  class Count : public Probe {
   public:
    void Block(int step, int block, std::span<const float> output) override {
      EXPECT_EQ(output.size(), 12u * 32u);
      ++seen[{step, block}];
    }
    std::map<std::pair<int, int>, int> seen;
  } count;
  Plan plan = ExactPlan(model->config);
  plan.schedule = reuse::FromUpdates(reuse::TransformerBlocks(3), 20, std::vector<std::vector<int>>(9, {0, 7, 13}));
  plan.schedule->at(7, 4) = {reuse::Source::kKind, 0};
  Policy policy(model, plan);
  policy.SetProbe(&count);
  Play(&policy, 1);
  EXPECT_EQ(count.seen.size(), 3u * 9u - 1);
  EXPECT_FALSE(count.seen.contains({7, 4}));
  EXPECT_TRUE(policy.flops() < 0.2 * policy.exact_flops());
}

TEST(Policy, MoreUpdatesComeNearerAndALineHelps) {
  const auto model = StrongModel(SmallConfig(), 3);
  Plan plan = ExactPlan(model->config);
  Policy exact(model, plan);
  const std::vector<float> want = Play(&exact, 3);
  const auto error = [&](int every, int order) {
    std::vector<int> updates;
    for (int k = 0; k < 20; k += every) updates.push_back(k);
    plan.schedule = reuse::FromUpdates(reuse::TransformerBlocks(3), 20, std::vector<std::vector<int>>(9, updates), order);
    Policy policy(model, plan);
    return Distance(Play(&policy, 3), want);
  };
  EXPECT_EQ(error(1, 0), 0);
  EXPECT_TRUE(error(2, 0) > 0 && error(2, 0) < error(5, 0));
  EXPECT_NE(error(2, 1), error(2, 0));
}

TEST(Policy, TakesCellsOfThePreviousTickWithTheHorizonShifted) {
  // With observations that do not change and noise that belongs to absolute steps, what a cell had for a future action one
  // tick ago is near to what it has now; unshifted it is not.
  const auto model = StrongModel(SmallConfig(), 3);
  Plan plan = ExactPlan(model->config);
  plan.schedule = reuse::AllCompute(reuse::TransformerBlocks(3), 20);
  for (int k = 0; k < 20; ++k) plan.schedule->at(k, 8) = {reuse::Source::kTick, 0};
  plan.schedule->tick_refresh = 2;
  Policy ticked(model, plan);
  Plan exact_plan = ExactPlan(model->config);
  Policy exact(model, exact_plan);
  const std::vector<float> a = Play(&ticked, 1), b = Play(&exact, 1);
  EXPECT_EQ(a, b);  // the first tick computes
  const std::vector<float> c = Play(&ticked, 3), d = Play(&exact, 3);
  const size_t chunk = 4 * 3;
  EXPECT_NE((std::vector<float>{c.begin() + chunk, c.begin() + 2 * chunk}), (std::vector<float>{d.begin() + chunk, d.begin() + 2 * chunk}));
  EXPECT_EQ((std::vector<float>{c.begin() + 2 * chunk, c.end()}), (std::vector<float>{d.begin() + 2 * chunk, d.end()}));  // refreshed
}

TEST(Policy, FlowAndFewSteps) {
  PolicyConfig config = SmallConfig();
  config.head = Head::kFlow;
  const auto flow = StrongModel(config);
  EXPECT_THROW(Policy(flow, Plan{}), Error);  // DDPM
  Policy policy(flow, ExactPlan(config));
  EXPECT_EQ(policy.steps(), 10);
  for (float a : Play(&policy, 2)) EXPECT_TRUE(std::abs(a) <= 1.0001);
  const auto diffusion = StrongModel(SmallConfig());
  Plan plan;
  plan.sampler = Sampler::kDdim;
  plan.steps = 5;
  Policy few(diffusion, plan);
  EXPECT_EQ(few.steps(), 5);
  plan.steps = 21;
  EXPECT_THROW(Policy(diffusion, plan), Error);
  plan.steps = 5;
  plan.schedule = reuse::AllCompute(reuse::TransformerBlocks(3), 6);
  EXPECT_THROW(Policy(diffusion, plan), Error);
  plan.schedule = reuse::AllCompute(reuse::TransformerBlocks(2), 5);
  EXPECT_THROW(Policy(diffusion, plan), Error);
}

TEST(Policy, SeesPicturesAndReadsInstructions) {
  PolicyConfig config = SmallConfig();
  config.pictures = {{"observation.images.front", 24, 16, 8, 16, 2, 2, 6}, {"observation.images.wrist", 16, 16, 8, 16, 2, 1, 4}};
  config.instruction_bytes = 16;
  config.instruction_dim = 8;
  const auto model = StrongModel(config);
  Policy policy(model, ExactPlan(config));
  std::vector<Observation> window = {See(config, 0), See(config, 1)};
  const std::vector<float> cond = policy.Encode(window);
  ASSERT_EQ(cond.size(), 2u * (5 + 6 + 4 + 8));
  // Padding repeats the first step.
  const std::vector<float> one = policy.Encode(std::span<const Observation>(window).last(1));
  EXPECT_TRUE(std::equal(one.begin(), one.begin() + 23, one.begin() + 23));
  EXPECT_TRUE(std::equal(one.begin() + 23, one.end(), cond.begin() + 23));
  Observation other = window[1];
  other.pictures[1].pixels[0] ^= 0xff;
  other.instruction = "Put the part into the bin";
  const std::vector<float> changed = policy.Encode(std::vector<Observation>{window[0], other});
  EXPECT_TRUE(std::equal(cond.begin(), cond.begin() + 23 + 11, changed.begin()));  // state and front
  EXPECT_NE(cond[23 + 11], changed[23 + 11]);
  EXPECT_NE(cond[23 + 15], changed[23 + 15]);
}

TEST(Policy, AddsRelativeActionsToTheNewestState) {
  PolicyConfig config = SmallConfig();
  const std::vector<float> named = Play(std::make_unique<Policy>(StrongModel(config), Plan()).get(), 2);
  config.relative_action_dims = 2;
  const std::vector<float> added = Play(std::make_unique<Policy>(StrongModel(config), Plan()).get(), 2);
  for (size_t i = 0; i < named.size(); ++i) {
    const size_t tick = i / 12, d = i % 3;
    EXPECT_EQ(added[i], named[i] + (d < 2 ? See(config, 2 * tick + 1).state[d] : 0));
  }
}

TEST(Policy, RefusesWhatItCannotSee) {
  const auto model = StrongModel(SmallConfig());
  Policy policy(model, ExactPlan(model->config));
  Observation o = See(model->config, 0);
  EXPECT_THROW(policy.Act({}), Error);
  o.state.pop_back();
  EXPECT_THROW(policy.Act(std::vector<Observation>{o}), Error);
  o.state.push_back(std::numeric_limits<float>::quiet_NaN());
  EXPECT_THROW(policy.Act(std::vector<Observation>{o}), Error);
}

TEST(Policy, NeverReturnsActionsThatAreNotFinite) {
  const auto model = StrongModel(SmallConfig());
  model->tensors["model.head.bias"][0] = std::numeric_limits<float>::quiet_NaN();  // as if it had overflowed on the way
  Policy policy(model, ExactPlan(model->config));
  try {
    policy.Act(std::vector<Observation>{See(model->config, 0)});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInternal);
  }
}

TEST(Model, NamesTheTensorThatIsWrong) {
  const auto folder = std::filesystem::temp_directory_path() / "takt_policy_model_test";
  const Model model = RandomModel(SmallConfig(), 1);
  SaveModel(model, folder);
  EXPECT_EQ(LoadModel(folder).tensors, model.tensors);
  const auto refused = [&](const std::string& name, const std::function<void(std::vector<float>*, std::vector<int64_t>*)>& damage) {
    SafeTensorsWriter writer;
    std::map<std::string, std::vector<float>> kept;
    std::map<std::string, std::vector<int64_t>> shapes = ExpectedTensors(model.config);
    for (const auto& [n, shape] : shapes) kept[n] = model.Get(n);
    if (damage) damage(&kept[name], &shapes[name]);
    for (const auto& [n, values] : kept) {
      if (n != name || damage) writer.Add(n, shapes[n], values);
    }
    try {
      ParseModel(model.config, writer.Encode(), "m.safetensors");
      ADD_FAILURE() << name;
    } catch (const Error& error) {
      EXPECT_TRUE(error.code() == ErrorCode::kBadInput) << error.what();
      EXPECT_NE(std::string(error.what()).find(name), std::string::npos) << error.what();
    }
  };
  refused("normalizer.action.scale", nullptr);
  refused("model.decoder.layers.1.linear1.weight", nullptr);
  refused("model.ln_f.weight", [](auto* values, auto*) { (*values)[3] = std::numeric_limits<float>::infinity(); });
  refused("model.head.weight", [](auto*, auto* shape) { std::swap((*shape)[0], (*shape)[1]); });
  refused("normalizer.state.scale", [](auto* values, auto*) { (*values)[0] = 0; });
  // Cut anywhere, it is refused and not read beyond its end.
  const std::vector<uint8_t> whole = ReadFile(folder / "model.safetensors");
  for (size_t size = 0; size < whole.size(); size += size < 4096 ? 7 : 9973) {
    EXPECT_THROW(ParseModel(model.config, {whole.begin(), whole.begin() + static_cast<int64_t>(size)}, "cut"), Error);
  }
  // A key that an older version would pass over could mean another network.
  std::string config = PolicyConfigText(model.config);
  config.insert(1, "\"rope_base\": 10000,");
  WriteFileAtomic(folder / "config.json", config);
  EXPECT_THROW(LoadModel(folder), Error);
  std::filesystem::remove_all(folder);
}

TEST(Plan, TextAndBack) {
  Plan plan;
  plan.sampler = Sampler::kDdim;
  plan.steps = 8;
  plan.precision = nn::Precision::kW4A8;
  plan.float_attention = true;
  plan.quant_file = "quant.safetensors";
  plan.schedule = reuse::FromUpdates(reuse::TransformerBlocks(2), 8, std::vector<std::vector<int>>(6, {0, 3}));
  plan.schedule->made_by = "uniform";
  const std::string text = PlanText(plan);
  EXPECT_EQ(ParsePlan(text, "plan"), plan);
  EXPECT_EQ(PlanName(plan), "w4a8 ddim-8 float-attention uniform");
  for (size_t size = 0; size + 2 < text.size(); ++size) EXPECT_THROW(ParsePlan(text.substr(0, size), "cut"), Error);
  const auto refused = [&](const std::string& from, const std::string& to) {
    std::string bad = text;
    bad.replace(bad.find(from), from.size(), to);
    EXPECT_THROW(ParsePlan(bad, "plan"), Error) << to;
  };
  refused("\"ddim\"", "\"euler maruyama\"");
  refused("\"steps\": 8", "\"steps\": 1e99");
  refused("\"steps\": 8", "\"steps\": 2.5");
  refused("quant.safetensors", "../../etc/passwd");
  refused("[\n    1", "[\n    2");
}

TEST(FoldedCross, FastAsSlow) {
  for (const int n : {4, 30, 64, 250}) {
    for (const int heads : {1, 3, 17}) {
      const int64_t ld = RowStride(n);
      const int tokens = 7, memory = 4;
      const Rng rng(5);
      uint64_t counter = 0;
      const auto fill = [&](Floats* f, int64_t rows) {
        for (int64_t r = 0; r < rows; ++r) {
          for (int i = 0; i < n; ++i) f->data()[r * ld + i] = rng.Normal4(counter++)[0];
        }
      };
      Floats x(tokens * ld), keys(memory * heads * ld), values(memory * heads * ld), bias(memory * heads), out(ld),
          fast(tokens * ld), slow(tokens * ld);
      fill(&x, tokens);
      fill(&keys, memory * heads);
      fill(&values, memory * heads);
      fill(&out, 1);
      std::vector<FoldedToken> folded;
      for (int s = 0; s < memory; ++s) {
        folded.push_back({keys.data() + s * heads * ld, values.data() + s * heads * ld, bias.data() + s * heads});
      }
      for (const int reach : {-1, 0, 1}) {
        FoldedCross(x.data(), tokens, n, ld, folded, heads, reach, out.data(), fast.data());
        FoldedCrossRef(x.data(), tokens, n, ld, folded, heads, reach, out.data(), slow.data());
        for (int64_t i = 0; i < fast.size(); ++i) {
          const double error = std::abs(fast.data()[i] - slow.data()[i]);
          if (!(error <= 1e-4 * (1 + std::abs(slow.data()[i])))) FAIL() << n << " " << heads << " " << reach << " at " << i;
        }
      }
    }
  }
}

TEST(Sampler, StepsEndAtThePredictedActions) {
  PolicyConfig config = SmallConfig();
  for (const Prediction prediction : {Prediction::kSample, Prediction::kEpsilon}) {
    for (const auto& [sampler, count] : {std::pair{Sampler::kDdpm, 0}, {Sampler::kDdpm, 7}, {Sampler::kDdim, 0}, {Sampler::kDdim, 3}}) {
      config.prediction = prediction;
      const std::vector<SamplerStep> steps = SamplerSteps(config, sampler, count);
      EXPECT_EQ(steps.front().time, config.train_steps - 1);
      EXPECT_NEAR(steps.back().x_x0, 1, 1e-12);
      EXPECT_EQ(steps.back().noise_scale, 0);
      // A network that knows the truth leads there from anywhere.
      const float truth = 0.4f;
      float x = 1.3f;
      for (const SamplerStep& step : steps) {
        const float f = static_cast<float>((truth - step.x0_x * x) / step.x0_f), z = 0.5f;
        Advance(step, true, &f, &z, 1, &x);
      }
      EXPECT_NEAR(x, truth, 1e-5);
    }
  }
  // Both ways of answering give the same steps to a network that knows the truth.
  for (const Sampler sampler : {Sampler::kDdpm, Sampler::kDdim}) {
    float ends[2];
    for (const Prediction prediction : {Prediction::kSample, Prediction::kEpsilon}) {
      config.prediction = prediction;
      float x = 1.3f;
      const std::vector<SamplerStep> steps = SamplerSteps(config, sampler, 6);
      for (size_t k = 0; k < 3; ++k) {
        const float f = static_cast<float>((0.4 - steps[k].x0_x * x) / steps[k].x0_f), z = 0.5f;
        Advance(steps[k], true, &f, &z, 1, &x);
      }
      ends[static_cast<int>(prediction)] = x;
    }
    EXPECT_NEAR(ends[0], ends[1], 1e-5);
  }
  config.head = Head::kFlow;
  float x = 1.3f;
  for (const SamplerStep& step : SamplerSteps(config, Sampler::kEuler, 6)) {
    const float v = (0.4f - 1.3f);  // a straight line from noise to action
    Advance(step, false, &v, nullptr, 1, &x);
  }
  EXPECT_NEAR(x, 0.4, 1e-6);
}

}  // namespace
}  // namespace takt::policy
