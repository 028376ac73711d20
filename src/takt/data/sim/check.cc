// SPDX-License-Identifier: Apache-2.0
#include "takt/data/sim/check.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "takt/core/base/error.h"
#include "takt/core/base/file.h"
#include "takt/core/base/interrupt.h"
#include "takt/data/sim/world.h"

namespace takt::sim {

CheckReport Check(const CheckOptions& options) {
  if (!(options.seconds > 0 && options.seconds <= 3600))
    throw Error(ErrorCode::kBadInput, "--seconds", fmt::format("is {}; it must be in (0, 3600]", options.seconds));
  if (!(options.tolerance_rad > 0) || !(options.tolerance_m > 0))
    throw Error(ErrorCode::kBadInput, "--tolerance", "must be positive");
  const auto model = Model::Load(options.path);
  if (!options.out.empty()) {
    const std::filesystem::path folder = options.path.has_parent_path() ? options.path.parent_path() : ".";
    WriteFileAtomic(options.out, LowerMjcf(ReadTextFile(options.path), {folder, options.path.string(), {}}).text);
  }
  CheckReport report;
  report.lowered.assign(model->lowered().begin(), model->lowered().end());
  report.bodies = model->body_count();
  report.joints = model->joint_count();
  report.geoms = model->geom_count();
  report.actuators = model->actuator_count();
  report.meshes = model->mesh_count();
  report.dofs = model->dof_count();
  for (const BodyInfo& body : model->bodies()) report.mass_kg += body.mass_kg;

  World world(model);
  report.start = "qpos0";
  if (!model->keyframes().empty()) {
    world.ResetToKeyframe(0);
    report.start = model->keyframes()[0].name.empty() ? "keyframe 0" : model->keyframes()[0].name;
  }
  const std::vector<double> start(world.qpos().begin(), world.qpos().end());
  std::vector<Pose> poses;
  for (const JointInfo& joint : model->joints()) poses.push_back(world.BodyPose(joint.body_idx));
  const int steps = std::max(1, static_cast<int>(std::lround(options.seconds / model->timestep_s())));
  for (int k = 0; k < steps && !report.diverged; ++k) {
    if (k % 100 == 0) ThrowIfInterrupted();
    report.diverged = !world.Step();
    if (!report.diverged) report.simulated_s = world.time_s();
  }
  report.holds_still = !report.diverged;
  if (report.diverged) return report;

  const auto share = [&](const JointDrift& drift) {
    return drift.moved / (drift.linear ? options.tolerance_m : options.tolerance_rad);
  };
  for (size_t i = 0; i < poses.size(); ++i) {
    const JointInfo& joint = model->joints()[i];
    const auto at = static_cast<size_t>(joint.qpos_idx);
    if (joint.kind == JointKind::kHinge || joint.kind == JointKind::kSlide) {
      report.drifts.push_back({joint.name, joint.kind == JointKind::kSlide, std::abs(world.qpos()[at] - start[at])});
      continue;
    }
    const Pose now = world.BodyPose(joint.body_idx);
    const std::string& name =
        joint.name.empty() ? model->bodies()[static_cast<size_t>(joint.body_idx)].name : joint.name;
    report.drifts.push_back({name, false, now.rotation.angularDistance(poses[i].rotation)});
    if (joint.kind == JointKind::kFree)
      report.drifts.push_back({name, true, (now.translation_m - poses[i].translation_m).norm()});
  }
  std::stable_sort(report.drifts.begin(), report.drifts.end(),
                   [&](const JointDrift& a, const JointDrift& b) { return share(a) > share(b); });
  for (const JointDrift& drift : report.drifts)
    if (!(share(drift) <= 1)) report.holds_still = false;
  return report;
}

}  // namespace takt::sim
