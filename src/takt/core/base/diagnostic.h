// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace takt {

enum class Severity { kNote, kWarning, kError };

constexpr std::string_view SeverityName(Severity severity) {
  return severity == Severity::kError ? "error" : severity == Severity::kWarning ? "warning" : "note";
}

// A fault in text that people write (a scene, a recipe, a program). Parsers collect them and recover; they do not stop
// at the first. Every code has a page in docs/errors with a wrong and a right example.
struct Diagnostic {
  Severity severity = Severity::kError;
  std::string code;     // "scene/duplicate-id"
  std::string file;     // as the user named it
  int line = 0;         // from 1; 0 where there is no place
  int column = 0;       // from 1, in bytes
  std::string message;  // names the thing and what is wrong with it
  std::string hint;     // the way out; may be empty
};

inline bool HasErrors(const std::vector<Diagnostic>& diagnostics) {
  return std::any_of(diagnostics.begin(), diagnostics.end(),
                     [](const Diagnostic& d) { return d.severity == Severity::kError; });
}

}  // namespace takt
