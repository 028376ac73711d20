// SPDX-License-Identifier: Apache-2.0
#include "takt/data/splat/compress.h"

#include <gtest/gtest.h>

#include <cmath>

#include "takt/core/base/error.h"
#include "takt/core/base/file.h"
#include "takt/core/base/parallel.h"
#include "takt/data/splat/model/test_splats.h"
#include "takt/data/splat/score.h"
#include "takt/data/splat/verbs_test_capture.h"

namespace takt::splat {
namespace {

// A scene of many splats as a .ply.
std::filesystem::path WriteScene(const TestFolder& folder, const Splats& splats = TestCloud(1000, 1, 5, -2.5f)) {
  const auto path = folder / "scene.ply";
  WriteSplats(path, splats);
  return path;
}

CompressOptions Options(const std::filesystem::path& in, const std::filesystem::path& out, uint64_t max_bytes) {
  CompressOptions options;
  options.in = in, options.out = out, options.max_bytes = max_bytes;
  return options;
}

TEST(Compress, EveryFormatMeetsEveryBudget) {
  const TestFolder folder;
  const auto in = WriteScene(folder);
  for (const char* name : {"a.tks", "a.spz", "a.ply", "a.compressed.ply", "a.splat"}) {
    double last_db = 0;
    for (const uint64_t budget : {4'000u, 12'000u, 30'000u}) {
      const CompressReport report = Compress(Options(in, folder / name, budget));
      EXPECT_EQ(report.out_bytes, std::filesystem::file_size(folder / name));
      EXPECT_LE(report.out_bytes, budget) << name;
      // A .ply of 99 B a splat cannot come nearer than a splat.
      if (report.fit.kept < report.fit.total) {
        EXPECT_GE(report.out_bytes, 0.95 * static_cast<double>(budget)) << name;
      }
      EXPECT_GT(report.psnr_to_input_db, last_db) << name << ", " << budget;
      last_db = report.psnr_to_input_db;
    }
  }
}

TEST(Compress, IsAFunctionOfItsInput) {
  const TestFolder folder;
  const auto in = WriteScene(folder);
  Compress(Options(in, folder / "a.tks", 20'000));
  SetThreadCount(1);
  Compress(Options(in, folder / "b.tks", 20'000));
  SetThreadCount(0);
  EXPECT_EQ(ReadFile(folder / "a.tks"), ReadFile(folder / "b.tks"));
  EXPECT_EQ(ReadFile(folder / "a.tks.scores"), ReadFile(folder / "b.tks.scores"));
}

TEST(Compress, InfeasibleBudgetNamesTheSmallestAndWritesNothing) {
  const TestFolder folder;
  const auto in = WriteScene(folder);
  for (const char* name : {"a.tks", "a.spz", "a.ply"}) {
    const Error error = ErrorOf([&] { Compress(Options(in, folder / name, 30)); });
    EXPECT_EQ(error.code(), ErrorCode::kInfeasibleBudget) << name;
    EXPECT_FALSE(std::filesystem::exists(folder / name));
    EXPECT_FALSE(std::filesystem::exists(ScoresPath(folder / name)));
    // The number in the hint is a promise too.
    const size_t at = error.hint().find_first_of("0123456789");
    ASSERT_NE(at, std::string::npos) << error.hint();
    const uint64_t smallest = std::stoull(error.hint().substr(at));
    EXPECT_LE(Compress(Options(in, folder / name, smallest)).out_bytes, smallest) << error.hint();
  }
}

TEST(Compress, WithTheCaptureMeasuresAndFinetunes) {
  const TestFolder folder;
  CompressOptions options = Options(WriteScene(folder, TestScene()), folder / "a.tks", 1500);
  options.capture.emplace().path = TestCapture(folder / "capture");
  const CompressReport plain = Compress(options);
  ASSERT_TRUE(plain.before && plain.after);
  EXPECT_GT(plain.before->psnr_db, 40);  // the pictures are of this very scene
  EXPECT_LT(plain.after->psnr_db, plain.before->psnr_db);
  options.finetune_iterations = 60;
  const CompressReport tuned = Compress(options);
  EXPECT_EQ(tuned.finetune_iterations, 60);
  EXPECT_LE(tuned.out_bytes, 1500u);
  EXPECT_GE(tuned.after->psnr_db, plain.after->psnr_db - 0.3);
}

TEST(Compress, ImportanceMatters) {
  // The same bytes spent on splats that were chosen against their scores must look worse.
  const TestFolder folder;
  const Splats splats = TestCloud(3000, 1, 5, -2.5f);
  const auto cameras = ScoringCameras(splats);
  Sensitivity sensitivity = ComputeSensitivity(splats, cameras, {1, 1, 1});
  FitReport fit;
  const auto good = FitForeign(splats, sensitivity, Format::kPly, 60'000, &fit);
  for (float& v : sensitivity.removal) v = -v;
  const auto bad = FitForeign(splats, sensitivity, Format::kPly, 60'000, &fit);
  const auto psnr = [&](const std::vector<uint8_t>& bytes) {
    return PsnrBetween(splats, ParseScene(bytes, "a.ply"), JudgingCameras(splats), {1, 1, 1});
  };
  EXPECT_GT(psnr(good), psnr(bad) + 3);
}

TEST(Compress, WrongInputIsOneClearError) {
  const TestFolder folder;
  const auto in = WriteScene(folder);
  const auto code = [&](const CompressOptions& options) { return ErrorOf([&] { Compress(options); }).code(); };
  EXPECT_EQ(code(Options(in, folder / "a.tks", 0)), ErrorCode::kBadInput);
  EXPECT_EQ(code(Options(in, folder / "a.xyz", 5000)), ErrorCode::kBadInput);
  EXPECT_EQ(code(Options(folder / "none.ply", folder / "a.tks", 5000)), ErrorCode::kNotFound);
  CompressOptions finetune = Options(in, folder / "a.tks", 5000);
  finetune.finetune_iterations = 5;
  EXPECT_EQ(code(finetune), ErrorCode::kBadInput);
  Splats elsewhere = TestScene();
  for (size_t i = 0; i < elsewhere.size(); ++i) elsewhere.means[3 * i + 2] += 1e4f;  // high above
  CompressOptions wrong = Options(WriteScene(folder, elsewhere), folder / "a.tks", 5000);
  wrong.capture.emplace().path = TestCapture(folder / "capture", 4);
  EXPECT_EQ(code(wrong), ErrorCode::kBadInput);
  EXPECT_FALSE(std::filesystem::exists(folder / "a.tks"));
}

TEST(Retarget, GoesDownAndUpAgainWithoutTheOriginal) {
  const TestFolder folder;
  const auto in = WriteScene(folder);
  const auto file = folder / "a.tks";
  Compress(Options(in, file, 20'000));
  const auto at_20 = ReadFile(file);
  std::filesystem::remove(in);
  for (const uint64_t budget : {3'000u, 9'000u, 30'000u}) {
    const RetargetReport report = Retarget({file, folder / "b.tks", budget});
    EXPECT_LE(std::filesystem::file_size(folder / "b.tks"), budget);
    EXPECT_GE(report.out_bytes, 0.99 * static_cast<double>(budget));
    EXPECT_EQ(ReadFile(file), at_20);
  }
  Retarget({file, {}, 5'000});  // in place
  EXPECT_LE(std::filesystem::file_size(file), 5'000u);
  Retarget({file, {}, 20'000});
  EXPECT_EQ(ReadFile(file), at_20);  // what an earlier budget dropped is back
}

TEST(Retarget, WrongInputIsOneClearError) {
  const TestFolder folder;
  const auto file = folder / "a.tks";
  Compress(Options(WriteScene(folder), file, 20'000));
  EXPECT_EQ(ErrorOf([&] { Retarget({file, folder / "a.spz", 5'000}); }).code(), ErrorCode::kBadInput);
  EXPECT_EQ(ErrorOf([&] { Retarget({file, {}, 20}); }).code(), ErrorCode::kInfeasibleBudget);
  WriteFileAtomic(ScoresPath(file), "no scores");
  EXPECT_EQ(ErrorOf([&] { Retarget({file, {}, 5'000}); }).code(), ErrorCode::kBadInput);
  std::filesystem::remove(ScoresPath(file));
  EXPECT_EQ(ErrorOf([&] { Retarget({file, {}, 5'000}); }).code(), ErrorCode::kNotFound);
}

}  // namespace
}  // namespace takt::splat
