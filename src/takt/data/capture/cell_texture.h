// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "takt/data/capture/raycast_math.h"

namespace takt::capture::cell {

// Uniform in [0, 1) for an integer lattice point.
float LatticeNoise(int32_t x, int32_t y, int32_t z);
// Smooth noise in [0, 1] with features of size 1; `octaves` finer layers of half the size and half the weight each.
float Noise(raycast::Vec3 p, int octaves);

// Coverage in [0, 1] at (x, y) of a line of text whose capitals stand on y = 0 and are 1 high; the line starts at
// x = 0. Letters are drawn as strokes; capitals, digits and - . / are known, all else is blank. `blur` softens the
// edge.
float TextCoverage(const std::string& line, float x, float y, float blur);
float TextWidth(const std::string& line);

}  // namespace takt::capture::cell
