// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "takt/core/base/progress.h"
#include "takt/data/splat/scene_file.h"

namespace takt::splat {

struct ConvertOptions {
  std::filesystem::path in, out;  // the suffix of `out` names the format
  int spz_version = 4;            // as WriteOptions
  ProgressSink progress;
};
struct ConvertReport {
  SceneReport in;
  SceneFormat out_format = SceneFormat::kPly;
  uint64_t out_bytes = 0;
  size_t splats = 0;
  std::vector<std::string> lost;  // what the new format cannot hold
};

// `takt splat convert`: the same splats in another format, axes turned where the conventions differ. A .tks file
// written here is as fine as the format allows; Compress chooses its size.
// Errors: as ReadScene and EncodeScene; io.
ConvertReport Convert(const ConvertOptions& options);

}  // namespace takt::splat
