// SPDX-License-Identifier: Apache-2.0
#include <benchmark/benchmark.h>

#include <chrono>
#include <ctime>
#include <filesystem>
#include <string>
#include <vector>

#include "takt/data/splat/model/formats.h"
#include "takt/data/splat/render/renderer.h"
#include "takt/data/splat/render/sensitivity.h"

namespace takt::splat {
namespace {

constexpr int kViews = 4;  // an iteration renders as many: their costs differ with what they see

double WallSeconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double ProcessCpuSeconds() {
  timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

// A derivative of either sign, of the size that a mean over pixels and colours has; coverage does not enter.
Picture Derivative(int width_px, int height_px) {
  Picture d;
  d.Resize(width_px, height_px);
  const float size = 1.0f / static_cast<float>(3 * d.pixels());
  for (size_t i = 0; i < 3 * d.pixels(); ++i) d.planes[i] = (i * 2654435761u >> 16 & 1) != 0 ? size : -size;
  return d;
}

// Frames a second are given twice: by the clock, and from the CPU time of all threads as if two cores did nothing else.
void Render(benchmark::State& state, const char* file, int width_px, int height_px, bool backward) {
  const std::filesystem::path path = std::filesystem::path(TAKT_SHARED_DATA) / "splat" / "files" / file;
  if (!std::filesystem::exists(path)) {
    return state.SkipWithError(("needs ../shared/data/splat/files/" + std::string(file)).c_str());
  }
  const Splats splats = ReadSplats(path);
  const std::vector<capture::Camera> cameras = SphereCameras(splats, kViews, width_px, height_px);
  const Picture d_picture = Derivative(width_px, height_px);
  Renderer renderer;
  Picture picture;
  SplatGradients gradients;
  size_t drawn = 0, entries = 0;
  const auto render = [&] {
    drawn = entries = 0;
    for (const capture::Camera& camera : cameras) {
      renderer.Forward(splats, camera, {}, &picture);
      if (backward) renderer.Backward(splats, picture, d_picture, &gradients);
      drawn += renderer.drawn_splats(), entries += renderer.tile_entries();
    }
  };
  render();  // the work space grows to its size
  const double wall_s = WallSeconds(), cpu_s = ProcessCpuSeconds();
  for (auto _ : state) render();
  const double frames = static_cast<double>(kViews) * static_cast<double>(state.iterations());
  state.counters["frames_per_s"] = frames / (WallSeconds() - wall_s);
  state.counters["frames_per_s_cpu2"] = 2 * frames / (ProcessCpuSeconds() - cpu_s);
  state.counters["splats"] = static_cast<double>(splats.size());
  state.counters["drawn"] = static_cast<double>(drawn) / kViews;
  state.counters["tile_entries"] = static_cast<double>(entries) / kViews;
}

void BM_Forward(benchmark::State& state, const char* file, int width_px, int height_px) {
  Render(state, file, width_px, height_px, false);
}
void BM_ForwardBackward(benchmark::State& state, const char* file, int width_px, int height_px) {
  Render(state, file, width_px, height_px, true);
}

#define TAKT_RENDER_BENCH(function, name, ...) \
  BENCHMARK_CAPTURE(function, name, __VA_ARGS__)->Unit(benchmark::kMillisecond)->MeasureProcessCPUTime()->UseRealTime()

TAKT_RENDER_BENCH(BM_Forward, biker_800x800, "biker.spz", 800, 800);
TAKT_RENDER_BENCH(BM_Forward, biker_1920x1080, "biker.spz", 1920, 1080);
TAKT_RENDER_BENCH(BM_Forward, guitar_800x800, "guitar.compressed.ply", 800, 800);
TAKT_RENDER_BENCH(BM_Forward, guitar_1920x1080, "guitar.compressed.ply", 1920, 1080);
TAKT_RENDER_BENCH(BM_ForwardBackward, biker_800x800, "biker.spz", 800, 800);
TAKT_RENDER_BENCH(BM_ForwardBackward, biker_1920x1080, "biker.spz", 1920, 1080);
TAKT_RENDER_BENCH(BM_ForwardBackward, guitar_800x800, "guitar.compressed.ply", 800, 800);
TAKT_RENDER_BENCH(BM_ForwardBackward, guitar_1920x1080, "guitar.compressed.ply", 1920, 1080);

#undef TAKT_RENDER_BENCH

}  // namespace
}  // namespace takt::splat
