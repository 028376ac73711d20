// SPDX-License-Identifier: Apache-2.0
#include <benchmark/benchmark.h>

#include <string>

#include "takt/data/splat/model/formats.h"

namespace takt::splat {
namespace {

Splats Biker() { return ReadSplats(TAKT_SHARED_DATA "/splat/files/biker.compressed.ply"); }

void Write(benchmark::State& state, Format format) {
  const Splats splats = Biker();
  size_t bytes = 0;
  for (auto _ : state) bytes = EncodeSplats(splats, format).size();
  state.counters["file_bytes"] = static_cast<double>(bytes);
}

void Read(benchmark::State& state, Format format) {
  const auto bytes = EncodeSplats(Biker(), format);
  const std::string name = "a." + std::string(FormatName(format));
  for (auto _ : state) benchmark::DoNotOptimize(ParseSplats(bytes, name));
}

BENCHMARK_CAPTURE(Write, ply, Format::kPly)->Unit(benchmark::kMillisecond)->MeasureProcessCPUTime();
BENCHMARK_CAPTURE(Write, splat, Format::kSplat)->Unit(benchmark::kMillisecond)->MeasureProcessCPUTime();
BENCHMARK_CAPTURE(Write, spz, Format::kSpz)->Unit(benchmark::kMillisecond)->MeasureProcessCPUTime();
BENCHMARK_CAPTURE(Write, compressed_ply, Format::kCompressedPly)
    ->Unit(benchmark::kMillisecond)
    ->MeasureProcessCPUTime();
BENCHMARK_CAPTURE(Read, ply, Format::kPly)->Unit(benchmark::kMillisecond)->MeasureProcessCPUTime();
BENCHMARK_CAPTURE(Read, splat, Format::kSplat)->Unit(benchmark::kMillisecond)->MeasureProcessCPUTime();
BENCHMARK_CAPTURE(Read, spz, Format::kSpz)->Unit(benchmark::kMillisecond)->MeasureProcessCPUTime();
BENCHMARK_CAPTURE(Read, compressed_ply, Format::kCompressedPly)->Unit(benchmark::kMillisecond)->MeasureProcessCPUTime();

}  // namespace
}  // namespace takt::splat
