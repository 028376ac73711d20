// SPDX-License-Identifier: Apache-2.0
#include "takt/data/demo/generate.h"

#include <gtest/gtest.h>

#include "takt/core/base/error.h"
#include "takt/core/base/file.h"
#include "takt/core/base/parallel.h"
#include "takt/core/base/sha256.h"
#include "takt/data/demo/record.h"
#include "takt/data/demo/verify.h"

namespace takt::demo {
namespace {

namespace fs = std::filesystem;

class GenerateTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(testing::TempDir()) / testing::UnitTest::GetInstance()->current_test_info()->name();
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  void TearDown() override {
    SetThreadCount(0);
    fs::remove_all(folder_);
  }
  GenerateOptions Options(const std::string& out, int episodes) const {
    GenerateOptions options;
    options.task = TaskKind::kStack;
    options.out = folder_ / out;
    options.episodes = episodes;
    options.seed = 3;
    options.cameras = false;
    return options;
  }
  // Every file of a dataset by content.
  static std::string Fingerprint(const fs::path& dataset) {
    std::vector<std::string> lines;
    for (const auto& entry : fs::recursive_directory_iterator(dataset)) {
      if (entry.is_regular_file()) {
        lines.push_back(entry.path().lexically_relative(dataset).string() + " " + HashFile(entry.path()).sha256 + "\n");
      }
    }
    std::sort(lines.begin(), lines.end());
    std::string text;
    for (const std::string& line : lines) text += line;
    return text;
  }
  fs::path folder_;
};

TEST_F(GenerateTest, SameBytesForAnyThreadCountAndAfterResuming) {
  GenerateOptions options = Options("one", 4);
  SetThreadCount(1);
  const GenerateReport report = Generate(options);
  EXPECT_EQ(report.kept, 4);
  EXPECT_GT(report.frames, 200);
  int sum = 0;
  for (int count : report.reasons) sum += count;
  EXPECT_EQ(sum, report.attempts);

  SetThreadCount(3);
  options.out = folder_ / "two";
  options.episodes = 2;
  Generate(options);
  options.episodes = 4;  // go on with what is there
  const GenerateReport resumed = Generate(options);
  EXPECT_EQ(resumed.kept, 4);
  EXPECT_EQ(resumed.run_kept, 2);
  EXPECT_EQ(resumed.attempts, report.attempts);
  EXPECT_EQ(Fingerprint(folder_ / "one"), Fingerprint(folder_ / "two"));
}

TEST_F(GenerateTest, VerifyTellsATrueDatasetFromATouchedOne) {
  Generate(Options("demos", 2));
  VerifyOptions options;
  options.dataset = folder_ / "demos";
  options.from_seed = true;
  const VerifyReport good = Verify(options);
  EXPECT_TRUE(good.ok()) << good.checks.front().detail;
  EXPECT_EQ(good.exact, 2);
  EXPECT_EQ(good.planned, 2);

  // Another digest in the record of episode 1.
  const fs::path path = folder_ / "demos" / "meta" / "takt_episodes.jsonl";
  std::string text = ReadTextFile(path);
  const size_t at = text.rfind("\"digest\":\"") + 10;
  text[at] = text[at] == '0' ? '1' : '0';
  WriteFileAtomic(path, std::string_view(text));
  options.from_seed = false;
  options.perturbed = false;
  const VerifyReport bad = Verify(options);
  EXPECT_FALSE(bad.ok());
  EXPECT_EQ(bad.exact, 1);
  EXPECT_FALSE(bad.checks[1].detail.empty());
  options.episode = 0;
  EXPECT_TRUE(Verify(options).ok());
  options.episode = 7;
  EXPECT_THROW(Verify(options), Error);
}

TEST_F(GenerateTest, RefusesOtherOptionsInTheSameFolder) {
  GenerateOptions options = Options("demos", 1);
  Generate(options);
  options.seed = 4;
  options.episodes = 2;
  try {
    Generate(options);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kBadInput);
  }
}

TEST_F(GenerateTest, GivesUpWithTheReasonsCounted) {
  GenerateOptions options = Options("demos", 5);
  options.limits.max_idle_s = 0.0;  // nothing is good enough
  options.max_attempts = 3;
  try {
    Generate(options);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInfeasibleBudget);
    EXPECT_NE(error.message().find("3 attempts gave 0 of 5"), std::string::npos) << error.message();
  }
}

TEST_F(GenerateTest, ShardsMakeDifferentAttempts) {
  GenerateOptions options = Options("shard", 2);
  options.shard_idx = 1;
  options.shard_count = 2;
  Generate(options);
  for (const std::string& line : {std::string("\"attempt\":1,"), std::string("\"attempt\":3,")}) {
    EXPECT_NE(ReadTextFile(options.out / "meta" / "takt_episodes.jsonl").find(line), std::string::npos) << line;
  }
}

TEST_F(GenerateTest, RefusesOptionsOutOfRange) {
  const auto refused = [&](auto change) {
    GenerateOptions options = Options("bad", 1);
    change(options);
    EXPECT_THROW(Generate(options), Error);
  };
  refused([](GenerateOptions& o) { o.episodes = 0; });
  refused([](GenerateOptions& o) { o.fps = 30; });
  refused([](GenerateOptions& o) { o.speed = 0; });
  refused([](GenerateOptions& o) { o.speed = std::nan(""); });
  refused([](GenerateOptions& o) { o.codec = "gif"; });
  refused([](GenerateOptions& o) { o.shard_idx = 2; });
  refused([](GenerateOptions& o) { o.width_px = 129; });
  refused([](GenerateOptions& o) { o.recipe = "no_such_recipe"; });
  refused([](GenerateOptions& o) { o.robot = "arm9"; });
}

TEST(Record, ReadsWhatItWroteAndRefusesTheRest) {
  const EpisodeRecord record = {"0123456789abcdef", 17, "ff", {{2, 10, 40}}, {0.5f, 1.25f}, {{15, Reason::kIk}}};
  const EpisodeRecord back = EpisodeRecordOf(ToJson(record), "line");
  EXPECT_EQ(back.attempt, 17u);
  EXPECT_EQ(back.held.front().end, 40u);
  EXPECT_EQ(back.features, record.features);
  EXPECT_EQ(back.failed_before.front().reason, Reason::kIk);
  for (const char* key : {"options", "attempt", "digest", "held", "features", "failed_before"}) {
    nlohmann::ordered_json json = ToJson(record);
    json.erase(key);
    EXPECT_THROW(EpisodeRecordOf(json, "line"), Error) << key;
    json[key] = nullptr;
    EXPECT_THROW(EpisodeRecordOf(json, "line"), Error) << key;
  }
  nlohmann::ordered_json json = ToJson(record);
  json["options"] = "../../etc/passwd";
  EXPECT_THROW(EpisodeRecordOf(json, "line"), Error);
  json = ToJson(record);
  json["failed_before"][0][1] = "boredom";
  EXPECT_THROW(EpisodeRecordOf(json, "line"), Error);
}

TEST(Record, OptionsComeBackAndDamageIsRefused) {
  AttemptOptions options;
  options.stage.task = TaskKind::kPegInsert;
  options.stage.recipe = scene::LoadRecipe("assembly_cell");
  options.stage.seed = 99;
  options.limits.max_slip_m = 0.00412;
  options.stage.random.recovery = 0.25;
  const nlohmann::ordered_json record =
      RecordOfOptions(options, std::string(scene::BuiltInRecipeText("assembly_cell")));
  const AttemptOptions back = ParseOptions(record.dump(), "record");
  EXPECT_EQ(back.stage.seed, 99u);
  EXPECT_EQ(back.stage.task, TaskKind::kPegInsert);
  EXPECT_EQ(back.limits.max_slip_m, 0.00412);
  EXPECT_EQ(back.stage.random.recovery, 0.25);
  EXPECT_EQ(back.stage.recipe.objects.size(), options.stage.recipe.objects.size());
  EXPECT_EQ(RecordOfOptions(back, std::string(scene::BuiltInRecipeText("assembly_cell"))).dump(), record.dump());
  for (const auto& [key, value] : record.items()) {
    nlohmann::ordered_json damaged = record;
    damaged.erase(key);
    if (key == "random_recovery") {
      EXPECT_EQ(ParseOptions(damaged.dump(), "record").stage.random.recovery, 0) << "records of before it was there";
    } else if (key != "recipe") {
      EXPECT_THROW(ParseOptions(damaged.dump(), "record"), Error) << key;
    }
    damaged[key] = nullptr;
    EXPECT_THROW(ParseOptions(damaged.dump(), "record"), Error) << key;
  }
  EXPECT_THROW(ParseOptions("", "record"), Error);
  EXPECT_THROW(ParseOptions("[]", "record"), Error);
}

}  // namespace
}  // namespace takt::demo
