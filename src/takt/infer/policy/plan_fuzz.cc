// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <cstdlib>
#include <string>

#include "takt/core/base/error.h"
#include "takt/infer/policy/plan.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  try {
    const takt::policy::Plan plan = takt::policy::ParsePlan(text, "fuzz");
    if (takt::policy::ParsePlan(takt::policy::PlanText(plan), "again") != plan) std::abort();
  } catch (const takt::Error&) {
  }
  return 0;
}
