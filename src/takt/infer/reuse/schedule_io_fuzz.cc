// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "takt/infer/reuse/schedule_io.h"

// What is read without an error is valid, and comes back the same from its own text.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace takt::reuse;
  const ScheduleResult first = ParseScheduleText({reinterpret_cast<const char*>(data), size}, "fuzz");
  if (takt::HasErrors(first.diagnostics)) return 0;
  const ScheduleResult second = ParseScheduleText(WriteScheduleText(first.schedule), "again");
  if (!second.diagnostics.empty() || !(second.schedule == first.schedule)) std::abort();
  return 0;
}
