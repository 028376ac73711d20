// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "takt/data/dataset/parquet/levels.h"
#include "takt/data/dataset/parquet/parquet.h"

namespace takt::dataset {

// A column of a row group, ready to be written. Offsets of the chunk count from the beginning of `bytes`.
struct EncodedColumn {
  std::string bytes;
  ColumnChunk chunk;
};

// Encodes both ways, PLAIN and with a dictionary, where a dictionary has a chance, and keeps the smaller.
// Bounds are left out for types whose order is not that of the physical type.
// Errors: bad_input for a row that does not fit into a page (2 GiB).
EncodedColumn EncodeColumn(const Leaf& leaf, const ShreddedLeaf& values, const ParquetWriteOptions& options);

}  // namespace takt::dataset
