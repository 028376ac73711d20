// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "takt/core/geom/pose.h"
#include "takt/data/scene/model/scene.h"
#include "takt/data/scene/repair/convex.h"

namespace takt::scene {

// The scene read as what stands on what. Indices are the order of the file, parents first.
struct Item {
  const Node* node = nullptr;
  int parent_idx = -1;      // in the tree
  Pose world_from_node;     // identity rotation and parent's place where the pose is not finite
  bool finite = true;       // pose and size are usable numbers
  int support_idx = -1;     // objects: into Tree::supports
  bool inferred = false;    // the support follows from the place, not from the tree or a relation
  std::vector<Convex> body;       // objects: in the node's frame
};

// What objects stand on or in.
struct Support {
  int item_idx = 0;           // room, surface, or object whose top it is
  int owner_idx = -1;         // object that carries it; -1 for the floor
  bool floor = false;
  bool cavity = false;        // bodies must lie inside it, not only rest on it
  double height_m = 0;        // of a cavity; 0 elsewhere
  std::vector<Vec2> outline_m;  // in the support's own frame, counter-clockwise
  Pose node_from_support;     // to the item's frame
};

struct Tree {
  const Scene* scene = nullptr;
  std::vector<Item> items;
  std::vector<Support> supports;
  std::map<std::string, int, std::less<>> by_id;   // the first of equal ids
  std::vector<int> cycle;     // items whose supports form a ring; empty when there is none

  int Find(std::string_view id) const;  // -1
  // Item that carries this one; -1 when it stands on the floor.
  int Carrier(int item_idx) const;
  // Whether `item_idx` stands, through others or directly, on `carrier_idx`.
  bool RidesOn(int item_idx, int carrier_idx) const;
  // Whether the overlap of a with b does not count: one lies in a cavity inside the other's box, whose body is only a box.
  bool Exempt(int a_idx, int b_idx) const;
  Pose WorldFromSupport(int support_idx) const;
};

// Support of an object: the target of its `on` or `in`; else the surface or object that is its parent; else, for what hangs
// from the room or a region, the highest top below its centre where its bottom lies more than 2 cm above the floor and
// within 5 cm of that top or above it; else the floor. Errors: as BodyPieces.
Tree ReadTree(const Scene& scene, const std::filesystem::path& assets = {});

// Yaw of the node's front in the world.
double YawOf(const Quat& rotation);
double WrapAngle(double angle_rad);  // into (-pi, pi]
double Cross(const Vec2& a, const Vec2& b);

}  // namespace takt::scene
