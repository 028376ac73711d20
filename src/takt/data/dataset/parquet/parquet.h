// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "takt/data/dataset/parquet/array.h"
#include "takt/data/dataset/parquet/schema.h"

// Apache Parquet, read and written (docs/formats/parquet.md says which part of it).
// Source: github.com/apache/parquet-format, format version 2.
namespace takt::dataset {

// Numbers as parquet.thrift has them.
enum class Codec : int32_t { kNone = 0, kSnappy = 1, kGzip = 2, kZstd = 6 };
enum class Encoding : int32_t {
  kPlain = 0,
  kPlainDictionary = 2,
  kRle = 3,
  kBitPacked = 4,
  kDeltaBinaryPacked = 5,
  kDeltaLengthByteArray = 6,
  kDeltaByteArray = 7,
  kRleDictionary = 8,
  kByteStreamSplit = 9
};

struct KeyValue {
  std::string key, value;
  bool operator==(const KeyValue&) const = default;
};

// Of one column in one row group; min and max as PLAIN encodes one value (byte arrays without their length).
struct ColumnStatistics {
  std::optional<std::string> min, max;
  std::optional<int64_t> null_count;
};

// Where a column of a row group lies and what its footer says about it.
struct ColumnChunk {
  Codec codec = Codec::kNone;
  std::vector<Encoding> encodings;
  int64_t num_values = 0;          // with missing values and empty lists
  int64_t uncompressed_bytes = 0;  // pages with their headers
  int64_t compressed_bytes = 0;
  int64_t data_page_offset = 0;  // in the file
  std::optional<int64_t> dictionary_page_offset;
  ColumnStatistics statistics;

  // Where its first page begins.
  int64_t offset() const;
};

struct RowGroup {
  int64_t num_rows = 0;
  int64_t total_bytes = 0;           // uncompressed
  std::vector<ColumnChunk> columns;  // one for each leaf
};

// What is believed of a file that somebody else made. A claim above a limit is bad_input before anything is allocated.
struct ParquetLimits {
  uint64_t max_footer_bytes = uint64_t{1} << 26;
  uint64_t max_page_bytes = uint64_t{1} << 28;    // one page, decompressed
  uint64_t max_column_bytes = uint64_t{1} << 30;  // what one ReadField or ReadLeaf decodes: values and levels
};

// A column of a row group as it is stored.
struct LeafValues {
  size_t num_values = 0;                   // with missing values and empty lists
  Values values;                           // present ones only
  std::vector<uint8_t> definition_levels;  // [num_values]; empty when max_definition is 0
  std::vector<uint8_t> repetition_levels;  // [num_values]; empty when max_repetition is 0
};

// A Parquet file that is open for reading. The footer is in memory; columns are read when asked for, each with one read
// of its bytes. Const functions may be called from several threads at once.
class ParquetReader {
 public:
  // Errors: not_found; io; bad_input (truncated, lying sizes, offsets or counts, no footer); unsupported (encrypted).
  // Cost: one read of the footer.
  explicit ParquetReader(const std::filesystem::path& path, const ParquetLimits& limits = {});
  // Borrows the bytes: they must outlive the reader. `subject` names them in errors.
  ParquetReader(std::span<const uint8_t> bytes, std::string subject, const ParquetLimits& limits = {});
  ParquetReader(ParquetReader&&) noexcept;
  ParquetReader& operator=(ParquetReader&&) noexcept;
  ~ParquetReader();

  const std::string& subject() const;
  const ParquetSchema& schema() const;
  const std::vector<Field>& fields() const { return schema().fields(); }
  const std::vector<KeyValue>& metadata() const;  // "huggingface", "pandas", "ARROW:schema" ...
  std::optional<std::string> FindMetadata(std::string_view key) const;
  const std::string& created_by() const;
  int64_t num_rows() const;
  uint64_t file_bytes() const;
  const std::vector<RowGroup>& row_groups() const;

  // A top-level column, assembled: of one row group, or of all of them end to end.
  // Errors: bad_input (damaged pages, levels that contradict each other or num_rows, a decoded size above the limits);
  // unsupported (INT96, BROTLI, LZO, LZ4); not_found for a name that is not there; io.
  // Cost: reads the bytes of its leaves and no others; memory about compressed + decoded size of one leaf at a time,
  // and the result.
  Array ReadField(size_t row_group, size_t field) const;
  Array ReadField(size_t row_group, std::string_view name) const;
  Array ReadField(std::string_view name) const;
  // A stored column with its levels. Errors and cost as ReadField.
  LeafValues ReadLeaf(size_t row_group, size_t leaf) const;
  // The raw pages of a stored column, for copying it as it is. Errors: bad_input, io.
  std::vector<uint8_t> ReadChunkBytes(size_t row_group, size_t leaf) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

struct ParquetWriteOptions {
  Codec codec = Codec::kSnappy;   // kGzip is read only
  int zstd_level = 3;             // 1..19
  bool dictionary = true;         // where it makes a column smaller
  uint64_t page_bytes = 1 << 20;  // a data page ends at the row after which it holds this many bytes
  std::string created_by;         // in the footer; empty = "takt version X.Y.Z"
};

// Writes a Parquet file row group by row group, into memory or to a file.
//
// A file is readable after every Checkpoint(): it ends in a footer that lists all row groups so far, and later row
// groups come behind that footer, which stays in the file as dead bytes. So a process that dies loses what it wrote
// since the last Checkpoint(), and RecoverParquet gives the rest back. Determinism: the same calls give the same bytes.
class ParquetWriter {
 public:
  // Into memory.
  ParquetWriter(ParquetSchema schema, std::vector<KeyValue> metadata, const ParquetWriteOptions& options = {});
  // To a new file at `path`; one that is there is replaced. Errors: io.
  ParquetWriter(const std::filesystem::path& path, ParquetSchema schema, std::vector<KeyValue> metadata,
                const ParquetWriteOptions& options = {});
  // Goes on with a file: schema, metadata and row groups are its own. Errors: as of ParquetReader.
  static ParquetWriter Append(const std::filesystem::path& path, const ParquetWriteOptions& options = {});
  ParquetWriter(ParquetWriter&&) noexcept;
  ParquetWriter& operator=(ParquetWriter&&) noexcept;
  ~ParquetWriter();  // closes the file; what came after the last Checkpoint() or Finish() is not in any footer

  // Encodes one array per field, all of one length, as a row group. Errors: bad_input (CheckArray); io.
  void WriteRowGroup(const std::vector<Array>& columns);
  // Copies a row group without decoding it: codec, encodings and statistics stay as they are.
  // Errors: bad_input unless both schemas have the same leaves; io.
  void CopyRowGroup(const ParquetReader& from, size_t row_group);
  // Writes a footer and syncs the file to disk, twice: rows before their footer. Cost: two fsyncs, and about 100 bytes
  // for each column of each row group so far.
  void Checkpoint();
  // As Checkpoint, if anything came after the last one, and closes the file; no call may follow. Gives the bytes of a
  // writer into memory (empty for a file).
  std::vector<uint8_t> Finish();

  const ParquetSchema& schema() const;
  int64_t num_rows() const;
  uint64_t bytes_written() const;  // of the file so far

 private:
  struct State;
  explicit ParquetWriter(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// The size to which a file that a dead writer left must be cut so that it ends in its last whole footer; nothing when
// there is none. A file that is whole gives its own size. Errors: not_found; io. Cost: reads the file once at most.
std::optional<uint64_t> FindLastFooter(const std::filesystem::path& path);
// Cuts the file there. Gives the bytes cut off. Errors: not_found; io; bad_input when there is no whole footer.
uint64_t RecoverParquet(const std::filesystem::path& path);

}  // namespace takt::dataset
