// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>

#include "takt/data/sim/camera/camera.h"

namespace takt::sim {

// What the ray caster and its reference agree on. For a point with albedo a (linear), shading normal n and geometric
// normal g (both turned to the viewer), direction l to the sun and h halfway to the viewer:
//   a * (mix(ground, sky, (1 + n_z) / 2) * open + sun * v * max(0, n.l)) + specular * sun * v * max(0, n.h)^shininess
// v is 1 where g.l > 0 and nothing stands between the point, lifted by kShadowLift_m along g, and the sun; `open` is the
// share of occlusion rays that meet nothing. The sum is encoded as sRGB, and what follows (translucent layers, splats,
// supersampling) mixes displayed colours.
inline constexpr double kShadowLift_m = 2e-4;
inline constexpr int kMaxLayers = 6;          // translucent surfaces along a ray; the next is taken as opaque
inline constexpr double kLayerStep = 1e-4;    // a ray goes on so far behind a translucent surface, times 1 + depth
inline constexpr double kCreaseRad = 0.7;     // edges sharper than this stay sharp in the shading normals
inline constexpr double kMinShadowAlpha = 0.5;  // fainter shapes cast no shadow

float LinearFromSrgb(float displayed);  // both in [0, 1]; clamped
// By a table of 4,096 steps in the square root; at most 0.0005 off.
float SrgbFromLinear(float linear);

// A texture made ready. Cheap to evaluate: table look-ups, no random numbers.
class TextureMap {
 public:
  TextureMap() = default;
  explicit TextureMap(const Texture& texture);
  const Texture& texture() const { return texture_; }
  // How much of the second colour, 0-1, at a point of the body's frame; `normal` points outwards there.
  float Mix(const std::array<float, 3>& p_in_body, const std::array<float, 3>& normal) const;

 private:
  float Noise(float x, float y, float z) const;
  Texture texture_;
  std::array<float, 9> rotation_{};
  std::array<float, 3> shift_{};
  float inverse_scale_ = 1;
  std::array<uint8_t, 512> order_{};
  std::array<float, 256> value_{};
};

// Where the sky's light may come from at a pixel sample: direction number `i` of `count` around `normal`, cosine-weighted.
// A fixed table, turned by a hash of the sample.
std::array<float, 3> OcclusionDirection(const std::array<float, 3>& normal, uint32_t sample_hash, int i, int count);
inline uint32_t SampleHash(uint32_t x, uint32_t y, uint32_t sample) {
  uint32_t h = (x * 0x9E3779B1u) ^ (y * 0x85EBCA77u) ^ (sample * 0xC2B2AE3Du);
  h = (h ^ (h >> 15)) * 0x2C1B3C6Du;
  h = (h ^ (h >> 12)) * 0x297A2D39u;
  return h ^ (h >> 15);
}

// The plain sky in a direction of unit length.
inline std::array<float, 3> SkyColor(const Light& light, float z) {
  const auto& far = z >= 0 ? light.zenith_rgb : light.nadir_rgb;
  const float share = std::sqrt(std::min(1.0f, std::abs(z)));
  std::array<float, 3> rgb;
  for (int c = 0; c < 3; ++c) rgb[c] = light.horizon_rgb[c] + share * (far[c] - light.horizon_rgb[c]);
  return rgb;
}

// Shading normals at the corners of each triangle: those of the faces around a vertex, weighted by their angle there, that
// turn less than kCreaseRad from this one. [triangles, 3]
std::vector<std::array<Vec3, 3>> CornerNormals(const TriMesh& mesh);

// Shared checks of a call. Errors: as CameraRenderer::Render.
void CheckFrame(std::span<const Pose> world_from_body, int body_count, const capture::Camera& camera,
                const CameraOptions& options);

}  // namespace takt::sim
