// SPDX-License-Identifier: Apache-2.0
#include "takt/core/base/progress_line.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <thread>
#include <vector>

namespace takt {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// A FILE in memory and a clock that the test turns.
class Screen {
 public:
  Screen() : file_(::open_memstream(&text_, &size_)) {}
  ~Screen() {
    std::fclose(file_);
    std::free(text_);
  }
  std::FILE* file() { return file_; }
  std::string text() {
    std::fflush(file_);
    return std::string(text_, size_);
  }
  ProgressLine::Clock clock() {
    return [this] { return now_s; };
  }
  double now_s = 1000;

 private:
  char* text_ = nullptr;
  size_t size_ = 0;
  std::FILE* file_;
};

size_t Count(const std::string& text, const std::string& word) {
  size_t count = 0;
  for (size_t at = text.find(word); at != text.npos; at = text.find(word, at + 1)) ++count;
  return count;
}

std::vector<nlohmann::json> JsonLines(const std::string& text) {
  std::vector<nlohmann::json> lines;
  for (size_t at = 0; at < text.size();) {
    const size_t end = text.find('\n', at);
    lines.push_back(nlohmann::json::parse(text.substr(at, end - at)).at("progress"));
    at = end + 1;
  }
  return lines;
}

TEST(ProgressLine, FormatsTheWholeLine) {
  const ProgressState state{{"train", 15000, 30000, "iterations", "loss 0.021"}, 70.2, 212.4, 70.6};
  EXPECT_EQ(FormatProgressLine(state, 100, false),
            "train  ###############---------------   50 %  15,000/30,000 iterations  212/s  1:11 left  loss 0.021");
  EXPECT_EQ(FormatProgressLine(state, 82, true),
            "train  ━━━━━━╌╌╌╌╌╌   50 %  15,000/30,000 iterations  212/s  1:11 left  loss 0.021");
  EXPECT_EQ(FormatProgressLine(state, 70, false),
            "train   50 %  15,000/30,000 iterations  212/s  1:11 left  loss 0.021");
  EXPECT_EQ(FormatProgressLine(state, 20, false), "train   50 %  15,000");
}

TEST(ProgressLine, FormatsWhatIsUnknownSlowLongOrHostile) {
  EXPECT_EQ(FormatProgressLine({{"scan", 7, 0, "files", ""}, 3, kNan, kNan}, 80, false), "scan  7 files");
  EXPECT_EQ(FormatProgressLine({{"t", 1, 4, "", ""}, 3, 0.25, 12}, 20, false), "t   25 %  1/4  4 s e");
  EXPECT_EQ(FormatProgressLine({{"t", 4, 4, "", ""}, 7322, 0.25, 0}, 45, false),
            "t  ########  100 %  4/4  4 s each  in 2:02:02");
  EXPECT_EQ(FormatProgressLine({{"a\x1b[2J", 1, 0, "b\n", "c\r"}, 1, kNan, kNan}, 80, false), "a [2J  1 b   c ");
  EXPECT_EQ(FormatProgressLine({{"t", 5, 0, "", "größer"}, 1, kNan, kNan}, 11, false), "t  5  größe");
}

TEST(ProgressLine, RedrawsAtMostTenTimesASecond) {
  Screen screen;
  {
    ProgressLine line(screen.file(), ProgressStyle::kLine, screen.clock());
    const ProgressSink sink = line.Sink();
    for (uint64_t i = 0; i <= 1000; ++i) {
      sink({"train", i, 1000, "iterations", ""});
      screen.now_s += 0.001;
    }
  }
  const std::string text = screen.text();
  EXPECT_LE(Count(text, "\r"), 12u);
  EXPECT_GE(Count(text, "\r"), 9u);
  EXPECT_EQ(Count(text, "\n"), 1u);
  EXPECT_EQ(text.back(), '\n');
  EXPECT_NE(text.find("100 %"), text.npos);
}

TEST(ProgressLine, PlainLinesComeEveryTenSecondsAndAtTheEnds) {
  Screen screen;
  ProgressLine line(screen.file(), ProgressStyle::kAuto, screen.clock());
  for (uint64_t i = 0; i <= 60; ++i, screen.now_s += 0.5) line.Update({"train", i, 60, "steps", ""});
  line.Update({"score", 0, 5, "views", ""});
  screen.now_s += 0.01;
  line.Update({"score", 3, 5, "views", ""});
  line.Finish();
  line.Finish();
  const std::string text = screen.text();
  EXPECT_EQ(Count(text, "\n"), 6u) << text;  // begin, 10 s, 20 s, end; begin, and what Finish found
  EXPECT_EQ(Count(text, "\x1b"), 0u);
  EXPECT_NE(text.find("3/5 views"), text.npos);
}

TEST(ProgressLine, TimeLeftIsSmoothedAndFollowsTheRate) {
  Screen screen;
  ProgressLine line(screen.file(), ProgressStyle::kJson, screen.clock());
  uint64_t done = 5000;  // resumed: what was done before must not count
  for (int i = 0; i < 200; ++i, done += 10, screen.now_s += 0.1) line.Update({"t", done, 100000, "", ""});
  nlohmann::json last = JsonLines(screen.text()).back();
  EXPECT_NEAR(last["rate_per_s"].get<double>(), 100, 1);
  EXPECT_NEAR(last["left_s"].get<double>(), (100000 - last["done"].get<double>()) / 100, 10);
  for (int i = 0; i < 15; ++i, done += 40, screen.now_s += 0.1) line.Update({"t", done, 100000, "", ""});
  last = JsonLines(screen.text()).back();
  EXPECT_GT(last["rate_per_s"].get<double>(), 105);
  EXPECT_LT(last["rate_per_s"].get<double>(), 200);
  for (int i = 0; i < 600; ++i, done += 40, screen.now_s += 0.1) line.Update({"t", done, 100000, "", ""});
  EXPECT_NEAR(JsonLines(screen.text()).back()["rate_per_s"].get<double>(), 400, 2);
}

TEST(ProgressLine, JsonIsValidWhateverTheText) {
  Screen screen;
  ProgressLine line(screen.file(), ProgressStyle::kJson, screen.clock());
  line.Update({"a\"\n\xFF", 1, 0, "", "\x01"});
  const auto lines = JsonLines(screen.text());
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_TRUE(lines[0]["left_s"].is_null());
  EXPECT_EQ(lines[0]["done"], 1);
}

TEST(ProgressLine, LateThreadsDoNotRestartATask) {
  Screen screen;
  ProgressLine line(screen.file(), ProgressStyle::kJson, screen.clock());
  for (const uint64_t done : {0, 2, 1, 3, 4, 0}) line.Update({"t", done, 4, "", ""});
  const auto lines = JsonLines(screen.text());
  ASSERT_EQ(lines.size(), 3u);  // begin, end, and the second run begins
  EXPECT_EQ(lines[1]["done"], 4);
  EXPECT_EQ(lines[2]["done"], 0);
}

TEST(ProgressLine, QuietPrintsNothing) {
  Screen screen;
  ProgressLine line(screen.file(), ProgressStyle::kQuiet, screen.clock());
  line.Update({"train", 1, 2, "", ""});
  line.Update({"train", 2, 2, "", ""});
  line.Finish();
  EXPECT_EQ(screen.text(), "");
}

TEST(ProgressLine, ThreadsMayReportTogether) {
  Screen screen;
  {
    ProgressLine line(screen.file(), ProgressStyle::kPlain);
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&line] {
        for (uint64_t i = 0; i < 1000; ++i) line.Update({"work", i, 1000, "", ""});
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
  EXPECT_EQ(screen.text().back(), '\n');
}

}  // namespace
}  // namespace takt
