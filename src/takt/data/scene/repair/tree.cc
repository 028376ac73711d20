// SPDX-License-Identifier: Apache-2.0
#include "takt/data/scene/repair/tree.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace takt::scene {
namespace {

constexpr double kOffFloor_m = 0.02;
constexpr double kNearTop_m = 0.05;
constexpr double kAbsurd_m = 1e5;

bool FinitePose(const Pose& pose) {
  const double length = pose.rotation.norm();
  return pose.translation_m.allFinite() && pose.translation_m.cwiseAbs().maxCoeff() < kAbsurd_m &&
         pose.rotation.coeffs().allFinite() && length > 0.5 && length < 2;
}

bool UsableSize(const Node& node) {
  if (node.kind != NodeKind::kObject) return node.size_m.allFinite() && node.size_m.minCoeff() >= 0;
  if (!(node.size_m.allFinite() && node.size_m.minCoeff() > 0 && node.size_m.maxCoeff() < kAbsurd_m)) return false;
  for (const Part& part : node.parts) {
    if (!part.size_m.allFinite() || !FinitePose(part.object_from_part)) return false;
    if (part.shape != ShapeKind::kMesh && !(part.size_m.minCoeff() > 0)) return false;
  }
  return true;
}

std::vector<Vec2> Rectangle(double x, double y) {
  return {{-x / 2, -y / 2}, {x / 2, -y / 2}, {x / 2, y / 2}, {-x / 2, y / 2}};
}

// The hull of what reaches the top of the body.
std::vector<Vec2> TopOutline(const Item& item) {
  const double top = item.node->size_m.z();
  std::vector<Vec2> points;
  for (const Convex& piece : item.body) {
    if (Heights(piece).high_m < top - 1e-3) continue;
    const auto outline = OuterOutline(piece);
    points.insert(points.end(), outline.begin(), outline.end());
  }
  if (points.size() < 3) return Rectangle(item.node->size_m.x(), item.node->size_m.y());
  return Hull2(std::move(points));
}

class Reader {
 public:
  Reader(const Scene& scene, const std::filesystem::path& assets) : assets_(assets) {
    tree_.scene = &scene;
    Add(scene.room, -1, Pose{});
    AddSupports();
    ReadRelations();
    for (int i = 0; i < Count(); ++i) {
      if (tree_.items[i].node->kind == NodeKind::kObject) Choose(i);
    }
    FindCycle();
  }
  Tree Take() { return std::move(tree_); }

 private:
  int Count() const { return static_cast<int>(tree_.items.size()); }

  void Add(const Node& node, int parent, const Pose& world_from_parent) {
    Item item;
    item.node = &node;
    item.parent_idx = parent;
    const bool pose_ok = FinitePose(node.parent_from_node);
    item.finite = pose_ok && UsableSize(node);
    Pose local = node.parent_from_node;
    if (!pose_ok) local = Pose{};
    local.rotation.normalize();
    item.world_from_node = parent < 0 ? Pose{} : world_from_parent * local;
    if (node.kind == NodeKind::kObject) {
      if (UsableSize(node)) {
        item.body = BodyPieces(node, assets_);
      } else {  // a stand-in, so that the rest can be measured
        item.body.push_back(BoxConvex({0.01, 0.01, 0.01}, Pose::Translation(0, 0, 0.005)));
      }
    }
    const int index = Count();
    const Pose world = item.world_from_node;
    tree_.items.push_back(std::move(item));
    tree_.by_id.emplace(node.id, index);
    for (const Node& child : node.children) Add(child, index, world);
  }

  void AddSupports() {
    support_of_.assign(Count(), -1);
    for (int i = 0; i < Count(); ++i) {
      const Item& item = tree_.items[i];
      Support s;
      s.item_idx = i;
      if (item.node->kind == NodeKind::kRoom) {
        s.floor = true;
        s.outline_m = item.node->floor_m;
      } else if (item.node->kind == NodeKind::kSurface) {
        s.owner_idx = item.parent_idx;
        while (s.owner_idx > 0 && tree_.items[s.owner_idx].node->kind != NodeKind::kObject) {
          s.owner_idx = tree_.items[s.owner_idx].parent_idx;
        }
        if (s.owner_idx <= 0) s.owner_idx = -1;
        s.height_m = item.node->size_m.z();
        s.cavity = s.height_m > 0;
        s.outline_m = Rectangle(item.node->size_m.x(), item.node->size_m.y());
      } else if (item.node->kind == NodeKind::kObject) {
        s.owner_idx = i;
        s.outline_m = TopOutline(item);
        s.node_from_support = Pose::Translation(0, 0, item.node->size_m.z());
      } else {
        continue;
      }
      support_of_[i] = static_cast<int>(tree_.supports.size());
      tree_.supports.push_back(std::move(s));
    }
  }

  // The box of an object as a cavity; made when a relation asks for it.
  int Inside(int item) {
    for (int s = 0; s < static_cast<int>(tree_.supports.size()); ++s) {
      if (tree_.supports[s].item_idx == item && tree_.supports[s].cavity) return s;
    }
    Support s;
    s.item_idx = s.owner_idx = item;
    s.cavity = true;
    s.height_m = tree_.items[item].node->size_m.z();
    s.outline_m = Rectangle(tree_.items[item].node->size_m.x(), tree_.items[item].node->size_m.y());
    tree_.supports.push_back(std::move(s));
    return static_cast<int>(tree_.supports.size()) - 1;
  }

  void ReadRelations() {
    stated_.assign(Count(), -1);
    for (int r = 0; r < static_cast<int>(tree_.scene->relations.size()); ++r) {
      const Relation& relation = tree_.scene->relations[r];
      if (relation.kind != RelationKind::kOn && relation.kind != RelationKind::kIn) continue;
      const int subject = tree_.Find(relation.subject), target = tree_.Find(relation.target);
      if (subject <= 0 || target < 0 || subject == target || stated_[subject] >= 0) continue;
      if (tree_.items[subject].node->kind != NodeKind::kObject) continue;
      if (tree_.items[target].node->kind == NodeKind::kRegion) continue;
      stated_[subject] = r;
    }
  }

  // The surface of `object` that a subject means: its parent in the tree, else the nearest one of the right kind.
  int SurfaceOf(int object, int subject, bool in) {
    const Pose& place = tree_.items[subject].world_from_node;
    int best = -1;
    double least = INFINITY;
    for (int s = 0; s < static_cast<int>(tree_.supports.size()); ++s) {
      const Support& support = tree_.supports[s];
      if (support.owner_idx != object || tree_.items[support.item_idx].node->kind != NodeKind::kSurface) continue;
      if (support.item_idx == tree_.items[subject].parent_idx) return s;
      if (in && !support.cavity) continue;
      const Vec3 p = tree_.WorldFromSupport(s).Inverse() * place.translation_m;
      const Vec3& size = tree_.items[support.item_idx].node->size_m;
      const double d = std::abs(p.z()) + std::max(0.0, std::abs(p.x()) - size.x() / 2) +
                       std::max(0.0, std::abs(p.y()) - size.y() / 2);
      if (d < least) {
        least = d;
        best = s;
      }
    }
    if (best >= 0) return best;
    return in ? Inside(object) : support_of_[object];
  }

  void Choose(int i) {
    Item& item = tree_.items[i];
    if (stated_[i] >= 0) {
      const Relation& relation = tree_.scene->relations[stated_[i]];
      const int target = tree_.Find(relation.target);
      item.support_idx = tree_.items[target].node->kind == NodeKind::kObject
                             ? SurfaceOf(target, i, relation.kind == RelationKind::kIn)
                             : support_of_[target];
      return;
    }
    const Node& parent = *tree_.items[item.parent_idx].node;
    if (parent.kind == NodeKind::kSurface || parent.kind == NodeKind::kObject) {
      item.support_idx = support_of_[item.parent_idx];
      return;
    }
    item.support_idx = support_of_[0];
    if (item.node->fixed || !item.finite) return;
    const Vec3& p = item.world_from_node.translation_m;
    double low = INFINITY;
    for (const Convex& piece : item.body) low = std::min(low, Heights(Transformed(piece, item.world_from_node)).low_m);
    if (!(low > kOffFloor_m)) return;
    double best = 0;
    for (int s = 0; s < static_cast<int>(tree_.supports.size()); ++s) {
      const Support& support = tree_.supports[s];
      if (support.floor || support.owner_idx == i || support.item_idx == i) continue;
      // What has surfaces is used through them; a cavity is entered only on request or through the tree.
      if (support.cavity) continue;
      if (support.owner_idx >= 0 && !tree_.items[support.owner_idx].finite) continue;
      const Pose world = tree_.WorldFromSupport(s);
      const double z = world.translation_m.z();
      if (!(z > best) || z > low + kNearTop_m) continue;
      if ((world.rotation * Vec3::UnitZ()).z() < 0.99) continue;
      const Vec3 local = world.Inverse() * p;
      bool inside = true;
      for (size_t k = 0; k < support.outline_m.size(); ++k) {
        const Vec2& a = support.outline_m[k];
        const Vec2& b = support.outline_m[(k + 1) % support.outline_m.size()];
        inside = inside && Cross(b - a, Vec2(local.x(), local.y()) - a) >= 0;
      }
      if (!inside) continue;
      best = z;
      item.support_idx = s;
      item.inferred = true;
    }
  }

  void FindCycle() {
    std::vector<int> state(Count(), 0);
    for (int i = 0; i < Count(); ++i) {
      std::vector<int> path;
      int k = i;
      while (k >= 0 && state[k] == 0) {
        state[k] = 1;
        path.push_back(k);
        k = tree_.items[k].support_idx >= 0 ? tree_.Carrier(k) : -1;
      }
      if (k >= 0 && state[k] == 1) {
        const auto start = std::find(path.begin(), path.end(), k);
        if (tree_.cycle.empty()) tree_.cycle.assign(start, path.end());
        tree_.items[k].support_idx = support_of_[0];  // broken here, so that the rest can be walked
      }
      for (int p : path) state[p] = 2;
    }
  }

  const std::filesystem::path& assets_;
  Tree tree_;
  std::vector<int> support_of_;  // the floor, the surface or the top that a node is
  std::vector<int> stated_;      // the relation that says what an object stands on
};

}  // namespace

int Tree::Find(std::string_view id) const {
  const auto it = by_id.find(id);
  return it == by_id.end() ? -1 : it->second;
}

int Tree::Carrier(int item_idx) const {
  const int s = items[item_idx].support_idx;
  return s < 0 ? -1 : supports[s].owner_idx;
}

bool Tree::RidesOn(int item_idx, int carrier_idx) const {
  for (int k = Carrier(item_idx); k >= 0; k = Carrier(k)) {
    if (k == carrier_idx) return true;
  }
  return false;
}

bool Tree::Exempt(int a_idx, int b_idx) const {
  for (const auto& [lower, upper] : {std::pair{a_idx, b_idx}, std::pair{b_idx, a_idx}}) {
    if (!items[lower].node->parts.empty()) continue;
    for (int k = upper; k >= 0; k = Carrier(k)) {
      const int s = items[k].support_idx;
      if (s < 0 || supports[s].owner_idx != lower) continue;
      const Pose owner_from_support = items[lower].world_from_node.Inverse() * WorldFromSupport(s);
      if (owner_from_support.translation_m.z() < items[lower].node->size_m.z() - 1e-6) return true;
    }
  }
  return false;
}

Pose Tree::WorldFromSupport(int support_idx) const {
  const Support& s = supports[support_idx];
  return items[s.item_idx].world_from_node * s.node_from_support;
}

Tree ReadTree(const Scene& scene, const std::filesystem::path& assets) { return Reader(scene, assets).Take(); }

double YawOf(const Quat& rotation) {
  const Vec3 front = rotation * Vec3::UnitX();
  if (std::hypot(front.x(), front.y()) < 1e-6) {  // the front looks up or down: the left side decides
    const Vec3 left = rotation * Vec3::UnitY();
    return std::atan2(-left.x(), left.y());
  }
  return std::atan2(front.y(), front.x());
}

double WrapAngle(double angle_rad) {
  const double turns = std::remainder(angle_rad, 2 * std::numbers::pi);
  return turns <= -std::numbers::pi ? std::numbers::pi : turns;
}

double Cross(const Vec2& a, const Vec2& b) { return a.x() * b.y() - a.y() * b.x(); }

}  // namespace takt::scene
