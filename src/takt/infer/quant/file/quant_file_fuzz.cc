// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <vector>

#include "takt/core/base/error.h"
#include "takt/infer/quant/file/quant_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  takt::policy::PolicyConfig config;
  config.n_emb = 8, config.n_head = 2, config.n_layer = 2;
  try {
    const std::vector<uint8_t> bytes(data, data + size);
    const takt::quant::QuantFile file = takt::quant::ParseQuantFile(bytes, config, {}, "fuzz");
    // What was read can be written, and is read as the same.
    const auto again = takt::quant::ParseQuantFile(takt::quant::EncodeQuantFile(file), config, {}, "fuzz");
    if (!(again == file)) __builtin_trap();
  } catch (const takt::Error&) {
  }
  return 0;
}
