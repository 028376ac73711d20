// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "takt/core/io/image.h"

namespace takt::sim {

using Vec2 = std::array<double, 2>;

// Everything that decides how a Push-T world goes on, but for the impulses that the engine keeps from the last contact.
struct PushTState {
  Vec2 agent_px{}, agent_px_s{};
  Vec2 block_cog_px{};         // centre of gravity of the T
  double block_rad = 0;        // not wrapped
  Vec2 block_px_s{};           // damped to nothing by the next step, after it has moved the T
  double block_rad_s = 0;
  Vec2 block_push_px_s{};      // what is left of an overlap is undone at this speed in the next step
  double block_push_rad_s = 0;
  int steps = 0;               // since the start
};

// The T, in its own frame: the origin lies in the middle of the upper edge of the bar, y goes down the stem.
inline constexpr std::array<std::array<Vec2, 4>, 2> kPushTBoxes_px = {{
    {{{-60, 30}, {60, 30}, {60, 0}, {-60, 0}}},
    {{{-15, 30}, {-15, 120}, {15, 120}, {15, 30}}},
}};
inline constexpr Vec2 kPushTCog_px = {0, 45};    // the mean of the centres of both boxes, as published
inline constexpr double kPushTMass = 1;
inline constexpr double kPushTInertia = 3000;    // twice the bar's about the origin, as published
inline constexpr double kPushTAgentRadius_px = 15;
inline constexpr double kPushTSize_px = 512;
inline constexpr Vec2 kPushTGoal_px = {256, 256};
inline constexpr double kPushTGoal_rad = 0.78539816339744830962;
inline constexpr double kPushTSuccess = 0.95;
inline constexpr int kPushTMaxSteps = 300;
inline constexpr int kPushTHz = 10;
inline constexpr uint32_t kPushTEvaluationSeed = 100000;  // seeds from here on are for evaluation

// Nine points on the T: the published observation.
extern const std::array<Vec2, 9> kPushTKeypoints_px;

// Push-T: a disc pushes a T-shaped block over a table without inertia until it covers its goal. One action is a point that
// the disc is drawn to (PD, gains 100 and 20) for 0.1 s, in ten steps of physics.
//
// The physics is Chipmunk's, the engine under pymunk, with the published constants: no friction between shapes,
// velocities damped to nothing in each step, walls at 5 and 506 px, a disc that nothing stops.
// Actions, positions: px of a 512 x 512 world, x right, y down. Angles: rad, from x to y.
//
// Determinism: same calls, same bytes. A copy and a restored state start without the impulses that Chipmunk keeps from the last
// contact: they go on the same way as each other, and within a small fraction of a pixel of the original.
// Cost: see pusht_bench.cc; a copy or Restore builds the small world anew, in microseconds.
// Threads: one thread for each object.
// Source: Chi et al., "Diffusion Policy", RSS 2023; the environment pusht_keypoints_env of real-stanford/diffusion_policy (MIT).
// Deviations: the nine keypoints follow its recipe (its seed too), but the rasteriser of pygame is imitated: they may lie a
// pixel beside its own.
class PushT {
 public:
  PushT();  // as Reset(0)
  PushT(const PushT& other);
  PushT& operator=(const PushT& other);
  PushT(PushT&&) noexcept;
  PushT& operator=(PushT&&) noexcept;
  ~PushT();

  // The start that the original draws from this seed: numpy's legacy generator, number for number.
  void Reset(uint32_t seed);
  // Places disc and T, then runs one step of physics, which separates what overlaps. As in the original's legacy order, the
  // position is set first and the angle second, which turns the T about its centre of gravity: `block_px` is where the
  // origin of the T would be at angle 0. Errors: bad_input for numbers that are not finite or over 1e4.
  void SetState(Vec2 agent_px, Vec2 block_px, double block_rad);

  // One action. Errors: bad_input for a target that is not finite or beyond +-1e4 px.
  void Step(Vec2 target_px);

  PushTState Save() const;
  void Restore(const PushTState& state);

  // [20] px: the keypoints x0 y0 ... x8 y8 in the world, then the disc.
  std::array<float, 20> Observation() const;
  Vec2 agent_px() const;
  Vec2 block_px() const;    // origin of the T
  double block_rad() const;
  int steps() const;

  // Share of the goal that the T covers, [0, 1]; exact.
  double Coverage() const;
  // min(coverage / 0.95, 1).
  double Reward() const;
  // Coverage above 0.95.
  bool Done() const;

  // The last action, px; not a number where there was none.
  Vec2 target_px() const;

  // A picture of `size_px` squared: goal, T, disc, and a cross at the target (null: that of the last action, if any).
  // Errors: bad_input unless 16 ... 4096. Cost: 9 samples a pixel.
  Image8 Draw(int size_px, const Vec2* target_px = nullptr) const;

 private:
  struct World;
  std::unique_ptr<World> world_;
};

// Share of the goal that a T covers whose centre of gravity and angle are these. Cost: below a microsecond.
double PushTCoverage(Vec2 block_cog_px, double block_rad);
// Where the centre of gravity is when the T lies on the goal.
Vec2 PushTGoalCog_px();

}  // namespace takt::sim
