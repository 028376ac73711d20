// SPDX-License-Identifier: Apache-2.0
#include "takt/data/scene/repair_scene.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "takt/core/base/error.h"
#include "takt/core/base/file.h"
#include "takt/data/scene/model/scene_io.h"
#include "takt/data/scene/model/walk.h"

namespace takt::scene {
namespace {

constexpr double kNudge_rad = 0.05;

// Id of the node that holds this one in the tree.
std::string Parent(const Scene& scene, const std::string& id) {
  std::string found;
  Walk(scene, [&](const Node& node, const Node* parent, const Pose&) {
    if (parent != nullptr && node.id == id) found = parent->id;
  });
  return found;
}

// Puts each object that physics moved where the next repair should start from. Where something fell or flew, only that
// is touched: what it has hit stays.
void Follow(Scene* scene, const SettleReport& settle, int round) {
  const auto fell = [](const Settled& s) {
    const double tilt = std::acos(std::clamp((s.world_from_node.rotation * Vec3::UnitZ()).z(), -1.0, 1.0));
    return s.drift_m > 0.1 || tilt > 0.2;
  };
  bool any_fell = false;
  for (const Settled& s : settle.objects) any_fell = any_fell || (!s.stable && fell(s));
  for (const Settled& s : settle.objects) {
    if (s.stable || (any_fell && !fell(s))) continue;
    Node* node = Find(scene, s.id);
    if (node == nullptr) continue;
    if (fell(s)) {  // turned a little, then ever nearer to the middle of its parent as well
      node->parent_from_node = node->parent_from_node * Pose::Yaw(kNudge_rad);
      const double keep = std::max(0.0, 1 - 0.4 * round);
      const bool on_floor = scene->room.id == Parent(*scene, s.id);
      if (!on_floor) node->parent_from_node.translation_m.head<2>() *= keep;
    } else {
      const Pose parent = WorldFromNode(*scene, s.id) * node->parent_from_node.Inverse();
      node->parent_from_node = parent.Inverse() * s.world_from_node;
    }
  }
}

}  // namespace

SceneRepairReport RepairAndSettle(const Scene& scene, const std::filesystem::path& folder, const SceneRepairOptions& options) {
  SceneRepairReport report;
  report.input = scene;
  RepairOptions repair;
  repair.seed = options.seed;
  repair.assets = folder;
  repair.effort = options.effort;
  report.result = Repair(scene, repair);
  if (!options.settle || !report.result.certificate.holds) return report;
  SettleOptions settle;
  settle.folder = folder;
  for (;; ++report.rounds) {
    report.settle = Settle(report.result.scene, settle);
    report.result.certificate.settle_drift_m = report.settle.worst_drift_m;
    report.result.certificate.settle_turn_rad = report.settle.worst_turn_rad;
    if (report.settle.unstable == 0) return report;
    if (report.rounds == options.settle_rounds) break;
    Scene next = report.result.scene;
    Follow(&next, report.settle, report.rounds);
    RepairResult again = Repair(next, repair);
    if (!again.certificate.holds) break;
    again.faults = report.result.faults;
    again.outcome = RepairOutcome::kRepaired;
    again.moved = MovedNodes(scene, again.scene, folder);
    report.result = std::move(again);
  }
  for (const Settled& s : report.settle.objects) {
    if (s.stable) continue;
    report.result.certificate.faults.push_back({FaultKind::kUnstable, s.id, {}, s.drift_m, -1,
                                                fmt::format("moves {:.1f} mm and {:.1f} degrees in {} s", s.drift_m * 1e3, s.turn_rad * 57.29578, settle.seconds)});
  }
  report.result.certificate.holds = false;
  report.result.outcome = RepairOutcome::kUnsolved;
  return report;
}

SceneRepairReport RepairScene(const SceneRepairOptions& options) {
  if (!options.out.empty()) FormatOf(options.out);  // a wrong suffix is said before the work
  ReadResult read = ReadScene(options.in);
  // Behind broken syntax objects may be missing, and where faults left nothing, nothing can be repaired: writing the rest would
  // lose what was there.
  const bool nothing = read.scene.room.children.empty();
  for (const Diagnostic& d : read.diagnostics) {
    if (d.severity == Severity::kError && (nothing || d.code == "scene/syntax")) throw ErrorOf(d);
  }
  SceneRepairReport report = RepairAndSettle(read.scene, options.in.parent_path(), options);
  report.diagnostics = std::move(read.diagnostics);
  const bool valid = report.result.outcome == RepairOutcome::kClean || report.result.outcome == RepairOutcome::kRepaired;
  if (valid && report.result.certificate.holds && !options.out.empty()) {
    const bool recovered = std::any_of(report.diagnostics.begin(), report.diagnostics.end(),
                                      [](const Diagnostic& d) { return d.severity != Severity::kNote; });
    const bool untouched = report.result.outcome == RepairOutcome::kClean && !recovered;
    if (untouched && options.in.extension() == options.out.extension()) {
      const std::vector<uint8_t> bytes = ReadFile(options.in, kMaxSceneBytes);
      WriteFileAtomic(options.out, bytes);
    } else {
      WriteScene(report.result.scene, options.out);
    }
    report.written = true;
  }
  if (!options.report.empty()) WriteRepairReport(options, report);
  return report;
}

}  // namespace takt::scene
