// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "takt/data/scene/model/scene.h"
#include "takt/data/sim/model.h"

namespace takt::scene {

struct MjcfOptions {
  std::filesystem::path folder;  // where the scene file lies: its meshes and robot files must lie inside; empty: none
  double timestep_s = 0.002;
  bool walls = true;   // boxes of 0.1 m outside the outline, with holes for doors and windows
  bool robots = true;  // false: robots are left out
};

// The scene as an MJCF model, in the room's frame.
//   bodies   each object: its id, its frame; a free joint (named like it) unless it is fixed; children stand on their
//   own geoms    ID#0, ID#1 ... for the parts (meshes as their convex hulls); floor (an endless plane), wall0#0 ...
//   mass     mass_kg over the parts by volume; 500 kg/m^3 where it is 0. friction and colours as stated
//   robots   the arm in place of the object's own body, its names behind ID/ (RobotPrefix)
// Contacts: elliptic cones, impratio 10, several points for convex pairs (multiccd): what stands on a table stands
// still. Errors: bad_input (sizes that are not positive and finite, a mesh outside the folder); as ReadMesh, LoadRobot,
// MergeMjcf. Cost: linear in the parts and mesh vertices. Determinism: a pure function of the scene and its files.
std::string SceneToMjcf(const Scene& scene, const MjcfOptions& options = {});

// SceneToMjcf, compiled.
std::shared_ptr<const sim::Model> CompileScene(const Scene& scene, const MjcfOptions& options = {});

// What stands before the names of the robot whose base is this object: "arm/".
std::string RobotPrefix(std::string_view object_id);

}  // namespace takt::scene
