// SPDX-License-Identifier: Apache-2.0
// Internal: the search trees behind CameraScene. Included by camera_scene.cc and camera_renderer.cc alone.
#pragma once

#include <embree3/rtcore.h>

#include <array>
#include <cstdint>
#include <vector>

#include "takt/data/sim/camera/camera.h"

namespace takt::sim {

// Which rays meet a shape: pictures see what is drawn, the sun only what casts shadows.
inline constexpr unsigned kSeenMask = 1, kShadowMask = 2;

struct TriangleRecord {
  std::array<float, 9> corner;  // in the body's frame
  std::array<float, 9> normal;  // shading normals at the corners, in the body's frame
  std::array<float, 3> face;    // outward geometric normal, unit length, in the body's frame
};

struct CameraScene::Trees {
  Trees() = default;
  Trees(const Trees&) = delete;
  Trees& operator=(const Trees&) = delete;
  ~Trees();

  struct Body {
    RTCScene tree = nullptr;
    int body_idx = 0;
    std::vector<uint32_t> shape_idx;  // by geometry number in `tree`
  };
  std::vector<CameraShape> shapes;
  int body_count = 0;
  size_t triangle_count = 0;
  RTCDevice device = nullptr;
  std::vector<Body> bodies;                            // those that have shapes
  std::vector<std::vector<TriangleRecord>> triangles;  // by shape
};

}  // namespace takt::sim
