// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "takt/data/splat/codec/codec.h"
#include "takt/data/splat/model/formats.h"
#include "takt/data/splat/model/splats.h"

namespace takt::splat {

// Every splat file that the verbs read and write: the formats of other programs, and our own .tks.
enum class SceneFormat { kPly, kSplat, kSpz, kCompressedPly, kTks };

std::string_view SceneFormatName(SceneFormat format);  // "ply", "tks", ...

// By the suffix of the name. Errors: bad_input naming the suffixes that there are.
SceneFormat SceneFormatFromPath(const std::filesystem::path& path);
// The enumerator of model/formats.h. Precondition: not kTks.
Format ForeignFormat(SceneFormat format);

// A budget that no scene reaches: .tks files are then as fine as the format allows.
inline constexpr uint64_t kUnlimitedBytes = uint64_t{1} << 40;

struct SceneReport {
  SceneFormat format = SceneFormat::kPly;
  ReadReport read;             // kTks: file_bytes, splats, sh_degree, version = major
  std::optional<TksInfo> tks;  // of a .tks file
  std::string axes_note;       // how the axes were turned; empty where they were not
};

// Reads a splat file of any format, by content. In memory axes are always those of .ply (x right, y down, z forward:
// the world of the capture that it was trained from); files with other axes (.spz: y up, z back) are turned. Mirrored
// axes are left as stored, and axes_note says so.
// Errors: as ReadSplats and DecodeTks; bad_input when there are no splats.
Splats ReadScene(const std::filesystem::path& path, SceneReport* report = nullptr);
// The same from bytes; the suffix of `subject` is the name that counts.
Splats ParseScene(std::span<const uint8_t> bytes, const std::string& subject, SceneReport* report = nullptr);

// The bytes of a file in a format of other programs, axes turned to its convention.
// Errors: as EncodeSplats.
std::vector<uint8_t> EncodeScene(const Splats& splats, Format format, const WriteOptions& options = {},
                                 WriteReport* report = nullptr);

// Errors: bad_input where `path` is a folder; not_found where its folder does not exist. Long work asks this first.
void CheckWritable(const std::filesystem::path& path);

}  // namespace takt::splat
