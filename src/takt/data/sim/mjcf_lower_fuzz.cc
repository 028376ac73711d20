// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "takt/core/base/error.h"
#include "takt/data/sim/mjcf_lower.h"
#include "takt/data/sim/mjcf_merge.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    takt::sim::LowerMjcf(text, {});
  } catch (const takt::Error&) {
  }
  try {
    takt::sim::MergeMjcf("<mujoco/>", "", {std::string(text), "", "p/", takt::Pose::Yaw(1), "fuzz"});
  } catch (const takt::Error&) {
  }
  return 0;
}
