// SPDX-License-Identifier: Apache-2.0
#include "takt/data/scene/repair/repair.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <utility>

#include "takt/core/base/error.h"
#include "takt/data/scene/repair/build.h"
#include "takt/data/scene/repair/mend.h"

namespace takt::scene {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kSamePlace_m = 1e-9;
constexpr int kRestarts = 24;  // for each effort and support
constexpr int kMaxCells = 20000;
constexpr double kSunk_m = 5e-5;  // what lies deeper is lifted when a scene is repaired

// Nodes of a scene in the order of the tree's items.
void Collect(Node* node, std::vector<Node*>* nodes) {
  nodes->push_back(node);
  for (Node& child : node->children) Collect(&child, nodes);
}

class Repairer {
 public:
  Repairer(Scene* scene, const RepairOptions& options, const BuildOptions& build, const Certificate& certificate)
      : scene_(scene), options_(options), build_(build), certificate_(certificate) {
    tree_ = ReadTree(*scene, options.assets);
    movable_ = MovableItems(tree_, options.movable);
    for (const Fault& fault : certificate.faults) {
      if (fault.kind != FaultKind::kPenetration) continue;
      const int a = tree_.Find(fault.subject), b = tree_.Find(fault.other);
      faulty_.insert({std::min(a, b), std::max(a, b)});
    }
  }

  // Supports from the floor up. True when every one was solved.
  bool Run(uint64_t salt, int max_restarts, int* restarts) {
    bool solved = true;
    std::vector<std::pair<int, int>> order;  // depth, support
    for (int s = 0; s < static_cast<int>(tree_.supports.size()); ++s) {
      int depth = 0;
      for (int k = tree_.supports[s].owner_idx; k >= 0; k = tree_.Carrier(k)) ++depth;
      order.emplace_back(depth, s);
    }
    std::sort(order.begin(), order.end());
    for (const auto& [depth, s] : order) {
      bool used = false;
      for (int i = 0; i < Count(); ++i) {
        if (NodeAt(i).kind != NodeKind::kObject || tree_.items[i].support_idx != s || !movable_[i]) continue;
        Upright(i);
        Level(i);
        used = true;
      }
      if (!used) continue;
      Layout layout = BuildLayout(tree_, s, movable_, faulty_, options_.tolerances, build_);
      const Rng rng(options_.seed, salt * 1000 + static_cast<uint64_t>(s));
      if (!SolveLayout(&layout, rng, options_.effort > 0, max_restarts, restarts)) solved = false;
      for (const int b : layout.moving) {
        const Body& body = layout.bodies[b];
        if (body.at == body.home && body.yaw == body.home_yaw) continue;
        Pose pose = tree_.items[body.item].world_from_node;
        pose.translation_m.x() = body.at.x();
        pose.translation_m.y() = body.at.y();
        if (body.yaw != body.home_yaw) pose.rotation = (Pose::Yaw(body.yaw - body.home_yaw).rotation * pose.rotation).normalized();
        Move(body.item, pose);
      }
    }
    WriteBack();
    return solved;
  }

 private:
  int Count() const { return static_cast<int>(tree_.items.size()); }
  const Node& NodeAt(int i) const { return *tree_.items[i].node; }

  // What an item rides on: objects on their carriers, surfaces and bolted things on their parents.
  int Holder(int i) const {
    const Node& node = NodeAt(i);
    if (node.kind == NodeKind::kObject && !node.fixed) return tree_.Carrier(i);
    return tree_.items[i].parent_idx;
  }

  void Move(int item, const Pose& pose) {
    const Pose delta = pose * tree_.items[item].world_from_node.Inverse();
    tree_.items[item].world_from_node = pose;
    for (int i = 0; i < Count(); ++i) {
      if (i == item) continue;
      int k = Holder(i);
      for (int step = 0; k > 0 && k != item && step < Count(); ++step) k = Holder(k);
      if (k == item) tree_.items[i].world_from_node = delta * tree_.items[i].world_from_node;
    }
  }

  void Upright(int i) {
    if (!NodeAt(i).upright) return;
    Pose pose = tree_.items[i].world_from_node;
    const double tilt = std::acos(std::clamp((pose.rotation * Vec3::UnitZ()).z(), -1.0, 1.0));
    if (tilt <= options_.tolerances.tilt_rad) return;
    pose.rotation = Pose::Yaw(YawOf(pose.rotation)).rotation;
    Move(i, pose);
  }

  void Level(int i) {
    Pose pose = tree_.items[i].world_from_node;
    double low = kInf;
    for (const Convex& piece : tree_.items[i].body) low = std::min(low, Heights(Transformed(piece, pose)).low_m);
    const double gap = low - tree_.WorldFromSupport(tree_.items[i].support_idx).translation_m.z();
    if (gap >= -kSunk_m && gap <= options_.tolerances.height_m) return;
    pose.translation_m.z() -= gap;
    Move(i, pose);
  }

  void WriteBack() {
    std::vector<Node*> nodes;
    Collect(&scene_->room, &nodes);
    std::vector<Pose> world(nodes.size());
    for (int i = 1; i < Count(); ++i) {
      const Pose& parent = world[tree_.items[i].parent_idx];
      Pose stored = nodes[i]->parent_from_node;
      const Pose want = parent.Inverse() * tree_.items[i].world_from_node;
      stored.rotation.normalize();
      const bool same = (stored.translation_m - want.translation_m).norm() <= kSamePlace_m &&
                        stored.rotation.angularDistance(want.rotation) <= kSamePlace_m;
      const bool may_write = !tree_.items[i].node->fixed || tree_.items[i].node->kind != NodeKind::kObject;
      if (!same && may_write) {
        nodes[i]->parent_from_node = want;
        stored = want;
      }
      world[i] = parent * stored;
    }
  }

  Scene* scene_;
  const RepairOptions& options_;
  BuildOptions build_;
  const Certificate& certificate_;
  Tree tree_;
  std::vector<char> movable_;
  std::set<std::pair<int, int>> faulty_;
};

}  // namespace

std::vector<Moved> MovedNodes(const Scene& before, const Scene& after, const std::filesystem::path& assets) {
  std::vector<Moved> moved;
  const Tree a = ReadTree(before, assets), b = ReadTree(after, assets);
  for (size_t i = 0; i < b.items.size(); ++i) {
    if (b.items[i].node->kind != NodeKind::kObject) continue;
    Pose from = a.items[i].world_from_node;
    const Pose& to = b.items[i].world_from_node;
    // What only rode along is where its carrier's motion has put it.
    const int carrier = b.Carrier(static_cast<int>(i));
    if (carrier >= 0) {
      from = b.items[carrier].world_from_node * a.items[carrier].world_from_node.Inverse() * from;
    }
    Moved m{b.items[i].node->id, (to.translation_m - from.translation_m).norm(), to.rotation.angularDistance(from.rotation)};
    if (m.distance_m > 1e-7 || m.turn_rad > 1e-6) moved.push_back(std::move(m));
  }
  std::stable_sort(moved.begin(), moved.end(), [](const Moved& x, const Moved& y) { return x.distance_m > y.distance_m; });
  return moved;
}

RepairResult Repair(const Scene& scene, const RepairOptions& options) {
  if (scene.room.floor_m.size() < 3) {
    throw Error(ErrorCode::kBadInput, "room " + scene.room.id, "has no floor", "give it at least three corners");
  }
  RepairResult result;
  result.certificate = Certify(scene, options.tolerances, options.assets);
  result.certificate.seed = options.seed;
  result.faults = result.certificate.faults;
  result.scene = scene;
  if (result.certificate.holds) {
    result.outcome = RepairOutcome::kClean;
    return result;
  }
  Scene mended = scene;
  Certificate first = result.certificate;
  // A local repair leaves the others as they are, bytes and all.
  if (options.movable.empty() && MendValues(&mended)) first = Certify(mended, options.tolerances, options.assets);
  // Cheap before dear: forces and a short search, then the proofs that need no search, then restarts, then proofs by exhaustion.
  struct Attempt {
    BuildOptions build;
    bool restarts;
  };
  constexpr Attempt kAttempts[] = {{{true, false, 0.5}, false},  {{true, false, 0.5}, true}, {{false, false, 0.5}, true},
                                   {{false, true, 0.5}, true}, {{false, false, 0.0}, true}};
  const auto prove = [&](int max_cells) {
    result.witness = FindWitness(mended, options.tolerances, options.assets, max_cells);
    if (result.witness.kind != ProofKind::kNone && CheckWitness(mended, result.witness, options.tolerances, options.assets)) return true;
    result.witness = {};
    return false;
  };
  size_t fewest = std::numeric_limits<size_t>::max();
  uint64_t salt = 0;
  bool proved = false;
  for (const Attempt& attempt : kAttempts) {
    if (attempt.restarts && options.effort == 0) break;
    Scene candidate = mended;
    Certificate certificate = first;
    for (int sweep = 0; sweep < 3 && !certificate.holds; ++sweep) {
      BuildOptions build = attempt.build;
      build.keep_close_pairs = build.keep_close_pairs && sweep == 0;
      const bool solved = Repairer(&candidate, options, build, certificate).Run(salt++, attempt.restarts ? kRestarts * options.effort : 0, &result.restarts);
      certificate = Certify(candidate, options.tolerances, options.assets);
      if (!solved && !certificate.holds) break;
    }
    certificate.seed = options.seed;
    if (certificate.holds || certificate.faults.size() < fewest) {
      fewest = certificate.faults.size();
      result.certificate = certificate;
      result.scene = std::move(candidate);
    }
    if (result.certificate.holds) break;
    if (!attempt.restarts && options.prove && (proved = prove(0))) break;
  }
  if (!result.certificate.holds && !proved && options.prove) proved = prove(kMaxCells);
  if (result.certificate.holds) result.outcome = RepairOutcome::kRepaired;
  else if (proved) result.outcome = RepairOutcome::kInfeasible;
  result.moved = MovedNodes(scene, result.scene, options.assets);
  return result;
}

}  // namespace takt::scene
