// SPDX-License-Identifier: Apache-2.0
// Faults that layouts written by models have, injected one at a time into valid scenes: how many are detected and repaired,
// and how many clean scenes stay untouched.
//   bench_scene_corruptions [SCENES = 40 of each recipe]
#include <algorithm>
#include <cstdlib>
#include <functional>
#include <limits>
#include <numbers>
#include <vector>

#include "bench_util.h"
#include "takt/data/scene/generate.h"
#include "takt/data/scene/model/scene_io.h"
#include "takt/data/scene/model/walk.h"
#include "takt/data/scene/repair/repair.h"
#include "takt/data/scene/repair/rooms_for_test.h"

namespace takt::scene {
namespace {

struct Draws {
  Rng rng;
  uint64_t counter = 0;
  double U(double low, double high) { return low + (high - low) * rng.UniformDouble(counter++); }
  size_t Pick(size_t n) { return rng.Below(counter++, n); }
};

void Collect(Node* node, Node* parent, std::vector<std::pair<Node*, Node*>>* objects) {
  if (node->kind == NodeKind::kObject && !node->fixed) objects->emplace_back(node, parent);
  for (Node& child : node->children) Collect(&child, node, objects);
}

bool OnFloor(const Node* parent) { return parent->kind == NodeKind::kRoom || parent->kind == NodeKind::kRegion; }

// One fault in the scene; false where the scene offers no place for it.
using Corrupt = bool (*)(Scene*, Draws&);

std::pair<Node*, Node*> AnyObject(Scene* scene, Draws& draws, int where) {  // 0: any, 1: on the floor, 2: on something
  std::vector<std::pair<Node*, Node*>> objects, fit;
  Collect(&scene->room, nullptr, &objects);
  for (const auto& o : objects) {
    if (where == 0 || (where == 1) == OnFloor(o.second)) fit.push_back(o);
  }
  return fit.empty() ? std::pair<Node*, Node*>{} : fit[draws.Pick(fit.size())];
}
Vec3 Middle(const Scene& scene) {
  Vec3 middle = Vec3::Zero();
  for (const Vec2& p : scene.room.floor_m) middle += Vec3(p.x(), p.y(), 0) / static_cast<double>(scene.room.floor_m.size());
  return middle;
}
void PutAt(Scene* scene, Node* node, const Vec3& world_m) {
  const Pose parent = WorldFromNode(*scene, node->id) * node->parent_from_node.Inverse();
  node->parent_from_node.translation_m = parent.Inverse() * world_m;
}

bool IntoWall(Scene* scene, Draws& draws) {
  auto [node, parent] = AnyObject(scene, draws, 1);
  if (node == nullptr) return false;
  const auto& floor = scene->room.floor_m;
  const size_t k = draws.Pick(floor.size());
  const Vec2 p = floor[k] + draws.U(0.2, 0.8) * (floor[(k + 1) % floor.size()] - floor[k]);
  PutAt(scene, node, {p.x(), p.y(), WorldFromNode(*scene, node->id).translation_m.z()});
  return true;
}
bool OutOfRoom(Scene* scene, Draws& draws) {
  auto [node, parent] = AnyObject(scene, draws, 1);
  if (node == nullptr) return false;
  const Vec3 middle = Middle(*scene);
  const double angle = draws.U(0, 6.28);
  PutAt(scene, node, middle + 12 * Vec3(std::cos(angle), std::sin(angle), 0));
  return true;
}
bool Floating(Scene* scene, Draws& draws) {
  auto [node, parent] = AnyObject(scene, draws, 0);
  if (node == nullptr) return false;
  node->parent_from_node.translation_m.z() += draws.U(0.03, 0.4);
  return true;
}
bool Sunk(Scene* scene, Draws& draws) {
  auto [node, parent] = AnyObject(scene, draws, 0);
  if (node == nullptr) return false;
  node->parent_from_node.translation_m.z() -= draws.U(0.01, 0.3);
  return true;
}
bool UpsideDown(Scene* scene, Draws& draws) {
  auto [node, parent] = AnyObject(scene, draws, 0);
  if (node == nullptr || !node->upright) return false;
  node->parent_from_node.rotation = node->parent_from_node.rotation * Quat(0, 1, 0, 0);
  node->parent_from_node.translation_m.z() += node->size_m.z();
  return true;
}
bool Lying(Scene* scene, Draws& draws) {
  auto [node, parent] = AnyObject(scene, draws, 0);
  if (node == nullptr || !node->upright) return false;
  node->parent_from_node.rotation = node->parent_from_node.rotation * Quat(std::sqrt(0.5), std::sqrt(0.5), 0, 0);
  return true;
}
bool SwappedPosition(Scene* scene, Draws& draws) {  // y up
  auto [node, parent] = AnyObject(scene, draws, 1);
  if (node == nullptr) return false;
  Vec3& p = node->parent_from_node.translation_m;
  std::swap(p.y(), p.z());
  return std::abs(p.y() - p.z()) > 0.05;
}
bool SwappedSize(Scene* scene, Draws& draws) {  // y up
  auto [node, parent] = AnyObject(scene, draws, 0);
  if (node == nullptr || node->parts.empty() || std::abs(node->size_m.y() / node->size_m.z() - 1) < 0.2) return false;
  std::swap(node->size_m.y(), node->size_m.z());
  return true;
}
bool DuplicateId(Scene* scene, Draws& draws) {
  std::vector<std::pair<Node*, Node*>> objects;
  Collect(&scene->room, nullptr, &objects);
  const size_t i = draws.Pick(objects.size()), j = draws.Pick(objects.size());
  if (i >= j) return false;
  for (const Relation& r : scene->relations) {  // which of the two a relation means cannot be known
    for (const Node* node : {objects[i].first, objects[j].first}) {
      if (r.subject == node->id || r.target == node->id) return false;
    }
  }
  objects[j].first->id = objects[i].first->id;
  return true;
}
bool MissingParent(Scene* scene, Draws& draws) {  // what hung from something hangs from the room, its local place unchanged
  auto [node, parent] = AnyObject(scene, draws, 2);
  if (node == nullptr) return false;
  const Node copy = *node;
  parent->children.erase(parent->children.begin() + (node - parent->children.data()));
  scene->room.children.push_back(copy);
  return true;
}
bool WrongParent(Scene* scene, Draws& draws) {
  auto [node, parent] = AnyObject(scene, draws, 2);
  auto [other, its] = AnyObject(scene, draws, 1);
  if (node == nullptr || other == nullptr || other == parent) return false;
  for (const Node& child : other->children) {
    if (&child == parent || child.kind == NodeKind::kSurface) return false;
  }
  const Node copy = *node;
  const std::string id = other->id;
  parent->children.erase(parent->children.begin() + (node - parent->children.data()));
  Find(scene, id)->children.push_back(copy);
  return true;
}
bool Overlap(Scene* scene, Draws& draws) {
  auto [a, pa] = AnyObject(scene, draws, 0);
  if (a == nullptr) return false;
  std::vector<Node*> beside;
  for (Node& child : pa->children) {
    if (&child != a && child.kind == NodeKind::kObject) beside.push_back(&child);
  }
  if (beside.empty()) return false;
  const Node* b = beside[draws.Pick(beside.size())];
  const double z = a->parent_from_node.translation_m.z();
  a->parent_from_node.translation_m = b->parent_from_node.translation_m + Vec3(draws.U(-0.3, 0.3) * b->size_m.x(), draws.U(-0.3, 0.3) * b->size_m.y(), 0);
  a->parent_from_node.translation_m.z() = z;
  return true;
}
bool BlockedDoor(Scene* scene, Draws& draws) {
  auto [node, parent] = AnyObject(scene, draws, 1);
  if (node == nullptr || scene->room.openings.empty()) return false;
  const Opening& o = scene->room.openings[draws.Pick(scene->room.openings.size())];
  if (!(o.clearance_m > 0) || o.sill_m > 0.1) return false;
  const auto& floor = scene->room.floor_m;
  const Vec2 a = floor[o.wall_idx], d = (floor[(o.wall_idx + 1) % floor.size()] - a).normalized();
  const Vec2 p = a + (o.offset_m + o.width_m / 2) * d + o.clearance_m / 2 * Vec2(-d.y(), d.x());
  PutAt(scene, node, {p.x(), p.y(), WorldFromNode(*scene, node->id).translation_m.z()});
  return true;
}
bool Millimetres(Scene* scene, Draws& draws) {
  auto [node, parent] = AnyObject(scene, draws, 0);
  if (node == nullptr) return false;
  node->size_m *= 1000;
  for (Part& part : node->parts) {
    part.size_m *= 1000;
    part.object_from_part.translation_m *= 1000;
  }
  for (Clearance& c : node->clearances) c.depth_m *= 1000;
  std::vector<Node*> inside;
  for (Node& child : node->children) {
    if (child.kind == NodeKind::kSurface) return false;  // their own story
  }
  return true;
}
bool MillimetrePose(Scene* scene, Draws& draws) {
  auto [node, parent] = AnyObject(scene, draws, 0);
  if (node == nullptr || node->parent_from_node.translation_m.norm() < 0.05) return false;
  node->parent_from_node.translation_m *= 1000;
  return true;
}
bool NanPose(Scene* scene, Draws& draws) {
  auto [node, parent] = AnyObject(scene, draws, 0);
  if (node == nullptr) return false;
  node->parent_from_node.translation_m[static_cast<Eigen::Index>(draws.Pick(3))] = std::numeric_limits<double>::quiet_NaN();
  return true;
}
bool OffItsSupport(Scene* scene, Draws& draws) {
  auto [node, parent] = AnyObject(scene, draws, 2);
  if (node == nullptr || parent->kind != NodeKind::kSurface) return false;
  node->parent_from_node.translation_m.x() = parent->size_m.x() / 2 + draws.U(0.02, 0.3);
  return true;
}
bool OutOfReach(Scene* scene, Draws& draws) {
  std::vector<const Relation*> reach;
  for (const Relation& r : scene->relations) {
    if (r.kind == RelationKind::kReachableBy) reach.push_back(&r);
  }
  if (reach.empty()) return false;
  const Relation& r = *reach[draws.Pick(reach.size())];
  Node* node = Find(scene, r.subject);
  const Node* robot = Find(*scene, r.target);
  if (node == nullptr || robot == nullptr || node->fixed) return false;
  const Vec3 base = WorldFromNode(*scene, r.target).translation_m, at = WorldFromNode(*scene, r.subject).translation_m;
  Vec3 away = at - base;
  away.z() = 0;
  PutAt(scene, node, at + (robot->reach_m + 0.1) * away.normalized());
  return true;
}
bool TurnedAway(Scene* scene, Draws& draws) {
  for (const Relation& r : scene->relations) {
    if (r.kind != RelationKind::kAgainst) continue;
    Node* node = Find(scene, r.subject);
    if (node == nullptr || node->fixed) continue;
    node->parent_from_node = node->parent_from_node * Pose::Yaw(draws.U(0.6, 2.5));
    return true;
  }
  return false;
}

struct Kind {
  const char* name;
  Corrupt corrupt;
};
constexpr Kind kKinds[] = {{"sofa in the wall", IntoWall},     {"out of the room", OutOfRoom},     {"floating", Floating},
                           {"sunk", Sunk},                     {"upside-down", UpsideDown},        {"lying", Lying},
                           {"swapped axes, place", SwappedPosition}, {"swapped axes, size", SwappedSize}, {"duplicate id", DuplicateId},
                           {"missing parent", MissingParent},  {"wrong parent", WrongParent},      {"overlapping pair", Overlap},
                           {"blocked door", BlockedDoor},      {"millimetres, size", Millimetres}, {"millimetres, place", MillimetrePose},
                           {"place is NaN", NanPose},          {"off its support", OffItsSupport}, {"out of reach", OutOfReach},
                           {"turned from its wall", TurnedAway}};

bool Sizes(const Scene& a, const Scene& b) {  // as they were
  bool same = true;
  Walk(a, [&](const Node& node, const Node*, const Pose&) {
    const Node* other = Find(b, node.id);
    same = same && (other == nullptr || (other->size_m - node.size_m).norm() <= 0.01 * node.size_m.norm());
  });
  return same;
}

void Main(int count) {
  std::vector<Scene> scenes;
  for (const std::string& name : BuiltInRecipes()) {
    const Recipe recipe = LoadRecipe(name);
    for (int i = 0; i < count; ++i) scenes.push_back(GenerateScene(recipe, 11, static_cast<uint64_t>(i)));
  }
  for (int i = 0; i < count; ++i) {
    RoomMaker maker(static_cast<uint64_t>(5000 + i), {});
    maker.Make();
    scenes.push_back(maker.Planted());
  }
  int untouched = 0;
  for (const Scene& scene : scenes) {
    const RepairResult result = Repair(scene);
    untouched += result.outcome == RepairOutcome::kClean && SameScene(result.scene, scene);
  }
  fmt::print("Clean scenes untouched, bit for bit: {} of {}\n\n| fault | injected | detected | repaired | proved impossible | ms |\n|---|---|---|---|---|---|\n",
             untouched, scenes.size());
  int all = 0, all_detected = 0, all_repaired = 0;
  for (const Kind& kind : kKinds) {
    int injected = 0, detected = 0, repaired = 0, proved = 0;
    double seconds = 0;
    for (size_t k = 0; k < scenes.size(); ++k) {
      Draws draws{Rng(17, k * 100 + static_cast<size_t>(&kind - kKinds))};
      Scene broken = scenes[k];
      if (!kind.corrupt(&broken, draws)) continue;
      ++injected;
      const std::vector<Diagnostic> before = Check(broken);
      const bool said = std::any_of(before.begin(), before.end(), [](const Diagnostic& d) { return d.severity != Severity::kNote; });
      const double start = bench::CpuSeconds();
      const RepairResult result = Repair(broken);
      seconds += bench::CpuSeconds() - start;
      detected += said || !result.faults.empty();
      const bool kept = result.certificate.holds && result.certificate.relations.size() == scenes[k].relations.size() && Sizes(scenes[k], result.scene);
      repaired += kept;
      proved += result.outcome == RepairOutcome::kInfeasible;
      if (!kept && std::getenv("VERBOSE") != nullptr) {
        fmt::print(stderr, "{} {} {}:", kind.name, scenes[k].name, k);
        for (const Fault& f : result.certificate.faults) fmt::print(stderr, " {} {} {} {};", FaultName(f.kind), f.subject, f.other, f.text);
        fmt::print(stderr, "\n");
      }
    }
    all += injected;
    all_detected += detected;
    all_repaired += repaired;
    if (injected == 0) continue;
    fmt::print("| {} | {} | {:.1f} % | {:.1f} % | {} | {:.1f} |\n", kind.name, injected, 100.0 * detected / injected, 100.0 * repaired / injected, proved,
               1e3 * seconds / injected);
    std::fflush(stdout);
  }
  fmt::print("| all | {} | {:.2f} % | {:.2f} % | | |\n", all, 100.0 * all_detected / all, 100.0 * all_repaired / all);
}

}  // namespace
}  // namespace takt::scene

int main(int argc, char** argv) {
  return takt::bench::Run([&] { takt::scene::Main(argc > 1 ? std::atoi(argv[1]) : 40); });
}
