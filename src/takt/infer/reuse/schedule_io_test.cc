// SPDX-License-Identifier: Apache-2.0
#include "takt/infer/reuse/schedule_io.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <set>
#include <string>

#include "takt/core/base/error.h"
#include "takt/core/base/file.h"
#include "takt/infer/reuse/test_schedules.h"

namespace takt::reuse {
namespace {

std::set<std::string> Codes(const std::string& text) {
  std::set<std::string> codes;
  for (const Diagnostic& d : ParseScheduleText(text, "f").diagnostics) codes.insert(d.code);
  return codes;
}

std::string Replaced(std::string text, const std::string& what, const std::string& with) {
  const size_t at = text.find(what);
  EXPECT_NE(at, std::string::npos) << what;
  return at == std::string::npos ? text : text.replace(at, what.size(), with);
}

TEST(ScheduleText, IsALineForEachBlock) {
  Schedule s = FromRows({"#-#/", "#---", "tttt", "kkkk"}, 3);
  s.made_by = "by \"hand\"";
  const std::string text = WriteScheduleText(s);
  EXPECT_EQ(text, R"({
  "kind": "takt.reuse-schedule",
  "schema": [1, 0],
  "made_by": "by \"hand\"",
  "steps": 4,
  "tick_refresh": 3,
  "blocks": [
    {"name": "l0.sa",  "cells": "#-#/"},
    {"name": "l0.ca",  "cells": "#---"},
    {"name": "l0.ffn", "cells": "tttt"},
    {"name": "l1.sa",  "cells": "kkkk"}
  ]
}
)");
  const ScheduleResult back = ParseScheduleText(text, "f");
  EXPECT_TRUE(back.diagnostics.empty());
  EXPECT_EQ(back.schedule, s);
}

TEST(ScheduleText, GoesThroughAFile) {
  const auto path = std::filesystem::temp_directory_path() / "takt_reuse_schedule_test.json";
  const Schedule s = AllCompute(TransformerBlocks(8), 100);
  WriteSchedule(path, s);
  EXPECT_EQ(ReadSchedule(path), s);
  WriteFileAtomic(path, TextOfRows({"-#"}));
  try {
    ReadSchedule(path);
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kBadInput);
    EXPECT_EQ(e.subject(), path.string());
  }
  std::filesystem::remove(path);
  EXPECT_THROW(ReadSchedule(path), Error);
  Schedule broken = s;
  broken.at(0, 3).source = Source::kOwn;
  EXPECT_THROW(WriteSchedule(path, broken), Error);
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(ScheduleText, TruncatedAnywhereIsAnErrorAndNothingWorse) {
  Schedule s = FromRows({"#-#/", "#---", "tttt", "kkkk"}, 3);
  s.made_by = "x";
  const std::string text = WriteScheduleText(s);
  for (size_t n = 0; n + 2 < text.size(); ++n) {
    const ScheduleResult result = ParseScheduleText(text.substr(0, n), "f");
    ASSERT_TRUE(HasErrors(result.diagnostics)) << n;
    ASSERT_EQ(result.diagnostics[0].code, "reuse/syntax") << n;
  }
}

TEST(ScheduleText, EveryOtherByteIsReadOrRefused) {
  const std::string text = WriteScheduleText(FromRows({"#-#/", "#---", "tttt", "kkkk"}, 3));
  for (size_t i = 0; i < text.size(); ++i) {
    for (const char c : {'\0', '"', '{', '9', '-', '\xff'}) {
      std::string changed = text;
      changed[i] = c;
      const ScheduleResult result = ParseScheduleText(changed, "f");
      if (!HasErrors(result.diagnostics)) {
        EXPECT_TRUE(FindFaults(result.schedule).empty()) << i << c;
      }
    }
  }
}

TEST(ScheduleText, SaysWhere) {
  const std::string text = WriteScheduleText(FromRows({"#-#/", "#---", "tttt"}, 3));
  const std::string line = "    {\"name\": \"l0.ca\",  \"cells\": \"";
  auto d = ParseScheduleText(Replaced(text, "#---", "#-x-"), "f").diagnostics;
  ASSERT_EQ(d.size(), 1u);
  EXPECT_EQ(d[0].code, "reuse/cells");
  EXPECT_EQ(d[0].line, 8);
  EXPECT_EQ(d[0].column, static_cast<int>(line.size()) + 3);
  d = ParseScheduleText(Replaced(text, "#---", "#//-"), "f").diagnostics;
  ASSERT_EQ(d.size(), 1u);
  EXPECT_EQ(d[0].code, "reuse/source");
  EXPECT_EQ(d[0].line, 8);
  EXPECT_EQ(d[0].column, static_cast<int>(line.size()) + 2);
  d = ParseScheduleText(Replaced(text, "l0.ca", "l0.cx"), "f").diagnostics;
  ASSERT_EQ(d.size(), 1u);
  EXPECT_EQ(d[0].code, "reuse/block");
  EXPECT_EQ(d[0].column, 15);
  EXPECT_EQ(d[0].file, "f");
}

TEST(ScheduleText, CollectsWhatIsWrong) {
  const std::string text = TextOfRows({"#-#-", "#---"});
  EXPECT_TRUE(Codes(text).empty());
  using Set = std::set<std::string>;
  EXPECT_EQ(Codes(Replaced(Replaced(text, "#-#-", "#-"), "#---", "ab")), Set{"reuse/cells"});
  EXPECT_EQ(ParseScheduleText(Replaced(Replaced(text, "#-#-", "-#--"), "#---", "/###"), "f").diagnostics.size(), 2u);
  EXPECT_EQ(Codes(Replaced(text, "takt.reuse-schedule", "takt.scene")), Set{"reuse/schema"});
  EXPECT_EQ(Codes(Replaced(text, "[1, 0]", "[2, 0]")), Set{"reuse/schema"});
  EXPECT_EQ(Codes(Replaced(text, "[1, 0]", "[1, 7]")), Set{});
  EXPECT_EQ(Codes(Replaced(text, "[1, 0]", "1")), Set{"reuse/schema"});
  for (const char* steps : {"0", "-4", "3", "4.5", "1e300", "18446744073709551615", "9223372036854775808", "null",
                            "\"4\"", "4097", "-1e400", "[4]"}) {
    EXPECT_TRUE(HasErrors(
        ParseScheduleText(Replaced(text, "\"steps\": 4", std::string("\"steps\": ") + steps), "f").diagnostics))
        << steps;
  }
  EXPECT_EQ(Codes(Replaced(text, "\"steps\": 4, ", "")), Set{"reuse/missing-key"});
  EXPECT_EQ(Codes(Replaced(text, "\"steps\"", "\"steps\": 4, \"steps\"")), Set{"reuse/duplicate-key"});
  EXPECT_EQ(Codes(Replaced(text, "\"steps\"", "\"later\": [], \"steps\"")), Set{"reuse/unknown-key"});
  EXPECT_EQ(Codes(Replaced(text, "l0.ca", "l0.sa")), Set{"reuse/block"});
  EXPECT_EQ(Codes(Replaced(text, "#---", "tttt")), Set{"reuse/tick-refresh"});
  EXPECT_EQ(Codes(Replaced(text, "\"steps\"", "\"tick_refresh\": 2, \"steps\"")), Set{"reuse/tick-refresh"});
  EXPECT_EQ(Codes(Replaced(text, "\"steps\"", "\"tick_refresh\": 1, \"steps\"")), Set{"reuse/value"});
  EXPECT_EQ(Codes(Replaced(text, "\"steps\"", "\"made_by\": 1, \"steps\"")), Set{"reuse/value"});
  EXPECT_EQ(Codes(R"({"kind": "takt.reuse-schedule", "schema": [1, 0], "steps": 4, "blocks": []})"),
            Set{"reuse/value"});
  EXPECT_EQ(Codes(R"({"kind": "takt.reuse-schedule", "schema": [1, 0], "steps": 4, "blocks": [1]})"),
            Set{"reuse/value"});
  EXPECT_EQ(Codes("[]"), Set{"reuse/syntax"});
  EXPECT_EQ(Codes(""), Set{"reuse/syntax"});
  EXPECT_EQ(Codes(text + "x"), Set{"reuse/syntax"});
}

TEST(ScheduleText, IsNotImpressedBySize) {
  EXPECT_EQ(Codes(std::string(1 << 20, '[')), std::set<std::string>{"reuse/syntax"});
  std::string many = "[0";
  for (int i = 0; i < 100'000; ++i) many += ",0";
  EXPECT_EQ(Codes(many + "]"), std::set<std::string>{"reuse/syntax"});
  std::string names = "{\"a\": 0";
  for (int i = 0; i < 10'000; ++i) names += ", \"a\": 0";
  EXPECT_LE(ParseScheduleText(names + "}", "f").diagnostics.size(), 100u);
  // 4096 steps stated for rows of four letters allocate nothing of that size.
  EXPECT_TRUE(Codes(Replaced(TextOfRows({"#-#-"}), "\"steps\": 4", "\"steps\": 4096")).contains("reuse/cells"));
}

TEST(ScheduleText, TheExampleOfThePageIsValid) {
  const std::string page = ReadTextFile(TAKT_SOURCE_DIR "/docs/formats/reuse-schedule.md");
  const size_t begin = page.find("```json\n") + 8;
  const ScheduleResult result = ParseScheduleText(page.substr(begin, page.find("```", begin) - begin), "page");
  EXPECT_TRUE(result.diagnostics.empty());
  EXPECT_EQ(result.schedule.block_count(), 3);
}

TEST(ScheduleText, EveryCodeIsExplained) {
  const std::string page = ReadTextFile(TAKT_SOURCE_DIR "/docs/errors/reuse.md");
  for (const char* code : {"syntax", "schema", "missing-key", "duplicate-key", "unknown-key", "value", "block", "cells",
                           "source", "tick-refresh"}) {
    EXPECT_NE(page.find(std::string("`reuse/") + code + "`"), std::string::npos) << code;
  }
}

}  // namespace
}  // namespace takt::reuse
