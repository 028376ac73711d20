// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <map>
#include <string>
#include <vector>

#include "takt/core/base/rng.h"
#include "takt/data/scene/model/scene.h"
#include "takt/data/scene/recipe.h"

namespace takt::scene::drawing {

// A rectangle in a plane, turned by yaw.
struct Rect {
  Vec2 center_m = Vec2::Zero();
  Vec2 half_m = Vec2::Zero();
  double yaw_rad = 0;

  std::array<Vec2, 4> Corners() const;
};

// Distance between two rectangles; 0 where they touch or overlap.
double GapM(const Rect& a, const Rect& b);

// The numbers of one scene, in the order in which they are asked for.
class Draw {
 public:
  Draw(uint64_t seed, uint64_t index) : rng_(seed, index) {}
  double Uniform(double low, double high) { return low + (high - low) * rng_.UniformDouble(counter_++); }
  double Uniform(const Range& range) { return Uniform(range.low, range.high); }
  int Below(size_t n) { return static_cast<int>(rng_.Below(counter_++, n)); }
  int Uniform(const IntRange& range) { return range.low + Below(static_cast<size_t>(range.high - range.low + 1)); }

 private:
  Rng rng_;
  uint64_t counter_ = 0;
};

// One attempt at a scene: what stands where so far.
class Sketch {
 public:
  Sketch(const Recipe& recipe, Draw* draw);

  // Makes and places everything. False where something found no place; failed() names it. With `crowd`, what finds no
  // place is put where it overlaps least of a few darts, for Repair to sort out.
  bool Fill(bool crowd);
  const std::string& failed() const { return failed_; }
  // The tree, with relations and materials.
  Scene Assemble() const;
  // Whether what must lie within a distance of a robot still does, after somebody moved things.
  bool KeepsReaches(const Scene& scene) const;

 private:
  // A plane on which things stand: the floor, a region of it, a surface of an object.
  struct Support {
    std::string id;                // of the node; empty: the floor
    int owner = -1;                // index into bodies_; -1: the room
    int level = 0;                 // supports of one level share their plane: floor and regions
    Vec3 origin_m = Vec3::Zero();  // in the room's frame
    double yaw_rad = 0;
    Vec2 low_m = Vec2::Zero(), high_m = Vec2::Zero();                // within which bodies stand, in its frame
    Vec2 center_low_m = Vec2::Zero(), center_high_m = Vec2::Zero();  // within which their centres lie
    double height_m = 0;                                             // free above it
    Rect World(const Rect& local) const;
    Vec2 Local(const Vec2& world_m) const;
  };
  struct Body {
    Node node;
    std::string line_id;
    int support = 0;
    Rect rect;  // footprint in the support's frame
    std::vector<Relation> relations;
  };
  // What a dart needs to know of the line, with targets resolved to bodies.
  struct Wish {
    const RecipeObject* line = nullptr;
    std::vector<int> targets;  // [relations] index into bodies_; -1: a wall
  };

  void AddOpenings();
  void AddSupports(int body);
  bool Place(const RecipeObject& line, Node node, bool crowd);
  std::vector<int> SupportsOf(const RecipeObject& line) const;
  // A place by the relations of the line; walls get their number into `wall_idx`. False: not on this support.
  bool Throw(const Wish& wish, const Node& node, const Support& support, Rect* rect, int* wall_idx);
  bool ThrowAgainstWall(const RecipeRelation& relation, const Node& node, const Support& support, Rect* rect,
                        int* wall_idx);
  // How much of what must hold does not: 0 for a good place.
  double Faults(const Wish& wish, const Node& node, int support_idx, const Rect& rect) const;
  double RelationFaults(const Wish& wish, const Node& node, const Support& support, const Rect& rect) const;
  double ClearanceFaults(const Node& node, const Support& support, const Rect& rect) const;
  Rect WorldRect(const Body& body) const { return supports_[static_cast<size_t>(body.support)].World(body.rect); }
  double WorldYaw(const Body& body) const;
  Vec3 WorldOrigin(const Body& body) const;
  void Commit(const Wish& wish, Node node, int support_idx, const Rect& rect, int wall_idx);
  void AddChildren(int support_idx, Node* parent) const;

  const Recipe& recipe_;
  Draw& draw_;
  double width_m_ = 0, depth_m_ = 0, height_m_ = 0, clutter_ = 1;
  std::vector<Opening> openings_;
  std::vector<Rect> keep_free_;  // before openings, in the room's frame
  std::vector<Support> supports_;
  std::vector<Body> bodies_;
  std::map<std::string, std::vector<int>> copies_;  // by id of the line
  std::string failed_;
};

}  // namespace takt::scene::drawing
