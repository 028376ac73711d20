// SPDX-License-Identifier: Apache-2.0
#include <benchmark/benchmark.h>

#include <cmath>
#include <vector>

#include "takt/core/base/parallel.h"
#include "takt/core/base/rng.h"
#include "takt/data/dataset/parquet/parquet.h"

namespace takt::dataset {
namespace {

constexpr size_t kRows = 20'000, kJoints = 34;

// The frames of a robot with 34 joints: smooth joint angles, a clock and counters, 164 bytes a row.
std::vector<Field> Fields() {
  return {ListField("action", ValueKind::kFloat),        ScalarField("timestamp", ValueKind::kFloat),
          ScalarField("frame_index", ValueKind::kInt64), ScalarField("episode_index", ValueKind::kInt64),
          ScalarField("index", ValueKind::kInt64),       ScalarField("task_index", ValueKind::kInt64)};
}

std::vector<Array> Frames() {
  std::vector<float> action, time;
  std::vector<int64_t> frame, zero(kRows, 0);
  const Rng rng(1);
  for (size_t i = 0; i < kRows; ++i) {
    for (size_t j = 0; j < kJoints; ++j) {
      const double phase = 0.003 * static_cast<double>(i * (j + 1));
      action.push_back(static_cast<float>(std::sin(phase)) + 1e-4f * rng.Uniform(i * kJoints + j));
    }
    time.push_back(static_cast<float>(static_cast<double>(i) / 30));
    frame.push_back(static_cast<int64_t>(i));
  }
  return {MakeLists(MakeFloats(action), kJoints),
          MakeFloats(time),
          MakeInt64s(frame),
          MakeInt64s(zero),
          MakeInt64s(frame),
          MakeInt64s(zero)};
}

constexpr int64_t kBytes = kRows * (kJoints * 4 + 4 + 4 * 8);

std::vector<uint8_t> Write(const std::vector<Array>& frames, Codec codec) {
  ParquetWriteOptions options;
  options.codec = codec;
  ParquetWriter writer(ParquetSchema::FromFields(Fields()), {}, options);
  writer.WriteRowGroup(frames);
  return writer.Finish();
}

void WriteFrames(benchmark::State& state) {
  SetThreadCount(1);
  const std::vector<Array> frames = Frames();
  size_t size = 0;
  for (auto _ : state) size = Write(frames, static_cast<Codec>(state.range(0))).size();
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations()) * kBytes);
  state.counters["file_bytes"] = static_cast<double>(size);
}

void ReadFrames(benchmark::State& state) {
  SetThreadCount(1);
  const std::vector<uint8_t> bytes = Write(Frames(), static_cast<Codec>(state.range(0)));
  for (auto _ : state) {
    const ParquetReader reader(bytes, "frames");
    for (size_t f = 0; f < reader.fields().size(); ++f) benchmark::DoNotOptimize(reader.ReadField(0, f));
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations()) * kBytes);
}

void ReadOneScalar(benchmark::State& state) {
  const std::vector<uint8_t> bytes = Write(Frames(), Codec::kSnappy);
  for (auto _ : state) benchmark::DoNotOptimize(ParquetReader(bytes, "frames").ReadField("timestamp"));
}

void EachCodec(benchmark::internal::Benchmark* b) {
  for (const Codec codec : {Codec::kNone, Codec::kSnappy, Codec::kZstd}) b->Arg(static_cast<int64_t>(codec));
  b->ArgName("codec")->Unit(benchmark::kMillisecond);
}
BENCHMARK(WriteFrames)->Apply(EachCodec);
BENCHMARK(ReadFrames)->Apply(EachCodec);
BENCHMARK(ReadOneScalar)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace takt::dataset
