// SPDX-License-Identifier: Apache-2.0
// Writes a v3.0 dataset of many episodes without pictures and says what an episode costs at the start and at the end.
//
//   dataset_write [--episodes 10000] [--frames 100] [--out DIR] [--sync]
#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "takt/core/base/clock.h"
#include "takt/core/base/error.h"
#include "takt/core/base/rng.h"
#include "takt/data/dataset/writer.h"

namespace {

using namespace takt;           // NOLINT: a program of one file
using namespace takt::dataset;  // NOLINT

int Run(int episodes, int frames, const std::filesystem::path& out, bool sync) {
  WriterOptions options;
  options.fps = 30;
  options.sync = sync;
  const std::vector<std::string> joints = {"j1", "j2", "j3", "j4", "j5", "j6", "gripper"};
  options.features = {VectorFeature("action", joints), VectorFeature("observation.state", joints),
                      VectorFeature("observation.pose", {"x", "y", "z", "qw", "qx", "qy", "qz"})};
  std::filesystem::remove_all(out);
  const double cpu_start = CpuSeconds(), wall_start = WallSeconds();
  std::vector<double> wall_ms, cpu_ms;
  double finish_cpu = 0, finish_wall = 0;
  {
    DatasetWriter writer(out, options);
    for (int e = 0; e < episodes; ++e) {
      Episode episode;
      episode.tasks = {fmt::format("put part {} into the bin", e % 20)};
      const Rng rng(7, static_cast<uint64_t>(e));
      for (const Feature& feature : options.features) {
        std::vector<float> values(static_cast<size_t>(frames) * joints.size());
        for (size_t i = 0; i < values.size(); ++i) {
          values[i] =
              static_cast<float>(0.02 * static_cast<double>(i / joints.size()) + static_cast<double>(rng.Uniform(i)));
        }
        episode.columns[feature.name] = std::move(values);
      }
      episode.extra = {{"seed", e}};
      const double cpu = CpuSeconds(), wall = WallSeconds();
      writer.AddEpisode(episode);
      cpu_ms.push_back(1e3 * (CpuSeconds() - cpu));
      wall_ms.push_back(1e3 * (WallSeconds() - wall));
    }
    const double cpu = CpuSeconds(), wall = WallSeconds();
    const WriteSummary summary = writer.Finish();
    finish_cpu = CpuSeconds() - cpu;
    finish_wall = WallSeconds() - wall;
    fmt::print("{} episodes, {} frames, {:.1f} MB\n", summary.episodes, summary.frames,
               static_cast<double>(summary.bytes) / 1e6);
  }
  const double cpu_s = CpuSeconds() - cpu_start, wall_s = WallSeconds() - wall_start;
  const double real_s = static_cast<double>(episodes) * frames / options.fps;
  const auto mean = [](const std::vector<double>& v, size_t from, size_t to) {
    double sum = 0;
    for (size_t i = from; i < to; ++i) sum += v[i];
    return sum / static_cast<double>(to - from);
  };
  const size_t n = wall_ms.size(), part = std::max<size_t>(1, n / 10);
  fmt::print("CPU {:.1f} s = {:.0f} x real time; wall {:.1f} s = {:.0f} x real time\n", cpu_s, real_s / cpu_s, wall_s,
             real_s / wall_s);
  fmt::print("an episode: first tenth {:.3f} ms CPU ({:.3f} wall), last tenth {:.3f} ms CPU ({:.3f} wall)\n",
             mean(cpu_ms, 0, part), mean(wall_ms, 0, part), mean(cpu_ms, n - part, n), mean(wall_ms, n - part, n));
  fmt::print("Finish: {:.2f} s CPU, {:.2f} s wall\n", finish_cpu, finish_wall);
  std::filesystem::remove_all(out);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  int episodes = 10000, frames = 100;
  bool sync = false;
  std::filesystem::path out = std::filesystem::temp_directory_path() / fmt::format("takt_dataset_write_{}", ::getpid());
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    if (name == "--sync") {
      sync = true;
    } else if (i + 1 < argc && name == "--episodes") {
      episodes = std::atoi(argv[++i]);
    } else if (i + 1 < argc && name == "--frames") {
      frames = std::atoi(argv[++i]);
    } else if (i + 1 < argc && name == "--out") {
      out = argv[++i];
    } else {
      fmt::print(stderr, "usage: dataset_write [--episodes N] [--frames N] [--out DIR] [--sync]\n");
      return 2;
    }
  }
  try {
    return Run(episodes, frames, out, sync);
  } catch (const Error& error) {
    fmt::print(stderr, "dataset_write: {}\n", error.what());
    return 1;
  }
}
