// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "takt/core/base/error.h"
#include "takt/data/splat/model/formats.h"

// Reading may fail in an orderly way; what was read can be written and read again.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace takt::splat;
  Splats splats;
  try {
    splats = ParseSplats(std::span(data, size), "fuzz.compressed.ply");
  } catch (const takt::Error& e) {
    if (e.code() == takt::ErrorCode::kInternal) std::abort();
    return 0;
  }
  const auto bytes = EncodeSplats(splats, Format::kCompressedPly);
  if (ParseSplats(bytes, "again.compressed.ply").size() != splats.size()) std::abort();
  return 0;
}
