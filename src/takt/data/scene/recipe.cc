// SPDX-License-Identifier: Apache-2.0
#include "takt/data/scene/recipe.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <set>
#include <sstream>
#include <utility>

#include "takt/core/base/error.h"
#include "takt/core/base/file.h"
#include "takt/data/scene/catalogue.h"
#include "takt/data/scene/recipe_builtin.h"

#define TOML_HEADER_ONLY 1
#define TOML_ENABLE_FORMATTERS 1
#include <toml++/toml.h>

namespace takt::scene {
namespace {

constexpr uint64_t kMaxRecipeBytes = 1 << 20;
constexpr int kMaxCount = 1000;
constexpr size_t kMaxLines = 1000;
constexpr double kMaxRoomM = 1000;
constexpr double kRadPerDeg = std::numbers::pi / 180;

bool IsId(std::string_view id) {
  return !id.empty() && id.size() <= 64 && std::all_of(id.begin(), id.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
}

// A key of Scene::extra or Node::extra must be the name of an XML attribute.
bool IsHintKey(std::string_view key) { return IsId(key) && !(key[0] >= '0' && key[0] <= '9') && key[0] != '-'; }

class Reader {
 public:
  explicit Reader(std::string file) : file_(std::move(file)) {}

  RecipeResult Read(std::string_view text);

 private:
  using Table = toml::table;
  using Value = toml::node;

  void Fault(const toml::source_region& where, const char* code, std::string message, std::string hint = {}) {
    Diagnostic d;
    d.code = code;
    d.file = file_;
    d.line = static_cast<int>(where.begin.line);
    d.column = static_cast<int>(where.begin.column);
    d.message = std::move(message);
    d.hint = std::move(hint);
    diagnostics_.push_back(std::move(d));
  }
  void Wrong(const Value& value, std::string_view key, const char* wanted) {
    Fault(value.source(), "recipe/wrong-type", fmt::format("{} must be {}", key, wanted));
  }

  // Says so for every key of `table` that is not in `known`.
  void KnownKeys(const Table& table, std::initializer_list<std::string_view> known, const char* where) {
    for (auto&& [key, value] : table) {
      if (std::find(known.begin(), known.end(), key.str()) != known.end()) continue;
      std::string all;
      for (std::string_view k : known) all += (all.empty() ? "" : ", ") + std::string(k);
      Fault(key.source(), "recipe/unknown-key", fmt::format("{} is no key of {}", key.str(), where), "known: " + all);
    }
  }

  std::optional<double> Number(const Value& value, std::string_view key) {
    const auto number = value.value<double>();
    if (value.is_number() && number && std::isfinite(*number)) return number;
    Wrong(value, key, "a number");
    return std::nullopt;
  }
  // A number or [low, high], inside [least, most].
  std::optional<Range> ReadRange(const Value& value, std::string_view key, double least, double most) {
    Range range;
    if (const toml::array* pair = value.as_array()) {
      if (pair->size() != 2) {
        Wrong(value, key, "a number or [low, high]");
        return std::nullopt;
      }
      const auto low = Number(*pair->get(0), key), high = Number(*pair->get(1), key);
      if (!low || !high) return std::nullopt;
      range = {*low, *high};
    } else {
      const auto number = Number(value, key);
      if (!number) return std::nullopt;
      range = {*number, *number};
    }
    if (!(range.low <= range.high && range.low >= least && range.high <= most)) {
      Fault(value.source(), "recipe/out-of-range",
            fmt::format("{} is [{}, {}]; it must rise and lie in [{}, {}]", key, range.low, range.high, least, most));
      return std::nullopt;
    }
    return range;
  }
  void Into(const Table& table, const char* key, double least, double most, Range* range) {
    if (const Value* value = table.get(key)) {
      if (const auto read = ReadRange(*value, key, least, most)) *range = *read;
    }
  }
  std::optional<IntRange> ReadCount(const Value& value, std::string_view key, int least) {
    const auto range = ReadRange(value, key, least, kMaxCount);
    if (!range) return std::nullopt;
    if (range->low != std::floor(range->low) || range->high != std::floor(range->high)) {
      Wrong(value, key, "a whole number or two of them");
      return std::nullopt;
    }
    return IntRange{static_cast<int>(range->low), static_cast<int>(range->high)};
  }
  std::string Text(const Table& table, const char* key, std::string otherwise = {}) {
    const Value* value = table.get(key);
    if (!value) return otherwise;
    if (const auto* text = value->as_string()) return text->get();
    Wrong(*value, key, "a text");
    return otherwise;
  }
  bool Flag(const Table& table, const char* key) {
    const Value* value = table.get(key);
    if (!value) return false;
    if (const auto* flag = value->as_boolean()) return flag->get();
    Wrong(*value, key, "true or false");
    return false;
  }
  // "a" or ["a", "b"].
  std::vector<std::string> Texts(const Table& table, const char* key) {
    std::vector<std::string> texts;
    const Value* value = table.get(key);
    if (!value) return texts;
    if (const auto* text = value->as_string()) return {text->get()};
    const toml::array* list = value->as_array();
    if (list && !list->empty()) {
      for (const Value& item : *list) {
        if (const auto* text = item.as_string()) {
          texts.push_back(text->get());
        } else {
          Wrong(item, key, "a text or a list of texts");
        }
      }
    } else {
      Wrong(*value, key, "a text or a list of texts");
    }
    return texts;
  }
  // Calls read(table) for each [[key]].
  template <class Read>
  void Each(const Table& root, const char* key, Read read) {
    const Value* value = root.get(key);
    if (!value) return;
    const toml::array* list = value->as_array();
    if (!list) return Wrong(*value, key, "a list of tables: [[...]]");
    if (list->size() > kMaxLines) {
      Fault(value->source(), "recipe/out-of-range", fmt::format("more than {} of [[{}]]", kMaxLines, key));
      return;
    }
    for (const Value& item : *list) {
      if (const Table* table = item.as_table()) {
        read(*table);
      } else {
        Wrong(item, key, "a list of tables: [[...]]");
      }
    }
  }

  std::string NewId(const Table& table, const char* what) {
    const std::string id = Text(table, "id");
    const toml::source_region& where = table.get("id") ? table.get("id")->source() : table.source();
    if (!table.get("id")) {
      Fault(where, "recipe/missing-key", fmt::format("{} has no id", what));
    } else if (!IsId(id) || id == "floor" || id == "room" || id == "wall") {
      Fault(where, "recipe/bad-id", fmt::format("'{}' cannot be an id", id),
            "letters, digits, _ and -; not floor, room, wall");
    } else if (!ids_.insert(id).second) {
      Fault(where, "recipe/duplicate-id", fmt::format("the id '{}' is there already", id));
    }
    return id;
  }

  void ReadOpening(const Table& table, OpeningKind kind);
  void ReadRegion(const Table& table);
  void ReadObject(const Table& table);
  void ReadParams(const Table& table, RecipeObject* object);
  void ReadRelations(const Table& table, const char* key, RelationKind kind, RecipeObject* object);
  void ReadRelation(const Value& value, const char* key, RelationKind kind, RecipeObject* object);
  void ReadHints(const Table& table, const std::string& prefix, std::map<std::string, std::string>* out);
  bool KnownSupport(const std::string& support, bool inside, std::string* hint) const;

  std::string file_;
  Recipe recipe_;
  std::vector<Diagnostic> diagnostics_;
  std::set<std::string> ids_;
};

void Reader::ReadOpening(const Table& table, OpeningKind kind) {
  const bool door = kind == OpeningKind::kDoor;
  KnownKeys(table, {"wall", "width_m", "height_m", "sill_m", "clearance_m"}, door ? "a door" : "a window");
  RecipeOpening opening;
  opening.kind = kind;
  opening.width_m = door ? Range{0.9, 0.9} : Range{1.2, 1.2};
  opening.height_m = door ? Range{2.1, 2.1} : Range{1.2, 1.2};
  opening.sill_m = door ? Range{0, 0} : Range{0.9, 0.9};
  opening.clearance_m = door ? Range{1, 1} : Range{0, 0};
  if (const Value* wall = table.get("wall"); wall && !(wall->is_string() && wall->as_string()->get() == "any")) {
    const auto idx = ReadRange(*wall, "wall", 0, 3);
    if (idx) opening.wall_idx = static_cast<int>(idx->low);
  }
  Into(table, "width_m", 0.1, 20, &opening.width_m);
  Into(table, "height_m", 0.1, 20, &opening.height_m);
  Into(table, "sill_m", 0, 20, &opening.sill_m);
  Into(table, "clearance_m", 0, 10, &opening.clearance_m);
  recipe_.openings.push_back(opening);
}

void Reader::ReadRegion(const Table& table) {
  KnownKeys(table, {"id", "name", "area"}, "a region");
  RecipeRegion region;
  region.id = NewId(table, "a region");
  region.name = Text(table, "name", region.id);
  const Value* area = table.get("area");
  const toml::array* list = area ? area->as_array() : nullptr;
  double corners[4] = {0, 0, 1, 1};
  bool good = list && list->size() == 4;
  for (size_t i = 0; good && i < 4; ++i) {
    const auto number = list->get(i)->value<double>();
    good = number && *number >= 0 && *number <= 1;
    if (good) corners[i] = *number;
  }
  if (!good || !(corners[0] < corners[2] && corners[1] < corners[3])) {
    Fault(area ? area->source() : table.source(), "recipe/bad-area",
          "area must be [x0, y0, x1, y1], parts of the room's width and depth", "area = [0, 0, 0.5, 1]");
  }
  region.x0 = corners[0], region.y0 = corners[1], region.x1 = corners[2], region.y1 = corners[3];
  recipe_.regions.push_back(region);
}

void Reader::ReadParams(const Table& table, RecipeObject* object) {
  const Value* value = table.get("params");
  if (!value) return;
  const Table* params = value->as_table();
  if (!params) return Wrong(*value, "params", "a table");
  for (auto&& [key, range] : *params) {
    double least = -1e9, most = 1e9;
    const std::string name(key.str());
    for (const std::string& category : object->categories) {
      const CatalogueEntry* entry = FindCatalogueEntry(category);
      if (!entry) continue;
      const auto param = std::find_if(entry->params.begin(), entry->params.end(),
                                      [&](const CatalogueParam& p) { return p.name == name; });
      if (param == entry->params.end()) {
        std::string known;
        for (const CatalogueParam& p : entry->params) known += (known.empty() ? "" : ", ") + std::string(p.name);
        Fault(key.source(), "recipe/unknown-param", fmt::format("{} has no parameter {}", category, name),
              known.empty() ? "it has none" : "it has " + known);
        continue;
      }
      least = std::max(least, param->low);
      most = std::min(most, param->high);
    }
    if (const auto read = ReadRange(range, name, least, most)) object->params[name] = *read;
  }
}

void Reader::ReadRelation(const Value& value, const char* key, RelationKind kind, RecipeObject* object) {
  RecipeRelation relation;
  relation.kind = kind;
  if (const auto* target = value.as_string()) {
    relation.target = target->get();
  } else if (const Table* table = value.as_table()) {
    KnownKeys(*table, {"target", "side", "min_m", "max_m", "distance_m", "tolerance_deg"}, key);
    relation.target = Text(*table, "target");
    Range least, most, tolerance;
    Into(*table, "min_m", 0, 100, &least);
    Into(*table, "max_m", 0, 100, &most);
    Into(*table, "tolerance_deg", 0, 180, &tolerance);
    relation.min_m = least.high;
    relation.max_m = most.high;
    relation.tolerance_rad = tolerance.high * kRadPerDeg;
    const std::string side = Text(*table, "side", "back");
    constexpr std::pair<std::string_view, Side> kSides[] = {
        {"front", Side::kFront}, {"back", Side::kBack}, {"left", Side::kLeft}, {"right", Side::kRight}};
    const auto it = std::find_if(std::begin(kSides), std::end(kSides), [&](const auto& s) { return s.first == side; });
    if (it == std::end(kSides)) {
      Fault(value.source(), "recipe/bad-word", fmt::format("'{}' is no side", side), "front, back, left or right");
    } else {
      relation.side = it->second;
    }
    if (kind == RelationKind::kReachableBy) {
      Into(*table, "distance_m", 0, 10, &object->reach_m);
    } else if (table->get("distance_m")) {
      Fault(table->get("distance_m")->source(), "recipe/unknown-key", "distance_m goes with reachable_by only");
    }
  } else {
    return Wrong(value, key, "an id or a table with target");
  }
  const bool wall = relation.target == "wall" || (relation.target.size() == 6 && relation.target.starts_with("wall:") &&
                                                  relation.target[5] >= '0' && relation.target[5] <= '3');
  const bool known = std::any_of(recipe_.objects.begin(), recipe_.objects.end(),
                                 [&](const RecipeObject& o) { return o.id == relation.target; });
  if (!(known || (wall && kind == RelationKind::kAgainst))) {
    Fault(value.source(), "recipe/unknown-target",
          fmt::format("{} names '{}', which no line above makes", key, relation.target),
          "objects are placed in the order of the recipe; what is named must come first");
  }
  object->relations.push_back(relation);
}

void Reader::ReadRelations(const Table& table, const char* key, RelationKind kind, RecipeObject* object) {
  const Value* value = table.get(key);
  if (!value) return;
  if (const toml::array* list = value->as_array()) {
    for (const Value& item : *list) ReadRelation(item, key, kind, object);
  } else {
    ReadRelation(*value, key, kind, object);
  }
}

bool Reader::KnownSupport(const std::string& support, bool inside, std::string* hint) const {
  if (!inside && support == "floor") return true;
  for (const RecipeRegion& region : recipe_.regions) {
    if (!inside && region.id == support) return true;
  }
  const size_t dot = support.find('.');
  const std::string owner = support.substr(0, dot), suffix = dot == std::string::npos ? "" : support.substr(dot + 1);
  for (const RecipeObject& object : recipe_.objects) {
    if (object.id != owner) continue;
    for (const std::string& category : object.categories) {
      const CatalogueEntry* entry = FindCatalogueEntry(category);
      if (!entry) continue;
      if (entry->surfaces.empty()) {
        *hint = category + " has no surface";
        return false;
      }
      if (suffix.empty() || suffix == "*" ||
          std::find(entry->surfaces.begin(), entry->surfaces.end(), suffix) != entry->surfaces.end())
        continue;
      *hint = category + " has the surfaces:";
      for (std::string_view s : entry->surfaces) *hint += " " + std::string(s);
      return false;
    }
    return true;
  }
  *hint = "the floor, a region, or an object of a line above";
  return false;
}

void Reader::ReadObject(const Table& table) {
  KnownKeys(table,
            {"id", "category", "count", "params", "color", "distinct_colors", "distractor", "on", "in", "x_m", "y_m",
             "yaw_deg", "fixed", "against", "near", "facing", "aligned", "reachable_by", "extra"},
            "an object");
  RecipeObject object;
  object.line = static_cast<int>(table.source().begin.line);
  object.id = NewId(table, "an object");
  object.categories = Texts(table, "category");
  if (object.categories.empty() && !table.get("category")) {
    Fault(table.source(), "recipe/missing-key", fmt::format("{} has no category", object.id));
  }
  for (const std::string& category : object.categories) {
    if (FindCatalogueEntry(category)) continue;
    Fault(table.get("category")->source(), "recipe/unknown-category",
          fmt::format("'{}' is not in the catalogue", category), "takt scene recipes --catalogue lists what is");
  }
  if (const Value* count = table.get("count")) {
    if (const auto read = ReadCount(*count, "count", 0)) object.count = *read;
  }
  object.colors = Texts(table, "color");
  for (const std::string& color : object.colors) {
    if (std::any_of(Palette().begin(), Palette().end(), [&](const Material& m) { return m.id == color; })) continue;
    Fault(table.get("color")->source(), "recipe/unknown-color", fmt::format("'{}' is no colour of the palette", color),
          "takt scene recipes --catalogue lists them");
  }
  ReadParams(table, &object);
  object.distinct_colors = Flag(table, "distinct_colors");
  object.distractor = Flag(table, "distractor");
  object.fixed = Flag(table, "fixed");
  object.inside = table.get("in") != nullptr;
  object.support = object.inside ? Text(table, "in") : Text(table, "on", "floor");
  if (table.get("in") && table.get("on")) {
    Fault(table.get("in")->source(), "recipe/bad-support", fmt::format("{} is both on and in something", object.id));
  }
  if (std::string hint; !KnownSupport(object.support, object.inside, &hint)) {
    const Value* where = table.get(object.inside ? "in" : "on");
    Fault(where ? where->source() : table.source(), "recipe/bad-support",
          fmt::format("nothing can be {} '{}'", object.inside ? "in" : "on", object.support), hint);
  }
  const auto optional_range = [&](const char* key, double most, double unit) -> std::optional<Range> {
    const Value* value = table.get(key);
    if (!value) return std::nullopt;
    auto range = ReadRange(*value, key, -most, most);
    if (range) range->low *= unit, range->high *= unit;
    return range;
  };
  object.x_m = optional_range("x_m", kMaxRoomM, 1);
  object.y_m = optional_range("y_m", kMaxRoomM, 1);
  object.yaw_rad = optional_range("yaw_deg", 360, kRadPerDeg);
  ReadRelations(table, "against", RelationKind::kAgainst, &object);
  ReadRelations(table, "near", RelationKind::kNear, &object);
  ReadRelations(table, "facing", RelationKind::kFacing, &object);
  ReadRelations(table, "aligned", RelationKind::kAligned, &object);
  ReadRelations(table, "reachable_by", RelationKind::kReachableBy, &object);
  if (const Value* extra = table.get("extra")) {
    if (const Table* keys = extra->as_table()) {
      ReadHints(*keys, "", &object.extra);
    } else {
      Wrong(*extra, "extra", "a table");
    }
  }
  recipe_.objects.push_back(std::move(object));
}

void Reader::ReadHints(const Table& table, const std::string& prefix, std::map<std::string, std::string>* out) {
  for (auto&& [key, value] : table) {
    const std::string name = prefix + std::string(key.str());
    if (!IsHintKey(key.str())) {
      Fault(key.source(), "recipe/bad-id", fmt::format("'{}' cannot be a key", key.str()),
            "letters, digits, _ and -; a letter first");
    } else if (const Table* inner = value.as_table()) {
      ReadHints(*inner, name + ".", out);
    } else if (const auto* text = value.as_string()) {
      (*out)[name] = text->get();
    } else {
      std::ostringstream json;
      value.visit([&](const auto& v) { json << toml::json_formatter{v}; });
      std::string flat;
      for (const char c : json.str()) {
        if (c != '\n' && c != ' ') flat += c;
      }
      (*out)[name] = flat;
    }
  }
}

RecipeResult Reader::Read(std::string_view text) {
  if (text.size() > kMaxRecipeBytes) {
    Fault({}, "recipe/too-large",
          fmt::format("is {} bytes long; at most {} are read here", text.size(), kMaxRecipeBytes));
    return {recipe_, diagnostics_};
  }
  Table root;
  try {
    root = toml::parse(text, file_);
  } catch (const toml::parse_error& e) {
    Fault(e.source(), "recipe/syntax", std::string(e.description()), "https://toml.io describes the language");
    return {recipe_, diagnostics_};
  }
  KnownKeys(root, {"name", "description", "clutter", "gap_m", "room", "door", "window", "region", "object", "hints"},
            "a recipe");
  recipe_.name = Text(root, "name");
  recipe_.description = Text(root, "description");
  Into(root, "clutter", 0, 10, &recipe_.clutter);
  Range gap = {recipe_.gap_m, recipe_.gap_m};
  Into(root, "gap_m", 0.001, 1, &gap);
  recipe_.gap_m = gap.high;
  if (const Value* room = root.get("room")) {
    if (const Table* table = room->as_table()) {
      KnownKeys(*table, {"width_m", "depth_m", "height_m"}, "room");
      Into(*table, "width_m", 0.5, kMaxRoomM, &recipe_.width_m);
      Into(*table, "depth_m", 0.5, kMaxRoomM, &recipe_.depth_m);
      Into(*table, "height_m", 1, 100, &recipe_.height_m);
    } else {
      Wrong(*room, "room", "a table");
    }
  }
  Each(root, "door", [&](const Table& table) { ReadOpening(table, OpeningKind::kDoor); });
  Each(root, "window", [&](const Table& table) { ReadOpening(table, OpeningKind::kWindow); });
  Each(root, "region", [&](const Table& table) { ReadRegion(table); });
  Each(root, "object", [&](const Table& table) { ReadObject(table); });
  if (recipe_.objects.empty()) Fault(root.source(), "recipe/missing-key", "has no [[object]]");
  if (const Value* hints = root.get("hints")) {
    if (const Table* table = hints->as_table()) {
      ReadHints(*table, "", &recipe_.hints);
    } else {
      Wrong(*hints, "hints", "a table");
    }
  }
  std::stable_sort(diagnostics_.begin(), diagnostics_.end(), [](const Diagnostic& a, const Diagnostic& b) {
    return std::pair(a.line, a.column) < std::pair(b.line, b.column);
  });
  return {std::move(recipe_), std::move(diagnostics_)};
}

}  // namespace

RecipeResult ParseRecipe(std::string_view text, const std::string& file) { return Reader(file).Read(text); }

std::vector<std::string> BuiltInRecipes() {
  std::vector<std::string> names;
  for (const auto& recipe : recipe_builtin::kAll) names.emplace_back(recipe.name);
  std::sort(names.begin(), names.end());
  return names;
}

std::string_view BuiltInRecipeText(std::string_view name) {
  for (const auto& recipe : recipe_builtin::kAll) {
    if (recipe.name == name) return recipe.text;
  }
  throw Error(ErrorCode::kNotFound, std::string(name), "is no built-in recipe", "takt scene recipes lists them");
}

Recipe LoadRecipe(const std::string& name_or_path) {
  const auto names = BuiltInRecipes();
  const bool built_in = std::find(names.begin(), names.end(), name_or_path) != names.end();
  std::string text;
  if (built_in) {
    text = BuiltInRecipeText(name_or_path);
  } else {
    if (!std::filesystem::exists(name_or_path)) {
      std::string known;
      for (const std::string& name : names) known += (known.empty() ? "" : ", ") + name;
      throw Error(ErrorCode::kNotFound, name_or_path, "is neither a built-in recipe nor a file", "built in: " + known);
    }
    text = ReadTextFile(name_or_path, kMaxRecipeBytes);
  }
  RecipeResult result = ParseRecipe(text, name_or_path);
  for (const Diagnostic& d : result.diagnostics) {
    if (d.severity != Severity::kError) continue;
    throw Error(ErrorCode::kBadInput, fmt::format("{}:{}:{}", d.file, d.line, d.column), d.message, d.hint);
  }
  if (result.recipe.name.empty()) result.recipe.name = std::filesystem::path(name_or_path).stem().string();
  return std::move(result.recipe);
}

}  // namespace takt::scene
