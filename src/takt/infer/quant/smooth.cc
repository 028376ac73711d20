// SPDX-License-Identifier: Apache-2.0
#include "takt/infer/quant/smooth.h"

#include <fmt/format.h>

#include <Eigen/Dense>
#include <algorithm>
#include <array>
#include <cmath>

#include "takt/core/base/error.h"
#include "takt/infer/policy/policy.h"
#include "takt/infer/quant/rounding.h"

namespace takt::quant {
namespace {

static_assert(policy::kLinearKinds == kProducts);
static_assert(static_cast<int>(policy::LinearKind::kSaQkv) == 0 && static_cast<int>(policy::LinearKind::kSaOut) == 1 &&
              static_cast<int>(policy::LinearKind::kFfn1) == 2 && static_cast<int>(policy::LinearKind::kFfn2) == 3);

constexpr float kFloor = 1e-5f;  // of the largest channel
constexpr std::array<double, 9> kAlphas = {0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9};

using RowMajor = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

float LargestOf(std::span<const float> values) {
  return values.empty() ? 0 : *std::max_element(values.begin(), values.end());
}

// What nn::Quantise and back make of a row.
void RoundRow(float* row, int64_t k) {
  float largest = 0;
  for (int64_t i = 0; i < k; ++i) largest = std::max(largest, std::fabs(row[i]));
  if (!(largest > 0)) return;
  const float scale = largest / 127;
  for (int64_t i = 0; i < k; ++i) row[i] = std::nearbyint(row[i] / scale) * scale;
}

struct ProductNames {
  const char *weight, *bias;
};
constexpr std::array<ProductNames, kProducts> kNames = {{{"self_attn.in_proj_weight", "self_attn.in_proj_bias"},
                                                         {"self_attn.out_proj.weight", "self_attn.out_proj.bias"},
                                                         {"linear1.weight", "linear1.bias"},
                                                         {"linear2.weight", "linear2.bias"}}};

std::string LayerTensor(int layer, const std::string& name) {
  return fmt::format("model.decoder.layers.{}.{}", layer, name);
}

}  // namespace

std::vector<float> SmoothScales(std::span<const float> act_max, std::span<const float> weight_max, double alpha) {
  std::vector<float> s(act_max.size(), 1.0f);
  const float act_floor = kFloor * LargestOf(act_max), weight_floor = kFloor * LargestOf(weight_max);
  if (!(act_floor > 0) || !(weight_floor > 0)) return s;
  std::vector<double> logs(s.size());
  double sum = 0;
  for (size_t i = 0; i < s.size(); ++i) {
    logs[i] = alpha * std::log(static_cast<double>(std::max(act_max[i], act_floor))) -
              (1 - alpha) * std::log(static_cast<double>(std::max(weight_max[i], weight_floor)));
    sum += logs[i];
  }
  for (size_t i = 0; i < s.size(); ++i) {
    s[i] = static_cast<float>(std::exp(logs[i] - sum / static_cast<double>(s.size())));
  }
  return s;
}

std::vector<float> ColumnMax(std::span<const float> w, int n, int64_t k) {
  std::vector<float> largest(static_cast<size_t>(k), 0.0f);
  for (int64_t r = 0; r < n; ++r) {
    for (int64_t i = 0; i < k; ++i) {
      float& value = largest[static_cast<size_t>(i)];
      value = std::max(value, std::fabs(w[static_cast<size_t>(r * k + i)]));
    }
  }
  return largest;
}

double SmoothedError(std::span<const float> x, std::span<const float> w, int n, int64_t k, std::span<const float> s,
                     const RoundingKind& rounding) {
  const int64_t m = static_cast<int64_t>(x.size()) / k;
  std::vector<float> xs(x.begin(), x.end()), ws(w.begin(), w.end());
  if (!s.empty()) {
    ScaleInputs(ws, n, k, s);
    for (int64_t r = 0; r < m; ++r) {
      for (int64_t i = 0; i < k; ++i) xs[static_cast<size_t>(r * k + i)] /= s[static_cast<size_t>(i)];
    }
  }
  for (int64_t r = 0; r < m; ++r) RoundRow(xs.data() + r * k, k);
  const std::vector<float> wq =
      Dequantise(rounding.bits == 8 ? RoundInt8(ws, n, k) : RoundInt4(ws, n, k, rounding.group));
  const auto product = [&](std::span<const float> a, std::span<const float> b) -> RowMajor {
    return Eigen::Map<const RowMajor>(a.data(), m, k) * Eigen::Map<const RowMajor>(b.data(), n, k).transpose();
  };
  const RowMajor exact = product(x, w), rounded = product(xs, wq);
  const double power = exact.cast<double>().squaredNorm();
  const double error = (rounded - exact).cast<double>().squaredNorm();
  return power > 0 ? error / power : error;
}

Smoothing SearchSmoothing(std::span<const float> x, std::span<const float> act_max, std::span<const float> w, int n,
                          int64_t k, const RoundingKind& rounding) {
  Smoothing best;
  best.error = best.error_without = SmoothedError(x, w, n, k, {}, rounding);
  const std::vector<float> weight_max = ColumnMax(w, n, k);
  for (const double alpha : kAlphas) {
    std::vector<float> s = SmoothScales(act_max, weight_max, alpha);
    const double error = SmoothedError(x, w, n, k, s, rounding);
    if (error < best.error) best.alpha = alpha, best.s = std::move(s), best.error = error;
  }
  return best;
}

void ScaleInputs(std::span<float> w, int n, int64_t k, std::span<const float> s) {
  for (int64_t r = 0; r < n; ++r) {
    for (int64_t i = 0; i < k; ++i) w[static_cast<size_t>(r * k + i)] *= s[static_cast<size_t>(i)];
  }
}

bool CanFold(int product) { return product >= 0 && product < 3; }

std::string WeightName(int layer, int product) {
  return LayerTensor(layer, kNames[static_cast<size_t>(product)].weight);
}
std::string BiasName(int layer, int product) { return LayerTensor(layer, kNames[static_cast<size_t>(product)].bias); }

void FoldSmoothing(policy::Model* model, int layer, int product, std::span<const float> s) {
  if (!CanFold(product)) throw Error(ErrorCode::kInternal, "smoothing", "cannot be folded through GELU");
  const ProductShape shape = ShapeOf(model->config, product);
  ScaleInputs(model->tensors.at(WeightName(layer, product)), shape.n, shape.k, s);
  const size_t d = s.size();
  if (product == 1) {
    std::vector<float>& values = model->tensors.at(WeightName(layer, 0));
    std::vector<float>& bias = model->tensors.at(BiasName(layer, 0));
    for (size_t r = 0; r < d; ++r) {
      for (size_t i = 0; i < d; ++i) values[(2 * d + r) * d + i] /= s[r];
      bias[2 * d + r] /= s[r];
    }
    return;
  }
  for (const char* part : {"weight", "bias"}) {
    std::vector<float>& norm =
        model->tensors.at(LayerTensor(layer, fmt::format("norm{}.{}", product == 0 ? 1 : 3, part)));
    for (size_t i = 0; i < d; ++i) norm[i] /= s[i];
  }
}

}  // namespace takt::quant
