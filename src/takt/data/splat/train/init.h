// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "takt/data/capture/capture.h"
#include "takt/data/capture/view_source.h"
#include "takt/data/splat/model/splats.h"

namespace takt::splat {

// The first splats of a training: at most `count`, SH degree `sh_degree` with only the DC term set.
//   - structure-from-motion points where the capture has at least 100, thinned evenly to `count`;
//   - else, where pictures have alpha, points inside the visual hull of the training views;
//   - else points along random training rays, coloured by their pixel, at log-uniform depths about the place that the
//     cameras look at.
// Scales are the root mean square distance to the three nearest neighbours (Kerbl et al. 2023).
// Determinism: a function of the capture, its pictures and the seed. Errors: bad_input without training views.
Splats InitialSplats(const capture::Capture& capture, capture::ViewSource& source, size_t count, int sh_degree,
                     uint64_t seed);

}  // namespace takt::splat
