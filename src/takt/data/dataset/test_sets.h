// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "takt/core/base/file.h"
#include "takt/data/dataset/writer.h"

// Small sets for the tests of this folder.
namespace takt::dataset {

// A folder of its own for a test, removed at the end.
class FolderTest : public testing::Test {
 protected:
  void SetUp() override {
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    std::string name = std::string(test->test_suite_name()) + "_" + test->name();
    for (char& c : name) c = c == '/' ? '_' : c;
    // In memory where possible: thousands of runs that sync to a disk would take minutes.
    std::filesystem::path base = "/dev/shm";
    if (::access(base.c_str(), W_OK) != 0) base = std::filesystem::temp_directory_path();
    folder_ = base / ("takt_" + name + "_" + std::to_string(::getpid()));
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::filesystem::path folder_;
};

inline WriterOptions SmallOptions(DatasetFormat format, const std::string& pictures = "video") {
  WriterOptions options;
  options.format = format;
  options.fps = 20;
  options.robot_type = "desk_arm";
  options.features = {VectorFeature("action", {"x", "y", "z"}), VectorFeature("observation.state", {"a", "b"}),
                      ScalarFeature("phase", "int64")};
  if (!pictures.empty()) options.features.push_back(PictureFeature("observation.images.top", 64, 64, pictures));
  options.video.codec = VideoCodec::kH264;
  return options;
}

inline Episode SmallEpisode(int number, int frames, bool pictures = true) {
  Episode episode;
  episode.tasks = {number % 2 == 0 ? "put the cube into the bin" : "stack the cubes"};
  std::vector<float> action, state;
  std::vector<int64_t> phase;
  for (int t = 0; t < frames; ++t) {
    for (int d = 0; d < 3; ++d) action.push_back(static_cast<float>(std::sin(0.1 * t + d + number)));
    for (int d = 0; d < 2; ++d) state.push_back(static_cast<float>(number + d + 0.01 * t));
    phase.push_back(t * 3 / frames);
    if (!pictures) continue;
    Image8 image(64, 64, 3);
    for (int y = 0; y < 64; ++y) {
      for (int x = 0; x < 64; ++x) {
        uint8_t* p = image.row(y) + 3 * x;
        p[0] = static_cast<uint8_t>(4 * x);
        p[1] = static_cast<uint8_t>(4 * y);
        p[2] = static_cast<uint8_t>(20 * number + 40);
        if (x > t && x < t + 12 && y > 20 && y < 40) p[0] = p[1] = p[2] = 230;
      }
    }
    episode.images["observation.images.top"].push_back(std::move(image));
  }
  episode.columns["action"] = action;
  episode.columns["observation.state"] = state;
  episode.columns["phase"] = phase;
  episode.extra = {{"seed", 1000 + number}, {"recipe", "bench"}};
  return episode;
}

inline void WriteSmallSet(const std::filesystem::path& folder, const WriterOptions& options, int episodes,
                          int first = 0) {
  DatasetWriter writer(folder, options);
  bool pictures = false;
  for (const Feature& feature : options.features) pictures = pictures || feature.IsPicture();
  for (int i = first; i < first + episodes; ++i) writer.AddEpisode(SmallEpisode(i, 12 + i % 5, pictures));
  writer.Finish();
}

// Every file with its bytes.
inline std::map<std::string, std::vector<uint8_t>> FilesIn(const std::filesystem::path& folder) {
  std::map<std::string, std::vector<uint8_t>> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file() && !entry.is_symlink()) continue;
    const std::string name = std::filesystem::relative(entry.path(), folder).string();
    files[name] = entry.is_symlink() ? std::vector<uint8_t>{'l'} : ReadFile(entry.path());
  }
  return files;
}

inline void ExpectSameFiles(const std::filesystem::path& a, const std::filesystem::path& b) {
  const auto left = FilesIn(a), right = FilesIn(b);
  for (const auto& [name, bytes] : left) {
    const auto found = right.find(name);
    if (found == right.end()) {
      ADD_FAILURE() << name << " is only in " << a;
    } else if (found->second != bytes) {
      ADD_FAILURE() << name << " differs: " << bytes.size() << " and " << found->second.size() << " bytes";
    }
  }
  for (const auto& [name, bytes] : right) {
    if (left.find(name) == left.end()) ADD_FAILURE() << name << " is only in " << b;
  }
}

}  // namespace takt::dataset
