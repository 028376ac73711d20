// SPDX-License-Identifier: Apache-2.0
#include "takt/data/sim/camera/shading.h"

#include <numbers>
#include <utility>
#include <vector>

#include "takt/core/base/error.h"
#include "takt/core/base/rng.h"

namespace takt::sim {
namespace {

double ExactSrgb(double linear) {
  return linear <= 0.0031308 ? 12.92 * linear : 1.055 * std::pow(linear, 1 / 2.4) - 0.055;
}

constexpr int kSrgbSteps = 4096;
const std::array<float, kSrgbSteps + 1>& SrgbTable() {
  static const auto table = [] {
    std::array<float, kSrgbSteps + 1> t;
    for (int i = 0; i <= kSrgbSteps; ++i) {
      const double root = static_cast<double>(i) / kSrgbSteps;
      t[i] = static_cast<float>(ExactSrgb(root * root));
    }
    return t;
  }();
  return table;
}

float Fade(float t) { return t * t * (3 - 2 * t); }

}  // namespace

float LinearFromSrgb(float displayed) {
  const double v = std::clamp(static_cast<double>(displayed), 0.0, 1.0);
  return static_cast<float>(v <= 0.04045 ? v / 12.92 : std::pow((v + 0.055) / 1.055, 2.4));
}

float SrgbFromLinear(float linear) {
  if (!(linear > 0)) return 0;
  if (linear >= 1) return 1;
  static const auto& table = SrgbTable();
  return table[static_cast<size_t>(std::sqrt(linear) * kSrgbSteps + 0.5f)];
}

TextureMap::TextureMap(const Texture& texture) : texture_(texture) {
  if (!(texture.scale_m > 0) || !std::isfinite(texture.scale_m)) {
    throw Error(ErrorCode::kBadInput, "texture", "has a scale that is not positive", "give scale_m in metres");
  }
  const Rng rng(texture.seed, 71);
  inverse_scale_ = static_cast<float>(1 / texture.scale_m);
  // A checker keeps the axes of the body, other patterns are turned at random.
  Quat turn = Quat::Identity();
  if (texture.pattern != Pattern::kChecker) {
    const auto n = rng.Normal4(0);
    turn = Quat(n[0], n[1], n[2], n[3]).normalized();
  }
  const Eigen::Matrix3d r = turn.toRotationMatrix();
  for (int i = 0; i < 9; ++i) rotation_[i] = static_cast<float>(r(i / 3, i % 3));
  for (int k = 0; k < 3; ++k) shift_[k] = 64 * rng.Uniform(1 + k);
  for (int i = 0; i < 256; ++i) order_[i] = static_cast<uint8_t>(i), value_[i] = rng.Uniform(16 + i);
  for (int i = 255; i > 0; --i) std::swap(order_[i], order_[rng.Below(512 + i, i + 1)]);
  std::copy(order_.begin(), order_.begin() + 256, order_.begin() + 256);
}

float TextureMap::Noise(float x, float y, float z) const {
  const float fx = std::floor(x), fy = std::floor(y), fz = std::floor(z);
  const auto corner = [&](int i, int j, int k) {
    const int a = (static_cast<int>(fx) + i) & 255, b = (static_cast<int>(fy) + j) & 255, c = (static_cast<int>(fz) + k) & 255;
    return value_[order_[order_[order_[a] + b] + c]];
  };
  const float u = Fade(x - fx), v = Fade(y - fy), w = Fade(z - fz);
  const auto mix = [](float t, float a, float b) { return a + t * (b - a); };
  const auto row = [&](int j, int k) { return mix(u, corner(0, j, k), corner(1, j, k)); };
  return mix(w, mix(v, row(0, 0), row(1, 0)), mix(v, row(0, 1), row(1, 1)));
}

float TextureMap::Mix(const std::array<float, 3>& p_in_body, const std::array<float, 3>& normal) const {
  if (texture_.pattern == Pattern::kPlain) return 0;
  float q[3];
  for (int i = 0; i < 3; ++i) {
    q[i] = shift_[i];
    // A little inside the surface: a face that lies between two cells belongs to the inner one.
    for (int k = 0; k < 3; ++k) q[i] += rotation_[3 * i + k] * (p_in_body[k] - 1e-4f * normal[k]) * inverse_scale_;
  }
  switch (texture_.pattern) {
    case Pattern::kPlain:
      break;
    case Pattern::kChecker:
      return static_cast<float>((static_cast<int>(std::floor(q[0])) + static_cast<int>(std::floor(q[1])) +
                                 static_cast<int>(std::floor(q[2]))) & 1);
    case Pattern::kStripes:
      return q[0] - std::floor(q[0]) < 0.5f ? 1.0f : 0.0f;
    case Pattern::kNoise: {
      float sum = 0, weight = 0.5f;
      for (int octave = 0; octave < 4; ++octave) {
        sum += weight * Noise(q[0], q[1], q[2]);
        for (float& v : q) v = 2 * v + 17.3f;
        weight *= 0.5f;
      }
      return std::clamp((sum / 0.9375f - 0.25f) * 2.0f, 0.0f, 1.0f);
    }
  }
  return 0;
}

std::array<float, 3> OcclusionDirection(const std::array<float, 3>& normal, uint32_t sample_hash, int i, int count) {
  // Points of a disk by the golden angle, turned by the hash and lifted onto the hemisphere.
  constexpr int kTurns = 256;
  static const auto turns = [] {
    std::array<std::array<float, 3>, kTurns> t;
    for (int k = 0; k < kTurns; ++k) {
      const double angle = 2 * std::numbers::pi * k / kTurns;
      t[k] = {static_cast<float>(std::cos(angle)), static_cast<float>(std::sin(angle)), 0};
    }
    return t;
  }();
  const uint32_t golden = static_cast<uint32_t>(i) * 2654435769u + sample_hash;
  const auto& turn = turns[golden >> 24];
  const float inside = (static_cast<float>(i) + static_cast<float>(sample_hash & 0xffff) * 0x1p-16f) / static_cast<float>(count);
  const float radius = std::sqrt(inside), height = std::sqrt(std::max(0.0f, 1 - inside));
  // Two directions across the normal. Source: Duff et al. 2017, "Building an orthonormal basis, revisited".
  const float sign = std::copysign(1.0f, normal[2]), a = -1 / (sign + normal[2]), b = normal[0] * normal[1] * a;
  const float u[3] = {1 + sign * normal[0] * normal[0] * a, sign * b, -sign * normal[0]};
  const float v[3] = {b, sign + normal[1] * normal[1] * a, -normal[1]};
  std::array<float, 3> d;
  for (int k = 0; k < 3; ++k) d[k] = radius * (turn[0] * u[k] + turn[1] * v[k]) + height * normal[k];
  return d;
}

std::vector<std::array<Vec3, 3>> CornerNormals(const TriMesh& mesh) {
  const size_t n = mesh.triangles.size();
  std::vector<Vec3> face_normal(n);
  std::vector<uint32_t> start(mesh.vertices_m.size() + 1, 0), corners(3 * n);  // corners grouped by vertex
  for (size_t t = 0; t < n; ++t) {
    const auto& v = mesh.triangles[t];
    const Vec3 cross = (mesh.vertices_m[v[1]] - mesh.vertices_m[v[0]]).cross(mesh.vertices_m[v[2]] - mesh.vertices_m[v[0]]);
    const double length = cross.norm();
    face_normal[t] = length > 0 ? Vec3(cross / length) : Vec3::UnitZ();
    for (const uint32_t vertex : v) ++start[vertex + 1];
  }
  for (size_t v = 0; v < mesh.vertices_m.size(); ++v) start[v + 1] += start[v];
  std::vector<uint32_t> next(start.begin(), start.end() - 1);
  for (size_t corner = 0; corner < 3 * n; ++corner) {
    corners[next[mesh.triangles[corner / 3][corner % 3]]++] = static_cast<uint32_t>(corner);
  }
  const double min_cosine = std::cos(kCreaseRad);
  std::vector<std::array<Vec3, 3>> normals(n);
  for (size_t t = 0; t < n; ++t) {
    for (int k = 0; k < 3; ++k) {
      const uint32_t vertex = mesh.triangles[t][k];
      Vec3 sum = Vec3::Zero();
      for (uint32_t i = start[vertex]; i < start[vertex + 1]; ++i) {
        const uint32_t other = corners[i] / 3, at = corners[i] % 3;
        if (!(face_normal[other].dot(face_normal[t]) > min_cosine)) continue;
        const auto& v = mesh.triangles[other];
        const Vec3 a = mesh.vertices_m[v[(at + 1) % 3]] - mesh.vertices_m[vertex];
        const Vec3 b = mesh.vertices_m[v[(at + 2) % 3]] - mesh.vertices_m[vertex];
        sum += std::atan2(a.cross(b).norm(), a.dot(b)) * face_normal[other];
      }
      const double length = sum.norm();
      normals[t][k] = length > 1e-9 ? Vec3(sum / length) : face_normal[t];
    }
  }
  return normals;
}

void CheckFrame(std::span<const Pose> world_from_body, int body_count, const capture::Camera& camera,
                const CameraOptions& options) {
  const auto fail = [](const char* what, const char* hint) { throw Error(ErrorCode::kBadInput, "camera", what, hint); };
  if (world_from_body.size() != static_cast<size_t>(body_count)) fail("is given another number of poses than bodies", "give one pose a body");
  for (const Pose& pose : world_from_body) {
    if (!pose.translation_m.allFinite() || !pose.rotation.coeffs().allFinite()) {
      fail("is given a pose that is not finite", "the simulation may have diverged");
    }
  }
  if (camera.width_px <= 0 || camera.height_px <= 0 ||
      static_cast<uint64_t>(camera.width_px) * static_cast<uint64_t>(camera.height_px) > (uint64_t{1} << 26)) {
    fail("has no pixels or more than 2^26", "choose a width and a height of 1 to 8192 pixels");
  }
  if (!(camera.fx > 0) || !(camera.fy > 0)) fail("has a focal length that is not positive", "");
  if (options.supersampling < 1 || options.supersampling > 16) fail("has supersampling outside 1 to 16", "");
  if (options.occlusion_rays < 0 || options.occlusion_rays > 256) fail("has occlusion rays outside 0 to 256", "");
}

}  // namespace takt::sim
