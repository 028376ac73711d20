// SPDX-License-Identifier: Apache-2.0
#include "takt/data/sim/pusht.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "takt/core/base/error.h"
#include "takt/core/base/rng.h"

namespace takt::sim {
namespace {

TEST(PushT, TheGoalIsCovered) {
  EXPECT_DOUBLE_EQ(PushTCoverage(PushTGoalCog_px(), kPushTGoal_rad), 1);
  EXPECT_DOUBLE_EQ(PushTCoverage({0, 0}, kPushTGoal_rad), 0);
  EXPECT_NEAR(PushTCoverage(PushTGoalCog_px(), kPushTGoal_rad + 2 * M_PI), 1, 1e-9);
}

}  // namespace
}  // namespace takt::sim
