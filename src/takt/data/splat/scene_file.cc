// SPDX-License-Identifier: Apache-2.0
#include "takt/data/splat/scene_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstring>

#include "takt/core/base/error.h"
#include "takt/core/base/file.h"
#include "takt/data/splat/model/transform.h"

namespace takt::splat {
namespace {

constexpr std::string_view kTksMagic = "TKS\x1a";

std::string LowerCase(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

SceneFormat FromForeign(Format format) {
  switch (format) {
    case Format::kPly:
      return SceneFormat::kPly;
    case Format::kSplat:
      return SceneFormat::kSplat;
    case Format::kSpz:
      return SceneFormat::kSpz;
    case Format::kCompressedPly:
      return SceneFormat::kCompressedPly;
  }
  throw Error(ErrorCode::kInternal, "format", "is none of the enumerators");
}

// The matrix that takes coordinates along `axes` ("RUB") to right, down, front; nothing for words that are no axes.
std::optional<std::array<double, 9>> ToRightDownFront(std::string_view axes) {
  static constexpr std::string_view kDirections = "RLDUFB";
  if (axes.size() != 3) return std::nullopt;
  std::array<double, 9> m{};
  for (size_t column = 0; column < 3; ++column) {
    const size_t at = kDirections.find(axes[column]);
    if (at == std::string_view::npos) return std::nullopt;
    m[3 * (at / 2) + column] = at % 2 == 0 ? 1 : -1;
  }
  return m;
}

double Determinant(const std::array<double, 9>& m) {
  return m[0] * (m[4] * m[8] - m[5] * m[7]) - m[1] * (m[3] * m[8] - m[5] * m[6]) + m[2] * (m[3] * m[7] - m[4] * m[6]);
}

Splats TurnToMemory(Splats splats, SceneReport& report) {
  if (report.read.axes == "RDF") return splats;
  const auto rotation = ToRightDownFront(report.read.axes);
  if (!rotation || !(Determinant(*rotation) > 0.5)) {
    report.axes_note = fmt::format("axes {} cannot be turned into RDF; left as stored", report.read.axes);
    return splats;
  }
  report.axes_note = fmt::format("axes turned from {} to RDF", report.read.axes);
  return TransformSplats(splats, *rotation, {0, 0, 0}, 1);
}

}  // namespace

std::string_view SceneFormatName(SceneFormat format) {
  return format == SceneFormat::kTks ? "tks" : FormatName(ForeignFormat(format));
}

SceneFormat SceneFormatFromPath(const std::filesystem::path& path) {
  if (LowerCase(path.extension().string()) == ".tks") return SceneFormat::kTks;
  if (const auto foreign = FormatFromPath(path)) return FromForeign(*foreign);
  throw Error(ErrorCode::kBadInput, path.string(), "does not say by its suffix which format to write",
              "use .tks, .ply, .compressed.ply, .spz or .splat");
}

Format ForeignFormat(SceneFormat format) {
  switch (format) {
    case SceneFormat::kPly:
      return Format::kPly;
    case SceneFormat::kSplat:
      return Format::kSplat;
    case SceneFormat::kSpz:
      return Format::kSpz;
    case SceneFormat::kCompressedPly:
      return Format::kCompressedPly;
    case SceneFormat::kTks:
      break;
  }
  throw Error(ErrorCode::kInternal, "format", "is not one of other programs");
}

Splats ReadScene(const std::filesystem::path& path, SceneReport* report) {
  return ParseScene(ReadFile(path), path.string(), report);
}

Splats ParseScene(std::span<const uint8_t> bytes, const std::string& subject, SceneReport* report) {
  SceneReport local;
  SceneReport& r = report != nullptr ? *report : local;
  r = {};
  Splats splats;
  if (bytes.size() >= kTksMagic.size() && std::memcmp(bytes.data(), kTksMagic.data(), kTksMagic.size()) == 0) {
    r.format = SceneFormat::kTks;
    r.tks = ReadTksInfo(bytes, subject);
    splats = DecodeTks(bytes, subject);
    r.read.version = r.tks->major;
    r.read.file_bytes = bytes.size();
    r.read.splats = splats.size();
    r.read.sh_degree = splats.sh_degree;
  } else {
    if (LowerCase(subject).ends_with(".tks")) {
      throw Error(ErrorCode::kBadInput, subject, "does not begin as a .tks file does",
                  "the file is empty, damaged, or in another format");
    }
    splats = ParseSplats(bytes, subject, &r.read);
    r.format = FromForeign(r.read.format);
    splats = TurnToMemory(std::move(splats), r);
  }
  if (splats.size() == 0) throw Error(ErrorCode::kBadInput, subject, "holds no splats");
  return splats;
}

std::vector<uint8_t> EncodeScene(const Splats& splats, Format format, const WriteOptions& options,
                                 WriteReport* report) {
  if (format != Format::kSpz) return EncodeSplats(splats, format, options, report);
  return EncodeSplats(TransformSplats(splats, kHalfTurnAboutX, {0, 0, 0}, 1), format, options, report);
}

void CheckWritable(const std::filesystem::path& path) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) {
    throw Error(ErrorCode::kBadInput, path.string(), "is a folder; a file is to be written");
  }
  const std::filesystem::path folder = path.has_parent_path() ? path.parent_path() : ".";
  if (!std::filesystem::is_directory(folder, ignored)) {
    throw Error(ErrorCode::kNotFound, folder.string(), "is not a folder, so nothing can be written there",
                fmt::format("mkdir -p {}", folder.string()));
  }
}

}  // namespace takt::splat
