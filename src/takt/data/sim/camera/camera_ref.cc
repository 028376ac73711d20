// SPDX-License-Identifier: Apache-2.0
#include "takt/data/sim/camera/camera_ref.h"

#include <cmath>

namespace takt::sim {
namespace {

double Encode(double linear) {
  linear = std::clamp(linear, 0.0, 1.0);
  return linear <= 0.0031308 ? 12.92 * linear : 1.055 * std::pow(linear, 1 / 2.4) - 0.055;
}

std::array<float, 3> Floats(const Vec3& v) {
  return {static_cast<float>(v[0]), static_cast<float>(v[1]), static_cast<float>(v[2])};
}

Vec3 Wide(const std::array<float, 3>& v) { return {v[0], v[1], v[2]}; }

}  // namespace

ReferenceTracer::ReferenceTracer(std::span<const CameraShape> shapes, std::span<const Pose> world_from_body)
    : shapes_(shapes) {
  for (const Pose& pose : world_from_body) body_from_world_.push_back(pose.rotation.toRotationMatrix().transpose());
  for (size_t s = 0; s < shapes.size(); ++s) {
    const CameraShape& shape = shapes[s];
    textures_.emplace_back(shape.material.texture);
    const Pose& body = world_from_body[shape.body_idx];
    const Pose pose = body * shape.body_from_shape;
    const auto normals = CornerNormals(shape.mesh);
    for (size_t t = 0; t < shape.mesh.triangles.size(); ++t) {
      Triangle triangle;
      triangle.shape_idx = s;
      for (int k = 0; k < 3; ++k) {
        const Vec3& vertex = shape.mesh.vertices_m[shape.mesh.triangles[t][k]];
        triangle.in_body_m[k] = shape.body_from_shape * vertex;
        triangle.corner_m[k] = pose * vertex;
        triangle.normal[k] = pose.rotation * normals[t][k];
      }
      triangles_.push_back(triangle);
    }
  }
}

ReferenceTracer::Hit ReferenceTracer::Closest(const Vec3& origin, const Vec3& direction, double t_min) const {
  Hit best;
  for (const Triangle& triangle : triangles_) {
    if (shapes_[triangle.shape_idx].material.rgba[3] <= 0 && !shapes_[triangle.shape_idx].shadow_catcher) continue;
    const Vec3 e1 = triangle.corner_m[1] - triangle.corner_m[0], e2 = triangle.corner_m[2] - triangle.corner_m[0];
    const Vec3 p = direction.cross(e2);
    const double det = e1.dot(p);
    if (det == 0) continue;
    const Vec3 s = origin - triangle.corner_m[0], q = s.cross(e1);
    const double u = s.dot(p) / det, v = direction.dot(q) / det, t = e2.dot(q) / det;
    if (u >= 0 && v >= 0 && u + v <= 1 && t > t_min && t < best.t) best = {&triangle, t, u, v};
  }
  return best;
}

bool ReferenceTracer::Blocked(const Vec3& origin, const Vec3& direction, double t_max) const {
  for (const Triangle& triangle : triangles_) {
    const CameraShape& shape = shapes_[triangle.shape_idx];
    if (!shape.casts_shadow || shape.shadow_catcher || shape.material.rgba[3] < kMinShadowAlpha) continue;
    const Vec3 e1 = triangle.corner_m[1] - triangle.corner_m[0], e2 = triangle.corner_m[2] - triangle.corner_m[0];
    const Vec3 p = direction.cross(e2);
    const double det = e1.dot(p);
    if (det == 0) continue;
    const Vec3 s = origin - triangle.corner_m[0], q = s.cross(e1);
    const double u = s.dot(p) / det, v = direction.dot(q) / det, t = e2.dot(q) / det;
    if (u >= 0 && v >= 0 && u + v <= 1 && t > 0 && t < t_max) return true;
  }
  return false;
}

ReferencePixel ReferenceTracer::Trace(const capture::Camera& camera, double x_px, double y_px,
                                      const CameraOptions& options, const BackgroundPixel& background) const {
  const Light& light = options.light;
  const Pose world_from_camera = WorldFromCamera(camera);
  const Vec3 origin = world_from_camera.translation_m;
  const Vec3 direction =
      world_from_camera.rotation * Vec3((x_px - camera.cx) / camera.fx, (y_px - camera.cy) / camera.fy, 1);
  const Vec3 to_sun = light.to_sun.normalized();
  ReferencePixel out;
  double left = 1, dim = 1, t_min = 0;
  bool splats_done = false;
  const auto put_splats = [&] {
    for (int c = 0; c < 3; ++c) out.rgb[c] += left * dim * background.rgb[c];
    left *= background.transmittance;
    splats_done = true;
  };
  for (int layer = 0; layer < kMaxLayers; ++layer) {
    const Hit hit = Closest(origin, direction, t_min);
    if (!hit.triangle) break;
    const Triangle& triangle = *hit.triangle;
    const CameraShape& shape = shapes_[triangle.shape_idx];
    const Vec3 p = origin + hit.t * direction;
    Vec3 g = (triangle.corner_m[1] - triangle.corner_m[0]).cross(triangle.corner_m[2] - triangle.corner_m[0]).normalized();
    Vec3 n = ((1 - hit.u - hit.v) * triangle.normal[0] + hit.u * triangle.normal[1] + hit.v * triangle.normal[2]).normalized();
    const Vec3 outwards = body_from_world_[shape.body_idx] * g;
    if (g.dot(direction) > 0) g = -g, n = -n;
    const Vec3 lifted = p + kShadowLift_m * g;
    const bool lit = g.dot(to_sun) > 0 && !(light.shadows && Blocked(lifted, to_sun, 1e30));
    if (shape.shadow_catcher) {
      if (!lit) dim = 1 - light.catcher_strength;
      break;
    }
    if (out.segmentation == 0 && out.depth_m == std::numeric_limits<double>::infinity()) {
      out.depth_m = hit.t;
      out.segmentation = shape.segmentation_id;
    }
    if (!splats_done && hit.t >= background.depth) put_splats();
    const Vec3 in_body = (1 - hit.u - hit.v) * triangle.in_body_m[0] + hit.u * triangle.in_body_m[1] + hit.v * triangle.in_body_m[2];
    const Material& material = shape.material;
    const float mix = textures_[triangle.shape_idx].Mix(Floats(in_body), Floats(outwards));
    double open = 1;
    if (options.occlusion_rays > 0) {
      int blocked = 0;
      const uint32_t hash = SampleHash(static_cast<uint32_t>(x_px), static_cast<uint32_t>(y_px), 0);
      for (int i = 0; i < options.occlusion_rays; ++i) {
        blocked += Blocked(lifted, Wide(OcclusionDirection(Floats(g), hash, i, options.occlusion_rays)), options.occlusion_reach_m);
      }
      open = 1 - static_cast<double>(blocked) / options.occlusion_rays;
    }
    const Vec3 half = (to_sun - direction.normalized()).normalized();
    const double diffuse = lit ? std::max(0.0, n.dot(to_sun)) : 0;
    const double shine = lit && diffuse > 0 ? std::pow(std::max(0.0, n.dot(half)), material.shininess) : 0;
    const double alpha = layer + 1 == kMaxLayers ? 1 : std::min(1.0, static_cast<double>(material.rgba[3]));
    for (int c = 0; c < 3; ++c) {
      const double first = LinearFromSrgb(material.rgba[c]);
      const double albedo = first + mix * (LinearFromSrgb(material.texture.other_rgb[c]) - first);
      const double sky = light.ground_rgb[c] + 0.5 * (1 + n[2]) * (light.sky_rgb[c] - light.ground_rgb[c]);
      const double sun = light.sun_rgb[c] * light.sun_intensity;
      out.rgb[c] += left * alpha * Encode(albedo * (sky * open + sun * diffuse) + material.specular * sun * shine);
    }
    left *= 1 - alpha;
    if (left <= 0) break;
    t_min = hit.t + kLayerStep * (1 + hit.t);
  }
  if (!splats_done && left > 0) put_splats();
  const auto sky = SkyColor(light, static_cast<float>(direction.normalized()[2]));
  for (int c = 0; c < 3; ++c) out.rgb[c] += left * dim * sky[c];
  return out;
}

}  // namespace takt::sim
