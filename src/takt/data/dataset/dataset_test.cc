// SPDX-License-Identifier: Apache-2.0
#include "takt/data/dataset/dataset.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <numeric>
#include <string>

#include "takt/core/base/error.h"
#include "takt/data/dataset/info.h"
#include "takt/data/dataset/test_sets.h"
#include "takt/data/dataset/validate.h"

namespace takt::dataset {
namespace {

namespace fs = std::filesystem;

fs::path RealSet(const std::string& name) { return fs::path(TAKT_SHARED_DATA) / "dataset" / name; }

double Sum(const Values& values) {
  return std::visit(
      [](const auto& all) -> double {
        double sum = 0;
        if constexpr (!std::is_same_v<std::decay_t<decltype(all)>, Blobs>) {
          for (const auto v : all) sum += static_cast<double>(v);
        }
        return sum;
      },
      values);
}

// What DuckDB 1.5.6 reads from the same files.
TEST(RealSetTest, So101ReadsFieldByField) {
  if (!fs::exists(RealSet("so101_record_v3"))) GTEST_SKIP() << "needs " << RealSet("so101_record_v3");
  LoadOptions load;
  load.episode_stats = true;
  const Dataset set = LoadDataset(RealSet("so101_record_v3"), load);
  EXPECT_EQ(set.info.format, DatasetFormat::kV30);
  EXPECT_EQ(set.info.robot_type, "so101_follower");
  EXPECT_EQ(set.info.fps, 30);
  EXPECT_EQ(set.info.video_files_size_in_mb, 500);
  EXPECT_EQ(set.tasks, std::vector<std::string>{"Pick the orange cube and place it in the box"});
  ASSERT_EQ(set.episodes.size(), 4u);
  const int64_t lengths[] = {373, 374, 372, 373};
  double action = 0, state = 0, time = 0, index = 0, episode_index = 0, highest = -1e9;
  EpisodeReader reader(set);
  for (size_t i = 0; i < 4; ++i) {
    const EpisodeMeta& meta = set.episodes[i];
    EXPECT_EQ(meta.length, lengths[i]);
    EXPECT_EQ(meta.tasks, set.tasks);
    EXPECT_EQ(meta.videos.at("observation.images.top").place, FilePlace{});
    EXPECT_EQ(meta.stats.at("observation.images.front").shape, (std::vector<int64_t>{3, 1, 1}));
    const EpisodeData data = reader.Read(meta);
    action += Sum(data.Numbers("action"));
    state += Sum(data.Numbers("observation.state"));
    time += Sum(data.Numbers("timestamp"));
    index += Sum(data.Numbers("index"));
    episode_index += Sum(data.Numbers("episode_index"));
    const Values actions = data.Numbers("action");
    const auto& values = std::get<std::vector<float>>(actions);
    for (size_t k = 2; k < values.size(); k += 6) highest = std::max(highest, static_cast<double>(values[k]));
  }
  EXPECT_NEAR(set.episodes[1].videos.at("observation.images.top").to_s, 24.9, 1e-9);
  EXPECT_NEAR(set.episodes[0].stats.at("action").min[0], -35.22205352783203, 1e-12);
  EXPECT_NEAR(action, 15512.301494151354, 1e-3);
  EXPECT_NEAR(state, 20193.152352970093, 1e-3);
  EXPECT_NEAR(time, 9250.433335617185, 1e-3);
  EXPECT_EQ(index, 1112286);
  EXPECT_EQ(episode_index, 2237);
  EXPECT_NEAR(highest, 100.0, 1e-4);

  const ValidateReport report = Validate(RealSet("so101_record_v3"));
  EXPECT_EQ(report.errors, 2);  // both films are absent
  for (const Diagnostic& d : report.diagnostics) EXPECT_EQ(d.code, "dataset/missing-file") << d.message;
}

TEST(RealSetTest, Open50ReadsFieldByField) {
  if (!fs::exists(RealSet("open50_v3"))) GTEST_SKIP() << "needs " << RealSet("open50_v3");
  LoadOptions load;
  load.episode_stats = true;
  const Dataset set = LoadDataset(RealSet("open50_v3"), load);
  ASSERT_EQ(set.episodes.size(), 50u);
  int64_t frames = 0;
  double to = 0, until = 0, mean = 0, median = 0;
  for (const EpisodeMeta& meta : set.episodes) {
    frames += meta.length;
    to += static_cast<double>(meta.to);
    until += meta.videos.at("image").to_s;
    mean += meta.stats.at("image").mean[0];
    median += meta.stats.at("actions").quantiles[2][8];
  }
  EXPECT_EQ(frames, 20814);
  EXPECT_EQ(to, 551272);
  EXPECT_NEAR(until, 692.1333333333333, 1e-6);
  EXPECT_NEAR(mean, 25.516564044223273, 1e-9);
  EXPECT_NEAR(median, 722.8848086951072, 1e-9);
  const EpisodeData data = EpisodeReader(set).Read(set.episodes[0]);
  EXPECT_NEAR(Sum(data.Numbers("actions")), 684058.2719172239, 1e-2);
  EXPECT_NEAR(Sum(data.Numbers("state")), 684622.7689164486, 1e-2);
  EXPECT_THROW(EpisodeReader(set).Read(set.episodes[1]), Error);  // its file is absent

  const ValidateReport report = Validate(RealSet("open50_v3"));
  EXPECT_EQ(report.errors, 2);  // 49 data files and 50 films are missing, each kind said once
  EXPECT_EQ(report.warnings, 1);  // to_timestamp ends at the last frame
  EXPECT_LT(report.diagnostics.size(), 6u);
}

TEST(RealSetTest, G1ReadsFieldByField) {
  if (!fs::exists(RealSet("g1_v21"))) GTEST_SKIP() << "needs " << RealSet("g1_v21");
  LoadOptions load;
  load.episode_stats = true;
  const Dataset set = LoadDataset(RealSet("g1_v21"), load);
  EXPECT_EQ(set.info.format, DatasetFormat::kV21);
  ASSERT_EQ(set.episodes.size(), 100u);
  EXPECT_EQ(set.episodes[1].length, 393);
  EXPECT_EQ(set.info.total_frames, 35965);
  EXPECT_EQ(set.episodes[0].stats.at("action").count, 479);
  EXPECT_FALSE(set.episodes[0].stats.at("action").HasQuantiles());
  EXPECT_NEAR(set.episodes[0].stats.at("observation.images.cam_high").mean[0], 0.4480968898180187, 1e-12);
  const EpisodeData data = EpisodeReader(set).Read(set.episodes[0]);
  EXPECT_NEAR(Sum(data.Numbers("action")), 3970.5976755816373, 1e-3);
  EXPECT_NEAR(Sum(data.Numbers("observation.state")), 3976.6731841912406, 1e-3);
  int64_t seen = 0;
  PictureReader(set).Read(set.episodes[1], "observation.images.cam_high", {0, 200, 392}, [&](int64_t, const Image8& p) {
    EXPECT_EQ(p.width_px, 640);
    ++seen;
  });
  EXPECT_EQ(seen, 3);

  const ValidateReport report = Validate(RealSet("g1_v21"));
  EXPECT_EQ(report.errors, 2);
  EXPECT_EQ(report.diagnostics.size(), 2u);  // 99 data files, 99 films: two lines
  EXPECT_NE(report.diagnostics[0].message.find("99 times"), std::string::npos);
  const DatasetSummary summary = Summarise(RealSet("g1_v21"));
  EXPECT_EQ(summary.missing_files, 198);
}

TEST(PatternTest, ExpandsAndStaysInTheSet) {
  const std::map<std::string, int64_t> numbers = {{"chunk_index", 3}, {"file_index", 1234}};
  const auto expand = [&](const std::string& pattern, const std::string& key = "cam") {
    return ExpandPattern(pattern, numbers, key).string();
  };
  EXPECT_EQ(expand("a/chunk-{chunk_index:03d}/f-{file_index:03d}.parquet"), "a/chunk-003/f-1234.parquet");
  EXPECT_EQ(expand("v/{video_key}/{chunk_index}.mp4"), "v/cam/3.mp4");
  for (const char* bad : {"../../etc/passwd", "/etc/passwd", "a/../../b", "{unknown}", "{chunk_index", "chunk_index}",
                          "{chunk_index:>30}", "{chunk_index:0999d}", "", "{chunk_index:03x}", "{}"}) {
    EXPECT_THROW(expand(bad), Error) << bad;
  }
  EXPECT_THROW(expand("v/{video_key}/a.mp4", "../../x"), Error);
  EXPECT_THROW(ExpandPattern("{chunk_index}", {{"chunk_index", -1}}, ""), Error);
  EXPECT_THROW(ExpandPattern("{chunk_index}", {{"chunk_index", int64_t{1} << 40}}, ""), Error);
}

TEST(InfoTest, RefusesWhatIsNoInfo) {
  const DatasetInfo info = MakeInfo(DatasetFormat::kV30, 30, "arm", {VectorFeature("action", {"x"})});
  const std::string good = FormatInfo(info);
  const DatasetInfo back = ParseInfo(good, "info.json");
  EXPECT_EQ(back.features, info.features);
  EXPECT_EQ(FormatInfo(back), good);
  for (size_t size = 0; size + 2 < good.size(); ++size) EXPECT_THROW(ParseInfo(good.substr(0, size), "i"), Error);
  const auto broken = [&](const std::string& from, const std::string& to) {
    std::string text = good;
    const size_t at = text.find(from);
    ASSERT_NE(at, std::string::npos) << from;
    text.replace(at, from.size(), to);
    EXPECT_THROW(ParseInfo(text, "i"), Error) << to;
  };
  broken("\"v3.0\"", "\"v9.0\"");
  broken("\"v3.0\"", "3");
  broken("\"fps\": 30", "\"fps\": 0");
  broken("\"fps\": 30", "\"fps\": -1");
  broken("\"fps\": 30", "\"fps\": 1e30");
  broken("\"fps\": 30", "\"fps\": \"30\"");
  broken("\"total_frames\": 0", "\"total_frames\": 1.5");
  broken("\"total_frames\": 0", "\"total_frames\": -5");
  broken("\"chunks_size\": 1000", "\"chunks_size\": 0");
  broken("\"float32\"", "\"float1024\"");
  broken("\"features\": {", "\"features\": 3, \"x\": {");
  broken("\"action\": {", "\"a/../b\": {");
  const DatasetInfo lenient = ParseInfo(good.substr(0, good.rfind('}')) + ", \"tools\": [NaN, -Infinity, \"NaN\"]}", "i");
  EXPECT_TRUE(lenient.other["tools"][0].is_null());
  EXPECT_EQ(lenient.other["tools"][2], "NaN");
}

TEST(StatsTest, AgreeWithTheirDefinition) {
  std::vector<double> values = {4, 1, 3, 2};
  EXPECT_EQ(Quantile(values, 0.5), 2.5);
  EXPECT_NEAR(Quantile(values, 0.1), 1.3, 1e-12);
  EXPECT_EQ(Quantile(values, 1), 4);
  const FeatureStats s = ComputeStats(std::vector<float>{1, 10, 3, NAN, 5, 30}, 2, {2});
  EXPECT_EQ(s.count, 3);
  EXPECT_EQ(s.mean, (std::vector<double>{3, 20}));
  EXPECT_NEAR(s.std[0], std::sqrt(8.0 / 3), 1e-12);
  EXPECT_EQ(s.min, (std::vector<double>{1, 10}));
  EXPECT_EQ(SampledFrames(50).size(), 50u);
  EXPECT_EQ(SampledFrames(427).size(), 100u);
  EXPECT_EQ(SampledFrames(1000).size(), 177u);
  EXPECT_EQ(SampledFrames(1000).back(), 999);
  // The union from its parts.
  std::vector<float> all;
  RunningStats running;
  for (int part = 0; part < 5; ++part) {
    std::vector<float> one;
    for (int i = 0; i < 20 + 7 * part; ++i) one.push_back(static_cast<float>(std::sin(part + 0.3 * i) * (part + 1)));
    all.insert(all.end(), one.begin(), one.end());
    running.Add({{"x", ComputeStats(one, 1, {1})}});
  }
  const FeatureStats merged = running.Result().at("x"), whole = ComputeStats(all, 1, {1});
  EXPECT_EQ(merged.count, whole.count);
  EXPECT_EQ(merged.min, whole.min);
  EXPECT_EQ(merged.max, whole.max);
  EXPECT_NEAR(merged.mean[0], whole.mean[0], 1e-12);
  EXPECT_NEAR(merged.std[0], whole.std[0], 1e-12);
}

}  // namespace
}  // namespace takt::dataset
