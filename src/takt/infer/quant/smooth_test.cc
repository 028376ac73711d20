// SPDX-License-Identifier: Apache-2.0
#include "takt/infer/quant/smooth.h"

#include <gtest/gtest.h>

#include <cmath>

#include "takt/core/base/error.h"
#include "takt/infer/quant/test_matrices.h"
#include "takt/infer/quant/test_policy.h"

namespace takt::quant {
namespace {

TEST(SmoothScales, FollowsTheFormula) {
  const std::vector<float> act = {4, 1, 9, 2}, weight = {1, 4, 0.25f, 2};
  for (const double alpha : {0.0, 0.5, 1.0}) {
    const std::vector<float> s = SmoothScales(act, weight, alpha);
    double product = 1;
    std::vector<double> wanted;
    for (size_t i = 0; i < act.size(); ++i) {
      wanted.push_back(std::pow(act[i], alpha) / std::pow(weight[i], 1 - alpha));
      product *= wanted.back();
    }
    for (size_t i = 0; i < act.size(); ++i) EXPECT_NEAR(s[i], wanted[i] / std::pow(product, 0.25), 1e-5 * wanted[i]);
  }
}

TEST(SmoothScales, DeadChannelsStayUsable) {
  for (const float value : SmoothScales(std::vector<float>{0, 1e-30f, 3}, std::vector<float>{1, 0, 2}, 0.5)) {
    EXPECT_TRUE(std::isnormal(value) && value > 0);
  }
  EXPECT_EQ(SmoothScales(std::vector<float>{0, 0}, std::vector<float>{1, 2}, 0.5), (std::vector<float>{1, 1}));
  EXPECT_EQ(SmoothScales(std::vector<float>{1, 2}, std::vector<float>{0, 0}, 0.5), (std::vector<float>{1, 1}));
}

TEST(SearchSmoothing, HelpsWhereActivationsHaveOutliers) {
  const int n = 32;
  const int64_t m = 100, k = 64;
  std::vector<float> x = RandomMatrix(m, k, 1);
  for (int64_t r = 0; r < m; ++r) x[static_cast<size_t>(r * k + 9)] *= 60;
  const std::vector<float> w = RandomMatrix(n, k, 2), act_max = ColumnMax(x, static_cast<int>(m), k);
  const Smoothing found = SearchSmoothing(x, act_max, w, n, k, {8, k});
  EXPECT_GT(found.alpha, 0);
  EXPECT_LT(found.error, 0.3 * found.error_without);
  EXPECT_DOUBLE_EQ(found.error, SmoothedError(x, w, n, k, found.s, {8, k}));
}

// Smoothing by s of 1 is none, and none is what is chosen where nothing is better.
TEST(SearchSmoothing, NeverWorseThanNone) {
  const int n = 16;
  const int64_t m = 50, k = 48;
  for (uint64_t seed = 0; seed < 4; ++seed) {
    const std::vector<float> x = RandomMatrix(m, k, seed), w = RandomMatrix(n, k, seed + 9);
    const Smoothing found = SearchSmoothing(x, ColumnMax(x, static_cast<int>(m), k), w, n, k, {4, 16});
    EXPECT_LE(found.error, found.error_without);
    EXPECT_EQ(found.s.empty(), found.alpha == 0);
    const std::vector<float> ones(static_cast<size_t>(k), 1.0f);
    EXPECT_DOUBLE_EQ(SmoothedError(x, w, n, k, ones, {4, 16}), found.error_without);
  }
}

TEST(SmoothedError, ZeroInputs) {
  const std::vector<float> x(64, 0.0f), w = RandomMatrix(4, 32, 3);
  EXPECT_EQ(SmoothedError(x, w, 4, 32, {}, {8, 32}), 0);
}

// The metamorphic test of folding: the network predicts the same but for rounding, and it does not where one side of
// the fold is left out.
TEST(FoldSmoothing, KeepsWhatTheNetworkPredicts) {
  const policy::PolicyConfig config = TestConfig();
  const std::shared_ptr<policy::Model> model = TestModel(config, 5);
  const std::vector<float> sample = RandomMatrix(config.horizon, config.action_dim, 1);
  const std::vector<float> cond = RandomMatrix(config.n_obs_steps, config.cond_dim(), 2);
  const auto predict = [&](std::shared_ptr<const policy::Model> m) {
    policy::Policy policy(m, policy::ExactPlan(config));
    return policy.Predict(sample, 40, cond);
  };
  const std::vector<float> wanted = predict(model);
  double power = 0;
  for (const float v : wanted) power = std::max(power, std::fabs(static_cast<double>(v)));
  ASSERT_GT(power, 0.01);
  std::vector<float> s = RandomMatrix(1, config.n_emb, 8);
  for (float& v : s) v = std::exp(1.5f * v);
  const auto difference = [&](std::shared_ptr<const policy::Model> m) {
    const std::vector<float> got = predict(m);
    double largest = 0;
    for (size_t i = 0; i < got.size(); ++i) {
      const double d = std::fabs(static_cast<double>(got[i]) - wanted[i]);
      if (!(d <= largest)) largest = d;
    }
    return largest / power;
  };
  auto all = std::make_shared<policy::Model>(*model);
  for (int layer = 0; layer < config.n_layer; ++layer) {
    for (int product = 0; product < kProducts; ++product) {
      if (!CanFold(product)) {
        EXPECT_THROW(FoldSmoothing(all.get(), layer, product, s), Error);
        continue;
      }
      FoldSmoothing(all.get(), layer, product, s);
      auto one = std::make_shared<policy::Model>(*model);
      FoldSmoothing(one.get(), layer, product, s);
      EXPECT_LE(difference(one), 2e-5) << "layer " << layer << " product " << product;
      one->tensors[WeightName(layer, product)] = model->Get(WeightName(layer, product));
      EXPECT_GT(difference(one), 1e-3) << "layer " << layer << " product " << product;
    }
  }
  EXPECT_LE(difference(all), 5e-5);
}

}  // namespace
}  // namespace takt::quant
