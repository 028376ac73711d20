// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "takt/train/imitate/demonstrations.h"

namespace takt::imitate {

// What a person with a joystick does to a clean demonstration; `level` 1 is an attentive operator, 0 changes nothing.
//
// - Slower: the demonstration is played at a speed of 1 / (1 + 0.4 level u), u uniform in [0.5, 1.5), one for each episode.
// - Pauses: at each step, with a probability of 0.01 level, the hand rests for 3 ... 12 steps: frames stand still.
// - Deviations: to every number of the action but binary ones (columns of at most two values), noise is added that is
//   white, then low-pass filtered by y += 0.15 (x - y), of a standard deviation of 0.02 level of the column's range; so the
//   recorded action is not what would have been best, as with a hand that drifts and corrects itself.
//
// Observations are those of the clean demonstration at the played moment: the scene is not simulated anew, so a deviation does
// not come back in what is seen. That favours the noisy set a little.
// Pictures are repeated, not blended; with `picture_stride` the nearest kept one is shown.
// Determinism: a pure function of its arguments.
void AddTeleopNoise(double level, uint64_t seed, int picture_stride, int action_dim, Demonstrations* demonstrations);

}  // namespace takt::imitate
