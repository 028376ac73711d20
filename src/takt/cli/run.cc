// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <exception>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <vector>

#include "takt/cli/command.h"
#include "takt/cli/output.h"
#include "takt/core/base/error.h"
#include "takt/core/base/interrupt.h"
#include "takt/core/base/parallel.h"

namespace takt::cli {
namespace {

constexpr int kUsageStatus = 2;
constexpr int kBrokenPipeStatus = 128 + SIGPIPE;

constexpr void (*kGroups[])(CLI::App&, Context&) = {RegisterCapture, RegisterDataset, RegisterDemo,    RegisterImitate,
                                                    RegisterPolicy,  RegisterScene,   RegisterSim,
                                                    RegisterSplat};

// Insertions, deletions, replacements and swaps of neighbours that turn `a` into `b`.
size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<std::vector<size_t>> d(a.size() + 1, std::vector<size_t>(b.size() + 1));
  for (size_t i = 0; i <= a.size(); ++i) {
    for (size_t j = 0; j <= b.size(); ++j) {
      if (i == 0 || j == 0) {
        d[i][j] = i + j;
        continue;
      }
      d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + (a[i - 1] != b[j - 1])});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
    }
  }
  return d[a.size()][b.size()];
}

// "did you mean 'train'?", or the choices.
std::string SuggestVerb(const CLI::App& group, const std::string& typed, const std::string& help) {
  std::string nearest, choices;
  size_t nearest_distance = 3;
  for (const CLI::App* verb : group.get_subcommands([](const CLI::App*) { return true; })) {
    choices += (choices.empty() ? "" : ", ") + verb->get_name();
    const size_t distance = EditDistance(typed, verb->get_name());
    if (distance < std::min(nearest_distance, verb->get_name().size())) {
      nearest_distance = distance;
      nearest = verb->get_name();
    }
  }
  return nearest.empty() ? fmt::format("one of: {}; see {}", choices, help)
                         : fmt::format("did you mean '{}'?", nearest);
}

int ReportUsage(const Context& context, const CLI::App& app, const CLI::ParseError& error) {
  const CLI::App* at = &app;
  std::string path = "takt";
  while (!at->get_subcommands().empty()) {
    at = at->get_subcommands().front();
    path += " " + at->get_name();
  }
  const std::string help = path + " --help";
  // CLI11 asks for a missing verb before it looks at what it was given instead.
  const bool wants_verb = at->get_require_subcommand_min() > 0;
  const std::vector<std::string> rest = app.remaining(true);  // with fallthrough, they went up to the program itself
  const auto fail = [&](const std::string& message, const std::string& hint) {
    PrintError(context, "usage", kUsageStatus, path, message, hint);
    return kUsageStatus;
  };
  if (!rest.empty() && rest[0].starts_with('-')) return fail(fmt::format("unknown option '{}'", rest[0]), help);
  if (wants_verb && !rest.empty()) {
    return fail(fmt::format("unknown verb '{}'", rest[0]), SuggestVerb(*at, rest[0], help));
  }
  if (wants_verb) return fail("a verb is missing", SuggestVerb(*at, "", help));
  if (!rest.empty()) return fail(fmt::format("unexpected argument '{}'", rest[0]), help);
  return fail(error.what(), help);
}

int RunVerb(const Context& context) {
  const auto fail = [&](const Error& error) {
    const int status = ExitStatus(error.code());
    PrintError(context, ErrorCodeName(error.code()), status, error.subject(), error.message(), error.hint());
    return status;
  };
  const auto bug = [&](const std::string& what) {
    return fail(
        Error(ErrorCode::kInternal, "takt", what,
              "this is a bug in Takt: please report it with the command line and the output of takt --version"));
  };
  try {
    return context.verb();
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kInternal && error.hint().empty()) return bug(error.what());
    return fail(error);
  } catch (const std::bad_alloc&) {
    return fail(Error(ErrorCode::kUnsupported, "memory", "this machine has too little for what was asked",
                      "lower --max-ram, the picture size or the number of splats"));
  } catch (const std::exception& error) {
    return bug(error.what());
  }
}

int ParseAndRun(int argc, const char* const* argv, Context& context) {
  CLI::App app("Takt: AI for the line that keeps its budget of bytes and milliseconds.", "takt");
  app.fallthrough();  // the global options may stand behind the verb too
  app.require_subcommand(1);
  app.option_defaults()->always_capture_default();  // --help shows the defaults of the option structs
  app.set_version_flag("--version", "takt " TAKT_VERSION, "Print the version");
  app.set_help_flag("-h,--help", "Print this help");
  app.add_flag("--quiet", context.quiet, "No progress");
  app.add_flag("--json", context.json,
               "One JSON document on stdout, errors included; progress as JSON lines on stderr");
  app.add_option("--threads", context.threads, "Threads; the result never depends on it (default: one per core)")
      ->type_name("N")
      ->check(CLI::Range(0, 1024));
  for (const auto add_group : kGroups) add_group(app, context);

  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    Print(app.help());
    return 0;
  } catch (const CLI::CallForVersion& version) {
    Print(std::string(version.what()) + "\n");
    return 0;
  } catch (const CLI::ParseError& error) {
    // The command line is wrong, so --json may not have been reached.
    context.json = context.json ||
                   std::any_of(argv + 1, argv + argc, [](const char* a) { return std::string_view(a) == "--json"; });
    return ReportUsage(context, app, error);
  }
  SetThreadCount(context.threads);
  context.progress = std::make_unique<ProgressLine>(stderr, context.quiet  ? ProgressStyle::kQuiet
                                                            : context.json ? ProgressStyle::kJson
                                                                           : ProgressStyle::kAuto);
  return RunVerb(context);
}

}  // namespace

int Run(int argc, const char* const* argv) {
  InstallInterruptHandler();
  // A reader that goes away must not end a long job before its files are written: Print notices in its own time.
  std::signal(SIGPIPE, SIG_IGN);
  Context context;
  try {
    return ParseAndRun(argc, argv, context);
  } catch (const BrokenPipe&) {
    return kBrokenPipeStatus;
  } catch (const Error& error) {
    // Only Print fails out here: stdout is lost, so stderr gets the words even with --json.
    context.json = false;
    PrintError(context, ErrorCodeName(error.code()), ExitStatus(error.code()), error.subject(), error.message(),
               error.hint());
    return ExitStatus(error.code());
  }
}

}  // namespace takt::cli
