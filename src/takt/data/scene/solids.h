// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <filesystem>
#include <string>
#include <vector>

#include "takt/core/geom/mesh.h"
#include "takt/data/scene/model/scene.h"

namespace takt::scene {

// A visible piece of one node.
struct Solid {
  ShapeKind shape = ShapeKind::kMesh;
  Vec3 size_m = Vec3::Zero();   // as Part::size_m; kMesh: factors by which the file was scaled
  std::string mesh_file;        // kMesh from a file: as the scene names it
  TriMesh mesh;                 // the triangles, in the solid's own frame
  Pose node_from_solid;
  std::array<double, 4> rgba = {0.7, 0.7, 0.7, 1};
  int wall_idx = -1;            // of a room: the wall that this belongs to; -1: the floor
};

inline constexpr double kFloorThickness_m = 0.05;  // below z = 0
inline constexpr double kWallThickness_m = 0.1;    // outside the floor's outline

// What is seen of a node by itself, without its children: an object's parts or its box; a robot's links at rest; a
// room's floor and its walls with their openings; nothing of regions and surfaces. A material that is not named falls
// back to a muted colour by category. `folder` is where mesh and robot files lie.
// Errors: as ReadMesh and sim::LoadRobot; bad_input for a floor that is no simple polygon.
std::vector<Solid> NodeSolids(const Scene& scene, const Node& node, const std::filesystem::path& folder);

// Triangles of a simple polygon, counter-clockwise, by cutting ears. Errors: bad_input. Cost: cubic in the corners.
std::vector<std::array<uint32_t, 3>> Triangulate(const std::vector<Vec2>& corners, const std::string& subject);

// What an object weighs: its mass_kg, or 500 kg/m^3 times the volume of its parts.
double MassKg(const Node& node, const std::vector<Solid>& solids);

}  // namespace takt::scene
