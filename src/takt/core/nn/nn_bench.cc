// SPDX-License-Identifier: Apache-2.0
// What stands between the products of a policy, on one thread, by its CPU time: the best of 200 samples.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <vector>

#include "takt/core/base/clock.h"
#include "takt/core/base/rng.h"
#include "takt/core/nn/activation.h"
#include "takt/core/nn/attention.h"
#include "takt/core/nn/norm.h"

namespace takt::nn {
namespace {

std::vector<float> Numbers(size_t n, uint64_t seed) {
  std::vector<float> x(n);
  for (size_t i = 0; i < n; ++i) x[i] = Rng(seed).Normal4(i)[0];
  return x;
}

// elements: what the time is divided by.
template <class Work>
void Measure(benchmark::State& state, double elements, const Work& work) {
  constexpr int kCalls = 50;
  double best_s = 1e30;
  for (auto _ : state) {
    const double begin_s = ThreadCpuSeconds();
    for (int i = 0; i < kCalls; ++i) work();
    const double spent_s = ThreadCpuSeconds() - begin_s;
    best_s = std::min(best_s, spent_s / kCalls);
    state.SetIterationTime(spent_s);
  }
  state.counters["us"] = best_s * 1e6;
  state.counters["ns_each"] = best_s * 1e9 / elements;
}

void BmAttention(benchmark::State& state) {
  const AttentionShape shape{static_cast<int>(state.range(0)), static_cast<int>(state.range(1)), 4, 64};
  const std::vector<float> q = Numbers(shape.m * 768, 1), k = Numbers(shape.s * 768, 2), v = Numbers(shape.s * 768, 3);
  std::vector<float> y(shape.m * 256), bias(shape.m * shape.s);
  CausalBias(shape.m, shape.s, 1, bias.data(), shape.s);
  Scratch scratch(AttentionScratchBytes(shape));
  Measure(state, shape.m, [&] {
    Attention(shape, q.data(), 768, k.data(), 768, v.data(), 768, bias.data(), shape.s, y.data(), 256, scratch);
  });
  state.counters["GFLOPS"] = 4.0 * shape.m * shape.s * 256 / (state.counters["us"] * 1e3);
}

void BmRows(benchmark::State& state) {
  const int rows = 16, cols = static_cast<int>(state.range(1));
  std::vector<float> x = Numbers(rows * cols, 1), gamma = Numbers(cols, 2), y(rows * cols);
  QuantBuffer buffer(rows, cols);
  const QuantRows out = buffer.Rows(rows, cols);
  Measure(state, rows * cols, [&] {
    switch (state.range(0)) {
      case 0: return LayerNorm(x.data(), cols, rows, cols, gamma.data(), gamma.data(), y.data(), cols);
      case 1: return LayerNormQuantise(x.data(), cols, gamma.data(), gamma.data(), out);
      case 2: return Quantise(x.data(), cols, out);
      case 3: return Gelu(x.data(), x.size(), y.data());
      case 4: return Mish(x.data(), x.size(), y.data());
      case 5: return Silu(x.data(), x.size(), y.data());
    }
  });
  constexpr const char* kNames[] = {"LayerNorm", "LayerNormQuantise", "Quantise", "Gelu", "Mish", "Silu"};
  state.SetLabel(kNames[state.range(0)]);
}

BENCHMARK(BmAttention)->UseManualTime()->Iterations(200)->Args({16, 16})->Args({16, 3})->Args({10, 10})->Args({64, 64})->Args({145, 145});
BENCHMARK(BmRows)->UseManualTime()->Iterations(200)->ArgsProduct({{0, 1, 2}, {256, 1024}})->ArgsProduct({{3, 4, 5}, {1024}});

}  // namespace
}  // namespace takt::nn
