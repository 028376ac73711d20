// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "takt/data/capture/cell_builder.h"
#include "takt/data/capture/raycast_bvh.h"

namespace takt::capture::cell {

// What a ray has met: place, orientation and finish.
struct Surface {
  uint32_t primitive_idx = 0;
  Vec3 p_in_world, normal_in_world;
  Vec3 p_in_local, normal_in_local;
  Finish finish;
};

// A point on the key light, a warm rectangle high in the open front, as a surface point sees it.
struct KeySample {
  Vec3 direction;  // unit, towards the light
  float distance_m = 0;
  Vec3 irradiance;  // unshadowed, through a plane that faces the light
};
KeySample SampleKeyLight(Vec3 p_in_world, float u, float v);

// Radiance from outside the cell, through its open front.
Vec3 Outside(Vec3 direction);

// A direction about `normal` with density cosine / pi, for (u, v) uniform in [0, 1).
Vec3 CosineDirection(Vec3 normal, float u, float v);

// The scene, ready for rays, with its indirect light: everything but the key light. That light is smooth, and the same
// for all cameras; it is computed once at the nodes of a small grid per solid, by path tracing with low-discrepancy
// samples, and interpolated. Grids of different solids do not mix, so that light does not leak through thin walls.
// Memory: some 10 MB. Determinism: the same for any thread count.
// Source: the idea of Ward, Rubinstein and Clear, "A ray tracing solution for diffuse interreflection", SIGGRAPH 1988,
// on fixed grids; the six directions of a node are Valve's ambient cube (McTaggart, 2004).
class LitScene {
 public:
  // samples_per_node: rays for each grid node on a surface; 48 is smooth. Errors: cancelled.
  LitScene(Scene scene, float samples_per_node);

  const raycast::Bvh& bvh() const { return bvh_; }

  // The surface at a hit of `ray`.
  Surface SurfaceAt(const raycast::Ray& ray, const raycast::Hit& hit) const;
  // Mean radiance that arrives at the surface, weighted by cosine (irradiance / pi), without the key light.
  Vec3 Indirect(const Surface& surface) const;
  // Irradiance from a point of the key light, 0 where the surface turns away or is shadowed.
  Vec3 KeyIrradiance(const Surface& surface, const KeySample& light) const;

 private:
  struct Grid {
    Vec3 lo;
    float per_m = 0;  // nodes a metre
    int nx = 0, ny = 0, nz = 0;
    size_t first = 0;    // of its nodes; each of the 6 directions has nx * ny * nz of them
    size_t samples = 0;  // in the final pass
  };
  struct Node {
    Vec3 sum;          // of the samples; once all are in, their mean
    float weight = 0;  // of the samples; once all are in, 1, or 0 where there was none
  };

  void LayGrids(float samples_per_node);
  void Gather(float fraction);
  void SmoothGrid(size_t grid_idx, std::vector<Node>* nodes) const;  // binomial over 3 nodes along each axis
  Vec3 IncomingRadiance(const raycast::Ray& ray, float u, float v) const;
  template <class Visit>  // visit(node index, weight)
  void VisitNodes(const Grid& grid, Vec3 p_in_local, Vec3 normal_in_local, Visit&& visit) const;

  std::vector<Material> materials_;
  raycast::Bvh bvh_;
  std::vector<Grid> grids_;  // by primitive
  std::vector<Node> nodes_;
};

}  // namespace takt::capture::cell
