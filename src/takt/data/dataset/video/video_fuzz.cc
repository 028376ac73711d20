// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "takt/core/base/error.h"
#include "takt/data/dataset/video/video.h"

// Any bytes give pictures or takt::Error.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    takt::dataset::VideoReader reader(std::vector<uint8_t>(data, data + size), "fuzz");
    const int64_t frames = std::min<int64_t>(reader.info().frames, 4);
    if (reader.info().width_px <= 512 && reader.info().height_px <= 512) {
      reader.Frames(0, frames, [](int64_t, const takt::Image8&) {});
    }
  } catch (const takt::Error&) {
  }
  return 0;
}
