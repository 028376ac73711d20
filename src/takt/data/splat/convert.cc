// SPDX-License-Identifier: Apache-2.0
#include "takt/data/splat/convert.h"

#include <utility>

#include "takt/core/base/file.h"
#include "takt/data/splat/codec/codec.h"
#include "takt/data/splat/render/sensitivity.h"
#include "takt/data/splat/score.h"

namespace takt::splat {

ConvertReport Convert(const ConvertOptions& options) {
  ConvertReport report;
  report.out_format = SceneFormatFromPath(options.out);
  CheckWritable(options.out);
  const Splats splats = ReadScene(options.in, &report.in);
  report.splats = splats.size();
  std::vector<uint8_t> bytes;
  if (report.out_format == SceneFormat::kTks) {
    const Sensitivity sensitivity = ComputeSensitivity(splats, ScoringCameras(splats), {1, 1, 1}, options.progress);
    bytes = EncodeTks(splats, sensitivity, {.max_bytes = kUnlimitedBytes, .keep_all = true});
  } else {
    WriteOptions how;
    how.spz_version = options.spz_version;
    WriteReport write;
    bytes = EncodeScene(splats, ForeignFormat(report.out_format), how, &write);
    report.lost = std::move(write.lost);
  }
  report.out_bytes = bytes.size();
  WriteFileAtomic(options.out, bytes);
  return report;
}

}  // namespace takt::splat
