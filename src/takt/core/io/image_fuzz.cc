// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>

#include "takt/core/base/error.h"
#include "takt/core/io/image.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    takt::DecodeImage({data, size}, "fuzz");
  } catch (const takt::Error&) {
  }
  return 0;
}
