// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <span>
#include <string_view>

#include "takt/core/base/error.h"
#include "takt/data/capture/colmap.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace takt::capture;
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data + 1), size - 1);
  try {
    size_t left_out = 0;
    switch (data[0] % 3) {
      case 0:
        ParseColmapCamerasText(text, "fuzz");
        break;
      case 1:
        ParseColmapImagesText(text, "fuzz");
        break;
      default:
        ParseColmapPointsText(text, "fuzz", left_out);
        break;
    }
  } catch (const takt::Error&) {
  }
  return 0;
}
