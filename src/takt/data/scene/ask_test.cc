// SPDX-License-Identifier: Apache-2.0
#include "takt/data/scene/ask.h"

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "takt/core/base/error.h"
#include "takt/core/base/file.h"
#include "takt/core/io/chat_test_server.h"
#include "takt/data/scene/edit.h"
#include "takt/data/scene/model/test_scenes.h"
#include "takt/data/scene/model/walk.h"

namespace takt::scene {
namespace {

constexpr char kRoom[] =
    R"({"schema": "1.0", "room": {"id": "room", "floor_m": [[0, 0], [4, 0], [4, 3], [0, 3]], "height_m": 3,
  "children": [{"kind": "object", "id": "bench", "position_m": [2, 1.5, 0], "size_m": [0.8, 1.6, 0.75]}]}})";

class AskTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::path(testing::TempDir()) / testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }

  // What an endpoint says, one answer after the other; the last again and again.
  AskReport AskFor(const std::vector<std::string>& answers, AskOptions options) {
    size_t next = 0;
    ChatTestServer server([&](const httplib::Request& request, httplib::Response& response) {
      asked_.push_back(nlohmann::json::parse(request.body));
      response.set_content(ChatTestServer::Says(answers[std::min(next++, answers.size() - 1)]), "application/json");
    });
    options.endpoint.url = server.Url();
    options.endpoint.timeout_s = 10;
    return Ask(options);
  }

  std::filesystem::path folder_;
  std::vector<nlohmann::json> asked_;
};

TEST_F(AskTest, WritesASceneThatTheModelDescribes) {
  const AskReport report = AskFor({"Here it is:\n```json\n" + std::string(kRoom) + "\n```\nEnjoy!"},
                                  {.words = "a bench", .out = folder_ / "a.xml"});
  EXPECT_FALSE(report.was_patch);
  EXPECT_EQ(report.requests, 1);
  EXPECT_NE(Find(LoadScene(folder_ / "a.xml"), "bench"), nullptr);
  EXPECT_EQ(asked_[0]["messages"][1]["content"], "a bench");
  EXPECT_TRUE(asked_[0]["response_format"]["json_schema"]["schema"].contains("$defs"));
}

TEST_F(AskTest, SendsFaultsBack) {
  std::string wrong = kRoom;
  wrong.replace(wrong.find("0.75]"), 5, "-1]");
  const AskReport report = AskFor({"I cannot do that.", wrong, kRoom}, {.words = "a bench", .out = folder_ / "a.json"});
  EXPECT_EQ(report.corrections, 2);
  ASSERT_EQ(asked_.size(), 3u);
  EXPECT_NE(asked_[1]["messages"][3]["content"].get<std::string>().find("holds no JSON object"), std::string::npos);
  EXPECT_NE(asked_[2]["messages"][5]["content"].get<std::string>().find("size_m of object 'bench' is '0.8 1.6 -1'"),
            std::string::npos);
  EXPECT_NE(Find(LoadScene(folder_ / "a.json"), "bench"), nullptr);
}

TEST_F(AskTest, GivesUpAndLeavesTheFile) {
  WriteFileAtomic(folder_ / "a.json", std::string_view(kRoom));
  for (const std::string& bad : std::vector<std::string>{"<html>502</html>", "{\"schema\": \"1.0\"", "{}", "[]",
                                                         R"({"schema": "1.0", "room": "big"})", "```json\n```",
                                                         "{\"ops\": []}", std::string(5000, '{')}) {
    asked_.clear();
    try {
      AskFor({bad}, {.words = "a bench", .out = folder_ / "a.json", .corrections = 1});
      FAIL() << bad;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kBadInput) << error.what();
      EXPECT_NE(error.message().find("after 1 corrections"), std::string::npos) << error.what();
    }
    EXPECT_EQ(asked_.size(), 2u);
    EXPECT_EQ(ReadTextFile(folder_ / "a.json"), kRoom);
  }
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_), {}), 1);
}

TEST_F(AskTest, PatchesASceneInPlaceAndLogsIt) {
  const std::filesystem::path file = folder_ / "a.json";
  WriteFileAtomic(file, std::string_view(kRoom));
  const Scene before = LoadScene(file);
  const AskReport report = AskFor({R"(<think>{"ops": [] ?}</think>{"ops": [{"op": "add", "parent": "room",
    "node": {"kind": "object", "id": "cube", "position_m": [3.5, 2.5, 0], "size_m": [0.1, 0.1, 0.1]}}]})"},
                                  {.words = "a cube", .in = file, .out = file});
  EXPECT_TRUE(report.was_patch);
  EXPECT_NE(Find(LoadScene(file), "cube"), nullptr);
  EXPECT_NE(asked_[0]["messages"][0]["content"].get<std::string>().find("\"bench\""), std::string::npos);
  Undo(file);
  EXPECT_TRUE(SameScene(LoadScene(file), before));
}

TEST_F(AskTest, RepairsWhatTheModelPlacesBadly) {
  std::string in_wall = kRoom;
  in_wall.replace(in_wall.find("[2, 1.5, 0]"), 11, "[4, 1.5, 0.5]");
  const AskReport report = AskFor({in_wall}, {.words = "a bench", .out = folder_ / "a.json"});
  EXPECT_EQ(report.repair, RepairOutcome::kRepaired);
  const Scene scene = LoadScene(folder_ / "a.json");
  EXPECT_LE(Find(scene, "bench")->parent_from_node.translation_m.x(), 3.6 + 1e-6);
  std::string giant = kRoom;
  giant.replace(giant.find("[0.8, 1.6, 0.75]"), 16, "[4.5, 3.5, 0.75]");
  EXPECT_THROW(AskFor({giant}, {.words = "a bench", .out = folder_ / "b.json", .corrections = 0}), Error);
  EXPECT_FALSE(std::filesystem::exists(folder_ / "b.json"));
}

TEST_F(AskTest, SilentEndpointsEndWithTheDeadline) {
  WriteFileAtomic(folder_ / "a.json", std::string_view(kRoom));
  std::atomic<bool> is_over = false;
  ChatTestServer server([&](const httplib::Request&, httplib::Response&) {
    while (!is_over) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  });
  const auto start = std::chrono::steady_clock::now();
  AskOptions options{.words = "x", .in = folder_ / "a.json", .out = folder_ / "a.json"};
  options.endpoint.url = server.Url();
  options.endpoint.timeout_s = 0.5;
  EXPECT_THROW(Ask(options), Error);
  is_over = true;
  EXPECT_LT(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(), 1.5);
  EXPECT_EQ(ReadTextFile(folder_ / "a.json"), kRoom);
}

TEST(ExtractAnswer, FindsTheScene) {
  EXPECT_EQ(ExtractAnswer("no").text, "");
  EXPECT_EQ(ExtractAnswer("a {\"x\": 1} b").text, "{\"x\": 1}");
  EXPECT_EQ(ExtractAnswer("```\nsmall\n``` and ```json\n{\"ops\": []}\n```").text, "{\"ops\": []}");
  EXPECT_TRUE(ExtractAnswer("{\"ops\": [").is_patch);
  const Extract xml = ExtractAnswer("```xml\n<scene schema=\"1.0\"></scene>\n```");
  EXPECT_EQ(xml.format, Format::kXml);
  EXPECT_EQ(xml.text, "<scene schema=\"1.0\"></scene>");
  EXPECT_FALSE(xml.is_patch);
  for (const char* odd : {"```", "``````", "}{", "<", "<scene", "{", "</think>", "```\n{"}) (void)ExtractAnswer(odd);
}

}  // namespace
}  // namespace takt::scene
