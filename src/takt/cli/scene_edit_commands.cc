// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <array>
#include <memory>
#include <string>

#include "takt/cli/output.h"
#include "takt/cli/scene_commands.h"
#include "takt/core/io/chat.h"
#include "takt/data/scene/ask.h"
#include "takt/data/scene/edit.h"
#include "takt/data/scene/model/patch.h"
#include "takt/data/scene/model/scene_io.h"

namespace takt::cli {
namespace {

using Json = nlohmann::ordered_json;
using Path = std::filesystem::path;

Json PatchJson(const scene::Patch& patch) { return Json::parse(scene::FormatPatch(patch, scene::Format::kJson)); }

int RunEdit(const scene::EditOptions& options, const Context& context) {
  const scene::EditReport report = scene::Edit(options);
  Json moved = Json::array();
  std::string text = FormatDiagnostics(report.diagnostics);
  for (const scene::Moved& move : report.moved) {
    moved.push_back({{"id", move.id}, {"distance_m", move.distance_m}, {"turn_rad", move.turn_rad}});
    text += fmt::format("moved {} by {:.3f} m\n", move.id, move.distance_m);
  }
  Json faults_left = Json::array();
  for (const scene::Fault& fault : report.faults_left) {
    faults_left.push_back(fault.text);
    text += fmt::format("was there before: {}\n", fault.text);
  }
  const bool failed = HasErrors(report.diagnostics);
  text += failed                          ? fmt::format("{}: nothing was changed\n", options.file.string())
          : report.before == report.after ? fmt::format("{}: the patch changes nothing\n", options.file.string())
                                          : fmt::format("{}: {} nodes touched; takt scene undo takes it back\n",
                                                        options.file.string(), report.touched.size());
  PrintAnswer(context,
              {{"file", options.file.string()},
               {"touched", report.touched},
               {"moved", moved},
               {"faults_left", faults_left},
               {"before", report.before},
               {"after", report.after},
               {"diagnostics", DiagnosticsJson(report.diagnostics)}},
              text);
  return failed ? 1 : 0;
}

int RunUndo(const Path& file, const Context& context) {
  const scene::UndoReport report = scene::Undo(file);
  PrintAnswer(context,
              {{"file", file.string()},
               {"inverse", PatchJson(report.inverse)},
               {"edits_left", report.edits_left},
               {"after", report.digest}},
              fmt::format("{}: one edit taken back; {} left\n", file.string(), report.edits_left));
  return 0;
}

int RunDiff(const std::array<Path, 2>& paths, const Context& context) {
  const scene::Patch patch = scene::Diff(scene::LoadScene(paths[0]), scene::LoadScene(paths[1]));
  PrintAnswer(context, PatchJson(patch), scene::FormatPatch(patch, scene::Format::kXml));
  return 0;
}

int RunMerge(const scene::MergeOptions& options, const Context& context) {
  const scene::MergeResult result = scene::MergeFiles(options);
  const bool is_written = result.conflicts.empty() || options.keep_conflicts;
  std::string text = FormatDiagnostics(result.conflicts);
  text += is_written ? fmt::format("wrote {}\n", options.out.string()) : "nothing was written; see --keep-conflicts\n";
  PrintAnswer(
      context,
      {{"file", options.out.string()}, {"is_written", is_written}, {"conflicts", DiagnosticsJson(result.conflicts)}},
      text);
  return result.conflicts.empty() ? 0 : 1;
}

// What the command line says about `ask` before it becomes AskOptions.
struct AskWords {
  scene::AskOptions options;
  std::string api_key_env;
  bool no_repair = false;
};

int RunAsk(AskWords& words, const Context& context) {
  words.options.endpoint.api_key = ApiKeyFromEnv(words.api_key_env);
  words.options.repair = !words.no_repair;
  const scene::AskReport report = scene::Ask(words.options);
  Json moved = Json::array();
  for (const scene::Moved& move : report.moved) {
    moved.push_back({{"id", move.id}, {"distance_m", move.distance_m}, {"turn_rad", move.turn_rad}});
  }
  PrintAnswer(context,
              {{"file", words.options.out.string()},
               {"was_patch", report.was_patch},
               {"requests", report.requests},
               {"corrections", report.corrections},
               {"moved", moved},
               {"diagnostics", DiagnosticsJson(report.diagnostics)}},
              FormatDiagnostics(report.diagnostics) +
                  fmt::format("wrote {}: {} after {} corrections; repair moved {} nodes\n", words.options.out.string(),
                              report.was_patch ? "a patch" : "a scene", report.corrections, report.moved.size()));
  return 0;
}

void AddAsk(CLI::App& group, Context& context) {
  const auto words = std::make_shared<AskWords>();
  scene::AskOptions& options = words->options;
  CLI::App* verb =
      group.add_subcommand("ask", "Let a language model write or change a scene; its answer is checked and repaired");
  verb->add_option("WORDS", options.words, "What should be there, or what should change")->required();
  verb->add_option("--in", options.in, "The scene to change")->type_name("FILE");
  verb->add_option("--out", options.out, "The scene; may be the one of --in, which is then logged for undo")
      ->type_name("FILE")
      ->required();
  verb->add_option("--endpoint", options.endpoint.url, "An OpenAI-compatible server, up to and with /v1")
      ->type_name("URL")
      ->required();
  verb->add_option("--model", options.endpoint.model, "As the server calls it")->type_name("NAME");
  verb->add_option("--api-key-env", words->api_key_env, "The environment variable that holds the key")
      ->type_name("VAR");
  verb->add_option("--timeout-s", options.endpoint.timeout_s, "For everything together")
      ->type_name("S")
      ->check(CLI::Range(0.1, 86400.0));
  verb->add_option("--corrections", options.corrections, "Times that the model is shown its faults")
      ->type_name("N")
      ->check(CLI::Range(0, 20));
  verb->add_flag("--no-repair", words->no_repair, "Leave poses as the model wrote them");
  verb->add_option("--seed", options.seed, "Of the repair")->type_name("S");
  verb->callback([words, &context] { context.verb = [words, &context] { return RunAsk(*words, context); }; });
}

}  // namespace

void AddSceneEdits(CLI::App& group, Context& context) {
  const auto edit_options = std::make_shared<scene::EditOptions>();
  CLI::App* edit = group.add_subcommand("edit", "Apply a patch to a scene file, and log it for undo");
  edit->add_option("FILE", edit_options->file, "A .xml or .json scene; changed in place")->required();
  edit->add_option("--patch", edit_options->patch, "A .json or .xml patch: add, move, remove, replace, set")
      ->type_name("FILE")
      ->required();
  edit->add_flag("--resolve", edit_options->resolve, "Then repair the scene; only what the patch touched may move");
  edit->add_option("--seed", edit_options->seed, "Of the repair")->type_name("S");
  edit->callback([edit_options, &context] {
    context.verb = [edit_options, &context] { return RunEdit(*edit_options, context); };
  });

  const auto file = std::make_shared<Path>();
  CLI::App* undo = group.add_subcommand("undo", "Take back the last edit in the log of a scene file");
  undo->add_option("FILE", *file, "A .xml or .json scene; changed in place")->required();
  undo->callback([file, &context] { context.verb = [file, &context] { return RunUndo(*file, context); }; });

  const auto paths = std::make_shared<std::array<Path, 2>>();
  CLI::App* diff =
      group.add_subcommand("diff", "Print the patch that leads from scene A to scene B (XML; --json: JSON)");
  diff->add_option("A", (*paths)[0], "A .xml or .json scene")->required();
  diff->add_option("B", (*paths)[1], "Another")->required();
  diff->callback([paths, &context] { context.verb = [paths, &context] { return RunDiff(*paths, context); }; });

  const auto merge_options = std::make_shared<scene::MergeOptions>();
  CLI::App* merge = group.add_subcommand("merge", "Merge what two sides did to a scene; status 1 for conflicts");
  merge->add_option("BASE", merge_options->base, "The scene that both began with")->required();
  merge->add_option("OURS", merge_options->ours, "One side")->required();
  merge->add_option("THEIRS", merge_options->theirs, "The other")->required();
  merge->add_option("--out", merge_options->out, "The merged scene")->type_name("FILE")->required();
  merge->add_flag("--keep-conflicts", merge_options->keep_conflicts,
                  "Write it even so; what both changed is as in BASE");
  merge->callback([merge_options, &context] {
    context.verb = [merge_options, &context] { return RunMerge(*merge_options, context); };
  });
  AddAsk(group, context);
}

}  // namespace takt::cli
