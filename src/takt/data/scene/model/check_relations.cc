// SPDX-License-Identifier: Apache-2.0
#include <charconv>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "takt/data/scene/model/fields.h"
#include "takt/data/scene/model/relations.h"
#include "takt/data/scene/model/tree.h"

namespace takt::scene {
namespace {

struct Indexed {
  const Node* node = nullptr;
  const Node* object = nullptr;  // the node, or the object that a surface belongs to; null for regions and the room
};
using Index = std::map<std::string_view, Indexed>;

void AddBelow(const Node& node, const Node* object, Index* index) {
  if (node.kind == NodeKind::kObject) object = &node;
  if (node.kind == NodeKind::kRoom || node.kind == NodeKind::kRegion) object = nullptr;
  index->emplace(node.id, Indexed{&node, object});
  for (const Node& child : node.children) AddBelow(child, object, index);
}

struct Fault {
  Code code;
  std::string_view key;
  std::string message, hint;
};

// What is wrong with a relation by itself; an empty message where nothing is.
Fault FaultOf(const Relation& relation, const Index& index, size_t walls) {
  const std::string what(WordOf(kRelationKinds, relation.kind));
  const auto bad = [&](std::string_view key, std::string message, std::string hint) {
    return Fault{Code::kBadRelation, key, std::move(message), std::move(hint)};
  };
  const auto subject = index.find(relation.subject);
  if (subject == index.end()) {
    return {Code::kUnknownTarget, "subject", "no node has the id '" + relation.subject + "'",
            "the relation means nothing and is dropped"};
  }
  if (subject->second.node->kind != NodeKind::kObject)
    return bad("subject", "'" + relation.subject + "' is no object", "only objects stand in relations");
  if (relation.max_m > 0 && relation.min_m > relation.max_m) return bad("min_m", "min_m is larger than max_m", "");
  const bool is_wall = relation.target == "wall" || relation.target.starts_with("wall:");
  if (is_wall) {
    if (relation.kind != RelationKind::kAgainst && relation.kind != RelationKind::kNear &&
        relation.kind != RelationKind::kFacing && relation.kind != RelationKind::kAligned) {
      return bad("target", "nothing can be " + what + " a wall", "name a node");
    }
    if (relation.target == "wall") return {};
    const char *begin = relation.target.data() + 5, *end = relation.target.data() + relation.target.size();
    size_t wall = 0;
    const auto [stop, failed] = std::from_chars(begin, end, wall);
    if (failed != std::errc() || stop != end || wall >= walls) {
      return {Code::kUnknownTarget, "target", "there is no '" + relation.target + "'",
              "walls are wall:0 to wall:" + std::to_string(walls == 0 ? 0 : walls - 1)};
    }
    return {};
  }
  const auto target = index.find(relation.target);
  if (target == index.end()) {
    return {Code::kUnknownTarget, "target", "no node has the id '" + relation.target + "'",
            "the relation means nothing and is dropped"};
  }
  if (target->first == subject->first)
    return bad("target", "'" + relation.subject + "' relates to itself", "name another node");
  if (relation.kind == RelationKind::kReachableBy && target->second.node->robot.empty()) {
    return bad("target", "'" + relation.target + "' is no robot",
               "give it robot=\"arm5\" and reach_m, or name another node");
  }
  return {};
}

// The ids along one cycle of "stands on or in", or nothing. Each subject is looked at once: an object on two others
// that are fine is fine.
class Supports {
 public:
  // Adds the edge unless it would close a cycle; then says which.
  std::vector<std::string_view> Add(const Node* subject, const Node* target) {
    std::vector<std::string_view> path;
    if (target != nullptr && Leads(target, subject, &path)) return path;
    if (target != nullptr) below_[subject].push_back(target);
    return {};
  }

  // The object on whose surfaces this one stands in the tree.
  void AddTree(const Node& node, const Node* object) {
    if (node.kind == NodeKind::kObject) {
      if (object != nullptr) below_[&node].push_back(object);
      object = &node;
    }
    for (const Node& child : node.children) AddTree(child, object);
  }

 private:
  // Depth first without recursion: a chain may be as long as the scene.
  bool Leads(const Node* from, const Node* to, std::vector<std::string_view>* path) {
    std::map<const Node*, const Node*> came_from = {{from, nullptr}};
    std::vector<const Node*> open = {from};
    while (!open.empty()) {
      const Node* at = open.back();
      open.pop_back();
      if (at == to) {
        for (; at != nullptr; at = came_from[at]) path->push_back(at->id);
        return true;
      }
      const auto below = below_.find(at);
      if (below == below_.end()) continue;
      for (const Node* next : below->second) {
        if (came_from.emplace(next, at).second) open.push_back(next);
      }
    }
    return false;
  }

  std::map<const Node*, std::vector<const Node*>> below_;
};

}  // namespace

std::vector<bool> UsableRelations(const Scene& scene, const Places& places, Sink* sink) {
  Index index;
  AddBelow(scene.room, nullptr, &index);
  Supports supports;
  supports.AddTree(scene.room, nullptr);
  std::set<std::tuple<RelationKind, std::string_view, std::string_view, Side>> seen;
  std::vector<bool> is_usable;
  // Cycles are looked for among the first of them only: the search is quadratic.
  constexpr size_t kMaxSupports = 4096;
  size_t support_count = 0;
  for (const Relation& relation : scene.relations) {
    Fault fault = FaultOf(relation, index, scene.room.floor_m.size());
    const bool is_support = relation.kind == RelationKind::kOn || relation.kind == RelationKind::kIn;
    if (fault.message.empty() &&
        !seen.emplace(relation.kind, relation.subject, relation.target, relation.side).second) {
      fault = {Code::kBadRelation, "", "the relation stands twice", "drop one"};
    }
    if (fault.message.empty() && is_support && ++support_count <= kMaxSupports) {
      const Node* subject = index.at(relation.subject).object;
      const auto cycle = supports.Add(subject, index.at(relation.target).object);
      if (!cycle.empty()) {
        std::string ids;
        for (const std::string_view id : cycle) ids += "'" + std::string(id) + "' under ";
        fault = {Code::kCyclicRelation, "",
                 "these stand on each other: " + ids + "'" + std::string(cycle.front()) + "'",
                 "something must stand on the floor"};
      }
    }
    if (!fault.message.empty() && sink != nullptr) {
      sink->Add(fault.code, places.Of(&relation, fault.key), fault.message, fault.hint);
    }
    is_usable.push_back(fault.message.empty());
  }
  return is_usable;
}

void CheckRelations(const Scene& scene, const Places& places, Sink* sink) { UsableRelations(scene, places, sink); }

void CheckScene(const Scene& scene, const Places& places, Sink* sink) {
  CheckRoom(scene, places, sink);
  CheckBodies(scene, places, sink);
  CheckRelations(scene, places, sink);
  std::set<std::string_view> materials;
  for (const Material& material : scene.materials) materials.insert(material.id);
  const auto check_material = [&](const void* thing, const std::string& id) {
    if (id.empty() || materials.contains(id)) return;
    sink->Add(Code::kUnknownMaterial, places.Of(thing, "material"), "there is no material '" + id + "'",
              "add <material id=\"" + id + "\" rgba=\"0.7 0.7 0.7 1\"/> before the room");
  };
  const auto check_file = [&](const void* thing, std::string_view key, const std::string& path) {
    const bool is_absolute = path.starts_with('/') || path.starts_with('\\') || path.find(':') != std::string::npos;
    const bool climbs = ("/" + path + "/").find("/../") != std::string::npos || path.find('\\') != std::string::npos;
    if (!is_absolute && !climbs) return;
    sink->Add(Code::kBadPath, places.Of(thing, key), "'" + path + "' leads out of the folder of the scene",
              "put the file beside the scene, and write its name with / between folders");
  };
  const std::function<void(const Node&)> check_below = [&](const Node& node) {
    check_material(&node, node.material);
    check_file(&node, "robot", node.robot);
    for (const Part& part : node.parts) {
      check_material(&part, part.material);
      check_file(&part, "mesh", part.mesh);
      if (part.shape == ShapeKind::kMesh && part.mesh.empty()) {
        sink->Add(Code::kMissingKey, places.Of(&part), "a mesh part of '" + node.id + "' names no file",
                  "add mesh=\"cup.stl\"");
      }
    }
    for (const Node& child : node.children) check_below(child);
  };
  check_below(scene.room);
}

}  // namespace takt::scene
