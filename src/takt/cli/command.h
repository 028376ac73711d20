// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>

#include "takt/core/base/progress_line.h"

namespace CLI {
class App;
}

namespace takt::cli {

// What every verb shares: the global options, and the verb that the command line chose.
struct Context {
  bool quiet = false;  // --quiet: no progress
  bool json = false;   // --json: one JSON document on stdout, errors included
  int threads = 0;     // --threads; 0 = one per core
  // Where long work shows itself: pass progress->Sink(). There from the moment the verb starts.
  std::unique_ptr<ProgressLine> progress;
  // Set by the callback of the chosen verb; returns the exit status: 0, or 1 for "checked, and the check failed".
  std::function<int()> verb;
};

// A command group is one file, `x_commands.cc`, with one function: it adds `takt x` and its verbs to `app`. The
// callback of a verb does no work: it sets context.verb, which main() calls once the whole command line is known to be
// right. Work reports failure by takt::Error. A new group is declared here and named in kGroups of run.cc.
void RegisterCapture(CLI::App& app, Context& context);
void RegisterDataset(CLI::App& app, Context& context);
void RegisterDemo(CLI::App& app, Context& context);
void RegisterImitate(CLI::App& app, Context& context);
void RegisterPolicy(CLI::App& app, Context& context);
void RegisterScene(CLI::App& app, Context& context);
void RegisterSim(CLI::App& app, Context& context);
void RegisterSplat(CLI::App& app, Context& context);

// The program: parses, runs the verb, prints its error if it has one. Returns the exit status (docs/errors/README.md).
int Run(int argc, const char* const* argv);

}  // namespace takt::cli
