// SPDX-License-Identifier: Apache-2.0
#include "takt/data/demo/perturb.h"

namespace takt::demo {

Verdict JudgePerturbed(const Stage& stage, const Perturbation& perturbation, int fps,
                       const std::vector<Action>& actions, const std::vector<HeldRun>& held,
                       const JudgeLimits& limits) {
  std::shared_ptr<const sim::Model> model = stage.model;
  if (perturbation.timestep_scale != 1) model = model->WithTimestep(model->timestep_s() * perturbation.timestep_scale);
  if (perturbation.friction_scale != 1) model = model->WithFrictionScale(perturbation.friction_scale);
  const Replayed replayed = Replay(stage, model, fps, actions, held);
  if (!replayed.diverged) return Judge(replayed.trace, limits);
  Verdict verdict;
  verdict.findings.push_back({Reason::kUnsettled, 0, 0, 0, "the simulation diverged, or never came to rest"});
  return verdict;
}

}  // namespace takt::demo
