// SPDX-License-Identifier: Apache-2.0
#include "takt/data/demo/pusht/push.h"

#include <algorithm>
#include <cmath>

namespace takt::demo {
namespace {

constexpr double kPi = 3.14159265358979323846;
constexpr double kGyration_px = 55;  // sqrt(inertia / mass) of the T, rounded
constexpr double kLead_px = 16;      // of the target before the disc at the pace of a push: it lags two steps

Vec2 Direction(double rad) { return {std::cos(rad), std::sin(rad)}; }

std::vector<Push> MakeCatalogue() {
  constexpr double kSpacing_px = 12, kInset_px = 5, r = sim::kPushTAgentRadius_px;
  constexpr double kSkew_rad = 0.4;
  std::vector<Push> pushes;
  const auto contact = [&](Vec2 p, Vec2 out) {
    const double inward = std::atan2(-out[1], -out[0]);
    for (const double skew : {0.0, kSkew_rad, -kSkew_rad}) pushes.push_back({p, inward + skew, false, 0});
    pushes.push_back({p, inward, true, 0});
  };
  const auto edge = [&](Vec2 a, Vec2 b, Vec2 out) {
    const int count = static_cast<int>(Length(b - a) / kSpacing_px) + 1;
    for (int i = 0; i < count; ++i) contact(a + static_cast<double>(i) / (count - 1) * (b - a) + r * out, out);
  };
  edge({-60 + kInset_px, 0}, {60 - kInset_px, 0}, {0, -1});
  edge({-15 + kInset_px, 120}, {15 - kInset_px, 120}, {0, 1});
  for (const double side : {-1.0, 1.0}) {
    edge({side * 60, kInset_px}, {side * 60, 30 - kInset_px}, {side, 0});
    edge({side * (15 + r + 1), 30}, {side * (60 - kInset_px), 30}, {0, 1});
    edge({side * 15, 30 + r + 1}, {side * 15, 120 - kInset_px}, {side, 0});
    contact({side * (15 + r), 30 + r}, {side, 1});  // in the corner between bar and stem
  }
  return pushes;
}

}  // namespace

const std::vector<Push>& PushCatalogue() {
  static const std::vector<Push> catalogue = MakeCatalogue();
  return catalogue;
}

Vec2 StartOf(const Push& push, const BlockPose& block) {
  return block.ToWorld(push.contact_px - kPushGap_px * Direction(push.direction_rad));
}

Vec2 DirectionOf(const Push& push, const BlockPose& begun, const BlockPose& now) {
  return Direction(push.direction_rad + (push.follow ? now.rad : begun.rad));
}

Vec2 TargetOf(const Push& push, const BlockPose& begun, const BlockPose& now, double along_px) {
  const Vec2 d = DirectionOf(push, begun, now);
  if (!push.follow) return StartOf(push, begun) + along_px * d;
  return now.ToWorld(push.contact_px) + (std::min(along_px, kLead_px + kPushGap_px) - kPushGap_px) * d;
}

bool OnTable(Vec2 p) { return std::min(p[0], p[1]) >= 16 && std::max(p[0], p[1]) <= sim::kPushTSize_px - 16; }

double BlockError_px(const BlockPose& a, const BlockPose& b) {
  return std::hypot(Length(a.cog_px - b.cog_px), kGyration_px * std::remainder(a.rad - b.rad, 2 * kPi));
}

BlockPose BlockOf(const sim::PushTState& state) { return {state.block_cog_px, state.block_rad}; }
BlockPose BlockGoal() { return {sim::PushTGoalCog_px(), sim::kPushTGoal_rad}; }

}  // namespace takt::demo
