// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "takt/core/base/error.h"
#include "takt/data/dataset/parquet/parquet.h"

namespace {

using namespace takt::dataset;

std::vector<uint8_t> WriteAgain(const ParquetReader& reader) {
  ParquetWriter writer(reader.schema(), reader.metadata());
  for (size_t group = 0; group < std::min<size_t>(reader.row_groups().size(), 4); ++group) {
    std::vector<Array> columns;
    for (size_t field = 0; field < reader.fields().size(); ++field) columns.push_back(reader.ReadField(group, field));
    writer.WriteRowGroup(columns);
  }
  return writer.Finish();
}

}  // namespace

// Reads any bytes as a Parquet file. What can be read is written; our file, read and written once more, must give the
// same bytes: bytes rather than values, because a NaN differs from itself.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::vector<uint8_t> ours;
  try {
    const ParquetReader reader(std::span(data, size), "fuzz", {1 << 20, 1 << 20, 1 << 20});
    ours = WriteAgain(reader);
    ParquetWriter copy(reader.schema(), {});
    for (size_t group = 0; group < reader.row_groups().size(); ++group) copy.CopyRowGroup(reader, group);
  } catch (const takt::Error&) {
    return 0;
  }
  if (WriteAgain(ParquetReader(ours, "ours")) != ours) __builtin_trap();
  return 0;
}
