// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "takt/core/base/rng.h"
#include "takt/data/demo/task.h"
#include "takt/data/sim/arms.h"
#include "takt/data/sim/model.h"

namespace takt::demo {

// Where an arm may be that has made a mistake.
struct ArmStart {
  std::vector<double> q_rad;  // [J]
  double opening_m = 0;       // of the gripper
};

// A posture as after a missed grasp: the tool upright beside or above an object that the task moves, or its target, turned
// anyhow, and the gripper empty: closed, open or between. Demonstrations that begin there show how to go on, which those
// that begin at home never do; who learns from them tries again. (The idea of DART, Laskey et al. 2017, with starts in
// place of noise: what is recorded stays what was executed, and nobody learns the mistake itself.)
// Free of contact with the gripper as it is and wide open. Empty where none of some dozens drawn was: the place is too narrow.
// Cost: a millisecond. Determinism: a function of the model, the task and `rng`.
std::optional<ArmStart> RecoveryStart(std::shared_ptr<const sim::Model> model, const sim::RobotInfo& robot,
                                      const Task& task, const Rng& rng);

}  // namespace takt::demo
