// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "takt/cli/command.h"
#include "takt/core/base/diagnostic.h"

namespace takt::cli {

// The verbs of `takt scene` stand in several files, scene_commands.cc and scene_x_commands.cc. Each file has functions
// of this form, declared here and named in kVerbs of scene_commands.cc; they add their verbs to the group.
using AddSceneVerbs = void(CLI::App& group, Context& context);
AddSceneVerbs AddSceneFiles;     // check, convert, info, schema
AddSceneVerbs AddSceneEdits;     // edit, undo, diff, merge, ask
AddSceneVerbs AddSceneGenerate;  // generate, score, recipes
AddSceneVerbs AddSceneExport;    // export, render
AddSceneVerbs AddSceneRepair;    // repair

// Diagnostics as compilers print them: "FILE:LINE:COLUMN: SEVERITY CODE: MESSAGE" and "  hint: ..." below.
std::string FormatDiagnostics(const std::vector<Diagnostic>& diagnostics);
// The same as a list of objects.
nlohmann::ordered_json DiagnosticsJson(const std::vector<Diagnostic>& diagnostics);

}  // namespace takt::cli
