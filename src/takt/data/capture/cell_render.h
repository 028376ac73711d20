// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "takt/core/io/image.h"
#include "takt/data/capture/camera.h"
#include "takt/data/capture/cell_light.h"

namespace takt::capture::cell {

// The ray through the pixel coordinates (u_px, v_px); the middle of the first pixel is (0.5, 0.5).
raycast::Ray RayThrough(const Camera& camera, float u_px, float v_px);

// A picture of the scene: key light with soft shadow, indirect light, highlights and one reflection; filmic tone curve,
// sRGB, 8 bit. Every pixel takes 4 stratified samples, and where they differ 8 or 12.
// Determinism: the same for any thread count. Cost: about 2 s of one core for 640 x 480.
Image8 Render(const LitScene& scene, const Camera& camera);

}  // namespace takt::capture::cell
