// SPDX-License-Identifier: Apache-2.0
#include "takt/data/capture/cell_render.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "takt/core/base/interrupt.h"
#include "takt/core/base/parallel.h"

namespace takt::capture::cell {
namespace {

using raycast::Clamp01;
using raycast::Hit;
using raycast::kLeaveDistance;
using raycast::kNoHit;
using raycast::MaxComponent;
using raycast::Normalized;
using raycast::Ray;

constexpr float kPi = 3.14159265358979f;
constexpr float kExposure = 0.43f;
constexpr int kTile_px = 16;
constexpr int kFirstSamples = 4, kMoreSamples = 8, kAllSamples = 12;
// The spread of displayed values among the first samples above which a pixel takes more, and all.
constexpr float kContrast = 0.07f, kStrongContrast = 0.25f;
// Sharp reflections are traced. The rougher the surface, the more of the mean of what it sees takes their place: that
// mean has no noise. Faint reflections are all mean.
constexpr float kSharpest = 0.1f, kRoughest = 0.5f;
constexpr float kLeastReflectance = 0.07f;
constexpr float kBrightest = 8.0f;  // of one sample: keeps highlights from ringing at edges

// The first points of the Sobol sequence in two dimensions, in sixteenths: the first 4 fall into different quarters of
// the square, all into different sixteenths.
constexpr std::array<std::array<uint8_t, 2>, kAllSamples> kSobol = {
    {{0, 0}, {8, 8}, {12, 4}, {4, 12}, {6, 6}, {14, 14}, {10, 2}, {2, 10}, {3, 5}, {11, 13}, {15, 1}, {7, 9}}};
// Which point of the set the light and the lobe of a reflection use for sample i: other ones than the pixel, so that
// the left of a pixel does not always see the left of the light. The first 4 and the first 8 stay stratified.
constexpr std::array<uint8_t, kAllSamples> kLightOrder = {1, 3, 0, 2, 6, 5, 7, 4, 10, 8, 11, 9};
constexpr std::array<uint8_t, kAllSamples> kLobeOrder = {2, 0, 3, 1, 5, 7, 4, 6, 9, 11, 8, 10};

// Point `i` of the set, in the unit square. All pixels share one set: a soft shadow then has steps of a twelfth, too
// fine to see, where sets of their own would give it a grain that no two views share.
struct Square {
  float u, v;
};
Square Point(int i) {
  const auto& point = kSobol[static_cast<size_t>(i)];
  return {(static_cast<float>(point[0]) + 0.5f) / 16, (static_cast<float>(point[1]) + 0.5f) / 16};
}

float Fresnel(float cosine) {
  const float m = Clamp01(1 - cosine), m2 = m * m;
  return m2 * m2 * m;
}

// Reflected radiance / irradiance of the microfacet model with GGX.
// Source: Walter et al., "Microfacet models for refraction through rough surfaces", EGSR 2007; Smith shadowing in the
// approximation of Karis 2013.
float Highlight(Vec3 n, Vec3 to_eye, Vec3 to_light, float roughness) {
  const Vec3 h = Normalized(to_eye + to_light);
  const float a = roughness * roughness, a2 = a * a;
  const float nh = std::max(0.0f, Dot(n, h)), nv = std::max(0.02f, Dot(n, to_eye)),
              nl = std::max(0.02f, Dot(n, to_light));
  const float d = nh * nh * (a2 - 1) + 1;
  const float k = 0.5f * a;
  return a2 / (kPi * d * d) / (4 * (nv * (1 - k) + k) * (nl * (1 - k) + k));
}

Vec3 Diffuse(const LitScene& scene, const Surface& s, const KeySample& light) {
  return s.finish.emission + s.finish.albedo * (scene.KeyIrradiance(s, light) * (1 / kPi) + scene.Indirect(s));
}

Vec3 Reflected(const LitScene& scene, const Surface& s, Vec3 direction, Square lobe, Square light_point) {
  const float a =
      0.5f * s.finish.roughness * s.finish.roughness;  // the mean in Radiance() is the other half of the blur
  const float cosine = std::sqrt((1 - lobe.u) / (1 + (a * a - 1) * lobe.u));
  const float sine = std::sqrt(std::max(0.0f, 1 - cosine * cosine)), turn = 2 * kPi * lobe.v;
  const Vec3 h =
      raycast::FrameAlong(s.normal_in_world).DirectionToWorld({sine * std::cos(turn), sine * std::sin(turn), cosine});
  const Vec3 mirrored = direction - h * (2 * Dot(direction, h));
  if (Dot(mirrored, s.normal_in_world) <= 0.01f) return scene.Indirect(s);
  const Ray ray{s.p_in_world + s.normal_in_world * kLeaveDistance, Normalized(mirrored)};
  const Hit hit = scene.bvh().Nearest(ray);
  if (hit.t_m == kNoHit) return Outside(ray.direction);
  const Surface other = scene.SurfaceAt(ray, hit);
  return Diffuse(scene, other, SampleKeyLight(other.p_in_world, light_point.u, light_point.v));
}

Vec3 Radiance(const LitScene& scene, const Ray& ray, const Hit& hit, Square light_point, Square lobe) {
  if (hit.t_m == kNoHit) return Outside(ray.direction);
  const Surface s = scene.SurfaceAt(ray, hit);
  const KeySample light = SampleKeyLight(s.p_in_world, light_point.u, light_point.v);
  const Vec3 key = scene.KeyIrradiance(s, light), indirect = scene.Indirect(s);
  const float smooth = 1 - s.finish.roughness;
  const float grazing = Fresnel(-Dot(ray.direction, s.normal_in_world)) * smooth * smooth;
  const Vec3 reflectance = s.finish.reflectance + (Vec3{1, 1, 1} - s.finish.reflectance) * grazing;

  Vec3 radiance = s.finish.emission + s.finish.albedo * (Vec3{1, 1, 1} - reflectance) * (key * (1 / kPi) + indirect);
  if (MaxComponent(key) > 0) {
    radiance += key * reflectance * Highlight(s.normal_in_world, -ray.direction, light.direction, s.finish.roughness);
  }
  const bool traced = s.finish.roughness < kRoughest && MaxComponent(reflectance) > kLeastReflectance;
  if (!traced) return radiance + reflectance * indirect;
  const float blur = Clamp01((s.finish.roughness - kSharpest) / (kRoughest - kSharpest));
  return radiance + reflectance * raycast::Mix(Reflected(scene, s, ray.direction, lobe, light_point), indirect, blur);
}

// Display value in [0, 1]. Source: Narkowicz, "ACES filmic tone mapping curve", 2016.
Vec3 ToneMapped(Vec3 radiance) {
  const auto curve = [](float x) {
    const float y = Clamp01(x * (2.51f * x + 0.03f) / (x * (2.43f * x + 0.59f) + 0.14f));
    return y <= 0.0031308f ? 12.92f * y : 1.055f * std::pow(y, 1 / 2.4f) - 0.055f;
  };
  return {curve(radiance.x * kExposure), curve(radiance.y * kExposure), curve(radiance.z * kExposure)};
}

Vec3 Pixel(const LitScene& scene, const Camera& camera, int x, int y) {
  Vec3 sum;
  Vec3 lo{1, 1, 1}, hi{0, 0, 0};
  bool one_solid = true;
  uint32_t first_idx = 0, last_idx = 0;
  int taken = 0;
  for (int i = 0; i < kAllSamples; ++i) {
    if (i == kFirstSamples && one_solid && MaxComponent(hi - lo) < kContrast) break;
    if (i == kMoreSamples && MaxComponent(hi - lo) < kStrongContrast) break;
    const Ray ray = RayThrough(camera, static_cast<float>(x) + Point(i).u, static_cast<float>(y) + Point(i).v);
    const Hit hit = scene.bvh().Nearest(ray, kNoHit, last_idx);
    last_idx = hit.primitive_idx;
    const Vec3 radiance = raycast::Min(Radiance(scene, ray, hit, Point(kLightOrder[static_cast<size_t>(i)]),
                                                Point(kLobeOrder[static_cast<size_t>(i)])),
                                       {kBrightest, kBrightest, kBrightest});
    sum += radiance;
    ++taken;
    if (i >= kFirstSamples) continue;
    if (i == 0) first_idx = hit.primitive_idx;
    one_solid &= hit.primitive_idx == first_idx;
    const Vec3 shown = ToneMapped(radiance);
    lo = raycast::Min(lo, shown), hi = raycast::Max(hi, shown);
  }
  return ToneMapped(sum * (1 / static_cast<float>(taken)));
}

}  // namespace

Ray RayThrough(const Camera& camera, float u_px, float v_px) {
  const auto& r = camera.cam_from_world.rotation;
  const double x = (u_px - camera.cx) / camera.fx, y = (v_px - camera.cy) / camera.fy;
  const auto center = camera.CenterInWorld();
  // The rows of the rotation are the camera's axes in the world.
  const auto along = [&](size_t i) { return static_cast<float>(r[i] * x + r[3 + i] * y + r[6 + i]); };
  return {{static_cast<float>(center[0]), static_cast<float>(center[1]), static_cast<float>(center[2])},
          Normalized({along(0), along(1), along(2)})};
}

Image8 Render(const LitScene& scene, const Camera& camera) {
  Image8 image(camera.width_px, camera.height_px, 3);
  const auto tiles_x = static_cast<size_t>((camera.width_px + kTile_px - 1) / kTile_px);
  const auto tiles_y = static_cast<size_t>((camera.height_px + kTile_px - 1) / kTile_px);
  ParallelFor(tiles_x * tiles_y, 4, [&](size_t begin, size_t end) {
    ThrowIfInterrupted();
    for (size_t tile = begin; tile < end; ++tile) {
      const int x0 = static_cast<int>(tile % tiles_x) * kTile_px, y0 = static_cast<int>(tile / tiles_x) * kTile_px;
      for (int y = y0; y < std::min(y0 + kTile_px, camera.height_px); ++y) {
        for (int x = x0; x < std::min(x0 + kTile_px, camera.width_px); ++x) {
          const Vec3 value = Pixel(scene, camera, x, y);
          uint8_t* out = image.row(y) + 3 * x;
          out[0] = static_cast<uint8_t>(std::lround(255 * value.x));
          out[1] = static_cast<uint8_t>(std::lround(255 * value.y));
          out[2] = static_cast<uint8_t>(std::lround(255 * value.z));
        }
      }
    }
  });
  return image;
}

}  // namespace takt::capture::cell
