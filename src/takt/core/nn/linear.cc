// SPDX-License-Identifier: Apache-2.0
#include "takt/core/nn/linear.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "takt/core/base/error.h"
#include "takt/core/nn/linear_simd.h"
#include "takt/core/nn/packed_weights.h"

namespace takt::nn {

namespace {

constexpr int64_t kMaxInputs = 131072;  // more could overflow a 32-bit sum of 8-bit products
constexpr int kMaxOutputs = 1 << 24;

size_t PaddedOutputs(int n) { return AlignUp(static_cast<size_t>(n), kOutputUnit); }

int64_t WordsFor(int64_t k, Precision precision) {
  const int inputs = InputsPerWord(precision);
  return (k + inputs - 1) / inputs;
}

void CheckSizes(int n, int64_t k) {
  if (n >= 1 && k >= 1 && n <= kMaxOutputs && k <= kMaxInputs) return;
  throw Error(ErrorCode::kBadInput, "linear layer", fmt::format("has {} outputs and {} inputs", n, k),
              fmt::format("1 to {} outputs and 1 to {} inputs are computed here", kMaxOutputs, kMaxInputs));
}

// word(output, place) gives the 32 bits for that place in K.
template <class Word>
std::shared_ptr<PackedPanels> PackPanels(int n, int64_t words_k, const Word& word) {
  auto panels = std::make_shared<PackedPanels>();
  panels->width = PanelWidth(), panels->n = n, panels->words_k = words_k;
  panels->words = AlignedArray<uint32_t>(PaddedOutputs(n) * words_k);
  for (int first = 0; first < n; first += panels->width) {
    uint32_t* to = panels->words.data() + first * words_k;
    const int step = panels->Step(first), columns = std::min(step, n - first);
    for (int64_t place = 0; place < words_k; ++place) {
      for (int c = 0; c < columns; ++c) to[place * step + c] = word(first + c, place);
    }
  }
  return panels;
}

uint32_t WordAt(const PackedPanels& panels, int n, int64_t place) {
  const int first = n / panels.width * panels.width;
  return panels.Panel(first)[place * panels.Step(first) + (n - first)];
}

std::shared_ptr<PackedWeights> WithBias(std::shared_ptr<const PackedPanels> panels, const float* bias, int n) {
  auto weights = std::make_shared<PackedWeights>();
  weights->panels = std::move(panels);
  weights->bias = AlignedArray<float>(PaddedOutputs(n));
  if (bias) std::copy_n(bias, n, weights->bias.data());
  return weights;
}

// Activations are stored as code + 128: what the 128 adds to a sum is taken off at its start.
int32_t SumOfCodes(uint32_t word, Precision precision) {
  int32_t sum = 0;
  if (precision == Precision::kW8A8) {
    for (int i = 0; i < 4; ++i) sum += static_cast<int8_t>(word >> (8 * i));
  } else {
    for (int i = 0; i < 8; ++i) sum += static_cast<int32_t>(word >> (4 * i) & 15) - 8;
  }
  return sum;
}

void FillCompensation(PackedWeights& weights, Precision precision, int n, int64_t words_k, int64_t group_words) {
  const size_t padded = PaddedOutputs(n);
  const int64_t groups = (words_k + group_words - 1) / group_words;
  weights.compensation = AlignedArray<int32_t>(padded * groups);
  for (int out = 0; out < n; ++out) {
    for (int64_t place = 0; place < words_k; ++place) {
      weights.compensation[place / group_words * padded + out] -=
          128 * SumOfCodes(WordAt(*weights.panels, out, place), precision);
    }
  }
}

uint32_t Bf16Bits(float x) {
  const uint32_t bits = std::bit_cast<uint32_t>(x);
  if (x != x) return (bits | 0x400000u) >> 16;
  return (bits + 0x7FFFu + (bits >> 16 & 1u)) >> 16;
}

}  // namespace

Linear Linear::PackF32(const float* w, const float* bias, int n, int64_t k) {
  CheckSizes(n, k);
  Linear linear;
  linear.precision_ = Precision::kF32, linear.n_ = n, linear.k_ = k;
  linear.weights_ = WithBias(
      PackPanels(n, k, [&](int out, int64_t place) { return std::bit_cast<uint32_t>(w[out * k + place]); }), bias, n);
  return linear;
}

Linear Linear::PackBf16(const float* w, const float* bias, int n, int64_t k) {
  CheckSizes(n, k);
  const auto word = [&](int out, int64_t place) {
    const float* pair = w + out * k + 2 * place;
    return Bf16Bits(pair[0]) | (2 * place + 1 < k ? Bf16Bits(pair[1]) << 16 : 0u);
  };
  Linear linear;
  linear.precision_ = Precision::kBf16, linear.n_ = n, linear.k_ = k;
  linear.weights_ = WithBias(PackPanels(n, WordsFor(k, Precision::kBf16), word), bias, n);
  return linear;
}

Linear Linear::PackW8(const int8_t* q, const float* scale, const float* bias, int n, int64_t k) {
  CheckSizes(n, k);
  const auto word = [&](int out, int64_t place) {
    uint32_t bits = 0;
    for (int64_t i = 4 * place; i < std::min(k, 4 * place + 4); ++i) {
      bits |= static_cast<uint32_t>(static_cast<uint8_t>(q[out * k + i])) << (8 * (i % 4));
    }
    return bits;
  };
  const int64_t words_k = WordsFor(k, Precision::kW8A8);
  auto weights = WithBias(PackPanels(n, words_k, word), bias, n);
  weights->scale = AlignedArray<float>(PaddedOutputs(n));
  std::copy_n(scale, n, weights->scale.data());
  FillCompensation(*weights, Precision::kW8A8, n, words_k, words_k);
  Linear linear;
  linear.precision_ = Precision::kW8A8, linear.n_ = n, linear.k_ = k, linear.weights_ = weights;
  return linear;
}

Linear Linear::PackW4(const int8_t* q, const float* scale, int group, const float* bias, int n, int64_t k) {
  CheckSizes(n, k);
  if (group < 8 || group % 8 != 0) {
    throw Error(ErrorCode::kBadInput, "linear layer", fmt::format("has groups of {} inputs", group),
                "a group is a multiple of 8");
  }
  if (const int8_t* wrong = std::find_if(q, q + n * k, [](int8_t code) { return code < -8 || code > 7; }); wrong != q + n * k) {
    throw Error(ErrorCode::kBadInput, "linear layer", fmt::format("holds the 4-bit code {}", *wrong),
                "codes are -8 to 7");
  }
  const auto word = [&](int out, int64_t place) {
    uint32_t bits = 0x88888888u;  // eight zeros
    for (int64_t i = 8 * place; i < std::min(k, 8 * place + 8); ++i) {
      const int at = static_cast<int>(i % 8), shift = 8 * (at % 4) + (at < 4 ? 0 : 4);
      bits = (bits & ~(15u << shift)) | static_cast<uint32_t>(q[out * k + i] + 8) << shift;
    }
    return bits;
  };
  const int64_t words_k = WordsFor(k, Precision::kW4A8), groups = (k + group - 1) / group;
  auto weights = WithBias(PackPanels(n, words_k, word), bias, n);
  weights->scale = AlignedArray<float>(PaddedOutputs(n) * groups);
  for (int out = 0; out < n; ++out) {
    for (int64_t g = 0; g < groups; ++g) weights->scale[g * PaddedOutputs(n) + out] = scale[out * groups + g];
  }
  FillCompensation(*weights, Precision::kW4A8, n, words_k, group / 8);
  Linear linear;
  linear.precision_ = Precision::kW4A8, linear.n_ = n, linear.k_ = k, linear.group_ = group, linear.weights_ = weights;
  return linear;
}

Linear Linear::Leading(int n, int64_t k) const {
  const int unit = precision_ == Precision::kW4A8 ? group_ : 8;
  if (n < 1 || n > n_ || k < 1 || k > k_ || (k % unit != 0 && k != k_)) {
    throw Error(ErrorCode::kBadInput, "linear layer",
                fmt::format("of {} outputs and {} inputs cannot be cut to {} and {}", n_, k_, n, k),
                fmt::format("the inputs that stay are a multiple of {}", unit));
  }
  auto weights = WithBias(weights_->panels, weights_->bias.data(), n);
  const size_t padded = PaddedOutputs(n), padded_whole = PaddedOutputs(n_);
  const int64_t words_k = WordsFor(k, precision_), groups = group_ ? (k + group_ - 1) / group_ : 1;
  if (precision_ == Precision::kW8A8 || precision_ == Precision::kW4A8) {
    weights->scale = AlignedArray<float>(padded * groups);
    for (int64_t g = 0; g < groups; ++g) {
      std::copy_n(weights_->scale.data() + g * padded_whole, n, weights->scale.data() + g * padded);
    }
    FillCompensation(*weights, precision_, n, words_k, group_ ? group_ / 8 : words_k);
  }
  Linear linear = *this;
  linear.n_ = n, linear.k_ = k, linear.weights_ = weights;
  return linear;
}

size_t Linear::bytes() const {
  if (!weights_) return 0;
  const PackedWeights& w = *weights_;
  return 4 * (w.panels->words.size() + w.bias.size() + w.scale.size() + w.compensation.size());
}

size_t Linear::ScratchBytes(int max_m) const {
  const size_t rows = static_cast<size_t>(max_m);
  const size_t sums = Scratch::BytesFor<uint32_t>(rows * kMaxPanelWidth);
  switch (precision_) {
    case Precision::kF32: return sums;
    case Precision::kBf16: return sums + Scratch::BytesFor<uint16_t>(rows * AlignUp(static_cast<size_t>(k_), 32));
    case Precision::kW8A8:
    case Precision::kW4A8: return sums + QuantBuffer::ScratchBytes(max_m, k_);
  }
  return sums;
}

void Linear::Apply(const float* x, int64_t ldx, int m, float* y, int64_t ldy, Epilogue epilogue, Scratch& scratch,
                   const float* act_scale) const {
  if (m < 1) return;
  Scratch::Frame frame(scratch);
  if (precision_ == Precision::kW8A8 || precision_ == Precision::kW4A8) {
    const QuantRows xq = QuantBuffer::Take(frame, m, k_);
    Quantise(x, ldx, xq, act_scale);
    return ApplyQuantised(xq, y, ldy, epilogue, scratch);
  }
  LinearJob job{};
  job.weights = weights_.get();
  job.n_end = n_, job.words_k = WordsFor(k_, precision_), job.m = m;
  job.y = y, job.ldy = ldy, job.epilogue = epilogue;
  job.sums = frame.Take<uint32_t>(static_cast<size_t>(m) * kMaxPanelWidth);
  if (precision_ == Precision::kF32) {
    job.a = reinterpret_cast<const uint8_t*>(x), job.lda_bytes = 4 * ldx;
    return RunF32(job);
  }
  const int64_t ld = static_cast<int64_t>(AlignUp(static_cast<size_t>(k_), 32));
  uint16_t* rounded = frame.Take<uint16_t>(static_cast<size_t>(m) * ld);
  RoundRowsToBf16(x, ldx, m, k_, rounded, ld);
  job.a = reinterpret_cast<const uint8_t*>(rounded), job.lda_bytes = 2 * ld;
  RunBf16(job);
}

void Linear::ApplyQuantised(const QuantRows& xq, float* y, int64_t ldy, Epilogue epilogue, Scratch& scratch) const {
  if (xq.rows < 1) return;
  Scratch::Frame frame(scratch);
  LinearJob job{};
  job.weights = weights_.get();
  job.n_end = n_, job.words_k = WordsFor(k_, precision_), job.m = xq.rows;
  job.a = xq.codes, job.lda_bytes = xq.ld, job.row_scale = xq.scale;
  job.y = y, job.ldy = ldy, job.epilogue = epilogue;
  job.sums = frame.Take<uint32_t>(static_cast<size_t>(xq.rows) * kMaxPanelWidth);
  job.group_words = group_ / 8;
  precision_ == Precision::kW8A8 ? RunW8(job) : RunW4(job);
}

}  // namespace takt::nn
