// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <ctime>

#include "takt/core/base/error.h"

namespace takt::bench {

inline double CpuSeconds() {
  timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}
inline double WallSeconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// Runs a benchmark's main; Takt's errors become one line and their exit status.
template <class Main>
int Run(const Main& main) {
  try {
    main();
    return 0;
  } catch (const Error& error) {
    fmt::print(stderr, "error: {}\n  hint: {}\n", error.what(), error.hint());
    return ExitStatus(error.code());
  }
}

}  // namespace takt::bench
