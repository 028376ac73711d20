// SPDX-License-Identifier: Apache-2.0
#include "takt/apps/imitate/imitate.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>

#include "takt/apps/imitate/load_demonstrations.h"
#include "takt/core/base/error.h"
#include "takt/core/base/file.h"
#include "takt/data/dataset/writer.h"

namespace takt::imitate {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

TEST(ResizeArea, TakesTheMean) {
  Image8 picture(4, 2, 3);
  for (size_t i = 0; i < picture.pixels.size(); ++i) picture.pixels[i] = static_cast<uint8_t>(10 * (i / 3));
  std::vector<uint8_t> out(2 * 1 * 3);
  ResizeArea(picture, 2, 1, out.data());
  EXPECT_EQ(out, (std::vector<uint8_t>{25, 25, 25, 45, 45, 45}));
  out.resize(4 * 2 * 3);
  ResizeArea(picture, 4, 2, out.data());
  EXPECT_EQ(out, picture.pixels);
  EXPECT_THROW(ResizeArea(Image8(2, 2, 1), 1, 1, out.data()), Error);
}

class ImitateApp : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("takt_imitate_app_" + std::to_string(::getpid()));
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    dataset::WriterOptions options;
    options.fps = 10;
    options.features = {dataset::VectorFeature("observation.state", {"x", "y"}), dataset::VectorFeature("action", {"x", "y"}),
                        dataset::PictureFeature("observation.images.front", 16, 16, "image")};
    dataset::DatasetWriter writer(folder_ / "set", options);
    for (int e = 0; e < 3; ++e) {
      dataset::Episode episode;
      episode.tasks = {"turn"};
      std::vector<float> state, action;
      for (int t = 0; t < 12; ++t) {
        state.insert(state.end(), {std::sin(0.3f * static_cast<float>(t)), std::cos(0.3f * static_cast<float>(t))});
        action.insert(action.end(), {static_cast<float>(e), static_cast<float>(t)});
        Image8 picture(16, 16, 3);
        std::fill(picture.pixels.begin(), picture.pixels.end(), static_cast<uint8_t>(10 * t + e));
        episode.images["observation.images.front"].push_back(picture);
      }
      episode.columns["observation.state"] = state;
      episode.columns["action"] = action;
      writer.AddEpisode(episode);
    }
    writer.Finish();
    WriteFileAtomic(folder_ / "c.json", std::string_view(R"({"horizon": 8, "n_obs_steps": 1, "n_action_steps": 4, "n_emb": 16,
      "n_head": 2, "n_layer": 1, "pictures": [{"key": "observation.images.front", "width_px": 8, "height_px": 8, "patch_px": 4,
      "n_emb": 8, "n_head": 2, "n_layer": 1, "out_dim": 4}],
      "training": {"batch_size": 4, "shift_px": 1, "picture_stride": 2}})"));
  }
  void TearDown() override { fs::remove_all(folder_); }
  ordered_json Ask(ordered_json extra) {
    ordered_json request = {{"verb", "train"}, {"dataset", (folder_ / "set").string()}, {"config", (folder_ / "c.json").string()},
                            {"out", (folder_ / "m").string()}, {"steps", 3}, {"threads", 1}, {"progress", "quiet"}};
    request.update(extra);
    return AnswerRequest(request.dump());
  }
  fs::path folder_;
};

TEST_F(ImitateApp, ReadsASetAndTrains) {
  const dataset::Dataset set = dataset::LoadDataset(folder_ / "set");
  const TrainingConfig config = ParseTrainingConfig(ReadTextFile(folder_ / "c.json"), "c", FactsOf(set));
  const Demonstrations demonstrations = LoadDemonstrations(set, config, {});
  ASSERT_EQ(demonstrations.episodes.size(), 3u);
  const Episode& last = demonstrations.episodes[2];
  EXPECT_EQ(last.length, 12);
  EXPECT_EQ(last.instruction, "turn");
  EXPECT_EQ(last.action[2 * 5], 2);
  EXPECT_EQ(last.action[2 * 5 + 1], 5);
  ASSERT_EQ(last.pictures[0].size(), 6u * 8 * 8 * 3);
  EXPECT_EQ(last.pictures[0][3 * 8 * 8 * 3], 62) << "the fourth that is kept is frame 6";
  const ordered_json answer = Ask({{"episodes", 2}, {"teleop_noise", 1}});
  EXPECT_EQ(answer.at("steps"), 3);
  EXPECT_EQ(answer.at("train_episodes"), 1);
  EXPECT_TRUE(fs::exists(folder_ / "m" / "model.safetensors"));
}

TEST_F(ImitateApp, RefusesWhatIsWrong) {
  const auto code = [&](const ordered_json& extra) {
    try {
      Ask(extra);
    } catch (const Error& error) {
      return error.code();
    }
    return ErrorCode::kInternal;
  };
  EXPECT_EQ(code({{"episodes", 4}}), ErrorCode::kBadInput);
  EXPECT_EQ(code({{"memory_mb", 0}}), ErrorCode::kUnsupported);
  EXPECT_EQ(code({{"config", "nothing"}}), ErrorCode::kNotFound);
  EXPECT_EQ(code({{"dataset", (folder_ / "nothing").string()}}), ErrorCode::kNotFound);
  EXPECT_EQ(code({{"steps", "many"}}), ErrorCode::kBadInput);
  EXPECT_EQ(code({{"verb", "dance"}}), ErrorCode::kBadInput);
  EXPECT_THROW(AnswerRequest("{"), Error);
  EXPECT_GE(AnswerRequest(R"({"verb": "configs"})").at("configs").size(), 3u);
}

}  // namespace
}  // namespace takt::imitate
