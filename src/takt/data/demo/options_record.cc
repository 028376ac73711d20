// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "takt/core/base/error.h"
#include "takt/core/base/file.h"
#include "takt/core/base/sha256.h"
#include "takt/data/demo/record.h"

namespace takt::demo {
namespace {

constexpr int kMajor = 1;

// One visitor writes and reads every field, so that the two cannot differ. `Field(name, &value)`.
template <class Archive>
void VisitOptions(Archive& a, AttemptOptions* o) {
  a.Field("seed", &o->stage.seed);
  a.Field("robot", &o->stage.robot);
  a.Field("sort_steps", &o->stage.sort_steps);
  a.Field("random_mass", &o->stage.random.mass);
  a.Field("random_friction", &o->stage.random.friction);
  a.Field("random_posture_rad", &o->stage.random.posture_rad);
  a.Added("random_recovery", &o->stage.random.recovery);
  a.Field("fps", &o->fps);
  a.Field("speed", &o->speed);
  a.Field("max_penetration_m", &o->limits.max_penetration_m);
  a.Field("max_slip_m", &o->limits.max_slip_m);
  a.Field("max_slip_rad", &o->limits.max_slip_rad);
  a.Field("max_held_gap_s", &o->limits.max_held_gap_s);
  a.Field("max_com_lever_m", &o->limits.max_com_lever_m);
  a.Field("min_support_margin_m", &o->limits.min_support_margin_m);
  a.Field("joint_tolerance_rad", &o->limits.joint_tolerance_rad);
  a.Field("velocity_tolerance", &o->limits.velocity_tolerance);
  a.Field("settle_s", &o->limits.settle_s);
  a.Field("settled_speed_m_s", &o->limits.settled_speed_m_s);
  a.Field("settled_rate_rad_s", &o->limits.settled_rate_rad_s);
  a.Field("max_idle_s", &o->limits.max_idle_s);
  a.Field("idle_action_step", &o->limits.idle_action_step);
  a.Field("idle_speed_m_s", &o->limits.idle_speed_m_s);
}

struct Writer {
  nlohmann::ordered_json json;
  template <class T>
  void Field(const char* name, T* value) {
    json[name] = *value;
  }
  template <class T>
  void Added(const char* name, T* value) {
    Field(name, value);
  }
};

struct Reader {
  const nlohmann::ordered_json& json;
  const std::string& subject;
  template <class T>
  void Field(const char* name, T* value) {
    const auto it = json.find(name);
    if (it == json.end()) throw Error(ErrorCode::kBadInput, subject, fmt::format("lacks \"{}\"", name));
    try {
      *value = it->get<T>();
    } catch (const nlohmann::json::exception&) {
      throw Error(ErrorCode::kBadInput, subject, fmt::format("has a \"{}\" of the wrong type", name));
    }
  }
  // Records of before it was added have its default.
  template <class T>
  void Added(const char* name, T* value) {
    if (json.contains(name)) Field(name, value);
  }
};

}  // namespace

nlohmann::ordered_json RecordOfOptions(const AttemptOptions& options, const std::string& recipe_text) {
  AttemptOptions copy = options;
  Writer writer;
  writer.json["schema"] = {kMajor, 0};
  writer.json["task"] = TaskName(options.stage.task);
  writer.json["recipe"] = options.stage.recipe.name;
  writer.json["recipe_text"] = recipe_text;
  VisitOptions(writer, &copy);
  return std::move(writer.json);
}

std::string RecordName(const nlohmann::ordered_json& record) { return Sha256Hex(record.dump()).substr(0, 16); }

std::filesystem::path RecordPath(const std::filesystem::path& dataset, const std::string& name) {
  return dataset / "meta" / ("takt_demo_" + name + ".json");
}

AttemptOptions OptionsOfRecord(const std::filesystem::path& path) {
  return ParseOptions(ReadTextFile(path, 1 << 24), path.string());
}

AttemptOptions ParseOptions(const std::string& text, const std::string& subject) {
  nlohmann::ordered_json json;
  try {
    json = nlohmann::ordered_json::parse(text);
  } catch (const nlohmann::json::exception&) {
    throw Error(ErrorCode::kBadInput, subject, "is no JSON");
  }
  if (!json.is_object()) throw Error(ErrorCode::kBadInput, subject, "is no JSON object");
  Reader reader{json, subject};
  std::vector<int> schema;
  std::string task, recipe_text, recipe;
  reader.Field("schema", &schema);
  if (schema.size() != 2 || schema[0] != kMajor) {
    throw Error(ErrorCode::kUnsupported, subject, "was made by another version of takt demo",
                "use the version that made it");
  }
  reader.Field("task", &task);
  reader.Field("recipe", &recipe);
  reader.Field("recipe_text", &recipe_text);
  AttemptOptions options;
  VisitOptions(reader, &options);
  options.stage.task = ParseTask(task);
  scene::RecipeResult result = scene::ParseRecipe(recipe_text, subject);
  for (const Diagnostic& d : result.diagnostics) {
    if (d.severity == Severity::kError)
      throw Error(ErrorCode::kBadInput, subject, "holds a recipe that cannot be read: " + d.message);
  }
  options.stage.recipe = std::move(result.recipe);
  options.stage.recipe.name = recipe;
  return options;
}

}  // namespace takt::demo
