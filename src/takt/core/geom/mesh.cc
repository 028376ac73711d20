// SPDX-License-Identifier: Apache-2.0
#include "takt/core/geom/mesh.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <numbers>

#include "takt/core/base/error.h"
#include "takt/core/base/file.h"

namespace takt {
namespace {

// Rings of `segments` vertices stacked along z between two poles; a pole is one vertex.
TriMesh Turned(const std::vector<Vec2>& radius_and_z_m, double bottom_m, double top_m, int segments) {
  TriMesh mesh;
  const auto rings = static_cast<uint32_t>(radius_and_z_m.size()), n = static_cast<uint32_t>(segments);
  mesh.vertices_m.reserve(2 + size_t{rings} * n);
  mesh.vertices_m.emplace_back(0, 0, bottom_m);
  for (const Vec2& ring : radius_and_z_m) {
    for (int i = 0; i < segments; ++i) {
      const double angle_rad = 2 * std::numbers::pi * i / segments;
      mesh.vertices_m.emplace_back(ring[0] * std::cos(angle_rad), ring[0] * std::sin(angle_rad), ring[1]);
    }
  }
  mesh.vertices_m.emplace_back(0, 0, top_m);
  const uint32_t top = 1 + rings * n;
  for (uint32_t i = 0; i < n; ++i) {
    const uint32_t next = (i + 1) % n;
    mesh.triangles.push_back({0, 1 + next, 1 + i});
    for (uint32_t ring = 0; ring + 1 < rings; ++ring) {
      const uint32_t low = 1 + ring * n, high = low + n;
      mesh.triangles.push_back({low + i, low + next, high + next});
      mesh.triangles.push_back({low + i, high + next, high + i});
    }
    mesh.triangles.push_back({top, top - n + i, top - n + next});
  }
  return mesh;
}

TriMesh RoundEnds(double diameter_m, double straight_m, int segments) {
  segments = std::max(3, segments);
  const int steps = std::max(2, segments / 2);  // from pole to pole
  const double radius_m = diameter_m / 2;
  std::vector<Vec2> rings;
  for (int i = 1; i < steps; ++i) {
    const double angle_rad = std::numbers::pi * i / steps;
    const double z_m = -radius_m * std::cos(angle_rad);
    const Vec2 ring(radius_m * std::sin(angle_rad), z_m);
    // A capsule has its equator twice where a ring lies on it, and stretches the middle otherwise.
    const bool equator = 2 * i == steps;
    if (2 * i <= steps) rings.emplace_back(ring[0], (equator ? 0 : z_m) - straight_m / 2);
    if (2 * i >= steps && !(equator && straight_m == 0)) rings.emplace_back(ring[0], (equator ? 0 : z_m) + straight_m / 2);
  }
  return Turned(rings, -radius_m - straight_m / 2, radius_m + straight_m / 2, segments);
}

}  // namespace

TriMesh ReadMesh(const std::filesystem::path& path) {
  std::string suffix = path.extension().string();
  std::transform(suffix.begin(), suffix.end(), suffix.begin(), [](unsigned char c) { return std::tolower(c); });
  if (suffix != ".stl" && suffix != ".obj") {
    throw Error(ErrorCode::kUnsupported, path.string(), "is not a mesh file that is read here",
                "convert it to .stl or .obj");
  }
  const std::vector<uint8_t> bytes = ReadFile(path);
  return suffix == ".stl" ? ParseStl(bytes, path.string()) : ParseObj(bytes, path.string());
}

TriMesh BoxMesh(const Vec3& size_m) {
  TriMesh mesh;
  for (int corner = 0; corner < 8; ++corner) {
    mesh.vertices_m.emplace_back((corner & 1 ? 0.5 : -0.5) * size_m[0], (corner & 2 ? 0.5 : -0.5) * size_m[1],
                                 (corner & 4 ? 0.5 : -0.5) * size_m[2]);
  }
  mesh.triangles = {{0, 2, 3}, {0, 3, 1}, {4, 5, 7}, {4, 7, 6}, {0, 1, 5}, {0, 5, 4},
                    {2, 6, 7}, {2, 7, 3}, {0, 4, 6}, {0, 6, 2}, {1, 3, 7}, {1, 7, 5}};
  return mesh;
}

TriMesh CylinderMesh(double diameter_m, double height_m, int segments) {
  segments = std::max(3, segments);
  const double radius_m = diameter_m / 2;
  return Turned({{radius_m, -height_m / 2}, {radius_m, height_m / 2}}, -height_m / 2, height_m / 2, segments);
}

TriMesh SphereMesh(double diameter_m, int segments) { return RoundEnds(diameter_m, 0, segments); }

TriMesh CapsuleMesh(double diameter_m, double length_m, int segments) {
  return RoundEnds(diameter_m, std::max(0.0, length_m - diameter_m), segments);
}

void Append(TriMesh* target, const TriMesh& part, const Pose& target_from_part) {
  const auto first = static_cast<uint32_t>(target->vertices_m.size());
  target->vertices_m.reserve(first + part.vertices_m.size());
  for (const Vec3& vertex_m : part.vertices_m) target->vertices_m.push_back(target_from_part * vertex_m);
  target->triangles.reserve(target->triangles.size() + part.triangles.size());
  for (const auto& t : part.triangles) target->triangles.push_back({first + t[0], first + t[1], first + t[2]});
}

}  // namespace takt
