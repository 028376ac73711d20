// SPDX-License-Identifier: Apache-2.0
#include "takt/cli/scene_commands.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>

namespace takt::cli {
namespace {

constexpr AddSceneVerbs* kVerbs[] = {AddSceneFiles};

}  // namespace

std::string FormatDiagnostics(const std::vector<Diagnostic>& diagnostics) {
  std::string text;
  for (const Diagnostic& d : diagnostics) {
    text += d.file;
    if (d.line > 0) text += fmt::format(":{}:{}", d.line, d.column);
    text += fmt::format(": {} {}: {}\n", SeverityName(d.severity), d.code, d.message);
    if (!d.hint.empty()) text += fmt::format("  hint: {}\n", d.hint);
  }
  return text;
}

void AddSceneFiles(CLI::App& group, Context& context) {
  (void)group;
  (void)context;
}

void RegisterScene(CLI::App& app, Context& context) {
  CLI::App* group = app.add_subcommand("scene", "Scene descriptions: check, repair, edit, generate, score, export");
  group->require_subcommand(1);
  for (AddSceneVerbs* add : kVerbs) add(*group, context);
}

}  // namespace takt::cli
