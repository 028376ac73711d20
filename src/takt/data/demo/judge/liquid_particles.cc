// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <vector>

#include "takt/core/base/error.h"
#include "takt/core/base/rng.h"
#include "takt/data/demo/judge/liquid.h"

namespace takt::demo {
namespace {

constexpr double kStep_s = 2.5e-4;
constexpr double kSettle_s = 1.0;        // in the vessel at rest, before it moves
constexpr double kStiffness_s2 = 2.5e5;  // spring constant over mass
constexpr double kDamping_s = 180;       // dashpot over mass: a collision keeps about half of its speed
const Vec3 kGravity_m_s2(0, 0, -9.81);

struct Particle {
  Vec3 position_m, velocity_m_s, acceleration_m_s2;
};

// Pose and velocities of the vessel between two recorded moments.
struct Moment {
  Pose world_from_vessel;
  Vec3 velocity_m_s = Vec3::Zero(), angular_velocity_rad_s = Vec3::Zero();
};

Moment Interpolate(const VesselMotion& a, const VesselMotion& b, double time_s) {
  const double span = b.time_s - a.time_s, share = (time_s - a.time_s) / span;
  const Quat& qa = a.world_from_vessel.rotation;
  const Quat& qb = b.world_from_vessel.rotation;
  const Vec3 step = b.world_from_vessel.translation_m - a.world_from_vessel.translation_m;
  const Eigen::AngleAxisd turn(qb * qa.conjugate());
  return {{qa.slerp(share, qb), a.world_from_vessel.translation_m + share * step},
          step / span,
          turn.axis() * (turn.angle() / span)};
}

class ParticleVessel {
 public:
  ParticleVessel(const OpenVessel& vessel, const Pose& world_from_vessel, uint64_t seed)
      : vessel_(vessel), radius_(vessel.radius_m / 7) {
    // A loose lattice a little too high; what stands above the level after settling is taken away.
    const Rng rng(seed, 0x11Cull);
    const double pitch = 2.05 * radius_;
    uint64_t counter = 0;
    for (double z = radius_; z < 1.6 * vessel.fill_m + 2 * radius_; z += pitch) {
      for (double y = -vessel.radius_m; y <= vessel.radius_m; y += pitch) {
        for (double x = -vessel.radius_m; x <= vessel.radius_m; x += pitch) {
          if (std::hypot(x, y) > vessel.radius_m - 1.1 * radius_) continue;
          const auto jitter = rng.Normal4(counter++);
          const Vec3 local = Vec3(x, y, z) + 0.02 * radius_ * Vec3(jitter[0], jitter[1], jitter[2]);
          particles_.push_back({world_from_vessel * local, Vec3::Zero(), Vec3::Zero()});
        }
      }
    }
    const Moment rest{world_from_vessel};
    tall_ = true;
    for (double t = 0; t < kSettle_s; t += kStep_s) Step(rest);
    tall_ = false;
    const Pose vessel_from_world = world_from_vessel.Inverse();
    std::erase_if(particles_, [&](const Particle& p) {
      return (vessel_from_world * p.position_m).z() > vessel_.fill_m - 0.5 * radius_;
    });
    initial_ = static_cast<int>(particles_.size());
  }

  void Step(const Moment& moment) {
    SortIntoCells(moment.world_from_vessel);
    for (Particle& p : particles_) p.acceleration_m_s2 = kGravity_m_s2;
    CollideParticles();
    CollideVessel(moment);
    for (Particle& p : particles_) {
      p.velocity_m_s += kStep_s * p.acceleration_m_s2;
      p.position_m += kStep_s * p.velocity_m_s;
    }
    const Pose vessel_from_world = moment.world_from_vessel.Inverse();
    std::erase_if(particles_, [&](const Particle& p) {
      const Vec3 local = vessel_from_world * p.position_m;
      return local.head<2>().norm() > vessel_.radius_m && !tall_;
    });
  }

  ParticleResult result() const { return {initial_, initial_ - static_cast<int>(particles_.size())}; }

 private:
  // Cells a sphere wide over the box around the particles; `order_` lists the particles cell by cell.
  void SortIntoCells(const Pose& world_from_vessel) {
    low_ = world_from_vessel.translation_m;
    Vec3 high = low_;
    for (const Particle& p : particles_) {
      low_ = low_.cwiseMin(p.position_m);
      high = high.cwiseMax(p.position_m);
    }
    for (int a = 0; a < 3; ++a) {
      cells_[a] = 1 + static_cast<int>(std::min(200.0, (high[a] - low_[a]) / (2 * radius_)));
    }
    start_.assign(static_cast<size_t>(cells_[0]) * cells_[1] * cells_[2] + 1, 0);
    cell_.resize(particles_.size());
    for (size_t i = 0; i < particles_.size(); ++i) {
      int c[3];
      for (int a = 0; a < 3; ++a) {
        c[a] = std::clamp(static_cast<int>((particles_[i].position_m[a] - low_[a]) / (2 * radius_)), 0, cells_[a] - 1);
      }
      cell_[i] = (c[2] * cells_[1] + c[1]) * cells_[0] + c[0];
      ++start_[static_cast<size_t>(cell_[i]) + 1];
    }
    for (size_t c = 1; c < start_.size(); ++c) start_[c] += start_[c - 1];
    order_.resize(particles_.size());
    fill_ = start_;
    for (size_t i = 0; i < particles_.size(); ++i) {
      order_[static_cast<size_t>(fill_[static_cast<size_t>(cell_[i])]++)] = static_cast<int>(i);
    }
  }

  void CollideParticles() {
    for (size_t i = 0; i < particles_.size(); ++i) {
      const int x = cell_[i] % cells_[0], y = cell_[i] / cells_[0] % cells_[1], z = cell_[i] / (cells_[0] * cells_[1]);
      for (int dz = std::max(0, z - 1); dz <= std::min(cells_[2] - 1, z + 1); ++dz) {
        for (int dy = std::max(0, y - 1); dy <= std::min(cells_[1] - 1, y + 1); ++dy) {
          // Cells of one row lie one after another.
          const size_t row = static_cast<size_t>((dz * cells_[1] + dy) * cells_[0]);
          const size_t first = row + static_cast<size_t>(std::max(0, x - 1));
          const size_t last = row + static_cast<size_t>(std::min(cells_[0] - 1, x + 1));
          for (int k = start_[first]; k < start_[last + 1]; ++k) {
            const size_t j = static_cast<size_t>(order_[static_cast<size_t>(k)]);
            if (j > i) CollidePair(&particles_[i], &particles_[j]);
          }
        }
      }
    }
  }

  void CollidePair(Particle* a, Particle* b) const {
    const Vec3 between = b->position_m - a->position_m;
    const double squared = between.squaredNorm();
    if (!(squared < 4 * radius_ * radius_) || squared == 0) return;
    const double distance = std::sqrt(squared);
    const Vec3 normal = between / distance;
    const double closing = (a->velocity_m_s - b->velocity_m_s).dot(normal);
    // Half to each: both have the same mass.
    const double push = std::max(0.0, kStiffness_s2 * (2 * radius_ - distance) + kDamping_s * closing);
    a->acceleration_m_s2 -= push * normal;
    b->acceleration_m_s2 += push * normal;
  }

  void CollideVessel(const Moment& moment) {
    const Pose vessel_from_world = moment.world_from_vessel.Inverse();
    const double rim = tall_ ? 10 * vessel_.height_m : vessel_.height_m;
    for (Particle& p : particles_) {
      const Vec3 local = vessel_from_world * p.position_m;
      const Vec3 arm = p.position_m - moment.world_from_vessel.translation_m;
      const Vec3 relative = vessel_from_world.rotation *
                            (p.velocity_m_s - moment.velocity_m_s - moment.angular_velocity_rad_s.cross(arm));
      Vec3 push = Vec3::Zero();
      if (local.z() < radius_) push.z() += Push(radius_ - local.z(), -relative.z());
      const double out = local.head<2>().norm();
      if (local.z() < rim && out > vessel_.radius_m - radius_) {
        const Vec2 outwards = local.head<2>() / out;
        push.head<2>() -= Push(out + radius_ - vessel_.radius_m, relative.head<2>().dot(outwards)) * outwards;
      }
      p.acceleration_m_s2 += moment.world_from_vessel.rotation * push;
    }
  }

  static double Push(double depth_m, double closing_m_s) {
    return std::max(0.0, 2 * kStiffness_s2 * depth_m + 2 * kDamping_s * closing_m_s);
  }

  OpenVessel vessel_;
  double radius_;
  bool tall_ = false;  // while settling, the wall has no end
  int initial_ = 0;
  std::vector<Particle> particles_;
  std::vector<int> cell_, order_, start_, fill_;
  Vec3 low_ = Vec3::Zero();
  int cells_[3] = {1, 1, 1};
};

}  // namespace

ParticleResult PourParticles(const OpenVessel& vessel, std::span<const VesselMotion> motion, uint64_t seed) {
  Slosh(vessel, motion);  // the same preconditions
  ParticleVessel particles(vessel, motion.front().world_from_vessel, seed);
  size_t next = 1;
  for (double t = motion.front().time_s; t < motion.back().time_s; t += kStep_s) {
    while (next + 1 < motion.size() && motion[next].time_s <= t) ++next;
    particles.Step(Interpolate(motion[next - 1], motion[next], t));
  }
  return particles.result();
}

}  // namespace takt::demo
