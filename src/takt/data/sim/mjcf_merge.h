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
// contacts, sensors and tendons; keyframes, lights and what concerns pictures are dropped. Its defaults become a class
// PREFIXmain below those of the scene. Options stay the scene's, except that impratio and noslip_iterations become the
// larger, and the cone elliptic and multiccd on where either asks for it. Angles become radians; asset files absolute
// paths, so that compiling needs both folders (CompileOptions::more_folders). Nothing is lowered here: that is for
// compiling. Errors: as LowerMjcf. Determinism: full.
std::string MergeMjcf(std::string_view scene_mjcf, const std::filesystem::path& scene_folder,
                      const Attachment& attachment);

}  // namespace takt::sim
