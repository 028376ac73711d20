// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "takt/core/io/image.h"
#include "takt/data/capture/capture.h"

namespace takt::capture {

// Delivers the pictures of a capture: decoded, masked, undistorted, downscaled, 8 bit, 3 channels or 4 (straight alpha)
// where the capture has alpha or masks; the size is the view's camera's. Grey becomes RGB, 16 bit is rounded to 8, a
// mask's first channel multiplies alpha, EXIF orientation is ignored (poses belong to the pixels as stored).
// Keeps the most recently used pictures within max_ram_bytes and reads the others again from disk; the lookup tables of
// distorted lenses live in the same budget, in at most a quarter of it. A picture larger than the budget is delivered
// but not kept. Thread-safe.
// Errors: as ReadImage; bad_input when a picture's size is not what the capture says. not_found for view_idx past the
// end.
// Determinism: bit-identical for any thread count and any order of calls.
// Cost: a kept picture is a lookup; another one is a decode, plus the resampling (see docs/formats/capture.md).
class ViewSource {
 public:
  ViewSource(const Capture& capture, uint64_t max_ram_bytes);
  ~ViewSource();
  ViewSource(const ViewSource&) = delete;
  ViewSource& operator=(const ViewSource&) = delete;

  std::shared_ptr<const Image8> Get(size_t view_idx);
  uint64_t resident_bytes() const;  // pictures and tables kept now; never above max_ram_bytes

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace takt::capture
