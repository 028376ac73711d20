// SPDX-License-Identifier: Apache-2.0
#include "takt/cli/output.h"

#include <gtest/gtest.h>

namespace takt::cli {
namespace {

TEST(Output, FieldsShareOneColumn) {
  EXPECT_EQ(FormatFields({{"views", "40"}, {"source", "colmap"}}), "views   40\nsource  colmap\n");
  EXPECT_EQ(FormatFields({}), "");
}

TEST(Output, TableAlignsNumbersToTheRightAndTextToTheLeft) {
  EXPECT_EQ(FormatTable({"view", "PSNR", "kind"}, {{"0001.jpg", "9.5", "train"}, {"2", "31.25", "test"}}),
            "view       PSNR  kind\n"
            "0001.jpg    9.5  train\n"
            "2         31.25  test\n");
}

TEST(Output, TableCountsCodePointsNotBytes) {
  EXPECT_EQ(FormatTable({"view", "n"}, {{"Tür", "1"}, {"long", "22"}}),
            "view   n\n"
            "Tür    1\n"
            "long  22\n");
}

TEST(Output, TableWithoutRowsIsItsHeader) { EXPECT_EQ(FormatTable({"view", "PSNR"}, {}), "view  PSNR\n"); }

}  // namespace
}  // namespace takt::cli
