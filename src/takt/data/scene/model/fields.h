// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <limits>
#include <span>
#include <string_view>
#include <type_traits>

#include "takt/data/scene/model/scene.h"

namespace takt::scene {

// The one list of what a scene holds. Readers, writers, both schemas and the table of docs/formats/scene.md are
// visitors of it, so no two of them can disagree. The order here is the canonical order in a file.
//
// A visitor has, for a key and the value that it stands for:
//   Text, Number, Integer, Numbers (fixed count), Polygon, Flag, Choice, Placement (position_m with yaw_deg or
//   rotation_wxyz), List (elements of one sort), Child (the room), Nodes (children of the kinds that may stand here),
//   Extra.

enum class Bounds { kAny, kNotNegative, kPositive, kFraction };  // kFraction: 0 to 1

struct Key {
  std::string_view name;
  std::string_view meaning;  // for the schemas and the reference
  bool is_required = false;  // written always, missed where it is absent
  Bounds range = Bounds::kAny;
};

template <class Enum>
struct Word {
  Enum value;
  std::string_view word;
};

inline constexpr Word<ShapeKind> kShapes[] = {{ShapeKind::kBox, "box"},
                                              {ShapeKind::kCylinder, "cylinder"},
                                              {ShapeKind::kSphere, "sphere"},
                                              {ShapeKind::kCapsule, "capsule"},
                                              {ShapeKind::kMesh, "mesh"}};
inline constexpr Word<Side> kSides[] = {{Side::kFront, "front"},
                                        {Side::kBack, "back"},
                                        {Side::kLeft, "left"},
                                        {Side::kRight, "right"},
                                        {Side::kTop, "top"}};
inline constexpr Word<OpeningKind> kOpeningKinds[] = {{OpeningKind::kDoor, "door"}, {OpeningKind::kWindow, "window"}};
inline constexpr Word<RelationKind> kRelationKinds[] = {{RelationKind::kOn, "on"},
                                                        {RelationKind::kIn, "in"},
                                                        {RelationKind::kAgainst, "against"},
                                                        {RelationKind::kNear, "near"},
                                                        {RelationKind::kFacing, "facing"},
                                                        {RelationKind::kAligned, "aligned"},
                                                        {RelationKind::kReachableBy, "reachable_by"}};
inline constexpr Word<NodeKind> kNodeKinds[] = {{NodeKind::kRoom, "room"},
                                                {NodeKind::kRegion, "region"},
                                                {NodeKind::kObject, "object"},
                                                {NodeKind::kSurface, "surface"}};

template <class Enum, size_t kCount>
constexpr std::string_view WordOf(const Word<Enum> (&words)[kCount], Enum value) {
  for (const auto& row : words) {
    if (row.value == value) return row.word;
  }
  return "";
}
constexpr std::string_view KindName(NodeKind kind) { return WordOf(kNodeKinds, kind); }

// The kinds that may stand in a node of this kind.
inline constexpr NodeKind kInRoom[] = {NodeKind::kRegion, NodeKind::kObject};
inline constexpr NodeKind kInObject[] = {NodeKind::kSurface};
inline constexpr NodeKind kInSurface[] = {NodeKind::kObject};
constexpr std::span<const NodeKind> ChildKinds(NodeKind kind) {
  if (kind == NodeKind::kObject) return kInObject;
  if (kind == NodeKind::kSurface) return kInSurface;
  return kInRoom;
}

template <class T, class Struct>
concept Like = std::same_as<std::remove_const_t<T>, Struct>;

template <class V, Like<Material> T>
void Fields(V& v, T& material) {
  v.Text({"id", "name by which bodies call it", true}, material.id);
  v.Numbers({"rgba", "red, green, blue, opacity, each 0 to 1", false, Bounds::kFraction}, material.rgba,
            Material().rgba);
  v.Extra(material.extra);
}

template <class V, Like<Part> T>
void Fields(V& v, T& part) {
  const Part d;
  v.Choice({"shape", "form of the piece", true}, part.shape, d.shape, kShapes);
  v.Numbers({"size_m", "extents; cylinder and capsule: diameter, diameter, length; mesh: 0 0 0 for as stored",
             part.shape != ShapeKind::kMesh, part.shape == ShapeKind::kMesh ? Bounds::kNotNegative : Bounds::kPositive},
            part.size_m, d.size_m);
  v.Placement(part.object_from_part);
  v.Text({"mesh", "STL or OBJ file beside the scene"}, part.mesh);
  v.Text({"material", "id of a material; absent: the object's"}, part.material);
  v.Extra(part.extra);
}

template <class V, Like<Clearance> T>
void Fields(V& v, T& clearance) {
  const Clearance d;
  v.Choice({"side", "side of the object that must stay free", true}, clearance.side, d.side, kSides);
  v.Number({"depth_m", "how far from the box", true, Bounds::kPositive}, clearance.depth_m, d.depth_m);
  v.Text({"what", "what needs it: drawer, door, operator"}, clearance.what);
  v.Extra(clearance.extra);
}

template <class V, Like<Opening> T>
void Fields(V& v, T& opening) {
  const Opening d;
  v.Choice({"kind", "a door or a window", true}, opening.kind, d.kind, kOpeningKinds);
  v.Text({"id", "unique among the openings", true}, opening.id);
  v.Integer({"wall_idx", "wall from this corner of the floor to the next, from 0", true}, opening.wall_idx, d.wall_idx);
  v.Number({"offset_m", "along the wall to the near edge", false, Bounds::kNotNegative}, opening.offset_m, d.offset_m);
  v.Number({"width_m", "along the wall", true, Bounds::kPositive}, opening.width_m, d.width_m);
  v.Number({"sill_m", "lower edge above the floor", false, Bounds::kNotNegative}, opening.sill_m, d.sill_m);
  v.Number({"height_m", "of the hole", true, Bounds::kPositive}, opening.height_m, d.height_m);
  v.Number({"clearance_m", "depth inside the room that must stay free", false, Bounds::kNotNegative},
           opening.clearance_m, d.clearance_m);
  v.Extra(opening.extra);
}

template <class V, Like<Relation> T>
void Fields(V& v, T& relation) {
  const Relation d;
  v.Choice({"kind", "what holds between the two", true}, relation.kind, d.kind, kRelationKinds);
  v.Text({"subject", "id of a node", true}, relation.subject);
  v.Text({"target", "id of a node, wall (the nearest) or wall:2", true}, relation.target);
  v.Choice({"side", "against: the side of the subject that touches"}, relation.side, d.side, kSides);
  v.Number({"min_m", "near, against: smallest gap", false, Bounds::kNotNegative}, relation.min_m, d.min_m);
  v.Number({"max_m", "near, against: largest gap", false, Bounds::kNotNegative}, relation.max_m, d.max_m);
  v.Number({"tolerance_rad", "facing, aligned: error allowed", false, Bounds::kNotNegative}, relation.tolerance_rad,
           d.tolerance_rad);
  v.Extra(relation.extra);
}

// The attributes of a node of its kind, and the elements in it that are no nodes. Its id comes first and is the
// reader's business: a node without one gets one.
template <class V, Like<Node> T>
void Fields(V& v, T& node) {
  const Node d;
  v.Text({"id", "unique in the scene: letters, digits, _ . -", true}, node.id);
  v.Text({"name", "what a person calls it"}, node.name);
  const Key box = {"size_m", "extents of its box", true, Bounds::kPositive};
  const Key area = {"size_m", "extents in x and y; z: height of a cavity, or 0", true, Bounds::kNotNegative};
  switch (node.kind) {
    case NodeKind::kRoom:
      v.Polygon({"floor_m", "corners x y of the floor, counter-clockwise", true}, node.floor_m);
      v.Number({"height_m", "of the walls", true, Bounds::kPositive}, node.height_m, d.height_m);
      v.List("opening", node.openings);
      break;
    case NodeKind::kRegion:
    case NodeKind::kSurface:
      v.Text({"category", "its sort"}, node.category);
      v.Placement(node.parent_from_node);
      v.Numbers(area, node.size_m, d.size_m);
      break;
    case NodeKind::kObject:
      v.Text({"category", "its sort: bin, cup"}, node.category);
      v.Placement(node.parent_from_node);
      v.Numbers(box, node.size_m, d.size_m);
      v.Text({"material", "id of a material"}, node.material);
      v.Number({"mass_kg", "0: from the volume at 500 kg/m^3", false, Bounds::kNotNegative}, node.mass_kg, d.mass_kg);
      v.Number({"friction", "sliding coefficient", false, Bounds::kNotNegative}, node.friction, d.friction);
      v.Flag({"fixed", "bolted down"}, node.fixed, d.fixed);
      v.Flag({"upright", "must stand on its bottom"}, node.upright, d.upright);
      v.Text({"robot", "arm5, arm7 or an MJCF file: the base of that robot"}, node.robot);
      v.Number({"reach_m", "of the robot from its base", false, Bounds::kNotNegative}, node.reach_m, d.reach_m);
      v.List("part", node.parts);
      v.List("clearance", node.clearances);
      break;
  }
  v.Extra(node.extra);
}

// `schema` is "1.0": the reader's business, as ids are.
template <class V, Like<Scene> T>
void Fields(V& v, T& scene) {
  v.Text({"name", "what a person calls it"}, scene.name);
  v.List("material", scene.materials);
  v.Child("room", scene.room);
  v.List("relation", scene.relations);
  v.Extra(scene.extra);
}

}  // namespace takt::scene
