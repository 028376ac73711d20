// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "takt/data/splat/model/format_report.h"
#include "takt/data/splat/model/splats.h"

namespace takt::splat {

std::string_view FormatName(Format format);  // "ply", "splat", "spz", "compressed.ply"

// By the end of the name, upper or lower case: .ply, .compressed.ply, .splat, .spz. Anything else: none, so that a
// caller who knows further formats can go on asking.
std::optional<Format> FormatFromPath(const std::filesystem::path& path);

// Reads a splat file of any format. The content decides: the first four bytes and, for PLY, the declared columns. The
// name decides only where the content has no mark (.splat); read as a coordinate, the marks of the others lie far
// outside any scene (1e-32 and 1e10), so that no .splat is mistaken for them.
// Axes, and the order of the splats, stay as stored. `subject` is what errors call the file; its suffix is the name.
// Errors: not_found; io; bad_input (damaged, truncated, a missing or doubled column, a value that is not finite: the
// index of the splat and its column are named); unsupported (no format we know).
// Cost: O(file); memory is bounded by the bytes that are really there, whatever the header claims.
Splats ReadSplats(const std::filesystem::path& path, ReadReport* report = nullptr);
Splats ParseSplats(std::span<const uint8_t> bytes, const std::string& subject, ReadReport* report = nullptr);

struct WriteOptions {
  std::optional<Format> format;  // none: by the suffix of the path
  // 4 is the version that the format's own library writes since 2026; it is smaller and packs its streams in parallel
  // (docs/formats/spz.md has the numbers). 3 is for viewers from before.
  int spz_version = 4;
  int spz_fractional_bits = 12;  // positions on a grid of 2^-bits units, within +-2^(23-bits); 0-23
  int spz_sh1_bits = 5;          // bits kept of the SH coefficients of degree 1, and of degrees 2 and 3; 1-8
  int spz_sh_rest_bits = 4;
};

// Writes all or nothing. EncodeSplats gives the same bytes without a file.
// Errors: bad_input (no splats, a value that is not finite, an option out of range, a name with no known suffix and no
// format); io.
// Determinism: same splats and options, same bytes, any thread count.
WriteReport WriteSplats(const std::filesystem::path& path, const Splats& splats, const WriteOptions& options = {});
std::vector<uint8_t> EncodeSplats(const Splats& splats, Format format, const WriteOptions& options = {},
                                  WriteReport* report = nullptr);

}  // namespace takt::splat
