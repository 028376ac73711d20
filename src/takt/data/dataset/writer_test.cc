// SPDX-License-Identifier: Apache-2.0
#include "takt/data/dataset/writer.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <set>
#include <tuple>

#include "takt/core/base/error.h"
#include "takt/core/base/parallel.h"
#include "takt/data/dataset/dataset.h"
#include "takt/data/dataset/test_sets.h"

namespace takt::dataset {
namespace {

namespace fs = std::filesystem;

using WriterTest = FolderTest;

class LayoutTest : public FolderTest, public testing::WithParamInterface<std::tuple<DatasetFormat, const char*>> {
 protected:
  WriterOptions Options() const { return SmallOptions(std::get<0>(GetParam()), std::get<1>(GetParam())); }
};
INSTANTIATE_TEST_SUITE_P(Layouts, LayoutTest,
                         testing::Combine(testing::Values(DatasetFormat::kV21, DatasetFormat::kV30),
                                          testing::Values("video", "image")),
                         [](const auto& param) {
                           return std::string(std::get<0>(param.param) == DatasetFormat::kV21 ? "v21" : "v30") + "_" +
                                  std::get<1>(param.param);
                         });

// Every value that went in, and pictures as near as the codec allows.
void ExpectEpisodes(const fs::path& folder, int episodes) {
  LoadOptions load;
  load.episode_stats = true;
  const Dataset set = LoadDataset(folder, load);
  ASSERT_EQ(set.episodes.size(), static_cast<size_t>(episodes));
  EXPECT_EQ(set.info.total_episodes, episodes);
  EpisodeReader reader(set);
  PictureReader pictures(set);
  int64_t from = 0;
  for (int i = 0; i < episodes; ++i) {
    const EpisodeMeta& meta = set.episodes[static_cast<size_t>(i)];
    const Episode wanted = SmallEpisode(i, 12 + i % 5);
    EXPECT_EQ(meta.index, i);
    EXPECT_EQ(meta.length, 12 + i % 5);
    EXPECT_EQ(meta.from, from);
    EXPECT_EQ(meta.to, from + meta.length);
    EXPECT_EQ(meta.tasks, wanted.tasks);
    const EpisodeData data = reader.Read(meta);
    for (const auto& [name, values] : wanted.columns) EXPECT_EQ(data.Numbers(name), values) << name;
    EXPECT_EQ(std::get<std::vector<int64_t>>(data.Numbers("index"))[3], from + 3);
    EXPECT_EQ(std::get<std::vector<int64_t>>(data.Numbers("episode_index"))[3], i);
    EXPECT_EQ(std::get<std::vector<int64_t>>(data.Numbers("frame_index"))[3], 3);
    EXPECT_EQ(std::get<std::vector<float>>(data.Numbers("timestamp"))[3], 0.15f);
    const int64_t task = std::get<std::vector<int64_t>>(data.Numbers("task_index"))[0];
    EXPECT_EQ(set.tasks[static_cast<size_t>(task)], wanted.tasks[0]);
    EXPECT_EQ(set.extras.at(i)["seed"], 1000 + i);
    EXPECT_EQ(meta.stats.at("action").count, meta.length);
    EXPECT_EQ(meta.stats.at("observation.images.top").shape, (std::vector<int64_t>{3, 1, 1}));
    int64_t next = 2;
    pictures.Read(meta, "observation.images.top", {2, 3, 4}, [&](int64_t frame, const Image8& picture) {
      EXPECT_EQ(frame, next++);
      const Image8& original = wanted.images.at("observation.images.top")[static_cast<size_t>(frame)];
      double error = 0;
      for (size_t k = 0; k < picture.pixels.size(); ++k) {
        error += std::abs(int{picture.pixels[k]} - int{original.pixels[k]});
      }
      EXPECT_TRUE(error / static_cast<double>(picture.pixels.size()) < 6) << frame;
    });
    EXPECT_EQ(next, 5);
    from += meta.length;
  }
  EXPECT_EQ(set.info.total_frames, from);
}

TEST_P(LayoutTest, ReadsBackWhatWasWritten) {
  const fs::path set = folder_ / "set";
  DatasetWriter writer(set, Options());
  EXPECT_FALSE(fs::exists(set / "meta"));
  for (int i = 0; i < 5; ++i) {
    writer.AddEpisode(SmallEpisode(i, 12 + i % 5));
    ExpectEpisodes(set, i + 1);  // whole after every episode
  }
  const WriteSummary summary = writer.Finish();
  EXPECT_EQ(summary.episodes, 5);
  EXPECT_EQ(summary.tasks, 2);
  EXPECT_GT(summary.bytes, 1000u);
  ExpectEpisodes(set, 5);
  EXPECT_FALSE(fs::exists(set / ".takt"));
  for (const char* part : {"data", "meta"}) EXPECT_FALSE(fs::is_symlink(set / part));
}

TEST_P(LayoutTest, GoingOnGivesTheBytesOfOneRun) {
  WriteSmallSet(folder_ / "whole", Options(), 7);
  {
    DatasetWriter writer(folder_ / "parts", Options());
    for (int i = 0; i < 3; ++i) writer.AddEpisode(SmallEpisode(i, 12 + i % 5));
  }  // left without Finish
  {
    DatasetWriter writer(folder_ / "parts", Options());
    EXPECT_EQ(writer.episodes(), 3);
    EXPECT_EQ(writer.extras()[2]["seed"], 1002);
    writer.AddEpisode(SmallEpisode(3, 12 + 3 % 5));
    writer.AddEpisode(SmallEpisode(4, 12 + 4 % 5));
    writer.Finish();
  }
  {
    DatasetWriter writer(folder_ / "parts", Options());  // finished, and gone on with
    EXPECT_EQ(writer.episodes(), 5);
    writer.AddEpisode(SmallEpisode(5, 12 + 5 % 5));
    ExpectEpisodes(folder_ / "parts", 6);
    writer.AddEpisode(SmallEpisode(6, 12 + 6 % 5));
    writer.Finish();
  }
  ExpectSameFiles(folder_ / "whole", folder_ / "parts");
  {
    DatasetWriter writer(folder_ / "parts", Options());
    writer.Finish();  // nothing new: nothing changes
  }
  ExpectSameFiles(folder_ / "whole", folder_ / "parts");
}

TEST_F(WriterTest, SyncingChangesNoByte) {
  WriterOptions options = SmallOptions(DatasetFormat::kV30);
  WriteSmallSet(folder_ / "plain", options, 3);
  options.sync = true;
  WriteSmallSet(folder_ / "synced", options, 3);
  ExpectSameFiles(folder_ / "plain", folder_ / "synced");
}

// Episodes prepared on many threads, while others are written, are the same.
TEST_F(WriterTest, PreparesOnManyThreads) {
  WriteSmallSet(folder_ / "one", SmallOptions(DatasetFormat::kV30), 12);
  {
    DatasetWriter writer(folder_ / "many", SmallOptions(DatasetFormat::kV30));
    std::vector<PreparedEpisode> prepared(12);
    ParallelFor(12, 1, [&](size_t i, size_t) {
      const int n = static_cast<int>(i);
      prepared[i] = writer.Prepare(SmallEpisode(n, 12 + n % 5));
    });
    for (PreparedEpisode& episode : prepared) writer.Add(std::move(episode));
    writer.Finish();
  }
  ExpectSameFiles(folder_ / "one", folder_ / "many");
}

TEST_F(WriterTest, FullFilesBeginNewOnes) {
  WriterOptions options = SmallOptions(DatasetFormat::kV30, "");
  options.features.push_back(ScalarFeature("noise", "string"));
  options.data_file_mb = 1;
  options.chunk_files = 2;
  options.features.push_back(VectorFeature("wide", std::vector<std::string>(2000, "w"), "float64"));
  const auto episode = [](int n) {
    Episode e = SmallEpisode(n, 20, false);
    Blobs texts;
    std::vector<double> wide;
    for (int t = 0; t < 20; ++t) {
      texts.Add("frame " + std::to_string(t));
      for (int d = 0; d < 2000; ++d) wide.push_back(std::sin(1e3 * n + 7.0 * t + 0.37 * d));
    }
    e.columns["noise"] = texts;
    e.columns["wide"] = wide;
    return e;
  };
  {
    DatasetWriter writer(folder_ / "set", options);
    for (int i = 0; i < 12; ++i) writer.AddEpisode(episode(i));
    writer.Finish();
  }
  const Dataset set = LoadDataset(folder_ / "set");
  std::set<FilePlace> places;
  EpisodeReader reader(set);
  for (const EpisodeMeta& meta : set.episodes) {
    places.insert(meta.data);
    const EpisodeData data = reader.Read(meta);
    EXPECT_EQ(data.Numbers("wide"), episode(static_cast<int>(meta.index)).columns.at("wide"));
    EXPECT_EQ(data.Numbers("noise"), episode(static_cast<int>(meta.index)).columns.at("noise"));
  }
  EXPECT_GE(places.size(), 3u);
  EXPECT_TRUE(fs::exists(folder_ / "set/data/chunk-001/file-000.parquet"));
  for (const auto& entry : fs::recursive_directory_iterator(folder_ / "set/data")) {
    if (!entry.is_regular_file()) continue;
    EXPECT_LT(entry.file_size(), 1200000u) << entry.path();
  }
}

TEST_F(WriterTest, StatisticsOfTheWholeAreExact) {
  WriteSmallSet(folder_ / "set", SmallOptions(DatasetFormat::kV30), 6);
  const Dataset set = LoadDataset(folder_ / "set");
  std::vector<double> x;
  PictureHistogram pictures;
  for (int i = 0; i < 6; ++i) {
    const Episode e = SmallEpisode(i, 12 + i % 5);
    const auto& action = std::get<std::vector<float>>(e.columns.at("action"));
    for (size_t k = 0; k < action.size(); k += 3) x.push_back(static_cast<double>(action[k]));
    for (const Image8& image : e.images.at("observation.images.top")) pictures.Add(image);
  }
  const FeatureStats& stats = set.stats.at("action");
  EXPECT_EQ(stats.count, static_cast<int64_t>(x.size()));
  double sum = 0;
  for (const double v : x) sum += v;
  EXPECT_NEAR(stats.mean[0], sum / static_cast<double>(x.size()), 1e-12);
  std::sort(x.begin(), x.end());
  EXPECT_EQ(stats.min[0], x.front());
  EXPECT_EQ(stats.max[0], x.back());
  for (size_t q = 0; q < kQuantiles.size(); ++q) {
    const double place = kQuantiles[q] * static_cast<double>(x.size() - 1);
    const auto low = static_cast<size_t>(place);
    const double wanted = x[low] + (place - static_cast<double>(low)) * (x[std::min(low + 1, x.size() - 1)] - x[low]);
    EXPECT_NEAR(stats.quantiles[q][0], wanted, 1e-12) << q;
  }
  const FeatureStats wanted = pictures.Stats();
  const FeatureStats& top = set.stats.at("observation.images.top");
  EXPECT_EQ(top.count, wanted.count);
  EXPECT_EQ(top.mean, wanted.mean);
  EXPECT_EQ(top.std, wanted.std);
  EXPECT_EQ(top.quantiles, wanted.quantiles);
}

TEST_F(WriterTest, RefusesWrongEpisodesAndStaysAsItWas) {
  DatasetWriter writer(folder_ / "set", SmallOptions(DatasetFormat::kV30));
  writer.AddEpisode(SmallEpisode(0, 12));
  const auto before = FilesIn(folder_ / "set");
  const auto refused = [&](const std::function<void(Episode&)>& spoil) {
    Episode episode = SmallEpisode(1, 9);
    spoil(episode);
    EXPECT_THROW(writer.AddEpisode(episode), Error);
    EXPECT_EQ(writer.episodes(), 1);
  };
  refused([](Episode& e) { e.tasks.clear(); });
  refused([](Episode& e) { e.columns.erase("action"); });
  refused([](Episode& e) { e.columns["unknown"] = std::vector<float>(9); });
  refused([](Episode& e) { e.columns["index"] = std::vector<int64_t>(9); });
  refused([](Episode& e) { e.columns["action"] = std::vector<float>(26); });
  refused([](Episode& e) { e.columns["phase"] = std::vector<float>(9); });
  refused([](Episode& e) { e.images.clear(); });
  refused([](Episode& e) { e.images["observation.images.top"].pop_back(); });
  refused([](Episode& e) { e.images["observation.images.top"][4] = Image8(32, 64, 3); });
  refused([](Episode& e) { e.task_of_frame = {0}; });
  refused([](Episode& e) { e.task_of_frame.assign(9, 1); });
  refused([](Episode& e) { e.extra = 7; });
  EXPECT_EQ(before, FilesIn(folder_ / "set"));
  writer.AddEpisode(SmallEpisode(1, 13));
  writer.Finish();
  ExpectEpisodes(folder_ / "set", 2);
}

TEST_F(WriterTest, RefusesToGoOnWithSomethingElse) {
  WriteSmallSet(folder_ / "set", SmallOptions(DatasetFormat::kV30), 2);
  const auto refused = [&](WriterOptions options) { EXPECT_THROW(DatasetWriter(folder_ / "set", options), Error); };
  refused(SmallOptions(DatasetFormat::kV21));
  WriterOptions options = SmallOptions(DatasetFormat::kV30);
  options.fps = 30;
  refused(options);
  options = SmallOptions(DatasetFormat::kV30);
  options.robot_type = "other";
  refused(options);
  options = SmallOptions(DatasetFormat::kV30);
  options.features[0] = VectorFeature("action", {"x", "y"});
  refused(options);
  options = SmallOptions(DatasetFormat::kV30);
  options.video.codec = VideoCodec::kAv1;
  refused(options);
  refused(SmallOptions(DatasetFormat::kV30, "image"));
  fs::create_directories(folder_ / "other/data");
  EXPECT_THROW(DatasetWriter(folder_ / "other", SmallOptions(DatasetFormat::kV30)), Error);
  DatasetWriter open(folder_ / "set", SmallOptions(DatasetFormat::kV30));
  EXPECT_THROW(DatasetWriter(folder_ / "set", SmallOptions(DatasetFormat::kV30)), Error);  // held
  EXPECT_THROW(DatasetWriter(folder_ / "empty", SmallOptions(DatasetFormat::kV30)).Finish(), Error);
}

}  // namespace
}  // namespace takt::dataset
