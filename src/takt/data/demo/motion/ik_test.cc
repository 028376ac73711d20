// SPDX-License-Identifier: Apache-2.0
#include "takt/data/demo/motion/ik.h"

#include <gtest/gtest.h>

#include <numbers>

#include "takt/core/base/rng.h"
#include "takt/data/demo/motion/motion_test_chains.h"

namespace takt::demo {
namespace {

Joints Random(const Chain& chain, uint64_t index, double share = 1) {
  const Rng rng(7);
  Joints q(chain.Size());
  const Joints lower = chain.Lower(), upper = chain.Upper();
  for (int j = 0; j < chain.Size(); ++j) {
    const double u = 0.5 + share * (rng.UniformDouble(index * kMaxJoints + static_cast<uint64_t>(j)) - 0.5);
    q[j] = lower[j] + u * (upper[j] - lower[j]);
  }
  return q;
}

TEST(Chain, JacobianIsTheDerivative) {
  for (const Chain& chain : {DeskArm(), SevenAxes()}) {
    const Joints q = Random(chain, 3);
    ToolJacobian jacobian;
    const Pose pose = ToolPose(chain, q, &jacobian);
    for (int j = 0; j < chain.Size(); ++j) {
      Joints moved = q;
      moved[j] += 1e-6;
      const Pose next = ToolPose(chain, moved);
      const Vec3 linear = (next.translation_m - pose.translation_m) / 1e-6;
      const Vec3 angular = 2 * (next.rotation * pose.rotation.conjugate()).vec() / 1e-6;
      EXPECT_LT((linear - jacobian.col(j).head<3>()).norm(), 1e-5);
      EXPECT_LT((angular - jacobian.col(j).tail<3>()).norm(), 1e-5);
    }
  }
}

TEST(Ik, ClosedFormFindsTheBranchItCameFrom) {
  const Chain chain = DeskArm();
  ASSERT_TRUE(IsYawPitchRoll(chain));
  IkOptions options;
  options.apart_rad = 1e-9;  // near a stretched elbow two branches all but meet
  for (uint64_t i = 0; i < 2000; ++i) {
    const Joints q = Random(chain, i);
    const Pose target = ToolPose(chain, q);
    const IkResult result = SolveIk(chain, target, q, options);
    ASSERT_TRUE(result.Reachable()) << i;
    double nearest = 1e9;
    for (const Joints& s : result.solutions) {
      nearest = std::min(nearest, (s - q).cwiseAbs().maxCoeff());
      const Pose reached = ToolPose(chain, s);
      ASSERT_LT((reached.translation_m - target.translation_m).norm(), 1e-9);
      ASSERT_LT(AngleBetween(reached.rotation, target.rotation), 1e-7);
      ASSERT_TRUE(chain.WithinLimits(s));
    }
    ASSERT_LT(nearest, 1e-6) << i;
  }
}

TEST(Ik, ClosedFormFindsSeveralBranches) {
  const Chain chain = DeskArm();
  int several = 0;
  for (uint64_t i = 0; i < 200; ++i) {
    const Joints q = Random(chain, i);
    several += SolveIk(chain, ToolPose(chain, q), q).solutions.size() > 1;
  }
  EXPECT_GT(several, 60);
}

TEST(Ik, OutOfTheArmsPlaneIsUnreachableAndSaysByHowMuch) {
  const Chain chain = DeskArm();
  Joints q(5);
  q << 0.3, 0.4, 0.9, 0.8, 0.2;
  Pose target = ToolPose(chain, q);
  ASSERT_TRUE(SolveIk(chain, target, q).Reachable());
  const Vec3 in_plane(std::cos(0.3), std::sin(0.3), 0);
  target.rotation = Quat(Eigen::AngleAxisd(0.2, in_plane)) * target.rotation;
  const IkResult result = SolveIk(chain, target, q);
  EXPECT_FALSE(result.Reachable());
  EXPECT_GT(result.rotation_error_rad, 0.01);
  const std::vector<Pose> mended = InArmPlane(chain, target);
  ASSERT_FALSE(mended.empty());
  int reached = 0;
  for (const Pose& pose : mended) {
    // The opening axis stays, up to its sign.
    EXPECT_NEAR(std::abs((pose.rotation * Vec3::UnitY()).dot(target.rotation * Vec3::UnitY())), 1, 1e-6);
    reached += SolveIk(chain, pose, q).Reachable();
  }
  EXPECT_GT(reached, 0);
}

TEST(Ik, SevenAxesReachWhatTheyCan) {
  const Chain chain = SevenAxes();
  ASSERT_FALSE(IsYawPitchRoll(chain));
  IkOptions options;
  options.max_solutions = 1;
  int reached = 0;
  for (uint64_t i = 0; i < 300; ++i) {
    const Joints q = Random(chain, i, 0.8);
    const Pose target = ToolPose(chain, q);
    options.seed = i;
    const IkResult result = SolveIk(chain, target, Random(chain, i + 1000, 0.5), options);
    if (!result.Reachable()) continue;
    ++reached;
    const Pose got = ToolPose(chain, result.solutions[0]);
    ASSERT_LE((got.translation_m - target.translation_m).norm(), options.position_tolerance_m);
    ASSERT_LE(AngleBetween(got.rotation, target.rotation), options.rotation_tolerance_rad);
    ASSERT_TRUE(chain.WithinLimits(result.solutions[0]));
  }
  EXPECT_GE(reached, 288);
}

TEST(Ik, BeyondReachIsUnreachable) {
  for (const Chain& chain : {DeskArm(), SevenAxes()}) {
    const Joints q = Random(chain, 1, 0.3);
    Pose target = ToolPose(chain, q);
    target.translation_m = {3, 0, 0};
    const IkResult result = SolveIk(chain, target, q);
    EXPECT_FALSE(result.Reachable());
    EXPECT_GT(result.position_error_m, chain.Size() == 5 ? 1e-3 : 1.0);
  }
}

TEST(Ik, RepeatsToTheBit) {
  const Chain chain = SevenAxes();
  const Pose target = ToolPose(chain, Random(chain, 5, 0.7));
  const IkResult a = SolveIk(chain, target, Random(chain, 6)), b = SolveIk(chain, target, Random(chain, 6));
  ASSERT_EQ(a.solutions.size(), b.solutions.size());
  for (size_t i = 0; i < a.solutions.size(); ++i) EXPECT_EQ(a.solutions[i], b.solutions[i]);
}

TEST(Ik, TrackingStaysOnItsBranch) {
  for (const Chain& chain : {DeskArm(), SevenAxes()}) {
    Joints q = Random(chain, 11, 0.4);
    const Pose start = ToolPose(chain, q);
    for (int i = 1; i <= 10; ++i) {
      Pose target = start;
      target.translation_m.z() += 0.002 * i;
      const IkResult result = TrackIk(chain, target, q);
      ASSERT_TRUE(result.Reachable()) << chain.Size() << " " << i;
      EXPECT_LT((result.solutions[0] - q).cwiseAbs().maxCoeff(), 0.1);
      q = result.solutions[0];
    }
  }
}

}  // namespace
}  // namespace takt::demo
