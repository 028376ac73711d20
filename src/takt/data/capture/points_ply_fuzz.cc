// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <span>
#include <string_view>

#include "takt/core/base/error.h"
#include "takt/data/capture/points_ply.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace takt::capture;
  try {
    size_t left_out = 0;
    ParsePlyPoints(std::span(data, size), "fuzz", left_out);
  } catch (const takt::Error&) {
  }
  return 0;
}
