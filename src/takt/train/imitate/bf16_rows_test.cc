// SPDX-License-Identifier: Apache-2.0
#include "takt/train/imitate/bf16_rows.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <vector>

#include "takt/core/base/parallel.h"
#include "takt/core/base/rng.h"
#include "takt/core/nn/nn_ref.h"

namespace takt::imitate {
namespace {

std::vector<float> Numbers(size_t n, uint64_t stream, float scale) {
  std::vector<float> values(n);
  for (size_t i = 0; i < n; ++i) values[i] = scale * Rng(5, stream).Normal4(i)[0];
  return values;
}

float Value(uint16_t half) { return std::bit_cast<float>(static_cast<uint32_t>(half) << 16); }

std::vector<uint16_t> Halves(const std::vector<float>& x) {
  std::vector<uint16_t> out;
  for (const float v : x) out.push_back(static_cast<uint16_t>(std::bit_cast<uint32_t>(nn::ref::RoundToBf16(v)) >> 16));
  return out;
}

// One that fills vectors, and one that fills neither them nor the last block of rows.
class Bf16Rows : public testing::TestWithParam<RowShape> {
 protected:
  RowShape shape_ = GetParam();
  size_t n_ = shape_.rows * shape_.columns;
  std::vector<float> x_ = Numbers(n_, 1, 2.0f), bias_ = Numbers(shape_.columns, 2, 0.5f);
};

TEST_P(Bf16Rows, RoundsToNearestAndAddsUp) {
  std::vector<uint16_t> out(n_), again(n_);
  std::vector<float> sums(shape_.columns, 7.0f);
  ToBf16(shape_, x_.data(), out.data());
  EXPECT_EQ(out, Halves(x_));
  ToBf16WithSums(shape_, x_.data(), again.data(), sums.data());
  EXPECT_EQ(again, out);
  for (size_t c = 0; c < shape_.columns; ++c) {
    double sum = 0;
    for (size_t r = 0; r < shape_.rows; ++r) sum += x_[r * shape_.columns + c];
    EXPECT_NEAR(sums[c], sum, 1e-3);
  }
}

TEST_P(Bf16Rows, WidensAndAddsTheBias) {
  const std::vector<uint16_t> halves = Halves(x_);
  std::vector<float> plain(n_), biased(n_);
  FromBf16(shape_, halves.data(), nullptr, plain.data());
  FromBf16(shape_, halves.data(), bias_.data(), biased.data());
  for (size_t i = 0; i < n_; ++i) {
    ASSERT_EQ(plain[i], Value(halves[i]));
    ASSERT_EQ(biased[i], Value(halves[i]) + bias_[i % shape_.columns]);
  }
}

TEST_P(Bf16Rows, GeluAndItsDerivativeAgreeWithTheFormula) {
  std::vector<uint16_t> x = Halves(x_), g = Halves(Numbers(n_, 3, 1.0f)), out(n_), back(n_);
  x[0] = Halves({-bias_[0]})[0];  // near zero after the bias
  std::vector<float> sums(shape_.columns);
  GeluForward(shape_, x.data(), bias_.data(), out.data());
  GeluBackward(shape_, x.data(), bias_.data(), g.data(), back.data(), sums.data());
  std::vector<double> expected_sums(shape_.columns);
  for (size_t i = 0; i < n_; ++i) {
    const double v = double{Value(x[i])} + bias_[i % shape_.columns];
    ASSERT_NEAR(Value(out[i]), nn::ref::Gelu(v), 5e-5 + std::abs(nn::ref::Gelu(v)) / 250) << v;
    const double slope = 0.5 * std::erfc(-v * std::sqrt(0.5)) + v * std::exp(-0.5 * v * v) * 0.3989422804014327;
    const double expected = slope * Value(g[i]);
    ASSERT_NEAR(Value(back[i]), expected, 5e-5 + std::abs(expected) / 250) << v;
    expected_sums[i % shape_.columns] += expected;
  }
  for (size_t c = 0; c < shape_.columns; ++c) EXPECT_NEAR(sums[c], expected_sums[c], 1e-3);

  // In place, and with one thread: the same bytes.
  std::vector<float> serial_sums(shape_.columns);
  RunSerially([&] { GeluBackward(shape_, x.data(), bias_.data(), g.data(), g.data(), serial_sums.data()); });
  EXPECT_EQ(g, back);
  EXPECT_EQ(serial_sums, sums);
}

INSTANTIATE_TEST_SUITE_P(Shapes, Bf16Rows, testing::Values(RowShape{256, 32}, RowShape{301, 19}, RowShape{1, 5}),
                         [](const auto& info) { return "S" + std::to_string(info.param.rows) + "x" + std::to_string(info.param.columns); });

}  // namespace
}  // namespace takt::imitate
