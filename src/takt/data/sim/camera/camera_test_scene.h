// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "takt/core/base/rng.h"
#include "takt/data/sim/camera/camera.h"

namespace takt::sim {

struct TestScene {
  std::vector<CameraShape> shapes;
  std::vector<Pose> world_from_body;
};

// A floor and `objects` bodies of two primitives each, with every pattern, scattered over it.
inline TestScene MakeTestScene(int objects, int segments, uint64_t seed) {
  TestScene scene;
  const Rng rng(seed, 3);
  const auto uniform = [&](int object, int what) { return static_cast<double>(rng.Uniform(64 * object + what)); };
  CameraShape floor;
  floor.mesh = BoxMesh({2, 2, 0.02});
  floor.body_from_shape = Pose::Translation(0, 0, -0.01);
  floor.material.rgba = {0.75f, 0.7f, 0.62f, 1};
  floor.material.texture = {Pattern::kChecker, {0.6f, 0.58f, 0.55f}, 0.13, seed};
  floor.segmentation_id = 1;
  scene.shapes.push_back(floor);
  scene.world_from_body.emplace_back();
  for (int i = 0; i < objects; ++i) {
    const double size_m = 0.08 + 0.12 * uniform(i, 0);
    CameraShape shape;
    shape.body_idx = i + 1;
    shape.segmentation_id = static_cast<uint32_t>(i) + 2;
    for (int c = 0; c < 3; ++c) shape.material.rgba[c] = static_cast<float>(0.15 + 0.8 * uniform(i, 1 + c));
    shape.material.texture.pattern = static_cast<Pattern>(i % 4);
    shape.material.texture.other_rgb = {0.9f, 0.9f, 0.85f};
    shape.material.texture.scale_m = 0.04;
    shape.material.texture.seed = seed + i;
    switch (i % 3) {
      case 0: shape.mesh = BoxMesh({size_m, 0.8 * size_m, size_m}); break;
      case 1: shape.mesh = CylinderMesh(0.8 * size_m, size_m, segments); break;
      default: shape.mesh = SphereMesh(size_m, segments); break;
    }
    scene.shapes.push_back(shape);
    shape.mesh = CapsuleMesh(0.3 * size_m, size_m, segments);
    shape.body_from_shape = Pose::Yaw(1, {0, 0, 0.7 * size_m});
    shape.material.texture = {};
    scene.shapes.push_back(shape);
    const auto n = rng.Normal4(64 * i + 40);
    const Quat tilt = Quat(1, 0.1 * n[0], 0.1 * n[1], n[2]).normalized();
    scene.world_from_body.push_back({tilt, {1.6 * uniform(i, 8) - 0.8, 1.6 * uniform(i, 9) - 0.8, 0.55 * size_m}});
  }
  return scene;
}

}  // namespace takt::sim
