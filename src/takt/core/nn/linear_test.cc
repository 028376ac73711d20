// SPDX-License-Identifier: Apache-2.0
#include "takt/core/nn/linear.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "takt/core/base/error.h"
#include "takt/core/nn/nn_ref.h"
#include "takt/core/nn/nn_test_util.h"
#include "takt/core/nn/targets.h"

namespace takt::nn {
namespace {

// A layer with its weights as a checkpoint would hold them.
struct Layer {
  Precision precision;
  int n, group;
  int64_t k;
  std::vector<float> w, bias, scale;
  std::vector<int8_t> q;

  Layer(Precision p, int outputs, int64_t inputs, int group_size, uint64_t seed)
      : precision(p), n(outputs), group(group_size), k(inputs), w(n * k), bias(n), q(n * k) {
    const Rng rng(seed, 5);
    for (size_t i = 0; i < w.size(); ++i) w[i] = rng.Normal4(i)[0];
    for (int i = 0; i < n; ++i) bias[i] = rng.Normal4(1000000 + i)[1];
    const int64_t range = p == Precision::kW4A8 ? 16 : 256;
    // The extreme codes come often: they show saturation.
    for (size_t i = 0; i < q.size(); ++i) {
      const uint64_t draw = rng.Below(2000000 + i, range + 20);
      q[i] = static_cast<int8_t>(draw < static_cast<uint64_t>(range) ? static_cast<int64_t>(draw) - range / 2
                                 : draw % 2 == 0                     ? -range / 2
                                                                     : range / 2 - 1);
    }
    const int64_t groups = p == Precision::kW4A8 ? (k + group - 1) / group : 1;
    for (int64_t i = 0; i < n * groups; ++i) scale.push_back(0.001f + 0.002f * rng.Uniform(3000000 + i));
  }

  Linear Pack() const {
    switch (precision) {
      case Precision::kF32: return Linear::PackF32(w.data(), bias.data(), n, k);
      case Precision::kBf16: return Linear::PackBf16(w.data(), bias.data(), n, k);
      case Precision::kW8A8: return Linear::PackW8(q.data(), scale.data(), bias.data(), n, k);
      case Precision::kW4A8: return Linear::PackW4(q.data(), scale.data(), group, bias.data(), n, k);
    }
    return {};
  }

  void Reference(Guarded& x, Guarded& y, Epilogue epilogue) const {
    const int m = x.rows();
    if (precision == Precision::kF32) {
      return ref::LinearF32(x.data(), x.ld(), m, w.data(), bias.data(), n, k, y.data(), y.ld(), epilogue);
    }
    if (precision == Precision::kBf16) {
      return ref::LinearBf16(x.data(), x.ld(), m, w.data(), bias.data(), n, k, y.data(), y.ld(), epilogue);
    }
    QuantBuffer buffer(m, k);
    const QuantRows xq = buffer.Rows(m, k);
    ref::Quantise(x.data(), x.ld(), xq, nullptr);
    if (precision == Precision::kW8A8) {
      ref::LinearW8(xq, q.data(), scale.data(), bias.data(), n, y.data(), y.ld(), epilogue);
    } else {
      ref::LinearW4(xq, q.data(), scale.data(), group, bias.data(), n, y.data(), y.ld(), epilogue);
    }
  }
};

constexpr Epilogue kEpilogues[] = {Epilogue::kStore, Epilogue::kGelu, Epilogue::kMish, Epilogue::kSilu, Epilogue::kAdd};

class LinearVariants : public testing::TestWithParam<Precision> {
 protected:
  void TearDown() override { UseKernelTarget(""); }
};

void CheckAgainstReference(const Layer& layer, const Linear& linear, int m, int shift, Epilogue epilogue) {
  Guarded x(m, layer.k, layer.k + 3, shift), want(m, layer.n, layer.n + 5, 0), got(m, layer.n, layer.n + 5, shift);
  x.Fill(m + layer.k);
  want.Fill(9), got.Fill(9);
  layer.Reference(x, want, epilogue);
  Scratch scratch(linear.ScratchBytes(m));
  linear.Apply(x.data(), x.ld(), m, got.data(), got.ld(), epilogue, scratch);
  EXPECT_LE(RelativeError(got, want), 4e-6) << "M " << m << " N " << layer.n << " K " << layer.k << " epilogue "
                                            << static_cast<int>(epilogue);
  EXPECT_TRUE(got.Intact());
}

TEST_P(LinearVariants, MatchTheReferenceOnEveryInstructionSet) {
  for (const std::string& target : KernelTargets()) {
    SCOPED_TRACE(target);
    UseKernelTarget(target);
    for (const int n : {1, 2, 15, 16, 17, 33, 63, 64, 65, 100, 130, 192}) {
      for (const int64_t k : {1, 3, 8, 31, 64, 257}) {
        const Layer layer(GetParam(), n, k, 32, n + k);
        const Linear linear = layer.Pack();
        const int m = 1 + (n + static_cast<int>(k)) % 20;
        CheckAgainstReference(layer, linear, m, n % 4, kEpilogues[(n + k) % 5]);
      }
    }
    const Layer layer(GetParam(), 70, 40, 16, 3);
    const Linear linear = layer.Pack();
    for (int m = 1; m <= 27; ++m) CheckAgainstReference(layer, linear, m, m % 4, kEpilogues[m % 5]);
    // More than one slice of K.
    const Layer deep(GetParam(), 20, 9001, 128, 4);
    CheckAgainstReference(deep, deep.Pack(), 15, 1, Epilogue::kStore);
  }
}

TEST_P(LinearVariants, ARowDependsOnNoOtherRow) {
  const Layer layer(GetParam(), 81, 2310, 64, 8);
  const Linear linear = layer.Pack();
  Guarded x(40, layer.k, layer.k, 1), all(40, layer.n, layer.n, 0), one(1, layer.n, layer.n, 0);
  x.Fill(3);
  Scratch scratch(linear.ScratchBytes(40));
  linear.Apply(x.data(), x.ld(), 40, all.data(), all.ld(), Epilogue::kGelu, scratch);
  for (const int row : {0, 7, 39}) {
    linear.Apply(&x.at(row, 0), x.ld(), 1, one.data(), one.ld(), Epilogue::kGelu, scratch);
    for (int c = 0; c < layer.n; ++c) ASSERT_EQ(all.at(row, c), one.at(0, c)) << row << " " << c;
  }
}

TEST_P(LinearVariants, LeadingOutputsAndInputsAreALayerOfTheirOwn) {
  for (const std::string& target : KernelTargets()) {
    SCOPED_TRACE(target);
    UseKernelTarget(target);
    const Layer whole(GetParam(), 150, 192, 32, 2);
    const Linear packed = whole.Pack();
    for (const int n : {1, 64, 70, 128, 150}) {
      for (const int64_t k : {32, 96, 192}) {
        Layer part = whole;
        part.n = n, part.k = k;
        const int64_t groups = whole.precision == Precision::kW4A8 ? 6 : 1;
        const int64_t part_groups = whole.precision == Precision::kW4A8 ? k / 32 : 1;
        for (int64_t i = 0; i < n; ++i) {
          for (int64_t j = 0; j < k; ++j) part.w[i * k + j] = whole.w[i * 192 + j], part.q[i * k + j] = whole.q[i * 192 + j];
          for (int64_t g = 0; g < part_groups; ++g) part.scale[i * part_groups + g] = whole.scale[i * groups + g];
        }
        const Linear linear = packed.Leading(n, k);
        EXPECT_EQ(linear.n(), n);
        EXPECT_EQ(linear.k(), k);
        CheckAgainstReference(part, linear, 7, 1, Epilogue::kAdd);
      }
    }
    EXPECT_THROW(packed.Leading(151, 192), Error);
    EXPECT_THROW(packed.Leading(10, 33), Error);
    EXPECT_THROW(packed.Leading(0, 32), Error);
  }
}

TEST_P(LinearVariants, WhatIsNotFiniteReachesItsRowAndNoOther) {
  for (const std::string& target : KernelTargets()) {
    SCOPED_TRACE(target);
    UseKernelTarget(target);
    for (const float bad : {kNan, INFINITY, -INFINITY}) {
      const Layer layer(GetParam(), 37, 50, 16, 6);
      const Linear linear = layer.Pack();
      Guarded x(5, layer.k, layer.k, 0), y(5, layer.n, layer.n, 0);
      x.Fill(1);
      x.at(2, 17) = bad;
      Scratch scratch(linear.ScratchBytes(5));
      for (const Epilogue epilogue : kEpilogues) {
        y.Fill(2);
        linear.Apply(x.data(), x.ld(), 5, y.data(), y.ld(), epilogue, scratch);
        bool finite_row = true;
        for (int r = 0; r < 5; ++r) {
          for (int c = 0; c < layer.n; ++c) {
            if (r == 2) {
              finite_row = finite_row && std::isfinite(y.at(r, c));
            } else {
              ASSERT_TRUE(std::isfinite(y.at(r, c)));
            }
          }
        }
        EXPECT_FALSE(finite_row);
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Precisions, LinearVariants,
                         testing::Values(Precision::kF32, Precision::kBf16, Precision::kW8A8, Precision::kW4A8),
                         [](const auto& p) { return std::string(std::vector{"F32", "Bf16", "W8A8", "W4A8"}[static_cast<int>(p.param)]); });

// |y - x W^T| <= sum_k (|x| step_w / 2 + |w| step_x / 2 + step_x step_w / 4), with weights rounded to nearest.
TEST(LinearTest, QuantisationErrorStaysWithinItsBound) {
  const int m = 9, n = 40;
  const int64_t k = 300;
  const Layer layer(Precision::kF32, n, k, 32, 12);
  std::vector<int8_t> q(n * k);
  std::vector<float> scale(n);
  for (int i = 0; i < n; ++i) {
    float largest = 0;
    for (int64_t j = 0; j < k; ++j) largest = std::max(largest, std::abs(layer.w[i * k + j]));
    scale[i] = largest / 127;
    for (int64_t j = 0; j < k; ++j) q[i * k + j] = static_cast<int8_t>(std::lround(layer.w[i * k + j] / scale[i]));
  }
  const Linear linear = Linear::PackW8(q.data(), scale.data(), layer.bias.data(), n, k);
  Guarded x(m, k, k, 0), exact(m, n, n, 0), got(m, n, n, 0);
  x.Fill(4);
  layer.Reference(x, exact, Epilogue::kStore);
  Scratch scratch(linear.ScratchBytes(m));
  const auto worst_share = [&] {
    double worst = 0;
    for (int r = 0; r < m; ++r) {
      float largest = 0;
      for (int64_t j = 0; j < k; ++j) largest = std::max(largest, std::abs(x.at(r, j)));
      const double step_x = largest / 127;
      for (int i = 0; i < n; ++i) {
        double bound = 1e-4;
        for (int64_t j = 0; j < k; ++j) {
          bound += std::abs(x.at(r, j)) * scale[i] / 2 + std::abs(layer.w[i * k + j]) * step_x / 2 + step_x * scale[i] / 4;
        }
        const double share = std::abs(got.at(r, i) - exact.at(r, i)) / bound;
        if (!(share <= worst)) worst = share;
      }
    }
    return worst;
  };
  linear.Apply(x.data(), x.ld(), m, got.data(), got.ld(), Epilogue::kStore, scratch);
  EXPECT_LE(worst_share(), 1.0);
  // A scale that clips, and one that is coarse, are worse: the bound is no empty promise.
  const float clipping = 1.0f / 127, fitting = 5.0f / 127;
  linear.Apply(x.data(), x.ld(), m, got.data(), got.ld(), Epilogue::kStore, scratch, &fitting);
  const double fitted = RelativeError(got, exact);
  linear.Apply(x.data(), x.ld(), m, got.data(), got.ld(), Epilogue::kStore, scratch, &clipping);
  EXPECT_GT(RelativeError(got, exact), 3 * fitted);
}

TEST(LinearTest, IntegerSumsDoNotSaturate) {
  const int n = 17;
  const int64_t k = 4096;
  const std::vector<int8_t> q(n * k, 127);
  const std::vector<float> scale(n, 1.0f), x(k, -1.0f);
  std::vector<float> y(n);
  for (const std::string& target : KernelTargets()) {
    UseKernelTarget(target);
    for (const float sign : {1.0f, -1.0f}) {
      const std::vector<float> row(k, sign);
      const Linear linear = Linear::PackW8(q.data(), scale.data(), nullptr, n, k);
      Scratch scratch(linear.ScratchBytes(1));
      linear.Apply(row.data(), k, 1, y.data(), n, Epilogue::kStore, scratch);
      for (const float value : y) EXPECT_NEAR(value, sign * 127.0 * k, 0.1) << target;
    }
  }
  UseKernelTarget("");
}

TEST(LinearTest, QuantisedRowsServeSeveralLayers) {
  const Layer first(Precision::kW8A8, 48, 96, 32, 1), second(Precision::kW4A8, 20, 96, 32, 2);
  Guarded x(11, 96, 96, 0), direct(11, 48, 48, 0), shared(11, 48, 48, 0), direct4(11, 20, 20, 0), shared4(11, 20, 20, 0);
  x.Fill(5);
  const Linear a = first.Pack(), b = second.Pack();
  Scratch scratch(std::max(a.ScratchBytes(11), b.ScratchBytes(11)));
  a.Apply(x.data(), x.ld(), 11, direct.data(), 48, Epilogue::kStore, scratch);
  b.Apply(x.data(), x.ld(), 11, direct4.data(), 20, Epilogue::kStore, scratch);
  QuantBuffer buffer(11, 96);
  const QuantRows xq = buffer.Rows(11, 96);
  Quantise(x.data(), x.ld(), xq);
  a.ApplyQuantised(xq, shared.data(), 48, Epilogue::kStore, scratch);
  b.ApplyQuantised(xq, shared4.data(), 20, Epilogue::kStore, scratch);
  EXPECT_EQ(RelativeError(direct, shared), 0.0);
  EXPECT_EQ(RelativeError(direct4, shared4), 0.0);
}

TEST(LinearTest, RefusesWhatItCannotCompute) {
  const std::vector<float> w(64, 1.0f);
  const std::vector<int8_t> q(64, 8);
  EXPECT_THROW(Linear::PackF32(w.data(), nullptr, 0, 8), Error);
  EXPECT_THROW(Linear::PackBf16(w.data(), nullptr, 8, 0), Error);
  EXPECT_THROW(Linear::PackW8(q.data(), w.data(), nullptr, 1, 131073), Error);
  EXPECT_THROW(Linear::PackW4(q.data(), w.data(), 12, nullptr, 1, 64), Error);
  EXPECT_THROW(Linear::PackW4(q.data(), w.data(), 32, nullptr, 1, 64), Error);  // the code 8
  const Linear linear = Linear::PackF32(w.data(), nullptr, 8, 8);
  Scratch small(64);
  std::vector<float> x(64 * 8), y(64 * 8);
  EXPECT_THROW(linear.Apply(x.data(), 8, 64, y.data(), 8, Epilogue::kStore, small), Error);
  EXPECT_THROW(UseKernelTarget("mmx"), Error);
}

}  // namespace
}  // namespace takt::nn
