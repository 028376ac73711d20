// SPDX-License-Identifier: Apache-2.0
#pragma once

// The inside of World; for world.cc and collision.cc only.
#include <vector>

#include "takt/core/base/error.h"
#include "takt/data/sim/mujoco_shim.h"
#include "takt/data/sim/world.h"

namespace takt::sim {

struct World::Impl {
  // How much of mjData belongs to the current qpos and qvel.
  enum class Fresh { kNothing, kPoses, kAxes, kVelocities };

  explicit Impl(const Model& model) : m(model.impl().m), d(New()), applied(6 * static_cast<size_t>(m->nbody), 0.0) {}
  ~Impl() {
    mj_deleteData(scratch);
    mj_deleteData(d);
    mj_deleteModel(own);
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  mjData* New() const {
    shim::InstallHandlers();
    mjData* made = nullptr;
    try {
      made = mj_makeData(m);
    } catch (const shim::MujocoFault& fault) {
      throw Error(ErrorCode::kBadInput, "model", "is too large to simulate: " + fault.message);
    }
    if (made == nullptr) throw Error(ErrorCode::kBadInput, "model", "is too large to simulate");
    return made;
  }
  mjData* Scratch() {
    if (scratch == nullptr) scratch = New();
    return scratch;
  }
  // A private copy of the model, for what MuJoCo 2 keeps in the model though it changes.
  void OwnModel() {
    if (own != nullptr) return;
    own = mj_copyModel(nullptr, m);
    m = own;
  }
  void WriteAppliedForces(const Model& model);
  template <typename Visit>
  void VisitState(Visit visit);  // visit(double* values, int count)

  const mjModel* m;
  mjModel* own = nullptr;
  mjData* d;
  mjData* scratch = nullptr;
  std::vector<double> applied;  // the caller's forces [6 x bodies]: force, torque
  Fresh fresh = Fresh::kNothing;
};

}  // namespace takt::sim
