// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "takt/infer/reuse/schedule_io.h"

namespace takt::reuse {

// The file whose rows these are, for l0.sa, l0.ca, l0.ffn, l1.sa ...
inline std::string TextOfRows(const std::vector<std::string>& rows, int tick_refresh = 0) {
  std::string text = R"({"kind": "takt.reuse-schedule", "schema": [1, 0], "steps": )" + std::to_string(rows[0].size());
  if (tick_refresh) text += ", \"tick_refresh\": " + std::to_string(tick_refresh);
  text += ", \"blocks\": [";
  const auto blocks = TransformerBlocks(static_cast<int>(rows.size() + 2) / 3);
  for (size_t b = 0; b < rows.size(); ++b) {
    text += (b ? ", " : "") + ("{\"name\": \"" + BlockName(blocks[b]) + "\", \"cells\": \"" + rows[b] + "\"}");
  }
  return text + "]}";
}

inline Schedule FromRows(const std::vector<std::string>& rows, int tick_refresh = 0) {
  ScheduleResult result = ParseScheduleText(TextOfRows(rows, tick_refresh), "rows");
  for (const Diagnostic& d : result.diagnostics) ADD_FAILURE() << d.column << ": " << d.message;
  return result.schedule;
}

}  // namespace takt::reuse
