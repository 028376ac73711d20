// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <span>

#include "takt/core/base/error.h"
#include "takt/data/dataset/parquet/parquet.h"

// Reads any bytes as a Parquet file; what can be read is written again and must come back the same.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace takt::dataset;
  constexpr ParquetLimits kLimits = {1 << 20, 1 << 20, 1 << 20};
  try {
    const ParquetReader reader(std::span(data, size), "fuzz", kLimits);
    ParquetWriter writer(reader.schema(), reader.metadata());
    for (size_t group = 0; group < reader.row_groups().size() && group < 4; ++group) {
      std::vector<Array> columns;
      for (size_t field = 0; field < reader.fields().size(); ++field) columns.push_back(reader.ReadField(group, field));
      writer.WriteRowGroup(columns);
      writer.CopyRowGroup(reader, group);
    }
    const std::vector<uint8_t> bytes = writer.Finish();
    const ParquetReader again(bytes, "again");
    if (again.fields() != reader.fields()) __builtin_trap();
  } catch (const takt::Error&) {
  }
  return 0;
}
