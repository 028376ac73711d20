// SPDX-License-Identifier: Apache-2.0
#include "takt/data/dataset/parquet/footer.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "takt/core/base/error.h"
#include "takt/data/dataset/parquet/thrift.h"

namespace takt::dataset {
namespace {

using T = ThriftType;

// A structure of a byte or two becomes a hundred in memory, so counts are bounded beside the bytes of the footer.
constexpr size_t kMaxElements = 1 << 16;

// LogicalType as ConvertedType, where the older one does not stand beside it.
int32_t ReadLogicalType(ThriftReader& in) {
  int32_t converted = -1;
  in.ReadStruct([&](int32_t id, T type) {
    constexpr int32_t kSame[] = {-1, 0,  1,  3,  4,  -1, 6,
                                 -1, -1, -1, -1, -1, 19, 20};  // STRING MAP LIST ENUM . DATE . JSON BSON
    if (id >= 1 && id < 14) converted = kSame[id];
    if (id != 10) return in.Skip(type);
    int8_t bits = 0;
    bool is_signed = true;
    in.ReadStruct(type, [&](int32_t field, T t) {
      if (field == 1)
        bits = in.ReadI8(t);
      else if (field == 2)
        is_signed = in.ReadBool(t);
      else
        in.Skip(t);
    });
    const int32_t size = bits == 8 ? 0 : bits == 16 ? 1 : bits == 32 ? 2 : 3;
    converted = (is_signed ? 15 : 11) + size;
  });
  return converted;
}

SchemaElement ReadSchemaElement(ThriftReader& in, std::span<const uint8_t> bytes) {
  SchemaElement element;
  int32_t from_logical = -1;
  in.ReadStruct([&](int32_t id, T type) {
    switch (id) {
      case 1: {
        const int32_t value = in.ReadI32(type);
        if (value < 0 || value > 7) in.Fail("has a column of unknown type");
        element.type = static_cast<PhysicalType>(value);
        return;
      }
      case 2:
        element.type_length = in.ReadI32(type);
        return;
      case 3: {
        const int32_t value = in.ReadI32(type);
        if (value < 0 || value > 2) in.Fail("has a column of unknown repetition");
        element.repetition = static_cast<Repetition>(value);
        return;
      }
      case 4:
        element.name = in.ReadString(type);
        return;
      case 5:
        element.num_children = in.ReadI32(type);
        return;
      case 6:
        element.converted_type = in.ReadI32(type);
        return;
      case 7:
        element.scale = in.ReadI32(type);
        return;
      case 8:
        element.precision = in.ReadI32(type);
        return;
      case 10: {
        if (type != T::kStruct) in.Fail("has a logical type that is no structure");
        const size_t begin = in.position();
        from_logical = ReadLogicalType(in);
        element.logical_type.assign(reinterpret_cast<const char*>(bytes.data()) + begin, in.position() - begin);
        return;
      }
      default:
        in.Skip(type);
    }
  });
  if (element.converted_type < 0) element.converted_type = from_logical;
  return element;
}

ColumnStatistics ReadStatistics(ThriftReader& in, T type) {
  ColumnStatistics statistics;
  in.ReadStruct(type, [&](int32_t id, T t) {
    if (id == 3)
      statistics.null_count = in.ReadI64(t);
    else if (id == 5)
      statistics.max = in.ReadString(t);
    else if (id == 6)
      statistics.min = in.ReadString(t);
    else
      in.Skip(t);  // 1 and 2, the older bounds, have no defined order
  });
  return statistics;
}

// The columns of one row group are checked against `schema` as they come.
ColumnChunk ReadColumnMetaData(ThriftReader& in, T type, const Leaf& leaf) {
  ColumnChunk chunk;
  int32_t physical = -1, codec = -1;
  std::vector<std::string> path;
  chunk.data_page_offset = -1;
  in.ReadStruct(type, [&](int32_t id, T t) {
    switch (id) {
      case 1:
        physical = in.ReadI32(t);
        return;
      case 2:
        in.ReadList(t, T::kI32, [&] { chunk.encodings.push_back(static_cast<Encoding>(in.ReadI32())); });
        return;
      case 3:
        in.ReadList(t, T::kBinary, [&] { path.push_back(in.ReadString()); });
        return;
      case 4:
        codec = in.ReadI32(t);
        return;
      case 5:
        chunk.num_values = in.ReadI64(t);
        return;
      case 6:
        chunk.uncompressed_bytes = in.ReadI64(t);
        return;
      case 7:
        chunk.compressed_bytes = in.ReadI64(t);
        return;
      case 9:
        chunk.data_page_offset = in.ReadI64(t);
        return;
      case 11:
        chunk.dictionary_page_offset = in.ReadI64(t);
        return;
      case 12:
        chunk.statistics = ReadStatistics(in, t);
        return;
      default:
        in.Skip(t);
    }
  });
  if (path != leaf.path || physical != static_cast<int32_t>(leaf.type)) {
    in.Fail(fmt::format("describes another column where {} should stand", leaf.Name()));
  }
  chunk.codec = static_cast<Codec>(codec);
  // Some writers give 0 where there is no dictionary, or an offset behind the data.
  if (chunk.dictionary_page_offset &&
      (*chunk.dictionary_page_offset < 4 || *chunk.dictionary_page_offset >= chunk.data_page_offset)) {
    chunk.dictionary_page_offset.reset();
  }
  return chunk;
}

RowGroup ReadRowGroup(ThriftReader& in, const ParquetSchema& schema) {
  RowGroup group;
  group.num_rows = -1;
  in.ReadStruct([&](int32_t id, T type) {
    switch (id) {
      case 1:
        in.ReadList(type, T::kStruct, [&] {
          if (group.columns.size() == schema.leaves().size()) in.Fail("has a row group with too many columns");
          bool described = false;
          in.ReadStruct([&](int32_t field, T t) {
            if (field == 1) throw Error(ErrorCode::kUnsupported, in.subject(), "keeps columns in other files");
            if (field == 8 || field == 9) throw Error(ErrorCode::kUnsupported, in.subject(), "holds encrypted columns");
            if (field != 3) return in.Skip(t);
            if (described) in.Fail("describes a column twice");
            described = true;
            group.columns.push_back(ReadColumnMetaData(in, t, schema.leaves()[group.columns.size()]));
          });
          if (!described) in.Fail("has a column without a description");
        });
        return;
      case 2:
        group.total_bytes = in.ReadI64(type);
        return;
      case 3:
        group.num_rows = in.ReadI64(type);
        return;
      default:
        in.Skip(type);
    }
  });
  return group;
}

void CheckRowGroup(const RowGroup& group, const ParquetSchema& schema, uint64_t content_end, const ThriftReader& in) {
  if (group.num_rows < 0 || group.columns.size() != schema.leaves().size()) {
    in.Fail("has a row group without rows or columns");
  }
  for (size_t c = 0; c < group.columns.size(); ++c) {
    const ColumnChunk& chunk = group.columns[c];
    const Leaf& leaf = schema.leaves()[c];
    const bool rows_agree =
        leaf.max_repetition == 0 ? chunk.num_values == group.num_rows : chunk.num_values >= group.num_rows;
    if (!rows_agree) in.Fail(fmt::format("has another number of rows in column {} than in its row group", leaf.Name()));
    if (chunk.offset() < 4 || chunk.compressed_bytes < 0 || chunk.uncompressed_bytes < 0 ||
        static_cast<uint64_t>(chunk.offset()) > content_end ||
        static_cast<uint64_t>(chunk.compressed_bytes) > content_end - static_cast<uint64_t>(chunk.offset())) {
      in.Fail(fmt::format("places column {} outside the file", leaf.Name()));
    }
  }
}

void WriteStatistics(ThriftWriter& out, int id, const ColumnStatistics& statistics) {
  if (!statistics.min && !statistics.max && !statistics.null_count) return;
  out.Struct(id);
  if (statistics.null_count) out.I64(3, *statistics.null_count);
  if (statistics.max) out.String(5, *statistics.max);
  if (statistics.min) out.String(6, *statistics.min);
  out.EndStruct();
}

void WriteSchemaElement(ThriftWriter& out, const SchemaElement& element) {
  out.BeginStruct();
  if (element.type) out.I32(1, static_cast<int32_t>(*element.type));
  if (element.type_length > 0) out.I32(2, element.type_length);
  if (element.repetition) out.I32(3, static_cast<int32_t>(*element.repetition));
  out.String(4, element.name);
  if (!element.type) out.I32(5, element.num_children);
  if (element.converted_type >= 0) out.I32(6, element.converted_type);
  if (element.scale != 0) out.I32(7, element.scale);
  if (element.precision != 0) out.I32(8, element.precision);
  if (!element.logical_type.empty()) out.RawStruct(10, element.logical_type);
  out.EndStruct();
}

void WriteColumn(ThriftWriter& out, const Leaf& leaf, const ColumnChunk& chunk) {
  out.BeginStruct();
  out.I64(2, 0);  // file_offset: formerly of the metadata, which is not written outside the footer
  out.Struct(3);
  out.I32(1, static_cast<int32_t>(leaf.type));
  out.List(2, T::kI32, chunk.encodings.size());
  for (const Encoding encoding : chunk.encodings) out.I32Item(static_cast<int32_t>(encoding));
  out.List(3, T::kBinary, leaf.path.size());
  for (const std::string& name : leaf.path) out.StringItem(name);
  out.I32(4, static_cast<int32_t>(chunk.codec));
  out.I64(5, chunk.num_values);
  out.I64(6, chunk.uncompressed_bytes);
  out.I64(7, chunk.compressed_bytes);
  out.I64(9, chunk.data_page_offset);
  if (chunk.dictionary_page_offset) out.I64(11, *chunk.dictionary_page_offset);
  WriteStatistics(out, 12, chunk.statistics);
  out.EndStruct();
  out.EndStruct();
}

void WriteRowGroup(ThriftWriter& out, const ParquetSchema& schema, const RowGroup& group, size_t ordinal) {
  out.BeginStruct();
  out.List(1, T::kStruct, group.columns.size());
  int64_t compressed = 0;
  for (size_t c = 0; c < group.columns.size(); ++c) {
    WriteColumn(out, schema.leaves()[c], group.columns[c]);
    compressed += group.columns[c].compressed_bytes;
  }
  out.I64(2, group.total_bytes);
  out.I64(3, group.num_rows);
  out.I64(5, group.columns[0].offset());
  out.I64(6, compressed);
  if (ordinal <= static_cast<size_t>(std::numeric_limits<int16_t>::max())) out.I16(7, static_cast<int64_t>(ordinal));
  out.EndStruct();
}

void ReadDataPageHeader(ThriftReader& in, T type, PageHeader& header) {
  in.ReadStruct(type, [&](int32_t id, T t) {
    if (id == 1)
      header.num_values = in.ReadI32(t);
    else if (id == 2)
      header.encoding = static_cast<Encoding>(in.ReadI32(t));
    else if (id == 3)
      header.definition_encoding = static_cast<Encoding>(in.ReadI32(t));
    else if (id == 4)
      header.repetition_encoding = static_cast<Encoding>(in.ReadI32(t));
    else
      in.Skip(t);
  });
}

void ReadDictionaryPageHeader(ThriftReader& in, T type, PageHeader& header) {
  in.ReadStruct(type, [&](int32_t id, T t) {
    if (id == 1)
      header.num_values = in.ReadI32(t);
    else if (id == 2)
      header.encoding = static_cast<Encoding>(in.ReadI32(t));
    else
      in.Skip(t);
  });
}

void ReadDataPageHeaderV2(ThriftReader& in, T type, PageHeader& header) {
  in.ReadStruct(type, [&](int32_t id, T t) {
    if (id == 1)
      header.num_values = in.ReadI32(t);
    else if (id == 4)
      header.encoding = static_cast<Encoding>(in.ReadI32(t));
    else if (id == 5)
      header.definition_bytes = in.ReadI32(t);
    else if (id == 6)
      header.repetition_bytes = in.ReadI32(t);
    else if (id == 7)
      header.compressed = in.ReadBool(t);
    else
      in.Skip(t);
  });
}

}  // namespace

int64_t ColumnChunk::offset() const { return dictionary_page_offset.value_or(data_page_offset); }

Footer ParseFooter(std::span<const uint8_t> bytes, uint64_t content_end, const std::string& subject) {
  ThriftReader in(bytes, subject);
  Footer footer;
  bool has_schema = false;
  in.ReadStruct([&](int32_t id, T type) {
    switch (id) {
      case 2: {
        if (has_schema) in.Fail("has two schemas");
        has_schema = true;
        std::vector<SchemaElement> elements;
        in.ReadList(type, T::kStruct, [&] {
          if (elements.size() == kMaxElements) in.Fail("has too many columns");
          elements.push_back(ReadSchemaElement(in, bytes));
        });
        footer.schema = ParquetSchema::FromElements(std::move(elements), subject);
        return;
      }
      case 3:
        footer.num_rows = in.ReadI64(type);
        return;
      case 4:
        if (!has_schema) in.Fail("lists its row groups before its schema");
        in.ReadList(type, T::kStruct, [&] {
          footer.row_groups.push_back(ReadRowGroup(in, footer.schema));
          CheckRowGroup(footer.row_groups.back(), footer.schema, content_end, in);
        });
        return;
      case 5:
        in.ReadList(type, T::kStruct, [&] {
          if (footer.metadata.size() == kMaxElements) in.Fail("has too many keys");
          KeyValue pair;
          in.ReadStruct([&](int32_t field, T t) {
            if (field == 1)
              pair.key = in.ReadString(t);
            else if (field == 2)
              pair.value = in.ReadString(t);
            else
              in.Skip(t);
          });
          footer.metadata.push_back(std::move(pair));
        });
        return;
      case 6:
        footer.created_by = in.ReadString(type);
        return;
      case 8:
        throw Error(ErrorCode::kUnsupported, subject, "is encrypted");
      default:
        in.Skip(type);
    }
  });
  if (!has_schema) in.Fail("has no schema");
  int64_t rows_left = footer.num_rows;
  for (const RowGroup& group : footer.row_groups) {
    if (group.num_rows > rows_left) in.Fail("has more rows in its row groups than in all");
    rows_left -= group.num_rows;
  }
  if (rows_left != 0) in.Fail("has fewer rows in its row groups than in all");
  return footer;
}

std::string EncodeFooter(const Footer& footer) {
  ThriftWriter out;
  out.BeginStruct();
  out.I32(1, 2);
  out.List(2, T::kStruct, footer.schema.elements().size());
  for (const SchemaElement& element : footer.schema.elements()) WriteSchemaElement(out, element);
  out.I64(3, footer.num_rows);
  out.List(4, T::kStruct, footer.row_groups.size());
  for (size_t g = 0; g < footer.row_groups.size(); ++g) WriteRowGroup(out, footer.schema, footer.row_groups[g], g);
  if (!footer.metadata.empty()) {
    out.List(5, T::kStruct, footer.metadata.size());
    for (const KeyValue& pair : footer.metadata) {
      out.BeginStruct();
      out.String(1, pair.key);
      out.String(2, pair.value);
      out.EndStruct();
    }
  }
  out.String(6, footer.created_by);
  // column_orders: bounds are in the order of each type, without which readers ignore them.
  out.List(7, T::kStruct, footer.schema.leaves().size());
  for (size_t c = 0; c < footer.schema.leaves().size(); ++c) {
    out.BeginStruct();
    out.Struct(1);
    out.EndStruct();
    out.EndStruct();
  }
  out.EndStruct();
  return out.bytes();
}

PageHeader ParsePageHeader(std::span<const uint8_t> bytes, size_t& header_bytes, const std::string& subject) {
  ThriftReader in(bytes, subject);
  PageHeader header;
  int32_t type_number = -1, described = -1;
  header.uncompressed_bytes = header.compressed_bytes = -1;
  in.ReadStruct([&](int32_t id, T type) {
    switch (id) {
      case 1:
        type_number = in.ReadI32(type);
        return;
      case 2:
        header.uncompressed_bytes = in.ReadI32(type);
        return;
      case 3:
        header.compressed_bytes = in.ReadI32(type);
        return;
      case 4:
        header.crc = static_cast<uint32_t>(in.ReadI32(type));
        return;
      case 5:
        described = 0;
        return ReadDataPageHeader(in, type, header);
      case 7:
        described = 2;
        return ReadDictionaryPageHeader(in, type, header);
      case 8:
        described = 3;
        return ReadDataPageHeaderV2(in, type, header);
      default:
        in.Skip(type);
    }
  });
  if (type_number < 0 || type_number > 3 || (type_number != 1 && described != type_number)) {
    in.Fail("has a page of unknown type");
  }
  header.type = static_cast<PageType>(type_number);
  if (header.uncompressed_bytes < 0 || header.compressed_bytes < 0 || header.num_values < 0 ||
      header.definition_bytes < 0 || header.repetition_bytes < 0) {
    in.Fail("has a page of negative size");
  }
  header_bytes = in.position();
  return header;
}

std::string EncodePageHeader(const PageHeader& header) {
  ThriftWriter out;
  out.BeginStruct();
  out.I32(1, static_cast<int32_t>(header.type));
  out.I32(2, header.uncompressed_bytes);
  out.I32(3, header.compressed_bytes);
  if (header.crc) out.I32(4, static_cast<int32_t>(*header.crc));
  out.Struct(header.type == PageType::kData ? 5 : 7);
  out.I32(1, header.num_values);
  out.I32(2, static_cast<int32_t>(header.encoding));
  if (header.type == PageType::kData) {
    out.I32(3, static_cast<int32_t>(header.definition_encoding));
    out.I32(4, static_cast<int32_t>(header.repetition_encoding));
    WriteStatistics(out, 5, header.statistics);
  }
  out.EndStruct();
  out.EndStruct();
  return out.bytes();
}

}  // namespace takt::dataset
