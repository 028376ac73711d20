// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "takt/data/dataset/parquet/parquet.h"

namespace takt::dataset {

// The page in `bytes`, which claims to become `size` bytes. No more than the codec could make of that many bytes is
// allocated: 1 (none), 22 (Snappy), 1033 (deflate) or 32,768 (zstd) for each.
// Errors: bad_input (damaged, or another size than claimed); unsupported for other codecs.
std::vector<uint8_t> Decompress(Codec codec, std::span<const uint8_t> bytes, uint64_t size, const std::string& subject);

// Errors: unsupported for a codec that is only read.
std::string Compress(Codec codec, int zstd_level, std::string_view bytes);

// CRC-32 as gzip has it.
uint32_t Crc32(std::span<const uint8_t> bytes);

}  // namespace takt::dataset
