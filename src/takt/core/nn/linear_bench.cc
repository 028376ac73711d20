// SPDX-License-Identifier: Apache-2.0
// Matrix products on one thread, by its CPU time: ours against the peak of this core's multipliers and against oneDNN.
//
//   takt_nn_bench --benchmark_filter='w8a8'
//
// Every row gives GOPS (2 M N K / s; G = 1e9) and its share of the peak that a loop on registers alone reaches, measured in the
// same process right before and after. Weights lie where the shape lets them: "cold" cycles through so many copies of the layer
// that they come from the third-level cache or from memory, as they do in a policy of many layers.
#include <benchmark/benchmark.h>

#include <omp.h>
#include <oneapi/dnnl/dnnl.hpp>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "takt/core/base/clock.h"
#include "takt/core/base/rng.h"
#include "takt/core/nn/linear.h"
#include "takt/core/nn/norm.h"
#include "takt/core/nn/peak_simd.h"
#include "takt/core/nn/targets.h"

namespace takt::nn {
namespace {

struct Shape {
  const char* name;
  int m, n;
  int64_t k;
};
constexpr Shape kShapes[] = {
    {"dpt_qkv", 16, 768, 256},       {"dpt_proj", 16, 256, 256},         {"dpt_up", 16, 1024, 256},
    {"dpt_down", 16, 256, 1024},     {"dpt_up_m10", 10, 1024, 256},      {"dpt_up_m64", 64, 1024, 256},
    {"dpt_up_m145", 145, 1024, 256}, {"smolvla_up", 256, 2560, 960},     {"smolvla_down", 256, 960, 2560},
    {"pi0_gate", 560, 16384, 2048},  {"pi0_expert", 50, 4096, 1024},
};

std::vector<float> Numbers(size_t n, uint64_t seed) {
  std::vector<float> x(n);
  const Rng rng(seed, 1);
  for (size_t i = 0; i < n; i += 4) {
    const auto four = rng.Normal4(i);
    for (size_t j = i; j < std::min(n, i + 4); ++j) x[j] = four[j - i];
  }
  return x;
}

double Peak(Precision p) {
  const PeakKind kind = p == Precision::kF32 ? PeakKind::kF32 : p == Precision::kBf16 ? PeakKind::kBf16 : PeakKind::kInt8;
  return PeakGops(kind);
}

// Calls work(i) for the whole budget of the benchmark; the best of many short samples counts, since others use the machine.
template <class Work>
void Measure(benchmark::State& state, const Shape& s, Precision precision, const Work& work) {
  const double ops = 2.0 * s.m * static_cast<double>(s.n) * static_cast<double>(s.k);
  const int calls = std::max(1, static_cast<int>(2e8 / ops));
  for (int i = 0; i < calls; ++i) work(i);
  double peak = Peak(precision), best_s = 1e30;
  int at = 0;
  for (auto _ : state) {
    const double begin_s = ThreadCpuSeconds();
    for (int i = 0; i < calls; ++i) work(at++);
    const double spent_s = (ThreadCpuSeconds() - begin_s) / calls;
    best_s = std::min(best_s, spent_s);
    state.SetIterationTime(spent_s);
  }
  peak = std::max(peak, Peak(precision));
  state.counters["GOPS"] = ops / best_s * 1e-9;
  state.counters["us"] = best_s * 1e6;
  if (peak > 0) state.counters["peak_%"] = 100 * ops / best_s * 1e-9 / peak;
}

int Copies(const Shape& s, Precision p, bool cold) {
  if (!cold) return 1;
  const double bytes = static_cast<double>(s.n) * static_cast<double>(s.k) * (p == Precision::kF32 ? 4 : p == Precision::kBf16 ? 2 : 1);
  return std::max(1, static_cast<int>(std::ceil(8e6 / bytes)));
}

Linear MakeLinear(const Shape& s, Precision p) {
  const size_t count = static_cast<size_t>(s.n) * s.k;
  const std::vector<float> w = Numbers(std::min<size_t>(count, 1 << 20), 3);
  const std::vector<float> bias = Numbers(s.n, 4);
  std::vector<int8_t> q(count);
  std::vector<float> wide(p == Precision::kF32 || p == Precision::kBf16 ? count : 0);
  const float step = p == Precision::kW4A8 ? 0.5f : 0.03f, limit = p == Precision::kW4A8 ? 7.0f : 127.0f;
  for (size_t i = 0; i < count; ++i) {
    const float value = w[i % w.size()];
    if (!wide.empty()) wide[i] = value;
    q[i] = static_cast<int8_t>(std::clamp(std::round(value / step), -limit, limit));
  }
  switch (p) {
    case Precision::kF32: return Linear::PackF32(wide.data(), bias.data(), s.n, s.k);
    case Precision::kBf16: return Linear::PackBf16(wide.data(), bias.data(), s.n, s.k);
    case Precision::kW8A8: {
      const std::vector<float> scale(s.n, step);
      return Linear::PackW8(q.data(), scale.data(), bias.data(), s.n, s.k);
    }
    case Precision::kW4A8: {
      const std::vector<float> scale(static_cast<size_t>(s.n) * ((s.k + 127) / 128), step);
      return Linear::PackW4(q.data(), scale.data(), 128, bias.data(), s.n, s.k);
    }
  }
  return {};
}

// From f32 to f32: for integers the quantisation of the activations is inside.
void Ours(benchmark::State& state, Shape s, Precision p, bool cold, std::string target) {
  UseKernelTarget(target);
  const std::vector<float> x = Numbers(static_cast<size_t>(s.m) * s.k, 5);
  std::vector<float> y(static_cast<size_t>(s.m) * s.n);
  std::vector<Linear> layers;
  for (int i = 0; i < Copies(s, p, cold); ++i) layers.push_back(MakeLinear(s, p));
  Scratch scratch(layers[0].ScratchBytes(s.m));
  Measure(state, s, p, [&](int i) {
    layers[i % layers.size()].Apply(x.data(), s.k, s.m, y.data(), s.n, Epilogue::kStore, scratch);
  });
  UseKernelTarget("");
}

// What oneDNN needs for the same product, weights in the layout that it likes best. For int8 its input is u8 codes and its
// output f32 scaled for each channel: the quantisation is not counted.
void OneDnn(benchmark::State& state, Shape s, Precision p, bool cold) {
  using namespace dnnl;
  using memory_type = memory::data_type;
  using tag = memory::format_tag;
  omp_set_num_threads(1);
  const engine cpu(engine::kind::cpu, 0);
  stream queue(cpu);
  const memory_type in = p == Precision::kF32 ? memory_type::f32 : p == Precision::kBf16 ? memory_type::bf16 : memory_type::u8;
  const memory_type weight = p == Precision::kW8A8 ? memory_type::s8 : in;
  const memory::desc source({s.m, s.k}, in, tag::ab), any({s.n, s.k}, weight, tag::any);
  const memory::desc bias_desc({s.n}, memory_type::f32, tag::a), target({s.m, s.n}, memory_type::f32, tag::ab);
  primitive_attr attributes;
  if (p == Precision::kW8A8) attributes.set_output_scales(2, std::vector<float>(s.n, 0.001f));
  const inner_product_forward::desc what(prop_kind::forward_inference, source, any, bias_desc, target);
  const inner_product_forward::primitive_desc how(what, attributes, cpu);
  const inner_product_forward product(how);
  memory x(source, cpu), y(target, cpu), bias(bias_desc, cpu);
  std::memset(x.get_data_handle(), 1, source.get_size());
  std::memset(bias.get_data_handle(), 0, bias_desc.get_size());
  std::vector<memory> weights;
  for (int i = 0; i < Copies(s, p, cold); ++i) {
    weights.emplace_back(how.weights_desc(), cpu);
    std::memset(weights.back().get_data_handle(), 1, how.weights_desc().get_size());
  }
  Measure(state, s, p, [&](int i) {
    product.execute(queue, {{DNNL_ARG_SRC, x}, {DNNL_ARG_WEIGHTS, weights[i % weights.size()]}, {DNNL_ARG_BIAS, bias}, {DNNL_ARG_DST, y}});
  });
}

struct Kind {
  const char* name;
  Precision precision;
};
constexpr Kind kKinds[] = {
    {"f32", Precision::kF32}, {"bf16", Precision::kBf16}, {"w8a8", Precision::kW8A8}, {"w4a8", Precision::kW4A8}};

[[maybe_unused]] const bool registered = [] {
  for (const Shape& s : kShapes) {
    for (const Kind& kind : kKinds) {
      for (const bool cold : {false, true}) {
        if (cold && (s.m > 64 || s.n * s.k > 8000000)) continue;
        const std::string where = std::string("/") + s.name + (cold ? "/cold" : "");
        const auto configure = [s](benchmark::internal::Benchmark* b) {
          b->UseManualTime()->Iterations(2.0 * s.m * s.n * static_cast<double>(s.k) > 4e9 ? 6 : 40)->Unit(benchmark::kMicrosecond);
        };
        const Precision p = kind.precision;
        configure(benchmark::RegisterBenchmark((kind.name + where + "/takt").c_str(),
                                               [=](benchmark::State& state) { Ours(state, s, p, cold, ""); }));
        if (p != Precision::kW4A8) {
          configure(benchmark::RegisterBenchmark((kind.name + where + "/onednn").c_str(),
                                                 [=](benchmark::State& state) { OneDnn(state, s, p, cold); }));
        }
        if (!cold && s.m == 256) {
          for (const std::string& target : KernelTargets()) {
            configure(benchmark::RegisterBenchmark((kind.name + where + "/" + target).c_str(),
                                                   [=](benchmark::State& state) { Ours(state, s, p, false, target); }));
          }
        }
      }
    }
  }
  return true;
}();

}  // namespace
}  // namespace takt::nn
