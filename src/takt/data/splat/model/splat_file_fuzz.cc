// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "takt/core/base/error.h"
#include "takt/data/splat/model/splat_file.h"

// Reading may fail in an orderly way; what was read can be written and read again.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace takt::splat;
  Splats splats;
  try {
    ReadReport report;
    splats = ParseSplatFile(std::span(data, size), "fuzz.splat", report);
  } catch (const takt::Error& e) {
    if (e.code() == takt::ErrorCode::kInternal) std::abort();
    return 0;
  }
  WriteReport written;
  ReadReport again;
  if (ParseSplatFile(EncodeSplatFile(splats, written), "again.splat", again).size() != splats.size()) std::abort();
  return 0;
}
