// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>

#include "takt/data/splat/model/splats.h"

namespace takt::splat {

// Turns RDF axes (x right, y down, z forward: .ply) into RUB (x right, y up, z back: .spz by its specification), or
// RUB into RDF.
inline constexpr std::array<double, 9> kHalfTurnAboutX = {1, 0, 0, 0, -1, 0, 0, 0, -1};

// Moves a scene: p_new = scale * R p + t.
//   means    scale * R p + t
//   scales   log(s) + log(scale)
//   quats    q_R * q
//   sh       degree by degree, so that the colour seen along R d is what was seen along d: exact for degrees 0-3
// `rotation` R [3, 3] row-major, orthonormal with determinant +1; `translation` t [3]; `scale` > 0.
// Errors: bad_input when R is no rotation (to 1e-5), or anything is not finite. Cost: O(N).
// Determinism: same input, same bytes, any thread count.
// Source for SH: projection M = integral of Y(R^T d) Y(d)^T over the sphere, by a quadrature exact for these degrees.
Splats TransformSplats(const Splats& splats, const std::array<double, 9>& rotation,
                       const std::array<double, 3>& translation, double scale);

}  // namespace takt::splat
