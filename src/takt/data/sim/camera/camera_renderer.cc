// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <limits>
#include <utility>

#include "takt/core/base/error.h"
#include "takt/core/base/parallel.h"
#include "takt/data/sim/camera/background.h"
#include "takt/data/sim/camera/background_cache.h"
#include "takt/data/sim/camera/camera.h"
#include "takt/data/sim/camera/embree_scene.h"
#include "takt/data/sim/camera/shading.h"

namespace takt::sim {
namespace {

constexpr int kLanes = 16;  // a packet is a block of 4 x 4 pixels
constexpr int kBlock_px = 4;
constexpr float kInfinity = std::numeric_limits<float>::infinity();
using Float3 = std::array<float, 3>;

float Dot(const Float3& a, const Float3& b) { return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]; }
Float3 Normalized(const Float3& a) {
  const float inverse = 1 / std::sqrt(Dot(a, a));
  return {a[0] * inverse, a[1] * inverse, a[2] * inverse};
}
Float3 ToFloat3(const Vec3& v) { return {static_cast<float>(v[0]), static_cast<float>(v[1]), static_cast<float>(v[2])}; }

// Row-major [3, 3].
using Rotation = std::array<float, 9>;
Float3 Rotate(const Rotation& r, const float* v) {
  return {r[0] * v[0] + r[1] * v[1] + r[2] * v[2], r[3] * v[0] + r[4] * v[1] + r[5] * v[2],
          r[6] * v[0] + r[7] * v[1] + r[8] * v[2]};
}
Rotation ToRotation(const Quat& quat) {
  const Eigen::Matrix3d m = quat.toRotationMatrix();
  Rotation r;
  for (int i = 0; i < 9; ++i) r[i] = static_cast<float>(m(i / 3, i % 3));
  return r;
}

// A material with what a pixel would otherwise compute again and again.
struct PreparedMaterial {
  Material source;
  TextureMap texture;
  Float3 albedo{}, other{};  // linear
};

bool Same(const Texture& a, const Texture& b) {
  return a.pattern == b.pattern && a.other_rgb == b.other_rgb && a.scale_m == b.scale_m && a.seed == b.seed;
}
bool Same(const Material& a, const Material& b) {
  return a.rgba == b.rgba && Same(a.texture, b.texture) && a.specular == b.specular && a.shininess == b.shininess;
}
bool Same(const Pose& a, const Pose& b) {
  return a.rotation.coeffs() == b.rotation.coeffs() && a.translation_m == b.translation_m;
}

// Light in the renderer's precision.
struct PreparedLight {
  Float3 to_sun, sun, sky, ground;
  bool shadows;
};

// A point where a ray meets a shape.
struct Surface {
  uint32_t shape_idx;
  float depth;         // along the camera's z
  Float3 point, face, normal;  // in world; face: geometric normal, both turned to the viewer
  Float3 in_body, outwards;    // in the body's frame
  Float3 view;         // unit direction of the ray
  bool lit;
  float open;          // share of the sky's light
};

}  // namespace

struct CameraRenderer::Impl {
  std::shared_ptr<const CameraScene> scene;
  std::shared_ptr<const SplatBackground> background;
  BackgroundCache cache;
  std::vector<Material> materials;
  std::vector<PreparedMaterial> prepared;
  RTCScene top = nullptr;
  std::vector<RTCGeometry> instances;  // by position in trees().bodies
  std::vector<Pose> poses;             // that the instances have
  std::vector<Rotation> rotations;     // world_from_body

  ~Impl() {
    for (RTCGeometry instance : instances) rtcReleaseGeometry(instance);
    if (top) rtcReleaseScene(top);
  }

  void PrepareMaterials();
  void Move(std::span<const Pose> world_from_body);

  // One frame's constants.
  struct Frame {
    const CameraOptions* options;
    PreparedLight light;
    Float3 origin;
    Rotation world_from_camera;
    const capture::Camera* camera;
    const splat::Picture* background;  // null: the plain sky
    CameraFrame* out;
  };
  void TraceBlock(const Frame& frame, int x0, int y0) const;
  void TraceSample(const Frame& frame, int x0, int y0, int sample, float rgb[kLanes][3]) const;
  Surface SurfaceAt(const RTCRayHit16& packet, int lane, const Float3& direction) const;
  void FindShadows(const Frame& frame, const bool* active, Surface* surfaces) const;
  void FindOcclusion(const Frame& frame, const bool* active, int x0, int y0, int sample, Surface* surfaces) const;
  Float3 Shade(const PreparedLight& light, const Surface& surface) const;
};

void CameraRenderer::Impl::PrepareMaterials() {
  if (materials.size() != scene->shapes().size()) {
    throw Error(ErrorCode::kBadInput, "camera", "has another number of materials than shapes", "keep the length of materials()");
  }
  const bool first = prepared.empty();
  prepared.resize(materials.size());
  for (size_t i = 0; i < materials.size(); ++i) {
    PreparedMaterial& p = prepared[i];
    if (!first && Same(p.source, materials[i])) continue;
    if (first || !Same(p.source.texture, materials[i].texture)) p.texture = TextureMap(materials[i].texture);
    p.source = materials[i];
    for (int c = 0; c < 3; ++c) {
      p.albedo[c] = LinearFromSrgb(p.source.rgba[c]);
      p.other[c] = LinearFromSrgb(p.source.texture.other_rgb[c]);
    }
  }
}

void CameraRenderer::Impl::Move(std::span<const Pose> world_from_body) {
  const auto& bodies = scene->trees().bodies;
  const bool first = top == nullptr;
  bool moved = first;
  if (first) {
    top = rtcNewScene(scene->trees().device);
    rtcSetSceneFlags(top, RTC_SCENE_FLAG_DYNAMIC);
    rtcSetSceneBuildQuality(top, RTC_BUILD_QUALITY_LOW);
    for (const auto& body : bodies) {
      RTCGeometry instance = rtcNewGeometry(scene->trees().device, RTC_GEOMETRY_TYPE_INSTANCE);
      rtcSetGeometryInstancedScene(instance, body.tree);
      rtcSetGeometryTimeStepCount(instance, 1);
      rtcAttachGeometry(top, instance);
      instances.push_back(instance);
    }
    poses.resize(bodies.size());
    rotations.resize(bodies.size());
  }
  for (size_t i = 0; i < bodies.size(); ++i) {
    const Pose& pose = world_from_body[bodies[i].body_idx];
    if (!first && Same(poses[i], pose)) continue;
    moved = true;
    poses[i] = pose;
    rotations[i] = ToRotation(pose.rotation);
    const Rotation& r = rotations[i];
    const Float3 t = ToFloat3(pose.translation_m);
    const float columns[12] = {r[0], r[3], r[6], r[1], r[4], r[7], r[2], r[5], r[8], t[0], t[1], t[2]};
    rtcSetGeometryTransform(instances[i], 0, RTC_FORMAT_FLOAT3X4_COLUMN_MAJOR, columns);
    rtcCommitGeometry(instances[i]);
  }
  if (moved) rtcCommitScene(top);
}

Surface CameraRenderer::Impl::SurfaceAt(const RTCRayHit16& packet, int lane, const Float3& direction) const {
  const auto& trees = scene->trees();
  const uint32_t instance = packet.hit.instID[0][lane];
  Surface s;
  s.shape_idx = trees.bodies[instance].shape_idx[packet.hit.geomID[lane]];
  s.depth = packet.ray.tfar[lane];
  const TriangleRecord& record = trees.triangles[s.shape_idx][packet.hit.primID[lane]];
  const float u = packet.hit.u[lane], v = packet.hit.v[lane], w = 1 - u - v;
  Float3 normal;
  for (int k = 0; k < 3; ++k) {
    s.in_body[k] = w * record.corner[k] + u * record.corner[3 + k] + v * record.corner[6 + k];
    normal[k] = w * record.normal[k] + u * record.normal[3 + k] + v * record.normal[6 + k];
  }
  s.outwards = record.face;
  const Rotation& r = rotations[instance];
  s.point = Rotate(r, s.in_body.data());
  for (int k = 0; k < 3; ++k) s.point[k] += static_cast<float>(poses[instance].translation_m[k]);
  s.face = Rotate(r, record.face.data());
  s.normal = Normalized(Rotate(r, normal.data()));
  if (Dot(s.face, direction) > 0) {
    for (int k = 0; k < 3; ++k) s.face[k] = -s.face[k], s.normal[k] = -s.normal[k];
  }
  s.view = Normalized(direction);
  s.lit = false;
  s.open = 1;
  return s;
}

void CameraRenderer::Impl::FindShadows(const Frame& frame, const bool* active, Surface* surfaces) const {
  alignas(64) int valid[kLanes];
  alignas(64) RTCRay16 rays;
  bool any = false;
  for (int lane = 0; lane < kLanes; ++lane) {
    valid[lane] = 0;
    if (!active[lane]) continue;
    Surface& s = surfaces[lane];
    s.lit = Dot(s.face, frame.light.to_sun) > 0;
    if (!s.lit || !frame.light.shadows) continue;
    valid[lane] = -1;
    any = true;
    rays.org_x[lane] = s.point[0] + static_cast<float>(kShadowLift_m) * s.face[0];
    rays.org_y[lane] = s.point[1] + static_cast<float>(kShadowLift_m) * s.face[1];
    rays.org_z[lane] = s.point[2] + static_cast<float>(kShadowLift_m) * s.face[2];
    rays.dir_x[lane] = frame.light.to_sun[0];
    rays.dir_y[lane] = frame.light.to_sun[1];
    rays.dir_z[lane] = frame.light.to_sun[2];
    rays.tnear[lane] = 0;
    rays.tfar[lane] = kInfinity;
    rays.time[lane] = 0;
    rays.mask[lane] = kShadowMask;
    rays.id[lane] = 0;
    rays.flags[lane] = 0;
  }
  if (!any) return;
  RTCIntersectContext context;
  rtcInitIntersectContext(&context);  // not "coherent": Embree 3.13's occlusion query over instances may then never end
  rtcOccluded16(valid, top, &context, &rays);
  for (int lane = 0; lane < kLanes; ++lane) {
    if (valid[lane] != 0 && rays.tfar[lane] < 0) surfaces[lane].lit = false;
  }
}

void CameraRenderer::Impl::FindOcclusion(const Frame& frame, const bool* active, int x0, int y0, int sample,
                                         Surface* surfaces) const {
  const int count = frame.options->occlusion_rays;
  int blocked[kLanes] = {};
  alignas(64) int valid[kLanes];
  alignas(64) RTCRay16 rays;
  for (int i = 0; i < count; ++i) {
    for (int lane = 0; lane < kLanes; ++lane) {
      valid[lane] = active[lane] ? -1 : 0;
      if (!active[lane]) continue;
      const Surface& s = surfaces[lane];
      const uint32_t hash = SampleHash(static_cast<uint32_t>(x0 + lane % kBlock_px),
                                       static_cast<uint32_t>(y0 + lane / kBlock_px), static_cast<uint32_t>(sample));
      const Float3 d = OcclusionDirection(s.face, hash, i, count);
      rays.org_x[lane] = s.point[0] + static_cast<float>(kShadowLift_m) * s.face[0];
      rays.org_y[lane] = s.point[1] + static_cast<float>(kShadowLift_m) * s.face[1];
      rays.org_z[lane] = s.point[2] + static_cast<float>(kShadowLift_m) * s.face[2];
      rays.dir_x[lane] = d[0], rays.dir_y[lane] = d[1], rays.dir_z[lane] = d[2];
      rays.tnear[lane] = 0;
      rays.tfar[lane] = static_cast<float>(frame.options->occlusion_reach_m);
      rays.time[lane] = 0;
      rays.mask[lane] = kShadowMask;
      rays.id[lane] = 0;
      rays.flags[lane] = 0;
    }
    RTCIntersectContext context;
    rtcInitIntersectContext(&context);
    rtcOccluded16(valid, top, &context, &rays);
    for (int lane = 0; lane < kLanes; ++lane) blocked[lane] += valid[lane] != 0 && rays.tfar[lane] < 0;
  }
  for (int lane = 0; lane < kLanes; ++lane) {
    surfaces[lane].open = 1 - static_cast<float>(blocked[lane]) / static_cast<float>(std::max(1, count));
  }
}

Float3 CameraRenderer::Impl::Shade(const PreparedLight& light, const Surface& s) const {
  const PreparedMaterial& material = prepared[s.shape_idx];
  const float mix = material.texture.Mix(s.in_body, s.outwards);
  float diffuse = 0, shine = 0;
  if (s.lit) {
    diffuse = std::max(0.0f, Dot(s.normal, light.to_sun));
    if (diffuse > 0 && material.source.specular > 0) {
      const Float3 half = Normalized({light.to_sun[0] - s.view[0], light.to_sun[1] - s.view[1], light.to_sun[2] - s.view[2]});
      const float cosine = Dot(s.normal, half);
      // The power is below 1/4,000 for smaller cosines.
      if (cosine > 0 && (1 - cosine) * material.source.shininess < 8.3f) {
        shine = material.source.specular * std::pow(cosine, material.source.shininess);
      }
    }
  }
  const float above = 0.5f * (1 + s.normal[2]);
  Float3 rgb;
  for (int c = 0; c < 3; ++c) {
    const float albedo = material.albedo[c] + mix * (material.other[c] - material.albedo[c]);
    const float sky = light.ground[c] + above * (light.sky[c] - light.ground[c]);
    rgb[c] = SrgbFromLinear(albedo * (sky * s.open + light.sun[c] * diffuse) + light.sun[c] * shine);
  }
  return rgb;
}

void CameraRenderer::Impl::TraceSample(const Frame& frame, int x0, int y0, int sample, float rgb[kLanes][3]) const {
  const capture::Camera& camera = *frame.camera;
  const int n = frame.options->supersampling;
  const float offset_x = (static_cast<float>(sample % n) + 0.5f) / static_cast<float>(n);
  const float offset_y = (static_cast<float>(sample / n) + 0.5f) / static_cast<float>(n);
  const bool is_middle = sample == (n / 2) * n + n / 2;
  const auto inverse_fx = static_cast<float>(1 / camera.fx), inverse_fy = static_cast<float>(1 / camera.fy);
  alignas(64) RTCRayHit16 packet;
  Float3 direction[kLanes];
  bool active[kLanes], splats_done[kLanes] = {}, seen[kLanes] = {};
  float left[kLanes], dim[kLanes], start[kLanes];
  size_t pixel[kLanes];
  for (int lane = 0; lane < kLanes; ++lane) {
    const int x = x0 + lane % kBlock_px, y = y0 + lane / kBlock_px;
    active[lane] = x < camera.width_px && y < camera.height_px;
    pixel[lane] = static_cast<size_t>(y) * camera.width_px + x;
    const float ray[3] = {(static_cast<float>(x) + offset_x - static_cast<float>(camera.cx)) * inverse_fx,
                          (static_cast<float>(y) + offset_y - static_cast<float>(camera.cy)) * inverse_fy, 1};
    direction[lane] = Rotate(frame.world_from_camera, ray);  // not of unit length: t is the depth along z
    left[lane] = dim[lane] = 1;
    start[lane] = 0;
    rgb[lane][0] = rgb[lane][1] = rgb[lane][2] = 0;
  }
  const auto put_splats = [&](int lane) {
    splats_done[lane] = true;
    if (!frame.background) return;
    for (int c = 0; c < 3; ++c) rgb[lane][c] += left[lane] * dim[lane] * frame.background->plane(c)[pixel[lane]];
    left[lane] *= 1 - frame.background->plane(3)[pixel[lane]];
  };
  bool go_on[kLanes];
  std::copy(active, active + kLanes, go_on);
  for (int layer = 0; layer < kMaxLayers; ++layer) {
    alignas(64) int valid[kLanes];
    bool any = false;
    for (int lane = 0; lane < kLanes; ++lane) {
      valid[lane] = go_on[lane] ? -1 : 0;
      any |= go_on[lane];
      packet.ray.org_x[lane] = frame.origin[0];
      packet.ray.org_y[lane] = frame.origin[1];
      packet.ray.org_z[lane] = frame.origin[2];
      packet.ray.dir_x[lane] = direction[lane][0];
      packet.ray.dir_y[lane] = direction[lane][1];
      packet.ray.dir_z[lane] = direction[lane][2];
      packet.ray.tnear[lane] = start[lane];
      packet.ray.tfar[lane] = kInfinity;
      packet.ray.time[lane] = 0;
      packet.ray.mask[lane] = kSeenMask;
      packet.ray.id[lane] = 0;
      packet.ray.flags[lane] = 0;
      packet.hit.geomID[lane] = RTC_INVALID_GEOMETRY_ID;
      packet.hit.instID[0][lane] = RTC_INVALID_GEOMETRY_ID;
    }
    if (!any) break;
    RTCIntersectContext context;
    rtcInitIntersectContext(&context);
    rtcIntersect16(valid, top, &context, &packet);
    Surface surfaces[kLanes];
    bool hit[kLanes];
    for (int lane = 0; lane < kLanes; ++lane) {
      hit[lane] = go_on[lane] && packet.hit.geomID[lane] != RTC_INVALID_GEOMETRY_ID;
      go_on[lane] = hit[lane];
      if (hit[lane]) surfaces[lane] = SurfaceAt(packet, lane, direction[lane]);
    }
    FindShadows(frame, hit, surfaces);
    if (frame.options->occlusion_rays > 0) FindOcclusion(frame, hit, x0, y0, sample, surfaces);
    for (int lane = 0; lane < kLanes; ++lane) {
      if (!hit[lane]) continue;
      const Surface& s = surfaces[lane];
      if (scene->shapes()[s.shape_idx].shadow_catcher) {
        if (!s.lit) dim[lane] = 1 - frame.options->light.catcher_strength;
        go_on[lane] = false;
        continue;
      }
      start[lane] = s.depth + static_cast<float>(kLayerStep) * (1 + s.depth);
      float alpha = std::min(1.0f, materials[s.shape_idx].rgba[3]);
      if (!(alpha > 0)) continue;
      if (layer + 1 == kMaxLayers) alpha = 1;
      if (is_middle && !seen[lane]) {
        seen[lane] = true;
        if (frame.options->depth) frame.out->depth_m[pixel[lane]] = s.depth;
        if (frame.options->segmentation) {
          frame.out->segmentation[pixel[lane]] = scene->shapes()[s.shape_idx].segmentation_id;
        }
      }
      if (!splats_done[lane] && frame.background && s.depth >= frame.background->median_depth[pixel[lane]]) {
        put_splats(lane);
      }
      const Float3 color = Shade(frame.light, s);
      for (int c = 0; c < 3; ++c) rgb[lane][c] += left[lane] * alpha * color[c];
      left[lane] *= 1 - alpha;
      if (!(left[lane] > 0)) go_on[lane] = false;
    }
  }
  for (int lane = 0; lane < kLanes; ++lane) {
    if (!active[lane] || !(left[lane] > 0)) continue;
    if (!splats_done[lane]) put_splats(lane);
    const Float3 sky = SkyColor(frame.options->light, Normalized(direction[lane])[2]);
    for (int c = 0; c < 3; ++c) rgb[lane][c] += left[lane] * dim[lane] * sky[c];
  }
}

void CameraRenderer::Impl::TraceBlock(const Frame& frame, int x0, int y0) const {
  const int samples = frame.options->supersampling * frame.options->supersampling;
  float sum[kLanes][3] = {};
  for (int sample = 0; sample < samples; ++sample) {
    float rgb[kLanes][3];
    TraceSample(frame, x0, y0, sample, rgb);
    for (int lane = 0; lane < kLanes; ++lane) {
      for (int c = 0; c < 3; ++c) sum[lane][c] += std::clamp(rgb[lane][c], 0.0f, 1.0f);
    }
  }
  for (int lane = 0; lane < kLanes; ++lane) {
    const int x = x0 + lane % kBlock_px, y = y0 + lane / kBlock_px;
    if (x >= frame.camera->width_px || y >= frame.camera->height_px) continue;
    for (int c = 0; c < 3; ++c) {
      frame.out->rgb.row(y)[3 * x + c] =
          static_cast<uint8_t>(sum[lane][c] * (255.0f / static_cast<float>(samples)) + 0.5f);
    }
  }
}

CameraRenderer::CameraRenderer(std::shared_ptr<const CameraScene> scene, std::shared_ptr<const SplatBackground> background)
    : impl_(std::make_unique<Impl>()) {
  impl_->scene = std::move(scene);
  impl_->background = std::move(background);
  for (const CameraShape& shape : impl_->scene->shapes()) impl_->materials.push_back(shape.material);
}
CameraRenderer::~CameraRenderer() = default;

std::vector<Material>& CameraRenderer::materials() { return impl_->materials; }

void CameraRenderer::SetBackground(std::shared_ptr<const SplatBackground> background) {
  impl_->background = std::move(background);
}

void CameraRenderer::Render(std::span<const Pose> world_from_body, const capture::Camera& camera,
                            const CameraOptions& options, CameraFrame* frame) {
  Impl& impl = *impl_;
  CheckFrame(world_from_body, impl.scene->body_count(), camera, options);
  impl.PrepareMaterials();
  const size_t pixels = static_cast<size_t>(camera.width_px) * static_cast<size_t>(camera.height_px);
  if (frame->rgb.width_px != camera.width_px || frame->rgb.height_px != camera.height_px || frame->rgb.channels != 3) {
    frame->rgb = Image8(camera.width_px, camera.height_px, 3);
  }
  frame->depth_m.assign(options.depth ? pixels : 0, kInfinity);
  frame->segmentation.assign(options.segmentation ? pixels : 0, 0);
  const Light& light = options.light;
  const Pose world_from_camera = WorldFromCamera(camera);
  Impl::Frame f;
  f.options = &options;
  f.light.to_sun = ToFloat3(light.to_sun.normalized());
  for (int c = 0; c < 3; ++c) f.light.sun[c] = static_cast<float>(light.sun_rgb[c] * light.sun_intensity);
  f.light.sky = light.sky_rgb, f.light.ground = light.ground_rgb;
  f.light.shadows = light.shadows;
  f.origin = ToFloat3(world_from_camera.translation_m);
  f.world_from_camera = ToRotation(world_from_camera.rotation);
  f.camera = &camera;
  f.out = frame;
  const int blocks_x = (camera.width_px + kBlock_px - 1) / kBlock_px, blocks_y = (camera.height_px + kBlock_px - 1) / kBlock_px;
  const auto draw = [&] {
    RunSerially([&] { impl.Move(world_from_body); });  // trees of a few bodies: not worth waking threads
    f.background = impl.background ? &impl.cache.Get(impl.background, camera) : nullptr;
    ParallelFor(static_cast<size_t>(blocks_y), 1, [&](size_t begin, size_t end) {
      for (size_t row = begin; row < end; ++row) {
        for (int x = 0; x < blocks_x; ++x) impl.TraceBlock(f, x * kBlock_px, static_cast<int>(row) * kBlock_px);
      }
    });
  };
  if (options.parallel) {
    draw();
  } else {
    RunSerially(draw);
  }
}

}  // namespace takt::sim
