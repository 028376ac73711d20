// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <string>

#include "takt/core/base/error.h"
#include "takt/data/demo/record.h"

// What a dataset says about its episodes and their options comes from a file: it may be anything.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  try {
    takt::demo::ParseOptions(text, "fuzz");
  } catch (const takt::Error&) {
  }
  const auto json = nlohmann::ordered_json::parse(text, nullptr, false);
  if (json.is_discarded()) return 0;
  try {
    takt::demo::EpisodeRecordOf(json, "fuzz");
  } catch (const takt::Error&) {
  }
  return 0;
}
