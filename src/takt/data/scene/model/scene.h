// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "takt/core/geom/pose.h"

namespace takt::scene {

// A scene is a tree room > region > object > support surface. Every node has a pose in its parent's frame; z is up,
// an object's front is +x, and the origin of an object is the centre of the bottom of its box. Sizes are full extents
// in metres. XML and JSON (scene_xml.h, scene_json.h) spell the same tree; docs/formats/scene.md is the reference.

enum class NodeKind {
  kRoom,     // the root; floor polygon, walls with openings
  kRegion,   // a named area of a room ("assembly", "aisle 2"); no body
  kObject,   // something with a body
  kSurface,  // a rectangle of an object on which, or a cavity in which, children stand; no body of its own
};

enum class ShapeKind { kBox, kCylinder, kSphere, kCapsule, kMesh };

// One convex piece of an object's body.
struct Part {
  ShapeKind shape = ShapeKind::kBox;
  Vec3 size_m = Vec3::Zero();  // box: extents; cylinder, capsule: diameter, diameter, length along z; sphere: diameter x3;
                               // mesh: extents to scale to, or 0 0 0 for as stored
  Pose object_from_part;       // to the centre of the piece (meshes: to the origin of the file)
  std::string mesh;            // kMesh: STL or OBJ beside the scene file; its convex hull collides
  std::string material;        // id of a Material; empty: the object's
  std::map<std::string, std::string> extra = {};  // as Node::extra
};

struct Material {
  std::string id;
  std::array<double, 4> rgba = {0.7, 0.7, 0.7, 1};  // 0-1
  std::map<std::string, std::string> extra = {};         // as Node::extra
};

enum class Side { kFront, kBack, kLeft, kRight, kTop };  // +x, -x, +y, -y, +z of the object

// Space that must stay free in front of a side for the object to be used: a drawer, a door of a cabinet, an operator.
struct Clearance {
  Side side = Side::kFront;
  double depth_m = 0;  // measured outwards from the box, over its full width and from the floor of the object to its top
  std::string what;    // "drawer", "door", "operator"
  std::map<std::string, std::string> extra = {};  // as Node::extra
};

enum class OpeningKind { kDoor, kWindow };
// A hole in wall `wall_idx` of the room: the wall from floor corner wall_idx to the next one.
struct Opening {
  OpeningKind kind = OpeningKind::kDoor;
  std::string id;
  int wall_idx = 0;
  double offset_m = 0;     // along the wall to the near edge of the hole
  double width_m = 0;
  double sill_m = 0;       // height of the lower edge above the floor
  double height_m = 0;
  double clearance_m = 0;  // must stay free inside the room, over the width of the hole
  std::map<std::string, std::string> extra = {};  // as Node::extra
};

enum class RelationKind { kOn, kIn, kAgainst, kNear, kFacing, kAligned, kReachableBy };
// on: subject rests on target (object or surface). in: subject's box lies in the cavity. against: the side of the subject
// touches a wall or the target. near: the gap between the boxes is in [min_m, max_m]. facing: the front of the subject
// points at the target within `tolerance_rad`. aligned: yaws agree modulo 90 degrees. reachable_by: the subject's centre
// is within reach of the robot `target`.
struct Relation {
  RelationKind kind = RelationKind::kOn;
  std::string subject;                // node id
  std::string target;                 // node id; "wall" for the nearest wall, or "wall:2" for one
  Side side = Side::kBack;            // against: the side of the subject that touches
  double min_m = 0, max_m = 0;        // near, against: the gap allowed
  double tolerance_rad = 0;           // facing, aligned
  std::map<std::string, std::string> extra = {};  // as Node::extra
};

struct Node {
  NodeKind kind = NodeKind::kObject;
  std::string id;        // unique in the scene: [A-Za-z0-9_.-]+
  std::string name;      // what a person calls it: "red cube"
  std::string category;  // "bin", "cup"
  Pose parent_from_node;
  Vec3 size_m = Vec3::Zero();  // object: box of its body; region, surface: x and y extents (z: height of a cavity, or 0)

  // kRoom
  std::vector<Vec2> floor_m;  // counter-clockwise, in the room's frame, at z = 0
  double height_m = 0;
  std::vector<Opening> openings;

  // kObject
  std::vector<Part> parts;    // empty: one box of size_m
  std::string material;
  double mass_kg = 0;         // 0: from the volume at 500 kg/m^3
  double friction = 0.8;      // sliding coefficient
  bool fixed = false;         // bolted down: repair and physics leave it where it is
  bool upright = true;        // must stand on its bottom
  std::vector<Clearance> clearances;
  std::string robot;          // "arm5", "arm7" or an MJCF file: this object is the base of that robot
  double reach_m = 0;         // of the robot, from its base

  std::vector<Node> children;
  // Attributes that this version does not know, kept and written back. A value is the text of the XML attribute; what
  // JSON spells as anything but a string stands here as JSON (document.h).
  std::map<std::string, std::string> extra = {};
};

struct Scene {
  int schema_major = 1;
  int schema_minor = 0;
  std::string name;
  std::vector<Material> materials;
  Node room;
  std::vector<Relation> relations;
  std::map<std::string, std::string> extra = {};  // as Node::extra
};

}  // namespace takt::scene
