// SPDX-License-Identifier: Apache-2.0
#include "takt/data/splat/train.h"

#include <gtest/gtest.h>

#include <cmath>
#include <csignal>
#include <limits>

#include "takt/core/base/error.h"
#include "takt/core/base/file.h"
#include "takt/core/base/interrupt.h"
#include "takt/core/base/parallel.h"
#include "takt/core/io/artefact.h"
#include "takt/data/splat/compress.h"
#include "takt/data/splat/model/test_splats.h"
#include "takt/data/splat/verbs_test_capture.h"

namespace takt::splat {
namespace {

TrainOptions SmallTraining(const std::filesystem::path& capture, const std::filesystem::path& out) {
  TrainOptions options;
  options.capture.path = capture;
  options.out = out;
  options.iterations = 50;
  options.max_splats = 400;
  options.sh_degree = 1;
  return options;
}

TEST(Train, MeetsTheBudgetAndSaysHowGoodItIs) {
  const TestFolder folder;
  TrainOptions options = SmallTraining(TestCapture(folder / "capture"), folder / "scene.tks");
  options.max_bytes = 6000;
  options.report = folder / "report.html";
  const TrainReport report = Train(options);
  EXPECT_EQ(report.out_bytes, std::filesystem::file_size(options.out));
  EXPECT_LE(report.out_bytes, 6000u);
  EXPECT_TRUE(report.fit.budget.kept());
  EXPECT_EQ(report.iterations, 50);
  EXPECT_EQ(report.held_out_views, 2u);
  ASSERT_EQ(report.written.views.size(), 2u);
  EXPECT_GT(report.written.psnr_db, 12);
  EXPECT_GE(report.trained.psnr_db, report.written.psnr_db - 0.5);
  EXPECT_GE(report.curve.size(), 40u);
  EXPECT_GE(report.rates.size(), 2u);
  EXPECT_FALSE(std::filesystem::exists(CheckpointPath(options.out)));

  const std::string page = ReadTextFile(options.report);
  EXPECT_NE(page.find(report.written.views[0].name), std::string::npos);
  EXPECT_NE(page.find("6 kB"), std::string::npos);
  EXPECT_EQ(page.find("http://"), std::string::npos);
  const Manifest manifest = VerifyArtefact(folder / "", "splat.train", 1);
  EXPECT_EQ(manifest.inputs.size(), 10u);
  ASSERT_EQ(manifest.payloads.size(), 1u);
  EXPECT_EQ(manifest.payloads[0].path, "scene.tks");
}

TEST(Train, LearnsTheSceneFromItsPictures) {
  const TestFolder folder;
  TrainOptions options = SmallTraining(TestCapture(folder / "capture"), folder / "scene.ply");
  options.iterations = 2;
  const double early = Train(options).trained.psnr_db;
  options.iterations = 200;
  const double late = Train(options).trained.psnr_db;
  EXPECT_GT(late, early + 3);
}

TEST(Train, EveryFormatMeetsItsBudget) {
  const TestFolder folder;
  const auto capture = TestCapture(folder / "capture");
  for (const char* name : {"a.ply", "a.spz", "a.splat", "a.compressed.ply", "a.tks"}) {
    TrainOptions options = SmallTraining(capture, folder / name);
    options.iterations = 10;
    options.max_bytes = 5000;
    const TrainReport report = Train(options);
    EXPECT_LE(std::filesystem::file_size(options.out), 5000u) << name;
    EXPECT_GT(report.fit.kept, 10u) << name;
    EXPECT_EQ(report.scores.empty(), report.out_format != SceneFormat::kTks) << name;
  }
}

TEST(Train, ResumedEqualsUninterruptedToTheBit) {
  const TestFolder folder;
  const auto capture = TestCapture(folder / "capture");
  TrainOptions options = SmallTraining(capture, folder / "whole.tks");
  options.max_bytes = 6000;
  Train(options);
  options.out = folder / "parts.tks";
  options.checkpoint_every_s = 0;  // after every iteration
  for (const uint64_t stop : {13u, 31u}) {
    options.progress = [stop](const ProgressUpdate& update) {
      if (update.task == "train" && update.done == stop) throw Error(ErrorCode::kCancelled, "power", "cut");
    };
    EXPECT_EQ(ErrorOf([&] { Train(options); }).code(), ErrorCode::kCancelled);
    EXPECT_FALSE(std::filesystem::exists(options.out));
    options.resume = true;
  }
  options.progress = {};
  SetThreadCount(1);  // and the number of threads is nobody's business
  const TrainReport report = Train(options);
  SetThreadCount(0);
  EXPECT_EQ(report.resumed_at, 30);
  EXPECT_EQ(ReadFile(folder / "whole.tks"), ReadFile(folder / "parts.tks"));
}

// In a process of its own, as an interrupt is for good.
TEST(TrainDeathTest, InterruptLeavesACheckpoint) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const TestFolder folder;
  const auto interrupted = [&] {
    TrainOptions options = SmallTraining(TestCapture(folder / "capture"), folder / "scene.tks");
    options.progress = [](const ProgressUpdate& update) {
      if (update.done == 10) std::raise(SIGINT);
    };
    InstallInterruptHandler();
    try {
      Train(options);
    } catch (const Error& error) {
      fmt::print(stderr, "{}: {}\n", error.what(), error.hint());
      const bool good = error.code() == ErrorCode::kCancelled && std::filesystem::exists(CheckpointPath(options.out)) &&
                        !std::filesystem::exists(options.out);
      std::_Exit(good ? 0 : 1);
    }
    std::_Exit(2);
  };
  EXPECT_EXIT(interrupted(), testing::ExitedWithCode(0), "interrupted at iteration 10.*--resume");
}

TEST(Train, WithoutHeldOutViewsSaysSo) {
  const TestFolder folder;
  TrainOptions options = SmallTraining(TestCapture(folder / "capture", 4), folder / "scene.tks");
  options.capture.held_out_every = 0;
  options.iterations = 5;
  options.report = folder / "run";
  const TrainReport report = Train(options);
  EXPECT_TRUE(report.written.views.empty());
  EXPECT_TRUE(std::isnan(report.written.psnr_db));
  EXPECT_EQ(report.report, folder / "run/report.html");
  EXPECT_NE(ReadTextFile(report.report).find("No view was held out"), std::string::npos);
}

TEST(Train, WrongInputIsOneClearError) {
  const TestFolder folder;
  const auto capture = TestCapture(folder / "capture", 3);
  const auto code = [&](const std::function<void(TrainOptions&)>& change) {
    TrainOptions options = SmallTraining(capture, folder / "scene.tks");
    options.iterations = 1;
    change(options);
    return ErrorOf([&] { Train(options); }).code();
  };
  EXPECT_EQ(code([&](auto& o) { o.out = folder / "scene.xyz"; }), ErrorCode::kBadInput);
  EXPECT_EQ(code([&](auto& o) { o.out = folder / "nowhere/scene.tks"; }), ErrorCode::kNotFound);
  EXPECT_EQ(code([&](auto& o) { o.capture.path = folder / "nowhere"; }), ErrorCode::kNotFound);
  EXPECT_EQ(code([&](auto& o) { o.resume = true; }), ErrorCode::kNotFound);
  EXPECT_EQ(code([&](auto& o) { o.max_bytes = 0; }), ErrorCode::kBadInput);
  EXPECT_EQ(code([&](auto& o) { o.max_bytes = 20; }), ErrorCode::kInfeasibleBudget);
  EXPECT_EQ(code([&](auto& o) { o.minutes = std::numeric_limits<double>::quiet_NaN(); }), ErrorCode::kBadInput);
  EXPECT_EQ(code([&](auto& o) { o.minutes = -1; }), ErrorCode::kBadInput);
  EXPECT_EQ(code([&](auto& o) { o.sh_degree = 4; }), ErrorCode::kBadInput);
  std::filesystem::remove(capture / "images/01.png");
  EXPECT_EQ(code([](auto&) {}), ErrorCode::kNotFound);
  EXPECT_FALSE(std::filesystem::exists(folder / "scene.tks"));
}

TEST(Train, CapOnSplatsFollowsTheBudget) {
  EXPECT_EQ(DefaultMaxSplats(std::nullopt), 150'000u);
  EXPECT_EQ(DefaultMaxSplats(1), 2'000u);
  EXPECT_EQ(DefaultMaxSplats(400'000), 50'000u);
  EXPECT_EQ(DefaultMaxSplats(uint64_t{1} << 60), 150'000u);
}

}  // namespace
}  // namespace takt::splat
