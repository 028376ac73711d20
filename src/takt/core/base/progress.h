// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace takt {

// Where long work stands. The library never prints: it calls a ProgressSink, and the command line decides what to show.
struct ProgressUpdate {
  std::string task;      // "train", "score"
  uint64_t done = 0;     // in `unit`
  uint64_t total = 0;    // 0 = not known
  std::string unit;      // "iterations"
  std::string note;      // free text, e.g. "loss 0.021, 150,000 splats"
};
using ProgressSink = std::function<void(const ProgressUpdate&)>;

}  // namespace takt
