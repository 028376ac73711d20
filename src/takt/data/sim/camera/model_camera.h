// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <vector>

#include "takt/data/sim/camera/camera.h"
#include "takt/data/sim/model.h"
#include "takt/data/sim/world.h"

namespace takt::sim {

struct ModelShapeOptions {
  // Which groups of geoms are drawn; by custom 2 holds visuals and 3 collision shapes.
  std::array<bool, 6> groups = {true, true, true, false, false, false};
  int segments = 24;  // around round geoms
};

// One shape for each drawn geom of a model whose alpha is not 0, body_idx as in the model, segmentation_id = geom index + 1.
// Use with CameraScene(shapes, model.body_count()).
std::vector<CameraShape> ShapesOfModel(const Model& model, const ModelShapeOptions& options = {});

// world_from_body of every body, for CameraRenderer::Render.
void BodyPoses(const World& world, std::vector<Pose>* world_from_body);

// A camera of the model where it is now; MuJoCo's axes (y up, looks along -z) are turned. Errors: bad_input for sizes.
capture::Camera CameraOfWorld(const World& world, int camera_idx, int width_px, int height_px);

}  // namespace takt::sim
