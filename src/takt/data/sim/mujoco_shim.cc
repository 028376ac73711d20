// SPDX-License-Identifier: Apache-2.0
#include "takt/data/sim/mujoco_shim.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <mutex>
#include <utility>

namespace takt::sim::shim {
namespace {

// MuJoCo leaves the process when this returns. It is C, built with unwind tables on every platform of ours, and holds
// no resource across calls but its own stack, which mj_resetData rewinds: an exception may pass through it.
void OnError(const char* message) { throw MujocoFault{message}; }
void OnWarning(const char*) {}

constexpr char kVirtualName[] = "takt_model.xml";

// MuJoCo 2.2.2 finds, now and then, contacts of two boxes far outside both and deeper than either is thick, for boxes that
// rest flat on one another; a single one throws the upper box across the room. Such points are dropped: a contact lies in
// both boxes, or between them.
mjfCollision box_box = nullptr;

bool InBox(const mjData* d, int geom_idx, const mjtNum* half, const mjtNum* point, mjtNum slack) {
  const mjtNum* position = d->geom_xpos + 3 * geom_idx;
  const mjtNum* rotation = d->geom_xmat + 9 * geom_idx;
  for (int axis = 0; axis < 3; ++axis) {
    mjtNum at = 0;
    for (int k = 0; k < 3; ++k) at += rotation[3 * k + axis] * (point[k] - position[k]);
    if (!(std::abs(at) <= half[axis] + slack)) return false;
  }
  return true;
}

#if mjVERSION_HEADER >= 3012000
using FoundContact = mjPreContact;
#else
using FoundContact = mjContact;
#endif

template <class Data>
int CheckedBoxBox(const mjModel* m, Data* d, FoundContact* contacts, int geom_a_idx, int geom_b_idx, mjtNum margin) {
  const int count = box_box(m, d, contacts, geom_a_idx, geom_b_idx, margin);
  const mjtNum slack = margin + 1e-3;
  int kept = 0;
  for (int i = 0; i < count; ++i) {
    if (!InBox(d, geom_a_idx, m->geom_size + 3 * geom_a_idx, contacts[i].pos, slack)) continue;
    if (!InBox(d, geom_b_idx, m->geom_size + 3 * geom_b_idx, contacts[i].pos, slack)) continue;
    if (kept != i) contacts[kept] = contacts[i];
    ++kept;
  }
  return kept;
}

}  // namespace

void InstallHandlers() {
  static std::once_flag once;
  std::call_once(once, [] {
    mju_user_error = OnError;
    mju_user_warning = OnWarning;
    box_box = mjCOLLISIONFUNC[mjGEOM_BOX][mjGEOM_BOX];
    mjCOLLISIONFUNC[mjGEOM_BOX][mjGEOM_BOX] = CheckedBoxBox;
  });
}

mjModel* LoadText(const std::string& text, std::string* message) {
  InstallHandlers();
  const auto vfs = std::make_unique<mjVFS>();
  mj_defaultVFS(vfs.get());
#if mjVERSION_HEADER >= 300
  if (mj_addBufferVFS(vfs.get(), kVirtualName, text.data(), static_cast<int>(text.size())) != 0) {
    *message = "does not fit MuJoCo's file system";
    return nullptr;
  }
#else
  if (mj_makeEmptyFileVFS(vfs.get(), kVirtualName, static_cast<int>(text.size() + 1)) != 0) {
    *message = "does not fit MuJoCo's file system";
    return nullptr;
  }
  std::memcpy(vfs->filedata[mj_findFileVFS(vfs.get(), kVirtualName)], text.c_str(), text.size() + 1);
#endif
  char error[1024] = "";
  mjModel* m = nullptr;
  try {
    m = mj_loadXML(kVirtualName, vfs.get(), error, sizeof error);
  } catch (const MujocoFault& fault) {
    std::snprintf(error, sizeof error, "%s", fault.message.c_str());
  } catch (const std::exception& fault) {
    std::snprintf(error, sizeof error, "%s", fault.what());
  }
  mj_deleteVFS(vfs.get());
  *message = error;
  return m;
}

int ActuatorCount(const mjModel* m) {
#if mjVERSION_HEADER >= 3012000
  return static_cast<int>(m->nactuator);
#else
  return static_cast<int>(m->nu);
#endif
}

bool EqualityActive([[maybe_unused]] const mjModel* m, [[maybe_unused]] const mjData* d, int equality_idx) {
#if mjVERSION_HEADER >= 300
  return d->eq_active[equality_idx] != 0;
#else
  return m->eq_active[equality_idx] != 0;
#endif
}

void SetEqualityActive([[maybe_unused]] mjModel* m, [[maybe_unused]] mjData* d, int equality_idx, bool active) {
#if mjVERSION_HEADER >= 300
  d->eq_active[equality_idx] = active;
#else
  m->eq_active[equality_idx] = active;
#endif
}

int Collide(const mjModel* m, mjData* d, int geom_a_idx, int geom_b_idx, double margin_m, NearContact* contacts,
            int room) {
  int g1 = geom_a_idx, g2 = geom_b_idx;
  const bool swapped = m->geom_type[g1] > m->geom_type[g2];
  if (swapped) std::swap(g1, g2);
  const mjfCollision function = mjCOLLISIONFUNC[m->geom_type[g1]][m->geom_type[g2]];
  if (function == nullptr) return 0;
  FoundContact found[mjMAXCONPAIR];
  const int count = std::min(function(m, d, found, g1, g2, margin_m), room);
  for (int i = 0; i < count; ++i) {
#if mjVERSION_HEADER >= 3012000
    const Vec3 normal = ToVec3(found[i].normal);
#else
    const Vec3 normal = ToVec3(found[i].frame);
#endif
    contacts[i] = {found[i].dist, ToVec3(found[i].pos), swapped ? Vec3(-normal) : normal};
  }
  return count;
}

}  // namespace takt::sim::shim
