// SPDX-License-Identifier: Apache-2.0
#include "takt/data/scene/render.h"

#include <algorithm>
#include <cmath>
#include <memory>

#include "takt/data/scene/model/walk.h"
#include "takt/data/scene/solids.h"
#include "takt/data/splat/scene_file.h"

namespace takt::scene {
namespace {

constexpr double kMargin = 0.94;  // of the half picture that the room may fill

// Corners of everything that must be in the picture.
std::vector<Vec3> Corners(const Scene& scene) {
  std::vector<Vec3> corners;
  for (const Vec2& corner : scene.room.floor_m) {
    for (const double z : {0.0, scene.room.height_m}) corners.emplace_back(corner[0], corner[1], z);
  }
  Walk(scene, [&](const Node& node, const Node*, const Pose& world_from_node) {
    if (node.kind != NodeKind::kObject) return;
    for (int i = 0; i < 8; ++i) {
      corners.push_back(world_from_node * Vec3((i & 1 ? 0.5 : -0.5) * node.size_m[0], (i & 2 ? 0.5 : -0.5) * node.size_m[1],
                                               i & 4 ? node.size_m[2] : 0));
    }
  });
  if (corners.empty()) corners.emplace_back(0, 0, 0);
  return corners;
}

// Walls no higher than what stands between them needs: the higher they are, the smaller everything else.
double ShownHeight(const Scene& scene) {
  double top_m = 0;
  Walk(scene, [&](const Node& node, const Node*, const Pose& world_from_node) {
    if (node.kind == NodeKind::kObject) top_m = std::max(top_m, world_from_node.translation_m[2] + node.size_m[2]);
  });
  return std::min(scene.room.height_m, std::max(1.2, top_m + 0.2));
}

bool Fits(const capture::Camera& camera, const std::vector<Vec3>& corners) {
  for (const Vec3& corner : corners) {
    const auto p = camera.cam_from_world.Apply({corner[0], corner[1], corner[2]});
    if (!(p[2] > 1e-3)) return false;
    if (std::abs(camera.fx * p[0] / p[2]) > kMargin * camera.cx || std::abs(camera.fy * p[1] / p[2]) > kMargin * camera.cy) {
      return false;
    }
  }
  return true;
}

sim::Material MaterialOf(const Solid& solid, bool is_floor) {
  sim::Material material;
  for (int c = 0; c < 4; ++c) material.rgba[c] = static_cast<float>(solid.rgba[c]);
  if (is_floor) {
    // Tiles of half a metre, hardly told apart: they give a sense of size.
    material.texture.pattern = sim::Pattern::kChecker;
    for (int c = 0; c < 3; ++c) material.texture.other_rgb[c] = material.rgba[c] - 0.03f;
    material.texture.scale_m = 0.5;
    material.specular = 0.05f;
  }
  return material;
}

}  // namespace

std::vector<sim::CameraShape> SceneShapes(const Scene& scene, const std::filesystem::path& folder,
                                          const std::optional<Vec3>& cut_for_eye_m, bool walls) {
  std::vector<sim::CameraShape> shapes;
  uint32_t id = 0;
  Walk(scene, [&](const Node& node, const Node*, const Pose& world_from_node) {
    ++id;
    for (Solid& solid : NodeSolids(scene, node, folder)) {
      const bool is_room = node.kind == NodeKind::kRoom;
      if (is_room && solid.wall_idx >= 0 && !walls) continue;
      if (is_room && solid.wall_idx >= 0 && cut_for_eye_m) {
        // The outside of a wall is -y of its boxes.
        const Pose room_from_wall = world_from_node * solid.node_from_solid;
        const Vec3 outwards = room_from_wall.rotation * -Vec3::UnitY();
        if (outwards.dot(*cut_for_eye_m - room_from_wall.translation_m) > 0) continue;
      }
      sim::CameraShape shape;
      shape.material = MaterialOf(solid, is_room && solid.wall_idx < 0);
      shape.body_from_shape = world_from_node * solid.node_from_solid;
      shape.mesh = std::move(solid.mesh);
      shape.segmentation_id = id;
      shapes.push_back(std::move(shape));
    }
  });
  return shapes;
}

capture::Camera ViewCamera(const Scene& scene, const RenderOptions& options) {
  if (options.view == RenderView::kPose) {
    return sim::CameraFromVerticalFov(options.width_px, options.height_px, options.vertical_fov_rad,
                                      sim::LookAt(options.eye_m, options.target_m));
  }
  const std::vector<Vec3> corners = Corners(scene);
  Vec3 low = corners[0], high = corners[0];
  for (const Vec3& corner : corners) low = low.cwiseMin(corner), high = high.cwiseMax(corner);
  const bool top = options.view == RenderView::kTop;
  const Vec3 from = top ? Vec3(0, 0, 1) : Vec3(0.62, -0.78, 0.78).normalized();
  const Vec3 up = top ? Vec3::UnitY() : Vec3::UnitZ();
  // A long lens: little perspective, as in plans and isometric drawings.
  constexpr double kFov = 0.42;
  const auto camera_at = [&](const Vec3& target, double distance_m) {
    return sim::CameraFromVerticalFov(options.width_px, options.height_px, kFov,
                                      sim::LookAt(target + distance_m * from, target, up));
  };
  const Vec3 target = (low + high) / 2;
  double near_m = 0.1, far_m = 1;
  while (!Fits(camera_at(target, far_m), corners) && far_m < 1e7) far_m *= 2;
  for (int i = 0; i < 40; ++i) {
    const double middle_m = (near_m + far_m) / 2;
    (Fits(camera_at(target, middle_m), corners) ? far_m : near_m) = middle_m;
  }
  return camera_at(target, far_m);
}

Image8 RenderScene(const Scene& whole, const RenderOptions& options) {
  Scene scene = whole;
  if (options.view != RenderView::kPose) scene.room.height_m = ShownHeight(whole);
  const capture::Camera camera = ViewCamera(scene, options);
  const Pose world_from_camera = sim::WorldFromCamera(camera);
  std::vector<sim::CameraShape> shapes = SceneShapes(scene, options.folder, world_from_camera.translation_m, options.splat.empty());
  std::shared_ptr<const sim::SplatBackground> background;
  if (!options.splat.empty()) {
    background = std::make_shared<const sim::SplatBackground>(splat::ReadScene(options.splat), options.room_from_splat);
    for (sim::CameraShape& shape : shapes) shape.shadow_catcher = shape.segmentation_id == 1;
  }
  sim::CameraOptions camera_options;
  camera_options.parallel = true;
  camera_options.supersampling = options.supersampling;
  camera_options.occlusion_rays = options.occlusion_rays;
  sim::Light& light = camera_options.light;
  // From behind, beside and above the camera: both walls of a corner are lit, and shadows fall away from the viewer.
  const Vec3 right = world_from_camera.rotation * Vec3::UnitX(), back = world_from_camera.rotation * -Vec3::UnitZ();
  light.to_sun = 0.3 * right + 0.75 * Vec3(back[0], back[1], 0) + 1.15 * Vec3::UnitZ();
  light.sun_intensity = 0.75;
  light.sky_rgb = {0.56f, 0.58f, 0.62f};
  light.ground_rgb = {0.42f, 0.40f, 0.38f};
  light.horizon_rgb = {0.97f, 0.975f, 0.98f};
  light.zenith_rgb = {0.78f, 0.86f, 0.95f};
  light.nadir_rgb = {0.87f, 0.88f, 0.90f};
  sim::CameraRenderer renderer(std::make_shared<const sim::CameraScene>(std::move(shapes), 1), background);
  sim::CameraFrame frame;
  const Pose still;
  renderer.Render({&still, 1}, camera, camera_options, &frame);
  return std::move(frame.rgb);
}

}  // namespace takt::scene
