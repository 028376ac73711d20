// SPDX-License-Identifier: Apache-2.0
#include "takt/data/dataset/convert.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "takt/core/base/error.h"
#include "takt/data/dataset/dataset.h"
#include "takt/data/dataset/set_stats.h"
#include "takt/data/dataset/show.h"
#include "takt/data/dataset/test_sets.h"
#include "takt/data/dataset/validate.h"

namespace takt::dataset {
namespace {

namespace fs = std::filesystem;

using ConvertTest = FolderTest;

void ExpectValid(const fs::path& folder) {
  ValidateOptions options;
  options.decode = true;
  const ValidateReport report = Validate(folder, options);
  for (const Diagnostic& d : report.diagnostics) {
    if (d.severity != Severity::kNote) ADD_FAILURE() << folder << ": " << d.code << ": " << d.message;
  }
}

// There and back: what is lossless comes back byte for byte, whatever the layout between.
TEST_F(ConvertTest, ThereAndBackGivesTheSameBytes) {
  for (const char* pictures : {"video", "image"}) {
    const fs::path base = folder_ / pictures;
    WriteSmallSet(base / "v30", SmallOptions(DatasetFormat::kV30, pictures), 5);
    WriteSmallSet(base / "v21", SmallOptions(DatasetFormat::kV21, pictures), 5);
    ConvertOptions to_v21, to_v30;
    to_v21.format = DatasetFormat::kV21;
    to_v30.format = DatasetFormat::kV30;
    const ConvertReport report = Convert(base / "v30", base / "to_v21", to_v21);
    EXPECT_EQ(report.episodes, 5);
    EXPECT_EQ(report.films_copied, std::string(pictures) == "video" ? 5 : 0);
    EXPECT_EQ(report.films_encoded, 0);
    EXPECT_TRUE(report.notes.empty());
    ExpectSameFiles(base / "v21", base / "to_v21");
    ExpectValid(base / "to_v21");
    Convert(base / "to_v21", base / "back", to_v30);
    ExpectValid(base / "back");
    // v2.1 has no quantiles: those of pictures are computed from the decoded frames, which a codec changed a little.
    if (std::string(pictures) == "image") {
      ExpectSameFiles(base / "v30", base / "back");
    } else {
      EXPECT_EQ(FilesIn(base / "v30/data"), FilesIn(base / "back/data"));
      EXPECT_EQ(FilesIn(base / "v30/videos"), FilesIn(base / "back/videos"));
    }
    Convert(base / "v30", base / "copy", {});
    ExpectSameFiles(base / "v30", base / "copy");
  }
}

TEST_F(ConvertTest, ChangesTheCodingOfPictures) {
  WriteSmallSet(folder_ / "png", SmallOptions(DatasetFormat::kV30, "image"), 3);
  for (const PictureCoding coding : {PictureCoding::kH264, PictureCoding::kAv1}) {
    ConvertOptions options;
    options.pictures = coding;
    const fs::path out = folder_ / (coding == PictureCoding::kH264 ? "h264" : "av1");
    EXPECT_EQ(Convert(folder_ / "png", out, options).films_encoded, 3);
    ExpectValid(out);
    const Dataset set = LoadDataset(out);
    EXPECT_EQ(set.info.Find("observation.images.top")->dtype, "video");
    options.pictures = PictureCoding::kPng;
    Convert(out, out / "../again", options);
    ExpectValid(folder_ / "again");
    fs::remove_all(folder_ / "again");
  }
  ConvertOptions options;
  options.pictures = PictureCoding::kH264;
  EXPECT_EQ(Convert(folder_ / "h264", folder_ / "same", options).films_copied, 3);
  ExpectSameFiles(folder_ / "h264", folder_ / "same");
}

TEST_F(ConvertTest, GoesOnOnlyWithItsOwnResult) {
  const WriterOptions options = SmallOptions(DatasetFormat::kV30);
  WriteSmallSet(folder_ / "set", options, 4);
  WriteSmallSet(folder_ / "other", options, 4, 5);
  {
    DatasetWriter writer(folder_ / "copy", options);  // as a run that was stopped leaves it
    for (int i = 0; i < 2; ++i) writer.AddEpisode(SmallEpisode(i, 12 + i % 5));
  }
  EXPECT_THROW(Convert(folder_ / "other", folder_ / "copy", {}), Error);
  EXPECT_EQ(Convert(folder_ / "set", folder_ / "copy", {}).films_copied, 2);
  ExpectSameFiles(folder_ / "set", folder_ / "copy");
  EXPECT_THROW(Convert(folder_ / "other", folder_ / "copy", {}), Error);
  ConvertOptions one;
  one.episodes = {0};
  EXPECT_THROW(Convert(folder_ / "set", folder_ / "copy", one), Error);
  ExpectSameFiles(folder_ / "set", folder_ / "copy");
}

TEST_F(ConvertTest, TakesSomeEpisodes) {
  WriteSmallSet(folder_ / "set", SmallOptions(DatasetFormat::kV30), 5);
  ConvertOptions options;
  options.episodes = {4, 1};
  EXPECT_EQ(Convert(folder_ / "set", folder_ / "some", options).episodes, 2);
  ExpectValid(folder_ / "some");
  const Dataset set = LoadDataset(folder_ / "some");
  EXPECT_EQ(set.episodes[0].length, 12 + 4 % 5);
  EXPECT_EQ(set.extras.at(1)["seed"], 1001);
  options.episodes = {5};
  EXPECT_THROW(Convert(folder_ / "set", folder_ / "none", options), Error);
  EXPECT_THROW(Convert(folder_ / "set", folder_ / "set", {}), Error);
  EXPECT_THROW(Convert(folder_ / "absent", folder_ / "none", {}), Error);
}

// Shards merged are the set that one process would have written.
TEST_F(ConvertTest, MergedShardsAreTheWholeSet) {
  for (const DatasetFormat format : {DatasetFormat::kV21, DatasetFormat::kV30}) {
    const fs::path base = folder_ / std::string(DatasetFormatName(format));
    WriteSmallSet(base / "whole", SmallOptions(format), 7);
    WriteSmallSet(base / "0", SmallOptions(format), 3);
    WriteSmallSet(base / "1", SmallOptions(format), 2, 3);
    WriteSmallSet(base / "2", SmallOptions(format), 2, 5);
    const ConvertReport report = Merge({base / "0", base / "1", base / "2"}, base / "merged", {});
    EXPECT_EQ(report.episodes, 7);
    EXPECT_EQ(report.tasks, 2);
    ExpectSameFiles(base / "whole", base / "merged");
    ExpectValid(base / "merged");
  }
  WriterOptions other = SmallOptions(DatasetFormat::kV30);
  other.features[0] = VectorFeature("action", {"p", "q", "r"});
  WriteSmallSet(folder_ / "other", other, 1);
  EXPECT_THROW(Merge({folder_ / "v3.0/0", folder_ / "other"}, folder_ / "x", {}), Error);
  EXPECT_FALSE(fs::exists(folder_ / "x/meta"));
  EXPECT_THROW(Merge({}, folder_ / "x", {}), Error);
}

TEST_F(ConvertTest, KeepsWhatItDoesNotKnow) {
  WriteSmallSet(folder_ / "set", SmallOptions(DatasetFormat::kV30), 2);
  std::string text = ReadTextFile(folder_ / "set/meta/info.json");
  text.insert(text.find('{') + 1, "\"tools\": {\"made_by\": 7},");
  WriteFileAtomic(folder_ / "set/meta/info.json", text);
  WriteFileAtomic(folder_ / "set/meta/modality.json", std::string_view("{}"));
  const ConvertReport report = Convert(folder_ / "set", folder_ / "copy", {});
  EXPECT_EQ(LoadInfo(folder_ / "copy").other["tools"]["made_by"], 7);
  EXPECT_TRUE(report.notes.empty());
  EXPECT_EQ(ReadTextFile(folder_ / "copy/meta/modality.json"), "{}");
  // Of two files with one name the first is taken, and the other is named.
  WriteSmallSet(folder_ / "other", SmallOptions(DatasetFormat::kV30), 1);
  WriteFileAtomic(folder_ / "other/meta/modality.json", std::string_view("{ }"));
  const ConvertReport merged = Merge({folder_ / "copy", folder_ / "other"}, folder_ / "merged", {});
  ASSERT_EQ(merged.notes.size(), 1u);
  EXPECT_NE(merged.notes[0].find("modality.json"), std::string::npos);
  EXPECT_EQ(ReadTextFile(folder_ / "merged/meta/modality.json"), "{}");
  {
    DatasetWriter writer(folder_ / "set", SmallOptions(DatasetFormat::kV30));  // going on keeps the file itself
    writer.AddEpisode(SmallEpisode(2, 14));
    writer.Finish();
  }
  EXPECT_TRUE(fs::exists(folder_ / "set/meta/modality.json"));
  EXPECT_EQ(LoadInfo(folder_ / "set").other["tools"]["made_by"], 7);
}

TEST_F(ConvertTest, StatisticsAreWrittenAnew) {
  for (const DatasetFormat format : {DatasetFormat::kV21, DatasetFormat::kV30}) {
    const fs::path set = folder_ / std::string(DatasetFormatName(format));
    WriteSmallSet(set, SmallOptions(format, "image"), 3);
    const auto before = FilesIn(set);
    SetStatsOptions options;
    EXPECT_EQ(ComputeSetStats(set, options).changed, 0);
    options.write = true;
    EXPECT_TRUE(ComputeSetStats(set, options).written);
    EXPECT_EQ(FilesIn(set), before);
    const fs::path file = set / (format == DatasetFormat::kV30 ? "meta/stats.json" : "meta/episodes_stats.jsonl");
    std::string text = ReadTextFile(file);
    const size_t at = text.find("\"max\"");
    text.replace(text.find_first_of("0123456789", at), 1, "77");
    WriteFileAtomic(file, text);
    EXPECT_GE(Validate(set).errors, 1);
    ComputeSetStats(set, options);
    EXPECT_EQ(FilesIn(set), before);
    EXPECT_EQ(Validate(set).errors, 0);
  }
}

TEST_F(ConvertTest, ShowsAPage) {
  WriteSmallSet(folder_ / "set", SmallOptions(DatasetFormat::kV30), 5);
  ShowOptions options;
  options.episodes = {0, 3};
  const ShowReport report = Show(folder_ / "set", folder_ / "page.html", options);
  EXPECT_EQ(report.shown, 2);
  EXPECT_EQ(report.pictures, 16);
  const std::string page = ReadTextFile(folder_ / "page.html");
  for (const char* wanted : {"Episode 3", "put the cube into the bin", "observation.images.top", "action", "recipe"}) {
    EXPECT_NE(page.find(wanted), std::string::npos) << wanted;
  }
  fs::remove_all(folder_ / "set/videos");
  Show(folder_ / "set", folder_ / "page.html", options);
  EXPECT_NE(ReadTextFile(folder_ / "page.html").find("no pictures"), std::string::npos);
  options.episodes = {9};
  EXPECT_THROW(Show(folder_ / "set", folder_ / "page.html", options), Error);
}

}  // namespace
}  // namespace takt::dataset
