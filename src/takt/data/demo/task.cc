// SPDX-License-Identifier: Apache-2.0
#include "takt/data/demo/task.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <set>
#include <span>

#include "takt/core/base/error.h"
#include "takt/data/scene/catalogue.h"
#include "takt/data/scene/model/walk.h"

namespace takt::demo {
namespace {

constexpr double kPi = 3.14159265358979323846;
constexpr double kAnyTilt = std::numeric_limits<double>::quiet_NaN();

struct TaskWords {
  std::string_view name, what, recipe;
  std::array<std::string_view, 4> phrases;  // {0}: the object, {1}: where it goes
};
constexpr std::array<TaskWords, kTaskCount> kTasks = {{
    {"pick_place",
     "put one object into a bin",
     "bench_bins",
     {"put {0} into {1}", "pick up {0} and place it in {1}", "move {0} to {1}", "take {0} and drop it into {1}"}},
    {"stack",
     "put one cube on another",
     "desk_stack",
     {"stack {0} on {1}", "put {0} on top of {1}", "place {0} onto {1}", "set {0} down on {1}"}},
    {"peg_insert",
     "insert a peg into a hole",
     "assembly_cell",
     {"insert {0} into {1}", "put {0} into the hole of {1}", "push {0} down into {1}", "fit {0} into {1}"}},
    {"carry_open_cup",
     "carry an open cup without spilling",
     "lab_desk",
     {"carry {0} to {1} without spilling", "bring {0} over to {1}, keep it upright",
      "move {0} onto {1} and do not spill", "set {0} on {1}, keep the liquid in"}},
    {"sort_to_bins",
     "sort objects into bins",
     "bench_bins",
     {"sort the parts into the bins", "put each part into its bin", "clear the bench: every part into the right bin",
      "sort {0} into {1}"}},
}};
const TaskWords& Words(TaskKind kind) { return kTasks[static_cast<size_t>(kind)]; }

bool OneOf(const std::string& category, std::span<const std::string_view> list) {
  return std::find(list.begin(), list.end(), category) != list.end();
}
constexpr std::array<std::string_view, 5> kGraspable = {"cube", "block", "cylinder", "ball", "sphere"};
constexpr std::array<std::string_view, 2> kStackable = {"cube", "block"};
constexpr std::array<std::string_view, 4> kVessels = {"cup", "beaker", "mug", "bottle"};
constexpr std::array<std::string_view, 5> kCoasters = {"coaster", "tray", "plate", "hotplate", "pedestal"};

const scene::Node* Surface(const scene::Node& object, std::string_view suffix) {
  for (const scene::Node& child : object.children) {
    if (child.kind == scene::NodeKind::kSurface && child.id.ends_with(suffix)) return &child;
  }
  return nullptr;
}

std::string NameOf(const scene::Node& node) { return "the " + (node.name.empty() ? node.id : node.name); }

const scene::Node& Need(const scene::Scene& scene, std::string_view id) {
  const scene::Node* node = scene::Find(scene, id);
  if (!node) throw Error(ErrorCode::kNotFound, std::string(id), "is not in the scene");
  return *node;
}

// The objects of a scene by what a task can do with them, in the order of the file. Where the scene says what the robot
// can reach, only those.
struct Cast {
  std::vector<const scene::Node*> graspable, stackable, bins, pegs, holes, vessels, coasters;

  explicit Cast(const scene::Scene& scene) {
    std::set<std::string> reachable;
    for (const scene::Relation& relation : scene.relations) {
      if (relation.kind == scene::RelationKind::kReachableBy) reachable.insert(relation.subject);
    }
    scene::Walk(scene, [&](const scene::Node& node, const scene::Node*, const Pose&) {
      if (node.kind != scene::NodeKind::kObject || (!reachable.empty() && !reachable.contains(node.id))) return;
      if (Surface(node, ".inside") && (node.category == "bin" || node.category == "tote")) bins.push_back(&node);
      if (node.category == "peg_hole") holes.push_back(&node);
      if (OneOf(node.category, kCoasters)) coasters.push_back(&node);
      if (node.fixed) return;
      if (OneOf(node.category, kGraspable)) graspable.push_back(&node);
      if (OneOf(node.category, kStackable)) stackable.push_back(&node);
      if (node.category == "peg") pegs.push_back(&node);
      if (OneOf(node.category, kVessels) && scene::ExtraNumber(node, "fill_m", 0) > 0) vessels.push_back(&node);
    });
  }
};

[[noreturn]] void Lacks(TaskKind kind, const std::string& what) {
  throw Error(ErrorCode::kInfeasibleBudget, std::string(TaskName(kind)), "needs " + what + " in the scene",
              fmt::format("use the recipe {}, or one that makes them", DefaultRecipe(kind)));
}

template <class T>
const T& Draw(const std::vector<T>& list, const Rng& rng, uint64_t counter) {
  return list[rng.Below(counter, list.size())];
}

PutStep Into(const scene::Node& object, const scene::Node& bin) {
  return {PutKind::kInto, object.id, bin.id, Surface(bin, ".inside")->id};
}

// Bins by colour where an object's colour is a bin's, otherwise one bin for each category in turn.
const scene::Node* BinFor(const scene::Node& object, const Cast& cast) {
  for (const scene::Node* bin : cast.bins) {
    if (bin->material == object.material) return bin;
  }
  const size_t rank =
      static_cast<size_t>(std::find(kGraspable.begin(), kGraspable.end(), object.category) - kGraspable.begin());
  return cast.bins[rank % cast.bins.size()];
}

double FootprintRadius(const scene::Node& node) { return 0.5 * node.size_m.head<2>().norm(); }

std::vector<std::vector<Pose>> PosesInto(const scene::Scene& scene, const PutStep& step, const PoseOf& pose_of,
                                         const Rng& rng) {
  const scene::Node& object = Need(scene, step.object_id);
  const scene::Node& surface = Need(scene, step.surface_id);
  const Pose world_from_surface = pose_of(step.target_id) * surface.parent_from_node;
  const double radius = FootprintRadius(object);
  const Vec2 room = (0.5 * surface.size_m.head<2>().array() - radius - 0.006).max(0.0).matrix();
  // What lies in the cavity already.
  std::vector<std::pair<Vec2, double>> taken;
  scene::Walk(scene, [&](const scene::Node& node, const scene::Node*, const Pose&) {
    if (node.kind != scene::NodeKind::kObject || node.fixed || node.id == object.id || node.id == step.target_id)
      return;
    const Vec3 at = world_from_surface.Inverse() * pose_of(node.id).translation_m;
    if (std::abs(at.x()) < surface.size_m.x() / 2 && std::abs(at.y()) < surface.size_m.y() / 2 && at.z() > -0.02 &&
        at.z() < surface.size_m.z() + 0.05) {
      taken.emplace_back(at.head<2>(), FootprintRadius(node));
    }
  });
  // Places with the widest gap to what lies there come first.
  struct Place {
    Vec2 at;
    double gap_m;
  };
  std::vector<Place> places;
  for (uint64_t k = 0; k < 24; ++k) {
    const Vec2 at(room.x() * (2 * rng.UniformDouble(3 * k) - 1), room.y() * (2 * rng.UniformDouble(3 * k + 1) - 1));
    double gap = 1;
    for (const auto& [centre, other] : taken) gap = std::min(gap, (at - centre).norm() - other - radius);
    places.push_back({at, std::min(gap, 0.01)});
  }
  std::stable_sort(places.begin(), places.end(), [](const Place& a, const Place& b) { return a.gap_m > b.gap_m; });
  places.resize(8);
  // Low in the cavity first: what falls tumbles. Else let go above the rim, where the gripper has room.
  std::vector<std::vector<Pose>> rounds;
  for (const double height : {0.004, surface.size_m.z() + 0.01}) {
    std::vector<Pose>& poses = rounds.emplace_back();
    for (size_t p = 0; p < places.size(); ++p) {
      const double yaw = 2 * kPi * rng.UniformDouble(1000 + p);
      poses.push_back(world_from_surface * Pose::Yaw(yaw, Vec3(places[p].at.x(), places[p].at.y(), height)));
    }
  }
  return rounds;
}

std::vector<Pose> PosesOnto(const scene::Scene& scene, const PutStep& step, const PoseOf& pose_of, const Rng& rng) {
  const scene::Node& object = Need(scene, step.object_id);
  const scene::Node& target = Need(scene, step.target_id);
  Pose world_from_top = pose_of(step.target_id);
  if (step.surface_id.empty()) {
    world_from_top = world_from_top * Pose::Translation(0, 0, target.size_m.z());
  } else {
    world_from_top = world_from_top * Need(scene, step.surface_id).parent_from_node;
  }
  // A target that fell over shows another side; its own z is then no good.
  const Vec3 x = world_from_top.rotation * Vec3::UnitX();
  const double yaw = std::atan2(x.y(), x.x());
  const bool round = OneOf(object.category, kVessels);
  std::vector<Pose> poses;
  const int turns = round ? 12 : 4;
  const double start = round ? 2 * kPi * rng.UniformDouble(0) : yaw;
  for (int k = 0; k < turns; ++k) {
    poses.push_back(Pose::Yaw(start + 2 * kPi * k / turns, world_from_top.translation_m + Vec3(0, 0, 0.0015)));
  }
  return poses;
}

std::vector<Pose> PosesInsert(const scene::Scene& scene, const PutStep& step, const PoseOf& pose_of) {
  const scene::Node& target = Need(scene, step.target_id);
  const double bottom = scene::ExtraNumber(target, "hole_bottom_m", 0);
  const auto shape = target.extra.find("hole_shape");
  const bool square = shape != target.extra.end() && shape->second == "square";
  std::vector<Pose> poses;
  const int turns = square ? 4 : 12;
  for (int k = 0; k < turns; ++k) {
    poses.push_back(pose_of(step.target_id) * Pose::Yaw(2 * kPi * k / turns, Vec3(0, 0, bottom + 0.002)));
  }
  return poses;
}

}  // namespace

std::string_view TaskName(TaskKind kind) { return Words(kind).name; }
std::string_view TaskWhat(TaskKind kind) { return Words(kind).what; }
std::string_view DefaultRecipe(TaskKind kind) { return Words(kind).recipe; }

TaskKind ParseTask(std::string_view name) {
  std::string names;
  for (int k = 0; k < kTaskCount; ++k) {
    if (kTasks[static_cast<size_t>(k)].name == name) return static_cast<TaskKind>(k);
    names += (k ? ", " : "") + std::string(kTasks[static_cast<size_t>(k)].name);
  }
  throw Error(ErrorCode::kBadInput, "--task", fmt::format("'{}' is no task", name), "one of: " + names);
}

Task MakeTask(TaskKind kind, const scene::Scene& scene, const Rng& rng, int sort_steps) {
  const Cast cast(scene);
  Task task;
  task.kind = kind;
  switch (kind) {
    case TaskKind::kPickPlace: {
      if (cast.graspable.empty() || cast.bins.empty()) Lacks(kind, "an object to grasp and a bin");
      task.steps = {Into(*Draw(cast.graspable, rng, 0), *Draw(cast.bins, rng, 1))};
      break;
    }
    case TaskKind::kSortToBins: {
      if (cast.graspable.empty() || cast.bins.size() < 2) Lacks(kind, "objects to grasp and two bins");
      std::vector<const scene::Node*> parts = cast.graspable;
      for (size_t i = 0; i + 1 < parts.size(); ++i) std::swap(parts[i], parts[i + rng.Below(10 + i, parts.size() - i)]);
      parts.resize(std::min(parts.size(), static_cast<size_t>(std::max(1, sort_steps))));
      for (const scene::Node* part : parts) task.steps.push_back(Into(*part, *BinFor(*part, cast)));
      break;
    }
    case TaskKind::kStack: {
      std::vector<const scene::Node*> cubes = cast.stackable;
      if (cubes.size() < 2) Lacks(kind, "two cubes");
      const scene::Node* lower = Draw(cubes, rng, 0);
      std::erase(cubes, lower);
      task.steps = {{PutKind::kOnto, Draw(cubes, rng, 1)->id, lower->id, ""}};
      break;
    }
    case TaskKind::kPegInsert: {
      if (cast.pegs.empty() || cast.holes.empty()) Lacks(kind, "a peg and a peg_hole block");
      task.steps = {{PutKind::kInsert, Draw(cast.pegs, rng, 0)->id, Draw(cast.holes, rng, 1)->id, ""}};
      task.keep_upright = true;
      break;
    }
    case TaskKind::kCarryOpenCup: {
      if (cast.vessels.empty() || cast.coasters.empty()) Lacks(kind, "a filled cup and a tray, plate or coaster");
      const scene::Node& cup = *Draw(cast.vessels, rng, 0);
      const scene::Node& coaster = *Draw(cast.coasters, rng, 1);
      const scene::Node* top = nullptr;
      for (const std::string_view suffix : {".top", ".inside"}) top = top ? top : Surface(coaster, suffix);
      task.steps = {{PutKind::kOnto, cup.id, coaster.id, top ? top->id : ""}};
      task.vessel_id = cup.id;
      task.vessel = {scene::ExtraNumber(cup, "inner_radius_m", 0), scene::ExtraNumber(cup, "inner_height_m", 0),
                     scene::ExtraNumber(cup, "fill_m", 0),
                     Pose::Translation(0, 0, scene::ExtraNumber(cup, "inner_bottom_m", 0))};
      task.keep_upright = true;
      break;
    }
  }
  const PutStep& first = task.steps.front();
  const std::string_view phrase = Words(kind).phrases[rng.Below(2, Words(kind).phrases.size())];
  std::string object = NameOf(Need(scene, first.object_id)), target = NameOf(Need(scene, first.target_id));
  if (kind == TaskKind::kSortToBins) {
    object = "the parts";
    target = "the bins";
  }
  task.instruction = fmt::format(fmt::runtime(phrase), object, target);
  return task;
}

std::vector<std::vector<Pose>> PutPoses(const scene::Scene& scene, const PutStep& step, const PoseOf& pose_of,
                                        const Rng& rng) {
  switch (step.kind) {
    case PutKind::kInto:
      return PosesInto(scene, step, pose_of, rng);
    case PutKind::kOnto:
      return {PosesOnto(scene, step, pose_of, rng)};
    case PutKind::kInsert:
      return {PosesInsert(scene, step, pose_of)};
  }
  return {};
}

double LowerDistance(const scene::Scene& scene, const PutStep& step) {
  if (step.kind == PutKind::kInsert)
    return scene::ExtraNumber(Need(scene, step.target_id), "hole_depth_m", 0.03) + 0.03;
  return step.kind == PutKind::kInto ? 0.04 : 0.05;
}

GoalBox GoalOf(const scene::Scene& scene, const PutStep& step, const Vec3& com_in_object_m) {
  const scene::Node& object = Need(scene, step.object_id);
  const scene::Node& target = Need(scene, step.target_id);
  const double com_height = com_in_object_m.z();
  switch (step.kind) {
    case PutKind::kInto: {
      const scene::Node& cavity = Need(scene, step.surface_id);
      const double top = std::max(cavity.size_m.z(), object.size_m.norm());
      return {cavity.parent_from_node * Pose::Translation(0, 0, top / 2),
              {cavity.size_m.x() / 2, cavity.size_m.y() / 2, top / 2},
              kAnyTilt};
    }
    case PutKind::kOnto: {
      Pose top = Pose::Translation(0, 0, target.size_m.z());
      Vec2 room = target.size_m.head<2>();
      if (!step.surface_id.empty()) {
        const scene::Node& surface = Need(scene, step.surface_id);
        top = surface.parent_from_node;
        room = surface.size_m.head<2>();
      }
      return {top * Pose::Translation(0, 0, com_height), {room.x() / 2, room.y() / 2, 0.4 * com_height + 0.004}, 0.15};
    }
    case PutKind::kInsert: {
      const double bottom = scene::ExtraNumber(target, "hole_bottom_m", 0);
      return {Pose::Translation(0, 0, bottom + com_height), {0.004, 0.004, 0.005}, 0.1};
    }
  }
  return {};
}

}  // namespace takt::demo
