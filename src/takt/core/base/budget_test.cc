// SPDX-License-Identifier: Apache-2.0
#include "takt/core/base/budget.h"

#include <gtest/gtest.h>

#include <limits>

#include "takt/core/base/error.h"

namespace takt {
namespace {

TEST(ParseBytes, ReadsWhatPeopleWrite) {
  EXPECT_EQ(ParseBytes("4MB", "--max-bytes"), 4000000u);
  EXPECT_EQ(ParseBytes("1.15 MB", "--max-bytes"), 1150000u);
  EXPECT_EQ(ParseBytes("4.3mb", "--max-bytes"), 4300000u);
  EXPECT_EQ(ParseBytes("512KiB", "--max-bytes"), 524288u);
  EXPECT_EQ(ParseBytes("1MiB", "--max-bytes"), 1048576u);
  EXPECT_EQ(ParseBytes("2 GB", "--max-bytes"), 2000000000u);
  EXPECT_EQ(ParseBytes("300000", "--max-bytes"), 300000u);
  EXPECT_EQ(ParseBytes("96 B", "--max-bytes"), 96u);
  EXPECT_EQ(ParseBytes("0", "--max-bytes"), 0u);
  EXPECT_EQ(ParseBytes("1e6", "--max-bytes"), 1000000u);
}

// A budget is a promise: a spelling between two bytes means the smaller one.
TEST(ParseBytes, RoundsDownButNotPastADecimal) {
  EXPECT_EQ(ParseBytes("1.0000009MB", "--max-bytes"), 1000000u);
  for (int kilobytes = 1; kilobytes < 5000; ++kilobytes) {
    const std::string text = std::to_string(kilobytes / 1000) + "." + std::to_string(1000 + kilobytes % 1000).substr(1);
    EXPECT_EQ(ParseBytes(text + "MB", "--max-bytes"), 1000u * static_cast<uint64_t>(kilobytes)) << text;
  }
}

TEST(ParseBytes, NonsenseNamesTheOption) {
  for (const char* text : {"", "MB", "-1", "-1MB", "nan", "inf", "1e300", "9e18", "4 XB", "4MBit", "four", "4MB 3"}) {
    try {
      ParseBytes(text, "--max-bytes");
      ADD_FAILURE() << text;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kBadInput);
      EXPECT_EQ(error.subject(), "--max-bytes");
      EXPECT_FALSE(error.hint().empty());
    }
  }
}

TEST(FormatBytes, ThreeSignificantDigits) {
  EXPECT_EQ(FormatBytes(0), "0 B");
  EXPECT_EQ(FormatBytes(999), "999 B");
  EXPECT_EQ(FormatBytes(812000), "812 kB");
  EXPECT_EQ(FormatBytes(4250000), "4.25 MB");
  EXPECT_EQ(FormatBytes(77000000), "77 MB");
}

// Rounding must not leave the unit: no "1e+03 kB".
TEST(FormatBytes, NeverFallsIntoExponents) {
  for (uint64_t unit : {uint64_t{1000}, uint64_t{1000000}, uint64_t{1000000000}}) {
    for (uint64_t below : {1, 100, 400, 500, 600, 4999}) {
      const uint64_t bytes = unit > below ? unit - below : 0;
      EXPECT_EQ(FormatBytes(bytes).find('e'), std::string::npos) << bytes << " is " << FormatBytes(bytes);
    }
  }
  EXPECT_EQ(FormatBytes(999999), "1 MB");
  EXPECT_EQ(FormatBytes(std::numeric_limits<uint64_t>::max()).find('e'), std::string::npos);
}

TEST(BudgetReport, AnAbsentLimitIsKeptAndNanIsNotAnExcuse) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  BudgetReport report;
  report.asked = 10;
  report.used = 10;
  EXPECT_TRUE(report.kept());
  report.used = 10.5;
  EXPECT_FALSE(report.kept());
  report.asked = nan;
  EXPECT_TRUE(report.kept());
  report.asked = 10;
  report.used = nan;
  EXPECT_FALSE(report.kept());
}

}  // namespace
}  // namespace takt
