// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <memory>
#include <string_view>
#include <vector>

#include "takt/data/demo/attempt.h"

namespace takt::demo {

// Physics that differs from the one an episode was made in: what a demonstration must survive to be worth trusting.
struct Perturbation {
  std::string_view name;
  double timestep_scale = 1;
  double friction_scale = 1;
};
inline constexpr std::array<Perturbation, 3> kPerturbations = {{
    {"half time step", 0.5, 1.0},
    {"friction -20 %", 1.0, 0.8},
    {"friction +20 %", 1.0, 1.2},
}};

// The actions of an episode in perturbed physics, judged. Errors: as Replay.
Verdict JudgePerturbed(const Stage& stage, const Perturbation& perturbation, int fps,
                       const std::vector<Action>& actions, const std::vector<HeldRun>& held, const JudgeLimits& limits);

}  // namespace takt::demo
