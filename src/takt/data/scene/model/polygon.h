// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "takt/core/geom/pose.h"

namespace takt::scene {

// Area of a polygon [m^2]; negative when its corners run clockwise.
double SignedArea(const std::vector<Vec2>& corners);

// Whether its outline has an area and never meets itself. Cost: quadratic in the corners.
bool IsSimple(const std::vector<Vec2>& corners);

}  // namespace takt::scene
