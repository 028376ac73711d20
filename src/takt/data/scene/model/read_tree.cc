// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "takt/data/scene/model/document.h"
#include "takt/data/scene/model/fields.h"
#include "takt/data/scene/model/numbers.h"
#include "takt/data/scene/model/tree.h"

namespace takt::scene {
namespace {

constexpr size_t kMaxCorners = 4096;
constexpr double kMaxUnitError = 1e-3;  // of a quaternion that people rounded
constexpr double kExactUnit = 1e-12;    // of one that is kept bit for bit

std::string Quoted(std::string_view text) {
  constexpr size_t kShown = 40;
  size_t end = std::min(text.size(), kShown);
  while (end < text.size() && (text[end] & 0xC0) == 0x80) --end;
  return "'" + std::string(text.substr(0, end)) + (end < text.size() ? "...'" : "'");
}

// Fills a struct from an element: a visitor of fields.h.
class Reader {
 public:
  Reader(const Element& element, Format format, Sink* sink, Places* places)
      : element_(element),
        format_(format),
        sink_(sink),
        places_(places),
        is_used_(element.attributes.size()),
        is_child_used_(element.children.size()) {}

  void Text(const Key& key, std::string& value) {
    const Attribute* attribute = Take(key, ValueForm::kText);
    if (attribute == nullptr) return;
    value = attribute->text;
    size_t bad_offset = 0;
    const auto is_control = [](char c) {
      return static_cast<unsigned char>(c) < 32 && c != '\t' && c != '\n' && c != '\r';
    };
    if (!IsUtf8(value, &bad_offset) || std::any_of(value.begin(), value.end(), is_control)) {
      sink_->Add(Code::kBadText, attribute->offset, Name(key) + " holds a character that text cannot have",
                 "control characters and halves of surrogate pairs cannot stand in XML");
      std::erase_if(value, [&](char c) { return is_control(c) || static_cast<unsigned char>(c) >= 0x80; });
    }
    if (key.name == "id") CleanId(attribute->offset, &value);
  }

  void Number(const Key& key, double& value, double) {
    if (const Attribute* attribute = Take(key, ValueForm::kNumbers)) ParseInto(key, *attribute, {&value, 1});
  }

  void Integer(const Key& key, int& value, int) {
    const Attribute* attribute = Take(key, ValueForm::kNumbers);
    if (attribute == nullptr) return;
    const char* end = attribute->text.data() + attribute->text.size();
    if (const auto [stop, failed] = std::from_chars(attribute->text.data(), end, value);
        failed != std::errc() || stop != end) {
      sink_->Add(Code::kBadNumber, attribute->offset, Name(key) + " is " + Quoted(attribute->text), "write an integer");
    }
  }

  template <class Array>
  void Numbers(const Key& key, Array& values, const Array&) {
    if (const Attribute* attribute = Take(key, ValueForm::kNumbers)) {
      ParseInto(key, *attribute, {values.data(), static_cast<size_t>(values.size())});
    }
  }

  void Polygon(const Key& key, std::vector<Vec2>& corners) {
    const Attribute* attribute = Take(key, ValueForm::kNumbers);
    if (attribute == nullptr) return;
    const size_t count = SplitWords(attribute->text).size();
    if (count % 2 == 0 && count < 6) {
      sink_->Add(Code::kBadFloor, attribute->offset, Name(key) + " has " + std::to_string(count / 2) + " corners",
                 "a floor has at least three");
      return;
    }
    if (count % 2 != 0 || count > 2 * kMaxCorners) {
      sink_->Add(Code::kBadNumber, attribute->offset, Name(key) + " holds " + std::to_string(count) + " numbers",
                 "write x y for each corner, at most " + std::to_string(kMaxCorners) + " corners");
      return;
    }
    std::vector<double> values(count);
    if (!ParseInto(key, *attribute, values)) return;
    for (size_t i = 0; i < count; i += 2) corners.emplace_back(values[i], values[i + 1]);
  }

  void Flag(const Key& key, bool& value, bool) {
    const Attribute* attribute = Take(key, ValueForm::kFlag);
    if (attribute == nullptr) return;
    value = attribute->text == "true";
    if (!value && attribute->text != "false") {
      sink_->Add(Code::kBadWord, attribute->offset, Name(key) + " is " + Quoted(attribute->text),
                 "write true or false");
    }
  }

  template <class Enum, size_t kCount>
  void Choice(const Key& key, Enum& value, Enum, const Word<Enum> (&words)[kCount]) {
    const Attribute* attribute = Take(key, ValueForm::kText);
    if (attribute == nullptr) return;
    std::string known;
    for (const auto& row : words) {
      if (row.word == attribute->text) {
        value = row.value;
        return;
      }
      known += (known.empty() ? "" : ", ") + std::string(row.word);
    }
    sink_->Add(Code::kBadWord, attribute->offset, Name(key) + " is " + Quoted(attribute->text), "one of: " + known);
  }

  void Placement(Pose& pose) {
    constexpr Key kPosition = {"position_m", ""}, kYaw = {"yaw_deg", ""}, kRotation = {"rotation_wxyz", ""};
    Numbers(kPosition, pose.translation_m, pose.translation_m);
    const Attribute* yaw = Take(kYaw, ValueForm::kNumbers);
    const Attribute* rotation = Take(kRotation, ValueForm::kNumbers);
    double yaw_deg = 0, q[4] = {1, 0, 0, 0};
    if (yaw != nullptr && ParseInto(kYaw, *yaw, {&yaw_deg, 1})) pose.rotation = QuatFromYawDeg(yaw_deg);
    if (rotation == nullptr || !ParseInto(kRotation, *rotation, q)) return;
    if (yaw != nullptr) {
      sink_->Add(Code::kBadRotation, rotation->offset, "states both yaw_deg and rotation_wxyz",
                 "yaw_deg is taken; drop one");
      return;
    }
    const double norm = std::sqrt(q[0] * q[0] + q[1] * q[1] + q[2] * q[2] + q[3] * q[3]);
    if (!(std::abs(norm - 1) <= kMaxUnitError)) {
      sink_->Add(Code::kBadRotation, rotation->offset, "rotation_wxyz has length " + FormatNumber(norm) + ", not 1",
                 "write a unit quaternion w x y z, or yaw_deg");
    }
    if (!(norm >= 1e-6) || !std::isfinite(norm)) return;
    pose.rotation = Quat(q[0], q[1], q[2], q[3]);
    if (!(std::abs(norm - 1) <= kExactUnit)) pose.rotation.coeffs() /= norm;
  }

  template <class T>
  void List(std::string_view name, std::vector<T>& items) {
    const auto is_item = [&](const Element& child) { return child.name == name; };
    items.reserve(std::count_if(element_.children.begin(), element_.children.end(), is_item));  // addresses must stay
    for (size_t i = 0; i < element_.children.size(); ++i) {
      if (!is_item(element_.children[i])) continue;
      is_child_used_[i] = true;
      ReadInto(element_.children[i], &items.emplace_back());
    }
  }

  void Child(std::string_view name, Node& node) {
    bool found = false;
    for (size_t i = 0; i < element_.children.size(); ++i) {
      if (element_.children[i].name != name) continue;
      is_child_used_[i] = true;
      if (found) {
        sink_->Add(Code::kBadNesting, element_.children[i].offset, "there is a second <room>", "a scene has one room");
        continue;
      }
      found = true;
      node.kind = NodeKind::kRoom;
      ReadInto(element_.children[i], &node);
    }
    node.kind = NodeKind::kRoom;
    if (!found) {
      sink_->Add(Code::kMissingKey, element_.offset, "has no room", "add <room> (\"room\" in JSON)");
      places_->Add(&node, &element_);
    }
  }

  void Extra(std::map<std::string, std::string>& extra) {
    std::set<std::string_view> seen;
    for (size_t i = 0; i < element_.attributes.size(); ++i) {
      const Attribute& attribute = element_.attributes[i];
      if (!seen.insert(attribute.key).second) {
        sink_->Add(Code::kDuplicateKey, attribute.offset, Quoted(attribute.key) + " stands twice in " + What(),
                   "the first is taken");
        continue;
      }
      if (is_used_[i]) continue;
      size_t bad_offset = 0;
      std::string value = ExtraFromAttribute(attribute);
      const auto is_control = [](char c) {
        return static_cast<unsigned char>(c) < 32 && c != '\t' && c != '\n' && c != '\r';
      };
      if (!IsName(attribute.key)) {
        sink_->Add(Code::kBadKey, attribute.offset, Quoted(attribute.key) + " cannot be a key",
                   "keys are ASCII letters, digits, _ . - and begin with a letter; this one is dropped");
      } else if (!IsUtf8(value, &bad_offset) || std::any_of(value.begin(), value.end(), is_control)) {
        sink_->Add(Code::kBadText, attribute.offset, Quoted(attribute.key) + " holds a character that text cannot have",
                   "it is dropped");
      } else {
        sink_->Add(Code::kUnknownKey, attribute.offset, What() + " has no key " + Quoted(attribute.key),
                   "it is kept and written back, but means nothing here");
        extra[attribute.key] = std::move(value);
      }
    }
  }

  template <class T>
  void ReadInto(const Element& element, T* thing) {
    Reader reader(element, format_, sink_, places_);
    places_->Add(thing, &element);
    if constexpr (std::is_same_v<T, Scene>) reader.ReadSchema(thing);
    Fields(reader, *thing);
    if constexpr (std::is_same_v<T, Node>) reader.ReadNodes(thing);
    reader.RefuseOtherElements();
  }

 private:
  // "object 'cup'"
  std::string What() const {
    const Attribute* id = element_.Find("id");
    return element_.name + (id != nullptr ? " " + Quoted(id->text) : "");
  }
  std::string Name(const Key& key) const { return std::string(key.name) + " of " + What(); }

  // The attribute, or null where there is none to read.
  const Attribute* Take(const Key& key, ValueForm form) {
    const auto found = std::find_if(element_.attributes.begin(), element_.attributes.end(),
                                    [&](const Attribute& a) { return a.key == key.name; });
    if (found == element_.attributes.end()) {
      if (key.name == "id") {
        sink_->Add(Code::kMissingId, element_.offset, element_.name + " has no id", "add one; a name is made up here");
      } else if (key.is_required) {
        sink_->Add(Code::kMissingKey, element_.offset, What() + " has no " + std::string(key.name),
                   "it holds: " + std::string(key.meaning));
      }
      return nullptr;
    }
    is_used_[static_cast<size_t>(found - element_.attributes.begin())] = true;
    if (format_ == Format::kJson && found->form != form) {
      const char* wanted = form == ValueForm::kText   ? "a string"
                           : form == ValueForm::kFlag ? "true or false"
                                                      : "numbers";
      sink_->Add(Code::kWrongType, found->offset, Name(key) + " is not " + wanted, "write " + std::string(wanted));
      if (found->form == ValueForm::kOther) return nullptr;
    }
    return &*found;
  }

  // False, and nothing stored, where the text does not hold that many numbers.
  bool ParseInto(const Key& key, const Attribute& attribute, std::span<double> values) {
    const std::vector<std::string_view> words = SplitWords(attribute.text);
    if (words.size() != values.size()) {
      sink_->Add(
          Code::kBadNumber, attribute.offset,
          Name(key) + " holds " + std::to_string(words.size()) + " numbers, not " + std::to_string(values.size()),
          format_ == Format::kXml ? "separate numbers by spaces" : "");
      return false;
    }
    std::vector<double> parsed;
    for (const std::string_view word : words) {
      const std::optional<double> number = ParseNumber(word);
      if (!number) {
        sink_->Add(Code::kBadNumber, attribute.offset, Name(key) + ": " + Quoted(word) + " is not a finite number",
                   "write plain decimal numbers in the unit that the key names, such as 0.25");
        return false;
      }
      parsed.push_back(*number);
    }
    const auto is_bad = [&](double number) {
      return key.range == Bounds::kNotNegative ? !(number >= 0)
             : key.range == Bounds::kPositive  ? !(number > 0)
             : key.range == Bounds::kFraction  ? !(number >= 0 && number <= 1)
                                               : false;
    };
    if (std::any_of(parsed.begin(), parsed.end(), is_bad)) {
      const bool is_size = key.name == "size_m" || key.name == "width_m" || key.name == "height_m";
      sink_->Add(is_size ? Code::kBadSize : Code::kOutOfRange, attribute.offset,
                 Name(key) + " is " + Quoted(attribute.text),
                 key.range == Bounds::kPositive   ? "it must be greater than 0"
                 : key.range == Bounds::kFraction ? "it must be 0 to 1"
                                                  : "it must not be negative");
    }
    std::copy(parsed.begin(), parsed.end(), values.begin());
    return true;
  }

  void CleanId(size_t offset, std::string* id) {
    const auto is_bad = [](char c) {
      return !((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
               c == '-');
    };
    if (!id->empty() && *id != "wall" && std::none_of(id->begin(), id->end(), is_bad)) return;
    sink_->Add(
        Code::kBadId, offset, Quoted(*id) + " cannot be an id",
        *id == "wall" ? "relations call the walls so; take another" : "an id is made of letters, digits, _ . and -");
    std::replace_if(id->begin(), id->end(), is_bad, '_');
    if (*id == "wall") *id = "wall_";
  }

  void ReadSchema(Scene* scene) {
    const Key key = {"schema", "version of this format: 1.0", true};
    const Attribute* attribute = Take(key, ValueForm::kText);
    if (attribute == nullptr) return;
    const char *begin = attribute->text.data(), *end = begin + attribute->text.size();
    int major = 0, minor = 0;
    const auto [dot, failed] = std::from_chars(begin, end, major);
    const bool is_version = failed == std::errc() && dot != end && *dot == '.' &&
                            std::from_chars(dot + 1, end, minor).ptr == end && dot + 1 != end && major >= 1 &&
                            minor >= 0;
    if (!is_version) {
      sink_->Add(Code::kBadWord, attribute->offset, "schema is " + Quoted(attribute->text), "write \"1.0\"");
      return;
    }
    if (major > Scene().schema_major) {
      sink_->Add(Code::kSchemaTooNew, attribute->offset,
                 "the scene has schema " + attribute->text + "; this program knows 1",
                 "use a newer takt; what is known is read all the same");
    }
    scene->schema_major = major;
    scene->schema_minor = minor;
  }

  void ReadNodes(Node* node) {
    const auto kind_of = [](std::string_view name) {
      return std::find_if(std::begin(kNodeKinds), std::end(kNodeKinds),
                          [&](const auto& row) { return row.word == name; });
    };
    node->children.reserve(element_.children.size());
    for (size_t i = 0; i < element_.children.size(); ++i) {
      if (is_child_used_[i]) continue;
      const Element& child = element_.children[i];
      const auto row = kind_of(child.name);
      const bool is_kind = row != std::end(kNodeKinds) && row->value != NodeKind::kRoom;
      if (row != std::end(kNodeKinds)) {
        const auto allowed = ChildKinds(node->kind);
        if (std::find(allowed.begin(), allowed.end(), row->value) == allowed.end()) {
          std::string kinds;
          for (const NodeKind kind : allowed) kinds += (kinds.empty() ? "" : " or ") + std::string(KindName(kind));
          sink_->Add(
              Code::kBadNesting, child.offset,
              "a " + child.name + " cannot stand in " + std::string(KindName(node->kind)) + " " + Quoted(node->id),
              "a " + std::string(KindName(node->kind)) + " holds: " + kinds);
        }
        is_child_used_[i] = true;
        if (!is_kind) continue;
      } else if (child.Find("id") == nullptr || child.Find("size_m") == nullptr) {
        continue;
      } else {
        // What has an id and a size is an object whose sort stands where its kind should.
        sink_->Add(Code::kUnknownElement, child.offset, "there is no element <" + child.name + ">",
                   "taken for <object category=\"" + child.name + "\">");
        is_child_used_[i] = true;
      }
      Node& added = node->children.emplace_back();
      added.kind = is_kind ? row->value : NodeKind::kObject;
      ReadInto(child, &added);
      if (!is_kind && added.category.empty()) added.category = child.name;
    }
  }

  void RefuseOtherElements() {
    for (size_t i = 0; i < element_.children.size(); ++i) {
      if (is_child_used_[i]) continue;
      sink_->Add(Code::kUnknownElement, element_.children[i].offset,
                 "<" + element_.children[i].name + "> cannot stand in " + What(),
                 "it is dropped, with all that is in it");
    }
  }

  const Element& element_;
  Format format_;
  Sink* sink_;
  Places* places_;
  std::vector<bool> is_used_, is_child_used_;
};

template <class T>
void Read(const Element& element, Format format, Sink* sink, Places* places, T* thing) {
  Reader(element, format, sink, places).ReadInto(element, thing);
}

}  // namespace

size_t Places::Of(const void* thing, std::string_view key) const {
  const auto found = elements_.find(thing);
  if (found == elements_.end()) return Sink::kNowhere;
  const Attribute* attribute = found->second->Find(key);
  return attribute != nullptr ? attribute->offset : found->second->offset;
}

void ReadTree(const Element& element, Format format, Sink* sink, Places* places, Scene* scene) {
  Read(element, format, sink, places, scene);
}

void ReadTree(const Element& element, Format format, Sink* sink, Places* places, Node* node) {
  const auto row = std::find_if(std::begin(kNodeKinds), std::end(kNodeKinds),
                                [&](const auto& kind) { return kind.word == element.name; });
  if (row == std::end(kNodeKinds)) {
    sink->Add(Code::kUnknownElement, element.offset, "<" + element.name + "> is no node",
              "a node is a room, region, object or surface");
    return;
  }
  node->kind = row->value;
  Read(element, format, sink, places, node);
}

void ReadTree(const Element& element, Format format, Sink* sink, Places* places, Relation* relation) {
  Read(element, format, sink, places, relation);
}

void ReadTree(const Element& element, Format format, Sink* sink, Places* places, Material* material) {
  Read(element, format, sink, places, material);
}

namespace {

// Ids that are taken, and for each that was wanted more than once the number to try next: without it, 200,000 nodes of
// one id would cost their square.
struct Ids {
  std::set<std::string> taken;
  std::map<std::string, int> next;
};

void MakeUnique(std::string_view sort, const void* thing, const Places& places, Sink* sink, Ids* ids, std::string* id) {
  const bool was_missing = id->empty();
  const std::string wanted = was_missing ? std::string(sort) : *id;
  if (!was_missing && ids->taken.insert(wanted).second) return;
  int& number = ids->next.try_emplace(wanted, was_missing ? 1 : 2).first->second;
  do {
    *id = wanted + "_" + std::to_string(number++);
  } while (!ids->taken.insert(*id).second);
  if (!was_missing) {
    sink->Add(Code::kDuplicateId, places.Of(thing, "id"), "the id '" + wanted + "' is taken",
              "it is read as '" + *id + "'; relations mean the first");
  }
}

void MakeNodeIdsUnique(Node* node, const Places& places, Sink* sink, Ids* ids) {
  MakeUnique(KindName(node->kind), node, places, sink, ids, &node->id);
  for (Node& child : node->children) MakeNodeIdsUnique(&child, places, sink, ids);
}

}  // namespace

void MakeIdsUnique(Scene* scene, const Places& places, Sink* sink) {
  Ids nodes, openings, materials;
  MakeNodeIdsUnique(&scene->room, places, sink, &nodes);
  for (Opening& opening : scene->room.openings) MakeUnique("opening", &opening, places, sink, &openings, &opening.id);
  for (Material& material : scene->materials) MakeUnique("material", &material, places, sink, &materials, &material.id);
}

}  // namespace takt::scene
