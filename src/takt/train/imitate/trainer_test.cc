// SPDX-License-Identifier: Apache-2.0
#include "takt/train/imitate/trainer.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <string>

#include "takt/core/base/error.h"
#include "takt/core/base/file.h"
#include "takt/core/io/safetensors.h"
#include "takt/train/imitate/checkpoint.h"
#include "takt/train/imitate/test_demonstrations.h"

namespace takt::imitate {
namespace {

namespace fs = std::filesystem;

class Training : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("takt_imitate_" + std::to_string(::getpid()));
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }
  TrainOptions Options(const char* name, int64_t steps) {
    TrainOptions options;
    options.out = folder_ / name;
    options.steps = steps;
    options.threads = 1;
    options.seed = 5;
    return options;
  }
  fs::path folder_;
};

TEST_F(Training, LearnsWhatDependsOnTheState) {
  const TrainingConfig config = TestConfig(R"({"learning_rate": 0.003, "batch_size": 32, "ema_max": 0.97})", false);
  const TrainReport report = Train(TestDemonstrations(config, 12), config, Options("a", 250));
  const CurvePoint& last = report.curve.back();
  EXPECT_LT(last.loss, 0.25);
  EXPECT_LT(last.action_rmse, 0.35) << "noise alone would be about 1";
  EXPECT_EQ(report.step, 250);
  for (const char* file : {"config.json", "model.safetensors", "train.jsonl", "report.html", "manifest.json"}) {
    EXPECT_TRUE(fs::exists(folder_ / "a" / file)) << file;
  }
  const policy::PolicyConfig loaded = policy::LoadPolicyConfig(folder_ / "a");
  EXPECT_EQ(loaded.action_dim, 2);
  const SafeTensors model = ReadSafeTensors(folder_ / "a" / "model.safetensors");
  EXPECT_TRUE(model.Has("normalizer.action.scale"));
  EXPECT_TRUE(model.Has("model.decoder.layers.0.multihead_attn.in_proj_weight"));
}

// Twenty steps, and ten, a pause and ten, with everything switched on: pictures, words, dropout, the auxiliary head.
TEST_F(Training, ResumesBitForBit) {
  for (const bool flow : {false, true}) {
    const TrainingConfig config = TestConfig(
        R"({"batch_size": 4, "draws_per_sample": 2, "p_drop_emb": 0.1, "p_drop_attn": 0.1, "shift_px": 1,
            "auxiliary": {"key": "observation.environment_state", "weight": 0.5}})", true, flow);
    const Demonstrations demonstrations = TestDemonstrations(config, 4);
    const std::string whole = flow ? "wf" : "wd", halves = flow ? "hf" : "hd";
    Train(demonstrations, config, Options(whole.c_str(), 20));
    TrainOptions options = Options(halves.c_str(), 20);
    options.pause_at = 10;
    try {
      Train(demonstrations, config, options);
      FAIL() << "was not paused";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kCancelled);
    }
    options.pause_at = 0;
    options.resume = true;
    Train(demonstrations, config, options);
    EXPECT_EQ(ReadFile(folder_ / whole / "model.safetensors"), ReadFile(folder_ / halves / "model.safetensors"));
    const SafeTensors a = ReadSafeTensors(CheckpointPath(folder_ / whole));
    const SafeTensors b = ReadSafeTensors(CheckpointPath(folder_ / halves));
    for (const auto& [name, tensor] : a.tensors()) {
      EXPECT_TRUE(std::equal(tensor.bytes.begin(), tensor.bytes.end(), b.Get(name).bytes.begin())) << name;
    }
    EXPECT_FALSE(ReadSafeTensors(folder_ / whole / "model.safetensors").Has("auxiliary.weight"));
  }
}

TEST_F(Training, RefusesWhatItCannotGoOnWith) {
  const TrainingConfig config = TestConfig(R"({"batch_size": 4})", false);
  const Demonstrations demonstrations = TestDemonstrations(config, 3);
  const auto code = [&](const TrainOptions& options, const TrainingConfig& with) {
    try {
      Train(demonstrations, with, options);
    } catch (const Error& error) {
      return error.code();
    }
    return ErrorCode::kInternal;
  };
  TrainOptions options = Options("a", 3);
  options.resume = true;
  EXPECT_EQ(code(options, config), ErrorCode::kNotFound);
  options.resume = false;
  Train(demonstrations, config, options);
  EXPECT_EQ(code(options, config), ErrorCode::kBadInput) << "the folder holds a training";
  options.resume = true;
  options.seed = 6;
  EXPECT_EQ(code(options, config), ErrorCode::kBadInput) << "another seed";
  options = Options("b", 3);
  options.device = "cuda";
  EXPECT_EQ(code(options, config), ErrorCode::kUnsupported);
  options = Options("c", 200);
  EXPECT_EQ(code(options, TestConfig(R"({"learning_rate": 1, "clip_norm": 0, "warmup": 0, "weight_decay": 10})", false)),
            ErrorCode::kBadInput) << "it runs away";
}

TEST_F(Training, StopsByTheClock) {
  const TrainingConfig config = TestConfig(R"({"batch_size": 4})", false);
  TrainOptions options = Options("a", 0);
  options.minutes = 0.01;
  const TrainReport report = Train(TestDemonstrations(config, 3), config, options);
  EXPECT_GT(report.step, 3);
  EXPECT_LT(report.elapsed_s, 5);
  EXPECT_LT(report.curve.back().learning_rate, 1e-4);
}

}  // namespace
}  // namespace takt::imitate
