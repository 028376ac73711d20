// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "takt/data/dataset/parquet/parquet.h"

namespace takt::dataset {

// FileMetaData: what stands at the end of a file.
struct Footer {
  ParquetSchema schema;
  int64_t num_rows = 0;
  std::vector<RowGroup> row_groups;
  std::vector<KeyValue> metadata;
  std::string created_by;
};

// `content_end`: where the footer begins; every column chunk must lie in [4, content_end).
// Errors: bad_input for numbers that contradict each other or the file; unsupported for encryption, chunks in other
// files, unknown codecs (when the column is read) and what ParquetSchema does not take.
Footer ParseFooter(std::span<const uint8_t> bytes, uint64_t content_end, const std::string& subject);
std::string EncodeFooter(const Footer& footer);

enum class PageType : int32_t { kData, kIndex, kDictionary, kDataV2 };

struct PageHeader {
  PageType type = PageType::kData;
  int32_t uncompressed_bytes = 0, compressed_bytes = 0;
  std::optional<uint32_t> crc;  // of the compressed bytes
  int32_t num_values = 0;
  Encoding encoding = Encoding::kPlain;
  Encoding definition_encoding = Encoding::kRle, repetition_encoding = Encoding::kRle;  // kData
  int32_t definition_bytes = 0, repetition_bytes = 0;                                   // kDataV2
  bool compressed = true;                                                               // kDataV2: the values
  ColumnStatistics statistics;                                                          // written only
};

// Reads a header from the front of `bytes`; gives its length too. Errors: bad_input, negative sizes among them.
PageHeader ParsePageHeader(std::span<const uint8_t> bytes, size_t& header_bytes, const std::string& subject);
// kData and kDictionary.
std::string EncodePageHeader(const PageHeader& header);

}  // namespace takt::dataset
