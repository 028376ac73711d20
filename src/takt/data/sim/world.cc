// SPDX-License-Identifier: Apache-2.0
#include "takt/data/sim/world.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "takt/core/base/error.h"
#include "takt/data/sim/mujoco_shim.h"
#include "takt/data/sim/world_impl.h"

namespace takt::sim {
namespace {

void NeedIndex(int idx, int count, const char* kind) {
  if (idx < 0 || idx >= count)
    throw Error(ErrorCode::kBadInput, kind, fmt::format("{} does not exist; there are {}", idx, count));
}

void NeedLength(size_t length, int wanted, const char* what) {
  if (length != static_cast<size_t>(wanted))
    throw Error(ErrorCode::kBadInput, what, fmt::format("has {} values; the model has {}", length, wanted));
}

void NeedFinite(std::span<const double> values, const char* what) {
  for (const double value : values)
    if (!std::isfinite(value)) throw Error(ErrorCode::kBadInput, what, "holds a value that is not finite");
}

// Adds the generalised forces of the lift at each compensated body's centre of mass.
void AddGravityCompensation(const Model& model, mjData* d, std::vector<double>* forces) {
  const mjModel* m = model.impl().m;
  const mjtNum no_torque[3] = {0, 0, 0};
  for (int b = 1; b < m->nbody; ++b) {
    const double fraction = model.bodies()[static_cast<size_t>(b)].gravity_compensation;
    if (fraction == 0) continue;
    const Vec3 lift = -fraction * m->body_mass[b] * model.gravity_m_s2();
    mj_applyFT(m, d, lift.data(), no_torque, d->xipos + 3 * b, b, forces->data());
  }
}

}  // namespace

World::World(std::shared_ptr<const Model> model) : model_(std::move(model)), impl_(std::make_unique<Impl>(*model_)) {
  Reset();
}
World::~World() = default;
World::World(World&&) noexcept = default;
World& World::operator=(World&&) noexcept = default;

World World::Clone() const {
  World clone(model_);
  clone.Restore(Save());
  clone.diverged_ = diverged_;
  return clone;
}

void World::MarkChanged() { impl_->fresh = Impl::Fresh::kNothing; }

// The forces that stand in for gravity compensation act at the centre of mass and do not depend on the state: they are
// constant entries of xfrc_applied. Source: MuJoCo 3, mj_passive (gravcomp), which adds the same force.
void World::Impl::WriteAppliedForces(const Model& model) {
  std::copy(applied.begin(), applied.end(), d->xfrc_applied);
  if (shim::kVersion3) return;
  for (int b = 1; b < m->nbody; ++b) {
    const BodyInfo& body = model.bodies()[static_cast<size_t>(b)];
    if (body.gravity_compensation == 0) continue;
    for (int i = 0; i < 3; ++i)
      d->xfrc_applied[6 * b + i] -= body.gravity_compensation * m->body_mass[b] * m->opt.gravity[i];
  }
}

void World::Reset() {
  mj_resetData(impl_->m, impl_->d);
  std::fill(impl_->applied.begin(), impl_->applied.end(), 0.0);
  for (int i = 0; i < impl_->m->neq; ++i) SetEqualityActive(i, model_->equalities()[static_cast<size_t>(i)].active);
  impl_->WriteAppliedForces(*model_);
  diverged_ = false;
  MarkChanged();
}

void World::ResetToKeyframe(int keyframe_idx) {
  NeedIndex(keyframe_idx, static_cast<int>(model_->keyframes().size()), "keyframe");
  Reset();
  mj_resetDataKeyframe(impl_->m, impl_->d, keyframe_idx);
  impl_->WriteAppliedForces(*model_);
}

State World::GetState() const {
  const mjData* d = impl_->d;
  const mjModel* m = impl_->m;
  return {d->time, {d->qpos, d->qpos + m->nq}, {d->qvel, d->qvel + m->nv}, {d->act, d->act + m->na}};
}

void World::SetState(const State& state) {
  const mjModel* m = impl_->m;
  mjData* d = impl_->d;
  NeedLength(state.qpos.size(), model_->qpos_count(), "qpos");
  NeedLength(state.qvel.size(), model_->dof_count(), "qvel");
  NeedLength(state.act.size(), model_->act_count(), "act");
  NeedFinite(state.qpos, "qpos"), NeedFinite(state.qvel, "qvel"), NeedFinite(state.act, "act");
  NeedFinite({&state.time_s, 1}, "time");
  if (diverged_) Reset();
  d->time = state.time_s;
  std::copy(state.qpos.begin(), state.qpos.end(), d->qpos);
  std::copy(state.qvel.begin(), state.qvel.end(), d->qvel);
  std::copy(state.act.begin(), state.act.end(), d->act);
  std::fill(d->qacc_warmstart, d->qacc_warmstart + m->nv, 0.0);
  MarkChanged();
}

template <typename Visit>
void World::Impl::VisitState(Visit visit) {
  visit(&d->time, 1);
  visit(d->qpos, static_cast<int>(m->nq));
  visit(d->qvel, static_cast<int>(m->nv));
  visit(d->act, static_cast<int>(m->na));
  visit(d->qacc_warmstart, static_cast<int>(m->nv));
  visit(d->ctrl, static_cast<int>(m->nu));
  visit(applied.data(), 6 * static_cast<int>(m->nbody));
  visit(d->mocap_pos, 3 * static_cast<int>(m->nmocap));
  visit(d->mocap_quat, 4 * static_cast<int>(m->nmocap));
}

Snapshot World::Save() const {
  Snapshot snapshot;
  impl_->VisitState(
      [&](const double* values, int count) { snapshot.values.insert(snapshot.values.end(), values, values + count); });
  for (int i = 0; i < impl_->m->neq; ++i)
    snapshot.equality_active.push_back(shim::EqualityActive(impl_->m, impl_->d, i));
  return snapshot;
}

void World::Restore(const Snapshot& snapshot) {
  size_t wanted = 0;
  impl_->VisitState([&](const double*, int count) { wanted += static_cast<size_t>(count); });
  if (snapshot.values.size() != wanted || snapshot.equality_active.size() != model_->equalities().size())
    throw Error(ErrorCode::kBadInput, "snapshot", "belongs to another model");
  if (diverged_) Reset();
  const double* next = snapshot.values.data();
  impl_->VisitState([&](double* values, int count) {
    std::copy(next, next + count, values);
    next += count;
  });
  for (size_t i = 0; i < snapshot.equality_active.size(); ++i)
    SetEqualityActive(static_cast<int>(i), snapshot.equality_active[i] != 0);
  impl_->WriteAppliedForces(*model_);
  MarkChanged();
}

double World::time_s() const { return impl_->d->time; }
std::span<const double> World::qpos() const { return {impl_->d->qpos, static_cast<size_t>(impl_->m->nq)}; }
std::span<const double> World::qvel() const { return {impl_->d->qvel, static_cast<size_t>(impl_->m->nv)}; }
std::span<double> World::mutable_qpos() {
  MarkChanged();
  return {impl_->d->qpos, static_cast<size_t>(impl_->m->nq)};
}
std::span<double> World::mutable_qvel() {
  MarkChanged();
  return {impl_->d->qvel, static_cast<size_t>(impl_->m->nv)};
}
std::span<double> World::ctrl() { return {impl_->d->ctrl, static_cast<size_t>(impl_->m->nu)}; }
std::span<const double> World::ctrl() const { return {impl_->d->ctrl, static_cast<size_t>(impl_->m->nu)}; }

void World::SetFreeBodyPose(int body_idx, const Pose& world_from_body) {
  NeedIndex(body_idx, model_->body_count(), "body");
  const BodyInfo& body = model_->bodies()[static_cast<size_t>(body_idx)];
  if (body.joint_count != 1 || model_->joints()[static_cast<size_t>(body.first_joint_idx)].kind != JointKind::kFree)
    throw Error(ErrorCode::kBadInput, "body '" + body.name + "'", "is not free");
  double* q = mutable_qpos().data() + model_->joints()[static_cast<size_t>(body.first_joint_idx)].qpos_idx;
  const Quat& r = world_from_body.rotation;
  const double values[7] = {world_from_body.translation_m.x(),
                            world_from_body.translation_m.y(),
                            world_from_body.translation_m.z(),
                            r.w(),
                            r.x(),
                            r.y(),
                            r.z()};
  std::copy(values, values + 7, q);
}

void World::SetMocapPose(int body_idx, const Pose& world_from_body) {
  NeedIndex(body_idx, model_->body_count(), "body");
  const int mocap_idx = model_->bodies()[static_cast<size_t>(body_idx)].mocap_idx;
  if (mocap_idx < 0) throw Error(ErrorCode::kBadInput, "body", fmt::format("{} is not a mocap body", body_idx));
  const Quat& r = world_from_body.rotation;
  const double quaternion[4] = {r.w(), r.x(), r.y(), r.z()};
  for (int i = 0; i < 3; ++i) impl_->d->mocap_pos[3 * mocap_idx + i] = world_from_body.translation_m[i];
  std::copy(quaternion, quaternion + 4, impl_->d->mocap_quat + 4 * mocap_idx);
  MarkChanged();
}

// MuJoCo has put the data back to the start where it found bad numbers. NaN instead: nobody takes that for a result.
bool World::CheckHealth() {
  mjData* d = impl_->d;
  constexpr int kFatal[] = {mjWARN_BADQPOS, mjWARN_BADQVEL,     mjWARN_BADQACC,
                            mjWARN_BADCTRL, mjWARN_CONTACTFULL, mjWARN_CNSTRFULL};
  for (const int warning : kFatal) diverged_ = diverged_ || d->warning[warning].number > 0;
  if (!diverged_) return true;
  std::fill(d->qpos, d->qpos + impl_->m->nq, std::numeric_limits<double>::quiet_NaN());
  std::fill(d->qvel, d->qvel + impl_->m->nv, std::numeric_limits<double>::quiet_NaN());
  return false;
}

bool World::Step(int count) {
  if (diverged_) return false;
  try {
    for (int i = 0; i < count; ++i) {
      mj_step(impl_->m, impl_->d);
      if (!CheckHealth()) return false;
    }
  } catch (const shim::MujocoFault&) {
    diverged_ = true;
    return CheckHealth();
  }
  MarkChanged();
  return true;
}

bool World::Forward() {
  if (diverged_) return false;
  try {
    mj_forward(impl_->m, impl_->d);
    mj_checkAcc(impl_->m, impl_->d);
  } catch (const shim::MujocoFault&) {
    diverged_ = true;
  }
  MarkChanged();
  return CheckHealth();
}

void World::Kinematics() { NeedPoses(); }

void World::NeedPoses() const {
  if (impl_->fresh >= Impl::Fresh::kPoses) return;
  mj_kinematics(impl_->m, impl_->d);
  impl_->fresh = Impl::Fresh::kPoses;
}

void World::NeedMotionAxes() const {
  if (impl_->fresh >= Impl::Fresh::kAxes) return;
  NeedPoses();
  mj_comPos(impl_->m, impl_->d);
  impl_->fresh = Impl::Fresh::kAxes;
}

Pose World::BodyPose(int body_idx) const {
  NeedIndex(body_idx, model_->body_count(), "body");
  NeedPoses();
  return shim::ToPose(impl_->d->xpos + 3 * body_idx, impl_->d->xquat + 4 * body_idx);
}

Pose World::GeomPose(int geom_idx) const {
  NeedIndex(geom_idx, model_->geom_count(), "geom");
  NeedPoses();
  return shim::ToPoseFromMatrix(impl_->d->geom_xpos + 3 * geom_idx, impl_->d->geom_xmat + 9 * geom_idx);
}

Pose World::SitePose(int site_idx) const {
  NeedIndex(site_idx, static_cast<int>(model_->sites().size()), "site");
  NeedPoses();
  return shim::ToPoseFromMatrix(impl_->d->site_xpos + 3 * site_idx, impl_->d->site_xmat + 9 * site_idx);
}

Pose World::CameraPose(int camera_idx) const {
  NeedIndex(camera_idx, static_cast<int>(model_->cameras().size()), "camera");
  NeedMotionAxes();  // cameras may track a centre of mass
  mj_camlight(impl_->m, impl_->d);
  return shim::ToPoseFromMatrix(impl_->d->cam_xpos + 3 * camera_idx, impl_->d->cam_xmat + 9 * camera_idx);
}

Vec3 World::BodyCom(int body_idx) const {
  NeedIndex(body_idx, model_->body_count(), "body");
  NeedPoses();
  return shim::ToVec3(impl_->d->xipos + 3 * body_idx);
}

Vec3 World::SubtreeCom(int body_idx) const {
  NeedIndex(body_idx, model_->body_count(), "body");
  NeedMotionAxes();
  return shim::ToVec3(impl_->d->subtree_com + 3 * body_idx);
}

Twist World::BodyTwist(int body_idx) const {
  NeedIndex(body_idx, model_->body_count(), "body");
  NeedMotionAxes();
  if (impl_->fresh < Impl::Fresh::kVelocities) {
    mj_comVel(impl_->m, impl_->d);
    impl_->fresh = Impl::Fresh::kVelocities;
  }
  mjtNum velocity[6];
  mj_objectVelocity(impl_->m, impl_->d, mjOBJ_XBODY, body_idx, velocity, 0);
  return {shim::ToVec3(velocity + 3), shim::ToVec3(velocity)};
}

Jacobian World::BodyJacobian(int body_idx, const Vec3& point_in_world_m) const {
  NeedIndex(body_idx, model_->body_count(), "body");
  NeedMotionAxes();
  using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  RowMajor rows = RowMajor::Zero(6, impl_->m->nv);
  mj_jac(impl_->m, impl_->d, rows.data(), rows.data() + 3 * impl_->m->nv, point_in_world_m.data(), body_idx);
  return rows;
}

Jacobian World::SiteJacobian(int site_idx) const {
  NeedIndex(site_idx, static_cast<int>(model_->sites().size()), "site");
  NeedPoses();
  return BodyJacobian(impl_->m->site_bodyid[site_idx], shim::ToVec3(impl_->d->site_xpos + 3 * site_idx));
}

std::vector<double> World::InverseDynamics(std::span<const double> qpos, std::span<const double> qvel,
                                           std::span<const double> qacc) const {
  NeedLength(qpos.size(), model_->qpos_count(), "qpos");
  NeedLength(qvel.size(), model_->dof_count(), "qvel");
  NeedLength(qacc.size(), model_->dof_count(), "qacc");
  const mjModel* m = impl_->m;
  mjData* d = impl_->Scratch();
  std::copy(qpos.begin(), qpos.end(), d->qpos);
  std::copy(qvel.begin(), qvel.end(), d->qvel);
  std::copy(impl_->d->mocap_pos, impl_->d->mocap_pos + 3 * m->nmocap, d->mocap_pos);
  std::copy(impl_->d->mocap_quat, impl_->d->mocap_quat + 4 * m->nmocap, d->mocap_quat);
  mj_kinematics(m, d);
  mj_comPos(m, d);
  mj_tendon(m, d);
  mj_crb(m, d);
  mj_comVel(m, d);
  mj_passive(m, d);
  const auto n = static_cast<size_t>(m->nv);
  std::vector<double> force(n), inertial(n), helped(n, 0.0);
  mj_rne(m, d, 0, force.data());
  mj_mulM(m, d, inertial.data(), qacc.data());
  if (!shim::kVersion3) AddGravityCompensation(*model_, d, &helped);
  for (size_t i = 0; i < n; ++i) force[i] += inertial[i] - d->qfrc_passive[i] - helped[i];
  return force;
}

std::vector<double> World::GravityTorques(std::span<const double> qpos) const {
  const std::vector<double> zero(static_cast<size_t>(model_->dof_count()), 0.0);
  return InverseDynamics(qpos, zero, zero);
}

double World::DeepestPenetration() const {
  double deepest = 0;
  for (int i = 0; i < impl_->d->ncon; ++i) deepest = std::max(deepest, -impl_->d->contact[i].dist);
  return deepest;
}

std::vector<Contact> World::Contacts() const {
  const mjModel* m = impl_->m;
  const mjData* d = impl_->d;
  std::vector<Contact> contacts;
  if (diverged_) return contacts;
  contacts.reserve(static_cast<size_t>(d->ncon));
  for (int i = 0; i < d->ncon; ++i) {
    const mjContact& found = d->contact[i];
    Contact contact;
    contact.geom_a_idx = found.geom1;
    contact.geom_b_idx = found.geom2;
    contact.body_a_idx = m->geom_bodyid[found.geom1];
    contact.body_b_idx = m->geom_bodyid[found.geom2];
    contact.distance_m = found.dist;
    contact.point_in_world_m = shim::ToVec3(found.pos);
    contact.normal_in_world = shim::ToVec3(found.frame);
    if (found.efc_address >= 0) {
      mjtNum force[6];
      mj_contactForce(m, d, i, force);
      contact.normal_force_n = force[0];
      contact.friction_in_world_n = force[1] * shim::ToVec3(found.frame + 3) + force[2] * shim::ToVec3(found.frame + 6);
    }
    contacts.push_back(contact);
  }
  return contacts;
}

std::span<const double> World::actuator_forces() const {
  return {impl_->d->actuator_force, static_cast<size_t>(model_->actuator_count())};
}
std::vector<double> World::MotorForces() const {
  std::vector<double> forces(impl_->d->qfrc_actuator, impl_->d->qfrc_actuator + impl_->m->nv);
  AddGravityCompensation(*model_, impl_->d, &forces);
  return forces;
}
std::span<const double> World::constraint_forces() const {
  return {impl_->d->qfrc_constraint, static_cast<size_t>(impl_->m->nv)};
}
std::span<const double> World::sensor_data() const {
  return {impl_->d->sensordata, static_cast<size_t>(impl_->m->nsensordata)};
}

double World::potential_energy_j() const {
  NeedMotionAxes();
  mj_energyPos(impl_->m, impl_->d);
  return impl_->d->energy[0];
}

double World::kinetic_energy_j() const {
  NeedMotionAxes();
  mj_crb(impl_->m, impl_->d);
  mj_energyVel(impl_->m, impl_->d);
  return impl_->d->energy[1];
}

void World::SetEqualityActive(int equality_idx, bool active) {
  NeedIndex(equality_idx, static_cast<int>(model_->equalities().size()), "equality");
  if (shim::EqualityActive(impl_->m, impl_->d, equality_idx) == active) return;
  impl_->OwnModel();
  shim::SetEqualityActive(impl_->own, impl_->d, equality_idx, active);
}

void World::SetExternalForce(int body_idx, const Vec3& force_n, const Vec3& torque_nm) {
  NeedIndex(body_idx, model_->body_count(), "body");
  if (!force_n.allFinite() || !torque_nm.allFinite()) throw Error(ErrorCode::kBadInput, "force", "is not finite");
  for (int i = 0; i < 3; ++i) {
    impl_->applied[static_cast<size_t>(6 * body_idx + i)] = force_n[i];
    impl_->applied[static_cast<size_t>(6 * body_idx + 3 + i)] = torque_nm[i];
  }
  impl_->WriteAppliedForces(*model_);
}

}  // namespace takt::sim
