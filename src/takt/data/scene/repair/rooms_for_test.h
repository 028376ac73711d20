// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <string>
#include <vector>

#include "takt/core/base/rng.h"
#include "takt/data/scene/repair/certificate.h"

namespace takt::scene {

// Random rooms for tests and benchmarks.
struct RoomRecipe {
  int objects = 20;
  int on_top = 2;          // of them, small things that stand on others
  double fill = 0.45;      // footprints of those on the floor / floor
  int relations = 7;       // beside the `on` of what stands on others
  bool planted = true;     // a valid layout is built first and its relations are stated: the room is solvable
  double jitter_m = -1;    // standard deviation of the shift from there; negative: anywhere in the room, any yaw
  double jitter_rad = 0.4;
};

class RoomMaker {
 public:
  RoomMaker(uint64_t seed, const RoomRecipe& recipe) : rng_(seed, 77), recipe_(recipe) {}

  Scene Make() {
    for (int attempt = 0; attempt < 50; ++attempt) {
      Draw();
      if (!recipe_.planted || Plant()) break;
    }
    Relate();
    Scatter();
    return scene_;
  }
  // The planted layout, before it was scattered.
  const Scene& Planted() const { return planted_; }

 private:
  double U(double low, double high) { return low + (high - low) * rng_.UniformDouble(counter_++); }
  int Pick(int n) { return static_cast<int>(rng_.Below(counter_++, static_cast<uint64_t>(n))); }
  double Normal() { return rng_.Normal4(counter_++)[0]; }

  void Draw() {
    scene_ = Scene{};
    scene_.name = "random";
    scene_.room.kind = NodeKind::kRoom;
    scene_.room.id = "room";
    scene_.room.height_m = 3;
    scene_.relations.clear();
    double area = 0;
    floor_objects_ = recipe_.objects - recipe_.on_top;
    for (int i = 0; i < floor_objects_; ++i) {
      Node node;
      node.id = "o" + std::to_string(i);
      node.size_m = Vec3(U(0.3, 1.4), U(0.3, 1.0), U(0.3, 1.5));
      area += node.size_m.x() * node.size_m.y();
      scene_.room.children.push_back(node);
    }
    const double floor = area / recipe_.fill, aspect = U(1.0, 1.5);
    width_ = std::sqrt(floor * aspect);
    depth_ = floor / width_;
    scene_.room.floor_m = {{0, 0}, {width_, 0}, {width_, depth_}, {0, depth_}};
    for (int i = 0; i < recipe_.on_top; ++i) {
      Node node;
      node.id = "t" + std::to_string(i);
      int chosen = Pick(floor_objects_);
      while (!scene_.room.children[chosen].children.empty()) chosen = (chosen + 1) % floor_objects_;
      Node& carrier = scene_.room.children[chosen];
      node.size_m = Vec3(U(0.08, 0.28), U(0.08, 0.28), U(0.05, 0.3));
      node.parent_from_node = Pose::Translation(0, 0, carrier.size_m.z());
      carrier.children.push_back(node);
      scene_.relations.push_back({RelationKind::kOn, node.id, carrier.id, Side::kBack, 0, 0, 0});
    }
  }

  static void Corners(const Node& node, double x, double y, double yaw, double grow, Vec2 out[4]) {
    const double c = std::cos(yaw), s = std::sin(yaw);
    const double hx = node.size_m.x() / 2 + grow, hy = node.size_m.y() / 2 + grow;
    const double sx[4] = {-1, 1, 1, -1}, sy[4] = {-1, -1, 1, 1};
    for (int k = 0; k < 4; ++k) out[k] = Vec2(x + c * sx[k] * hx - s * sy[k] * hy, y + s * sx[k] * hx + c * sy[k] * hy);
  }
  static bool Apart(const Vec2 a[4], const Vec2 b[4]) {
    for (int which = 0; which < 2; ++which) {
      const Vec2 *p = which ? b : a, *q = which ? a : b;
      for (int k = 0; k < 2; ++k) {
        const Vec2 n = p[k + 1] - p[k];
        double pl = 1e9, ph = -1e9, ql = 1e9, qh = -1e9;
        for (int j = 0; j < 4; ++j) {
          pl = std::min(pl, n.dot(p[j]));
          ph = std::max(ph, n.dot(p[j]));
          ql = std::min(ql, n.dot(q[j]));
          qh = std::max(qh, n.dot(q[j]));
        }
        if (pl > qh || ql > ph) return true;
      }
    }
    return false;
  }

  bool Plant() {
    std::vector<int> order(floor_objects_);
    for (int i = 0; i < floor_objects_; ++i) order[i] = i;
    auto& nodes = scene_.room.children;
    std::sort(order.begin(), order.end(), [&](int a, int b) {
      return nodes[a].size_m.head<2>().prod() > nodes[b].size_m.head<2>().prod();
    });
    std::vector<std::array<Vec2, 4>> done;
    against_.assign(floor_objects_, false);
    for (const int i : order) {
      bool placed = false;
      for (int attempt = 0; attempt < 600 && !placed; ++attempt) {
        const bool wall = attempt < 200 && U(0, 1) < 0.5;
        double yaw = std::numbers::pi / 2 * Pick(4);
        if (!wall && U(0, 1) < 0.2) yaw = U(-3.1, 3.1);
        double x = U(0, width_), y = U(0, depth_);
        const double back = node_half_depth(nodes[i]);
        if (wall) {  // its back to the wall that lies behind it
          const double bx = -std::cos(yaw), by = -std::sin(yaw);
          if (bx > 0.5) x = width_ - back - 1e-3;
          if (bx < -0.5) x = back + 1e-3;
          if (by > 0.5) y = depth_ - back - 1e-3;
          if (by < -0.5) y = back + 1e-3;
        }
        std::array<Vec2, 4> c;
        Corners(nodes[i], x, y, yaw, 5e-4, c.data());
        bool ok = true;
        for (const Vec2& p : c) ok = ok && p.x() >= 0 && p.y() >= 0 && p.x() <= width_ && p.y() <= depth_;
        for (const auto& other : done) ok = ok && Apart(c.data(), other.data());
        if (!ok) continue;
        done.push_back(c);
        nodes[i].parent_from_node = Pose::Yaw(yaw, {x, y, 0});
        against_[i] = wall;
        placed = true;
      }
      if (!placed) return false;
    }
    return true;
  }
  static double node_half_depth(const Node& node) { return node.size_m.x() / 2; }

  void Relate() {
    auto& nodes = scene_.room.children;
    planted_ = scene_;
    std::vector<Relation> candidates;
    if (!recipe_.planted) {
      for (int i = 0; i + 1 < floor_objects_; i += 2) {
        candidates.push_back({RelationKind::kAgainst, nodes[i].id, "wall", Side::kBack, 0, 0, 0});
        candidates.push_back({RelationKind::kNear, nodes[i].id, nodes[i + 1].id, Side::kBack, 0, 1.0, 0});
        candidates.push_back({RelationKind::kAligned, nodes[i].id, nodes[i + 1].id, Side::kBack, 0, 0, 0});
        candidates.push_back({RelationKind::kFacing, nodes[i + 1].id, nodes[i].id, Side::kBack, 0, 0, 0});
      }
    } else {
      for (int i = 0; i < floor_objects_; ++i) {
        const Pose& a = nodes[i].parent_from_node;
        if (against_[i]) candidates.push_back({RelationKind::kAgainst, nodes[i].id, "wall", Side::kBack, 0, 0, 0});
        for (int j = 0; j < floor_objects_; ++j) {
          if (i == j) continue;
          for (const RelationKind kind : {RelationKind::kNear, RelationKind::kFacing, RelationKind::kAligned}) {
            scene_.relations.push_back({kind, nodes[i].id, nodes[j].id, Side::kBack, 0, 1.0, 0});
            const RelationCheck check = CheckRelation(scene_, static_cast<int>(scene_.relations.size()) - 1);
            const bool near = (a.translation_m - nodes[j].parent_from_node.translation_m).norm() < 2;
            if (check.holds && near && U(0, 1) < (kind == RelationKind::kAligned ? 0.3 : 1)) {
              candidates.push_back(scene_.relations.back());
            }
            scene_.relations.pop_back();
          }
        }
      }
    }
    for (int k = 0; k < recipe_.relations && !candidates.empty(); ++k) {
      const int c = Pick(static_cast<int>(candidates.size()));
      scene_.relations.push_back(candidates[c]);
      candidates.erase(candidates.begin() + c);
    }
    planted_.relations = scene_.relations;
  }

  void Scatter() {
    for (Node& node : scene_.room.children) {
      Pose& pose = node.parent_from_node;
      if (recipe_.jitter_m < 0) {
        pose = Pose::Yaw(U(-3.14, 3.14), {U(0, width_), U(0, depth_), 0});
      } else {
        pose = pose * Pose::Yaw(recipe_.jitter_rad * Normal());
        pose.translation_m += recipe_.jitter_m * Vec3(Normal(), Normal(), 0);
      }
      for (Node& top : node.children) {
        top.parent_from_node.translation_m += Vec3(U(-0.5, 0.5) * node.size_m.x(), U(-0.5, 0.5) * node.size_m.y(), U(-0.05, 0.2));
      }
    }
  }

  Rng rng_;
  RoomRecipe recipe_;
  uint64_t counter_ = 0;
  Scene scene_, planted_;
  int floor_objects_ = 0;
  double width_ = 0, depth_ = 0;
  std::vector<char> against_;
};

}  // namespace takt::scene
