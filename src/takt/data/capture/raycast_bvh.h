// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "takt/data/capture/raycast.h"

namespace takt::capture::raycast {

struct Hit {
  float t_m = kNoHit;
  uint32_t primitive_idx = 0;
};

// Finds what rays meet among many primitives: a binary tree of boxes, split by the surface area heuristic.
// Determinism: the same primitives give the same tree and hits. Cost: O(n log^2 n) to build, about log n a ray.
// Source: Wald, "On fast construction of SAH-based bounding volume hierarchies", 2007; here every cut is tried.
class Bvh {
 public:
  explicit Bvh(std::vector<Primitive> primitives);

  const std::vector<Primitive>& primitives() const { return primitives_; }

  // The nearest entry in [0, t_max_m]; t_m is kNoHit where there is none. Of equally near ones the first primitive.
  // `likely_idx`: a primitive that the ray will probably meet; a good guess saves time, the result is the same.
  Hit Nearest(const Ray& ray, float t_max_m = kNoHit, uint32_t likely_idx = 0) const;
  // Whether any primitive is entered in [0, t_max_m].
  bool Occluded(const Ray& ray, float t_max_m) const;
  // Whether the point is inside a primitive, deeper than `depth_m`, other than `except_idx`.
  bool Contains(Vec3 p_in_world, float depth_m, uint32_t except_idx) const;

 private:
  // Leaf: primitives order_[first, first + count). Inner node (count == 0): children at `first` and `first + 1`.
  struct Node {
    Bounds bounds;
    uint32_t first = 0;
    uint32_t count = 0;
  };

  std::vector<Primitive> primitives_;
  std::vector<uint32_t> order_;
  std::vector<Primitive> leaf_primitives_;  // in order_: neighbours in the tree are neighbours in memory
  std::vector<Node> nodes_;
};

}  // namespace takt::capture::raycast
