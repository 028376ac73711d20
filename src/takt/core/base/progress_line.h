// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdio>
#include <functional>
#include <memory>
#include <string>

#include "takt/core/base/progress.h"

namespace takt {

enum class ProgressStyle {
  kAuto,   // kLine where `out` is a terminal that can redraw, kPlain otherwise
  kLine,   // one line with a bar, redrawn at most 10 times a second
  kPlain,  // a line when a task begins and ends, and every 10 s
  kJson,   // one JSON object a line when a task begins and ends, and every second
  kQuiet,  // nothing
};

// A ProgressUpdate with what its history tells.
struct ProgressState {
  ProgressUpdate update;
  double elapsed_s = 0;   // since the first update of this task
  double rate_per_s = 0;  // smoothed over about 10 s, in `update.unit`; NaN while it is not known
  double left_s = 0;      // NaN while it is not known
};

// "train  ━━━━━━━━╌╌╌╌╌╌╌╌  50 %  15,000/30,000 iterations  212/s  1:11 left  loss 0.021", without colour or newline,
// at most `width` columns wide: the bar goes first, then the end of the note. `unicode` false: plain ASCII.
std::string FormatProgressLine(const ProgressState& state, size_t width, bool unicode);
// {"progress": {"task", "done", "total", "unit", "note", "elapsed_s", "rate_per_s", "left_s"}}, unknown figures null.
std::string FormatProgressJson(const ProgressState& state);

// Shows ProgressUpdates on `out` (stderr, usually). Any thread may call; a call that has nothing to draw costs a lock
// and a clock. Bytes that could steer a terminal are shown as spaces. Failure to write is ignored: progress is a
// courtesy.
class ProgressLine {
 public:
  using Clock = std::function<double()>;  // seconds, monotonic

  explicit ProgressLine(std::FILE* out, ProgressStyle style = ProgressStyle::kAuto, Clock clock = {});
  ~ProgressLine();  // as Finish
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  void Update(const ProgressUpdate& update);
  // Shows the last update if it was not drawn yet and ends the line. Call it before anything else prints to `out`.
  void Finish();
  // Valid as long as this object lives.
  ProgressSink Sink();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace takt
