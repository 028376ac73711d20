// SPDX-License-Identifier: Apache-2.0
#include "takt/data/sim/mujoco_shim.h"

#include <algorithm>
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

}  // namespace

void InstallHandlers() {
  static std::once_flag once;
  std::call_once(once, [] {
    mju_user_error = OnError;
    mju_user_warning = OnWarning;
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
#if mjVERSION_HEADER >= 3012000
  mjPreContact found[mjMAXCONPAIR];
#else
  mjContact found[mjMAXCONPAIR];
#endif
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
