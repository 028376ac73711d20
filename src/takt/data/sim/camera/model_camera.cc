// SPDX-License-Identifier: Apache-2.0
#include "takt/data/sim/camera/model_camera.h"

namespace takt::sim {

std::vector<CameraShape> ShapesOfModel(const Model& model, const ModelShapeOptions& options) {
  std::vector<CameraShape> shapes;
  for (int g = 0; g < model.geom_count(); ++g) {
    const GeomInfo& geom = model.geoms()[g];
    if (geom.group < 0 || geom.group > 5 || !options.groups[geom.group] || !(geom.rgba[3] > 0)) continue;
    CameraShape shape;
    shape.mesh = model.GeomMesh(g, options.segments);
    if (shape.mesh.triangles.empty()) continue;
    shape.body_idx = geom.body_idx;
    shape.body_from_shape = geom.body_from_geom;
    for (int c = 0; c < 4; ++c) shape.material.rgba[c] = static_cast<float>(geom.rgba[c]);
    shape.segmentation_id = static_cast<uint32_t>(g) + 1;
    shapes.push_back(std::move(shape));
  }
  return shapes;
}

void BodyPoses(const World& world, std::vector<Pose>* world_from_body) {
  world_from_body->resize(static_cast<size_t>(world.model().body_count()));
  for (int b = 0; b < world.model().body_count(); ++b) (*world_from_body)[b] = world.BodyPose(b);
}

capture::Camera CameraOfWorld(const World& world, int camera_idx, int width_px, int height_px) {
  const Pose half_turn = {Quat(0, 1, 0, 0), Vec3::Zero()};  // about x: y up, z back into y down, z forward
  return CameraFromVerticalFov(width_px, height_px, world.model().cameras()[camera_idx].fovy_rad,
                               world.CameraPose(camera_idx) * half_turn);
}

}  // namespace takt::sim
