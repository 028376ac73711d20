// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "takt/data/splat/model/format_report.h"
#include "takt/data/splat/model/ply_header.h"
#include "takt/data/splat/model/splats.h"

namespace takt::splat {

// Reads the 3DGS .ply layout (docs/formats/ply.md): binary of either byte order or text; columns in any order, float or
// double; SH degree from the number of f_rest columns. Extra columns and elements are ignored and reported. A file
// without scale_2 (2-D splats) gets flat ones. An infinite opacity logit, or a scale of minus infinity, means an
// opacity of 0 or 1, or a scale of 0, and is replaced by a finite value that means the same.
// Errors: bad_input, naming the column or the splat; unsupported for lists before or in the vertices.
Splats ParsePly(std::span<const uint8_t> bytes, const PlyHeader& header, const std::string& subject,
                ReadReport& report);

// Binary little endian, the columns of the original 3DGS program in their order, so that readers with a fixed layout
// can use it too. Bit-exact: ParsePly gives the same floats back. `splats` must pass CheckSplats.
std::vector<uint8_t> EncodePly(const Splats& splats, WriteReport& report);

}  // namespace takt::splat
