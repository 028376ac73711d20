// SPDX-License-Identifier: Apache-2.0
#include "takt/core/base/interrupt.h"

#include <csignal>

#include "takt/core/base/error.h"

namespace takt {
namespace {

volatile std::sig_atomic_t interrupt_requested = 0;

void OnInterrupt(int signal_number) {
  if (interrupt_requested) {
    std::signal(signal_number, SIG_DFL);
    std::raise(signal_number);
  }
  interrupt_requested = 1;
}

}  // namespace

void InstallInterruptHandler() {
  std::signal(SIGINT, OnInterrupt);
  std::signal(SIGTERM, OnInterrupt);
}

bool InterruptRequested() { return interrupt_requested != 0; }

void ThrowIfInterrupted() {
  if (InterruptRequested()) {
    throw Error(ErrorCode::kCancelled, "takt", "interrupted", "what was written is consistent; --resume continues it");
  }
}

}  // namespace takt
