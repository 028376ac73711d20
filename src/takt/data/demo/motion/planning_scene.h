// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "takt/data/demo/motion/chain.h"
#include "takt/data/demo/motion/grasp.h"
#include "takt/data/demo/motion/timing.h"
#include "takt/data/sim/arms.h"
#include "takt/data/sim/world.h"

namespace takt::demo {

// A picture of the world for planning: the physics model itself, a robot in it that may be put anywhere, and what it holds.
// Not thread-safe.
class PlanningScene {
 public:
  PlanningScene(std::shared_ptr<const sim::Model> model, const sim::RobotInfo& robot);

  // Nothing is held afterwards; the opening is that of the fingers.
  void Observe(const sim::World& world);
  // `held_idx` moves with the tool from here on (-1: nothing does), and may touch fingers and hand and, on near motions,
  // `may_touch`.
  void Hold(int held_idx, const Pose& tool_from_held, std::span<const int> may_touch = {});
  void SetOpening(double opening_m);
  double opening_m() const { return opening_m_; }

  // Puts arm, fingers and what is held where they belong.
  void Put(const Joints& q);
  // Nothing that moves comes closer than `clearance_m` to anything fixed; the arm does not touch itself.
  bool Free(const Joints& q, double clearance_m);
  // Nothing overlaps; what is held may rest on (up to 0.6 mm in) what is near, and touch `may_touch`.
  bool Near(const Joints& q, double clearance_m);
  // What made the last check fail, of this configuration; for people.
  std::string Blocker(const Joints& q);

  Joints ReadQ() const;
  sim::World& world() { return world_; }
  const sim::Model& model() const { return *model_; }
  const Chain& chain() const { return chain_; }
  const Joints& lever_m() const { return lever_m_; }
  int held_idx() const { return held_idx_; }
  const Pose& tool_from_held() const { return tool_from_held_; }
  int64_t checks() const { return checks_; }

  // Torques of the arm, with what is held as a point mass. Damping is left out: it is not quadratic.
  InverseDynamics Dynamics();

 private:
  void Rebuild();
  bool Check(const Joints& q, double clearance_m, bool near);

  std::shared_ptr<const sim::Model> model_;
  sim::World world_;
  Chain chain_;
  Joints lever_m_;
  std::vector<int> arm_qpos_, arm_dof_;
  std::vector<double> arm_damping_;
  struct Finger {
    int qpos_idx;
    double closed, open;
  };
  std::vector<Finger> fingers_;
  double width_m_ = 0;                      // between the pads, open
  double opening_m_ = 0;
  std::vector<int> robot_, moving_, grippers_;  // bodies
  int held_idx_ = -1;
  int held_qpos_ = -1;
  Pose tool_from_held_;
  std::vector<int> may_touch_;
  std::optional<sim::CollisionQuery> self_, arm_, held_free_, held_near_;
  const sim::CollisionQuery* blocked_by_ = nullptr;
  double blocked_within_m_ = 0;
  int64_t checks_ = 0;
};

}  // namespace takt::demo
