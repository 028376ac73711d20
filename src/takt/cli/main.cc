// SPDX-License-Identifier: Apache-2.0
#include "takt/cli/command.h"

int main(int argc, char** argv) { return takt::cli::Run(argc, argv); }
