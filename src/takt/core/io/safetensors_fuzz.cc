// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <vector>

#include "takt/core/base/error.h"
#include "takt/core/io/safetensors.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    const takt::SafeTensors file = takt::ParseSafeTensors(std::vector<uint8_t>(data, data + size), "fuzz");
    takt::SafeTensorsWriter writer;
    for (const auto& [name, tensor] : file.tensors()) writer.Add(name, tensor.dtype, tensor.shape, tensor.bytes);
    writer.Encode();
  } catch (const takt::Error&) {
  }
  return 0;
}
