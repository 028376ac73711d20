// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "takt/core/io/image.h"
#include "takt/data/scene/model/scene.h"
#include "takt/data/sim/camera/background.h"
#include "takt/data/sim/camera/camera.h"

namespace takt::scene {

enum class RenderView { kIso, kTop, kPose };

struct RenderOptions {
  int width_px = 1200;
  int height_px = 900;
  RenderView view = RenderView::kIso;
  Vec3 eye_m = Vec3::Zero(), target_m = Vec3::Zero();  // kPose, in the room's frame
  double vertical_fov_rad = 0.9;                       // kPose
  std::filesystem::path folder;                        // where mesh and robot files lie
  std::filesystem::path splat;                         // a splat file: a real place instead of floor, walls and sky
  sim::Similarity room_from_splat = sim::UprightPlace(1, 0, Vec3::Zero());
  int supersampling = 2;
  int occlusion_rays = 16;
};

// The shapes of a scene for policy cameras, all on body 0; segmentation_id = 1 + position in Walk order. Walls whose
// outside shows towards `cut_for_eye_m` are left out; all of them without `walls`.
std::vector<sim::CameraShape> SceneShapes(const Scene& scene, const std::filesystem::path& folder,
                                          const std::optional<Vec3>& cut_for_eye_m = std::nullopt, bool walls = true);

// Where the cameras of kIso and kTop stand: the whole room in the picture.
capture::Camera ViewCamera(const Scene& scene, const RenderOptions& options);

// A picture of the scene: but for kPose, walls no higher than what stands there needs; walls towards the camera cut away, sun from beside the camera, soft corners. With a splat file the
// room itself is not drawn: its floor catches shadows.
// Errors: as NodeSolids, CameraRenderer::Render, splat::ReadScene. Determinism: same scene, same bytes.
Image8 RenderScene(const Scene& scene, const RenderOptions& options);

}  // namespace takt::scene
