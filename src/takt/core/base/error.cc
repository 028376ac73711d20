// SPDX-License-Identifier: Apache-2.0
#include "takt/core/base/error.h"

#include <utility>

namespace takt {

std::string_view ErrorCodeName(ErrorCode code) {
  switch (code) {
    case ErrorCode::kBadInput: return "bad_input";
    case ErrorCode::kInfeasibleBudget: return "infeasible_budget";
    case ErrorCode::kNotFound: return "not_found";
    case ErrorCode::kUnsupported: return "unsupported";
    case ErrorCode::kIo: return "io";
    case ErrorCode::kCancelled: return "cancelled";
    case ErrorCode::kInternal: return "internal";
  }
  return "internal";
}

int ExitStatus(ErrorCode code) {
  switch (code) {
    case ErrorCode::kBadInput:
    case ErrorCode::kNotFound:
    case ErrorCode::kIo: return 3;
    case ErrorCode::kInfeasibleBudget:
    case ErrorCode::kUnsupported: return 4;
    case ErrorCode::kCancelled: return 130;
    case ErrorCode::kInternal: return 70;
  }
  return 70;
}

Error::Error(ErrorCode code, std::string subject, std::string message, std::string hint)
    : std::runtime_error(subject + ": " + message),
      code_(code),
      subject_(std::move(subject)),
      message_(std::move(message)),
      hint_(std::move(hint)) {}

}  // namespace takt
