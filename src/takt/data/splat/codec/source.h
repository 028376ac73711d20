// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "takt/data/splat/codec/splat_math.h"
#include "takt/data/splat/model/splats.h"
#include "takt/data/splat/render/sensitivity.h"

namespace takt::splat {

// All splats of a model in coding order (Morton order of their positions), every attribute in the form in which it is
// coded, beside what an error in it costs. Made once; every budget starts from here.
struct SplatSource {
  int sh_degree = 0;
  bool antialiased = false;
  SpaceMap space;
  float blur = 0;                             // what the pixel grid adds to the splats' standard deviations [world units]
  std::array<float, 9> colour_rows{};         // orthonormal rows: decorrelated = rows * rgb
  std::vector<uint64_t> codes;                // [N] Morton codes of 16 levels, ascending
  std::array<std::vector<uint32_t>, 3> fixed; // [N] position in the cube
  std::array<std::vector<float>, 3> scales;   // [N] log scales, largest first
  std::vector<std::array<float, 4>> quats;    // [N] w x y z of the sorted axes
  std::vector<float> log_opacity;             // [N] ln of the opacity
  std::vector<std::vector<float>> colour;     // [3 K][N] channel c, coefficient k at c K + k, decorrelated

  // Costs: mean squared error of the pictures per squared error.
  std::vector<float> removal;                      // [N]
  std::vector<float> dc_cost;                      // [N]
  std::array<std::vector<float>, 3> fixed_cost;    // [N] per squared u (SpaceMap)
  std::array<std::vector<float>, 3> scale_cost;    // [N]
  std::array<std::vector<float>, 3> turn_cost;     // [N] about the sorted axes, per squared radian
  std::vector<float> opacity_cost;                 // [N]
  std::vector<float> sh_cost_ratio;                // [K] cost of a coefficient relative to the DC's, whole model

  size_t size() const { return codes.size(); }
};

// Errors: bad_input naming `subject` when splats and sensitivities disagree in size, or there are no splats.
// Cost: O(N log N). Deterministic for any thread count.
SplatSource PrepareSource(const Splats& splats, const Sensitivity& sensitivity, const char* subject);

// The splats `kept` (ascending) alone.
SplatSource Subset(const SplatSource& source, std::span<const uint32_t> kept);

}  // namespace takt::splat
