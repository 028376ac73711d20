// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <functional>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "takt/data/scene/model/fields.h"
#include "takt/data/scene/model/patch.h"
#include "takt/data/scene/model/tree.h"
#include "takt/data/scene/model/walk.h"

namespace takt::scene {
namespace {

Attribute TextAttribute(std::string_view key, std::string text) {
  return {.key = std::string(key), .text = std::move(text), .form = ValueForm::kText};
}

std::map<std::string, const Node*> IndexOf(const Scene& scene) {
  std::map<std::string, const Node*> index;
  Walk(scene, [&](const Node& node, const Node*, const Pose&) { index.emplace(node.id, &node); });
  return index;
}

const Node* ParentOf(const Node& node, std::string_view id) {
  for (const Node& child : node.children) {
    if (child.id == id) return &node;
    if (const Node* found = ParentOf(child, id)) return found;
  }
  return nullptr;
}

// The places of the longest increasing subsequence.
// Source: Fredman 1975 (patience sorting).
std::vector<bool> LongestIncreasing(const std::vector<size_t>& values) {
  std::vector<size_t> tails, before(values.size(), values.size());
  for (size_t i = 0; i < values.size(); ++i) {
    const auto tail =
        std::lower_bound(tails.begin(), tails.end(), i, [&](size_t a, size_t) { return values[a] < values[i]; });
    if (tail != tails.begin()) before[i] = *(tail - 1);
    if (tail == tails.end())
      tails.push_back(i);
    else
      *tail = i;
  }
  std::vector<bool> is_in(values.size());
  for (size_t i = tails.empty() ? values.size() : tails.back(); i < values.size(); i = before[i]) is_in[i] = true;
  return is_in;
}

// Builds the patch by editing a copy of `a` until it is `b`: what it says is what was done.
class Differ {
 public:
  Differ(const Scene& a, const Scene& b) : work_(a), b_(b), in_b_(IndexOf(b)) {}

  Patch Run() {
    SetScene();
    // Materials before the nodes that need them, and dropped after those that needed them.
    AddMaterials();
    if (CanFollowIds()) {
      SetKeys();
      Place(b_.room);
      RemoveGone();
    } else {
      Element op{.name = "replace", .attributes = {TextAttribute("id", work_.room.id)}};
      op.children.push_back(ElementFrom(b_.room));
      Do(std::move(op));
    }
    PlaceList(&work_.materials, b_.materials);
    PlaceList(&work_.relations, b_.relations);
    return {std::move(ops_), Format::kJson};
  }

 private:
  void Do(Element op) {
    ApplyOne(&work_, op);
    ops_.push_back(std::move(op));
  }

  // A node that became another kind, or another room, is not the same node.
  bool CanFollowIds() const {
    if (work_.room.id != b_.room.id) return false;
    bool is_same = true;
    Walk(work_, [&](const Node& node, const Node*, const Pose&) {
      const auto found = in_b_.find(node.id);
      is_same = is_same && (found == in_b_.end() || found->second->kind == node.kind);
    });
    return is_same;
  }

  // What turns the attributes and lists of `from` into those of `to`; no operation where nothing does.
  void Set(const Element& from, const Element& to, std::string_view id) {
    Element move{.name = "move"}, set{.name = "set"};
    if (!id.empty()) move.attributes.push_back(TextAttribute("id", std::string(id)));
    set.attributes = move.attributes;
    const size_t bare = set.attributes.size();
    std::string unset;
    const auto is_rotation = [](std::string_view key) { return key == "yaw_deg" || key == "rotation_wxyz"; };
    bool to_turns = false, from_turns = false;
    for (const Attribute& attribute : to.attributes) {
      if (attribute.key == "id") continue;
      to_turns = to_turns || is_rotation(attribute.key);
      const Attribute* old = from.Find(attribute.key);
      if (old != nullptr && *old == attribute) continue;
      (attribute.key == "position_m" || is_rotation(attribute.key) ? move : set).attributes.push_back(attribute);
    }
    for (const Attribute& attribute : from.attributes) {
      from_turns = from_turns || is_rotation(attribute.key);
      if (to.Find(attribute.key) != nullptr || is_rotation(attribute.key)) continue;
      if (attribute.key == "position_m") {
        move.attributes.push_back({.key = "position_m", .text = "0 0 0", .form = ValueForm::kNumbers, .columns = 1});
      } else {
        unset += (unset.empty() ? "" : " ") + attribute.key;
      }
    }
    if (from_turns && !to_turns)
      move.attributes.push_back({.key = "yaw_deg", .text = "0", .form = ValueForm::kNumbers});
    for (const JsonList& list : kLists) {
      if (list.one || list.element.empty()) continue;
      std::vector<Element> old_items, items;
      const auto is_item = [&](const Element& e) { return e.name == list.element; };
      std::copy_if(from.children.begin(), from.children.end(), std::back_inserter(old_items), is_item);
      std::copy_if(to.children.begin(), to.children.end(), std::back_inserter(items), is_item);
      if (items == old_items) continue;
      if (items.empty()) unset += (unset.empty() ? "" : " ") + std::string(list.key);
      set.children.insert(set.children.end(), items.begin(), items.end());
    }
    if (!unset.empty()) set.attributes.push_back(TextAttribute("unset", unset));
    if (move.attributes.size() > bare) Do(std::move(move));
    if (set.attributes.size() > bare || !set.children.empty()) Do(std::move(set));
  }

  void SetScene() {
    Element from = ElementFrom(work_), to = ElementFrom(b_);
    from.children.clear();
    to.children.clear();
    Set(from, to, "");
  }

  void SetKeys() {
    for (const auto& [id, node] : in_b_) {
      const Node* old = Find(std::as_const(work_), id);
      if (old != nullptr) Set(ElementFrom(*old, Depth::kAlone), ElementFrom(*node, Depth::kAlone), id);
    }
  }

  // Brings the children of `node`, then theirs, to where they stand in b. What is not in b stays behind them.
  void Place(const Node& node) {
    const Node* at = Find(std::as_const(work_), node.id);
    std::map<std::string_view, size_t> places;
    for (size_t i = 0; i < at->children.size(); ++i) places.emplace(at->children[i].id, i);
    std::vector<size_t> here;
    std::vector<std::string> here_ids;
    for (const Node& child : node.children) {
      if (const auto place = places.find(child.id); place != places.end()) {
        here.push_back(place->second);
        here_ids.push_back(child.id);
      }
    }
    std::set<std::string> stays;
    const std::vector<bool> is_in = LongestIncreasing(here);
    for (size_t i = 0; i < here.size(); ++i) {
      if (is_in[i]) stays.insert(here_ids[i]);
    }
    std::string before;
    size_t left_to_stay = stays.size();
    for (const Node& child : node.children) {
      if (stays.contains(child.id)) {
        --left_to_stay;
      } else {
        const bool is_new = Find(std::as_const(work_), child.id) == nullptr;
        Element op{.name = is_new ? "add" : "move"};
        if (!is_new) op.attributes.push_back(TextAttribute("id", child.id));
        if (is_new || ParentOf(work_.room, child.id)->id != node.id)
          op.attributes.push_back(TextAttribute("parent", node.id));
        if (left_to_stay > 0 || !is_new) op.attributes.push_back(TextAttribute("after", before));
        if (is_new) op.children.push_back(AllNew(child) ? ElementFrom(child) : ElementFrom(child, Depth::kAlone));
        Do(std::move(op));
      }
      before = child.id;
    }
    for (const Node& child : node.children) Place(child);
  }

  bool AllNew(const Node& node) const {
    return Find(work_, node.id) == nullptr &&
           std::all_of(node.children.begin(), node.children.end(), [&](const Node& child) { return AllNew(child); });
  }

  void RemoveGone() {
    std::vector<std::string> gone;
    const std::function<void(const Node&)> collect = [&](const Node& node) {
      for (const Node& child : node.children) {
        if (in_b_.contains(child.id))
          collect(child);
        else
          gone.push_back(child.id);
      }
    };
    collect(work_.room);
    for (const std::string& id : gone) Do({.name = "remove", .attributes = {TextAttribute("id", id)}});
  }

  static Element NamedForRemoval(const Element& element) {
    if (element.name != "material") return element;
    return {.name = element.name, .attributes = {*element.Find("id")}};
  }

  void AddMaterials() {
    for (const Material& material : b_.materials) {
      const bool is_there = std::any_of(work_.materials.begin(), work_.materials.end(),
                                        [&](const Material& m) { return m.id == material.id; });
      if (!is_there) Do({.name = "add", .children = {ElementFrom(material)}});
    }
  }

  // Relations and materials: what is not in b, or out of order, goes; then what is missing comes where it stands in b.
  template <class T>
  void PlaceList(std::vector<T>* list, const std::vector<T>& wanted) {
    std::vector<Element> old, now;
    for (const T& thing : *list) old.push_back(ElementFrom(thing));
    for (const T& thing : wanted) now.push_back(ElementFrom(thing));
    // The place in b of each, taken once.
    std::vector<bool> is_taken(now.size());
    std::vector<size_t> places, old_places;
    for (size_t i = 0; i < old.size(); ++i) {
      for (size_t j = 0; j < now.size(); ++j) {
        if (is_taken[j] || !(now[j] == old[i])) continue;
        is_taken[j] = true;
        places.push_back(j);
        old_places.push_back(i);
        break;
      }
    }
    const std::vector<bool> is_in = LongestIncreasing(places);
    std::vector<bool> stays(old.size()), is_there(now.size());
    for (size_t k = 0; k < places.size(); ++k) {
      stays[old_places[k]] = is_in[k];
      is_there[places[k]] = is_in[k];
    }
    for (size_t i = old.size(); i-- > 0;) {
      if (!stays[i]) Do({.name = "remove", .children = {NamedForRemoval(old[i])}});
    }
    for (size_t j = 0; j < now.size(); ++j) {
      if (is_there[j]) continue;
      Element op{.name = "add"};
      if (j < list->size())
        op.attributes.push_back({.key = "at", .text = std::to_string(j), .form = ValueForm::kNumbers});
      op.children.push_back(now[j]);
      Do(std::move(op));
    }
  }

  Scene work_;
  const Scene& b_;
  std::map<std::string, const Node*> in_b_;
  std::vector<Element> ops_;
};

}  // namespace

Patch Diff(const Scene& a, const Scene& b) { return Differ(a, b).Run(); }

}  // namespace takt::scene
