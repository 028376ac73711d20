// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "takt/core/geom/pose.h"

namespace takt {

// det[a - d, b - d, c - d]: six times the signed volume of the tetrahedron, positive where d lies below the plane
// through a, b, c that appear counter-clockwise from above. The sign is exact for finite input whose products neither
// overflow nor underflow; the magnitude is a double's.
// Cost: some thirty operations; where rounding could decide the sign, an exact sum a few hundred times as dear.
// Source: Shewchuk 1997, "Adaptive precision floating-point arithmetic": his error bound of the first stage, then the exact
// sum at once without the stages between.
double Orient3d(const Vec3& a, const Vec3& b, const Vec3& c, const Vec3& d);

}  // namespace takt
