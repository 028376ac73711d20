// SPDX-License-Identifier: Apache-2.0
// takt-train: the half of `takt imitate` that needs libtorch. One JSON request as the only argument, one JSON answer on
// stdout, progress on stderr; `takt imitate` writes the one and reads the other.
#include <dlfcn.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <system_error>

#include "takt/apps/imitate/imitate.h"
#include "takt/core/base/error.h"
#include "takt/core/base/interrupt.h"

namespace {

// OpenBLAS chooses its kernels by the model of the processor, and for one that is newer than itself takes those of a
// Pentium 4, which are six times slower. It reads its environment while it is loaded: hence the new start.
void StartWithVectorKernels(char** argv) {
  const auto core_name = reinterpret_cast<char* (*)()>(dlsym(RTLD_DEFAULT, "openblas_get_corename"));
  if (!core_name || std::getenv("OPENBLAS_CORETYPE")) return;
  const std::string core = core_name();
  if (core != "Prescott" && core != "Core2" && core != "Generic") return;
  const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  if (!avx512 && !(__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))) return;
  setenv("OPENBLAS_CORETYPE", avx512 ? "SkylakeX" : "Haswell", 0);
  std::error_code failed;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", failed);
  if (!failed) execv(self.c_str(), argv);  // should it fail, training is slow
}

}  // namespace

int main(int argc, char** argv) {
  using takt::Error;
  using takt::ErrorCode;
  StartWithVectorKernels(argv);
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
