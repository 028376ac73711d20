// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "takt/data/demo/pusht/push.h"
#include "takt/data/sim/pusht.h"

namespace takt::demo {

struct PushTExpertOptions {
  double approach_px = 14;   // a step, while the disc moves freely
  double push_px = 8;        // a step, while it pushes
  int beam = 10;             // T poses that are gone on from
  int pushes = 3;            // looked ahead
  int refined = 4;           // first pushes that are simulated whole, with their neighbours
  double drift_px = 7;       // the T is so far from where it was planned to be: plan anew
};

// Solves Push-T: a controller that plans sequences of straight pushes in copies of the world.
//
// A plan is a beam search over pushes: a place on the outline of the T, a direction, a length; between two pushes the disc goes
// around the T the shortest way. Cost: steps so far, plus a guess of what is left from the error of position, angle and coverage.
// The first push of the best sequences is then simulated whole, approach included, with its neighbours in place, direction and
// length; the best is carried out, and the next plan starts from what came of it. A plan is also dropped where the T drifts off.
//
// Actions move on at two steady speeds, so what a policy has to learn is smooth but for the turns between pushes.
// Determinism: a function of the calls. Cost: about 0.3 s of CPU a plan, 2 to 10 plans an episode; other calls cost nothing.
class PushTExpert {
 public:
  explicit PushTExpert(const PushTExpertOptions& options = {});

  // The next action for this world: where to draw the disc, px. Always finite and on the table.
  Vec2 Act(const sim::PushT& world);

  int plans() const { return plans_; }  // made so far

 private:
  struct Step {
    Vec2 target_px;
    BlockPose block;  // where the T should be after it
  };

  void Plan(const sim::PushT& world);

  PushTExpertOptions options_;
  std::vector<Step> plan_;
  size_t next_ = 0;
  Vec2 last_px_{-1, -1};  // the last action; negative: none yet
  int plans_ = 0;
  double lowest_left_ = 1e9;  // steps left, guessed, at the best start of a plan
  int stalled_ = 0;           // plans since then
};

}  // namespace takt::demo
