// SPDX-License-Identifier: Apache-2.0
#include "takt/core/base/budget.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <cstdlib>

#include "takt/core/base/error.h"

namespace takt {

uint64_t ParseBytes(std::string_view text, std::string_view option) {
  const auto fail = [&] {
    return Error(ErrorCode::kBadInput, std::string(option), fmt::format("'{}' is not a size in bytes", text),
                 "write a size such as 4MB, 1.15MB, 512KiB or 300000");
  };
  const std::string copy(text);
  char* end = nullptr;
  const double value = std::strtod(copy.c_str(), &end);
  if (end == copy.c_str() || !std::isfinite(value) || value < 0) throw fail();
  std::string unit(end);
  unit.erase(std::remove_if(unit.begin(), unit.end(), [](unsigned char c) { return std::isspace(c); }), unit.end());
  std::transform(unit.begin(), unit.end(), unit.begin(), [](unsigned char c) { return std::tolower(c); });
  struct Unit {
    std::string_view name;
    double bytes;
  };
  static constexpr std::array<Unit, 8> kUnits = {{{"", 1},
                                                  {"b", 1},
                                                  {"kb", 1e3},
                                                  {"mb", 1e6},
                                                  {"gb", 1e9},
                                                  {"kib", 1024.0},
                                                  {"mib", 1024.0 * 1024.0},
                                                  {"gib", 1024.0 * 1024.0 * 1024.0}}};
  for (const Unit& u : kUnits) {
    if (unit != u.name) continue;
    const double bytes = std::floor(value * u.bytes + 1e-6);
    if (bytes >= 9e18) throw fail();
    return static_cast<uint64_t>(bytes);
  }
  throw fail();
}

std::string FormatBytes(uint64_t bytes) {
  if (bytes < 1000) return fmt::format("{} B", bytes);
  const double value = static_cast<double>(bytes);
  // A unit ends where three digits would round up to the next one: 999,500 B are 1 MB, not 1e+03 kB.
  if (bytes < 999'500) return fmt::format("{:.3g} kB", value / 1e3);
  if (bytes < 999'500'000) return fmt::format("{:.3g} MB", value / 1e6);
  if (bytes < 999'500'000'000) return fmt::format("{:.3g} GB", value / 1e9);
  return fmt::format("{:.0f} GB", value / 1e9);
}

}  // namespace takt
