// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "takt/data/scene/model/document.h"
#include "takt/data/scene/model/fields.h"
#include "takt/data/scene/model/scene_io.h"

namespace takt::scene {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kIdPattern = "[A-Za-z0-9_.\\-]+";

Json Reference(std::string_view name) { return {{"$ref", "#/$defs/" + std::string(name)}}; }

// The JSON Schema of a struct: a visitor of fields.h.
class JsonSchemaWriter {
 public:
  void Text(const Key& key, const std::string&) {
    Json type = {{"type", "string"}};
    if (key.name == "id") type["pattern"] = "^" + std::string(kIdPattern) + "$";
    Put(key, std::move(type));
  }
  void Number(const Key& key, double, double) { Put(key, NumberType(key)); }
  void Integer(const Key& key, int, int) { Put(key, {{"type", "integer"}, {"minimum", 0}}); }
  template <class Array>
  void Numbers(const Key& key, const Array& values, const Array&) {
    Put(key, ListType(NumberType(key), static_cast<size_t>(values.size())));
  }
  void Polygon(const Key& key, const std::vector<Vec2>&) {
    Put(key, {{"type", "array"}, {"minItems", 3}, {"items", ListType({{"type", "number"}}, 2)}});
  }
  void Flag(const Key& key, bool, bool) { Put(key, {{"type", "boolean"}}); }
  template <class Enum, size_t kCount>
  void Choice(const Key& key, Enum, Enum, const Word<Enum> (&words)[kCount]) {
    Json choices = Json::array();
    for (const auto& row : words) choices.push_back(row.word);
    Put(key, {{"enum", choices}});
  }
  void Placement(const Pose&) {
    Put({"position_m", "place in the parent's frame"}, ListType({{"type", "number"}}, 3));
    Put({"yaw_deg", "rotation about z"}, {{"type", "number"}});
    Put({"rotation_wxyz", "unit quaternion, instead of yaw_deg"}, ListType({{"type", "number"}}, 4));
  }
  template <class T>
  void List(std::string_view name, const std::vector<T>&) {
    for (const JsonList& list : kLists) {
      if (list.element == name && !list.one) {
        schema_["properties"][list.key] = {{"type", "array"}, {"items", Reference(name)}};
      }
    }
  }
  void Child(std::string_view name, const Node&) {
    schema_["properties"][name] = Reference(name);
    schema_["required"].push_back(name);
  }
  void Extra(const std::map<std::string, std::string>&) {}

  template <class T>
  static Json Schema(const T& thing) {
    JsonSchemaWriter writer;
    writer.schema_ = {{"type", "object"}, {"properties", Json::object()}, {"required", Json::array()}};
    if constexpr (std::is_same_v<T, Scene>) {
      writer.Put({"schema", "version of this format", true}, {{"type", "string"}, {"pattern", "^1\\.[0-9]+$"}});
    }
    if constexpr (std::is_same_v<T, Node>) {
      if (thing.kind != NodeKind::kRoom) writer.Put({"kind", "what it is", true}, {{"const", KindName(thing.kind)}});
    }
    Fields(writer, thing);
    if constexpr (std::is_same_v<T, Node>) {
      Json kinds = Json::array();
      for (const NodeKind kind : ChildKinds(thing.kind)) kinds.push_back(Reference(KindName(kind)));
      writer.schema_["properties"]["children"] = {{"type", "array"}, {"items", {{"anyOf", kinds}}}};
    }
    writer.schema_["additionalProperties"] = false;
    return std::move(writer.schema_);
  }

 private:
  static Json NumberType(const Key& key) {
    Json type = {{"type", "number"}};
    if (key.range == Bounds::kPositive) type["exclusiveMinimum"] = 0;
    if (key.range == Bounds::kNotNegative || key.range == Bounds::kFraction) type["minimum"] = 0;
    if (key.range == Bounds::kFraction) type["maximum"] = 1;
    return type;
  }
  static Json ListType(Json item, size_t count) {
    return {{"type", "array"}, {"items", std::move(item)}, {"minItems", count}, {"maxItems", count}};
  }
  void Put(const Key& key, Json type) {
    type["description"] = key.meaning;
    schema_["properties"][key.name] = std::move(type);
    if (key.is_required) schema_["required"].push_back(key.name);
  }

  Json schema_;
};

// The RELAX NG pattern of a struct: a visitor of fields.h.
class RngWriter {
 public:
  explicit RngWriter(std::string_view name) {
    pattern_ = "  <define name=\"" + std::string(name) + "\">\n    <element name=\"" + std::string(name) +
               "\">\n      <interleave>\n";
  }

  void Text(const Key& key, const std::string&) {
    Put(key, key.name == "id"
                 ? "<data type=\"string\"><param name=\"pattern\">" + std::string(kIdPattern) + "</param></data>"
                 : "<text/>");
  }
  void Number(const Key& key, double, double) { Put(key, NumberType(key)); }
  void Integer(const Key& key, int, int) { Put(key, "<data type=\"nonNegativeInteger\"/>"); }
  template <class Array>
  void Numbers(const Key& key, const Array& values, const Array&) {
    Put(key, ListType(NumberType(key), static_cast<size_t>(values.size())));
  }
  void Polygon(const Key& key, const std::vector<Vec2>&) {
    const std::string number = "<data type=\"double\"/>";
    std::string list = "<list>";
    for (int i = 0; i < 4; ++i) list += number;
    Put(key, list + "<oneOrMore>" + number + number + "</oneOrMore></list>");
  }
  void Flag(const Key& key, bool, bool) { Put(key, "<choice><value>true</value><value>false</value></choice>"); }
  template <class Enum, size_t kCount>
  void Choice(const Key& key, Enum, Enum, const Word<Enum> (&words)[kCount]) {
    std::string choice = "<choice>";
    for (const auto& row : words) choice += "<value>" + std::string(row.word) + "</value>";
    Put(key, choice + "</choice>");
  }
  void Placement(const Pose&) {
    const Key any = {"", ""};
    Put({"position_m", "place in the parent's frame"}, ListType(NumberType(any), 3));
    pattern_ += "        <optional><choice>\n";
    Put({"yaw_deg", "rotation about z", true}, NumberType(any));
    Put({"rotation_wxyz", "unit quaternion, instead of yaw_deg", true}, ListType(NumberType(any), 4));
    pattern_ += "        </choice></optional>\n";
  }
  template <class T>
  void List(std::string_view name, const std::vector<T>&) {
    pattern_ += "        <zeroOrMore><ref name=\"" + std::string(name) + "\"/></zeroOrMore>\n";
  }
  void Child(std::string_view name, const Node&) { pattern_ += "        <ref name=\"" + std::string(name) + "\"/>\n"; }
  void Extra(const std::map<std::string, std::string>&) {}

  template <class T>
  static std::string Pattern(std::string_view name, const T& thing) {
    RngWriter writer(name);
    if constexpr (std::is_same_v<T, Scene>) {
      writer.Put({"schema", "version of this format", true},
                 "<data type=\"string\"><param name=\"pattern\">1\\.[0-9]+</param></data>");
    }
    Fields(writer, thing);
    if constexpr (std::is_same_v<T, Node>) {
      for (const NodeKind kind : ChildKinds(thing.kind)) writer.List(KindName(kind), std::vector<Node>());
    }
    return writer.pattern_ + "      </interleave>\n    </element>\n  </define>\n";
  }

 private:
  static std::string NumberType(const Key& key) {
    std::string type = "<data type=\"double\">";
    if (key.range == Bounds::kPositive) type += "<param name=\"minExclusive\">0</param>";
    if (key.range == Bounds::kNotNegative || key.range == Bounds::kFraction)
      type += "<param name=\"minInclusive\">0</param>";
    if (key.range == Bounds::kFraction) type += "<param name=\"maxInclusive\">1</param>";
    return type + "</data>";
  }
  static std::string ListType(const std::string& item, size_t count) {
    std::string type = "<list>";
    for (size_t i = 0; i < count; ++i) type += item;
    return type + "</list>";
  }
  void Put(const Key& key, const std::string& type) {
    const std::string attribute = "<attribute name=\"" + std::string(key.name) + "\">" + type + "</attribute>";
    pattern_ += "        " + (key.is_required ? attribute : "<optional>" + attribute + "</optional>") + "\n";
  }

  std::string pattern_;
};

// Calls visit(name, example) for all that a scene is made of.
template <class Visit>
void VisitStructs(const Visit& visit) {
  visit("material", Material());
  for (const auto& row : kNodeKinds) {
    Node node;
    node.kind = row.value;
    visit(row.word, node);
  }
  visit("opening", Opening());
  visit("part", Part());
  visit("clearance", Clearance());
  visit("relation", Relation());
}

}  // namespace

std::string JsonSchema() {
  Json schema = {{"$schema", "https://json-schema.org/draft/2020-12/schema"},
                 {"title", "Takt scene, version 1.0"},
                 {"description", "A room and what stands in it. Metres, kilograms, z up; docs/formats/scene.md"}};
  schema.update(JsonSchemaWriter::Schema(Scene()));
  VisitStructs(
      [&](std::string_view name, const auto& thing) { schema["$defs"][name] = JsonSchemaWriter::Schema(thing); });
  return schema.dump(2) + "\n";
}

std::string XmlSchema() {
  std::string schema =
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
      "<!-- Takt scene, version 1.0: a room and what stands in it. Metres, kilograms, z up; docs/formats/scene.md -->\n"
      "<grammar xmlns=\"http://relaxng.org/ns/structure/1.0\" "
      "datatypeLibrary=\"http://www.w3.org/2001/XMLSchema-datatypes\">\n"
      "  <start><ref name=\"scene\"/></start>\n";
  schema += RngWriter::Pattern("scene", Scene());
  VisitStructs([&](std::string_view name, const auto& thing) { schema += RngWriter::Pattern(name, thing); });
  return schema + "</grammar>\n";
}

}  // namespace takt::scene
