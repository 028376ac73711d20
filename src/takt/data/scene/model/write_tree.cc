// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <string>
#include <utility>

#include "takt/data/scene/model/document.h"
#include "takt/data/scene/model/fields.h"
#include "takt/data/scene/model/numbers.h"
#include "takt/data/scene/model/tree.h"

namespace takt::scene {
namespace {

// Fills an element from a struct: a visitor of fields.h. What has its default is left out.
class Writer {
 public:
  explicit Writer(std::string_view name) { element_.name = name; }

  void Text(const Key& key, const std::string& value) {
    if (key.is_required || !value.empty()) Put(key.name, value, ValueForm::kText);
  }
  void Number(const Key& key, double value, double default_value) {
    if (key.is_required || !SameBits(value, default_value)) Put(key.name, FormatNumber(value), ValueForm::kNumbers);
  }
  void Integer(const Key& key, int value, int default_value) {
    if (key.is_required || value != default_value) Put(key.name, std::to_string(value), ValueForm::kNumbers);
  }
  template <class Array>
  void Numbers(const Key& key, const Array& values, const Array& default_values) {
    if (key.is_required || !std::equal(values.begin(), values.end(), default_values.begin(), SameBits)) {
      Put(key.name, FormatNumbers({values.data(), static_cast<size_t>(values.size())}), ValueForm::kNumbers, 1);
    }
  }
  void Polygon(const Key& key, const std::vector<Vec2>& corners) {
    std::vector<double> values;
    for (const Vec2& corner : corners) values.insert(values.end(), {corner.x(), corner.y()});
    Put(key.name, FormatNumbers(values), ValueForm::kNumbers, 2);
  }
  void Flag(const Key& key, bool value, bool default_value) {
    if (value != default_value) Put(key.name, value ? "true" : "false", ValueForm::kFlag);
  }
  template <class Enum, size_t kCount>
  void Choice(const Key& key, Enum value, Enum default_value, const Word<Enum> (&words)[kCount]) {
    if (key.is_required || value != default_value) Put(key.name, std::string(WordOf(words, value)), ValueForm::kText);
  }
  void Placement(const Pose& pose) {
    Numbers({"position_m", ""}, pose.translation_m, Pose().translation_m);
    const Quat &q = pose.rotation, identity = Quat::Identity();
    if (std::equal(q.coeffs().begin(), q.coeffs().end(), identity.coeffs().begin(), SameBits)) return;
    if (const std::optional<double> yaw_deg = ExactYawDeg(q)) {
      Put("yaw_deg", FormatNumber(*yaw_deg), ValueForm::kNumbers);
    } else {
      const double wxyz[] = {q.w(), q.x(), q.y(), q.z()};
      Put("rotation_wxyz", FormatNumbers(wxyz), ValueForm::kNumbers, 1);
    }
  }
  template <class T>
  void List(std::string_view name, const std::vector<T>& items) {
    for (const T& item : items) element_.children.push_back(Write(name, item));
  }
  void Child(std::string_view, const Node& node) { element_.children.push_back(ElementFrom(node)); }
  void Extra(const std::map<std::string, std::string>& extra) {
    for (const auto& [key, text] : extra) element_.attributes.push_back(AttributeFromExtra(key, text));
  }

  void Put(std::string_view key, std::string text, ValueForm form, int columns = 0) {
    element_.attributes.push_back({.key = std::string(key), .text = std::move(text), .form = form, .columns = columns});
  }

  template <class T>
  static Element Write(std::string_view name, const T& thing) {
    Writer writer(name);
    if constexpr (std::is_same_v<T, Scene>) {
      writer.Put("schema", std::to_string(thing.schema_major) + "." + std::to_string(thing.schema_minor),
                 ValueForm::kText);
    }
    Fields(writer, thing);
    return std::move(writer.element_);
  }

 private:
  Element element_;
};

}  // namespace

Element ElementFrom(const Scene& scene) { return Writer::Write("scene", scene); }

Element ElementFrom(const Node& node, Depth depth) {
  Element element = Writer::Write(KindName(node.kind), node);
  if (depth == Depth::kWithChildren) {
    for (const Node& child : node.children) element.children.push_back(ElementFrom(child));
  }
  return element;
}

Element ElementFrom(const Relation& relation) { return Writer::Write("relation", relation); }
Element ElementFrom(const Material& material) { return Writer::Write("material", material); }

}  // namespace takt::scene
