// SPDX-License-Identifier: Apache-2.0
#include "takt/core/nn/activation.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "takt/core/nn/nn_ref.h"
#include "takt/core/nn/nn_test_util.h"
#include "takt/core/nn/targets.h"

namespace takt::nn {
namespace {

struct Function {
  const char* name;
  void (*fast)(const float*, size_t, float*);
  double (*reference)(double);
  float lowest;  // below this, results are no normal floats
};
constexpr Function kFunctions[] = {
    {"gelu", Gelu, ref::Gelu, -12.9f}, {"mish", Mish, ref::Mish, -86.0f}, {"silu", Silu, ref::Silu, -86.0f}};

TEST(ActivationTest, RelativeErrorIsBelowAMillionthTailsIncluded) {
  for (const std::string& target : KernelTargets()) {
    UseKernelTarget(target);
    for (const Function& f : kFunctions) {
      std::vector<float> x, y;
      for (float v = f.lowest; v < 100; v += 0.00237f * (1 + std::abs(v))) x.push_back(v);
      for (float v = 1e-30f; v < 1; v *= 1.7f) x.push_back(v), x.push_back(-v);
      x.push_back(0.0f);
      y.resize(x.size());
      f.fast(x.data(), x.size(), y.data());
      double worst = 0;
      float at = 0;
      for (size_t i = 0; i < x.size(); ++i) {
        const double want = f.reference(x[i]), error = std::abs(y[i] - want) / std::max(std::abs(want), 1e-37);
        if (!(error <= worst)) worst = error, at = x[i];
      }
      EXPECT_LE(worst, 1e-6) << target << " " << f.name << " at " << at;
    }
  }
  UseKernelTarget("");
}

TEST(ActivationTest, FarTailsVanishAndNanStays) {
  for (const std::string& target : KernelTargets()) {
    UseKernelTarget(target);
    for (const Function& f : kFunctions) {
      const std::vector<float> x = {-1e30f, -200.0f, -95.0f, kNan, 95.0f, 1e30f, 0.0f};
      std::vector<float> y(x.size());
      f.fast(x.data(), x.size(), y.data());
      for (int i = 0; i < 3; ++i) EXPECT_LE(std::abs(y[i]), 1e-35f) << target << " " << f.name << " " << x[i];
      EXPECT_TRUE(std::isnan(y[3])) << target << " " << f.name;
      EXPECT_FLOAT_EQ(y[4], 95.0f);
      EXPECT_FLOAT_EQ(y[5], 1e30f);
      EXPECT_EQ(y[6], 0.0f);
    }
  }
  UseKernelTarget("");
}

TEST(ActivationTest, WorksInPlaceOnAnyLengthAndTouchesNothingElse) {
  for (const std::string& target : KernelTargets()) {
    UseKernelTarget(target);
    for (int n = 1; n < 40; ++n) {
      for (const Function& f : kFunctions) {
        Guarded x(1, n, n, n % 5), y(1, n, n, n % 3);
        x.Fill(n);
        f.fast(x.data(), n, y.data());
        f.fast(x.data(), n, x.data());
        EXPECT_EQ(RelativeError(x, y), 0.0);
        EXPECT_TRUE(x.Intact());
        EXPECT_TRUE(y.Intact());
      }
    }
  }
  UseKernelTarget("");
}

TEST(SoftmaxTest, MatchesTheReference) {
  for (const std::string& target : KernelTargets()) {
    SCOPED_TRACE(target);
    UseKernelTarget(target);
    for (int cols = 1; cols < 70; cols = cols * 5 / 4 + 1) {
      Guarded fast(5, cols, cols + 3, cols % 4), want(5, cols, cols + 3, 0);
      fast.Fill(cols, 5.0f), want.Fill(cols, 5.0f);
      fast.at(1, cols / 2) = want.at(1, cols / 2) = 60.0f;  // others underflow
      for (int c = 1; c < cols; ++c) fast.at(2, c) = want.at(2, c) = -INFINITY;
      Softmax(fast.data(), fast.ld(), 5, cols);
      ref::Softmax(want.data(), want.ld(), 5, cols);
      EXPECT_LE(RelativeError(fast, want), 1e-6);
      EXPECT_TRUE(fast.Intact());
      for (int c = 1; c < cols; ++c) EXPECT_EQ(fast.at(2, c), 0.0f);
    }
  }
  UseKernelTarget("");
}

TEST(SoftmaxTest, RowsWithoutAMaximumBecomeNan) {
  for (const std::string& target : KernelTargets()) {
    UseKernelTarget(target);
    for (const float bad : {kNan, INFINITY, -INFINITY}) {
      for (int cols : {1, 5, 16, 19, 40}) {
        Guarded x(2, cols, cols, 0);
        x.Fill(3);
        for (int c = 0; c < cols; ++c) x.at(1, c) = -INFINITY;
        x.at(1, cols / 2) = bad;
        Softmax(x.data(), x.ld(), 2, cols);
        for (int c = 0; c < cols; ++c) {
          EXPECT_TRUE(std::isfinite(x.at(0, c)));
          EXPECT_TRUE(std::isnan(x.at(1, c))) << target << " " << bad << " " << c << " of " << cols;
        }
      }
    }
  }
  UseKernelTarget("");
}

}  // namespace
}  // namespace takt::nn
