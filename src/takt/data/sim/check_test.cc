// SPDX-License-Identifier: Apache-2.0
#include "takt/data/sim/check.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "takt/core/base/error.h"
#include "takt/core/base/file.h"
#include "takt/data/sim/arms.h"

namespace takt::sim {
namespace {

std::filesystem::path Temporary(const std::string& name) {
  return std::filesystem::temp_directory_path() / ("takt_check_" + std::to_string(::getpid()) + name);
}

TEST(Check, ABuiltInArmHoldsStillAndAFallingBallDoesNot) {
  const std::filesystem::path arm = Temporary("_arm.xml"), ball = Temporary("_ball.xml"), out = Temporary("_out.xml");
  WriteFileAtomic(arm, LoadRobot("arm5").mjcf);
  CheckOptions options;
  options.path = arm;
  options.seconds = 1;
  options.out = out;
  const CheckReport good = Check(options);
  EXPECT_TRUE(good.holds_still);
  EXPECT_EQ(good.joints, 7);
  EXPECT_FALSE(good.lowered.empty());
  EXPECT_NE(ReadTextFile(out).find("gainprm"), std::string::npos);

  WriteFileAtomic(ball, std::string_view("<mujoco><worldbody><body name='ball' pos='0 0 1'><freejoint/><geom "
                                         "size='0.1'/></body></worldbody></mujoco>"));
  options.path = ball;
  const CheckReport bad = Check(options);
  EXPECT_FALSE(bad.holds_still);
  EXPECT_FALSE(bad.diverged);
  EXPECT_EQ(bad.drifts.at(0).name, "ball");
  EXPECT_TRUE(bad.drifts.at(0).linear);
  EXPECT_NEAR(bad.drifts.at(0).moved, 0.5 * 9.81, 0.05);

  options.seconds = -1;
  EXPECT_THROW(Check(options), Error);
  for (const auto& path : {arm, ball, out}) std::filesystem::remove(path);
}

}  // namespace
}  // namespace takt::sim
