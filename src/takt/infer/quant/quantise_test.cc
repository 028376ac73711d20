// SPDX-License-Identifier: Apache-2.0
#include "takt/infer/quant/quantise.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>

#include "takt/core/base/error.h"
#include "takt/core/base/parallel.h"
#include "takt/infer/quant/error_report.h"
#include "takt/infer/quant/test_policy.h"

namespace takt::quant {
namespace {

// One calibrated policy for all tests: running it is the larger part of their time.
struct Calibrated {
  policy::PolicyConfig config = TestConfig();
  std::shared_ptr<policy::Model> model = TestModel(config, 7);
  std::vector<std::vector<policy::Observation>> windows = TestWindows(config, 8, 1);
  std::vector<std::vector<policy::Observation>> others = TestWindows(config, 6, 2);
  policy::Plan plan = policy::ExactPlan(config);
  Calibration calibration;

  Calibrated() {
    plan.sampler = policy::Sampler::kDdim;
    plan.steps = 10;
    CalibrateOptions options;
    options.sampler = plan.sampler, options.steps = plan.steps;
    calibration = Calibrate(model, windows, options);
  }
};
const Calibrated& Shared() {
  static const Calibrated shared;
  return shared;
}

double MeanOutputError(const QuantiseResult& result) {
  double sum = 0;
  const std::vector<ProductError> errors = ProductErrors(result, Shared().calibration);
  for (const ProductError& error : errors) sum += error.output_error;
  return sum / static_cast<double>(errors.size());
}

ActionError Actions(const QuantiseResult& result, const QuantiseOptions& options) {
  const Calibrated& c = Shared();
  policy::Policy exact(c.model, c.plan);
  policy::Plan plan = c.plan;
  plan.precision = options.precision;
  plan.float_attention = options.float_attention;
  policy::Policy quantised(c.model, plan, result.file);
  return CompareActions(exact, quantised, c.others, 5);
}

QuantiseOptions Options(nn::Precision precision, Method method, double alpha) {
  QuantiseOptions options;
  options.precision = precision, options.method = method, options.smooth_alpha = alpha, options.group = 32;
  return options;
}

TEST(Quantise, EveryOptionGivesAValidFileThatRuns) {
  const Calibrated& c = Shared();
  for (const nn::Precision precision : {nn::Precision::kW8A8, nn::Precision::kW4A8}) {
    for (const Method method : {Method::kRtn, Method::kGptq}) {
      for (const double alpha : {0.0, 0.5, -1.0}) {
        for (const bool per_step : {false, true}) {
          QuantiseOptions options = Options(precision, method, alpha);
          options.per_step_scales = per_step;
          options.float_attention = alpha == 0.5;
          const QuantiseResult result = Quantise(*c.model, options, c.calibration);
          EXPECT_EQ(ParseQuantFile(EncodeQuantFile(result.file), c.config, c.model->sha256, "q"), result.file);
          const ActionError error = Actions(result, options);
          EXPECT_LT(error.rms, 0.4 * error.signal_rms) << QuantiseName(options);
          EXPECT_GT(error.max_abs, 0) << QuantiseName(options);
        }
      }
    }
  }
}

TEST(Quantise, BetterMethodsHaveSmallerErrors) {
  const Calibrated& c = Shared();
  const auto error = [&](nn::Precision precision, Method method, double alpha) {
    return MeanOutputError(Quantise(*c.model, Options(precision, method, alpha), c.calibration));
  };
  const nn::Precision w8 = nn::Precision::kW8A8, w4 = nn::Precision::kW4A8;
  const double plain8 = error(w8, Method::kRtn, 0), smooth8 = error(w8, Method::kRtn, -1);
  const double plain4 = error(w4, Method::kRtn, 0), gptq4 = error(w4, Method::kGptq, 0);
  EXPECT_LT(smooth8, 0.95 * plain8);
  EXPECT_LT(gptq4, 0.97 * plain4);
  EXPECT_LT(plain8, 0.5 * plain4);
}

// The metamorphic test of smoothing through the whole of Quantise: the folded model is the same network.
TEST(Quantise, FoldedModelIsTheSameNetwork) {
  const Calibrated& c = Shared();
  const QuantiseResult result = Quantise(*c.model, Options(nn::Precision::kW8A8, Method::kRtn, -1), c.calibration);
  int smoothed = 0;
  for (const auto& layer : result.smoothing) {
    for (const Smoothing& smoothing : layer) smoothed += smoothing.alpha > 0;
    EXPECT_TRUE(layer[3].s.empty());
  }
  EXPECT_GT(smoothed, 4);
  EXPECT_FALSE(result.file.replaced.empty());
  policy::Policy exact(c.model, c.plan), folded(std::make_shared<policy::Model>(result.folded), c.plan);
  const ActionError error = CompareActions(exact, folded, c.others, 5);
  EXPECT_LE(error.max_abs, 1e-4);
  // Replacements belong to the codes: the model's own norms with them are another network.
  policy::Plan plan = c.plan;
  plan.precision = nn::Precision::kW8A8;
  QuantFile without = result.file;
  without.replaced.clear();
  policy::Policy good(c.model, plan, result.file), bad(c.model, plan, without);
  EXPECT_GT(CompareActions(exact, bad, c.others, 5).rms, 3 * CompareActions(exact, good, c.others, 5).rms);
}

TEST(Quantise, BrokenScalesShowInTheReport) {
  const Calibrated& c = Shared();
  for (const bool per_step : {false, true}) {
    QuantiseOptions options = Options(nn::Precision::kW8A8, Method::kGptq, -1);
    options.per_step_scales = per_step;
    QuantiseResult result = Quantise(*c.model, options, c.calibration);
    const std::vector<ProductError> before = ProductErrors(result, c.calibration);
    const ActionError actions = Actions(result, options);
    QuantLinear& linear = result.file.layers[1][3];
    for (float& scale : linear.scales) scale *= 3;
    const std::vector<ProductError> after = ProductErrors(result, c.calibration);
    ASSERT_EQ(before.size(), 12u);
    for (size_t i = 0; i < before.size(); ++i) {
      if (i == 7) {
        EXPECT_GT(after[i].output_error, 5 * before[i].output_error);
        EXPECT_LT(after[i].sqnr_db, before[i].sqnr_db - 10);
      } else {
        EXPECT_EQ(after[i].output_error, before[i].output_error);
      }
    }
    EXPECT_GT(Actions(result, options).rms, 1.5 * actions.rms);
    if (!per_step) continue;
    for (float& scale : linear.scales) scale /= 3;
    for (float& scale : linear.act_scales) scale *= 0.2f;  // clips nearly everything
    EXPECT_GT(ProductErrors(result, c.calibration)[7].output_error, 3 * before[7].output_error);
  }
}

// Each denoising step has its own range; a scale of the whole run instead costs accuracy in the steps of small
// activations.
TEST(Quantise, ScalesFollowTheSteps) {
  const Calibrated& c = Shared();
  QuantiseOptions options = Options(nn::Precision::kW8A8, Method::kRtn, 0);
  options.per_step_scales = true;
  const QuantiseResult max = Quantise(*c.model, options, c.calibration);
  EXPECT_EQ(max.file.steps, 10);
  options.act_range = ActRange::kTail;
  const QuantiseResult tail = Quantise(*c.model, options, c.calibration);
  for (int layer = 0; layer < c.config.n_layer; ++layer) {
    for (size_t product = 0; product < kProducts; ++product) {
      const ProductStats& stats = c.calibration.layers[static_cast<size_t>(layer)][product];
      const QuantLinear& a = max.file.layers[static_cast<size_t>(layer)][product];
      const QuantLinear& b = tail.file.layers[static_cast<size_t>(layer)][product];
      for (size_t step = 0; step < 10; ++step) {
        float largest = 0;
        for (size_t i = 0; i < static_cast<size_t>(stats.inputs); ++i) {
          largest = std::max(largest, stats.step_channel_max[step * static_cast<size_t>(stats.inputs) + i]);
        }
        EXPECT_FLOAT_EQ(a.act_scales[step] * 127, largest);
        EXPECT_LE(b.act_scales[step], a.act_scales[step]);
      }
    }
  }
}

// GPTQ fits the moments of the calibration; what counts are windows that it has not seen.
TEST(Quantise, GptqHelpsOnOtherWindows) {
  const Calibrated& c = Shared();
  CalibrateOptions options;
  options.sampler = c.plan.sampler, options.steps = c.plan.steps, options.seed = 12;
  const Calibration unseen = Calibrate(c.model, c.others, options);
  double sum[2] = {0, 0};
  for (const Method method : {Method::kRtn, Method::kGptq}) {
    const QuantiseResult result = Quantise(*c.model, Options(nn::Precision::kW4A8, method, -1), c.calibration);
    for (const ProductError& error : ProductErrors(result, unseen)) sum[method == Method::kGptq] += error.output_error;
  }
  EXPECT_LT(sum[1], 0.97 * sum[0]);
}

// A plan that does not match the file would mix smoothed norms with weights that are not.
TEST(Quantise, PolicyRefusesAPlanOfAnotherKind) {
  const Calibrated& c = Shared();
  QuantiseOptions options = Options(nn::Precision::kW8A8, Method::kRtn, 0.5);
  options.per_step_scales = true;
  const QuantFile file = Quantise(*c.model, options, c.calibration).file;
  policy::Plan plan = c.plan;
  plan.precision = nn::Precision::kW8A8;
  policy::Policy fits(c.model, plan, file);
  const auto refuses = [&](const policy::Plan& other) {
    EXPECT_THROW(policy::Policy(c.model, other, file), Error) << policy::PlanName(other);
  };
  refuses(c.plan);
  plan.float_attention = true;
  refuses(plan);
  plan.float_attention = false;
  plan.precision = nn::Precision::kW4A8;
  refuses(plan);
  plan.precision = nn::Precision::kW8A8;
  plan.steps = 5;
  refuses(plan);
}

TEST(Quantise, SameBytesForAnyThreadCount) {
  const Calibrated& c = Shared();
  SetThreadCount(1);
  const QuantiseResult one = Quantise(*c.model, Options(nn::Precision::kW4A8, Method::kGptq, -1), c.calibration);
  SetThreadCount(3);
  const QuantiseResult three = Quantise(*c.model, Options(nn::Precision::kW4A8, Method::kGptq, -1), c.calibration);
  SetThreadCount(0);
  EXPECT_EQ(EncodeQuantFile(one.file), EncodeQuantFile(three.file));
}

TEST(Quantise, RefusesWrongOptionsAndForeignCalibrations) {
  const Calibrated& c = Shared();
  const auto code = [&](const QuantiseOptions& options, const Calibration& calibration) {
    try {
      Quantise(*c.model, options, calibration);
    } catch (const Error& error) {
      return error.code();
    }
    return ErrorCode::kInternal;
  };
  QuantiseOptions options;
  options.precision = nn::Precision::kBf16;
  EXPECT_EQ(code(options, c.calibration), ErrorCode::kUnsupported);
  for (const int group : {0, 4, 12, -8}) {
    options = {};
    options.group = group;
    EXPECT_EQ(code(options, c.calibration), ErrorCode::kBadInput);
  }
  for (const double alpha : {-0.5, 1.5, std::nan("")}) {
    options = {};
    options.smooth_alpha = alpha;
    EXPECT_EQ(code(options, c.calibration), ErrorCode::kBadInput);
  }
  for (const double damping : {0.0, -1.0, 2.0, std::nan("")}) {
    options = {};
    options.gptq.damping = damping;
    EXPECT_EQ(code(options, c.calibration), ErrorCode::kBadInput);
  }
  Calibration wrong = c.calibration;
  wrong.layers.pop_back();
  EXPECT_EQ(code({}, wrong), ErrorCode::kBadInput);
  wrong = c.calibration;
  wrong.layers[0][1].moments.pop_back();
  EXPECT_EQ(code({}, wrong), ErrorCode::kBadInput);
}

TEST(ErrorReport, AddsASection) {
  const Calibrated& c = Shared();
  const QuantiseOptions options = Options(nn::Precision::kW4A8, Method::kGptq, -1);
  const QuantiseResult result = Quantise(*c.model, options, c.calibration);
  const std::vector<ProductError> errors = ProductErrors(result, c.calibration);
  Report report("Quantised", "A test.");
  AddErrorSection(&report, result.file.made_by, errors, Actions(result, options));
  const std::string html = report.Html();
  for (const char* part : {"l0.sa_qkv", "l2.ffn2", "SQNR", "gptq w4a8 group 32", "largest action error"}) {
    EXPECT_NE(html.find(part), std::string::npos) << part;
  }
}

TEST(CompareActions, NothingIsLostAgainstItselfAndNaNShows) {
  const Calibrated& c = Shared();
  policy::Policy a(c.model, c.plan), b(c.model, c.plan);
  const ActionError error = CompareActions(a, b, c.others, 9);
  EXPECT_EQ(error.max_abs, 0);
  EXPECT_GT(error.signal_rms, 0);
  EXPECT_EQ(error.window_max.size(), c.others.size());
  auto broken = std::make_shared<policy::Model>(*c.model);
  broken->tensors["model.head.bias"][0] = std::nanf("");
  policy::Policy nan(broken, c.plan);
  EXPECT_TRUE(std::isnan(CompareActions(a, nan, c.others, 9).max_abs));
  EXPECT_THROW(CompareActions(a, b, {}, 9), Error);
}

}  // namespace
}  // namespace takt::quant
