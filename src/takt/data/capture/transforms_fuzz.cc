// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <span>
#include <string_view>

#include "takt/core/base/error.h"
#include "takt/data/capture/transforms.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace takt::capture;
  try {
    const TransformsFile file = ParseTransforms({reinterpret_cast<const char*>(data), size}, "fuzz");
    for (const auto& frame : file.frames) LensOf(frame.intrinsics, 64, 48, "fuzz");
  } catch (const takt::Error&) {
  }
  return 0;
}
