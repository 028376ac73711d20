// SPDX-License-Identifier: Apache-2.0
// A writer that dies: at each single file operation, and by SIGKILL at many moments.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <chrono>
#include <climits>
#include <filesystem>
#include <set>
#include <string>

#include "takt/core/base/error.h"
#include "takt/core/base/parallel.h"
#include "takt/data/dataset/dataset.h"
#include "takt/data/dataset/test_sets.h"
#include "takt/data/dataset/tree.h"
#include "takt/data/dataset/validate.h"
#include "takt/data/dataset/writer.h"

namespace takt::dataset {
namespace {

namespace fs = std::filesystem;

constexpr int kEpisodes = 4;

class CrashTest : public FolderTest, public testing::WithParamInterface<DatasetFormat> {
 protected:
  // A forked child has none of the threads of its parent: neither may have any.
  void SetUp() override {
    SetThreadCount(1);
    FolderTest::SetUp();
  }
  void TearDown() override {
    FolderTest::TearDown();
    SetThreadCount(0);
  }
};
INSTANTIATE_TEST_SUITE_P(Formats, CrashTest, testing::Values(DatasetFormat::kV21, DatasetFormat::kV30),
                         [](const auto& param) { return param.param == DatasetFormat::kV21 ? "v21" : "v30"; });

WriterOptions Options(DatasetFormat format) {
  WriterOptions options = SmallOptions(format, "image");
  for (Feature& feature : options.features) {
    if (feature.IsPicture()) feature.shape = {16, 16, 3};
  }
  options.features.push_back(PictureFeature("observation.images.side", 16, 16, "video"));
  return options;
}

Episode SmallCrashEpisode(int number) {
  Episode episode = SmallEpisode(number, 3 + number % 2);
  for (Image8& image : episode.images["observation.images.top"]) {
    Image8 small(16, 16, 3);
    for (size_t i = 0; i < small.pixels.size(); ++i) small.pixels[i] = image.pixels[7 * i % image.pixels.size()];
    image = small;
  }
  episode.images["observation.images.side"] = episode.images["observation.images.top"];
  return episode;
}

// The whole job: what is there is gone on with. Says on `acknowledge` how many episodes are written, after each.
void WriteAll(const fs::path& folder, DatasetFormat format, int acknowledge) {
  DatasetWriter writer(folder, Options(format));
  while (writer.episodes() < kEpisodes) {
    writer.AddEpisode(SmallCrashEpisode(static_cast<int>(writer.episodes())));
    const auto count = static_cast<uint8_t>(writer.episodes());
    if (acknowledge >= 0 && ::write(acknowledge, &count, 1) != 1) ::_exit(3);
  }
  writer.Finish();
}

// What any reader needs, without our notion of an unfinished set: the three folders, as they are named, hold a set of at
// least `least` and at most `least + 1` episodes in which everything agrees. No set at all is right while nothing was
// acknowledged.
void ExpectWhole(const fs::path& folder, int least, const std::string& when) {
  if (!fs::exists(folder / "meta/info.json")) {
    EXPECT_EQ(least, 0) << when;
    EXPECT_FALSE(fs::exists(folder / "meta")) << when;
    return;
  }
  ValidateOptions options;
  const ValidateReport report = Validate(folder, options);
  for (const Diagnostic& d : report.diagnostics) {
    if (d.severity != Severity::kNote) ADD_FAILURE() << when << ": " << d.code << ": " << d.file << ": " << d.message;
  }
  const Dataset set = LoadDataset(folder);
  EXPECT_GE(set.info.total_episodes, least) << when;
  EXPECT_LE(set.info.total_episodes, least + 1) << when;
  // A reader that takes every Parquet file that it finds under data/ must find these frames and no others.
  int64_t rows = 0;
  for (const auto& entry : fs::recursive_directory_iterator(folder / "data")) {
    if (entry.path().extension() == ".parquet") rows += ParquetReader(entry.path()).num_rows();
  }
  EXPECT_EQ(rows, set.info.total_frames) << when;
}

// Runs the job in a child that ends itself before file operation number `stop`; gives how many episodes it
// acknowledged, and whether it came to the end.
std::pair<int, bool> RunUntil(const fs::path& folder, DatasetFormat format, int stop) {
  int ends[2];
  EXPECT_EQ(::pipe(ends), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(ends[0]);
    int operation = 0;
    SetFileOperationHook([&](std::string_view) {
      if (operation++ == stop) ::_exit(9);
    });
    try {
      WriteAll(folder, format, ends[1]);
    } catch (...) {
      ::_exit(4);
    }
    ::_exit(0);
  }
  ::close(ends[1]);
  uint8_t count = 0, last = 0;
  while (::read(ends[0], &count, 1) == 1) last = count;
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_TRUE(WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 9)) << status;
  return {last, WEXITSTATUS(status) == 0};
}

TEST_P(CrashTest, StoppedBeforeEachFileOperation) {
  WriteAll(folder_ / "whole", GetParam(), -1);
  const auto wanted = FilesIn(folder_ / "whole");
  const fs::path set = folder_ / "set";
  bool ended = false;
  int stop = 0, checked = 0;
  for (; !ended && !HasFailure(); ++stop) {
    fs::remove_all(set);
    const auto [acknowledged, done] = RunUntil(set, GetParam(), stop);
    ended = done;
    ExpectWhole(set, done ? kEpisodes : acknowledged, "stop " + std::to_string(stop));
    // Stopped a second time while it recovers and goes on, then left to finish.
    if (stop % 3 == 0 && !done) {
      const int again = RunUntil(set, GetParam(), stop % 11).first;
      ExpectWhole(set, std::max(acknowledged, again), "stop " + std::to_string(stop) + " and again");
    }
    WriteAll(set, GetParam(), -1);
    EXPECT_EQ(FilesIn(set), wanted) << "stop " << stop;
    ++checked;
  }
  EXPECT_TRUE(ended);
  EXPECT_GT(checked, 50);
  RecordProperty("file_operations", checked);
}

TEST_P(CrashTest, KilledAtManyMoments) {
  WriteAll(folder_ / "whole", GetParam(), -1);
  const auto wanted = FilesIn(folder_ / "whole");
  const fs::path set = folder_ / "set";
  // The kills are spread over the time that a whole run takes here: a slow machine must prove as much as a fast one.
  const auto start = std::chrono::steady_clock::now();
  EXPECT_TRUE(RunUntil(folder_ / "timed", GetParam(), INT_MAX).second);
  const int64_t run_ns = (std::chrono::steady_clock::now() - start) / std::chrono::nanoseconds(1);
  std::set<int> seen;  // how far the killed ones came
  for (int round = 0; round < 40; ++round) {
    fs::remove_all(set);
    int acknowledged = 0;
    // Killed up to three times, each time gone on with.
    for (int kill_number = 0; kill_number < 3; ++kill_number) {
      int ends[2];
      ASSERT_EQ(::pipe(ends), 0);
      const pid_t child = ::fork();
      if (child == 0) {
        ::close(ends[0]);
        try {
          WriteAll(set, GetParam(), ends[1]);
        } catch (...) {
          ::_exit(4);
        }
        ::_exit(0);
      }
      ::close(ends[1]);
      const int64_t pause_ns = run_ns * (1 + (round * 37 + kill_number * 53) % 200) / 180;
      const timespec pause = {pause_ns / 1'000'000'000, pause_ns % 1'000'000'000};
      ::nanosleep(&pause, nullptr);
      ::kill(child, SIGKILL);
      uint8_t count = 0;
      while (::read(ends[0], &count, 1) == 1) acknowledged = std::max<int>(acknowledged, count);
      ::close(ends[0]);
      int status = 0;
      ::waitpid(child, &status, 0);
      EXPECT_TRUE(WIFSIGNALED(status) || WEXITSTATUS(status) == 0) << status;
      ExpectWhole(set, acknowledged, "round " + std::to_string(round));
      seen.insert(acknowledged);
    }
    WriteAll(set, GetParam(), -1);
    EXPECT_EQ(FilesIn(set), wanted) << "round " << round;
  }
  EXPECT_GE(seen.size(), 2u) << "the kills came too early or too late to prove anything";
}

// A set that is finished is gone on with: from plain folders to links and back, stopped at each step.
TEST_P(CrashTest, StoppedWhileAFinishedSetIsGoneOnWith) {
  const auto prepare = [&](const fs::path& folder) {
    DatasetWriter writer(folder, Options(GetParam()));
    for (int i = 0; i < 2; ++i) writer.AddEpisode(SmallCrashEpisode(i));
    writer.Finish();
  };
  prepare(folder_ / "first");
  WriteAll(folder_ / "whole", GetParam(), -1);
  const auto wanted = FilesIn(folder_ / "whole");
  const fs::path set = folder_ / "set";
  bool ended = false;
  for (int stop = 0; !ended && !HasFailure(); ++stop) {
    fs::remove_all(set);
    fs::copy(folder_ / "first", set, fs::copy_options::recursive);
    const auto [acknowledged, done] = RunUntil(set, GetParam(), stop);
    ended = done;
    ExpectWhole(set, done ? kEpisodes : std::max(2, acknowledged), "stop " + std::to_string(stop));
    WriteAll(set, GetParam(), -1);
    EXPECT_EQ(FilesIn(set), wanted) << "stop " << stop;
  }
}

}  // namespace
}  // namespace takt::dataset
