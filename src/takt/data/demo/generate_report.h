// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "takt/core/io/image.h"
#include "takt/data/demo/attempt.h"
#include "takt/data/demo/generate.h"

namespace takt::demo {

inline constexpr size_t kStripFrames = 6;  // pictures of a film strip, evenly over the episode

// What the report shows of single episodes: strips of the first few, ways of the tool and lengths of all.
class Gallery {
 public:
  // `strip`: kStripFrames pictures of each camera, one camera after the other; empty where none are recorded.
  void Add(const Attempt& attempt, std::vector<Image8> strip);

  struct Shown {
    uint64_t attempt = 0;
    std::string instruction;
    std::vector<Image8> strip;
    std::vector<std::vector<float>> joints;  // [T][J + 1]
  };
  const std::vector<Shown>& shown() const { return shown_; }
  const std::vector<double>& frames() const { return frames_; }
  // Where objects were taken and put, in the world [m], first step of the task.
  const std::vector<Vec2>& taken_m() const { return taken_m_; }
  const std::vector<Vec2>& put_m() const { return put_m_; }

 private:
  std::vector<Shown> shown_;
  std::vector<double> frames_;
  std::vector<Vec2> taken_m_, put_m_;
};

// One self-contained HTML page. Errors: io.
void WriteGenerateReport(const GenerateOptions& options, const GenerateReport& report, const Gallery& gallery,
                         const std::filesystem::path& path);

}  // namespace takt::demo
