// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "takt/data/splat/model/format_report.h"
#include "takt/data/splat/model/splats.h"

namespace takt::splat {

struct WriteOptions;

bool IsSpz(std::span<const uint8_t> bytes);  // begins with "NGSP", or as a gzip stream: 1f 8b 08 and its flags

// Reads .spz (docs/formats/spz.md): versions 2 and 3 (gzip, or the same bytes uncompressed) and 4 (zstd). The axes stay
// as stored, as the format's own library leaves them unless it is told otherwise.
// Errors: bad_input (damaged, truncated, sizes that contradict each other); unsupported for other versions.
// Memory: no more than a small multiple of the bytes that really come out of the streams; a claimed count is checked
// against what they could give before anything is allocated.
Splats ParseSpz(std::span<const uint8_t> bytes, const std::string& subject, ReadReport& report);

// Version 3 or 4 as options.spz_version says. `splats` must pass CheckSplats. Errors: bad_input for an option.
std::vector<uint8_t> EncodeSpz(const Splats& splats, const WriteOptions& options, WriteReport& report);

}  // namespace takt::splat
