// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include <cstdio>

#include "takt/core/base/clock.h"
#include "takt/core/base/error.h"

namespace takt::bench {

using takt::CpuSeconds;
using takt::WallSeconds;

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
