// SPDX-License-Identifier: Apache-2.0
#include <benchmark/benchmark.h>

#include <cmath>
#include <vector>

#include "takt/core/base/rng.h"
#include "takt/data/dataset/video/video.h"

namespace takt::dataset {
namespace {

// 150 frames of 128x128: a textured bench that stands still and an arm that moves over it.
std::vector<Image8> Episode() {
  const int size = 128;
  std::vector<Image8> film;
  for (int t = 0; t < 150; ++t) {
    Image8 image(size, size, 3);
    const double cx = 64 + 40 * std::cos(t * 0.05), cy = 64 + 30 * std::sin(t * 0.07);
    for (int y = 0; y < size; ++y) {
      for (int x = 0; x < size; ++x) {
        uint8_t* p = image.row(y) + 3 * x;
        const double grain = 12 * std::sin(x * 1.7 + y * 2.3) * std::sin(x * 0.31 - y * 0.77);
        for (int c = 0; c < 3; ++c) p[c] = static_cast<uint8_t>(110 + 20 * c + x / 4 + grain);
        if (std::hypot(x - cx, y - cy) < 14) p[0] = 220, p[1] = 60, p[2] = 40;
        if (std::abs(x - cx) < 5 && y < cy) p[0] = p[1] = p[2] = static_cast<uint8_t>(60 + y / 4);
      }
    }
    film.push_back(std::move(image));
  }
  return film;
}

void Encode(benchmark::State& state) {
  const std::vector<Image8> film = Episode();
  VideoOptions options;
  options.codec = state.range(0) == 0 ? VideoCodec::kH264 : VideoCodec::kAv1;
  options.preset = static_cast<int>(state.range(1));
  size_t bytes = 0;
  for (auto _ : state) bytes = EncodeMp4(film, options).size();
  double error = 0;
  VideoReader reader(EncodeMp4(film, options), "film");
  reader.Frames(0, 150, [&](int64_t i, const Image8& frame) {
    for (size_t k = 0; k < frame.pixels.size(); ++k) {
      const double d = int{frame.pixels[k]} - film[static_cast<size_t>(i)].pixels[k];
      error += d * d;
    }
  });
  error /= 150.0 * 128 * 128 * 3;
  state.counters["bytes"] = static_cast<double>(bytes);
  state.counters["psnr_db"] = 10 * std::log10(255 * 255 / error);
}
BENCHMARK(Encode)
    ->ArgNames({"av1", "preset"})
    ->ArgsProduct({{0}, {0, 1, 2, 3, 5}})
    ->ArgsProduct({{1}, {6, 8, 10, 12, 13}})
    ->Unit(benchmark::kMillisecond)
    ->MeasureProcessCPUTime();

void Decode(benchmark::State& state) {
  VideoOptions options;
  options.codec = state.range(0) == 0 ? VideoCodec::kH264 : VideoCodec::kAv1;
  const std::vector<uint8_t> bytes = EncodeMp4(Episode(), options);
  for (auto _ : state) {
    VideoReader reader(bytes, "film");
    reader.Frames(0, 150, [](int64_t, const Image8& frame) { benchmark::DoNotOptimize(frame.pixels.data()); });
  }
}
BENCHMARK(Decode)->ArgName("av1")->Arg(0)->Arg(1)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace takt::dataset
