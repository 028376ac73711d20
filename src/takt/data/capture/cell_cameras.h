// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <vector>

#include "takt/data/capture/camera.h"

namespace takt::capture::cell {

// The centre of what the cameras look at [m].
inline constexpr double kLookAtX_m = 0.05, kLookAtY_m = 0.45, kLookAtZ_m = 0.85;

// `count` cameras on a smooth path in the open front of the cell: from side to side while it climbs from eye level of a
// seated person to a high view. All look at points near the middle of the cell; upright, 65 degrees wide.
std::vector<Camera> CameraPath(int count, int width_px, int height_px);

// A camera at `eye` that looks at `target`, upright.
Camera LookAt(const std::array<double, 3>& eye, const std::array<double, 3>& target, double horizontal_fov_rad,
              int width_px, int height_px);

}  // namespace takt::capture::cell
