// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "takt/core/base/error.h"
#include "takt/infer/reuse/evolve.h"

// What is read can go on, and comes back the same from its own text.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace takt::reuse;
  EvolveState state;
  try {
    state = ParseEvolveState({reinterpret_cast<const char*>(data), size}, "fuzz");
  } catch (const takt::Error&) {
    return 0;
  }
  const std::string text = EvolveStateText(state);
  if (EvolveStateText(ParseEvolveState(text, "again")) != text) std::abort();
  if (state.population.size() > 100 || state.finished()) return 0;
  EvolveGeneration(&state,
                   [](std::span<const Schedule> schedules) { return std::vector<double>(schedules.size(), 1.0); });
  ParseEvolveState(EvolveStateText(state), "next");
  return 0;
}
