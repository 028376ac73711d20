// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "takt/core/base/error.h"
#include "takt/infer/reuse/evolve_impl.h"

namespace takt::reuse {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kFileKind = "takt.reuse-search";
constexpr int kMajor = 1;

// One visitor writes and reads every field, so that the two cannot differ.
template <class Archive>
void VisitOptions(Archive& a, EvolveOptions* o) {
  a.Field("computed_cells", &o->computed_cells);
  a.Field("population", &o->population);
  a.Field("elite", &o->elite);
  a.Field("mutation", &o->mutation);
  a.Field("crossover", &o->crossover);
  a.Field("max_generations", &o->max_generations);
  a.Field("patience", &o->patience);
  a.Field("seed", &o->seed);
}

struct Writer {
  Json json = {};
  template <class T>
  void Field(const char* name, const T* value) {
    json[name] = *value;
  }
};

class Reader {
 public:
  Reader(const Json& json, const std::string& subject) : json_(json), subject_(subject) {}

  [[noreturn]] void Refuse(const std::string& message) const { throw Error(ErrorCode::kBadInput, subject_, message); }

  const Json& Get(const char* name) const {
    const auto it = json_.find(name);
    if (it == json_.end()) Refuse(fmt::format("lacks \"{}\"", name));
    return *it;
  }
  const Json& List(const char* name, size_t size) const {
    const Json& list = Get(name);
    if (!list.is_array() || list.size() != size) Refuse(fmt::format("needs {} values in \"{}\"", size, name));
    return list;
  }
  void Field(const char* name, int* value) const {
    const Json& json = Get(name);
    if (!json.is_number_integer() || !(json.get<double>() >= 0 && json.get<double>() <= 2e9)) {
      Refuse(fmt::format("needs a whole number from 0 in \"{}\"", name));
    }
    *value = json.get<int>();
  }
  void Field(const char* name, uint64_t* value) const {
    if (!Get(name).is_number_unsigned()) Refuse(fmt::format("needs a whole number from 0 in \"{}\"", name));
    *value = Get(name).get<uint64_t>();
  }
  void Field(const char* name, double* value) const { *value = Number(Get(name), name); }
  double Number(const Json& json, const char* name) const {
    if (!json.is_number() || !std::isfinite(json.get<double>())) Refuse(fmt::format("needs numbers in \"{}\"", name));
    return json.get<double>();
  }

 private:
  const Json& json_;
  const std::string& subject_;
};

Candidate ReadCandidate(const Json& json, const EvolveState& s, const std::string& subject) {
  if (!json.is_object()) throw Error(ErrorCode::kBadInput, subject, "has a candidate that is no object");
  const Reader reader(json, subject);
  Candidate c;
  const Json& fitness = reader.Get("fitness");
  c.fitness = fitness.is_null() ? std::numeric_limits<double>::quiet_NaN() : reader.Number(fitness, "fitness");
  const size_t count = s.blocks.size();
  const Json& rows = reader.List("cells", count);
  for (const Json& row : rows) {
    if (!row.is_string() || row.get_ref<const std::string&>().size() != static_cast<size_t>(s.steps)) {
      reader.Refuse(fmt::format("needs {} letters for each block of a candidate", s.steps));
    }
  }
  c.computed.resize(count * static_cast<size_t>(s.steps));
  for (size_t b = 0; b < count; ++b) {
    const std::string& row = rows[b].get_ref<const std::string&>();
    for (size_t k = 0; k < row.size(); ++k) {
      if ((row[k] != '#' && row[k] != '-') || (k == 0 && row[k] != '#')) {
        reader.Refuse("has a candidate that is not of # and -, # first");
      }
      c.computed[k * count + b] = row[k] == '#';
    }
  }
  if (std::count(c.computed.begin(), c.computed.end(), 1) != s.options.computed_cells) {
    reader.Refuse(fmt::format("has a candidate without {} computed cells", s.options.computed_cells));
  }
  return c;
}

}  // namespace

std::string EvolveStateText(const EvolveState& s) {
  Json json;
  json["kind"] = kFileKind;
  json["schema"] = {kMajor, 0};
  Writer writer;
  EvolveOptions options = s.options;
  VisitOptions(writer, &options);
  json["options"] = std::move(writer.json);
  json["steps"] = s.steps;
  json["blocks"] = Json::array();
  for (const Block& block : s.blocks) json["blocks"].push_back(BlockName(block));
  json["stalled"] = s.stalled;
  json["best_fitness"] = s.best_fitness;
  json["importance"] = s.importance;
  json["population"] = Json::array();
  const size_t count = s.blocks.size();
  for (const Candidate& c : s.population) {
    Json rows = Json::array();
    for (size_t b = 0; b < count; ++b) {
      std::string row;
      for (int k = 0; k < s.steps; ++k) row += c.computed[static_cast<size_t>(k) * count + b] ? '#' : '-';
      rows.push_back(std::move(row));
    }
    // Not evaluated yet is null: JSON has no NaN.
    json["population"].push_back(
        {{"fitness", std::isnan(c.fitness) ? Json() : Json(c.fitness)}, {"cells", std::move(rows)}});
  }
  return json.dump(1) + "\n";
}

EvolveState ParseEvolveState(std::string_view text, const std::string& subject) {
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) throw Error(ErrorCode::kBadInput, subject, "is no JSON object");
  const Reader reader(json, subject);
  if (reader.Get("kind") != kFileKind) reader.Refuse(fmt::format("is no {}", kFileKind));
  const Json& schema = reader.List("schema", 2);
  if (schema[0] != kMajor) {
    throw Error(ErrorCode::kUnsupported, subject, "was made by another version of takt",
                "use the version that made it");
  }
  EvolveState s;
  reader.Field("steps", &s.steps);
  const Json& blocks = reader.Get("blocks");
  if (!blocks.is_array() || blocks.size() > kMaxBlocks) reader.Refuse("needs a list in \"blocks\"");
  for (const Json& name : blocks) {
    Block block;
    if (!name.is_string() || !ParseBlockName(name.get_ref<const std::string&>(), &block)) {
      reader.Refuse("has a name in \"blocks\" that is none");
    }
    if (!s.blocks.empty() && !(s.blocks.back() < block)) reader.Refuse("has \"blocks\" out of order");
    s.blocks.push_back(block);
  }
  const Json& options = reader.Get("options");
  if (!options.is_object()) reader.Refuse("needs an object in \"options\"");
  Reader option_reader(options, subject);
  VisitOptions(option_reader, &s.options);
  if (const std::string fault = FaultOfOptions(s.options, s.blocks.size(), s.steps); !fault.empty())
    reader.Refuse(fault);
  reader.Field("stalled", &s.stalled);
  for (const Json& weight : reader.List("importance", s.blocks.size() * static_cast<size_t>(s.steps))) {
    s.importance.push_back(reader.Number(weight, "importance"));
    if (!(s.importance.back() > 0 && s.importance.back() <= 1e6 && 1 / s.importance.back() <= 1e6)) {
      reader.Refuse("has an importance out of proportion");
    }
  }
  const Json& best = reader.Get("best_fitness");
  if (!best.is_array()) reader.Refuse("needs a list in \"best_fitness\"");
  for (const Json& value : best) s.best_fitness.push_back(reader.Number(value, "best_fitness"));
  if (s.stalled > s.generation() || s.generation() > s.options.max_generations)
    reader.Refuse("has counted generations wrongly");
  bool pending = false;
  for (const Json& candidate : reader.List("population", static_cast<size_t>(s.options.population))) {
    s.population.push_back(ReadCandidate(candidate, s, subject));
    const double fitness = s.population.back().fitness;
    const bool sorted = s.population.size() < 2 || !(s.population[s.population.size() - 2].fitness < fitness);
    if ((pending && !std::isnan(fitness)) || !sorted) reader.Refuse("has a population out of order");
    pending |= std::isnan(fitness);
  }
  return s;
}

}  // namespace takt::reuse
