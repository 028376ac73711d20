// SPDX-License-Identifier: Apache-2.0
#include "takt/core/nn/attention.h"

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

class AttentionTest : public testing::Test {
 protected:
  void TearDown() override { UseKernelTarget(""); }
};

TEST_F(AttentionTest, MatchesTheReference) {
  const AttentionShape shapes[] = {{16, 16, 4, 64}, {10, 10, 4, 64}, {16, 3, 4, 64}, {1, 1, 1, 1},   {7, 13, 3, 20},
                                   {5, 64, 2, 31},  {64, 64, 2, 32}, {3, 145, 1, 80}, {20, 17, 2, 130}};
  for (const std::string& target : KernelTargets()) {
    SCOPED_TRACE(target);
    UseKernelTarget(target);
    for (const AttentionShape& shape : shapes) {
      const int64_t width = static_cast<int64_t>(shape.heads) * shape.head_dim;
      Guarded q(shape.m, width, 3 * width + 1, 1), k(shape.s, width, width + 7, 2), v(shape.s, width, 2 * width, 3);
      Guarded bias(shape.m, shape.s, shape.s + 2, 1), got(shape.m, width, width + 3, 1), want(shape.m, width, width, 0);
      q.Fill(1), k.Fill(2), v.Fill(3);
      CausalBias(shape.m, shape.s, 1, bias.data(), bias.ld());
      Scratch scratch(AttentionScratchBytes(shape));
      for (const float* mask : {static_cast<const float*>(nullptr), static_cast<const float*>(bias.data())}) {
        Attention(shape, q.data(), q.ld(), k.data(), k.ld(), v.data(), v.ld(), mask, bias.ld(), got.data(), got.ld(), scratch);
        ref::Attention(shape, q.data(), q.ld(), k.data(), k.ld(), v.data(), v.ld(), mask, bias.ld(), want.data(), want.ld());
        EXPECT_LE(RelativeError(got, want), 3e-6) << shape.m << " " << shape.s << " " << shape.heads << " " << shape.head_dim;
        EXPECT_TRUE(got.Intact());
      }
    }
  }
}

// What a mask hides cannot change a bit of the result, and a row depends on no other query.
TEST_F(AttentionTest, HiddenKeysAndOtherQueriesDoNotMatter) {
  for (const std::string& target : KernelTargets()) {
    SCOPED_TRACE(target);
    UseKernelTarget(target);
    const AttentionShape shape{9, 21, 2, 24}, one{1, 21, 2, 24};
    Guarded q(9, 48, 48, 0), k(21, 48, 48, 0), v(21, 48, 48, 0), bias(9, 21, 21, 0), a(9, 48, 48, 0), b(9, 48, 48, 0);
    q.Fill(1), k.Fill(2), v.Fill(3);
    CausalBias(9, 21, 3, bias.data(), bias.ld());
    Scratch scratch(AttentionScratchBytes(shape));
    Attention(shape, q.data(), 48, k.data(), 48, v.data(), 48, bias.data(), 21, a.data(), 48, scratch);
    Attention(one, &q.at(4, 0), 48, k.data(), 48, v.data(), 48, &bias.at(4, 0), 21, b.data(), 48, scratch);
    for (int c = 0; c < 48; ++c) ASSERT_EQ(a.at(4, c), b.at(0, c));
    for (int t = 8; t < 21; ++t) {
      for (int c = 0; c < 48; ++c) k.at(t, c) = 9.0f, v.at(t, c) = -5.0f;
    }
    Attention(shape, q.data(), 48, k.data(), 48, v.data(), 48, bias.data(), 21, b.data(), 48, scratch);
    for (int r = 0; r <= 4; ++r) {
      for (int c = 0; c < 48; ++c) ASSERT_EQ(a.at(r, c), b.at(r, c));
    }
    for (int c = 0; c < 48; ++c) ASSERT_NE(a.at(8, c), b.at(8, c));
  }
}

TEST_F(AttentionTest, NanOfAQueryStaysInItsRowAndItsHead) {
  for (const std::string& target : KernelTargets()) {
    UseKernelTarget(target);
    const AttentionShape shape{6, 5, 2, 16};
    Guarded q(6, 32, 32, 0), k(5, 32, 32, 0), v(5, 32, 32, 0), y(6, 32, 32, 0);
    q.Fill(1), k.Fill(2), v.Fill(3);
    q.at(3, 20) = kNan;
    Scratch scratch(AttentionScratchBytes(shape));
    Attention(shape, q.data(), 32, k.data(), 32, v.data(), 32, nullptr, 0, y.data(), 32, scratch);
    for (int r = 0; r < 6; ++r) {
      for (int c = 0; c < 32; ++c) EXPECT_EQ(std::isnan(y.at(r, c)), r == 3 && c >= 16) << target;
    }
    Scratch small(64);
    EXPECT_THROW(Attention(shape, q.data(), 32, k.data(), 32, v.data(), 32, nullptr, 0, y.data(), 32, small), Error);
  }
}

TEST_F(AttentionTest, CausalBiasIsWrittenRowByRow) {
  Guarded bias(3, 4, 6, 0);
  CausalBias(3, 4, 1, bias.data(), 6);
  const bool visible[3][4] = {{true, true, false, false}, {true, true, true, false}, {true, true, true, true}};
  for (int m = 0; m < 3; ++m) {
    for (int t = 0; t < 4; ++t) EXPECT_EQ(bias.at(m, t), visible[m][t] ? 0.0f : -INFINITY);
  }
  EXPECT_TRUE(bias.Intact());
}

}  // namespace
}  // namespace takt::nn
