// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace takt::imitate {

// From now on libtorch's tensors on the CPU take memory that earlier tensors of about their size have left: those of one
// training step are as large as those of the next, and asking the C library each time took 7 % of a step. What is left
// stays with the process. For the whole process; thread-safe.
void ReuseTensorMemory();

}  // namespace takt::imitate
