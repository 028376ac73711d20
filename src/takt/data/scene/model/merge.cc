// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <iterator>
#include <map>
#include <optional>
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

enum Side3 { kBase, kOurs, kTheirs, kSides3 };

// What one side knows of a node: its own keys and lists, where it stands, and the order of what stands in it.
struct Entry {
  Element own;
  std::string parent;  // empty for the room
  std::vector<std::string> children;
};
using Tree = std::map<std::string, Entry>;

Tree TreeOf(const Scene& scene) {
  Tree tree;
  Walk(scene, [&](const Node& node, const Node* parent, const Pose&) {
    Entry entry{ElementFrom(node, Depth::kAlone), parent != nullptr ? parent->id : "", {}};
    for (const Node& child : node.children) entry.children.push_back(child.id);
    tree.emplace(node.id, std::move(entry));
  });
  return tree;
}

// The one of three values that somebody changed; nothing when both did, and differently.
template <class T>
std::optional<T> Changed(const T& base, const T& ours, const T& theirs) {
  if (ours == theirs || theirs == base) return ours;
  if (ours == base) return theirs;
  return std::nullopt;
}

// The order of `kept` (what all three have) of the side that changed it, with what each side added behind what stands
// before it on that side. Nothing when both reordered, and differently.
std::optional<std::vector<std::string>> MergeOrder(const std::vector<std::string> (&orders)[kSides3],
                                                   const std::set<std::string>& wanted) {
  std::vector<std::string> in_wanted[kSides3], shared[kSides3];
  std::set<std::string> sets[kSides3];
  for (int side = 0; side < kSides3; ++side) {
    std::copy_if(orders[side].begin(), orders[side].end(), std::back_inserter(in_wanted[side]),
                 [&](const std::string& id) { return wanted.contains(id); });
    sets[side] = {in_wanted[side].begin(), in_wanted[side].end()};
  }
  const auto is_shared = [&](const std::string& id) {
    return std::all_of(std::begin(sets), std::end(sets), [&](const auto& set) { return set.contains(id); });
  };
  for (int side = 0; side < kSides3; ++side) {
    std::copy_if(in_wanted[side].begin(), in_wanted[side].end(), std::back_inserter(shared[side]), is_shared);
  }
  const auto order = Changed(shared[kBase], shared[kOurs], shared[kTheirs]);
  // Runs of additions, by the shared node that they stand behind ("" is none) and in an order that is the same
  // whichever side is ours.
  std::map<std::string, std::vector<std::vector<std::string>>> runs;
  for (const int side : {kOurs, kTheirs, kBase}) {
    std::string anchor;
    std::vector<std::string> run;
    const auto close = [&] {
      if (!run.empty()) runs[anchor].push_back(std::move(run));
      run.clear();
    };
    for (const std::string& id : in_wanted[side]) {
      if (!is_shared(id)) {
        run.push_back(id);
        continue;
      }
      close();
      anchor = id;
    }
    close();
  }
  std::vector<std::string> merged;
  std::set<std::string> placed;
  const auto place_runs = [&](const std::string& anchor) {
    auto& all = runs[anchor];
    std::sort(all.begin(), all.end());
    for (const auto& run : all) {
      for (const std::string& id : run) {
        if (placed.insert(id).second) merged.push_back(id);
      }
    }
  };
  place_runs("");
  for (const std::string& id : order ? *order : shared[kBase]) {
    merged.push_back(id);
    place_runs(id);
  }
  // What stands in none of the three orders came here because both sides disagree about where it is.
  for (const std::string& id : wanted) {
    if (!is_shared(id) && placed.insert(id).second) merged.push_back(id);
  }
  if (!order) return std::nullopt;
  return merged;
}

class Merger {
 public:
  Merger(const Scene& base, const Scene& ours, const Scene& theirs)
      : scenes_{&base, &ours, &theirs}, trees_{TreeOf(base), TreeOf(ours), TreeOf(theirs)}, sink_("", "merge") {}

  MergeResult Run() {
    MergeNodes();
    BreakCycles();
    const std::string& room =
        trees_[kBase].contains(scenes_[kOurs]->room.id) ? scenes_[kOurs]->room.id : scenes_[kBase]->room.id;
    MergeResult result;
    result.scene = MergeScene();
    result.scene.room = Build(merged_.contains(room) ? room : scenes_[kBase]->room.id);
    result.scene.materials = MergeList(&Scene::materials, [](const Material& m) { return "material '" + m.id + "'"; });
    result.scene.relations = MergeList(&Scene::relations, [](const Relation& r) {
      return "relation " + std::string(WordOf(kRelationKinds, r.kind)) + " of '" + r.subject + "' to '" + r.target +
             "'";
    });
    DropDangling(&result.scene);
    result.conflicts = sink_.Take();
    return result;
  }

 private:
  void Conflict(std::string message, std::string hint) {
    sink_.Add(Code::kMergeConflict, Sink::kNowhere, std::move(message), std::move(hint));
  }

  const Entry* At(int side, const std::string& id) const {
    const auto found = trees_[side].find(id);
    return found == trees_[side].end() ? nullptr : &found->second;
  }

  void MergeNodes() {
    std::set<std::string> ids;
    for (const Tree& tree : trees_) {
      for (const auto& [id, entry] : tree) ids.insert(id);
    }
    std::vector<std::string> kept_for_change;
    for (const std::string& id : ids) {
      const Entry *base = At(kBase, id), *ours = At(kOurs, id), *theirs = At(kTheirs, id);
      if (base == nullptr) {
        if (ours != nullptr && theirs != nullptr && !(ours->own == theirs->own && ours->parent == theirs->parent)) {
          Conflict("both sides add '" + id + "', and differently", "ours is kept; rename one of them");
        }
        merged_[id] = *(ours != nullptr ? ours : theirs);
      } else if (ours != nullptr && theirs != nullptr) {
        merged_[id] = {MergeElement(base->own, ours->own, theirs->own, "'" + id + "'"),
                       MergeParent(id, *base, *ours, *theirs),
                       {}};
      } else if (ours != nullptr || theirs != nullptr) {
        const Entry& left = ours != nullptr ? *ours : *theirs;
        if (left.own == base->own && left.parent == base->parent) continue;
        merged_[id] = left;
        kept_for_change.push_back(id);
        Conflict("'" + id + "' is removed on one side and changed on the other",
                 "it is kept; remove it again if it should go");
      }
    }
    // What something stands in cannot go.
    std::set<std::string> saved;
    for (bool again = true; again;) {
      again = false;
      std::vector<std::string> missing;
      for (const auto& [id, entry] : merged_) {
        if (!entry.parent.empty() && !merged_.contains(entry.parent)) missing.push_back(entry.parent);
      }
      for (const std::string& id : missing) {
        if (merged_.contains(id)) continue;
        const Entry* entry = At(kBase, id);
        if (entry == nullptr) entry = At(kOurs, id) != nullptr ? At(kOurs, id) : At(kTheirs, id);
        merged_[id] = *entry;
        again = true;
        const bool explained = std::any_of(kept_for_change.begin(), kept_for_change.end(),
                                           [&](const std::string& kept) { return merged_[kept].parent == id; });
        if (!explained) {
          Conflict("'" + id + "' is removed on one side, and the other puts something into it",
                   "it is kept; move what is in it, then remove it");
        }
      }
    }
  }

  // Pose and parent go together: a pose means something in its parent only.
  std::string MergeParent(const std::string& id, const Entry& base, const Entry& ours, const Entry& theirs) {
    if (const auto parent = Changed(base.parent, ours.parent, theirs.parent)) return *parent;
    Conflict("'" + id + "' is moved into '" + ours.parent + "' and into '" + theirs.parent + "'",
             "it stays in '" + base.parent + "'; move it");
    return base.parent;
  }

  // Key by key; position and rotation are one key.
  Element MergeElement(const Element& base, const Element& ours, const Element& theirs, const std::string& what) {
    const Element* sides[kSides3] = {&base, &ours, &theirs};
    Element merged{.name = base.name};
    if (const auto name = Changed(base.name, ours.name, theirs.name))
      merged.name = *name;
    else
      Conflict("both sides change the kind of " + what, "it is as it was");
    const auto group_of = [](const std::string& key) {
      return key == "position_m" || key == "yaw_deg" || key == "rotation_wxyz" ? std::string("pose") : key;
    };
    std::set<std::string> groups;
    for (const Element* side : sides) {
      for (const Attribute& attribute : side->attributes) groups.insert(group_of(attribute.key));
    }
    for (const std::string& group : groups) {
      std::vector<Attribute> values[kSides3];
      for (int side = 0; side < kSides3; ++side) {
        std::copy_if(sides[side]->attributes.begin(), sides[side]->attributes.end(), std::back_inserter(values[side]),
                     [&](const Attribute& a) { return group_of(a.key) == group; });
      }
      auto value = Changed(values[kBase], values[kOurs], values[kTheirs]);
      if (!value) {
        Conflict("both sides change " + group + " of " + what, "it is as it was; set it to what it should be");
        value = values[kBase];
      }
      merged.attributes.insert(merged.attributes.end(), value->begin(), value->end());
    }
    std::set<std::string> lists;
    for (const Element* side : sides) {
      for (const Element& child : side->children) lists.insert(child.name);
    }
    for (const std::string& list : lists) {
      std::vector<Element> values[kSides3];
      for (int side = 0; side < kSides3; ++side) {
        std::copy_if(sides[side]->children.begin(), sides[side]->children.end(), std::back_inserter(values[side]),
                     [&](const Element& e) { return e.name == list; });
      }
      auto value = Changed(values[kBase], values[kOurs], values[kTheirs]);
      if (!value) {
        Conflict("both sides change the list of " + list + " of " + what, "it is as it was");
        value = values[kBase];
      }
      merged.children.insert(merged.children.end(), value->begin(), value->end());
    }
    return merged;
  }

  // One side moves x into y, the other y into x: both go back to where they were.
  void BreakCycles() {
    for (auto& [id, entry] : merged_) {
      std::set<std::string> path = {id};
      std::string at = entry.parent;
      while (!at.empty() && path.insert(at).second) at = merged_[at].parent;
      if (at.empty()) continue;
      const std::string start = at;
      Conflict("'" + start + "' and '" + merged_[start].parent + "' are each moved into the other",
               "both stay where they were");
      do {
        Entry& on_cycle = merged_[at];
        at = on_cycle.parent;
        // What is not in base cannot be on a cycle alone: somebody moved what is.
        if (const Entry* base = At(kBase, PathId(on_cycle))) on_cycle.parent = base->parent;
      } while (at != start);
    }
  }

  static std::string PathId(const Entry& entry) {
    const Attribute* id = entry.own.Find("id");
    return id != nullptr ? id->text : "";
  }

  Node Build(const std::string& id) {
    const Entry& entry = merged_.at(id);
    Node node;
    Places places;
    Sink unsaid("", "");
    ReadTree(entry.own, Format::kXml, &unsaid, &places, &node);
    std::set<std::string> wanted;
    for (const auto& [child, child_entry] : merged_) {
      if (child_entry.parent == id) wanted.insert(child);
    }
    std::vector<std::string> orders[kSides3];
    for (int side = 0; side < kSides3; ++side) {
      if (const Entry* at = At(side, id)) orders[side] = at->children;
    }
    // A parent that one side does not have has no order there.
    const Entry* only = At(kOurs, id) == nullptr     ? At(kTheirs, id)
                        : At(kTheirs, id) == nullptr ? At(kOurs, id)
                                                     : nullptr;
    if (only != nullptr) orders[kOurs] = orders[kTheirs] = only->children;
    if (At(kBase, id) == nullptr) orders[kBase] = orders[kOurs];
    auto order = MergeOrder(orders, wanted);
    if (!order) {
      Conflict("both sides reorder what stands in '" + id + "'", "the order is as it was");
      orders[kOurs].swap(orders[kBase]);
      orders[kTheirs] = orders[kBase] = orders[kOurs];
      order = MergeOrder(orders, wanted);
    }
    for (const std::string& child : *order) node.children.push_back(Build(child));
    return node;
  }

  Scene MergeScene() {
    Element elements[kSides3];
    for (int side = 0; side < kSides3; ++side) {
      elements[side] = ElementFrom(*scenes_[side]);
      elements[side].children.clear();
    }
    Scene scene;
    Places places;
    Sink unsaid("", "");
    ReadTree(MergeElement(elements[kBase], elements[kOurs], elements[kTheirs], "the scene"), Format::kXml, &unsaid,
             &places, &scene);
    return scene;
  }

  // Lists at the top of the scene: things are the same where `name_of` says the same.
  template <class T, class NameOf>
  std::vector<T> MergeList(std::vector<T> Scene::*list, const NameOf& name_of) {
    std::map<std::string, T> things[kSides3];
    std::vector<std::string> orders[kSides3];
    std::set<std::string> names, wanted;
    for (int side = 0; side < kSides3; ++side) {
      for (const T& thing : scenes_[side]->*list) {
        const std::string name = name_of(thing);
        if (!things[side].emplace(name, thing).second) continue;
        orders[side].push_back(name);
        names.insert(name);
      }
    }
    std::map<std::string, T> merged;
    for (const std::string& name : names) {
      std::optional<Element> values[kSides3];
      for (int side = 0; side < kSides3; ++side) {
        const auto found = things[side].find(name);
        if (found != things[side].end()) values[side] = ElementFrom(found->second);
      }
      const auto value = Changed(values[kBase], values[kOurs], values[kTheirs]);
      int from = kBase;
      if (value) {
        if (!*value) continue;
        for (const int side : {kOurs, kTheirs}) from = values[side] == *value ? side : from;
      } else {
        Conflict("both sides change the " + name, values[kBase] ? "it is as it was" : "ours is kept");
        if (!values[kBase]) from = kOurs;
      }
      merged.emplace(name, things[from].at(name));
      wanted.insert(name);
    }
    auto order = MergeOrder(orders, wanted);
    if (!order) {
      Conflict("both sides reorder the " + std::string(std::is_same_v<T, Relation> ? "relations" : "materials"),
               "the order is as it was");
      orders[kOurs] = orders[kTheirs] = orders[kBase];
      order = MergeOrder(orders, wanted);
    }
    std::vector<T> result;
    for (const std::string& name : *order) result.push_back(merged.at(name));
    return result;
  }

  void DropDangling(Scene* scene) {
    std::set<std::string> ids;
    Walk(*scene, [&](const Node& node, const Node*, const Pose&) { ids.insert(node.id); });
    std::erase_if(scene->relations, [&](const Relation& r) {
      for (const std::string& id : {r.subject, r.target}) {
        if (ids.contains(id) || (id != r.subject && (id == "wall" || id.starts_with("wall:")))) continue;
        Conflict("a relation names '" + id + "', which the other side removed", "the relation is dropped");
        return true;
      }
      return false;
    });
  }

  const Scene* scenes_[kSides3];
  Tree trees_[kSides3];
  Sink sink_;
  std::map<std::string, Entry> merged_;
};

}  // namespace

MergeResult Merge(const Scene& base, const Scene& ours, const Scene& theirs) {
  return Merger(base, ours, theirs).Run();
}

}  // namespace takt::scene
