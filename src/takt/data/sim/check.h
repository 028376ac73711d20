// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "takt/data/sim/mjcf_lower.h"

namespace takt::sim {

struct CheckOptions {
  std::filesystem::path path;   // an MJCF file
  double seconds = 5;           // simulated, from the first keyframe or from qpos0; in (0, 3600]
  double tolerance_rad = 0.02;  // a hinge, or the tilt of a body, may move so far
  double tolerance_m = 0.01;    // a slide, or a body, may move so far
  std::filesystem::path out;    // writes the lowered text here where not empty
};

struct JointDrift {
  std::string name;  // of the joint, or of the body of a free or ball joint
  bool linear = false;
  double moved = 0;  // rad or m at the end
};

struct CheckReport {
  std::vector<LoweredItem> lowered;
  int bodies = 0, joints = 0, geoms = 0, actuators = 0, meshes = 0, dofs = 0;
  double mass_kg = 0;
  std::string start;  // the keyframe's name, or "qpos0"
  double simulated_s = 0;
  bool diverged = false;
  std::vector<JointDrift> drifts;  // one or two per joint, largest share of its tolerance first
  bool holds_still = false;
};

// Loads a model with lowering and lets it stand: whether it keeps its first keyframe (controls included).
// Errors: as Model::Load; bad_input for options out of range; io for `out`.
CheckReport Check(const CheckOptions& options);

}  // namespace takt::sim
