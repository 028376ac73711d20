// SPDX-License-Identifier: Apache-2.0
#include "takt/data/dataset/validate.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <functional>

#include "takt/core/base/error.h"
#include "takt/data/dataset/dataset.h"
#include "takt/data/dataset/info.h"
#include "takt/data/dataset/test_sets.h"

namespace takt::dataset {
namespace {

namespace fs = std::filesystem;

class ValidateTest : public FolderTest {
 protected:
  // A set, spoiled: validate must report `code`, and must not end in anything but findings.
  void Expect(DatasetFormat format, const std::string& code, const std::function<void(const fs::path&)>& spoil,
              const char* pictures = "video") {
    const fs::path set = folder_ / "set";
    fs::remove_all(set);
    WriteSmallSet(set, SmallOptions(format, pictures), 4);
    ASSERT_EQ(Validate(set).errors, 0);
    spoil(set);
    ValidateOptions options;
    options.decode = true;
    const ValidateReport report = Validate(set, options);
    bool found = false;
    std::string all;
    for (const Diagnostic& d : report.diagnostics) {
      found = found || d.code == code;
      all += Line(d);
    }
    EXPECT_TRUE(found) << "no " << code << " in:\n" << all;
    EXPECT_LT(report.diagnostics.size(), 14u) << all;
  }
  static std::string Line(const Diagnostic& d) {
    return std::string(SeverityName(d.severity)) + " " + d.code + ": " + d.message + "\n";
  }
  static void Replace(const fs::path& file, const std::string& from, const std::string& to) {
    std::string text = ReadTextFile(file);
    const size_t at = text.find(from);
    ASSERT_NE(at, std::string::npos) << from << " in " << file;
    text.replace(at, from.size(), to);
    WriteFileAtomic(file, text);
  }
  // Rewrites a Parquet file with one column changed or taken away.
  static void Edit(const fs::path& file, const std::string& column, const std::function<bool(Array&)>& edit) {
    std::vector<Field> fields;
    std::vector<std::vector<Array>> groups;
    std::vector<KeyValue> metadata;
    {
      const ParquetReader reader(file);
      metadata = reader.metadata();
      for (size_t g = 0; g < reader.row_groups().size(); ++g) {
        groups.emplace_back();
        fields.clear();
        for (const Field& field : reader.fields()) {
          Array array = reader.ReadField(g, field.name);
          if (field.name == column && !edit(array)) continue;
          fields.push_back(field);
          groups.back().push_back(std::move(array));
        }
      }
    }
    ParquetWriter writer(ParquetSchema::FromFields(fields), metadata);
    for (const auto& group : groups) writer.WriteRowGroup(group);
    WriteFileAtomic(file, writer.Finish());
  }
};

constexpr DatasetFormat kV21 = DatasetFormat::kV21, kV30 = DatasetFormat::kV30;
constexpr const char* kData = "data/chunk-000/file-000.parquet";
constexpr const char* kTable = "meta/episodes/chunk-000/file-000.parquet";
constexpr const char* kFilm = "videos/observation.images.top/chunk-000/file-000.mp4";

TEST_F(ValidateTest, FindsWrongTotals) {
  Expect(kV30, "dataset/totals", [](const fs::path& s) { Replace(s / "meta/info.json", "\"total_episodes\": 4", "\"total_episodes\": 5"); });
  Expect(kV30, "dataset/totals", [](const fs::path& s) { Replace(s / "meta/info.json", "\"total_frames\": 54", "\"total_frames\": 540"); });
  Expect(kV30, "dataset/totals", [](const fs::path& s) { Replace(s / "meta/info.json", "\"total_tasks\": 2", "\"total_tasks\": 1"); });
  Expect(kV30, "dataset/totals", [](const fs::path& s) { Replace(s / "meta/info.json", "\"0:4\"", "\"0:9\""); });
  Expect(kV21, "dataset/totals", [](const fs::path& s) { Replace(s / "meta/info.json", "\"total_videos\": 4", "\"total_videos\": 3"); });
}

TEST_F(ValidateTest, FindsWrongTables) {
  Expect(kV21, "dataset/episodes", [](const fs::path& s) { Replace(s / "meta/episodes.jsonl", "\"episode_index\":2", "\"episode_index\":1"); });
  Expect(kV21, "dataset/rows", [](const fs::path& s) { Replace(s / "meta/episodes.jsonl", "\"length\":13", "\"length\":1000000000000"); });
  Expect(kV21, "dataset/tasks", [](const fs::path& s) { Replace(s / "meta/tasks.jsonl", "stack the cubes", "dance"); });
  Expect(kV21, "dataset/tasks", [](const fs::path& s) { Replace(s / "meta/tasks.jsonl", "\"task_index\":1", "\"task_index\":7"); });
  Expect(kV21, "dataset/episodes", [](const fs::path& s) { WriteFileAtomic(s / "meta/episodes.jsonl", std::string_view("[1, 2")); });
  Expect(kV30, "dataset/range", [](const fs::path& s) {
    Edit(s / kTable, "dataset_from_index", [](Array& a) { std::get<std::vector<int64_t>>(a.values)[2] += 3; return true; });
  });
  Expect(kV30, "dataset/path", [](const fs::path& s) {
    Edit(s / kTable, "data/file_index", [](Array& a) { std::get<std::vector<int64_t>>(a.values)[2] = int64_t{1} << 45; return true; });
  });
  Expect(kV30, "dataset/episodes", [](const fs::path& s) { Edit(s / kTable, "length", [](Array&) { return false; }); });
  Expect(kV30, "dataset/film", [](const fs::path& s) {
    Edit(s / kTable, "videos/observation.images.top/from_timestamp",
         [](Array& a) { std::get<std::vector<double>>(a.values)[1] += 3; return true; });
  });
  Expect(kV30, "dataset/path", [](const fs::path& s) { Replace(s / "meta/info.json", "data/chunk-", "../../data/chunk-"); });
  Expect(kV30, "dataset/path", [](const fs::path& s) { Replace(s / "meta/info.json", "videos/{video_key}", "/videos/{video_key}"); });
}

TEST_F(ValidateTest, FindsWrongData) {
  const auto shift = [](const char* column, int by) {
    return [column, by](const fs::path& s) {
      Edit(s / kData, column, [&](Array& a) { std::get<std::vector<int64_t>>(a.values)[5] += by; return true; });
    };
  };
  Expect(kV30, "dataset/index", shift("index", 1));
  Expect(kV30, "dataset/index", shift("frame_index", 2));
  Expect(kV30, "dataset/index", shift("episode_index", 1));
  Expect(kV30, "dataset/tasks", shift("task_index", 5));
  Expect(kV30, "dataset/tasks", shift("task_index", 1));
  Expect(kV30, "dataset/timestamp", [](const fs::path& s) {
    Edit(s / kData, "timestamp", [](Array& a) { std::get<std::vector<float>>(a.values)[7] += 0.01f; return true; });
  });
  Expect(kV30, "dataset/columns", [](const fs::path& s) { Edit(s / kData, "action", [](Array&) { return false; }); });
  Expect(kV30, "dataset/columns", [](const fs::path& s) { Replace(s / "meta/info.json", "\"int64\"", "\"float32\""); });
  Expect(kV30, "dataset/columns", [](const fs::path& s) { Replace(s / "meta/info.json", "3\n            ],\n            \"names\": [\n                \"x\"", "4\n            ],\n            \"names\": [\n                \"x\""); });
  Expect(kV30, "dataset/stats", [](const fs::path& s) {
    Edit(s / kData, "action", [](Array& a) { std::get<std::vector<float>>(a.children[0].values)[4] = 50; return true; });
  });
  Expect(kV30, "dataset/non-finite", [](const fs::path& s) {
    Edit(s / kData, "action", [](Array& a) { std::get<std::vector<float>>(a.children[0].values)[4] = NAN; return true; });
  });
  Expect(kV30, "dataset/unreadable", [](const fs::path& s) { fs::resize_file(s / kData, 300); });
  Expect(kV30, "dataset/missing-file", [](const fs::path& s) { fs::remove(s / kData); });
  Expect(kV30, "dataset/stray-file", [](const fs::path& s) { fs::copy_file(s / kData, s / "data/chunk-000/file-009.parquet"); });
  Expect(kV30, "dataset/pictures", [](const fs::path& s) {
    Edit(s / kData, "observation.images.top", [](Array& a) { std::get<Blobs>(a.children[0].values).bytes[20] ^= 0x55; return true; });
  }, "image");
}

TEST_F(ValidateTest, FindsWrongFilms) {
  Expect(kV30, "dataset/missing-file", [](const fs::path& s) { fs::remove(s / kFilm); });
  Expect(kV30, "dataset/unreadable", [](const fs::path& s) { fs::resize_file(s / kFilm, fs::file_size(s / kFilm) / 2); });
  Expect(kV30, "dataset/film", [](const fs::path& s) { Replace(s / "meta/info.json", "\"fps\": 20", "\"fps\": 10"); });
  Expect(kV21, "dataset/film", [](const fs::path& s) {
    fs::copy_file(s / "videos/chunk-000/observation.images.top/episode_000000.mp4",
                  s / "videos/chunk-000/observation.images.top/episode_000003.mp4", fs::copy_options::overwrite_existing);
  });
  Expect(kV21, "dataset/stats", [](const fs::path& s) {  // a film of something else, of the same length
    Episode black = SmallEpisode(0, 13);
    for (Image8& image : black.images["observation.images.top"]) std::fill(image.pixels.begin(), image.pixels.end(), 3);
    VideoOptions options;
    options.fps = 20;
    WriteMp4(s / "videos/chunk-000/observation.images.top/episode_000001.mp4", black.images["observation.images.top"], options);
  });
}

TEST_F(ValidateTest, SaysWhatItDoesNotKnow) {
  Expect(kV30, "dataset/unknown", [](const fs::path& s) { WriteFileAtomic(s / "meta/modality.json", std::string_view("{}")); });
  Expect(kV30, "dataset/stats", [](const fs::path& s) { fs::remove(s / "meta/stats.json"); });
  Expect(kV30, "dataset/extras", [](const fs::path& s) { Replace(s / "meta/takt_episodes.jsonl", "\"episode_index\":3", "\"episode_index\":9"); });
  EXPECT_EQ(Validate(folder_ / "absent").errors, 1);
}

// Each meta file cut anywhere gives findings or a set, never anything else.
TEST_F(ValidateTest, SurvivesCutFiles) {
  for (const DatasetFormat format : {kV21, kV30}) {
    const fs::path set = folder_ / std::string(DatasetFormatName(format));
    WriteSmallSet(set, SmallOptions(format, ""), 2);
    for (const auto& [name, bytes] : FilesIn(set)) {
      const size_t step = bytes.size() / 60 + 1;
      for (size_t size = 0; size < bytes.size(); size += step) {
        WriteFileAtomic(set / name, std::span(bytes).first(size));
        const ValidateReport report = Validate(set);
        const bool info = name.find("meta/info") != std::string::npos && size + 2 < bytes.size();
        EXPECT_GE(report.errors, info ? 1 : 0) << name;
        try {
          Summarise(set);
        } catch (const Error&) {
        }
      }
      WriteFileAtomic(set / name, bytes);
    }
    EXPECT_EQ(Validate(set).errors, 0);
  }
}

}  // namespace
}  // namespace takt::dataset
