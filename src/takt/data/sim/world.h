// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Eigen/Core>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "takt/core/geom/pose.h"
#include "takt/data/sim/model.h"

namespace takt::sim {

struct State {
  double time_s = 0;
  std::vector<double> qpos;  // [qpos_count]
  std::vector<double> qvel;  // [dof_count]
  std::vector<double> act;   // [act_count]
};

// Everything that the future depends on: state, controls, applied forces, mocap poses, active equalities and the warm
// start of the solver. Restoring it into a World of the same model continues bit for bit.
struct Snapshot {
  std::vector<double> values;
  std::vector<unsigned char> equality_active;
  bool operator==(const Snapshot&) const = default;
};

struct Contact {
  int geom_a_idx = 0, geom_b_idx = 0;
  int body_a_idx = 0, body_b_idx = 0;
  double distance_m = 0;  // negative: penetration
  Vec3 point_in_world_m;
  Vec3 normal_in_world;                     // from a to b
  double normal_force_n = 0;                // >= 0, pushes b along the normal
  Vec3 friction_in_world_n = Vec3::Zero();  // tangential force on b
};

struct Twist {
  Vec3 linear_m_s;     // of the body frame's origin, in world
  Vec3 angular_rad_s;  // in world
};

// Rows 0-2: linear velocity of the point in world; rows 3-5: angular velocity in world. [6][dof_count]
using Jacobian = Eigen::Matrix<double, 6, Eigen::Dynamic>;

// One simulated world. Poses and velocities always belong to the current qpos and qvel (computed when asked for).
// Contacts, forces, energy and sensors belong to the last Step or Forward: a Step computes them at its start, then
// moves. Not thread-safe; worlds of one model may run on many threads. Same start and controls give the same bits on
// any thread.
class World {
 public:
  explicit World(std::shared_ptr<const Model> model);
  ~World();
  World(World&&) noexcept;
  World& operator=(World&&) noexcept;
  // A world that continues bit for bit like this one.
  World Clone() const;

  const Model& model() const { return *model_; }
  const std::shared_ptr<const Model>& shared_model() const { return model_; }

  void Reset();  // qpos0, zero velocity, zero controls
  void ResetToKeyframe(int keyframe_idx);

  State GetState() const;
  // Errors: bad_input for other lengths or values that are not finite. Keeps controls; forgets the warm start.
  void SetState(const State& state);
  Snapshot Save() const;
  void Restore(const Snapshot& snapshot);  // Errors: bad_input (of another model)

  double time_s() const;
  std::span<const double> qpos() const;
  std::span<const double> qvel() const;
  std::span<double> mutable_qpos();  // poses are recomputed after the next call of this
  std::span<double> mutable_qvel();
  std::span<double> ctrl();  // [actuator_count]
  std::span<const double> ctrl() const;
  // Pose of a free body (its joint must be free). Errors: bad_input.
  void SetFreeBodyPose(int body_idx, const Pose& world_from_body);
  void SetMocapPose(int body_idx, const Pose& world_from_body);

  // `count` steps. False where the simulation diverged (NaN, |value| > 1e10, or contacts beyond the room for them): it
  // stops there, qpos and qvel are NaN, and every further Step is false until Reset, SetState or Restore.
  bool Step(int count = 1);
  bool diverged() const { return diverged_; }
  // Everything but the motion: poses, contacts and forces of the current state. False: diverged.
  bool Forward();
  // Poses only; never needed before a query, but says when the cost is paid.
  void Kinematics();

  Pose BodyPose(int body_idx) const;      // world_from_body
  Pose GeomPose(int geom_idx) const;      // world_from_geom
  Pose SitePose(int site_idx) const;      // world_from_site
  Pose CameraPose(int camera_idx) const;  // world_from_camera
  Vec3 BodyCom(int body_idx) const;       // centre of mass of this body alone, in world
  Vec3 SubtreeCom(int body_idx) const;    // of the body and what hangs on it
  Twist BodyTwist(int body_idx) const;
  Jacobian BodyJacobian(int body_idx, const Vec3& point_in_world_m) const;
  Jacobian SiteJacobian(int site_idx) const;

  // Forces [dof_count] that actuators must give for acceleration `qacc` at (qpos, qvel): M a + bias - passive, with
  // armature, joint damping and gravity compensation; without contacts, limits and friction loss. Leaves this world as
  // it is.
  std::vector<double> InverseDynamics(std::span<const double> qpos, std::span<const double> qvel,
                                      std::span<const double> qacc) const;
  std::vector<double> GravityTorques(std::span<const double> qpos) const;  // InverseDynamics at rest

  std::vector<Contact> Contacts() const;
  // The deepest penetration among them [m], >= 0. Cheaper than Contacts: no forces.
  double DeepestPenetration() const;
  std::span<const double> actuator_forces() const;  // [actuator_count] N m or N
  // What the motors of the last Step gave [dof_count]: actuator forces plus gravity compensation. Cost: a Jacobian per
  // compensated body.
  std::vector<double> MotorForces() const;
  std::span<const double> constraint_forces() const;  // [dof_count] contacts, limits, friction, equalities
  std::span<const double> sensor_data() const;
  double potential_energy_j() const;
  double kinetic_energy_j() const;

  void SetEqualityActive(int equality_idx, bool active);
  // Force and torque at the body's centre of mass, in world, until changed; zero to remove.
  void SetExternalForce(int body_idx, const Vec3& force_n, const Vec3& torque_nm);

 private:
  friend class CollisionQuery;
  struct Impl;
  void NeedPoses() const;
  void NeedMotionAxes() const;
  void MarkChanged();
  bool CheckHealth();

  std::shared_ptr<const Model> model_;
  std::unique_ptr<Impl> impl_;
  bool diverged_ = false;
};

struct Proximity {
  double distance_m = 0;                 // negative: penetration
  int geom_a_idx = -1, geom_b_idx = -1;  // a in group A, b in group B
  int body_a_idx = -1, body_b_idx = -1;
  Vec3 point_in_world_m = Vec3::Zero();
  Vec3 normal_in_world = Vec3::UnitZ();  // from a to b
};

// Geometry without dynamics, for planners: how close bodies of group A come to those of group B.
// Pairs that the model never lets touch (contype and conaffinity, excluded pairs, a body and its parent, bodies welded
// together) are left out. A may overlap B: each pair is tested once (a robot against itself: A = B = its bodies).
class CollisionQuery {
 public:
  // Body indices; `ignored` are pairs to leave out (a grasped object and the fingers).
  CollisionQuery(std::shared_ptr<const Model> model, std::span<const int> group_a, std::span<const int> group_b,
                 std::span<const std::pair<int, int>> ignored = {});
  // The closest pair nearer than `margin_m` at the world's current qpos, or distance_m = +infinity.
  // Cost: kinematics, a sphere test per pair of geoms, the exact test for those that pass. Determinism: full.
  Proximity Closest(World& world, double margin_m = 0) const;
  // True at the first pair that overlaps by more than `tolerance_m`; cheaper than Closest. Negative: a clearance that
  // must be kept.
  bool Collides(World& world, double tolerance_m = 0) const;
  int pair_count() const { return static_cast<int>(pairs_.size()); }

 private:
  Proximity Search(World& world, double margin_m, bool stop_at_first, double stop_below_m) const;
  std::shared_ptr<const Model> model_;
  std::vector<std::pair<int, int>> pairs_;  // geoms
};

}  // namespace takt::sim
