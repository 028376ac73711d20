// SPDX-License-Identifier: Apache-2.0
#include "takt/data/demo/pusht/expert.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>

namespace takt::demo {
namespace {

constexpr int kHold = 1;              // steps at the end of a push
constexpr int kRetreat = 2;           // steps back from the T after it
constexpr double kOverhead = 10;       // steps of a push beside its way and its length
constexpr double kLongest_px = 220;
constexpr double kEnough = 0.965;     // coverage that a plan must reach
constexpr double kFar = 1e9;
constexpr double kPi = 3.14159265358979323846;

Vec2 Clamp(Vec2 p) {
  return {std::clamp(p[0], 4.0, sim::kPushTSize_px - 4), std::clamp(p[1], 4.0, sim::kPushTSize_px - 4)};
}

bool Solved(const BlockPose& block) {
  return BlockError_px(block, BlockGoal()) < 12 && sim::PushTCoverage(block.cog_px, block.rad) >= kEnough;
}

// Steps that are left from here, guessed.
double StepsLeft(const BlockPose& block) {
  const BlockPose goal = BlockGoal();
  const double away = Length(block.cog_px - goal.cog_px), turned = std::abs(std::remainder(block.rad - goal.rad, 2 * kPi));
  if (Solved(block)) return 60 * (1 - sim::PushTCoverage(block.cog_px, block.rad));
  return 50 * (1 - std::exp(-std::hypot(away, 55 * turned) / 5)) + 0.25 * away + 25 * turned;
}

// A push that does not finish moves the T at least so far: no plan dithers.
double LeastMove_px(const BlockPose& block) { return std::clamp(0.3 * BlockError_px(block, BlockGoal()), 2.0, 20.0); }

double WayLength(Vec2 from, std::span<const Vec2> way) {
  double length = 0;
  for (const Vec2& p : way) {
    length += Length(p - from);
    from = p;
  }
  return length;
}

struct Node {
  sim::PushTState state;  // after the last push, the disc where that left it
  BlockPose first;        // the T after the first push
  double steps = 0;
  double score = 0;       // steps + StepsLeft
  std::vector<Push> pushes;
};

// All pushes from one node, each of several lengths; appended to `out`. The disc is put before the T: only the way's length counts.
void Expand(const Node& node, const PushTExpertOptions& options, sim::PushT* world, std::vector<Node>* out) {
  const BlockPose block = BlockOf(node.state);
  const double before = StepsLeft(block), least = LeastMove_px(block);
  for (Push push : PushCatalogue()) {
    const Vec2 start = StartOf(push, block);
    if (!OnTable(start)) continue;
    const std::vector<Vec2> way = WayAround(block, node.state.agent_px, start);
    if (way.empty()) continue;
    const double approach = kOverhead + WayLength(node.state.agent_px, way) / options.approach_px;
    sim::PushTState state;
    state.agent_px = start;
    state.block_cog_px = block.cog_px;
    state.block_rad = block.rad;
    world->Restore(state);
    // The length after which least is left, and a few others: the best first push may lead away from the goal.
    Node best;
    best.score = kFar;
    BlockPose now = block;
    int touched = 0;
    for (int i = 1; i * options.push_px <= kLongest_px; ++i) {
      push.length_px = i * options.push_px;
      const Vec2 target = TargetOf(push, block, now, push.length_px);
      if (!OnTable(target)) break;
      world->Step(target);
      Node child;
      child.state = world->Save();
      now = BlockOf(child.state);
      const double left = StepsLeft(now);
      if (left > before + 25) break;
      if (!Solved(now) && BlockError_px(now, block) < least) continue;
      child.first = node.pushes.empty() ? now : node.first;
      child.steps = node.steps + approach + i;
      child.score = child.steps + left;
      child.pushes = node.pushes;
      child.pushes.push_back(push);
      if (child.score < best.score) best = child;
      if (touched++ % 5 == 3) out->push_back(std::move(child));
    }
    if (best.score < kFar) out->push_back(std::move(best));
  }
}

// The `count` best nodes, no two of them alike.
std::vector<Node> Best(std::vector<Node> nodes, int count) {
  std::stable_sort(nodes.begin(), nodes.end(), [](const Node& a, const Node& b) { return a.score < b.score; });
  std::vector<Node> kept;
  for (Node& node : nodes) {
    if (kept.size() >= static_cast<size_t>(count)) break;
    const bool like = std::any_of(kept.begin(), kept.end(), [&](const Node& k) {
      return BlockError_px(BlockOf(k.state), BlockOf(node.state)) < 6 && Length(k.state.agent_px - node.state.agent_px) < 20;
    });
    if (!like) kept.push_back(std::move(node));
  }
  return kept;
}

// The best sequences of pushes, no two with the same first one. `nearer`: the first one must leave less to do, if any does.
std::vector<Node> Search(const sim::PushTState& state, const PushTExpertOptions& options, bool nearer, sim::PushT* world) {
  Node root;
  root.state = state;
  std::vector<Node> frontier = {root}, all;
  for (int depth = 0; depth < options.pushes; ++depth) {
    std::vector<Node> children;
    for (const Node& node : frontier) {
      if (!Solved(BlockOf(node.state))) Expand(node, options, world, &children);
    }
    if (nearer && depth == 0) {
      const double left = StepsLeft(BlockOf(state));
      std::vector<Node> kept = children;
      std::erase_if(kept, [&](const Node& n) { return StepsLeft(n.first) > left - 2; });
      if (!kept.empty()) children = std::move(kept);
    }
    frontier = Best(std::move(children), options.beam);
    all.insert(all.end(), frontier.begin(), frontier.end());
  }
  std::stable_sort(all.begin(), all.end(), [](const Node& a, const Node& b) { return a.score < b.score; });
  std::vector<Node> chosen;
  for (Node& node : all) {
    if (chosen.size() >= static_cast<size_t>(options.refined)) break;
    const Push& p = node.pushes.front();
    const bool like = std::any_of(chosen.begin(), chosen.end(), [&](const Node& k) {
      const Push& q = k.pushes.front();
      return p.contact_px == q.contact_px && p.direction_rad == q.direction_rad && p.follow == q.follow;
    });
    if (!like) chosen.push_back(std::move(node));
  }
  return chosen;
}

}  // namespace

PushTExpert::PushTExpert(const PushTExpertOptions& options) : options_(options) {}

void PushTExpert::Plan(const sim::PushT& world) {
  ++plans_;
  const sim::PushTState root = world.Save();
  const BlockPose block = BlockOf(root);
  const Vec2 from = last_px_[0] >= 0 ? last_px_ : root.agent_px;
  sim::PushT copy = world;
  std::vector<Step> steps;
  const auto go = [&](Vec2 target) {
    copy.Step(target);
    steps.push_back({target, BlockOf(copy.Save())});
  };
  double best_score = kFar;
  plan_.clear();
  next_ = 0;
  // Sequences that promise much after a detour may promise it again and again: when two plans have not come nearer, the next push
  // must.
  const double left = StepsLeft(block);
  stalled_ = left < lowest_left_ - 1 ? 0 : stalled_ + 1;
  lowest_left_ = std::min(lowest_left_, left);
  std::vector<Node> nodes = Search(root, options_, stalled_ > 2, &copy);
  for (const Node& node : nodes) {
    const Push& first = node.pushes.front();
    const bool last = node.pushes.size() == 1;
    for (const double shift : {0.0, -4.0, 4.0}) {
      for (const double skew : {0.0, -0.15, 0.15}) {
        Push push = first;
        push.direction_rad += skew;
        push.contact_px = push.contact_px + shift * Vec2{-std::sin(first.direction_rad), std::cos(first.direction_rad)};
        const Vec2 start = StartOf(push, block);
        if (!OnTable(start) || DistanceToBlock_px(push.contact_px) < sim::kPushTAgentRadius_px - 2) continue;
        const std::vector<Vec2> way = WayAround(block, root.agent_px, start);
        if (way.empty()) continue;
        // The target moves on from where it was.
        copy.Restore(root);
        steps.clear();
        Vec2 at = from;
        double room = options_.approach_px;
        for (const Vec2& corner : way) {
          for (;;) {
            const double distance = Length(corner - at);
            if (distance <= room) {
              room -= distance;
              at = corner;
              break;
            }
            at = Clamp(at + (room / distance) * (corner - at));
            go(at);
            room = options_.approach_px;
          }
        }
        go(Clamp(at));
        const sim::PushTState arrived = copy.Save();
        const size_t approach = steps.size();
        for (double more = -12; more <= 16; more += 3) {
          push.length_px = first.length_px + more;
          if (push.length_px < kPushGap_px + 1) continue;
          copy.Restore(arrived);
          steps.resize(approach);
          const int count = std::max(1, static_cast<int>(std::ceil(push.length_px / options_.push_px)));
          BlockPose now = block;
          for (int i = 1; i <= count; ++i) {
            go(Clamp(TargetOf(push, block, now, push.length_px * i / count)));
            now = steps.back().block;
          }
          const Vec2 end = steps.back().target_px, d = DirectionOf(push, block, now);
          for (int i = 0; i < kHold; ++i) go(end);
          for (int i = 1; i <= kRetreat; ++i) go(Clamp(end - i * options_.approach_px * d));
          now = steps.back().block;
          if (!Solved(now) && BlockError_px(now, block) < LeastMove_px(block) / 2) continue;
          const double score = last ? static_cast<double>(steps.size()) + StepsLeft(now)
                                    : node.score + 0.6 * BlockError_px(now, node.first);
          if (score < best_score) {
            best_score = score;
            plan_ = steps;
          }
        }
      }
    }
  }
  // Nothing can be pushed from anywhere: go to the middle of the table.
  if (plan_.empty()) plan_ = {{Clamp(from + 0.1 * (sim::kPushTGoal_px - from)), block}};
}

Vec2 PushTExpert::Act(const sim::PushT& world) {
  const BlockPose block = BlockOf(world.Save());
  if (next_ >= plan_.size() || (next_ > 0 && BlockError_px(block, plan_[next_ - 1].block) > options_.drift_px)) Plan(world);
  last_px_ = plan_[next_++].target_px;
  return last_px_;
}

}  // namespace takt::demo
