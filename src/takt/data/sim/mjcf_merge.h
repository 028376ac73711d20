// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "takt/core/geom/pose.h"

namespace takt::sim {

struct Attachment {
  std::string mjcf;                    // a whole model
  std::filesystem::path asset_folder;  // of its files; empty: it names none
  std::string prefix;                  // put before every name of it, "robot/"
  Pose world_from_base;
  std::string subject = "robot";
};

// `scene_mjcf` with the attachment's bodies under its worldbody, and its defaults, assets, actuators, equalities,
// contacts, sensors and tendons; keyframes are dropped. Solver options stay the scene's, except that impratio and
// noslip_iterations become the larger, and the cone elliptic where either asks for it. Angles of both become radians.
// Both texts are lowered first (mjcf_lower.h).
// Errors: as LowerMjcf.
std::string MergeMjcf(std::string_view scene_mjcf, const std::filesystem::path& scene_folder, const Attachment& attachment);

}  // namespace takt::sim
