// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace takt::splat {

// The splat file formats of other programs. Exact layouts: docs/formats/.
enum class Format {
  kPly,            // 3DGS .ply: every parameter as a float
  kSplat,          // .splat: 32 bytes a splat, colour only
  kSpz,            // .spz: quantised, gzip (v2, v3) or zstd (v4)
  kCompressedPly,  // SuperSplat .compressed.ply: quantised in chunks of 256
};

// What a reader found, so that nothing is lost in silence.
struct ReadReport {
  Format format = Format::kPly;
  int version = 0;           // .spz: 2, 3, 4; .compressed.ply: 12 or 18 floats a chunk; otherwise 0
  std::string encoding;      // "binary_little_endian", "gzip", "zstd", "plain", ...
  std::string axes = "RDF";  // of x, y, z by the format's convention (right, down, front); never converted
  uint64_t file_bytes = 0;   // [B]
  size_t splats = 0;
  int sh_degree = 0;                   // of the result
  std::vector<std::string> columns;    // as declared, in file order; the fixed fields where the format declares none
  std::vector<std::string> ignored;    // columns, elements, extensions, coefficients that carry more than we keep
  std::vector<std::string> defaulted;  // what had to be filled in or replaced, and by what
};

// What a writer could not keep. Rounding to the format's grid is not listed; leaving its range is.
struct WriteReport {
  Format format = Format::kPly;
  uint64_t file_bytes = 0;        // [B]
  std::vector<std::string> lost;  // e.g. "SH of degree 3: .splat holds colour only"
};

}  // namespace takt::splat
