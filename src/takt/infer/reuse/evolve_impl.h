// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "takt/infer/reuse/evolve.h"

// Shared by evolve.cc and evolve_io.cc; nothing else includes it.
namespace takt::reuse {

// What is wrong with options for so many blocks and steps; empty where nothing is.
std::string FaultOfOptions(const EvolveOptions& options, size_t blocks, int steps);

}  // namespace takt::reuse
