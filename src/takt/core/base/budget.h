// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace takt {

// What a stage may spend. A missing limit is no limit. A result over budget is never written.
struct Budget {
  std::optional<uint64_t> bytes;  // size of the written file [B], exactly as stat() reports it
  std::optional<double> time_ms;  // wall clock, monotonic [ms]
};

// One line of the proof that a budget was kept.
struct BudgetReport {
  std::string quantity;      // "bytes", "time"
  std::string unit;          // "B", "ms"
  double asked = 0;          // the limit; NaN where none was set
  double used = 0;           // measured, never modelled
  std::string proof;         // how `used` was measured, e.g. "size of the written file"
  std::string left_because;  // why the rest could not be used; empty where nothing worth saying is left

  // An absent limit (NaN) is always kept; a use that was never measured (NaN) keeps no limit.
  bool kept() const { return std::isnan(asked) || used <= asked; }
};

// Reads "4MB", "1.15 MB", "512KiB", "300000" as bytes. MB = 1e6, MiB = 2^20; no suffix means bytes.
// Errors: bad_input for a negative, non-finite or unknown spelling, naming `option`.
uint64_t ParseBytes(std::string_view text, std::string_view option);

// "4.25 MB", "812 kB", "96 B": SI units, three significant digits.
std::string FormatBytes(uint64_t bytes);

}  // namespace takt
