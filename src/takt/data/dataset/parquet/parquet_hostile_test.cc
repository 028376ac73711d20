// SPDX-License-Identifier: Apache-2.0
// Files that lie. Every one must end in takt::Error or in values, within the memory that the limits allow.
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>

#include "takt/core/base/error.h"
#include "takt/core/base/file.h"
#include "takt/core/base/rng.h"
#include "takt/data/dataset/parquet/codec.h"
#include "takt/data/dataset/parquet/footer.h"
#include "takt/data/dataset/parquet/parquet.h"
#include "takt/data/dataset/parquet/test_arrays.h"
#include "takt/data/dataset/parquet/thrift.h"

namespace takt::dataset {
namespace {

constexpr ParquetLimits kSmall = {1 << 20, 1 << 20, 1 << 22};

// Whether everything in a file could be read; anything but takt::Error fails the test.
bool ReadsWhole(std::span<const uint8_t> bytes) {
  try {
    const ParquetReader reader(bytes, "hostile.parquet", kSmall);
    for (const Field& field : reader.fields()) reader.ReadField(field.name);
    return true;
  } catch (const Error& error) {
    EXPECT_NE(error.code(), ErrorCode::kInternal);
    return false;
  }
}

std::vector<uint8_t> SmallFile(Codec codec) {
  ParquetWriteOptions options;
  options.codec = codec;
  ParquetWriter writer(ParquetSchema::FromFields(SampleFields()), {{"key", "value"}}, options);
  writer.WriteRowGroup(RandomArrays(1).Make(SampleFields(), 12));
  return writer.Finish();
}

// A file around a hand-made column chunk of one required INT32 column "a".
struct Lie {
  int64_t rows = 1, values = 1;
  int32_t num_values = 1, uncompressed = 4, compressed = 4;
  Encoding encoding = Encoding::kPlain;
  Codec codec = Codec::kNone;
  std::string page = std::string(4, '\7');
  int64_t offset = 4;
  std::optional<int64_t> chunk_bytes = std::nullopt;
};

std::vector<uint8_t> Make(const Lie& lie, Field field = ScalarField("a", ValueKind::kInt32, false)) {
  PageHeader header;
  header.num_values = lie.num_values;
  header.uncompressed_bytes = lie.uncompressed;
  header.compressed_bytes = lie.compressed;
  header.encoding = lie.encoding;
  std::string file = "PAR1" + EncodePageHeader(header) + lie.page;
  Footer footer;
  footer.schema = ParquetSchema::FromFields({std::move(field)});
  footer.num_rows = lie.rows;
  RowGroup group;
  group.num_rows = lie.rows;
  ColumnChunk chunk;
  chunk.codec = lie.codec;
  chunk.num_values = lie.values;
  chunk.data_page_offset = lie.offset;
  chunk.compressed_bytes = lie.chunk_bytes.value_or(static_cast<int64_t>(file.size()) - 4);
  group.columns = {chunk};
  footer.row_groups = {group};
  const std::string tail = EncodeFooter(footer);
  const auto length = static_cast<uint32_t>(tail.size());
  file += tail;
  file.append(reinterpret_cast<const char*>(&length), sizeof(length));
  file += "PAR1";
  return {file.begin(), file.end()};
}

TEST(HostileParquet, CutAnywhereIsBadInput) {
  for (const Codec codec : {Codec::kNone, Codec::kSnappy, Codec::kZstd}) {
    const auto bytes = SmallFile(codec);
    ASSERT_TRUE(ReadsWhole(bytes));
    for (size_t size = 0; size < bytes.size(); ++size) {
      try {
        ParquetReader(std::span(bytes).first(size), "cut.parquet");
        FAIL() << "cut at " << size;
      } catch (const Error& error) {
        ASSERT_EQ(error.code(), ErrorCode::kBadInput) << size << ": " << error.what();
      }
    }
  }
}

TEST(HostileParquet, AnyByteChangedAnyhow) {
  const auto bytes = SmallFile(Codec::kSnappy);
  const Rng rng(9);
  for (size_t at = 0; at < bytes.size(); ++at) {
    auto flipped = bytes;
    for (const uint8_t mask : {0x01, 0x80, 0xff}) {
      flipped[at] = static_cast<uint8_t>(bytes[at] ^ mask);
      ReadsWhole(flipped);
    }
  }
  for (uint64_t trial = 0; trial < 5000; ++trial) {
    auto flipped = bytes;
    for (uint64_t i = 0; i <= rng.Below(trial * 64, 8); ++i) {
      flipped[rng.Below(trial * 64 + i * 2 + 1, bytes.size())] =
          static_cast<uint8_t>(rng.Below(trial * 64 + i * 2 + 2, 256));
    }
    ReadsWhole(flipped);
  }
}

TEST(HostileParquet, PagesOfOthersChangedAnyhow) {
  // Without checksums, so that damage reaches the decoders.
  const std::filesystem::path path = TAKT_SHARED_DATA "/dataset/open50_v3/meta/tasks.parquet";
  const std::filesystem::path episodes =
      TAKT_SHARED_DATA "/dataset/so101_record_v3/meta/episodes/chunk-000/file-000.parquet";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "needs ../shared/data/dataset";
  for (const auto& file : {path, episodes}) {
    const auto bytes = ReadFile(file);
    const Rng rng(10);
    for (uint64_t trial = 0; trial < 400; ++trial) {
      auto flipped = bytes;
      for (uint64_t i = 0; i < 4; ++i) {
        flipped[rng.Below(trial * 8 + i * 2, bytes.size())] =
            static_cast<uint8_t>(rng.Below(trial * 8 + i * 2 + 1, 256));
      }
      ReadsWhole(flipped);
    }
  }
}

TEST(HostileParquet, LyingSizes) {
  ASSERT_TRUE(ReadsWhole(Make({})));
  const auto refused = [](const Lie& lie) { EXPECT_FALSE(ReadsWhole(Make(lie))); };
  refused({.rows = 2});
  refused({.values = 2});
  refused({.rows = -1, .values = -1});
  refused({.rows = 2, .values = 2});  // more rows than the pages hold
  refused({.num_values = 2});         // more values in the page than in the column
  refused({.num_values = -1});
  refused({.rows = int64_t{1} << 62, .values = int64_t{1} << 62});
  refused({.rows = 1 << 30, .values = 1 << 30, .num_values = 1 << 30});
  refused({.compressed = 5});
  refused({.compressed = -1});
  refused({.uncompressed = -1});
  refused({.uncompressed = 5});
  refused({.uncompressed = 1 << 30, .codec = Codec::kZstd});
  refused({.uncompressed = 1 << 30, .codec = Codec::kSnappy});
  refused({.codec = Codec::kGzip});
  refused({.codec = static_cast<Codec>(4)});
  refused({.offset = 0});
  refused({.offset = -4});
  refused({.offset = int64_t{1} << 40});
  refused({.offset = std::numeric_limits<int64_t>::max()});
  refused({.chunk_bytes = int64_t{1} << 40});
  refused({.chunk_bytes = std::numeric_limits<int64_t>::max()});
  refused({.chunk_bytes = -1});
  refused({.chunk_bytes = 3});
  refused({.encoding = Encoding::kRleDictionary});  // no dictionary
}

TEST(HostileParquet, LyingLevels) {
  const Field list = ListField("a", ValueKind::kInt32);
  // Levels in runs of one value each: length, then (count << 1, value).
  const auto page = [](std::vector<std::pair<int, int>> repetition, std::vector<std::pair<int, int>> definition,
                       int values) {
    std::string out;
    for (const auto& runs : {repetition, definition}) {
      const auto size = static_cast<uint32_t>(runs.size() * 2);
      out.append(reinterpret_cast<const char*>(&size), 4);
      for (const auto& [count, level] : runs) {
        out.push_back(static_cast<char>(count << 1));
        out.push_back(static_cast<char>(level));
      }
    }
    return out + std::string(static_cast<size_t>(values) * 4, '\1');
  };
  const auto reads = [&](int64_t rows, int32_t entries, const std::string& bytes) {
    const auto size = static_cast<int32_t>(bytes.size());
    return ReadsWhole(Make({.rows = rows,
                            .values = entries,
                            .num_values = entries,
                            .uncompressed = size,
                            .compressed = size,
                            .page = bytes},
                           list));
  };
  EXPECT_TRUE(reads(2, 3, page({{1, 0}, {1, 1}, {1, 0}}, {{3, 3}}, 3)));
  EXPECT_FALSE(reads(1, 3, page({{1, 0}, {1, 1}, {1, 0}}, {{3, 3}}, 3))) << "more rows than said";
  EXPECT_FALSE(reads(3, 3, page({{1, 0}, {1, 1}, {1, 0}}, {{3, 3}}, 3))) << "fewer rows than said";
  EXPECT_FALSE(reads(1, 2, page({{2, 1}}, {{2, 3}}, 2))) << "begins in the middle of a row";
  EXPECT_FALSE(reads(1, 2, page({{1, 0}, {1, 1}}, {{1, 1}, {1, 3}}, 1))) << "an empty list goes on";
  EXPECT_FALSE(reads(1, 2, page({{1, 0}, {1, 1}}, {{1, 3}, {1, 0}}, 1))) << "a missing list inside of a row";
  EXPECT_FALSE(reads(2, 3, page({{1, 0}, {1, 1}, {1, 0}}, {{3, 3}}, 2))) << "fewer values than levels";
  EXPECT_FALSE(reads(2, 3, page({{1, 0}, {1, 1}}, {{3, 3}}, 3))) << "fewer levels than said";
  EXPECT_FALSE(reads(1, 1, std::string("\xff\xff\xff\xff", 4))) << "levels longer than the page";
}

TEST(HostileParquet, LeavesThatDisagree) {
  // Two files of lists of pairs; the second leaf of one is put beside the first of the other.
  Field pair = ScalarField("element", ValueKind::kStruct);
  pair.children = {ScalarField("x", ValueKind::kInt32), ScalarField("y", ValueKind::kInt32)};
  Field list = ScalarField("a", ValueKind::kList);
  list.children = {pair};
  const auto file = [&](std::vector<uint64_t> offsets) {
    ParquetWriter writer(ParquetSchema::FromFields({list}), {});
    writer.WriteRowGroup({MakeLists(MakeStruct({MakeInt32s({1, 2}), MakeInt32s({3, 4})}), std::move(offsets))});
    return writer.Finish();
  };
  const auto two = file({0, 1, 2}), other = file({0, 2, 2});
  const ParquetReader a(two, "a"), b(other, "b");
  Footer footer;
  footer.schema = a.schema();
  footer.num_rows = 2;
  footer.row_groups = a.row_groups();
  std::string bytes = "PAR1";
  for (size_t leaf = 0; leaf < 2; ++leaf) {
    const auto chunk = (leaf == 0 ? a : b).ReadChunkBytes(0, leaf);
    ColumnChunk& column = footer.row_groups[0].columns[leaf];
    column = (leaf == 0 ? a : b).row_groups()[0].columns[leaf];
    const int64_t shift = static_cast<int64_t>(bytes.size()) - column.offset();
    column.data_page_offset += shift;
    if (column.dictionary_page_offset) *column.dictionary_page_offset += shift;
    bytes.append(chunk.begin(), chunk.end());
  }
  const std::string tail = EncodeFooter(footer);
  const auto length = static_cast<uint32_t>(tail.size());
  bytes += tail;
  bytes.append(reinterpret_cast<const char*>(&length), sizeof(length));
  bytes += "PAR1";
  const std::vector<uint8_t> mixed(bytes.begin(), bytes.end());
  EXPECT_TRUE(ReadsWhole(two));
  EXPECT_FALSE(ReadsWhole(mixed));
}

TEST(HostileParquet, Bombs) {
  // 1 MiB of zeros in some 40 bytes of zstd is a page that may be; the same claimed for nothing is not.
  const std::string zeros(1 << 20, '\0');
  const std::string packed = Compress(Codec::kZstd, 3, zeros);
  EXPECT_EQ(
      Decompress(Codec::kZstd, {reinterpret_cast<const uint8_t*>(packed.data()), packed.size()}, zeros.size(), "a")
          .size(),
      zeros.size());
  for (const Codec codec : {Codec::kNone, Codec::kSnappy, Codec::kGzip, Codec::kZstd}) {
    const std::vector<uint8_t> few(8, 1);
    EXPECT_THROW(Decompress(codec, few, uint64_t{1} << 30, "a"), Error);
  }
  // Rows by the thousand million in one run: more than the limit, said before anything is allocated.
  std::string run("\x06\x00\x00\x00\x80\x80\x80\x80\x08\x00", 10);
  EXPECT_FALSE(ReadsWhole(Make(
      {.rows = 1 << 30, .values = 1 << 30, .num_values = 1 << 30, .uncompressed = 10, .compressed = 10, .page = run},
      ScalarField("a", ValueKind::kInt32))));
}

TEST(HostileParquet, ThriftNestingAndNumbers) {
  const auto parse = [](const std::string& bytes) {
    ParseFooter({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()}, 100, "a.parquet");
  };
  EXPECT_THROW(parse(std::string(100'000, '\x1c')), Error) << "a structure in a structure in ...";
  EXPECT_THROW(parse(std::string(100'000, '\x19')), Error) << "a list of lists of lists ...";
  EXPECT_THROW(parse(std::string("\x29\xfc\xff\xff\xff\xff\x7f", 7)), Error) << "a list of 2^34 structures";
  EXPECT_THROW(parse(std::string("\x36") + std::string(11, '\xff')), Error) << "a number of 77 bits";
  EXPECT_THROW(parse(std::string("\x1b\xff\xff\xff\x7f\x55", 6)), Error) << "a map longer than the bytes";
  EXPECT_THROW(parse(""), Error);
}

}  // namespace
}  // namespace takt::dataset
