// SPDX-License-Identifier: Apache-2.0
#include "takt/data/demo/judge/judge.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "takt/core/base/error.h"

namespace takt::demo {
namespace {

constexpr double kPeriod_s = 0.04;
constexpr size_t kCarryFrom = 20, kCarryTo = 60, kSamples = 100;

bool Has(const Verdict& verdict, Reason reason) {
  return std::any_of(verdict.findings.begin(), verdict.findings.end(),
                     [&](const Finding& f) { return f.reason == reason; });
}

void TouchOnTable(Sample* s, int object, double half_m) {
  const Vec3 at = s->objects[static_cast<size_t>(object)].world_from_object.translation_m;
  for (double x : {-half_m, half_m}) {
    for (double y : {-half_m, half_m}) s->touches.push_back({object, kTouchWorld, at + Vec3(x, y, 0), 0.1});
  }
}

// One joint moves a 4 cm cube from x = 0 to x = 0.3 and lets it go; nothing is wrong with it.
Trace GoodTrace() {
  Trace trace;
  trace.control_period_s = kPeriod_s;
  trace.joint_min_rad = {-3};
  trace.joint_max_rad = {3};
  trace.max_velocity_rad_s = {2};
  trace.max_torque_n_m = {10};
  trace.objects = {{"cube", {0, 0, 0.02}, 0.6}, {"bystander", {0, 0, 0.05}, 0.3}};
  trace.goals = {{0, -1, Pose::Translation(0.3, 0, 0.02), {0.02, 0.02, 0.01}, 0.2}};
  for (size_t i = 0; i < kSamples; ++i) {
    Sample s;
    s.time_s = kPeriod_s * static_cast<double>(i);
    const double u = std::clamp((static_cast<double>(i) - kCarryFrom) / (kCarryTo - kCarryFrom), 0.0, 1.0);
    const bool carried = i >= kCarryFrom && i < kCarryTo;
    const Vec3 at(0.3 * u, 0, carried ? 0.1 : 0.0);
    const double reach = i < kCarryFrom ? static_cast<double>(i) : static_cast<double>(kCarryFrom) + 20 * u;
    s.joint_rad = {0.02 * reach +
                   (i > kCarryTo ? 0.02 * static_cast<double>(std::min(i, kSamples - 14) - kCarryTo) : 0)};
    s.peak_velocity_rad_s = {1};
    s.peak_torque_n_m = {4};
    s.action = s.joint_rad;
    s.opening_m = carried ? 0.04 : 0.08;
    s.world_from_tool = Pose::Translation(at.x(), 0, carried ? 0.12 : 0.3);
    s.objects = {{Pose::Translation(at.x(), 0, at.z()), carried ? Vec3(0.1, 0, 0) : Vec3::Zero(), Vec3::Zero()},
                 {Pose::Translation(0.1, 0.3, 0), Vec3::Zero(), Vec3::Zero()}};
    s.peak_penetration_m = 3e-4;
    if (carried) {
      s.held_idx = 0;
      for (double x : {-0.005, 0.005}) {
        s.touches.push_back({0, kTouchLeftFinger, at + Vec3(x, 0.02, 0.02), 5});
        s.touches.push_back({0, kTouchRightFinger, at + Vec3(x, -0.02, 0.02), 5});
      }
    } else {
      TouchOnTable(&s, 0, 0.02);
    }
    trace.samples.push_back(s);
  }
  return trace;
}

TEST(Judge, KeepsAGoodEpisode) {
  const Verdict verdict = Judge(GoodTrace());
  EXPECT_EQ(verdict.reason(), Reason::kKept) << verdict.findings.front().what;
}

TEST(Judge, Drop) {
  Trace trace = GoodTrace();
  for (size_t i = 40; i < 50; ++i) trace.samples[i].touches.clear();
  EXPECT_EQ(Judge(trace).reason(), Reason::kDrop);
  trace = GoodTrace();
  for (Sample& s : trace.samples) {
    std::erase_if(s.touches, [](const Touch& t) { return t.other_idx == kTouchRightFinger; });
  }
  EXPECT_TRUE(Has(Judge(trace), Reason::kDrop)) << "pushed by one finger is not held";
  trace = GoodTrace();
  trace.samples[40].touches.clear();
  EXPECT_EQ(Judge(trace).reason(), Reason::kKept) << "one frame is forgiven";
}

TEST(Judge, Slip) {
  Trace trace = GoodTrace();
  for (size_t i = kCarryFrom; i < kCarryTo; ++i) {
    trace.samples[i].objects[0].world_from_object.translation_m.z() -= 0.0003 * static_cast<double>(i - kCarryFrom);
  }
  EXPECT_TRUE(Has(Judge(trace), Reason::kSlip));
  trace = GoodTrace();
  for (size_t i = kCarryFrom; i < kCarryTo; ++i) {
    const double angle = 0.006 * static_cast<double>(i - kCarryFrom);
    trace.samples[i].objects[0].world_from_object.rotation = Quat(Eigen::AngleAxisd(angle, Vec3::UnitY()));
  }
  EXPECT_TRUE(Has(Judge(trace), Reason::kSlip));
}

TEST(Judge, TipOfABystander) {
  Trace trace = GoodTrace();
  for (size_t i = 50; i < kSamples; ++i) {
    trace.samples[i].objects[1].world_from_object.rotation = Quat(Eigen::AngleAxisd(1.5, Vec3::UnitX()));
  }
  EXPECT_EQ(Judge(trace).reason(), Reason::kTip);
}

TEST(Judge, TipByALeverWhileCarried) {
  Trace trace = GoodTrace();
  trace.objects[0].com_in_object_m = {0.03, 0, 0.02};
  trace.goals[0].half_extents_m = {0.1, 0.1, 0.1};
  for (Sample& s : trace.samples) {
    std::erase_if(s.touches, [](const Touch& t) { return t.other_idx == kTouchWorld; });
  }
  const Verdict verdict = Judge(trace);
  ASSERT_EQ(verdict.findings.size(), 1u);
  EXPECT_EQ(verdict.reason(), Reason::kTip);
  EXPECT_NEAR(verdict.findings[0].value, 0.025, 1e-12);
}

TEST(Judge, TipOnItsSupport) {
  Trace trace = GoodTrace();
  for (Touch& t : trace.samples.back().touches) t.position_in_world_m.x() += 0.025;
  EXPECT_EQ(Judge(trace).reason(), Reason::kTip);
}

TEST(Judge, Penetration) {
  Trace trace = GoodTrace();
  trace.samples[30].peak_penetration_m = 0.004;
  EXPECT_EQ(Judge(trace).reason(), Reason::kPenetration);
}

TEST(Judge, NanIsNeverKept) {
  const double nan = std::nan("");
  Trace trace = GoodTrace();
  trace.samples[30].peak_penetration_m = nan;
  EXPECT_EQ(Judge(trace).reason(), Reason::kPenetration);
  trace = GoodTrace();
  trace.samples[30].peak_velocity_rad_s[0] = nan;
  EXPECT_EQ(Judge(trace).reason(), Reason::kLimit);
  trace = GoodTrace();
  trace.samples.back().objects[0].world_from_object.translation_m.x() = nan;
  EXPECT_NE(Judge(trace).reason(), Reason::kKept);
}

TEST(Judge, Limits) {
  Trace trace = GoodTrace();
  trace.samples[30].joint_rad[0] = 3.1;
  EXPECT_TRUE(Has(Judge(trace), Reason::kLimit));
  trace = GoodTrace();
  trace.samples[30].peak_velocity_rad_s[0] = 2.2;
  EXPECT_TRUE(Has(Judge(trace), Reason::kLimit));
  trace = GoodTrace();
  trace.samples[30].peak_torque_n_m[0] = 10.1;
  EXPECT_TRUE(Has(Judge(trace), Reason::kLimit));
}

TEST(Judge, Spill) {
  Trace trace = GoodTrace();
  trace.vessel_idx = 0;
  trace.vessel = {0.03, 0.08, 0.06, {}};
  const auto shake = [&](double amplitude_m) {
    for (size_t i = 0; i < kSamples; ++i) {
      trace.samples[i].vessel_motion.clear();
      for (int k = 0; k < 20; ++k) {
        const double t = trace.samples[i].time_s + 0.002 * k;
        trace.samples[i].vessel_motion.push_back({t, Pose::Translation(amplitude_m * std::sin(10 * t), 0, 0)});
      }
    }
  };
  shake(0.002);
  EXPECT_EQ(Judge(trace).reason(), Reason::kKept);
  shake(0.06);
  EXPECT_EQ(Judge(trace).reason(), Reason::kSpill);
}

TEST(Judge, MissedAndUnsettled) {
  Trace trace = GoodTrace();
  trace.goals[0].target_from_box.translation_m.x() = 0.25;
  EXPECT_EQ(Judge(trace).reason(), Reason::kMissed);

  trace = GoodTrace();
  trace.samples[kSamples - 3].objects[0].velocity_in_world_m_s.x() = 0.05;
  EXPECT_EQ(Judge(trace).reason(), Reason::kUnsettled);

  trace = GoodTrace();
  trace.samples.resize(kCarryTo + 5);  // stops right after the release
  EXPECT_EQ(Judge(trace).reason(), Reason::kUnsettled);

  trace = GoodTrace();
  trace.samples.back().touches.push_back({0, kTouchRobot, {0.3, 0, 0.04}, 0.5});
  EXPECT_EQ(Judge(trace).reason(), Reason::kUnsettled);
}

TEST(Judge, GoalOnAMovingTarget) {
  Trace trace = GoodTrace();
  trace.goals[0].target_idx = 1;
  trace.goals[0].target_from_box = Pose::Translation(0.2, -0.3, 0.02);
  EXPECT_EQ(Judge(trace).reason(), Reason::kKept);
  trace.samples.back().objects[1].world_from_object.translation_m.x() += 0.1;
  EXPECT_EQ(Judge(trace).reason(), Reason::kMissed);
}

TEST(Judge, Idle) {
  Trace trace = GoodTrace();
  for (size_t i = 62; i < 80; ++i) trace.samples[i].action = trace.samples[61].action;
  EXPECT_EQ(Judge(trace).reason(), Reason::kIdle);
}

TEST(Judge, RefusesWhatIsNoTrace) {
  EXPECT_THROW(Judge(Trace{}), Error);
  Trace trace = GoodTrace();
  trace.samples[5].objects.pop_back();
  EXPECT_THROW(Judge(trace), Error);
  trace = GoodTrace();
  trace.goals[0].object_idx = 9;
  EXPECT_THROW(Judge(trace), Error);
}

TEST(DuplicateIndex, FindsRepeatsWhateverTheirSpeed) {
  DuplicateIndex index;
  const Trace trace = GoodTrace();
  EXPECT_FALSE(index.FindOrAdd(EpisodeFeatures(trace)).has_value());
  Trace slower = trace;
  slower.samples.clear();
  for (const Sample& s : trace.samples) {
    slower.samples.push_back(s);
    slower.samples.push_back(s);
  }
  EXPECT_EQ(index.FindOrAdd(EpisodeFeatures(slower)), 0u);
  Trace elsewhere = trace;
  for (Sample& s : elsewhere.samples) {
    s.objects[0].world_from_object.translation_m.y() += 0.01;
    s.world_from_tool.translation_m.y() += 0.01;
  }
  EXPECT_FALSE(index.FindOrAdd(EpisodeFeatures(elsewhere)).has_value());
  EXPECT_EQ(index.size(), 2u);
}

}  // namespace
}  // namespace takt::demo
