// SPDX-License-Identifier: Apache-2.0
#include "takt/train/imitate/attention.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "takt/core/base/rng.h"

namespace takt::imitate {
namespace {

// As the formula stands, in double.
std::vector<double> Reference(const AttentionShape& s, const std::vector<float>& q, const std::vector<float>& k,
                              const std::vector<float>& v, const std::vector<float>& weights) {
  const size_t dim = s.heads * s.width;
  std::vector<double> out(s.batch * s.rows * dim);
  for (size_t n = 0; n < s.batch; ++n) {
    for (size_t h = 0; h < s.heads; ++h) {
      for (size_t t = 0; t < s.rows; ++t) {
        std::vector<double> e(s.columns);
        double sum = 0;
        for (size_t c = 0; c < s.columns && c <= t + s.ahead; ++c) {
          double dot = 0;
          for (size_t i = 0; i < s.width; ++i) {
            dot += double{q[(n * s.rows + t) * dim + h * s.width + i]} * k[(n * s.columns + c) * dim + h * s.width + i];
          }
          sum += e[c] = std::exp(dot / std::sqrt(static_cast<double>(s.width)));
        }
        for (size_t c = 0; c < s.columns; ++c) {
          // What the dropout chose shows in the signs.
          const bool dropped = std::signbit(weights[((n * s.heads + h) * s.rows + t) * s.columns + c]);
          const double w = dropped ? 0 : e[c] / sum / (1 - s.p_drop);
          for (size_t i = 0; i < s.width; ++i) {
            out[(n * s.rows + t) * dim + h * s.width + i] += w * v[(n * s.columns + c) * dim + h * s.width + i];
          }
        }
      }
    }
  }
  return out;
}

std::vector<float> Numbers(size_t n, uint64_t stream) {
  std::vector<float> values(n);
  for (size_t i = 0; i < n; ++i) values[i] = Rng(3, stream).Normal4(i)[0];
  return values;
}

class Attention : public testing::TestWithParam<AttentionShape> {};

TEST_P(Attention, AgreesWithTheFormulaAndItsDerivative) {
  const AttentionShape s = GetParam();
  const size_t dim = s.heads * s.width;
  const std::vector<float> q = Numbers(s.batch * s.rows * dim, 1), k = Numbers(s.batch * s.columns * dim, 2);
  const std::vector<float> v = Numbers(k.size(), 3), g = Numbers(q.size(), 4);
  std::vector<float> weights(s.batch * s.heads * s.rows * s.columns), out(q.size());
  AttentionForward(s, {q.data(), dim}, {k.data(), dim}, {v.data(), dim}, weights.data(), {out.data(), dim});
  const std::vector<double> expected = Reference(s, q, k, v, weights);
  for (size_t i = 0; i < out.size(); ++i) ASSERT_NEAR(out[i], expected[i], 1e-5) << i;

  std::vector<float> gq(q.size()), gk(k.size()), gv(v.size());
  AttentionBackward(s, {q.data(), dim}, {k.data(), dim}, {v.data(), dim}, weights.data(), {g.data(), dim}, {gq.data(), dim},
                    {gk.data(), dim}, {gv.data(), dim});
  // Along a direction, in each of the three: the derivative of g . out.
  const auto along = [&](int which, double step) {
    std::vector<float> moved[3] = {q, k, v};
    const std::vector<float> direction = Numbers(moved[which].size(), 5);
    for (size_t i = 0; i < direction.size(); ++i) moved[which][i] += static_cast<float>(step * direction[i]);
    const std::vector<double> value = Reference(s, moved[0], moved[1], moved[2], weights);
    double sum = 0;
    for (size_t i = 0; i < value.size(); ++i) sum += value[i] * g[i];
    return sum;
  };
  const std::vector<float>* gradients[3] = {&gq, &gk, &gv};
  for (int which = 0; which < 3; ++which) {
    const double numeric = (along(which, 1e-3) - along(which, -1e-3)) / 2e-3;
    const std::vector<float> direction = Numbers(gradients[which]->size(), 5);
    double analytic = 0;
    for (size_t i = 0; i < direction.size(); ++i) analytic += double{direction[i]} * (*gradients[which])[i];
    EXPECT_NEAR(analytic, numeric, 2e-3 * (1 + std::abs(numeric))) << which;
  }
}

AttentionShape Shape(size_t rows, size_t columns, size_t width, size_t ahead, double p_drop) {
  AttentionShape s;
  s.batch = 3;
  s.heads = 2;
  s.rows = rows;
  s.columns = columns;
  s.width = width;
  s.ahead = ahead;
  s.p_drop = p_drop;
  s.drop_seed = 9;
  return s;
}

INSTANTIATE_TEST_SUITE_P(Shapes, Attention,
                         testing::Values(Shape(16, 16, 32, 0, 0), Shape(16, 3, 32, 1, 0), Shape(36, 36, 32, 1 << 20, 0),
                                         Shape(5, 7, 3, 2, 0), Shape(1, 1, 1, 0, 0), Shape(16, 16, 32, 0, 0.25)));

}  // namespace
}  // namespace takt::imitate
