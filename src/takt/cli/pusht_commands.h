// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "takt/cli/command.h"

namespace takt::cli {

void AddSimPushT(CLI::App& group, Context& context);   // takt sim pusht
void AddDemoPushT(CLI::App& group, Context& context);  // takt demo pusht

}  // namespace takt::cli
