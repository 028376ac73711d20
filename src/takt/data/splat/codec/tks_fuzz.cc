// SPDX-License-Identifier: Apache-2.0
#include <zlib.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "takt/core/base/error.h"
#include "takt/data/splat/codec/codec.h"

// The checksum is mended first: what is behind it is what must hold.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::vector<uint8_t> bytes(data, data + size);
  if (size > 12) {
    const auto crc = static_cast<uint32_t>(crc32(0, bytes.data() + 12, static_cast<uInt>(size - 12)));
    for (int b = 0; b < 4; ++b) bytes[8 + b] = static_cast<uint8_t>(crc >> (8 * b));
  }
  try {
    takt::splat::DecodeTks(bytes, "fuzz");
  } catch (const takt::Error&) {
  }
  return 0;
}
