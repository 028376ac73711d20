// SPDX-License-Identifier: Apache-2.0
#include "takt/core/nn/nn_ref.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <vector>

namespace takt::nn::ref {

namespace {

void Finish(double value, Epilogue epilogue, float* y) {
  switch (epilogue) {
    case Epilogue::kStore: *y = static_cast<float>(value); return;
    case Epilogue::kGelu: *y = static_cast<float>(Gelu(value)); return;
    case Epilogue::kMish: *y = static_cast<float>(Mish(value)); return;
    case Epilogue::kSilu: *y = static_cast<float>(Silu(value)); return;
    case Epilogue::kAdd: *y = static_cast<float>(*y + value); return;
  }
}

}  // namespace

double Gelu(double x) { return x == -INFINITY ? 0.0 : 0.5 * x * std::erfc(-x * std::sqrt(0.5)); }

double Mish(double x) {
  if (x == -INFINITY) return 0.0;
  if (x > 40) return x;
  const double e = std::exp(x);
  return x * (e * (e + 2)) / (e * (e + 2) + 2);  // tanh(log(1 + e)) without cancellation
}

double Silu(double x) { return x == -INFINITY ? 0.0 : x / (1 + std::exp(-x)); }

void Softmax(float* x, int64_t ldx, int rows, int cols) {
  for (int m = 0; m < rows; ++m) {
    float* row = x + m * ldx;
    double largest = -INFINITY, sum = 0;
    for (int t = 0; t < cols; ++t) largest = row[t] > largest || std::isnan(row[t]) ? row[t] : largest;
    std::vector<double> e(cols);
    for (int t = 0; t < cols; ++t) sum += e[t] = std::exp(row[t] - largest);
    for (int t = 0; t < cols; ++t) row[t] = static_cast<float>(e[t] / sum);
  }
}

float RoundToBf16(float x) {
  if (std::isnan(x)) return x;
  const uint32_t bits = std::bit_cast<uint32_t>(x);
  return std::bit_cast<float>((bits + 0x7FFFu + ((bits >> 16) & 1u)) & 0xFFFF0000u);
}

void Quantise(const float* x, int64_t ldx, const QuantRows& out, const float* act_scale) {
  for (int m = 0; m < out.rows; ++m) {
    const float* row = x + m * ldx;
    uint8_t* codes = out.codes + m * out.ld;
    float largest = 0;
    bool finite = true;
    for (int64_t k = 0; k < out.cols; ++k) {
      largest = std::max(largest, std::abs(row[k]));
      finite = finite && std::isfinite(row[k]);
    }
    const float scale = act_scale ? *act_scale : largest * (1.0f / 127.0f);
    // One rounding of 1 / scale, as the kernels do it: a code depends on it where x lies between two steps.
    const float inverse = act_scale ? 1.0f / *act_scale : (largest >= 1e-36f ? 127.0f / largest : 0.0f);
    out.scale[m] = finite ? scale : std::numeric_limits<float>::quiet_NaN();
    for (int64_t k = 0; k < out.ld; ++k) {
      const float steps = k < out.cols && finite ? std::clamp(row[k] * inverse, -127.0f, 127.0f) : 0.0f;
      codes[k] = static_cast<uint8_t>(128 + static_cast<int>(std::nearbyint(steps)));
    }
  }
}

void LayerNorm(const float* x, int64_t ldx, int rows, int64_t cols, const float* gamma, const float* beta, float* y,
               int64_t ldy, float eps) {
  for (int m = 0; m < rows; ++m) {
    const float* in = x + m * ldx;
    double mean = 0, variance = 0;
    for (int64_t k = 0; k < cols; ++k) mean += in[k];
    mean /= static_cast<double>(cols);
    for (int64_t k = 0; k < cols; ++k) variance += (in[k] - mean) * (in[k] - mean);
    variance /= static_cast<double>(cols);
    const double inverse = 1 / std::sqrt(variance + eps);
    for (int64_t k = 0; k < cols; ++k) {
      y[m * ldy + k] = static_cast<float>((in[k] - mean) * inverse * (gamma ? gamma[k] : 1.0f) + (beta ? beta[k] : 0.0f));
    }
  }
}

void Attention(const AttentionShape& shape, const float* q, int64_t ldq, const float* k, int64_t ldk, const float* v,
               int64_t ldv, const float* bias, int64_t ldb, float* y, int64_t ldy) {
  const int d = shape.head_dim;
  std::vector<double> p(shape.s);
  for (int h = 0; h < shape.heads; ++h) {
    for (int m = 0; m < shape.m; ++m) {
      double largest = -INFINITY, sum = 0;
      for (int t = 0; t < shape.s; ++t) {
        double dot = 0;
        for (int i = 0; i < d; ++i) dot += static_cast<double>(q[m * ldq + h * d + i]) * k[t * ldk + h * d + i];
        p[t] = dot / std::sqrt(static_cast<double>(d)) + (bias ? bias[m * ldb + t] : 0.0f);
        largest = std::max(largest, p[t]);
      }
      for (double& e : p) sum += e = std::exp(e - largest);
      for (int i = 0; i < d; ++i) {
        double value = 0;
        for (int t = 0; t < shape.s; ++t) value += p[t] * v[t * ldv + h * d + i];
        y[m * ldy + h * d + i] = static_cast<float>(value / sum);
      }
    }
  }
}

void LinearF32(const float* x, int64_t ldx, int m, const float* w, const float* bias, int n, int64_t k, float* y,
               int64_t ldy, Epilogue epilogue) {
  for (int row = 0; row < m; ++row) {
    for (int out = 0; out < n; ++out) {
      double sum = 0;
      for (int64_t i = 0; i < k; ++i) sum += static_cast<double>(x[row * ldx + i]) * w[out * k + i];
      Finish(sum + (bias ? bias[out] : 0.0f), epilogue, y + row * ldy + out);
    }
  }
}

void LinearBf16(const float* x, int64_t ldx, int m, const float* w, const float* bias, int n, int64_t k, float* y,
                int64_t ldy, Epilogue epilogue) {
  std::vector<float> rounded_x(static_cast<size_t>(m) * k), rounded_w(w, w + n * k);
  for (int row = 0; row < m; ++row) {
    for (int64_t i = 0; i < k; ++i) rounded_x[row * k + i] = RoundToBf16(x[row * ldx + i]);
  }
  for (float& value : rounded_w) value = RoundToBf16(value);
  LinearF32(rounded_x.data(), k, m, rounded_w.data(), bias, n, k, y, ldy, epilogue);
}

void LinearW8(const QuantRows& xq, const int8_t* q, const float* scale, const float* bias, int n, float* y, int64_t ldy,
              Epilogue epilogue) {
  for (int row = 0; row < xq.rows; ++row) {
    for (int out = 0; out < n; ++out) {
      int64_t sum = 0;
      for (int64_t i = 0; i < xq.cols; ++i) sum += (xq.codes[row * xq.ld + i] - 128) * q[out * xq.cols + i];
      const double value = static_cast<double>(xq.scale[row]) * scale[out] * static_cast<double>(sum);
      Finish(value + (bias ? bias[out] : 0.0f), epilogue, y + row * ldy + out);
    }
  }
}

void LinearW4(const QuantRows& xq, const int8_t* q, const float* scale, int group, const float* bias, int n, float* y,
              int64_t ldy, Epilogue epilogue) {
  const int64_t groups = (xq.cols + group - 1) / group;
  for (int row = 0; row < xq.rows; ++row) {
    for (int out = 0; out < n; ++out) {
      double value = 0;
      for (int64_t g = 0; g < groups; ++g) {
        int64_t sum = 0;
        for (int64_t i = g * group; i < std::min(xq.cols, (g + 1) * group); ++i) {
          sum += (xq.codes[row * xq.ld + i] - 128) * q[out * xq.cols + i];
        }
        value += static_cast<double>(scale[out * groups + g]) * static_cast<double>(sum);
      }
      Finish(xq.scale[row] * value + (bias ? bias[out] : 0.0f), epilogue, y + row * ldy + out);
    }
  }
}

}  // namespace takt::nn::ref
