// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "takt/data/scene/model/scene_io.h"

// Whatever the bytes are, a tree comes out, and what is written of it reads back the same where it has no errors.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace takt::scene;
  const ReadResult result = ParseScene({reinterpret_cast<const char*>(data), size}, Format::kJson, "fuzz");
  if (takt::HasErrors(result.diagnostics)) return 0;
  for (const Format format : {Format::kXml, Format::kJson}) {
    if (!SameScene(ParseScene(FormatScene(result.scene, format), format, "again").scene, result.scene)) abort();
  }
  return 0;
}
