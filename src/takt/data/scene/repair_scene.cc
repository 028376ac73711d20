// SPDX-License-Identifier: Apache-2.0
#include "takt/data/scene/repair_scene.h"

#include <fmt/format.h>

#include <algorithm>

#include "takt/core/base/error.h"
#include "takt/core/base/file.h"
#include "takt/data/scene/model/scene_io.h"
#include "takt/data/scene/model/walk.h"

namespace takt::scene {
namespace {

// Puts each object that physics moved where the next repair should start from.
void Follow(Scene* scene, const SettleReport& settle, int round) {
  for (const Settled& s : settle.objects) {
    if (s.stable) continue;
    Node* node = Find(scene, s.id);
    if (node == nullptr) continue;
    const Pose old = WorldFromNode(*scene, s.id);
    const Pose parent = old * node->parent_from_node.Inverse();
    const double tilt = std::acos(std::clamp((s.world_from_node.rotation * Vec3::UnitZ()).z(), -1.0, 1.0));
    const bool fell = s.world_from_node.translation_m.z() < old.translation_m.z() - 0.02;
    if (fell || (node->upright && tilt > 0.0349)) {
      // It cannot stand there: ever nearer to the middle of what is above it in the tree.
      const double keep = 1 - 0.5 * (round + 1);
      node->parent_from_node.translation_m.x() *= std::max(0.0, keep);
      node->parent_from_node.translation_m.y() *= std::max(0.0, keep);
    } else {
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
