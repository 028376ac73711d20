// SPDX-License-Identifier: Apache-2.0
#include "takt/data/scene/model/patch.h"

#include <algorithm>
#include <charconv>
#include <functional>
#include <optional>
#include <set>
#include <utility>

#include "takt/data/scene/model/fields.h"
#include "takt/data/scene/model/numbers.h"
#include "takt/data/scene/model/tree.h"
#include "takt/data/scene/model/walk.h"

namespace takt::scene {
namespace {

constexpr std::string_view kPlacementKeys[] = {"position_m", "yaw_deg", "rotation_wxyz"};

bool IsPlacement(std::string_view key) {
  return std::find(std::begin(kPlacementKeys), std::end(kPlacementKeys), key) != std::end(kPlacementKeys);
}

bool IsNodeName(std::string_view name) {
  return std::any_of(std::begin(kNodeKinds), std::end(kNodeKinds), [&](const auto& row) { return row.word == name; });
}

void AddIds(const Node& node, std::set<std::string>* ids) {
  ids->insert(node.id);
  for (const Node& child : node.children) AddIds(child, ids);
}

Node* ParentOf(Node* node, std::string_view id) {
  for (Node& child : node->children) {
    if (child.id == id) return node;
    if (Node* found = ParentOf(&child, id)) return found;
  }
  return nullptr;
}

// Applies one operation after the other; the first that cannot be applied is said and ends it.
class Editor {
 public:
  Editor(Scene* scene, Format format, Sink* sink) : scene_(scene), format_(format), sink_(sink) {}

  bool Do(const Element& op) {
    op_ = &op;
    if (op.name == "add") return Add();
    if (op.name == "move") return Move();
    if (op.name == "remove") return Remove();
    if (op.name == "replace") return Replace();
    if (op.name == "set") return Set();
    return Fail("there is no operation '" + op.name + "'", "one of: add, move, remove, replace, set");
  }

  std::set<std::string> touched;

 private:
  bool Fail(std::string message, std::string hint = {}, const Attribute* at = nullptr) {
    sink_->Add(Code::kBadPatch, at != nullptr ? at->offset : op_->offset, std::move(message), std::move(hint));
    return false;
  }

  // Says keys that the operation does not have.
  bool KnowsOnly(std::initializer_list<std::string_view> keys) {
    for (const Attribute& attribute : op_->attributes) {
      if (std::find(keys.begin(), keys.end(), attribute.key) != keys.end()) continue;
      return Fail(op_->name + " has no key '" + attribute.key + "'", "", &attribute);
    }
    return true;
  }

  Node* NodeOf(std::string_view key) {
    const Attribute* id = op_->Find(key);
    if (id == nullptr) {
      Fail(op_->name + " names no node", "add " + std::string(key) + "=\"...\"");
      return nullptr;
    }
    Node* node = Find(scene_, id->text);
    if (node == nullptr) Fail("no node has the id '" + id->text + "'", "takt scene info lists the ids", id);
    return node;
  }

  // The one element in the operation.
  const Element* Content() {
    if (op_->children.size() == 1) return &op_->children[0];
    Fail(op_->name + " holds " + std::to_string(op_->children.size()) + " elements, not 1",
         "one node, relation or material for each operation");
    return nullptr;
  }

  template <class T>
  bool Read(const Element& element, T* thing) {
    const size_t before = sink_->Errors();
    Places places;
    ReadTree(element, format_, sink_, &places, thing);
    return sink_->Errors() == before;
  }

  // Where in the list `at` says, or its end.
  bool PlaceIn(size_t size, size_t* place) {
    *place = size;
    const Attribute* at = op_->Find("at");
    if (at == nullptr) return true;
    const char* end = at->text.data() + at->text.size();
    const auto [stop, failed] = std::from_chars(at->text.data(), end, *place);
    if (failed == std::errc() && stop == end && *place <= size) return true;
    return Fail("'" + at->text + "' is no place in a list of " + std::to_string(size), "", at);
  }

  bool Insert(Node* parent, Node node) {
    const auto kinds = ChildKinds(parent->kind);
    if (std::find(kinds.begin(), kinds.end(), node.kind) == kinds.end()) {
      return Fail("a " + std::string(KindName(node.kind)) + " cannot stand in " + std::string(KindName(parent->kind)) +
                  " '" + parent->id + "'");
    }
    auto place = parent->children.end();
    if (const Attribute* after = op_->Find("after"); after != nullptr && after->text.empty()) {
      place = parent->children.begin();
    } else if (after != nullptr) {
      place = std::find_if(parent->children.begin(), parent->children.end(),
                           [&](const Node& n) { return n.id == after->text; });
      if (place == parent->children.end()) {
        return Fail("'" + after->text + "' does not stand in '" + parent->id + "'",
                    "after names a node in the same parent", after);
      }
      ++place;
    }
    parent->children.insert(place, std::move(node));
    return true;
  }

  bool IdsAreNew(const Node& added, const std::set<std::string>& taken) {
    std::set<std::string> seen;
    const std::function<const Node*(const Node&)> first_taken = [&](const Node& node) -> const Node* {
      if (taken.contains(node.id) || !seen.insert(node.id).second) return &node;
      for (const Node& child : node.children) {
        if (const Node* found = first_taken(child)) return found;
      }
      return nullptr;
    };
    const Node* clash = first_taken(added);
    return clash == nullptr || Fail("the id '" + clash->id + "' is taken", "ids are unique in a scene");
  }

  bool Add() {
    const Element* content = Content();
    if (content == nullptr) return false;
    if (content->name == "relation") return AddTo(*content, &scene_->relations);
    if (content->name == "material") return AddTo(*content, &scene_->materials);
    if (!KnowsOnly({"parent", "after"})) return false;
    Node node;
    Node* parent = NodeOf("parent");
    if (parent == nullptr || !Read(*content, &node)) return false;
    std::set<std::string> ids;
    AddIds(scene_->room, &ids);
    if (!IdsAreNew(node, ids)) return false;
    AddIds(node, &touched);
    return Insert(parent, std::move(node));
  }

  template <class T>
  bool AddTo(const Element& content, std::vector<T>* list) {
    T thing;
    size_t place = 0;
    if (!KnowsOnly({"at"}) || !Read(content, &thing) || !PlaceIn(list->size(), &place)) return false;
    list->insert(list->begin() + static_cast<std::ptrdiff_t>(place), std::move(thing));
    return true;
  }

  // A relation is the one that is equal; a material the one with the id.
  bool RemoveFrom(const Element& content) {
    if (!KnowsOnly({})) return false;
    if (content.name == "material") {
      const Attribute* id = content.Find("id");
      const auto found = std::find_if(scene_->materials.begin(), scene_->materials.end(),
                                      [&](const Material& m) { return id != nullptr && m.id == id->text; });
      if (found == scene_->materials.end()) return Fail("there is no such material");
      scene_->materials.erase(found);
      return true;
    }
    Relation relation;
    if (!Read(content, &relation)) return false;
    const Element wanted = ElementFrom(relation);
    const auto found = std::find_if(scene_->relations.begin(), scene_->relations.end(),
                                    [&](const Relation& r) { return ElementFrom(r) == wanted; });
    if (found == scene_->relations.end())
      return Fail("there is no such relation", "state it as it stands in the scene");
    scene_->relations.erase(found);
    return true;
  }

  void DropRelationsOf(const std::set<std::string>& gone) {
    std::erase_if(scene_->relations,
                  [&](const Relation& r) { return gone.contains(r.subject) || gone.contains(r.target); });
  }

  bool Remove() {
    if (!op_->children.empty()) {
      const Element* content = Content();
      return content != nullptr && RemoveFrom(*content);
    }
    if (!KnowsOnly({"id"})) return false;
    const Node* node = NodeOf("id");
    if (node == nullptr) return false;
    Node* parent = ParentOf(&scene_->room, node->id);
    if (parent == nullptr) return Fail("the room cannot be removed");
    std::set<std::string> gone;
    AddIds(*node, &gone);
    std::erase_if(parent->children, [&](const Node& n) { return &n == node; });
    DropRelationsOf(gone);
    return true;
  }

  bool Move() {
    if (!KnowsOnly({"id", "parent", "after", "position_m", "yaw_deg", "rotation_wxyz"})) return false;
    Node* node = NodeOf("id");
    if (node == nullptr) return false;
    touched.insert(node->id);
    Element placed = *op_;
    std::erase_if(placed.attributes, [](const Attribute& a) { return !IsPlacement(a.key); });
    if (!placed.attributes.empty() && !SetKeys(node, placed)) return false;
    if (op_->Find("parent") == nullptr && op_->Find("after") == nullptr) return true;
    Node* old_parent = ParentOf(&scene_->room, node->id);
    if (old_parent == nullptr) return Fail("the room cannot be moved");
    std::string parent_id = old_parent->id;
    if (op_->Find("parent") != nullptr) {
      const Node* parent = NodeOf("parent");
      if (parent == nullptr) return false;
      std::set<std::string> below;
      AddIds(*node, &below);
      if (below.contains(parent->id))
        return Fail("'" + parent->id + "' stands in '" + node->id + "'", "nothing can stand in itself");
      parent_id = parent->id;
    }
    Node moved = std::move(*node);
    std::erase_if(old_parent->children, [&](const Node& n) { return &n == node; });
    return Insert(Find(scene_, parent_id), std::move(moved));
  }

  bool Replace() {
    const Element* content = Content();
    if (content == nullptr || !KnowsOnly({"id"})) return false;
    Node* node = NodeOf("id");
    Node replacement;
    if (node == nullptr || !Read(*content, &replacement)) return false;
    if ((node == &scene_->room) != (replacement.kind == NodeKind::kRoom)) return Fail("a room is replaced by a room");
    std::set<std::string> ids, gone, stays;
    AddIds(scene_->room, &ids);
    AddIds(*node, &gone);
    for (const std::string& id : gone) ids.erase(id);
    if (!IdsAreNew(replacement, ids)) return false;
    AddIds(replacement, &stays);
    touched.insert(stays.begin(), stays.end());
    for (const std::string& id : stays) gone.erase(id);
    if (node != &scene_->room) {
      const auto kinds = ChildKinds(ParentOf(&scene_->room, node->id)->kind);
      if (std::find(kinds.begin(), kinds.end(), replacement.kind) == kinds.end()) {
        return Fail("a " + std::string(KindName(replacement.kind)) + " cannot stand where '" + node->id + "' does");
      }
    }
    *node = std::move(replacement);
    DropRelationsOf(gone);
    return true;
  }

  // The keys and lists that `changes` holds, in place of those that the element has.
  bool Change(const Element& changes, Element* element) {
    if (const Attribute* unset = changes.Find("unset")) {
      for (const std::string_view key : SplitWords(unset->text)) {
        const size_t before = element->attributes.size() + element->children.size();
        std::erase_if(element->attributes, [&](const Attribute& a) { return a.key == key && key != "id"; });
        for (const JsonList& list : kLists) {
          if (list.key == key)
            std::erase_if(element->children, [&](const Element& e) { return e.name == list.element; });
        }
        if (element->attributes.size() + element->children.size() == before) {
          return Fail("'" + std::string(key) + "' is not set there", "unset names keys that the node states", unset);
        }
      }
    }
    const bool turns = changes.Find("yaw_deg") != nullptr || changes.Find("rotation_wxyz") != nullptr;
    if (turns)
      std::erase_if(element->attributes,
                    [](const Attribute& a) { return a.key == "yaw_deg" || a.key == "rotation_wxyz"; });
    for (const Attribute& attribute : changes.attributes) {
      if (attribute.key == "id" || attribute.key == "unset") continue;
      std::erase_if(element->attributes, [&](const Attribute& a) { return a.key == attribute.key; });
      element->attributes.push_back(attribute);
    }
    for (const Element& child : changes.children) {
      std::erase_if(element->children, [&](const Element& e) { return e.name == child.name; });
    }
    element->children.insert(element->children.end(), changes.children.begin(), changes.children.end());
    return true;
  }

  bool SetKeys(Node* node, const Element& changes) {
    for (const Element& child : changes.children) {
      if (IsNodeName(child.name))
        return Fail("set changes no nodes inside '" + node->id + "'", "use add, remove or replace");
    }
    Element element = ElementFrom(*node, Depth::kAlone);
    Node changed;
    if (!Change(changes, &element) || !Read(element, &changed)) return false;
    changed.children = std::move(node->children);
    *node = std::move(changed);
    return true;
  }

  bool Set() {
    if (op_->Find("id") != nullptr) {
      Node* node = NodeOf("id");
      if (node == nullptr) return false;
      touched.insert(node->id);
      return SetKeys(node, *op_);
    }
    // The scene itself: what is not in a list of it.
    Scene alone;
    alone.schema_minor = scene_->schema_minor;
    alone.name = scene_->name;
    alone.extra = scene_->extra;
    alone.room.kind = NodeKind::kRoom;
    alone.room.id = "room";
    alone.room.floor_m = {{0, 0}, {1, 0}, {1, 1}};
    alone.room.height_m = 1;
    Element element = ElementFrom(alone);
    if (!op_->children.empty()) return Fail("set without an id changes keys of the scene only", "use add and remove");
    if (!Change(*op_, &element) || !Read(element, &alone)) return false;
    scene_->schema_minor = alone.schema_minor;
    scene_->name = alone.name;
    scene_->extra = alone.extra;
    return true;
  }

  Scene* scene_;
  Format format_;
  Sink* sink_;
  const Element* op_ = nullptr;
};

EditResult ApplyTo(const Scene& scene, const Patch& patch, Sink* sink) {
  EditResult result{.scene = scene};
  Editor editor(&result.scene, patch.format, sink);
  const bool is_done =
      std::all_of(patch.ops.begin(), patch.ops.end(), [&](const Element& op) { return editor.Do(op); });
  if (is_done) {
    // Faults of the scene that the edit did not bring do not stand in its way.
    std::set<std::pair<std::string, std::string>> known;
    for (const Diagnostic& d : Check(scene)) known.emplace(d.code, d.message);
    for (Diagnostic& d : Check(result.scene)) {
      if (!known.contains({d.code, d.message})) result.diagnostics.push_back(std::move(d));
    }
  }
  std::vector<Diagnostic> said = sink->Take();
  // Notes on keys that were there before the edit.
  std::erase_if(said, [](const Diagnostic& d) { return d.severity == Severity::kNote && d.line == 0; });
  result.diagnostics.insert(result.diagnostics.begin(), said.begin(), said.end());
  if (HasErrors(result.diagnostics)) {
    result.scene = scene;
  } else {
    result.touched.assign(editor.touched.begin(), editor.touched.end());
    std::erase_if(result.touched, [&](const std::string& id) { return Find(result.scene, id) == nullptr; });
  }
  return result;
}

Patch ReadPatch(std::string_view text, Format format, Sink* sink) {
  const Element document = ReadDocument(text, format, "patch", sink);
  if (!document.attributes.empty()) {
    sink->Add(
        Code::kBadPatch, document.attributes[0].offset, "a patch has no key '" + document.attributes[0].key + "'",
        format == Format::kXml ? "it holds operations: add, move, remove, replace, set" : "it is {\"ops\": [...]}");
  }
  return {document.children, format};
}

}  // namespace

PatchResult ParsePatch(std::string_view text, Format format, const std::string& file) {
  Sink sink(text, file);
  PatchResult result;
  result.patch = ReadPatch(text, format, &sink);
  result.diagnostics = sink.Take();
  return result;
}

std::string FormatPatch(const Patch& patch, Format format) {
  return WriteDocument({.name = "patch", .children = patch.ops}, format);
}

EditResult Apply(const Scene& scene, const Patch& patch) {
  Sink sink("", "patch");
  return ApplyTo(scene, patch, &sink);
}

EditResult Apply(const Scene& scene, std::string_view text, Format format, const std::string& file) {
  Sink sink(text, file);
  const Patch patch = ReadPatch(text, format, &sink);
  if (sink.Errors() > 0) return {.scene = scene, .diagnostics = sink.Take()};
  return ApplyTo(scene, patch, &sink);
}

bool ApplyOne(Scene* scene, const Element& op) {
  Sink sink("", "patch");
  return Editor(scene, Format::kJson, &sink).Do(op);
}

}  // namespace takt::scene
