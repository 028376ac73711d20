// SPDX-License-Identifier: Apache-2.0
#include "takt/core/nn/linear.h"

#include <fmt/format.h>

#include <algorithm>

#include "takt/core/base/error.h"
#include "takt/core/nn/nn_ref.h"

namespace takt::nn {

struct PackedWeights {
  std::vector<float> w, scale, bias;
  std::vector<int8_t> q;
};

namespace {

std::shared_ptr<PackedWeights> Checked(int n, int64_t k, const float* bias) {
  if (n < 1 || k < 1 || n > 1 << 24 || k > 131072) {
    throw Error(ErrorCode::kBadInput, "linear layer", fmt::format("has {} outputs and {} inputs", n, k),
                "1 to 16777216 outputs and 1 to 131072 inputs are computed here");
  }
  auto weights = std::make_shared<PackedWeights>();
  weights->bias.assign(n, 0.0f);
  if (bias) std::copy_n(bias, n, weights->bias.begin());
  return weights;
}

}  // namespace

Linear Linear::PackF32(const float* w, const float* bias, int n, int64_t k) {
  auto weights = Checked(n, k, bias);
  weights->w.assign(w, w + n * k);
  Linear linear;
  linear.precision_ = Precision::kF32, linear.n_ = n, linear.k_ = k, linear.weights_ = weights;
  return linear;
}

Linear Linear::PackBf16(const float* w, const float* bias, int n, int64_t k) {
  Linear linear = PackF32(w, bias, n, k);
  linear.precision_ = Precision::kBf16;
  return linear;
}

Linear Linear::PackW8(const int8_t* q, const float* scale, const float* bias, int n, int64_t k) {
  auto weights = Checked(n, k, bias);
  weights->q.assign(q, q + n * k);
  weights->scale.assign(scale, scale + n);
  Linear linear;
  linear.precision_ = Precision::kW8A8, linear.n_ = n, linear.k_ = k, linear.weights_ = weights;
  return linear;
}

Linear Linear::PackW4(const int8_t* q, const float* scale, int group, const float* bias, int n, int64_t k) {
  auto weights = Checked(n, k, bias);
  weights->q.assign(q, q + n * k);
  weights->scale.assign(scale, scale + n * ((k + group - 1) / group));
  Linear linear;
  linear.precision_ = Precision::kW4A8, linear.n_ = n, linear.k_ = k, linear.weights_ = weights;
  linear.group_ = group;
  return linear;
}

size_t Linear::ScratchBytes(int max_m) const { return QuantBuffer::ScratchBytes(max_m, k_); }

void Linear::Apply(const float* x, int64_t ldx, int m, float* y, int64_t ldy, Epilogue epilogue, Scratch& scratch,
                   const float* act_scale) const {
  const PackedWeights& w = *weights_;
  if (precision_ == Precision::kF32) {
    return ref::LinearF32(x, ldx, m, w.w.data(), w.bias.data(), n_, k_, y, ldy, epilogue);
  }
  if (precision_ == Precision::kBf16) {
    return ref::LinearBf16(x, ldx, m, w.w.data(), w.bias.data(), n_, k_, y, ldy, epilogue);
  }
  Scratch::Frame frame(scratch);
  const QuantRows xq = QuantBuffer::Take(frame, m, k_);
  Quantise(x, ldx, xq, act_scale);
  ApplyQuantised(xq, y, ldy, epilogue, scratch);
}

void Linear::ApplyQuantised(const QuantRows& xq, float* y, int64_t ldy, Epilogue epilogue, Scratch&) const {
  const PackedWeights& w = *weights_;
  if (precision_ == Precision::kW8A8) {
    ref::LinearW8(xq, w.q.data(), w.scale.data(), w.bias.data(), n_, y, ldy, epilogue);
  } else {
    ref::LinearW4(xq, w.q.data(), w.scale.data(), group_, w.bias.data(), n_, y, ldy, epilogue);
  }
}

}  // namespace takt::nn
