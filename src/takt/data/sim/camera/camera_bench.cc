// SPDX-License-Identifier: Apache-2.0
#include <benchmark/benchmark.h>

#include <cmath>
#include <filesystem>
#include <numbers>
#include <string>

#include "takt/core/base/clock.h"
#include "takt/data/sim/camera/background.h"
#include "takt/data/sim/camera/camera.h"
#include "takt/data/sim/camera/camera_test_scene.h"
#include "takt/data/splat/scene_file.h"

namespace takt::sim {
namespace {

// The files' y points down; here z points up.
std::shared_ptr<const SplatBackground> Background(const std::string& file) {
  const splat::Splats splats = splat::ReadScene(std::filesystem::path(TAKT_SHARED_DATA) / "splat/files" / file);
  Similarity place;
  place.pose = {Quat(std::sqrt(0.5), -std::sqrt(0.5), 0, 0), {0, 0, 0}};
  return std::make_shared<const SplatBackground>(splats, place);
}

capture::Camera Orbit(double turn_rad, double height_m, int size_px) {
  const Vec3 eye(1.2 * std::sin(turn_rad), -1.2 * std::cos(turn_rad), height_m);
  return CameraFromVerticalFov(size_px, size_px, 0.9, LookAt(eye, {0, 0, 0.05}));
}

// Frames a second of one thread, from its CPU time. Twelve bodies of about 5,000 triangles in all fall and turn from
// frame to frame; `moving` turns the camera too, as one on a wrist does.
void Frames(benchmark::State& state, const char* background, bool moving, double thin_px, bool shadows, int size_px) {
  if (background && !std::filesystem::exists(std::filesystem::path(TAKT_SHARED_DATA) / "splat/files" / background)) {
    return state.SkipWithError("needs ../shared/data/splat/files");
  }
  const TestScene scene = MakeTestScene(12, 18, 1);
  const auto shared = std::make_shared<const CameraScene>(scene.shapes, static_cast<int>(scene.world_from_body.size()));
  auto place = background ? Background(background) : nullptr;
  const auto full = place;
  if (place && thin_px > 0) {
    std::vector<capture::Camera> views;
    for (int i = 0; i < 48; ++i) {
      views.push_back(Orbit(0.137 + i * 2 * std::numbers::pi / 48, i % 2 == 0 ? 0.7 : 1.1, size_px));
    }
    place = full->Thinned(views, thin_px);
    double squares = 0;  // of the full picture against the thinned one, on views between
    splat::Renderer splats;
    splat::Picture a, b;
    for (int i = 0; i < 16; ++i) {
      const auto camera = Orbit(0.02 + i * 2 * std::numbers::pi / 16, 0.9, size_px);
      splats.Forward(full->splats_in_world(), camera, {}, &a);
      splats.Forward(place->splats_in_world(), camera, {}, &b);
      for (size_t k = 0; k < 3 * a.pixels(); ++k) {
        squares += std::pow(a.planes[k] - b.planes[k], 2) / (16.0 * 3.0 * static_cast<double>(a.pixels()));
      }
    }
    state.counters["psnr_db"] = -10 * std::log10(squares);
  }
  CameraRenderer renderer(shared, place);
  CameraOptions options;
  options.light.shadows = shadows;
  CameraFrame frame;
  std::vector<Pose> poses = scene.world_from_body;
  int step = 0;
  const auto draw = [&] {
    for (size_t i = 1; i < poses.size(); ++i) {
      poses[i] = scene.world_from_body[i] * Pose::Yaw(0.01 * step, {0, 0, 0.1 * std::sin(0.1 * step)});
    }
    renderer.Render(poses, Orbit(moving ? 0.02 * step : 0, 0.9, size_px), options, &frame);
    ++step;
  };
  draw();
  const double cpu_s = ThreadCpuSeconds();
  for (auto _ : state) draw();
  const double used_s = ThreadCpuSeconds() - cpu_s;
  state.counters["frames_per_cpu_s"] = static_cast<double>(state.iterations()) / used_s;
  state.counters["triangles"] = static_cast<double>(shared->triangles());
  if (place) state.counters["splats"] = static_cast<double>(place->splats_in_world().size());
}

void BM_Frames(benchmark::State& state, const char* background, bool moving, double thin_px) {
  Frames(state, background, moving, thin_px, true, 128);
}
BENCHMARK_CAPTURE(BM_Frames, plain_fixed, nullptr, false, 0.0)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(BM_Frames, plain_moving, nullptr, true, 0.0)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(BM_Frames, biker_fixed, "biker.spz", false, 0.0)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(BM_Frames, biker_moving, "biker.spz", true, 0.0)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(BM_Frames, guitar_moving, "guitar.compressed.ply", true, 0.0)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(BM_Frames, biker_moving_0_02px, "biker.spz", true, 0.02)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(BM_Frames, biker_moving_0_1px, "biker.spz", true, 0.1)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(BM_Frames, biker_moving_0_3px, "biker.spz", true, 0.3)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(BM_Frames, guitar_moving_0_02px, "guitar.compressed.ply", true, 0.02)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(BM_Frames, guitar_moving_0_1px, "guitar.compressed.ply", true, 0.1)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(BM_Frames, guitar_moving_0_3px, "guitar.compressed.ply", true, 0.3)->Unit(benchmark::kMillisecond);

void BM_FramesWithoutShadows(benchmark::State& state) { Frames(state, nullptr, false, 0, false, 128); }
BENCHMARK(BM_FramesWithoutShadows)->Unit(benchmark::kMillisecond);
void BM_Frames224(benchmark::State& state) { Frames(state, nullptr, false, 0, true, 224); }
BENCHMARK(BM_Frames224)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace takt::sim
