// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "takt/core/geom/pose.h"

namespace takt {

// Triangles over shared vertices; counter-clockwise seen from outside.
struct TriMesh {
  std::vector<Vec3> vertices_m;
  std::vector<std::array<uint32_t, 3>> triangles;  // indices into vertices_m
};

// Reads binary or ASCII STL (equal corners become one vertex) or OBJ (positions and faces; polygons are fanned).
// Errors: not_found; io; bad_input (damaged, an index out of range, not finite, no triangle, more than 2^24 triangles,
// counts that the bytes cannot hold: refused before anything is allocated); unsupported (another suffix).
TriMesh ReadMesh(const std::filesystem::path& path);
TriMesh ParseStl(std::span<const uint8_t> bytes, const std::string& subject);
TriMesh ParseObj(std::span<const uint8_t> bytes, const std::string& subject);

// Closed primitives around the origin, axis along z. `segments` >= 3 around the axis.
TriMesh BoxMesh(const Vec3& size_m);
TriMesh CylinderMesh(double diameter_m, double height_m, int segments = 24);
TriMesh SphereMesh(double diameter_m, int segments = 24);
// `length_m` includes both caps; at least the diameter.
TriMesh CapsuleMesh(double diameter_m, double length_m, int segments = 24);
// The convex hull, outward triangles. Errors: bad_input for fewer than four points or points in one plane.
// Source: Barber et al. 1996 (quickhull); in double with a tolerance relative to the extent.
TriMesh ConvexHull(std::span<const Vec3> points_m, const std::string& subject);

// Appends `part`, moved by target_from_part.
void Append(TriMesh* target, const TriMesh& part, const Pose& target_from_part);

}  // namespace takt
