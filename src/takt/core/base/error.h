// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace takt {

// What went wrong, in the words that decide the exit status of `takt`.
enum class ErrorCode {
  kBadInput,          // a file, an option or a value is wrong; the user can mend it
  kInfeasibleBudget,  // no result fits; the hint names the smallest budget that would
  kNotFound,          // a file, a view, a column that was named does not exist
  kUnsupported,       // valid, but not something this build or this machine can do
  kIo,                // the system refused to read or write
  kCancelled,         // the user interrupted; state on disk is consistent
  kInternal,          // a bug in Takt
};

std::string_view ErrorCodeName(ErrorCode code);  // "bad_input", "infeasible_budget", ...
int ExitStatus(ErrorCode code);                  // 3, 4, ... see docs/errors/README.md

// The one exception type of the library. `subject` is the thing (a path, an option), `message` what is wrong with it,
// `hint` the way out (may be empty). what() is "subject: message".
class Error : public std::runtime_error {
 public:
  Error(ErrorCode code, std::string subject, std::string message, std::string hint = {});
  ErrorCode code() const { return code_; }
  const std::string& subject() const { return subject_; }
  const std::string& message() const { return message_; }
  const std::string& hint() const { return hint_; }

 private:
  ErrorCode code_;
  std::string subject_, message_, hint_;
};

}  // namespace takt
