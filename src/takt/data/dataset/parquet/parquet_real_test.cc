// SPDX-License-Identifier: Apache-2.0
// The LeRobot sets that others recorded, read field by field and written again.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "takt/core/base/file.h"
#include "takt/data/dataset/parquet/parquet.h"

namespace takt::dataset {
namespace {

const std::filesystem::path kSets = TAKT_SHARED_DATA "/dataset";

std::vector<std::filesystem::path> AllFiles() {
  std::vector<std::filesystem::path> files;
  if (!std::filesystem::exists(kSets)) return files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(kSets)) {
    if (entry.path().extension() == ".parquet") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::vector<Array> ReadRowGroup(const ParquetReader& reader, size_t group) {
  std::vector<Array> columns;
  for (size_t f = 0; f < reader.fields().size(); ++f) columns.push_back(reader.ReadField(group, f));
  return columns;
}

// The values of a column of scalars, whatever number they are.
std::vector<double> Numbers(const Array& array) {
  return std::visit(
      [](const auto& values) -> std::vector<double> {
        if constexpr (std::is_same_v<std::decay_t<decltype(values)>, Blobs>) {
          return {};
        } else {
          return {values.begin(), values.end()};
        }
      },
      array.values);
}

struct Set {
  const char* name;
  const char* data;  // the first data file; of two sets it is the only one here
};

// How many frames the first data file holds, by what the set says about its episodes.
int64_t FramesOfFirstFile(const std::filesystem::path& root) {
  if (std::filesystem::exists(root / "meta/episodes.jsonl")) {  // version 2.1: an episode a file
    std::ifstream lines(root / "meta/episodes.jsonl");
    std::string first;
    std::getline(lines, first);
    return nlohmann::json::parse(first)["length"].get<int64_t>();
  }
  const ParquetReader episodes(root / "meta/episodes/chunk-000/file-000.parquet");
  const std::vector<int64_t> length = episodes.ReadField("length").Int64s();
  const std::vector<int64_t> file = episodes.ReadField("data/file_index").Int64s();
  int64_t frames = 0;
  for (size_t e = 0; e < length.size(); ++e) frames += file[e] == 0 ? length[e] : 0;
  return frames;
}

class RealSets : public testing::TestWithParam<Set> {};

TEST_P(RealSets, HoldWhatTheirInfoSays) {
  const std::filesystem::path root = kSets / GetParam().name;
  if (!std::filesystem::exists(root)) GTEST_SKIP() << "needs ../shared/data/dataset/" << GetParam().name;
  const auto info = nlohmann::json::parse(ReadTextFile(root / "meta/info.json"));
  const ParquetReader data(root / GetParam().data);
  const int64_t rows = FramesOfFirstFile(root);
  EXPECT_EQ(data.num_rows(), rows);
  const bool is_whole = std::string(GetParam().name) == "so101_record_v3";
  EXPECT_TRUE(!is_whole || rows == info["total_frames"].get<int64_t>());
  EXPECT_NE(data.created_by().find("parquet-cpp-arrow"), std::string::npos);
  size_t seen = 0;
  for (const auto& [name, feature] : info["features"].items()) {
    if (feature["dtype"] == "video") continue;
    const Array column = data.ReadField(name);
    ++seen;
    ASSERT_EQ(column.length, static_cast<size_t>(rows)) << name;
    EXPECT_TRUE(column.valid.empty()) << name;
    const uint64_t width = feature["shape"][0].get<uint64_t>();
    if (column.kind == ValueKind::kList) {
      EXPECT_EQ(ValueKindName(column.children[0].kind), feature["dtype"] == "float32" ? "float" : "int64") << name;
      for (size_t i = 0; i < column.length; ++i) ASSERT_EQ(column.ListLength(i), width) << name;
      EXPECT_TRUE(column.children[0].valid.empty());
      for (const float value : column.children[0].Floats()) ASSERT_TRUE(std::isfinite(value)) << name;
    } else {
      EXPECT_EQ(width, 1u) << name;
    }
  }
  EXPECT_EQ(seen, data.fields().size());
  const std::vector<int64_t> index = data.ReadField("index").Int64s();
  for (size_t i = 0; i < index.size(); ++i) ASSERT_EQ(index[i], static_cast<int64_t>(i));
  const std::vector<int64_t> frame = data.ReadField("frame_index").Int64s();
  const std::vector<float> time = data.ReadField("timestamp").Floats();
  const double fps = info["fps"].get<double>();
  for (size_t i = 0; i < frame.size(); ++i) {
    ASSERT_EQ(time[i], static_cast<float>(static_cast<double>(frame[i]) / fps)) << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Parquet, RealSets,
                         testing::Values(Set{"so101_record_v3", "data/chunk-000/file-000.parquet"},
                                         Set{"open50_v3", "data/chunk-000/file-000.parquet"},
                                         Set{"g1_v21", "data/chunk-000/episode_000000.parquet"}),
                         [](const auto& param) { return std::string(param.param.name); });

TEST(RealFiles, ComeBackTheSameThroughOurWriter) {
  const auto files = AllFiles();
  if (files.empty()) GTEST_SKIP() << "needs ../shared/data/dataset";
  for (const auto& file : files) {
    SCOPED_TRACE(file.string());
    const ParquetReader theirs(file);
    for (const Codec codec : {Codec::kSnappy, Codec::kZstd, Codec::kNone}) {
      ParquetWriteOptions options;
      options.codec = codec;
      options.page_bytes = codec == Codec::kNone ? 3000 : 1 << 20;
      ParquetWriter writer(theirs.schema(), theirs.metadata(), options);
      for (size_t g = 0; g < theirs.row_groups().size(); ++g) writer.WriteRowGroup(ReadRowGroup(theirs, g));
      const std::vector<uint8_t> bytes = writer.Finish();
      const ParquetReader ours(bytes, "ours");
      EXPECT_EQ(ours.num_rows(), theirs.num_rows());
      EXPECT_TRUE(ours.schema().elements() == theirs.schema().elements());
      EXPECT_TRUE(ours.metadata() == theirs.metadata());
      ASSERT_EQ(ours.row_groups().size(), theirs.row_groups().size());
      for (size_t g = 0; g < theirs.row_groups().size(); ++g) {
        for (size_t f = 0; f < theirs.fields().size(); ++f) {
          ASSERT_TRUE(ours.ReadField(g, f) == theirs.ReadField(g, f)) << theirs.fields()[f].name;
        }
        for (size_t leaf = 0; leaf < theirs.schema().leaves().size(); ++leaf) {
          const LeafValues a = ours.ReadLeaf(g, leaf), b = theirs.ReadLeaf(g, leaf);
          ASSERT_EQ(a.definition_levels, b.definition_levels);
          ASSERT_EQ(a.repetition_levels, b.repetition_levels);
          ASSERT_TRUE(a.values == b.values);
          // Their bounds and ours were found independently.
          const ColumnStatistics& mine = ours.row_groups()[g].columns[leaf].statistics;
          const ColumnStatistics& other = theirs.row_groups()[g].columns[leaf].statistics;
          EXPECT_TRUE(!other.min || mine.min == other.min) << theirs.schema().leaves()[leaf].Name();
          EXPECT_TRUE(!other.max || mine.max == other.max) << theirs.schema().leaves()[leaf].Name();
          EXPECT_TRUE(!other.null_count || mine.null_count == other.null_count);
        }
      }
    }
  }
}

TEST(RealFiles, FromFieldsSpellsTheSchemaAsArrowDoes) {
  const auto files = AllFiles();
  if (files.empty()) GTEST_SKIP() << "needs ../shared/data/dataset";
  for (const auto& file : files) {
    const ParquetReader reader(file);
    const ParquetSchema ours = ParquetSchema::FromFields(reader.fields());
    EXPECT_TRUE(ours.elements() == reader.schema().elements()) << file;
    EXPECT_TRUE(ours.leaves() == reader.schema().leaves()) << file;
  }
}

TEST(RealFiles, AreCopiedRowGroupByRowGroup) {
  const auto files = AllFiles();
  if (files.empty()) GTEST_SKIP() << "needs ../shared/data/dataset";
  for (const auto& file : files) {
    const ParquetReader theirs(file);
    ParquetWriter writer(theirs.schema(), theirs.metadata());
    for (int twice = 0; twice < 2; ++twice) {
      for (size_t g = 0; g < theirs.row_groups().size(); ++g) writer.CopyRowGroup(theirs, g);
    }
    const std::vector<uint8_t> bytes = writer.Finish();
    const ParquetReader ours(bytes, "ours");
    EXPECT_EQ(ours.num_rows(), 2 * theirs.num_rows());
    for (const Field& field : theirs.fields()) {
      Array twice = theirs.ReadField(field.name);
      AppendArray(twice, theirs.ReadField(field.name));
      EXPECT_TRUE(ours.ReadField(field.name) == twice) << field.name;
    }
  }
}

TEST(RealFiles, EpisodesAddUp) {
  for (const char* name : {"so101_record_v3", "open50_v3"}) {
    if (!std::filesystem::exists(kSets / name)) GTEST_SKIP() << "needs ../shared/data/dataset/" << name;
    const auto info = nlohmann::json::parse(ReadTextFile(kSets / name / "meta/info.json"));
    const ParquetReader episodes(kSets / name / "meta/episodes/chunk-000/file-000.parquet");
    EXPECT_EQ(episodes.num_rows(), info["total_episodes"].get<int64_t>());
    const std::vector<int64_t> length = episodes.ReadField("length").Int64s();
    const std::vector<int64_t> from = episodes.ReadField("dataset_from_index").Int64s();
    const std::vector<int64_t> to = episodes.ReadField("dataset_to_index").Int64s();
    int64_t frames = 0;
    for (size_t e = 0; e < length.size(); ++e) {
      EXPECT_EQ(from[e], frames);
      frames += length[e];
      EXPECT_EQ(to[e], frames);
    }
    EXPECT_EQ(frames, info["total_frames"].get<int64_t>());
    const ParquetReader tasks(kSets / name / "meta/tasks.parquet");
    EXPECT_EQ(tasks.num_rows(), info["total_tasks"].get<int64_t>());
    EXPECT_TRUE(tasks.FindMetadata("pandas").has_value());
    EXPECT_EQ(Numbers(tasks.ReadField("task_index")), std::vector<double>{0});
    // Statistics of pictures are lists of lists of lists: 3 x 1 x 1.
    for (const Field& field : episodes.fields()) {
      if (!field.name.starts_with("stats/observation.images.") || !field.name.ends_with("/mean")) continue;
      const Array mean = episodes.ReadField(field.name);
      const Array& channels = mean.children[0];
      const Array& rows = channels.children[0];
      for (size_t e = 0; e < mean.length; ++e) EXPECT_EQ(mean.ListLength(e), 3u);
      for (size_t c = 0; c < channels.length; ++c) EXPECT_EQ(channels.ListLength(c), 1u);
      for (const double value : rows.children[0].Doubles()) EXPECT_TRUE(value >= 0 && value <= 1);
    }
  }
}

}  // namespace
}  // namespace takt::dataset
