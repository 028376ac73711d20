// SPDX-License-Identifier: Apache-2.0
#include "takt/data/scene/ask.h"

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <utility>

#include "takt/core/base/error.h"
#include "takt/data/scene/edit.h"
#include "takt/data/scene/model/patch.h"

namespace takt::scene {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kShownFaults = 30;

constexpr std::string_view kRules =
    R"(You describe rooms for robot simulation as JSON. Answer with one JSON object and nothing else.

Units are metres, kilograms and degrees. z is up; x and y span the floor. An object's front is its +x side. The origin of an
object is the centre of the BOTTOM of its box; size_m is its full extent [x, y, z]. Every position_m is in the frame of the
parent. On a floor and on a surface, z is 0. floor_m lists the corners counter-clockwise.

room: id, floor_m, height_m, openings (doors and windows in walls 0, 1, ...: wall i goes from corner i to the next), children.
A room or region has children of kind "region" or "object"; an object has children of kind "surface" (where things can stand:
position_m is the middle of its lower side, so a table top has z = height of the table); a surface has children of kind "object".
relations say what must hold: on, in, against (target "wall"), near (min_m, max_m), facing, aligned, reachable_by (target: an
object with "robot" and "reach_m").
ids are unique: letters, digits, _ . -

Example:
{"schema": "1.0", "materials": [{"id": "wood", "rgba": [0.7, 0.5, 0.3, 1]}],
 "room": {"id": "room", "floor_m": [[0, 0], [4, 0], [4, 3], [0, 3]], "height_m": 3,
  "openings": [{"kind": "door", "id": "door", "wall_idx": 0, "offset_m": 0.3, "width_m": 0.9, "height_m": 2, "clearance_m": 0.9}],
  "children": [
   {"kind": "object", "id": "bench", "category": "bench", "position_m": [2, 2.5, 0], "yaw_deg": -90, "size_m": [0.8, 1.6, 0.75],
    "material": "wood", "fixed": true,
    "children": [{"kind": "surface", "id": "bench.top", "position_m": [0, 0, 0.75], "size_m": [0.8, 1.6, 0],
     "children": [{"kind": "object", "id": "cup", "category": "cup", "position_m": [0.1, 0.2, 0], "size_m": [0.08, 0.08, 0.1]}]}]}]},
 "relations": [{"kind": "against", "subject": "bench", "target": "wall:2", "side": "back"},
  {"kind": "on", "subject": "cup", "target": "bench.top"}]}
)";

constexpr std::string_view kPatchRules = R"(
A scene exists already and follows. Change only what is asked for. Answer with a patch, {"ops": [...]}, of these operations:
 {"op": "add", "parent": ID, "node": {"kind": "object", ...}}      {"op": "add", "relation": {...}}
 {"op": "move", "id": ID, "position_m": [x, y, z], "yaw_deg": d}   with "parent": ID to put it elsewhere
 {"op": "remove", "id": ID}                                         {"op": "remove", "relation": {...}}
 {"op": "replace", "id": ID, "node": {"kind": "object", ...}}
 {"op": "set", "id": ID, "mass_kg": 0.2}                            with "unset": "key key" to drop keys
Or, if nearly everything changes, answer with a whole scene.

The scene:
)";

// The schema of what may be answered.
std::string AnswerSchema(bool may_patch) {
  Json schema = Json::parse(JsonSchema());
  if (!may_patch) return schema.dump();
  const Json defs = std::move(schema["$defs"]);
  schema.erase("$defs");
  schema.erase("$schema");
  const Json op = {{"type", "object"},
                   {"properties", {{"op", {{"enum", {"add", "move", "remove", "replace", "set"}}}}}},
                   {"required", {"op"}}};
  const Json patch = {{"type", "object"},
                      {"properties", {{"ops", {{"type", "array"}, {"items", op}}}}},
                      {"required", {"ops"}},
                      {"additionalProperties", false}};
  return Json({{"anyOf", {patch, schema}}, {"$defs", defs}}).dump();
}

std::string Faults(const std::vector<Diagnostic>& diagnostics) {
  std::string text;
  size_t count = 0;
  for (const Diagnostic& d : diagnostics) {
    if (d.severity != Severity::kError) continue;
    if (++count > kShownFaults) return text + "and more\n";
    if (d.line > 0) text += "line " + std::to_string(d.line) + ", column " + std::to_string(d.column) + ": ";
    text += d.message + (d.hint.empty() ? "" : " (" + d.hint + ")") + "\n";
  }
  return text;
}

struct Attempt {
  bool is_good = false;
  bool cannot_be_repaired = false;
  std::string faults;  // for the model, a line each
  AskReport report;
};

Attempt Judge(const ChatAnswer& answer, const AskOptions& options, const Scene* before) {
  Attempt attempt;
  const Extract extract = ExtractAnswer(answer.content);
  if (extract.text.empty()) {
    attempt.faults = "the answer holds no JSON object\n";
    return attempt;
  }
  if (extract.is_patch && before == nullptr) {
    attempt.faults = "there is no scene that a patch could change: write a whole scene\n";
    return attempt;
  }
  attempt.report.was_patch = extract.is_patch;
  if (extract.is_patch) {
    EditResult edit = Apply(*before, extract.text, extract.format, "answer");
    attempt.report.scene = std::move(edit.scene);
    attempt.report.diagnostics = std::move(edit.diagnostics);
  } else {
    ReadResult read = ParseScene(extract.text, extract.format, "answer");
    attempt.report.scene = std::move(read.scene);
    attempt.report.diagnostics = std::move(read.diagnostics);
  }
  if (HasErrors(attempt.report.diagnostics)) {
    attempt.faults = Faults(attempt.report.diagnostics);
    if (answer.was_cut) attempt.faults += "the answer was cut off at the limit of tokens: write less\n";
    return attempt;
  }
  if (options.repair) {
    RepairOptions repair;
    repair.seed = options.seed;
    repair.assets = options.out.parent_path();
    RepairResult repaired = Repair(attempt.report.scene, repair);
    attempt.report.repair = repaired.outcome;
    if (repaired.outcome != RepairOutcome::kClean && repaired.outcome != RepairOutcome::kRepaired) {
      attempt.cannot_be_repaired = true;
      for (const Fault& fault : repaired.certificate.faults) attempt.faults += fault.text + "\n";
      for (const std::string& step : repaired.witness.steps) attempt.faults += step + "\n";
      if (attempt.faults.empty()) attempt.faults = "the things do not fit into the room\n";
      return attempt;
    }
    attempt.report.moved = std::move(repaired.moved);
    attempt.report.scene = std::move(repaired.scene);
  }
  attempt.is_good = true;
  return attempt;
}

}  // namespace

Extract ExtractAnswer(std::string_view answer) {
  if (const size_t thoughts = answer.rfind("</think>"); thoughts != std::string_view::npos)
    answer.remove_prefix(thoughts + 8);
  // A fence stands at the start of a line; its first line may name a language.
  std::string_view longest;
  for (size_t open = answer.find("```"); open != std::string_view::npos;) {
    const size_t begin = answer.find('\n', open);
    if (begin == std::string_view::npos) break;
    const size_t close = std::min(answer.find("```", begin), answer.size());
    if (close - begin > longest.size()) longest = answer.substr(begin, close - begin);
    open = close == answer.size() ? std::string_view::npos : answer.find("```", close + 3);
  }
  if (longest.find_first_of("{<") != std::string_view::npos) answer = longest;
  const size_t brace = std::min(answer.find('{'), answer.size());
  size_t tag = answer.size();
  for (const std::string_view root : {"<?xml", "<scene", "<patch"}) tag = std::min(tag, answer.find(root));
  if (std::min(brace, tag) >= answer.size()) return {};
  Extract extract;
  if (tag < brace) {
    extract.format = Format::kXml;
    extract.text = answer.substr(tag, answer.rfind('>') + 1 - tag);
    extract.is_patch = extract.text.find("<scene") == std::string::npos;
    return extract;
  }
  const size_t end = answer.rfind('}');
  extract.text =
      answer.substr(brace, end == std::string_view::npos || end < brace ? std::string_view::npos : end + 1 - brace);
  // Which of the two it is must be seen in broken JSON too.
  extract.is_patch = extract.text.find("\"ops\"") != std::string::npos;
  return extract;
}

AskReport Ask(const AskOptions& options) {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point start = Clock::now();
  FormatOf(options.out);
  Scene before;
  if (!options.in.empty()) before = LoadScene(options.in);
  std::vector<ChatMessage> messages = {{"system", std::string(kRules)}, {"user", options.words}};
  if (!options.in.empty()) messages[0].content += std::string(kPatchRules) + FormatScene(before, Format::kJson);
  const std::string schema = AnswerSchema(!options.in.empty());

  int requests = 0;
  for (int corrections = 0;; ++corrections) {
    ChatEndpoint endpoint = options.endpoint;
    endpoint.timeout_s -= std::chrono::duration<double>(Clock::now() - start).count();
    const ChatAnswer answer = Chat(endpoint, messages, "takt_scene", schema);
    requests += answer.requests;
    Attempt attempt = Judge(answer, options, options.in.empty() ? nullptr : &before);
    if (attempt.is_good) {
      attempt.report.requests = requests;
      attempt.report.corrections = corrections;
      const bool in_place = !options.in.empty() && std::filesystem::exists(options.out) &&
                            std::filesystem::equivalent(options.in, options.out);
      if (in_place)
        WriteEdited(before, attempt.report.scene, options.out);
      else
        WriteScene(attempt.report.scene, options.out);
      return std::move(attempt.report);
    }
    if (corrections >= options.corrections) {
      throw Error(attempt.cannot_be_repaired ? ErrorCode::kInfeasibleBudget : ErrorCode::kBadInput,
                  options.endpoint.url,
                  "the model's answer cannot be used, after " + std::to_string(corrections) +
                      " corrections: " + attempt.faults.substr(0, attempt.faults.find('\n')),
                  "say more exactly what should be there, allow more corrections, or take a larger model");
    }
    messages.push_back({"assistant", answer.content});
    messages.push_back({"user", "That cannot be used:\n" + attempt.faults + "Answer again, whole, with these mended."});
  }
}

}  // namespace takt::scene
