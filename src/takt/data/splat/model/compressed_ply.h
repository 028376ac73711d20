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

bool IsCompressedPly(const PlyHeader& header);  // has the column packed_position

// Reads SuperSplat's .compressed.ply (docs/formats/compressed_ply.md): chunks of 12 floats (old) or 18 (with the range
// of the colours), optional SH.
// Errors: bad_input naming what is missing, of the wrong type or not finite; unsupported for an encoding other than
// binary little endian.
Splats ParseCompressedPly(std::span<const uint8_t> bytes, const PlyHeader& header, const std::string& subject,
                          ReadReport& report);

// Morton order, 256 splats a chunk, 18 floats a chunk. `splats` must pass CheckSplats.
std::vector<uint8_t> EncodeCompressedPly(const Splats& splats, WriteReport& report);

}  // namespace takt::splat
