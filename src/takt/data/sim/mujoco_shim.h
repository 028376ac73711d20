// SPDX-License-Identifier: Apache-2.0
#pragma once

// The one place that knows which MuJoCo is installed; included by .cc files of this folder only. Written for 2.2.2
// (Debian 12); compiles against 3.x. What differs, and where the difference is kept:
//
//   2.2.2                                   3.x                                        here
//   contacts and constraints preallocated   in an arena that grows                     (nothing: warnings tell both)
//   mjModel.eq_active                       mjModel.eq_active0, mjData.eq_active       shim::EqualityActive
//   gravity compensation unknown            mjModel.body_gravcomp, applied natively    shim::kVersion3
//   an mjVFS holds copies made by hand      mj_addBufferVFS                            shim::LoadText
//   mjfCollision fills mjContact            fills mjPreContact, wants mjData*          shim::Collide
//   divergence resets the data, always      unless mjDSBL_AUTORESET                    World looks at the warnings
//   mjModel.nu                              nactuator since 3.12                       shim::ActuatorCount
//
// Texts are another matter: mjcf_lower.h brings those of 3.x down to 2.2.2, and leaves them alone under 3.x.
#include <mujoco/mujoco.h>

#include <memory>
#include <string>
#include <string_view>

#include "takt/core/geom/pose.h"
#include "takt/data/sim/model.h"

namespace takt::sim {

struct Model::Impl {
  explicit Impl(mjModel* model) : m(model) {}
  ~Impl() { mj_deleteModel(m); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  mjModel* m;
};

namespace shim {

#if mjVERSION_HEADER >= 300
inline constexpr bool kVersion3 = true;
#else
inline constexpr bool kVersion3 = false;
#endif

// MuJoCo's handlers are global: errors become C++ exceptions (MujocoFault), warnings are counted in mjData and not
// printed. Safe to call from anywhere, any number of times.
struct MujocoFault {
  std::string message;
};
void InstallHandlers();

// Parses and compiles; null and a message where it fails.
mjModel* LoadText(const std::string& text, std::string* message);

int ActuatorCount(const mjModel* m);
bool EqualityActive(const mjModel* m, const mjData* d, int equality_idx);
void SetEqualityActive(mjModel* m, mjData* d, int equality_idx, bool active);

// The collision function of two geoms: contacts nearer than `margin_m`, at most `room`. Normals point from a to b.
struct NearContact {
  double distance_m;
  Vec3 point, normal;
};
int Collide(const mjModel* m, mjData* d, int geom_a_idx, int geom_b_idx, double margin_m, NearContact* contacts,
            int room);

inline Vec3 ToVec3(const mjtNum* v) { return {v[0], v[1], v[2]}; }
inline Quat ToQuat(const mjtNum* q) { return Quat(q[0], q[1], q[2], q[3]); }
inline Pose ToPose(const mjtNum* position, const mjtNum* quaternion) { return {ToQuat(quaternion), ToVec3(position)}; }
inline Pose ToPoseFromMatrix(const mjtNum* position, const mjtNum* row_major) {
  mjtNum quaternion[4];
  mju_mat2Quat(quaternion, row_major);
  return {ToQuat(quaternion), ToVec3(position)};
}

}  // namespace shim
}  // namespace takt::sim
