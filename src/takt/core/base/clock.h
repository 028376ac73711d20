// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ctime>

namespace takt {

// Seconds since some fixed moment: for differences only, and never for what decides a result.
inline double ClockSeconds(clockid_t clock) {
  timespec t;
  clock_gettime(clock, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}
inline double WallSeconds() { return ClockSeconds(CLOCK_MONOTONIC); }
inline double CpuSeconds() { return ClockSeconds(CLOCK_PROCESS_CPUTIME_ID); }       // all threads of the process
inline double ThreadCpuSeconds() { return ClockSeconds(CLOCK_THREAD_CPUTIME_ID); }  // the calling thread

}  // namespace takt
