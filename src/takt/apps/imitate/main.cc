// SPDX-License-Identifier: Apache-2.0
// takt-train: the half of `takt imitate` that needs libtorch. One JSON request as the only argument, one JSON answer on
// stdout, progress on stderr; `takt imitate` writes the one and reads the other.
#include <cstdio>
#include <exception>
#include <nlohmann/json.hpp>
#include <string>

#include "takt/apps/imitate/imitate.h"
#include "takt/core/base/error.h"
#include "takt/core/base/interrupt.h"

int main(int argc, char** argv) {
  using takt::Error;
  using takt::ErrorCode;
  takt::InstallInterruptHandler();
  nlohmann::ordered_json answer;
  int status = 0;
  const auto fail = [&](const Error& error) {
    status = takt::ExitStatus(error.code());
    answer = {{"error", {{"code", takt::ErrorCodeName(error.code())}, {"subject", error.subject()},
                         {"message", error.message()}, {"hint", error.hint()}}}};
  };
  try {
    if (argc != 2) throw Error(ErrorCode::kBadInput, "takt-train", "wants one JSON request", "use takt imitate train");
    answer = takt::imitate::AnswerRequest(argv[1]);
  } catch (const Error& error) {
    fail(error);
  } catch (const std::bad_alloc&) {
    fail(Error(ErrorCode::kUnsupported, "memory", "this machine has too little for what was asked",
               "lower batch_size or --episodes, or raise picture_stride"));
  } catch (const std::exception& error) {
    fail(Error(ErrorCode::kInternal, "takt-train", error.what()));
  }
  const std::string text =
      answer.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
  std::fwrite(text.data(), 1, text.size(), stdout);
  return status;
}
