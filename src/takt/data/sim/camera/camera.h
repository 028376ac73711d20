// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "takt/core/geom/mesh.h"
#include "takt/core/geom/pose.h"
#include "takt/core/io/image.h"
#include "takt/data/capture/camera.h"

namespace takt::sim {

// Policy cameras: pictures of rigid bodies by ray casting on the CPU, without OpenGL, over a plain sky or over a real
// background that is rendered from splats (background.h).

// ---- cameras -------------------------------------------------------------------------------------------------------

// A pinhole camera with square pixels and its principal point in the middle. The camera's axes: x right, y down, z
// forward. `*_fov_rad` is the full angle of view, in (0, pi). Errors: bad_input for angles or sizes outside.
capture::Camera CameraFromVerticalFov(int width_px, int height_px, double vertical_fov_rad, const Pose& world_from_camera);
capture::Camera CameraFromHorizontalFov(int width_px, int height_px, double horizontal_fov_rad,
                                        const Pose& world_from_camera);
// A camera at `eye_m` that looks at `target_m`; `up` points upwards in the picture. Errors: bad_input when they leave no
// direction (equal points, or up along the view).
Pose LookAt(const Vec3& eye_m, const Vec3& target_m, const Vec3& up = Vec3::UnitZ());
Pose WorldFromCamera(const capture::Camera& camera);
void SetWorldFromCamera(const Pose& world_from_camera, capture::Camera* camera);

// ---- what is seen --------------------------------------------------------------------------------------------------

// Solid patterns in the frame of the body, mixing the shape's colour with a second one.
enum class Pattern {
  kPlain,
  kChecker,  // cubes of edge scale_m
  kStripes,  // along a direction that the seed chooses; a light and a dark stripe make scale_m
  kNoise,    // smooth value noise, four octaves, the coarsest of cell scale_m
};
struct Texture {
  Pattern pattern = Pattern::kPlain;
  std::array<float, 3> other_rgb = {0, 0, 0};  // the second colour, 0-1 as displayed
  double scale_m = 0.05;
  uint64_t seed = 0;                           // shifts and turns the pattern
};

struct Material {
  std::array<float, 4> rgba = {0.7f, 0.7f, 0.7f, 1};  // 0-1 as displayed (sRGB); alpha below 1: what is behind shows
  Texture texture;
  float specular = 0.15f;   // strength of the sun's highlight, 0-1
  float shininess = 40;     // its exponent (Blinn)
};

struct CameraShape {
  int body_idx = 0;                // moves with this body
  TriMesh mesh;
  Pose body_from_shape;
  Material material;
  uint32_t segmentation_id = 0;    // written where this shape is seen; 0 is the background
  // Invisible, but the sun's shadow on it darkens the background that is seen through it: a table top of the splats.
  // What stands behind a catcher is not looked for: the background hides it.
  bool shadow_catcher = false;
  bool casts_shadow = true;        // a shadow catcher never does
};

// Shapes grouped by body, with one search tree a body. Immutable: many CameraRenderers on several threads may share it.
// Cost: some 0.3 us a triangle, once. Memory: some 200 bytes a triangle.
class CameraScene {
 public:
  // Every body_idx must be in [0, body_count). Shapes whose alpha is below 0.5 here cast no shadow; a renderer may give them
  // another alpha, but not another shadow.
  // Errors: bad_input for a body or a vertex index out of range, a vertex that is not finite or beyond 1e6 m;
  // unsupported where the ray caster cannot start.
  CameraScene(std::vector<CameraShape> shapes, int body_count);
  ~CameraScene();
  CameraScene(const CameraScene&) = delete;
  CameraScene& operator=(const CameraScene&) = delete;

  const std::vector<CameraShape>& shapes() const;
  int body_count() const;
  size_t triangles() const;

  struct Trees;  // of the ray caster
  const Trees& trees() const { return *trees_; }

 private:
  std::unique_ptr<Trees> trees_;
};

// ---- light ---------------------------------------------------------------------------------------------------------

struct Light {
  Vec3 to_sun = {0.35, -0.45, 0.82};                  // direction towards the sun, any length
  std::array<float, 3> sun_rgb = {1.0f, 0.95f, 0.85f};      // linear light
  double sun_intensity = 0.75;
  // Light from everywhere else: from above (z up) and, reflected, from below. Linear.
  std::array<float, 3> sky_rgb = {0.45f, 0.49f, 0.55f};
  std::array<float, 3> ground_rgb = {0.22f, 0.20f, 0.18f};
  // What is seen where nothing stands: from the horizon upwards and downwards, as displayed.
  std::array<float, 3> horizon_rgb = {0.86f, 0.89f, 0.92f};
  std::array<float, 3> zenith_rgb = {0.60f, 0.72f, 0.86f};
  std::array<float, 3> nadir_rgb = {0.66f, 0.66f, 0.65f};
  bool shadows = true;
  float catcher_strength = 0.45f;  // how much of the background's light the sun's shadow takes on a shadow catcher
};

struct CameraOptions {
  Light light;
  int supersampling = 1;         // n x n rays a pixel; colours are averaged; depth and segmentation: of the ray next to the middle
  int occlusion_rays = 0;        // a pixel sample: softens corners and contacts by hiding the sky's light; 0 = off
  double occlusion_reach_m = 0.5;
  bool depth = false;            // fill CameraFrame::depth_m
  bool segmentation = false;     // fill CameraFrame::segmentation
  bool parallel = false;         // spread one picture over ParallelFor; otherwise the calling thread does it all
};

struct CameraFrame {
  Image8 rgb;                            // [H, W, 3]
  std::vector<float> depth_m;            // [H, W] along the camera's z; infinity where nothing is
  std::vector<uint32_t> segmentation;    // [H, W] segmentation_id of the nearest shape; 0 for background and sky
};

class SplatBackground;  // background.h

// ---- pictures ------------------------------------------------------------------------------------------------------

// Renders frames of a CameraScene. Keeps its work space, so use one renderer a thread and camera; several at once are
// fine. Lambert and Blinn shading in linear light with hard sun shadows, encoded as sRGB; a splat background is
// composited by depth as background.h says, and reused while neither it nor the camera changes.
// Determinism: the same bytes for any number of threads and any history of calls, on one kind of processor; vector
// widths of the ray caster differ in the last bits of hit points, which can change single pixels on edges.
// Cost: 128 x 128 px, 5,000 triangles, sun and shadows: see camera_bench.cc.
class CameraRenderer {
 public:
  explicit CameraRenderer(std::shared_ptr<const CameraScene> scene,
                          std::shared_ptr<const SplatBackground> background = nullptr);
  ~CameraRenderer();
  CameraRenderer(const CameraRenderer&) = delete;
  CameraRenderer& operator=(const CameraRenderer&) = delete;

  // The materials that this renderer uses, by shape; change them between frames (domain randomisation).
  std::vector<Material>& materials();
  void SetBackground(std::shared_ptr<const SplatBackground> background);

  // `world_from_body` has body_count() poses. Errors: bad_input for another number of poses, a pose that is not finite,
  // a picture without pixels or over 2^26, supersampling outside 1-16.
  void Render(std::span<const Pose> world_from_body, const capture::Camera& camera, const CameraOptions& options,
              CameraFrame* frame);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace takt::sim
