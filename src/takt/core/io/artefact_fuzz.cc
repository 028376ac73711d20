// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <string>

#include "takt/core/base/error.h"
#include "takt/core/io/artefact.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    takt::ParseManifest(std::string(reinterpret_cast<const char*>(data), size), "fuzz", "test.kind", 1);
  } catch (const takt::Error&) {
  }
  return 0;
}
