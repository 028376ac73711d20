// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "takt/data/capture/capture.h"

namespace takt::capture {

// The points of a PLY file (ascii or binary_little_endian): properties x, y, z of element `vertex`, and red, green,
// blue where present (integers 0-255, or floats 0-1; grey 128 otherwise). Other properties and elements are skipped.
// `left_out` counts points whose coordinates are not finite.
// Errors: bad_input naming `subject` (damaged, counts beyond the file); unsupported (binary_big_endian).
std::vector<Point> ParsePlyPoints(std::span<const uint8_t> bytes, const std::string& subject, size_t& left_out);

// The same from a file; appends a warning where points were left out. Errors: also not_found, io.
std::vector<Point> ReadPlyPoints(const std::filesystem::path& path, std::vector<std::string>& warnings);

}  // namespace takt::capture
