// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "takt/core/base/diagnostic.h"
#include "takt/infer/reuse/schedule.h"

namespace takt::reuse {

// The text of a schedule, docs/formats/reuse-schedule.md: a line for each block, a letter for each step.
// Errors: bad_input where the schedule is not valid. Determinism: equal schedules give equal bytes.
std::string WriteScheduleText(const Schedule& schedule);

struct ScheduleResult {
  Schedule schedule;                    // what could be read; valid where no diagnostic is an error
  std::vector<Diagnostic> diagnostics;  // codes: docs/errors/reuse.md
};
// Reads a text that people may have written: collects what is wrong, with places, and throws nothing.
// Cost: linear in the text; memory is bounded by it, whatever it states.
ScheduleResult ParseScheduleText(std::string_view text, const std::string& file);

// Errors: not_found; io; bad_input with the first error of the text.
Schedule ReadSchedule(const std::filesystem::path& path);
// Errors: io; bad_input where the schedule is not valid.
void WriteSchedule(const std::filesystem::path& path, const Schedule& schedule);

}  // namespace takt::reuse
