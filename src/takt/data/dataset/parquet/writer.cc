// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "takt/core/base/error.h"
#include "takt/core/base/parallel.h"
#include "takt/data/dataset/parquet/footer.h"
#include "takt/data/dataset/parquet/levels.h"
#include "takt/data/dataset/parquet/page_writer.h"
#include "takt/data/dataset/parquet/parquet.h"
#include "takt/data/dataset/parquet/source.h"

namespace takt::dataset {

struct ParquetWriter::State {
  std::unique_ptr<ByteSink> sink;
  std::string subject;
  ParquetWriteOptions options;
  Footer footer;
  uint64_t size = 0;         // of the file so far
  bool needs_footer = true;  // whether something came after the last one

  State(std::unique_ptr<ByteSink> s, std::string name, const ParquetWriteOptions& o)
      : sink(std::move(s)), subject(std::move(name)), options(o) {
    if (options.codec != Codec::kNone && options.codec != Codec::kSnappy && options.codec != Codec::kZstd) {
      throw Error(ErrorCode::kUnsupported, subject, "is written with Snappy, zstd or uncompressed");
    }
    if (options.zstd_level < 1 || options.zstd_level > 19) {
      throw Error(ErrorCode::kBadInput, subject, fmt::format("has zstd level {}", options.zstd_level), "use 1 to 19");
    }
  }

  void Begin(ParquetSchema schema, std::vector<KeyValue> metadata) {
    footer.schema = std::move(schema);
    if (footer.schema.leaves().empty()) throw Error(ErrorCode::kBadInput, subject, "has no columns");
    footer.metadata = std::move(metadata);
    footer.created_by = options.created_by.empty() ? "takt version " TAKT_VERSION : options.created_by;
    Write("PAR1");
  }
  void Write(std::string_view bytes) {
    sink->Write(size, bytes);
    size += bytes.size();
  }
  // Takes the row group into the footer. The size moves only now, so that a failed write leaves nothing behind.
  void Add(RowGroup group, uint64_t end) {
    footer.num_rows += group.num_rows;
    footer.row_groups.push_back(std::move(group));
    size = end;
    needs_footer = true;
  }
};

ParquetWriter::ParquetWriter(std::unique_ptr<State> state) : state_(std::move(state)) {}
ParquetWriter::ParquetWriter(ParquetWriter&&) noexcept = default;
ParquetWriter& ParquetWriter::operator=(ParquetWriter&&) noexcept = default;
ParquetWriter::~ParquetWriter() = default;

ParquetWriter::ParquetWriter(ParquetSchema schema, std::vector<KeyValue> metadata, const ParquetWriteOptions& options)
    : state_(std::make_unique<State>(ByteSink::InMemory(), "a Parquet file", options)) {
  state_->Begin(std::move(schema), std::move(metadata));
}

ParquetWriter::ParquetWriter(const std::filesystem::path& path, ParquetSchema schema, std::vector<KeyValue> metadata,
                             const ParquetWriteOptions& options)
    : state_(std::make_unique<State>(ByteSink::OpenFile(path, true), path.string(), options)) {
  state_->Begin(std::move(schema), std::move(metadata));
}

ParquetWriter ParquetWriter::Append(const std::filesystem::path& path, const ParquetWriteOptions& options) {
  const ParquetReader reader(path);
  auto state = std::make_unique<State>(ByteSink::OpenFile(path, false), path.string(), options);
  state->footer.schema = reader.schema();
  state->footer.metadata = reader.metadata();
  state->footer.created_by = reader.created_by();
  state->footer.row_groups = reader.row_groups();
  state->footer.num_rows = reader.num_rows();
  state->size = reader.file_bytes();
  state->needs_footer = false;
  return ParquetWriter(std::move(state));
}

void ParquetWriter::WriteRowGroup(const std::vector<Array>& columns) {
  const std::vector<Field>& fields = schema().fields();
  if (columns.size() != fields.size()) {
    throw Error(ErrorCode::kBadInput, state_->subject,
                fmt::format("has {} columns, but {} came", fields.size(), columns.size()));
  }
  std::vector<ShreddedLeaf> leaves;
  for (size_t f = 0; f < fields.size(); ++f) {
    if (columns[f].length != columns[0].length) {
      throw Error(ErrorCode::kBadInput, fields[f].name,
                  fmt::format("has {} rows, but {} has {}", columns[f].length, fields[0].name, columns[0].length));
    }
    CheckArray(fields[f], columns[f]);
    std::vector<ShreddedLeaf> shredded = Shred(fields[f], columns[f]);
    std::move(shredded.begin(), shredded.end(), std::back_inserter(leaves));
  }
  std::vector<EncodedColumn> encoded(leaves.size());
  ParallelFor(leaves.size(), 1, [&](size_t begin, size_t end) {
    for (size_t leaf = begin; leaf < end; ++leaf) {
      encoded[leaf] = EncodeColumn(schema().leaves()[leaf], leaves[leaf], state_->options);
    }
  });
  RowGroup group;
  group.num_rows = static_cast<int64_t>(columns[0].length);
  uint64_t end = state_->size;
  for (EncodedColumn& column : encoded) {
    column.chunk.data_page_offset += static_cast<int64_t>(end);
    if (column.chunk.dictionary_page_offset) *column.chunk.dictionary_page_offset += static_cast<int64_t>(end);
    state_->sink->Write(end, column.bytes);
    end += column.bytes.size();
    group.total_bytes += column.chunk.uncompressed_bytes;
    group.columns.push_back(std::move(column.chunk));
  }
  state_->Add(std::move(group), end);
}

void ParquetWriter::CopyRowGroup(const ParquetReader& from, size_t row_group) {
  const std::vector<Leaf>& ours = schema().leaves();
  if (ours != from.schema().leaves() || schema().fields() != from.fields()) {
    throw Error(ErrorCode::kBadInput, from.subject(), fmt::format("has other columns than {}", state_->subject),
                "row groups are copied between equal schemas");
  }
  RowGroup group = from.row_groups().at(row_group);
  uint64_t end = state_->size;
  for (size_t leaf = 0; leaf < ours.size(); ++leaf) {
    const std::vector<uint8_t> bytes = from.ReadChunkBytes(row_group, leaf);
    ColumnChunk& chunk = group.columns[leaf];
    const int64_t shift = static_cast<int64_t>(end) - chunk.offset();
    chunk.data_page_offset += shift;
    if (chunk.dictionary_page_offset) *chunk.dictionary_page_offset += shift;
    state_->sink->Write(end, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    end += bytes.size();
  }
  state_->Add(std::move(group), end);
}

void ParquetWriter::Checkpoint() {
  if (!state_->needs_footer) return;
  state_->sink->Sync();  // the rows must not reach the disk after the footer that lists them
  std::string footer = EncodeFooter(state_->footer);
  if (footer.size() > UINT32_MAX) throw Error(ErrorCode::kBadInput, state_->subject, "has too many row groups");
  const auto length = static_cast<uint32_t>(footer.size());
  footer.append(reinterpret_cast<const char*>(&length), sizeof(length));
  footer += "PAR1";
  state_->Write(footer);
  state_->sink->Sync();
  state_->needs_footer = false;
}

std::vector<uint8_t> ParquetWriter::Finish() {
  Checkpoint();
  std::vector<uint8_t> bytes = state_->sink->TakeBytes();
  state_.reset();
  return bytes;
}

const ParquetSchema& ParquetWriter::schema() const { return state_->footer.schema; }
int64_t ParquetWriter::num_rows() const { return state_->footer.num_rows; }
uint64_t ParquetWriter::bytes_written() const { return state_->size; }

}  // namespace takt::dataset
