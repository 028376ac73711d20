// SPDX-License-Identifier: Apache-2.0
#include "takt/train/imitate/fused_ops.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/linear.h>
#include <gtest/gtest.h>

#include <functional>
#include <vector>

#include "takt/core/base/rng.h"

namespace takt::imitate {
namespace {

at::Tensor Numbers(at::IntArrayRef shape, uint64_t stream, float scale) {
  at::Tensor x = at::empty(shape);
  for (int64_t i = 0; i < x.numel(); ++i) x.data_ptr<float>()[i] = scale * Rng(7, stream).Normal4(static_cast<uint64_t>(i))[0];
  return x.set_requires_grad(true);
}

double RelativeError(const at::Tensor& got, const at::Tensor& wanted) {
  return ((got - wanted).norm() / wanted.norm()).item<double>();
}

// Output and gradients of `inputs`, for one random direction of the output.
std::vector<at::Tensor> Differentiate(const std::function<at::Tensor()>& net, std::vector<at::Tensor> inputs) {
  for (at::Tensor& x : inputs) x.mutable_grad() = at::Tensor();
  const at::Tensor out = net();
  (out * Numbers(out.sizes(), 99, 1).detach()).sum().backward();
  std::vector<at::Tensor> all = {out.detach()};
  for (const at::Tensor& x : inputs) all.push_back(x.grad().clone());
  return all;
}

TEST(Bf16, ProductsAndTheirGradientsAreThoseOfF32WithinTheirRounding) {
  const at::Tensor x = Numbers({3, 5, 24}, 1, 1), w1 = Numbers({48, 24}, 2, 0.2f), b1 = Numbers({48}, 3, 0.3f);
  const at::Tensor w2 = Numbers({24, 48}, 4, 0.15f), b2 = Numbers({24}, 5, 0.3f);
  const auto one = Differentiate([&] { return Bf16Linear(x, w1, b1); }, {x, w1, b1});
  const auto one_f32 = Differentiate([&] { return at::linear(x, w1, b1); }, {x, w1, b1});
  for (size_t i = 0; i < one.size(); ++i) EXPECT_LT(RelativeError(one[i], one_f32[i]), 0.006) << i;
  const auto two = Differentiate([&] { return Bf16FeedForward(x, w1, b1, w2, b2); }, {x, w1, b1, w2, b2});
  const auto two_f32 = Differentiate([&] { return at::linear(at::gelu(at::linear(x, w1, b1)), w2, b2); }, {x, w1, b1, w2, b2});
  for (size_t i = 0; i < two.size(); ++i) EXPECT_LT(RelativeError(two[i], two_f32[i]), 0.012) << i;
}

TEST(Bf16, InputsThatNeedNoGradientGetNone) {
  const at::Tensor x = Numbers({4, 8}, 1, 1).detach(), w = Numbers({6, 8}, 2, 1), b = Numbers({6}, 3, 1);
  Bf16Linear(x, w, b).sum().backward();
  EXPECT_FALSE(x.grad().defined());
  EXPECT_TRUE(w.grad().defined());
}

}  // namespace
}  // namespace takt::imitate
