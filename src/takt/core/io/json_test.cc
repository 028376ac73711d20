// SPDX-License-Identifier: Apache-2.0
#include "takt/core/io/json.h"

#include <gtest/gtest.h>

#include "takt/core/base/error.h"

namespace takt {
namespace {

TEST(ParseJson, BoundsTheDepth) {
  EXPECT_EQ(ParseJson(R"({"a": ["[[[[\"[[", 1]})", "text", 2)["a"][1], 1);
  EXPECT_THROW(ParseJson(R"({"a": [[1]]})", "text", 2), Error);
  EXPECT_THROW(ParseJson(std::string(1 << 20, '['), "text"), Error);
  EXPECT_THROW(ParseJson("{", "text"), Error);
  EXPECT_THROW(ParseJson("\"\\", "text"), Error);
}

}  // namespace
}  // namespace takt
