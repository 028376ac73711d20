// SPDX-License-Identifier: Apache-2.0
#include "takt/infer/quant/quantise.h"

#include <fmt/format.h>

#include <algorithm>
#include <cfloat>

#include "takt/core/base/error.h"
#include "takt/core/base/interrupt.h"
#include "takt/core/base/parallel.h"

namespace takt::quant {
namespace {

using Smoothings = std::array<Smoothing, kProducts>;

bool IsQuantised(const QuantiseOptions& options, int product) { return !options.float_attention || product >= 2; }
int BitsOf(const QuantiseOptions& options) { return options.precision == nn::Precision::kW8A8 ? 8 : 4; }
int64_t GroupOf(const QuantiseOptions& options, int64_t k) { return BitsOf(options) == 8 ? k : options.group; }

void CheckOptions(const QuantiseOptions& options) {
  const auto bad = [](const std::string& option, const std::string& what, const std::string& hint) {
    return Error(ErrorCode::kBadInput, option, what, hint);
  };
  if (options.precision != nn::Precision::kW8A8 && options.precision != nn::Precision::kW4A8) {
    throw Error(ErrorCode::kUnsupported, "precision", "is none that is quantised", "w8a8 or w4a8");
  }
  if (options.group < 8 || options.group % 8 != 0 || options.group > 1 << 20) {
    throw bad("group", fmt::format("is {}", options.group), "32, 64 or 128 inputs; any multiple of 8 runs");
  }
  if (options.smooth_alpha != -1 && !(options.smooth_alpha >= 0 && options.smooth_alpha <= 1)) {
    throw bad("smooth_alpha", fmt::format("is {}", options.smooth_alpha), "0 for none, up to 1, or -1 to search");
  }
  if (!(options.gptq.damping > 0 && options.gptq.damping <= 1)) {
    throw bad("damping", fmt::format("is {}", options.gptq.damping), "0.01 to 0.05");
  }
}

void CheckCalibration(const policy::PolicyConfig& config, const Calibration& calibration) {
  bool fits = calibration.steps > 0 && calibration.layers.size() == static_cast<size_t>(config.n_layer);
  for (const auto& layer : calibration.layers) {
    for (int product = 0; product < kProducts; ++product) {
      const ProductStats& stats = layer[static_cast<size_t>(product)];
      const size_t k = static_cast<size_t>(ShapeOf(config, product).k);
      fits = fits && stats.inputs == static_cast<int64_t>(k) && stats.moments.size() == k * k &&
             stats.step_channel_max.size() == k * static_cast<size_t>(calibration.steps) &&
             stats.step_tail.size() == static_cast<size_t>(calibration.steps) &&
             stats.sample.size() == k * stats.sample_step.size();
    }
  }
  if (!fits) throw Error(ErrorCode::kBadInput, "calibration", "is of another model", "calibrate with this model");
}

Smoothing ChooseSmoothing(const policy::Model& model, int layer, int product, const ProductStats& stats,
                          const QuantiseOptions& options) {
  const ProductShape shape = ShapeOf(model.config, product);
  const std::vector<float>& w = model.Get(WeightName(layer, product));
  const RoundingKind rounding{BitsOf(options), GroupOf(options, shape.k)};
  const std::vector<float> act_max = stats.ChannelMax();
  if (options.smooth_alpha < 0) return SearchSmoothing(stats.sample, act_max, w, shape.n, shape.k, rounding);
  Smoothing smoothing;
  smoothing.alpha = options.smooth_alpha;
  smoothing.s = SmoothScales(act_max, ColumnMax(w, shape.n, shape.k), options.smooth_alpha);
  smoothing.error_without = SmoothedError(stats.sample, w, shape.n, shape.k, {}, rounding);
  smoothing.error = SmoothedError(stats.sample, w, shape.n, shape.k, smoothing.s, rounding);
  return smoothing;
}

// Folds into `folded` what pays off, and says what.
Smoothings SmoothLayer(policy::Model* folded, int layer, const std::array<ProductStats, kProducts>& stats,
                       const QuantiseOptions& options) {
  Smoothings chosen;
  if (options.smooth_alpha == 0) return chosen;
  // sa_out comes before sa_qkv: it changes the weights that sa_qkv is smoothed by.
  for (const int product : {1, 0, 2}) {
    if (!IsQuantised(options, product)) continue;
    const size_t slot = static_cast<size_t>(product);
    chosen[slot] = ChooseSmoothing(*folded, layer, product, stats[slot], options);
    if (!chosen[slot].s.empty()) FoldSmoothing(folded, layer, product, chosen[slot].s);
  }
  return chosen;
}

std::vector<double> SmoothedMoments(const ProductStats& stats, std::span<const float> s) {
  std::vector<double> moments = stats.moments;
  if (s.empty()) return moments;
  const size_t k = s.size();
  for (size_t i = 0; i < k; ++i) {
    for (size_t j = 0; j < k; ++j) moments[i * k + j] /= static_cast<double>(s[i]) * s[j];
  }
  return moments;
}

std::vector<float> ActScales(const ProductStats& stats, std::span<const float> s, ActRange range) {
  std::vector<float> scales;
  const size_t k = static_cast<size_t>(stats.inputs);
  for (size_t step = 0; step < stats.step_tail.size(); ++step) {
    float largest = 0;
    for (size_t i = 0; i < k; ++i) {
      largest = std::max(largest, stats.step_channel_max[step * k + i] / (s.empty() ? 1.0f : s[i]));
    }
    if (range == ActRange::kTail) largest *= stats.step_tail[step];
    scales.push_back(largest > 0 ? std::max(largest / 127, FLT_MIN) : 1.0f);
  }
  return scales;
}

QuantLinear RoundProduct(const policy::Model& folded, int layer, int product, const ProductStats& stats,
                         std::span<const float> s, const QuantiseOptions& options) {
  const ProductShape shape = ShapeOf(folded.config, product);
  const std::vector<float>& w = folded.Get(WeightName(layer, product));
  const int bits = BitsOf(options);
  const int64_t group = GroupOf(options, shape.k);
  QuantLinear linear;
  if (options.method == Method::kGptq) {
    linear = Gptq(w, shape.n, shape.k, bits, group, SmoothedMoments(stats, s), options.gptq);
  } else {
    linear = bits == 8 ? RoundInt8(w, shape.n, shape.k) : RoundInt4(w, shape.n, shape.k, group);
  }
  if (options.per_step_scales) linear.act_scales = ActScales(stats, s, options.act_range);
  return linear;
}

}  // namespace

std::string QuantiseName(const QuantiseOptions& options) {
  std::string name = options.method == Method::kGptq ? "gptq" : "rtn";
  name += BitsOf(options) == 8 ? " w8a8" : fmt::format(" w4a8 group {}", options.group);
  if (options.smooth_alpha < 0) name += ", smooth searched";
  if (options.smooth_alpha > 0) name += fmt::format(", smooth {}", options.smooth_alpha);
  if (options.per_step_scales) name += options.act_range == ActRange::kMax ? ", per step" : ", per step 99.9 %";
  if (options.float_attention) name += ", float attention";
  if (options.gptq.activation_order && options.method == Method::kGptq) name += ", activation order";
  return name;
}

QuantiseResult Quantise(const policy::Model& model, const QuantiseOptions& options, const Calibration& calibration) {
  CheckOptions(options);
  CheckCalibration(model.config, calibration);
  const size_t layers = static_cast<size_t>(model.config.n_layer);
  QuantiseResult result;
  result.folded = model;
  result.smoothing.resize(layers);
  QuantFile& file = result.file;
  file.weight_bits = BitsOf(options);
  file.steps = options.per_step_scales ? calibration.steps : 0;
  file.model_sha256 = model.sha256;
  file.made_by = QuantiseName(options);
  file.layers.resize(layers);
  // A layer touches only its own tensors.
  ParallelFor(layers, 1, [&](size_t begin, size_t end) {
    for (size_t layer = begin; layer < end; ++layer) {
      ThrowIfInterrupted();
      const int l = static_cast<int>(layer);
      result.smoothing[layer] = SmoothLayer(&result.folded, l, calibration.layers[layer], options);
      for (int product = 0; product < kProducts; ++product) {
        if (!IsQuantised(options, product)) continue;
        const size_t slot = static_cast<size_t>(product);
        file.layers[layer][slot] = RoundProduct(result.folded, l, product, calibration.layers[layer][slot],
                                                result.smoothing[layer][slot].s, options);
      }
    }
  });
  for (size_t layer = 0; layer < layers; ++layer) {
    for (const std::string& name : ReplaceableNames(static_cast<int>(layer))) {
      if (result.folded.Get(name) != model.Get(name)) file.replaced[name] = result.folded.Get(name);
    }
  }
  Validate(file, model.config, model.sha256, "quantised weights");
  return result;
}

}  // namespace takt::quant
