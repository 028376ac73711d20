// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <cstdlib>
#include <string>

#include "takt/core/base/error.h"
#include "takt/core/policy/policy_config.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  try {
    const takt::policy::PolicyConfig config = takt::policy::ParsePolicyConfig(text, "fuzz");
    // What is accepted is written and read again to the same text.
    const std::string written = takt::policy::PolicyConfigText(config);
    if (takt::policy::PolicyConfigText(takt::policy::ParsePolicyConfig(written, "again")) != written) std::abort();
  } catch (const takt::Error&) {
  }
  return 0;
}
