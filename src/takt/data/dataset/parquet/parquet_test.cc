// SPDX-License-Identifier: Apache-2.0
#include "takt/data/dataset/parquet/parquet.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <functional>
#include <limits>

#include "takt/core/base/error.h"
#include "takt/core/base/file.h"
#include "takt/core/base/parallel.h"
#include "takt/data/dataset/parquet/test_arrays.h"

namespace takt::dataset {
namespace {

template <class Body>
Error ErrorOf(Body&& body) {
  try {
    body();
  } catch (const Error& error) {
    return error;
  }
  return Error(ErrorCode::kInternal, "", "nothing was thrown");
}

class ParquetFiles : public testing::Test {
 protected:
  void SetUp() override {
    folder_ =
        std::filesystem::temp_directory_path() /
        fmt::format("takt parquet {} {}", ::getpid(), testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::filesystem::path folder_;
};

std::vector<uint8_t> Encode(const std::vector<Field>& fields, const std::vector<std::vector<Array>>& groups,
                            const ParquetWriteOptions& options = {}) {
  ParquetWriter writer(ParquetSchema::FromFields(fields), {}, options);
  for (const auto& group : groups) writer.WriteRowGroup(group);
  return writer.Finish();
}

void ExpectColumns(const ParquetReader& reader, size_t group, const std::vector<Array>& columns) {
  for (size_t f = 0; f < columns.size(); ++f) {
    EXPECT_TRUE(reader.ReadField(group, f) == columns[f]) << reader.fields()[f].name << " of row group " << group;
  }
}

TEST(Parquet, EveryKindAndNestingComesBack) {
  for (const Codec codec : {Codec::kNone, Codec::kSnappy, Codec::kZstd}) {
    for (const uint64_t page_bytes : {1, 300, 1 << 20}) {
      for (const bool dictionary : {false, true}) {
        ParquetWriteOptions options;
        options.codec = codec;
        options.page_bytes = page_bytes;
        options.dictionary = dictionary;
        RandomArrays random(page_bytes);
        std::vector<std::vector<Array>> groups;
        for (const size_t rows : {0, 1, 2, 7, 8, 9, 300}) groups.push_back(random.Make(SampleFields(), rows));
        const auto bytes = Encode(SampleFields(), groups, options);
        const ParquetReader reader(bytes, "a.parquet");
        EXPECT_TRUE(reader.fields() == SampleFields());
        EXPECT_EQ(reader.num_rows(), 327);
        for (size_t g = 0; g < groups.size(); ++g) ExpectColumns(reader, g, groups[g]);
      }
    }
  }
}

TEST(Parquet, RandomTreesComeBack) {
  RandomArrays random(11);
  const std::function<Field(int)> tree = [&](int depth) {
    static constexpr ValueKind kKinds[] = {ValueKind::kList,   ValueKind::kStruct, ValueKind::kInt32,
                                           ValueKind::kString, ValueKind::kBool,   ValueKind::kDouble};
    Field field = ScalarField("x", depth == 0 ? ValueKind::kFloat : kKinds[random.Below(6)], random.Below(2) == 0);
    if (field.kind == ValueKind::kList) {
      field.children = {tree(depth - 1)};
      field.children[0].name = "element";
    }
    if (field.kind == ValueKind::kStruct) {
      for (uint64_t i = 0; i <= random.Below(3); ++i) {
        field.children.push_back(tree(depth - 1));
        field.children.back().name = std::string(1, static_cast<char>('a' + i));
      }
    }
    return field;
  };
  for (int trial = 0; trial < 300; ++trial) {
    const std::vector<Field> fields = {tree(5)};
    const std::vector<Array> columns = random.Make(fields, random.Below(40));
    const auto bytes = Encode(fields, {columns});
    const ParquetReader reader(bytes, "a.parquet");
    ASSERT_TRUE(reader.fields() == fields);
    ExpectColumns(reader, 0, columns);
  }
}

TEST(Parquet, LevelsAreThoseOfTheDremelPaper) {
  // A column of lists of lists: [[1, 2], []], missing, [], [missing, [3, missing]].
  Array values = MakeInt64s({1, 2, 3, 0});
  values.valid = {1, 1, 1, 0};
  Array inner = MakeLists(values, std::vector<uint64_t>{0, 2, 2, 2, 4});
  inner.valid = {1, 1, 0, 1};
  Array outer = MakeLists(inner, std::vector<uint64_t>{0, 2, 2, 2, 4});
  outer.valid = {1, 0, 1, 1};
  const auto bytes = Encode({ListField("a", ValueKind::kInt64, 2)}, {{outer}});
  const ParquetReader reader(bytes, "a.parquet");
  const LeafValues leaf = reader.ReadLeaf(0, 0);
  EXPECT_EQ(reader.schema().leaves()[0].Name(), "a.list.element.list.element");
  EXPECT_EQ(reader.schema().leaves()[0].max_definition, 5);
  EXPECT_EQ(reader.schema().leaves()[0].max_repetition, 2);
  EXPECT_EQ(leaf.definition_levels, (std::vector<uint8_t>{5, 5, 3, 0, 1, 2, 5, 4}));
  EXPECT_EQ(leaf.repetition_levels, (std::vector<uint8_t>{0, 2, 1, 0, 0, 0, 1, 2}));
  EXPECT_EQ(std::get<std::vector<int64_t>>(leaf.values), (std::vector<int64_t>{1, 2, 3}));
  EXPECT_TRUE(reader.ReadField("a") == outer);
}

TEST(Parquet, PicturesInStructs) {
  Blobs pictures;
  for (int i = 0; i < 3; ++i) pictures.Add(std::string("\x89PNG\0", 5) + std::string(100'000, static_cast<char>(i)));
  const Array column = MakeStruct({MakeBinary(pictures), MakeStrings({"a.png", "b.png", ""})});
  const auto bytes = Encode({ImageField("image")}, {{column}});
  const ParquetReader reader(bytes, "a.parquet");
  EXPECT_EQ(reader.schema().leaves()[0].Name(), "image.bytes");
  EXPECT_TRUE(reader.ReadField("image") == column);
  EXPECT_FALSE(reader.row_groups()[0].columns[0].statistics.min.has_value()) << "a picture is no bound";
  EXPECT_EQ(reader.row_groups()[0].columns[1].statistics.max, "b.png");
}

TEST(Parquet, DictionariesAreUsedWhereTheyAreSmaller) {
  std::vector<int64_t> constant(5000, 3), counting(5000);
  for (size_t i = 0; i < counting.size(); ++i) counting[i] = static_cast<int64_t>(i);
  std::vector<std::string> words;
  for (int i = 0; i < 5000; ++i) words.push_back(i % 7 == 0 ? "pick up the red block" : "put it into the bin");
  ParquetWriteOptions options;
  options.codec = Codec::kNone;
  const auto bytes = Encode({ScalarField("constant", ValueKind::kInt64), ScalarField("counting", ValueKind::kInt64),
                             ScalarField("words", ValueKind::kString)},
                            {{MakeInt64s(constant), MakeInt64s(counting), MakeStrings(words)}}, options);
  const ParquetReader reader(bytes, "a.parquet");
  const auto& columns = reader.row_groups()[0].columns;
  EXPECT_TRUE(columns[0].dictionary_page_offset.has_value());
  EXPECT_LT(columns[0].compressed_bytes, 200);
  EXPECT_FALSE(columns[1].dictionary_page_offset.has_value());
  EXPECT_TRUE(columns[2].dictionary_page_offset.has_value());
  EXPECT_LT(columns[2].compressed_bytes, 1500);
  EXPECT_EQ(columns[1].encodings, (std::vector<Encoding>{Encoding::kPlain, Encoding::kRle}));
  EXPECT_EQ(columns[2].encodings, (std::vector<Encoding>{Encoding::kPlain, Encoding::kRle, Encoding::kRleDictionary}));
  EXPECT_TRUE(reader.ReadField("words") == MakeStrings(words));
}

TEST(Parquet, BoundsHoldZerosOfBothSignsAndLeaveNanOut) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const auto bytes = Encode({ScalarField("f", ValueKind::kFloat)},
                            {{MakeFloats({nan, 0.0f, 2.0f})}, {MakeFloats({nan, nan})}, {MakeFloats({-1.0f, -0.0f})}});
  const ParquetReader reader(bytes, "a.parquet");
  const auto bound = [](const std::optional<std::string>& text) {
    float value;
    std::memcpy(&value, text.value().data(), sizeof(value));
    return value;
  };
  const auto statistics = [&](size_t group) { return reader.row_groups()[group].columns[0].statistics; };
  EXPECT_EQ(bound(statistics(0).min), 0.0f);
  EXPECT_TRUE(std::signbit(bound(statistics(0).min)));
  EXPECT_EQ(bound(statistics(0).max), 2.0f);
  EXPECT_FALSE(statistics(1).min.has_value());
  EXPECT_EQ(bound(statistics(2).max), 0.0f);
  EXPECT_FALSE(std::signbit(bound(statistics(2).max)));
  EXPECT_TRUE(std::isnan(reader.ReadField(0, 0).Floats()[0]));
}

TEST(Parquet, SameCallsSameBytesForAnyNumberOfThreads) {
  const auto write = [](int threads) {
    SetThreadCount(threads);
    const auto bytes = Encode(SampleFields(), {RandomArrays(3).Make(SampleFields(), 2000)});
    SetThreadCount(0);
    return bytes;
  };
  const auto bytes = write(1);
  EXPECT_TRUE(write(2) == bytes);
  EXPECT_TRUE(write(5) == bytes);
}

TEST(Parquet, MetadataAndCreatorAreKept) {
  const std::vector<KeyValue> metadata = {{"pandas", "{}"}, {"huggingface", ""}, {"pandas", "again"}};
  ParquetWriter writer(ParquetSchema::FromFields({ScalarField("a", ValueKind::kBool)}), metadata);
  const auto bytes = writer.Finish();
  const ParquetReader reader(bytes, "a.parquet");
  EXPECT_TRUE(reader.metadata() == metadata);
  EXPECT_EQ(reader.FindMetadata("pandas"), "{}");
  EXPECT_EQ(reader.FindMetadata("nothing"), std::nullopt);
  EXPECT_TRUE(reader.created_by().starts_with("takt version "));
  EXPECT_EQ(reader.num_rows(), 0);
  EXPECT_TRUE(reader.ReadField("a") == EmptyArray(reader.fields()[0]));
}

TEST_F(ParquetFiles, AppendGivesTheSameRowsAsOneWriter) {
  const auto path = folder_ / "a.parquet";
  RandomArrays random(5);
  std::vector<std::vector<Array>> groups;
  for (int g = 0; g < 4; ++g) groups.push_back(random.Make(SampleFields(), 50));
  {
    ParquetWriter writer(path, ParquetSchema::FromFields(SampleFields()), {{"k", "v"}});
    writer.WriteRowGroup(groups[0]);
    writer.Finish();
  }
  for (size_t g = 1; g < groups.size(); ++g) {
    const auto before = ReadFile(path);
    ParquetWriter writer = ParquetWriter::Append(path);
    writer.WriteRowGroup(groups[g]);
    writer.Finish();
    const auto after = ReadFile(path);
    ASSERT_GT(after.size(), before.size());
    EXPECT_TRUE(std::equal(before.begin(), before.end(), after.begin())) << "what was there stays";
  }
  const ParquetReader reader(path);
  EXPECT_EQ(reader.num_rows(), 200);
  EXPECT_EQ(reader.FindMetadata("k"), "v");
  for (size_t g = 0; g < groups.size(); ++g) ExpectColumns(reader, g, groups[g]);
}

TEST_F(ParquetFiles, AMergeIsTheFileThatOneWriterWouldHaveWritten) {
  RandomArrays random(6);
  const std::vector<std::vector<Array>> groups = {random.Make(SampleFields(), 30), random.Make(SampleFields(), 40)};
  const auto first = Encode(SampleFields(), {groups[0]}), second = Encode(SampleFields(), {groups[1]});
  ParquetWriter merged(ParquetSchema::FromFields(SampleFields()), {});
  merged.CopyRowGroup(ParquetReader(first, "first"), 0);
  merged.CopyRowGroup(ParquetReader(second, "second"), 0);
  EXPECT_TRUE(merged.Finish() == Encode(SampleFields(), groups));
  ParquetWriter other(ParquetSchema::FromFields({ScalarField("a", ValueKind::kBool)}), {});
  EXPECT_EQ(ErrorOf([&] { other.CopyRowGroup(ParquetReader(first, "first"), 0); }).code(), ErrorCode::kBadInput);
}

TEST_F(ParquetFiles, ADeadWriterLosesOnlyWhatCameAfterTheLastCheckpoint) {
  const auto path = folder_ / "a.parquet";
  RandomArrays random(8);
  std::vector<std::vector<Array>> groups;
  std::vector<uint64_t> ends;
  {
    ParquetWriter writer(path, ParquetSchema::FromFields(SampleFields()), {});
    for (int g = 0; g < 3; ++g) {
      groups.push_back(random.Make(SampleFields(), 20));
      writer.WriteRowGroup(groups.back());
      writer.Checkpoint();
      ends.push_back(writer.bytes_written());
    }
  }
  const auto bytes = ReadFile(path);
  EXPECT_EQ(bytes.size(), ends.back());
  EXPECT_EQ(FindLastFooter(path), ends.back());
  const auto cut = folder_ / "cut.parquet";
  for (size_t size = bytes.size(); size > 0; size -= std::min<size_t>(size, 997)) {
    WriteFileAtomic(cut, std::span(bytes).first(size));
    const auto whole = static_cast<size_t>(std::upper_bound(ends.begin(), ends.end(), size) - ends.begin());
    if (whole == 0) {
      EXPECT_EQ(FindLastFooter(cut), std::nullopt);
      EXPECT_EQ(ErrorOf([&] { RecoverParquet(cut); }).code(), ErrorCode::kBadInput);
      continue;
    }
    ASSERT_EQ(RecoverParquet(cut), size - ends[whole - 1]);
    ASSERT_EQ(RecoverParquet(cut), 0u);
    const ParquetReader reader(cut);
    ASSERT_EQ(reader.row_groups().size(), whole);
    ExpectColumns(reader, whole - 1, groups[whole - 1]);
  }
  // A recovered file can be gone on with.
  ParquetWriter writer = ParquetWriter::Append(path);
  writer.WriteRowGroup(groups[0]);
  writer.Finish();
  EXPECT_EQ(ParquetReader(path).num_rows(), 80);
}

TEST_F(ParquetFiles, RecoveryLooksThroughManyBlocks) {
  const auto path = folder_ / "a.parquet";
  uint64_t end = 0;
  {
    ParquetWriter writer(path, ParquetSchema::FromFields({ScalarField("a", ValueKind::kInt64)}), {});
    writer.WriteRowGroup({MakeInt64s({1, 2, 3})});
    writer.Checkpoint();
    end = writer.bytes_written();
  }
  for (const uint64_t garbage :
       {(1u << 20) - 2u, (1u << 20) - 1u, 1u << 20, (1u << 20) + 1u, (1u << 20) + 2u, 3u << 20}) {
    std::filesystem::resize_file(path, end);
    std::filesystem::resize_file(path, end + garbage);
    EXPECT_EQ(FindLastFooter(path), end) << garbage;
  }
}

TEST_F(ParquetFiles, ReadsOneColumnOfAFileWithoutTheRest) {
  const auto path = folder_ / "a.parquet";
  ParquetWriter writer(
      path, ParquetSchema::FromFields({ScalarField("a", ValueKind::kInt64), ScalarField("b", ValueKind::kInt64)}), {});
  writer.WriteRowGroup({MakeInt64s({1, 2}), MakeInt64s({3, 4})});
  writer.Finish();
  auto bytes = ReadFile(path);
  const auto offset = static_cast<size_t>(ParquetReader(path).row_groups()[0].columns[0].offset());
  for (size_t i = 0; i < 8; ++i) bytes[offset + i] = 0xff;
  WriteFileAtomic(path, bytes);
  const ParquetReader reader(path);
  EXPECT_EQ(reader.ReadField("b").Int64s(), (std::vector<int64_t>{3, 4}));
  EXPECT_EQ(ErrorOf([&] { reader.ReadField("a"); }).code(), ErrorCode::kBadInput);
}

TEST(Parquet, ErrorsNameTheColumn) {
  ParquetWriter writer(
      ParquetSchema::FromFields({ScalarField("a", ValueKind::kInt64, false), ListField("b", ValueKind::kFloat)}), {});
  const Array b = MakeLists(MakeFloats({1, 2}), 1);
  Array gap = MakeInt64s({1, 2});
  gap.valid = {1, 0};
  EXPECT_EQ(ErrorOf([&] { writer.WriteRowGroup({gap, b}); }).subject(), "a");
  EXPECT_EQ(ErrorOf([&] { writer.WriteRowGroup({MakeInt64s({1}), b}); }).subject(), "b");
  EXPECT_EQ(ErrorOf([&] { writer.WriteRowGroup({MakeInt64s({1, 2}), MakeFloats({1, 2})}); }).subject(), "b");
  EXPECT_EQ(ErrorOf([&] { writer.WriteRowGroup({MakeInt64s({1, 2})}); }).code(), ErrorCode::kBadInput);
  Array broken = b;
  broken.offsets[1] = 7;
  EXPECT_EQ(ErrorOf([&] { writer.WriteRowGroup({MakeInt64s({1, 2}), broken}); }).subject(), "b");
  const auto bytes = writer.Finish();
  const ParquetReader reader(bytes, "a.parquet");
  EXPECT_EQ(reader.num_rows(), 0) << "a refused row group leaves nothing behind";
  EXPECT_EQ(ErrorOf([&] { reader.ReadField("c"); }).code(), ErrorCode::kNotFound);
  EXPECT_EQ(ErrorOf([&] { ParquetReader(std::filesystem::path("/nowhere/x.parquet")); }).code(), ErrorCode::kNotFound);
  ParquetWriteOptions gzip;
  gzip.codec = Codec::kGzip;
  EXPECT_EQ(ErrorOf([&] { ParquetWriter(reader.schema(), {}, gzip); }).code(), ErrorCode::kUnsupported);
  EXPECT_EQ(ErrorOf([] {
              ParquetSchema::FromFields({ScalarField("a", ValueKind::kBool), ScalarField("a", ValueKind::kBool)});
            }).code(),
            ErrorCode::kBadInput);
}

// Schema trees that other writers have made.
SchemaElement Group(std::string name, Repetition repetition, int32_t children, int32_t converted = -1) {
  SchemaElement element;
  element.name = std::move(name);
  element.repetition = repetition;
  element.num_children = children;
  element.converted_type = converted;
  return element;
}
SchemaElement Column(std::string name, Repetition repetition, PhysicalType type = PhysicalType::kInt32) {
  SchemaElement element = Group(std::move(name), repetition, 0);
  element.type = type;
  return element;
}

TEST(ParquetSchemas, OldSpellingsOfListsAreLists) {
  constexpr auto kOptional = Repetition::kOptional, kRepeated = Repetition::kRepeated,
                 kRequired = Repetition::kRequired;
  const ParquetSchema schema = ParquetSchema::FromElements(
      {Group("root", kRequired, 6), Group("three", kOptional, 1, 3), Group("bag", kRepeated, 1),
       Column("array_element", kOptional), Group("two", kOptional, 1, 3), Column("array", kRepeated),
       Group("tuple", kOptional, 1, 3), Group("tuple_tuple", kRepeated, 1), Column("x", kRequired),
       Group("pair", kOptional, 1, 3), Group("element", kRepeated, 2), Column("x", kRequired), Column("y", kOptional),
       Column("bare", kRepeated), Group("map", kOptional, 1, 1), Group("key_value", kRepeated, 2, 2),
       Column("key", kRequired), Column("value", kOptional)},
      "a.parquet");
  const auto& fields = schema.fields();
  for (const Field& field : fields) EXPECT_EQ(field.kind, ValueKind::kList) << field.name;
  EXPECT_EQ(fields[0].children[0].kind, ValueKind::kInt32);
  EXPECT_TRUE(fields[0].children[0].nullable);
  EXPECT_EQ(fields[1].children[0].kind, ValueKind::kInt32);
  EXPECT_FALSE(fields[1].children[0].nullable);
  EXPECT_EQ(fields[2].children[0].kind, ValueKind::kStruct);
  EXPECT_EQ(fields[3].children[0].children.size(), 2u);
  EXPECT_FALSE(fields[4].nullable);
  EXPECT_EQ(fields[5].children[0].children[0].name, "key");
  EXPECT_EQ(schema.leaves()[0].max_definition, 3);
  EXPECT_EQ(schema.leaves()[1].max_definition, 2);
  EXPECT_EQ(schema.leaves()[5].max_definition, 1);
  EXPECT_EQ(schema.LeavesOf(3), (std::pair<size_t, size_t>{3, 5}));
  // A writer takes them as they are.
  RandomArrays random(4);
  const std::vector<Array> columns = random.Make(fields, 100);
  ParquetWriter writer(schema, {});
  writer.WriteRowGroup(columns);
  const auto bytes = writer.Finish();
  const ParquetReader reader(bytes, "a.parquet");
  EXPECT_TRUE(reader.schema().elements() == schema.elements());
  ExpectColumns(reader, 0, columns);
}

TEST(ParquetSchemas, AListOfListsInTwoLevels) {
  constexpr auto kOptional = Repetition::kOptional, kRepeated = Repetition::kRepeated;
  const ParquetSchema schema =
      ParquetSchema::FromElements({Group("root", Repetition::kRequired, 1), Group("a", kOptional, 1, 3),
                                   Group("array", kRepeated, 1, 3), Column("array", kRepeated)},
                                  "a.parquet");
  EXPECT_EQ(schema.fields()[0].children[0].kind, ValueKind::kList);
  EXPECT_EQ(schema.fields()[0].children[0].children[0].kind, ValueKind::kInt32);
  EXPECT_EQ(schema.leaves()[0].max_repetition, 2);
  EXPECT_EQ(schema.leaves()[0].max_definition, 3);
}

TEST(ParquetSchemas, WhatDoesNotAddUpIsRefused) {
  constexpr auto kOptional = Repetition::kOptional, kRequired = Repetition::kRequired;
  const auto code = [](std::vector<SchemaElement> elements) {
    return ErrorOf([&] { ParquetSchema::FromElements(std::move(elements), "a.parquet"); }).code();
  };
  EXPECT_EQ(code({}), ErrorCode::kBadInput);
  EXPECT_EQ(code({Group("root", kRequired, 0)}), ErrorCode::kBadInput);
  EXPECT_EQ(code({Group("root", kRequired, -1), Column("a", kOptional)}), ErrorCode::kBadInput);
  EXPECT_EQ(code({Group("root", kRequired, 2), Column("a", kOptional)}), ErrorCode::kBadInput);
  EXPECT_EQ(code({Group("root", kRequired, 1), Column("a", kOptional), Column("b", kOptional)}), ErrorCode::kBadInput);
  EXPECT_EQ(code({Group("root", kRequired, 1), Group("a", kOptional, 1, 3), Column("b", kOptional)}),
            ErrorCode::kBadInput);
  EXPECT_EQ(code({Group("root", kRequired, 1), Group("a", kOptional, 0)}), ErrorCode::kUnsupported);
  EXPECT_EQ(code({Group("root", kRequired, 1), Column("a", kOptional, PhysicalType::kFixedLenByteArray)}),
            ErrorCode::kBadInput);
  EXPECT_EQ(code({Group("root", kRequired, 1), Column("a", kOptional, PhysicalType::kInt96)}), ErrorCode::kUnsupported);
  std::vector<SchemaElement> deep(1000, Group("a", kOptional, 1));
  deep.push_back(Column("b", kOptional));
  EXPECT_EQ(code(deep), ErrorCode::kBadInput);
  EXPECT_EQ(ErrorOf([] { ParquetSchema::FromFields({ListField("a", ValueKind::kBool, 40)}); }).code(),
            ErrorCode::kBadInput);
}

}  // namespace
}  // namespace takt::dataset
