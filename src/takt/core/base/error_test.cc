// SPDX-License-Identifier: Apache-2.0
#include "takt/core/base/error.h"

#include <gtest/gtest.h>

#include <string_view>

namespace takt {
namespace {

TEST(Error, CarriesItsParts) {
  const Error error(ErrorCode::kInfeasibleBudget, "fox.tks", "cannot fit 10 B", "ask for 96 B");
  EXPECT_STREQ(error.what(), "fox.tks: cannot fit 10 B");
  EXPECT_EQ(error.code(), ErrorCode::kInfeasibleBudget);
  EXPECT_EQ(error.subject(), "fox.tks");
  EXPECT_EQ(error.message(), "cannot fit 10 B");
  EXPECT_EQ(error.hint(), "ask for 96 B");
  EXPECT_TRUE(Error(ErrorCode::kIo, "a", "b").hint().empty());
}

TEST(Error, NamesAndExitStatusesAreThoseOfTheDesign) {
  struct Expected {
    ErrorCode code;
    std::string_view name;
    int status;
  };
  constexpr Expected kExpected[] = {
      {ErrorCode::kBadInput, "bad_input", 3},
      {ErrorCode::kInfeasibleBudget, "infeasible_budget", 4},
      {ErrorCode::kNotFound, "not_found", 3},
      {ErrorCode::kUnsupported, "unsupported", 4},
      {ErrorCode::kIo, "io", 3},
      {ErrorCode::kCancelled, "cancelled", 130},
      {ErrorCode::kInternal, "internal", 70},
  };
  for (const Expected& expected : kExpected) {
    EXPECT_EQ(ErrorCodeName(expected.code), expected.name);
    EXPECT_EQ(ExitStatus(expected.code), expected.status) << expected.name;
  }
}

}  // namespace
}  // namespace takt
