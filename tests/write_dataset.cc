// SPDX-License-Identifier: Apache-2.0
// Writes small datasets in every layout, for readers that are not ours: write_dataset FOLDER.
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include "takt/core/base/error.h"
#include "takt/data/dataset/writer.h"

namespace {

using takt::Image8;
using namespace takt::dataset;  // NOLINT: a program of one file

void Write(const std::filesystem::path& folder, DatasetFormat format, const char* pictures) {
  WriterOptions options;
  options.format = format;
  options.fps = 20;
  options.robot_type = "desk_arm";
  options.features = {VectorFeature("action", {"x", "y", "z"}), VectorFeature("joints", {"a", "b"}, "float64"),
                      ScalarFeature("phase", "int64"), ScalarFeature("word", "string"), ScalarFeature("held", "bool"),
                      PictureFeature("observation.images.top", 32, 48, pictures)};
  DatasetWriter writer(folder, options);
  for (int e = 0; e < 40; ++e) {
    const int frames = 5 + e % 7;
    Episode episode;
    episode.tasks = {e % 3 == 0 ? "stack the cubes" : "put the cube into the bin"};
    std::vector<float> action;
    std::vector<double> joints;
    std::vector<int64_t> phase;
    std::vector<uint8_t> held;
    Blobs words;
    for (int t = 0; t < frames; ++t) {
      for (int d = 0; d < 3; ++d) action.push_back(static_cast<float>(std::sin(0.3 * t + d + e)));
      for (int d = 0; d < 2; ++d) joints.push_back(std::cos(0.1 * t + 2 * d + e));
      phase.push_back(t * 3 / frames - 1);
      held.push_back(t % 2 == 0 ? 1 : 0);
      words.Add(t % 2 == 0 ? "grasp" : "");
      Image8 image(48, 32, 3);
      for (size_t i = 0; i < image.pixels.size(); ++i) image.pixels[i] = static_cast<uint8_t>(i + 9 * e + 3 * t);
      episode.images["observation.images.top"].push_back(std::move(image));
    }
    episode.columns = {{"action", action}, {"joints", joints}, {"phase", phase}, {"word", words}, {"held", held}};
    writer.AddEpisode(episode);
  }
  writer.Finish();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: write_dataset FOLDER\n", stderr);
    return 2;
  }
  try {
    const std::filesystem::path folder = argv[1];
    Write(folder / "v30_video", DatasetFormat::kV30, "video");
    Write(folder / "v30_image", DatasetFormat::kV30, "image");
    Write(folder / "v21_video", DatasetFormat::kV21, "video");
    return 0;
  } catch (const takt::Error& error) {
    std::fprintf(stderr, "write_dataset: %s\n", error.what());
    return 1;
  }
}
