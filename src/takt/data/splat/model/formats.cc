// SPDX-License-Identifier: Apache-2.0
#include "takt/data/splat/model/formats.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <utility>

#include "takt/core/base/error.h"
#include "takt/core/base/file.h"
#include "takt/data/splat/model/compressed_ply.h"
#include "takt/data/splat/model/ply.h"
#include "takt/data/splat/model/splat_file.h"
#include "takt/data/splat/model/spz.h"

namespace takt::splat {
namespace {

constexpr std::string_view kKnownFormats = "Takt knows .ply, .compressed.ply, .splat and .spz";

}  // namespace

std::string_view FormatName(Format format) {
  switch (format) {
    case Format::kPly:
      return "ply";
    case Format::kSplat:
      return "splat";
    case Format::kSpz:
      return "spz";
    case Format::kCompressedPly:
      return "compressed.ply";
  }
  return "";
}

std::optional<Format> FormatFromPath(const std::filesystem::path& path) {
  std::string name = path.filename().string();
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
  // The longer suffix first: .compressed.ply ends in .ply too.
  for (const Format f : {Format::kCompressedPly, Format::kPly, Format::kSplat, Format::kSpz}) {
    if (name.ends_with(fmt::format(".{}", FormatName(f)))) return f;
  }
  return std::nullopt;
}

Splats ParseSplats(std::span<const uint8_t> bytes, const std::string& subject, ReadReport* report) {
  ReadReport local;
  ReadReport& r = report != nullptr ? *report : local;
  r = {};
  r.file_bytes = bytes.size();
  Splats splats;
  if (IsSpz(bytes)) {
    splats = ParseSpz(bytes, subject, r);
  } else if (IsPly(bytes)) {
    const PlyHeader header = ParsePlyHeader(bytes, subject);
    splats =
        IsCompressedPly(header) ? ParseCompressedPly(bytes, header, subject, r) : ParsePly(bytes, header, subject, r);
  } else {
    const auto named = FormatFromPath(subject);
    if (!named) {
      throw Error(ErrorCode::kUnsupported, subject, "is in no splat format that is known here",
                  std::string(kKnownFormats));
    }
    if (*named != Format::kSplat) {
      throw Error(ErrorCode::kBadInput, subject, "does not begin as its name says",
                  "the file is empty, damaged, or in another format");
    }
    splats = ParseSplatFile(bytes, subject, r);
  }
  r.splats = splats.size();
  r.sh_degree = splats.sh_degree;
  return splats;
}

Splats ReadSplats(const std::filesystem::path& path, ReadReport* report) {
  return ParseSplats(ReadFile(path), path.string(), report);
}

std::vector<uint8_t> EncodeSplats(const Splats& splats, Format format, const WriteOptions& options,
                                  WriteReport* report) {
  WriteReport local;
  WriteReport& r = report != nullptr ? *report : local;
  r = {};
  CheckSplats(splats, "splats");
  if (splats.size() == 0) throw Error(ErrorCode::kBadInput, "splats", "there are none to write");
  switch (format) {
    case Format::kPly:
      return EncodePly(splats, r);
    case Format::kSplat:
      return EncodeSplatFile(splats, r);
    case Format::kSpz:
      return EncodeSpz(splats, options, r);
    case Format::kCompressedPly:
      return EncodeCompressedPly(splats, r);
  }
  throw Error(ErrorCode::kInternal, "format", "is none of the enumerators");
}

WriteReport WriteSplats(const std::filesystem::path& path, const Splats& splats, const WriteOptions& options) {
  const std::optional<Format> format = options.format ? options.format : FormatFromPath(path);
  if (!format) {
    throw Error(ErrorCode::kBadInput, path.string(), "does not say by its suffix which format to write",
                std::string(kKnownFormats));
  }
  WriteReport report;
  WriteFileAtomic(path, EncodeSplats(splats, *format, options, &report));
  return report;
}

}  // namespace takt::splat
