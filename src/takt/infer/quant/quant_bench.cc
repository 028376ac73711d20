// SPDX-License-Identifier: Apache-2.0
#include <benchmark/benchmark.h>

#include "takt/core/base/parallel.h"
#include "takt/infer/quant/error_report.h"
#include "takt/infer/quant/quantise.h"
#include "takt/infer/quant/test_matrices.h"
#include "takt/infer/quant/test_policy.h"

namespace takt::quant {
namespace {

// One product of N = 256 outputs and K = 1024 inputs, the largest of D = 256.
void BenchGptq(benchmark::State& state) {
  const int n = 256;
  const int64_t k = 1024;
  const int bits = static_cast<int>(state.range(0));
  const std::vector<float> w = RandomMatrix(n, k, 1);
  const std::vector<double> moments = CorrelatedMoments(k, 2);
  QuantLinear linear;
  for (auto _ : state) linear = Gptq(w, n, k, bits, bits == 8 ? k : 64, moments);
  const QuantLinear nearest = bits == 8 ? RoundInt8(w, n, k) : RoundInt4(w, n, k, 64);
  state.counters["error_of_nearest"] = MomentError(w, linear, moments) / MomentError(w, nearest, moments);
}
BENCHMARK(BenchGptq)->Arg(8)->Arg(4)->Unit(benchmark::kMillisecond)->MeasureProcessCPUTime();

// The policy of the yardstick: D = 256, 8 layers.
struct Large {
  policy::PolicyConfig config = TestConfig(256, 8);
  std::shared_ptr<policy::Model> model = TestModel(config, 3);
  std::vector<std::vector<policy::Observation>> windows = TestWindows(config, 4, 1);
};

CalibrateOptions Few() {
  CalibrateOptions options;
  options.sampler = policy::Sampler::kDdim, options.steps = 25;
  return options;
}

void BenchCalibrate(benchmark::State& state) {
  const Large large;
  for (auto _ : state) benchmark::DoNotOptimize(Calibrate(large.model, large.windows, Few()));
  state.counters["chunks"] = static_cast<double>(large.windows.size());
}
BENCHMARK(BenchCalibrate)->Unit(benchmark::kMillisecond)->MeasureProcessCPUTime()->Iterations(1);

void BenchQuantise(benchmark::State& state) {
  const Large large;
  const Calibration calibration = Calibrate(large.model, large.windows, Few());
  QuantiseOptions options;
  options.precision = state.range(0) == 8 ? nn::Precision::kW8A8 : nn::Precision::kW4A8;
  options.method = state.range(1) ? Method::kGptq : Method::kRtn;
  QuantiseResult result;
  for (auto _ : state) result = Quantise(*large.model, options, calibration);
  double sum = 0;
  const std::vector<ProductError> errors =
      ProductErrors(result, Calibrate(large.model, TestWindows(large.config, 2, 5), Few()));
  for (const ProductError& error : errors) sum += error.sqnr_db;
  state.counters["unseen_sqnr_db"] = sum / static_cast<double>(errors.size());
  state.counters["file_bytes"] = static_cast<double>(EncodeQuantFile(result.file).size());
}
BENCHMARK(BenchQuantise)
    ->ArgNames({"bits", "gptq"})
    ->ArgsProduct({{8, 4}, {0, 1}})
    ->Unit(benchmark::kMillisecond)
    ->MeasureProcessCPUTime()
    ->Iterations(1);

}  // namespace
}  // namespace takt::quant
