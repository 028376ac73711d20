// SPDX-License-Identifier: Apache-2.0
#include "takt/cli/scene_commands.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cmath>
#include <map>
#include <memory>
#include <utility>

#include "takt/cli/output.h"
#include "takt/core/base/error.h"
#include "takt/data/scene/model/scene_io.h"
#include "takt/data/scene/model/walk.h"

namespace takt::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr AddSceneVerbs* kVerbs[] = {AddSceneFiles, AddSceneEdits, AddSceneGenerate, AddSceneRepair, AddSceneExport};

int RunCheck(const std::filesystem::path& file, const Context& context) {
  const scene::ReadResult result = scene::ReadScene(file);
  std::map<Severity, int> counts;
  for (const Diagnostic& d : result.diagnostics) ++counts[d.severity];
  const bool has_errors = HasErrors(result.diagnostics);
  const Json document = {{"file", file.string()},
                         {"errors", counts[Severity::kError]},
                         {"warnings", counts[Severity::kWarning]},
                         {"notes", counts[Severity::kNote]},
                         {"diagnostics", DiagnosticsJson(result.diagnostics)}};
  std::string text = FormatDiagnostics(result.diagnostics);
  text += fmt::format("{}: {} errors, {} warnings, {} notes\n", file.string(), counts[Severity::kError],
                      counts[Severity::kWarning], counts[Severity::kNote]);
  PrintAnswer(context, document, text);
  return has_errors ? 1 : 0;
}

int RunConvert(const std::pair<std::filesystem::path, std::filesystem::path>& paths, const Context& context) {
  const scene::ReadResult result = scene::ReadScene(paths.first);
  if (HasErrors(result.diagnostics)) scene::LoadScene(paths.first);  // throws the first of them
  scene::WriteScene(result.scene, paths.second);
  PrintAnswer(context, {{"file", paths.second.string()}, {"diagnostics", DiagnosticsJson(result.diagnostics)}},
              FormatDiagnostics(result.diagnostics) + fmt::format("wrote {}\n", paths.second.string()));
  return 0;
}

int RunInfo(const std::filesystem::path& file, const Context& context) {
  const scene::Scene scene = scene::LoadScene(file);
  std::map<scene::NodeKind, int> counts;
  int parts = 0, fixed = 0;
  Json nodes = Json::array();
  std::vector<std::vector<std::string>> rows;
  scene::Walk(scene, [&](const scene::Node& node, const scene::Node* parent, const Pose& world_from_node) {
    constexpr std::string_view kKinds[] = {"room", "region", "object", "surface"};
    const std::string_view kind = kKinds[static_cast<size_t>(node.kind)];
    const Vec3& p = world_from_node.translation_m;
    const Vec3& size = node.size_m;
    ++counts[node.kind];
    parts += static_cast<int>(node.parts.size());
    fixed += node.fixed;
    nodes.push_back({{"id", node.id},
                     {"kind", kind},
                     {"parent", parent != nullptr ? parent->id : ""},
                     {"category", node.category},
                     {"p_in_world_m", {p.x(), p.y(), p.z()}},
                     {"size_m", {size.x(), size.y(), size.z()}}});
    rows.push_back({node.id, std::string(kind), parent != nullptr ? parent->id : "", node.category,
                    fmt::format("{:.3f} {:.3f} {:.3f}", p.x(), p.y(), p.z()),
                    fmt::format("{:.3f} {:.3f} {:.3f}", size.x(), size.y(), size.z())});
  });
  double twice_area_m2 = 0;
  const std::vector<Vec2>& floor = scene.room.floor_m;
  for (size_t i = 0; i < floor.size(); ++i) {
    const Vec2 &a = floor[i], &b = floor[(i + 1) % floor.size()];
    twice_area_m2 += a.x() * b.y() - a.y() * b.x();
  }
  const Json document = {{"name", scene.name},
                         {"schema", {scene.schema_major, scene.schema_minor}},
                         {"floor_m2", twice_area_m2 / 2},
                         {"height_m", scene.room.height_m},
                         {"openings", scene.room.openings.size()},
                         {"regions", counts[scene::NodeKind::kRegion]},
                         {"objects", counts[scene::NodeKind::kObject]},
                         {"fixed", fixed},
                         {"surfaces", counts[scene::NodeKind::kSurface]},
                         {"parts", parts},
                         {"materials", scene.materials.size()},
                         {"relations", scene.relations.size()},
                         {"nodes", nodes}};
  std::string text =
      FormatFields({{"name", scene.name},
                    {"floor", fmt::format("{:.2f} m^2, {:.2f} m high", twice_area_m2 / 2, scene.room.height_m)},
                    {"openings", fmt::format("{}", scene.room.openings.size())},
                    {"objects", fmt::format("{} ({} fixed), {} parts", counts[scene::NodeKind::kObject], fixed, parts)},
                    {"surfaces", fmt::format("{}", counts[scene::NodeKind::kSurface])},
                    {"relations", fmt::format("{}", scene.relations.size())}});
  text += "\n" + FormatTable({"id", "kind", "in", "category", "place in the world [m]", "size [m]"}, rows);
  PrintAnswer(context, document, text);
  return 0;
}

int RunSchema(bool xml, const Context&) {
  Print(xml ? scene::XmlSchema() : scene::JsonSchema());
  return 0;
}

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

nlohmann::ordered_json DiagnosticsJson(const std::vector<Diagnostic>& diagnostics) {
  Json list = Json::array();
  for (const Diagnostic& d : diagnostics) {
    list.push_back({{"severity", SeverityName(d.severity)},
                    {"code", d.code},
                    {"file", d.file},
                    {"line", d.line},
                    {"column", d.column},
                    {"message", d.message},
                    {"hint", d.hint}});
  }
  return list;
}

void AddSceneFiles(CLI::App& group, Context& context) {
  using Path = std::filesystem::path;
  const auto file = std::make_shared<Path>();
  CLI::App* check =
      group.add_subcommand("check", "Say everything that is wrong with a scene file; status 1 for errors");
  check->add_option("FILE", *file, "A .xml or .json scene")->required();
  check->callback([file, &context] { context.verb = [file, &context] { return RunCheck(*file, context); }; });

  const auto paths = std::make_shared<std::pair<Path, Path>>();
  CLI::App* convert = group.add_subcommand("convert", "Write the same scene as XML or JSON, in canonical form");
  convert->add_option("IN", paths->first, "A .xml or .json scene")->required();
  convert->add_option("OUT", paths->second, "Its suffix names the format; may be IN")->required();
  convert->callback([paths, &context] { context.verb = [paths, &context] { return RunConvert(*paths, context); }; });

  CLI::App* info = group.add_subcommand("info", "Say what is in a scene, and where");
  info->add_option("FILE", *file, "A .xml or .json scene")->required();
  info->callback([file, &context] { context.verb = [file, &context] { return RunInfo(*file, context); }; });

  const auto xml = std::make_shared<bool>(false);
  CLI::App* schema = group.add_subcommand("schema", "Print the schema of scene files: JSON Schema, or RELAX NG");
  schema->add_flag("--xml", *xml, "RELAX NG for XML instead of JSON Schema for JSON");
  schema->callback([xml, &context] { context.verb = [xml, &context] { return RunSchema(*xml, context); }; });
}

void RegisterScene(CLI::App& app, Context& context) {
  CLI::App* group = app.add_subcommand("scene", "Scene descriptions: check, repair, edit, generate, score, export");
  group->require_subcommand(1);
  for (AddSceneVerbs* add : kVerbs) add(*group, context);
}

}  // namespace takt::cli
