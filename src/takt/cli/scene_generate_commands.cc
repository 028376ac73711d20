// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cmath>
#include <filesystem>
#include <memory>

#include "takt/cli/output.h"
#include "takt/cli/scene_commands.h"
#include "takt/core/base/error.h"
#include "takt/core/base/file.h"
#include "takt/data/scene/catalogue.h"
#include "takt/data/scene/generate_set.h"
#include "takt/data/scene/recipe.h"
#include "takt/data/scene/score/scene_state.h"
#include "takt/data/scene/score/score.h"

namespace takt::cli {
namespace {

using Json = nlohmann::ordered_json;

// NaN says "not measured", which JSON spells null.
Json NumberOrNull(double value) { return std::isnan(value) ? Json(nullptr) : Json(value); }
std::string Percent(double value) { return std::isnan(value) ? "-" : fmt::format("{:.0f} %", 100 * value); }

int RunGenerate(scene::GenerateSetOptions options, const Context& context) {
  options.progress = context.progress->Sink();
  const scene::GenerateSetReport report = scene::GenerateSet(options);
  const scene::DiversityReport& d = report.diversity;
  Json categories = Json::array();
  std::vector<std::vector<std::string>> rows;
  for (const scene::CategoryDiversity& row : d.categories) {
    categories.push_back({{"category", row.category},
                          {"count", row.count},
                          {"per_scene", row.per_scene},
                          {"position_entropy", NumberOrNull(row.position_entropy)},
                          {"cells_used", row.cells_used},
                          {"yaw_entropy", NumberOrNull(row.yaw_entropy)}});
    rows.push_back({row.category, fmt::format("{}", row.count), fmt::format("{:.2f}", row.per_scene),
                    Percent(row.position_entropy), Percent(row.yaw_entropy)});
  }
  const Json document = {{"recipe", report.recipe},
                         {"out", options.out.string()},
                         {"id", report.id},
                         {"scenes", report.files.size()},
                         {"seed", options.seed},
                         {"generate_s", report.generate_s},
                         {"write_s", report.write_s},
                         {"diversity",
                          {{"scenes", d.scenes},
                           {"objects_per_scene", d.objects_per_scene},
                           {"duplicates", d.duplicates},
                           {"distance_min_m", NumberOrNull(d.distance_min_m)},
                           {"distance_p10_m", NumberOrNull(d.distance_p10_m)},
                           {"distance_median_m", NumberOrNull(d.distance_median_m)},
                           {"distance_p90_m", NumberOrNull(d.distance_p90_m)},
                           {"categories", categories}}}};
  std::vector<std::pair<std::string, std::string>> fields = {
      {"recipe", report.recipe},
      {"scenes", fmt::format("{} in {}, every one certified", report.files.size(), options.out.string())},
      {"objects", fmt::format("{:.1f} a scene", d.objects_per_scene)},
      {"duplicates", fmt::format("{}", d.duplicates)}};
  if (!std::isnan(d.distance_median_m)) {
    fields.emplace_back("distance", fmt::format("{:.3f} m least, {:.3f} m median of two scenes", d.distance_min_m,
                                                d.distance_median_m));
  }
  fields.emplace_back("time",
                      fmt::format("{:.3f} s drawing and proving, {:.3f} s writing", report.generate_s, report.write_s));
  if (!options.report.empty()) fields.emplace_back("report", options.report.string());
  PrintAnswer(
      context, document,
      FormatFields(fields) + "\n" + FormatTable({"category", "objects", "a scene", "positions", "turns"}, rows));
  return 0;
}

void AddGenerate(CLI::App& group, Context& context) {
  const auto options = std::make_shared<scene::GenerateSetOptions>();
  const auto format = std::make_shared<std::string>("xml");
  CLI::App* verb =
      group.add_subcommand("generate", "Draw scenes from a recipe; every one is proved valid before it is written");
  verb->add_option("RECIPE", options->recipe, "A built-in name (takt scene recipes) or a .toml file")->required();
  verb->add_option("--count", options->count, "How many")->type_name("N")->check(CLI::Range(1, scene::kMaxScenes));
  verb->add_option("--seed", options->seed, "Scene i is a function of recipe, seed and i alone")->type_name("S");
  verb->add_option("--out", options->out, "Folder for scene_00000.xml ... and manifest.json")
      ->required()
      ->type_name("DIR");
  verb->add_option("--format", *format, "xml or json")->check(CLI::IsMember({"xml", "json"}));
  verb->add_option("--report", options->report, "Also write an HTML page: diversity and top views")->type_name("FILE");
  verb->callback([options, format, &context] {
    context.verb = [options, format, &context] {
      options->format = *format == "json" ? scene::Format::kJson : scene::Format::kXml;
      return RunGenerate(*options, context);
    };
  });
}

struct ScoreInputs {
  std::vector<std::string> files;
  std::string sizes;
  uint64_t seed = 0;
};

// Our own scenes and SceneEval's scene states; what could not be read is an error.
scene::Scene LoadAny(const std::string& file, const scene::SceneStateOptions& state_options) {
  if (std::filesystem::path(file).extension() != ".json" ||
      !scene::LooksLikeSceneState(ReadTextFile(file, scene::kMaxSceneStateBytes))) {
    return scene::LoadScene(file);
  }
  scene::SceneStateResult state = scene::ReadSceneState(file, state_options);
  for (const Diagnostic& d : state.diagnostics) {
    if (d.severity == Severity::kError) throw Error(ErrorCode::kBadInput, file, d.message, d.hint);
  }
  return std::move(state.scene);
}

Json ScoreJson(const std::string& file, const scene::ScoreReport& report) {
  Json objects = Json::array(), openings = Json::array();
  for (const scene::ObjectScore& o : report.objects) {
    objects.push_back({{"id", o.id},
                       {"name", o.name},
                       {"sized", o.sized},
                       {"colliding_with", o.colliding_with},
                       {"in_bound_ratio", NumberOrNull(o.in_bound_ratio)},
                       {"out_of_bound", o.out_of_bound},
                       {"supported", o.supported},
                       {"accessibility", NumberOrNull(o.accessibility)}});
  }
  for (const scene::OpeningScore& o : report.openings) {
    openings.push_back({{"id", o.id},
                        {"kind", o.kind == scene::OpeningKind::kDoor ? "door" : "window"},
                        {"interfering", o.interfering},
                        {"occlusion", o.occlusion}});
  }
  return {{"file", file},
          {"objects_scored", report.objects.size() - static_cast<size_t>(report.unsized)},
          {"objects_without_shape", report.unsized},
          {"in_collision", report.in_collision},
          {"out_of_bound", report.out_of_bound},
          {"supported", report.supported},
          {"navigability", NumberOrNull(report.navigability)},
          {"free_components", report.free_components},
          {"accessibility", NumberOrNull(report.accessibility)},
          {"notes", report.notes},
          {"objects", objects},
          {"openings", openings}};
}

int RunScore(const ScoreInputs& inputs, const Context& context) {
  scene::SceneStateOptions state_options;
  if (!inputs.sizes.empty())
    state_options.sizes_m =
        scene::ParseAssetSizes(ReadTextFile(inputs.sizes, scene::kMaxSceneStateBytes), inputs.sizes);
  Json document = Json::array();
  std::vector<std::vector<std::string>> rows;
  std::string notes;
  for (const std::string& file : inputs.files) {
    scene::ScoreOptions options;
    options.seed = inputs.seed;
    options.assets = std::filesystem::path(file).parent_path();
    const scene::ScoreReport report = scene::Score(LoadAny(file, state_options), options);
    document.push_back(ScoreJson(file, report));
    const int scored = static_cast<int>(report.objects.size()) - report.unsized;
    size_t blocked = 0;
    for (const scene::OpeningScore& o : report.openings) blocked += !o.interfering.empty();
    const auto of = [scored](int n) { return scored > 0 ? fmt::format("{}/{}", n, scored) : std::string("-"); };
    const bool sized = report.unsized == 0;
    rows.push_back({file, fmt::format("{}", report.objects.size()), of(report.in_collision), of(report.out_of_bound),
                    of(report.supported), Percent(report.navigability), Percent(report.accessibility),
                    report.openings.empty() || !sized ? "-" : fmt::format("{}/{}", blocked, report.openings.size())});
    for (const std::string& note : report.notes) notes += fmt::format("{}: {}\n", file, note);
  }
  PrintAnswer(
      context, document,
      FormatTable({"file", "objects", "collide", "out", "supported", "navigable", "accessible", "blocked"}, rows) +
          (notes.empty() ? "" : "\n" + notes));
  return 0;
}

void AddScore(CLI::App& group, Context& context) {
  const auto inputs = std::make_shared<ScoreInputs>();
  CLI::App* verb =
      group.add_subcommand("score", "SceneEval's metrics that need no language model, for scenes and scene states");
  verb->add_option("FILE", inputs->files, "Scenes (.xml, .json) or SceneEval scene states (.json)")->required();
  verb->add_option("--sizes", inputs->sizes,
                   "JSON with the extents of a scene state's assets: {\"MODEL_ID\": [x, y, z]}, y up")
      ->type_name("FILE");
  verb->add_option("--seed", inputs->seed, "Of the sampled points")->type_name("S");
  verb->callback([inputs, &context] { context.verb = [inputs, &context] { return RunScore(*inputs, context); }; });
}

int RunRecipes(const std::string& name, bool catalogue, const Context& context) {
  if (!name.empty()) {
    const std::string text(scene::BuiltInRecipeText(name));
    PrintAnswer(context, {{"name", name}, {"toml", text}}, text);
    return 0;
  }
  Json document = Json::array();
  std::vector<std::vector<std::string>> rows;
  if (catalogue) {
    for (const scene::CatalogueEntry& entry : scene::Catalogue()) {
      std::string params;
      Json json_params = Json::array();
      for (const scene::CatalogueParam& p : entry.params) {
        params += fmt::format("{}{} {} [{}, {}]", params.empty() ? "" : "; ", p.name, p.standard, p.low, p.high);
        json_params.push_back(
            {{"name", p.name}, {"standard", p.standard}, {"low", p.low}, {"high", p.high}, {"what", p.what}});
      }
      document.push_back({{"category", entry.category},
                          {"what", entry.what},
                          {"params", json_params},
                          {"colors", std::vector<std::string>(entry.colors.begin(), entry.colors.end())},
                          {"surfaces", std::vector<std::string>(entry.surfaces.begin(), entry.surfaces.end())}});
      rows.push_back({std::string(entry.category), std::string(entry.what), params.empty() ? "-" : params});
    }
    std::string colors = "colours:";
    for (const scene::Material& material : scene::Palette()) colors += " " + material.id;
    PrintAnswer(context, document, FormatTable({"category", "what", "parameters [low, high]"}, rows) + colors + "\n");
    return 0;
  }
  for (const std::string& recipe_name : scene::BuiltInRecipes()) {
    const scene::Recipe recipe = scene::LoadRecipe(recipe_name);
    document.push_back({{"name", recipe_name}, {"description", recipe.description}});
    rows.push_back({recipe_name, recipe.description});
  }
  PrintAnswer(context, document, FormatTable({"recipe", "what"}, rows));
  return 0;
}

void AddRecipes(CLI::App& group, Context& context) {
  const auto name = std::make_shared<std::string>();
  const auto catalogue = std::make_shared<bool>(false);
  CLI::App* verb =
      group.add_subcommand("recipes", "List the built-in recipes, print one, or list what recipes can make");
  verb->add_option("NAME", *name, "Print this recipe, to start an own one from");
  verb->add_flag("--catalogue", *catalogue, "List the categories with their parameters, and the colours");
  verb->callback([name, catalogue, &context] {
    context.verb = [name, catalogue, &context] { return RunRecipes(*name, *catalogue, context); };
  });
}

}  // namespace

void AddSceneGenerate(CLI::App& group, Context& context) {
  AddGenerate(group, context);
  AddScore(group, context);
  AddRecipes(group, context);
}

}  // namespace takt::cli
