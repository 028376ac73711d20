// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <limits>
#include <set>

#include "takt/data/sim/mujoco_shim.h"
#include "takt/data/sim/world.h"
#include "takt/data/sim/world_impl.h"

namespace takt::sim {
namespace {

// Whether MuJoCo itself would test two bodies against each other (mj_collision: same body, welded, parent and child).
bool MayTouch(const mjModel* m, int body_a, int body_b) {
  const int weld_a = m->body_weldid[body_a], weld_b = m->body_weldid[body_b];
  if (weld_a == weld_b) return false;
  const int parent_a = m->body_weldid[m->body_parentid[weld_a]], parent_b = m->body_weldid[m->body_parentid[weld_b]];
  if (weld_a != 0 && weld_b != 0 && (weld_a == parent_b || weld_b == parent_a)) return false;
  const int low = std::min(body_a, body_b), high = std::max(body_a, body_b);
  for (int i = 0; i < m->nexclude; ++i)
    if (m->exclude_signature[i] == (low << 16) + high) return false;
  return true;
}

}  // namespace

CollisionQuery::CollisionQuery(std::shared_ptr<const Model> model, std::span<const int> group_a,
                               std::span<const int> group_b, std::span<const std::pair<int, int>> ignored)
    : model_(std::move(model)) {
  const mjModel* m = model_->impl().m;
  std::set<std::pair<int, int>> left_out, seen;
  for (const auto& [a, b] : ignored) left_out.insert(std::minmax(a, b));
  for (const int a : group_a) {
    for (const int b : group_b) {
      if (a < 0 || b < 0 || a >= m->nbody || b >= m->nbody)
        throw Error(ErrorCode::kBadInput, "collision group", "names a body that does not exist");
      const std::pair<int, int> key = std::minmax(a, b);
      if (!seen.insert(key).second || left_out.contains(key) || !MayTouch(m, a, b)) continue;
      for (int i = m->body_geomadr[a]; i >= 0 && i < m->body_geomadr[a] + m->body_geomnum[a]; ++i) {
        for (int j = m->body_geomadr[b]; j >= 0 && j < m->body_geomadr[b] + m->body_geomnum[b]; ++j) {
          const bool meet =
              (m->geom_contype[i] & m->geom_conaffinity[j]) || (m->geom_contype[j] & m->geom_conaffinity[i]);
          const auto [low, high] = std::minmax(m->geom_type[i], m->geom_type[j]);
          if (meet && mjCOLLISIONFUNC[low][high] != nullptr) pairs_.emplace_back(i, j);
        }
      }
    }
  }
}

Proximity CollisionQuery::Search(World& world, double margin_m, bool stop_at_first, double stop_below_m) const {
  world.NeedPoses();
  const mjModel* m = world.impl_->m;
  mjData* d = world.impl_->d;
  Proximity closest;
  closest.distance_m = std::numeric_limits<double>::infinity();
  shim::NearContact found[mjMAXCONPAIR];
  for (const auto& [a, b] : pairs_) {
    const double* at_a = d->geom_xpos + 3 * a;
    const double* at_b = d->geom_xpos + 3 * b;
    const double radii = m->geom_rbound[a] + m->geom_rbound[b] + margin_m;
    const double dx = at_b[0] - at_a[0], dy = at_b[1] - at_a[1], dz = at_b[2] - at_a[2];
    const bool plane_a = m->geom_type[a] == mjGEOM_PLANE, plane_b = m->geom_type[b] == mjGEOM_PLANE;
    if (plane_a || plane_b) {
      const double* matrix = d->geom_xmat + 9 * (plane_a ? a : b);
      const double height = (plane_a ? 1 : -1) * (dx * matrix[2] + dy * matrix[5] + dz * matrix[8]);
      if (height > m->geom_rbound[plane_a ? b : a] + margin_m) continue;
    } else if (m->geom_rbound[a] > 0 && m->geom_rbound[b] > 0 && dx * dx + dy * dy + dz * dz > radii * radii) {
      continue;
    }
    const int count = shim::Collide(m, d, a, b, margin_m, found, mjMAXCONPAIR);
    for (int i = 0; i < count; ++i) {
      if (!(found[i].distance_m < closest.distance_m) || !(found[i].distance_m < margin_m)) continue;
      closest = {found[i].distance_m, a, b, m->geom_bodyid[a], m->geom_bodyid[b], found[i].point, found[i].normal};
      if (stop_at_first && closest.distance_m < stop_below_m) return closest;
    }
  }
  return closest;
}

Proximity CollisionQuery::Closest(World& world, double margin_m) const { return Search(world, margin_m, false, 0); }

bool CollisionQuery::Collides(World& world, double tolerance_m) const {
  return Search(world, std::max(0.0, -tolerance_m), true, -tolerance_m).distance_m < -tolerance_m;
}

}  // namespace takt::sim
