// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "takt/core/io/image.h"
#include "takt/data/capture/capture.h"

namespace takt::capture {

// Delivers the pictures of a capture: decoded, undistorted, downscaled, 8 bit, 3 channels or 4 where the capture has
// alpha or masks. Keeps the most recently used ones within max_ram_bytes and reads the others again from disk.
// Thread-safe. Errors: as ReadImage; bad_input when a picture's size is not the camera's.
class ViewSource {
 public:
  ViewSource(const Capture& capture, uint64_t max_ram_bytes);
  ~ViewSource();
  ViewSource(const ViewSource&) = delete;
  ViewSource& operator=(const ViewSource&) = delete;

  std::shared_ptr<const Image8> Get(size_t view_idx);
  uint64_t resident_bytes() const;  // pictures kept now

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace takt::capture
