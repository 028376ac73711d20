// SPDX-License-Identifier: Apache-2.0
#include <benchmark/benchmark.h>

#include <filesystem>

#include "takt/data/capture/undistort.h"
#include "takt/data/capture/view_source.h"

namespace takt::capture {
namespace {

const Lens kPhone = {LensModel::kOpenCv,
                     1080,
                     1920,
                     {1375.52, 1374.49, 554.558, 965.268, 0.0578421, -0.0805099, -0.000980296, 0.00015575}};

void BM_UndistortedCamera(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(UndistortedCamera(kPhone, "lens"));
}
BENCHMARK(BM_UndistortedCamera)->Unit(benchmark::kMillisecond)->UseRealTime();

void BM_UndistortMap(benchmark::State& state) {
  const Camera camera = UndistortedCamera(kPhone, "lens");
  for (auto _ : state) benchmark::DoNotOptimize(UndistortMap(kPhone, camera).size_bytes());
}
BENCHMARK(BM_UndistortMap)->Unit(benchmark::kMillisecond)->UseRealTime();

// A 1080 x 1920 picture of state.range(0) channels.
void BM_UndistortApply(benchmark::State& state) {
  const UndistortMap map(kPhone, UndistortedCamera(kPhone, "lens"));
  Image8 picture(kPhone.width_px, kPhone.height_px, static_cast<int>(state.range(0)));
  for (size_t i = 0; i < picture.pixels.size(); ++i) picture.pixels[i] = static_cast<uint8_t>(i * 2654435761u >> 24);
  for (auto _ : state) benchmark::DoNotOptimize(map.Apply(picture).pixels.data());
}
BENCHMARK(BM_UndistortApply)->Arg(3)->Arg(4)->Unit(benchmark::kMillisecond)->UseRealTime();

// Photograph to undistorted picture: decode and resample, nothing kept but the table of the lens.
void BM_GetFox(benchmark::State& state) {
  const auto path = std::filesystem::path(TAKT_SHARED_DATA) / "splat" / "fox";
  if (!std::filesystem::exists(path)) return state.SkipWithError("needs ../shared/data/splat/fox");
  ViewSource source(LoadCapture(path), uint64_t{70} << 20);
  size_t view_idx = 0;
  for (auto _ : state) benchmark::DoNotOptimize(source.Get(view_idx++ % 50));
}
BENCHMARK(BM_GetFox)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
}  // namespace takt::capture
