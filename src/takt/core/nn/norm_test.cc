// SPDX-License-Identifier: Apache-2.0
#include "takt/core/nn/norm.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "takt/core/base/error.h"
#include "takt/core/nn/activation.h"
#include "takt/core/nn/nn_ref.h"
#include "takt/core/nn/nn_test_util.h"
#include "takt/core/nn/targets.h"

namespace takt::nn {
namespace {

constexpr int64_t kCols[] = {1, 2, 3, 7, 8, 15, 16, 17, 31, 33, 63, 64, 65, 128, 131, 256, 300};

class NormTest : public testing::Test {
 protected:
  void TearDown() override { UseKernelTarget(""); }
};

TEST_F(NormTest, LayerNormMatchesTheReference) {
  for (const std::string& target : KernelTargets()) {
    SCOPED_TRACE(target);
    UseKernelTarget(target);
    for (const int64_t cols : kCols) {
      Guarded x(4, cols, cols + 5, cols % 4), got(4, cols, cols + 2, cols % 3), want(4, cols, cols + 2, 0);
      Guarded gamma(1, cols, cols, 1), beta(1, cols, cols, 2);
      x.Fill(1), gamma.Fill(2), beta.Fill(3);
      for (int64_t c = 0; c < cols; ++c) x.at(1, c) = 1000.0f + 0.5f * x.at(1, c);  // a mean that swamps the differences
      for (int64_t c = 0; c < cols; ++c) x.at(2, c) = 3.0f;                        // no variance
      for (const bool affine : {false, true}) {
        const float* g = affine ? gamma.data() : nullptr;
        const float* b = affine ? beta.data() : nullptr;
        LayerNorm(x.data(), x.ld(), 4, cols, g, b, got.data(), got.ld());
        ref::LayerNorm(x.data(), x.ld(), 4, cols, g, b, want.data(), want.ld(), kLayerNormEps);
        // The row around 1000 keeps 24 - 11 bits of its differences.
        for (int r = 0; r < 4; ++r) {
          for (int64_t c = 0; c < cols; ++c) {
            ASSERT_LE(std::abs(got.at(r, c) - want.at(r, c)), r == 1 ? 2e-3 : 1e-5) << r << " " << c << " of " << cols;
          }
        }
        EXPECT_TRUE(got.Intact());
      }
      Guarded in_place = x;
      LayerNorm(x.data(), x.ld(), 4, cols, gamma.data(), beta.data(), got.data(), got.ld());
      LayerNorm(in_place.data(), x.ld(), 4, cols, gamma.data(), beta.data(), in_place.data(), x.ld());
      EXPECT_EQ(RelativeError(in_place, got), 0.0);
    }
  }
}

void ExpectSameRows(const QuantRows& a, const QuantRows& b) {
  ASSERT_EQ(a.rows, b.rows);
  for (int r = 0; r < a.rows; ++r) {
    if (std::isnan(b.scale[r])) {
      ASSERT_TRUE(std::isnan(a.scale[r])) << r;
    } else {
      ASSERT_EQ(a.scale[r], b.scale[r]) << r;
    }
    for (int64_t c = 0; c < a.ld; ++c) ASSERT_EQ(a.codes[r * a.ld + c], b.codes[r * b.ld + c]) << r << " " << c;
  }
}

TEST_F(NormTest, QuantiseGivesTheBytesOfTheReferenceEverywhere) {
  for (const std::string& target : KernelTargets()) {
    SCOPED_TRACE(target);
    UseKernelTarget(target);
    for (const int64_t cols : kCols) {
      Guarded x(8, cols, cols + 3, cols % 4);
      x.Fill(cols, 2.0f);
      for (int64_t c = 0; c < cols; ++c) {
        x.at(1, c) = 0.0f;
        x.at(2, c) *= 1e30f;
        x.at(3, c) *= 1e-38f;
        x.at(4, c) = static_cast<float>(c % 255) / 2 - 63.5f;  // ties
      }
      x.at(4, 0) = 127.0f;
      x.at(5, cols / 2) = kNan, x.at(6, cols - 1) = -INFINITY;
      QuantBuffer a(8, cols), b(8, cols);
      const QuantRows got = a.Rows(8, cols), want = b.Rows(8, cols);
      const float scale = 0.011f;
      for (const float* act_scale : {static_cast<const float*>(nullptr), &scale}) {
        Quantise(x.data(), x.ld(), got, act_scale);
        ref::Quantise(x.data(), x.ld(), want, act_scale);
        ExpectSameRows(got, want);
        for (int r = 0; r < 8; ++r) {
          for (int64_t c = 0; c < cols; ++c) {
            if (std::isnan(got.scale[r])) continue;
            const double back = (got.codes[r * got.ld + c] - 128) * static_cast<double>(got.scale[r]);
            const double limit = act_scale ? std::max(0.0, std::abs(x.at(r, c)) - 127.0 * scale) : 0.0;
            ASSERT_LE(std::abs(back - x.at(r, c)), limit + 0.50001 * got.scale[r] + 1e-36);
          }
        }
      }
    }
  }
}

TEST_F(NormTest, FusedRowsAreThoseOfTwoCalls) {
  for (const std::string& target : KernelTargets()) {
    SCOPED_TRACE(target);
    UseKernelTarget(target);
    for (const int64_t cols : kCols) {
      Guarded x(5, cols, cols + 1, 1), y(5, cols, cols, 0), gamma(1, cols, cols, 3), beta(1, cols, cols, 0);
      x.Fill(1), gamma.Fill(2), beta.Fill(3);
      QuantBuffer a(5, cols), b(5, cols);
      const QuantRows got = a.Rows(5, cols), want = b.Rows(5, cols);
      LayerNormQuantise(x.data(), x.ld(), gamma.data(), beta.data(), got);
      LayerNorm(x.data(), x.ld(), 5, cols, gamma.data(), beta.data(), y.data(), y.ld());
      Quantise(y.data(), y.ld(), want);
      ExpectSameRows(got, want);
      for (int r = 0; r < 5; ++r) Gelu(&x.at(r, 0), cols, &y.at(r, 0));
      GeluQuantise(x.data(), x.ld(), got);
      Quantise(y.data(), y.ld(), want);
      ExpectSameRows(got, want);
      EXPECT_EQ(RelativeError(x, y), 0.0);
      EXPECT_TRUE(x.Intact());
    }
  }
}

TEST_F(NormTest, ANanReachesTheScaleThroughTheNorm) {
  for (const std::string& target : KernelTargets()) {
    UseKernelTarget(target);
    Guarded x(3, 40, 40, 0);
    x.Fill(1);
    x.at(1, 39) = kNan;
    QuantBuffer buffer(3, 40);
    const QuantRows rows = buffer.Rows(3, 40);
    LayerNormQuantise(x.data(), x.ld(), nullptr, nullptr, rows);
    EXPECT_TRUE(std::isfinite(rows.scale[0]) && std::isnan(rows.scale[1]) && std::isfinite(rows.scale[2])) << target;
  }
}

TEST_F(NormTest, ABufferLendsNoMoreThanItHas) {
  QuantBuffer buffer(3, 40);
  EXPECT_THROW(buffer.Rows(4, 40), Error);
  EXPECT_THROW(buffer.Rows(3, 41), Error);
  EXPECT_EQ(buffer.Rows(2, 30).ld, 64);
}

}  // namespace
}  // namespace takt::nn
