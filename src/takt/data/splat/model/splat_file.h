// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "takt/data/splat/model/format_report.h"
#include "takt/data/splat/model/splats.h"

namespace takt::splat {

// Reads a .splat file: 32-byte records, nothing else (docs/formats/splat.md). A scale of 0 becomes a flat one.
// Errors: bad_input for an empty file, a length that is no multiple of 32, a negative scale, a value that is not
// finite, a zero quaternion.
Splats ParseSplatFile(std::span<const uint8_t> bytes, const std::string& subject, ReadReport& report);

// Most important splats first: descending opacity x volume, ties in their order. SH above degree 0 are dropped.
// `splats` must pass CheckSplats.
std::vector<uint8_t> EncodeSplatFile(const Splats& splats, WriteReport& report);

}  // namespace takt::splat
