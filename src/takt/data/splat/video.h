// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>

#include "takt/core/io/image.h"

namespace takt::splat {

// Writes an MP4 (H.264) by handing raw pictures to the program ffmpeg. The file appears when Finish returns; destroyed
// before that, nothing is left behind.
class VideoWriter {
 public:
  // Errors: unsupported when ffmpeg is not installed; io.
  VideoWriter(const std::filesystem::path& path, int width_px, int height_px, double frames_per_s);
  ~VideoWriter();
  VideoWriter(const VideoWriter&) = delete;
  VideoWriter& operator=(const VideoWriter&) = delete;

  // RGB of the size given above. Errors: io when ffmpeg gave up; bad_input for another size.
  void Add(const Image8& picture);
  void Finish();

 private:
  struct Process;
  std::unique_ptr<Process> process_;
};

}  // namespace takt::splat
