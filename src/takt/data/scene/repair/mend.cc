// SPDX-License-Identifier: Apache-2.0
#include "takt/data/scene/repair/mend.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <string>

namespace takt::scene {
namespace {

constexpr double kMillimetres = 1e-3;

class Mender {
 public:
  explicit Mender(Scene* scene) : scene_(scene) {
    Vec2 low(INFINITY, INFINITY), high(-INFINITY, -INFINITY);
    for (const Vec2& p : scene->room.floor_m) {
      low = low.cwiseMin(p);
      high = high.cwiseMax(p);
    }
    middle_ = (low + high) / 2;
    extent_m_ = (high - low).norm();
  }

  bool Run() {
    Visit(&scene_->room, true);
    return changed_;
  }

 private:
  void Visit(Node* node, bool on_floor) {
    if (!ids_.insert(node->id).second) {
      for (int k = 2;; ++k) {
        const std::string id = node->id + "_" + std::to_string(k);
        if (!ids_.insert(id).second) continue;
        node->id = id;
        break;
      }
      changed_ = true;
    }
    if (node->kind == NodeKind::kObject) Size(node);
    if (node->kind != NodeKind::kRoom) Place(node, on_floor);
    const bool children_on_floor = on_floor && node->kind != NodeKind::kObject && node->kind != NodeKind::kSurface;
    for (Node& child : node->children) Visit(&child, children_on_floor);
  }

  void Size(Node* node) {
    if (!node->size_m.allFinite()) return;
    if (node->size_m.minCoeff() < 0 && (node->size_m.array() != 0).all()) {
      node->size_m = node->size_m.cwiseAbs();
      changed_ = true;
    }
    Vec3 meant;
    if (AxesSwapped(*node, scene_->room.height_m, extent_m_, &meant)) {
      node->size_m = meant;
      changed_ = true;
    }
    if (!(extent_m_ > 0) || !(node->size_m.maxCoeff() > std::max(20.0, extent_m_))) return;
    node->size_m *= kMillimetres;
    for (Part& part : node->parts) {
      part.size_m *= kMillimetres;
      part.object_from_part.translation_m *= kMillimetres;
    }
    for (Clearance& clearance : node->clearances) {
      if (clearance.depth_m > extent_m_) clearance.depth_m *= kMillimetres;
    }
    changed_ = true;
  }

  void Place(Node* node, bool on_floor) {
    Pose& pose = node->parent_from_node;
    const double length = pose.rotation.norm();
    if (!pose.rotation.coeffs().allFinite() || !(length > 0.5 && length < 2)) {
      pose.rotation = Quat::Identity();
      changed_ = true;
    }
    if (!pose.translation_m.allFinite()) {
      pose.translation_m = on_floor ? Vec3(middle_.x(), middle_.y(), 0) : Vec3::Zero();
      changed_ = true;
    } else if (extent_m_ > 0 && pose.translation_m.cwiseAbs().maxCoeff() > std::max(100.0, 10 * extent_m_)) {
      pose.translation_m *= kMillimetres;
      changed_ = true;
    }
  }

  Scene* scene_;
  Vec2 middle_ = Vec2::Zero();
  double extent_m_ = 0;
  std::set<std::string> ids_;
  bool changed_ = false;
};

}  // namespace

bool AxesSwapped(const Node& node, double room_height_m, double room_extent_m, Vec3* size_m) {
  const Vec3 s = node.size_m;
  if (node.parts.empty()) {
    *size_m = Vec3(s.x(), s.z(), s.y());
    return node.upright && room_height_m > 0 && s.z() > room_height_m && s.z() <= room_extent_m && s.y() <= room_height_m;
  }
  Vec3 low = Vec3::Constant(INFINITY), high = -low;
  for (const Part& part : node.parts) {
    if (part.shape == ShapeKind::kMesh) return false;
    const Eigen::Matrix3d turn = part.object_from_part.rotation.toRotationMatrix().cwiseAbs();
    const Vec3 half = turn * part.size_m / 2;
    low = low.cwiseMin(part.object_from_part.translation_m - half);
    high = high.cwiseMax(part.object_from_part.translation_m + half);
  }
  const Vec3 extents = high - low;
  const auto same = [&](const Vec3& a) { return (a - extents).norm() <= 1e-3 * extents.norm(); };
  if (!extents.allFinite() || same(s)) return false;
  *size_m = extents;
  const Vec3 orders[] = {{s.x(), s.z(), s.y()}, {s.z(), s.y(), s.x()}, {s.y(), s.x(), s.z()}, {s.y(), s.z(), s.x()}, {s.z(), s.x(), s.y()}};
  return std::any_of(std::begin(orders), std::end(orders), same);
}

bool MendValues(Scene* scene) { return Mender(scene).Run(); }

}  // namespace takt::scene
