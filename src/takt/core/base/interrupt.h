// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace takt {

// Ctrl-C asks long work to stop at the next consistent point; a second Ctrl-C ends the process at once.
// Call once, in main().
void InstallInterruptHandler();
bool InterruptRequested();
// Errors: cancelled, when an interrupt was requested. Long loops call this where their state is consistent.
void ThrowIfInterrupted();

}  // namespace takt
