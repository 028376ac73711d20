// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "takt/core/base/error.h"
#include "takt/data/dataset/meta.h"

// Any bytes as info.json, as statistics, as a pattern of paths and as the tables of episodes and tasks give values or
// takt::Error. The first byte chooses.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace takt::dataset;  // NOLINT: a program of one function
  if (size == 0) return 0;
  const std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
  try {
    switch (data[0] % 4) {
      case 0: {
        const DatasetInfo info = ParseInfo(text, "fuzz");
        FormatInfo(info);
        DataFields(info);
        EpisodeFields(info);
        break;
      }
      case 1:
        StatsToJson(StatsFromJson(ParseJson(text, "fuzz"), "fuzz"));
        break;
      case 2: {
        const auto path = ExpandPattern(text, {{"chunk_index", 7}, {"file_index", 123}}, "cam");
        const auto normal = path.lexically_normal();
        if (path.is_absolute() || (!normal.empty() && *normal.begin() == "..")) __builtin_trap();
        break;
      }
      default: {
        const ParquetReader reader(std::span(data + 1, size - 1), "fuzz", {1 << 20, 1 << 20, 1 << 20});
        const DatasetInfo info =
            MakeInfo(DatasetFormat::kV30, 30, "arm", {VectorFeature("action", {"x"}), PictureFeature("cam", 64, 64)});
        ReadEpisodeRows(reader, info, true);
        ReadTasksParquet(reader);
      }
    }
  } catch (const takt::Error&) {
  }
  return 0;
}
