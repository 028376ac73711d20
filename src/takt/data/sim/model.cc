// SPDX-License-Identifier: Apache-2.0
#include "takt/data/sim/model.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <mutex>
#include <numeric>

#include "takt/core/base/error.h"
#include "takt/core/base/file.h"
#include "takt/data/sim/mujoco_shim.h"

namespace takt::sim {
namespace {

constexpr uint64_t kMaxTextBytes = uint64_t{64} << 20;
constexpr double kInfinitePlane_m = 20;

std::string Name(const mjModel* m, int type, int idx) {
  const char* name = mj_id2name(m, type, idx);
  return name == nullptr ? "" : name;
}

// MuJoCo's message on one line: it puts the place of an error behind empty lines.
std::string OneLine(const std::string& message) {
  std::string line;
  for (const char c : message) {
    const bool space = c == '\n' || c == '\r' || c == ' ' || c == '\t';
    if (!space)
      line += c;
    else if (!line.empty() && line.back() != ' ')
      line += c == ' ' ? ' ' : ' ';
  }
  while (!line.empty() && line.back() == ' ') line.pop_back();
  return line;
}

template <typename Info>
int FindName(const std::vector<Info>& all, std::string_view name) {
  if (name.empty()) return -1;
  const auto found = std::find_if(all.begin(), all.end(), [&](const Info& info) { return info.name == name; });
  return found == all.end() ? -1 : static_cast<int>(found - all.begin());
}

template <typename Info>
int NeedName(const std::vector<Info>& all, std::string_view name, const char* kind) {
  const int idx = FindName(all, name);
  if (idx >= 0) return idx;
  std::string known;
  for (const Info& info : all) {
    if (info.name.empty()) continue;
    if (known.size() > 200) {
      known += ", ...";
      break;
    }
    known += (known.empty() ? "" : ", ") + info.name;
  }
  throw Error(ErrorCode::kNotFound, fmt::format("{} '{}'", kind, name), "is not in the model",
              known.empty() ? fmt::format("the model has no named {}", kind) : "there are: " + known);
}

void NeedRange(bool good, const std::string& subject, const std::string& message) {
  if (!good) throw Error(ErrorCode::kBadInput, subject, message);
}

// The damping that MuJoCo 3 computes from `dampratio`: ratio 2 sqrt(kp I), with the inertia that the actuator sees at
// qpos0.
void ApplyDampingRatio(mjModel* m, int actuator_idx, double ratio) {
  if (m->actuator_trntype[actuator_idx] != mjTRN_JOINT) return;
  const int dof_idx = m->jnt_dofadr[m->actuator_trnid[2 * actuator_idx]];
  const double gear = m->actuator_gear[6 * actuator_idx];
  const double inertia = m->dof_M0[dof_idx] / std::max(gear * gear, 1e-12);
  const double kp = m->actuator_gainprm[mjNGAIN * actuator_idx];
  m->actuator_biasprm[mjNBIAS * actuator_idx + 2] = -2 * ratio * std::sqrt(std::max(kp * inertia, 0.0));
}

}  // namespace

std::shared_ptr<const Model> Model::Compile(std::string_view mjcf, const CompileOptions& options) {
  if (mjcf.size() > kMaxTextBytes)
    throw Error(ErrorCode::kBadInput, options.subject,
                fmt::format("is {} bytes long; at most {} are read", mjcf.size(), kMaxTextBytes));
  LoweredMjcf lowered = LowerMjcf(mjcf, {options.asset_folder, options.subject, options.more_folders});
  std::string message;
  mjModel* m = nullptr;
  {
    static std::mutex one_compiler;  // MuJoCo keeps its parser's state in globals
    const std::lock_guard lock(one_compiler);
    m = shim::LoadText(lowered.text, &message);
  }
  if (m == nullptr) {
    throw Error(ErrorCode::kBadInput, options.subject, OneLine("does not compile: " + message),
                "the line counts in the lowered text: see `takt sim check --out`");
  }
  std::shared_ptr<Model> model(new Model(std::make_unique<Impl>(m)));
  model->lowered_ = std::move(lowered.items);
  for (const auto& [name, ratio] : lowered.damping_ratios) {
    const int idx = mj_name2id(m, mjOBJ_ACTUATOR, name.c_str());
    if (idx >= 0) ApplyDampingRatio(m, idx, ratio);
  }
  model->gravity_compensation_.assign(static_cast<size_t>(m->nbody), 0.0);
  for (const auto& [name, fraction] : lowered.gravity_compensation) {
    const int idx = mj_name2id(m, mjOBJ_BODY, name.c_str());
    if (idx >= 0) model->gravity_compensation_[static_cast<size_t>(idx)] = fraction;
  }
  model->Describe();
  return model;
}

std::shared_ptr<const Model> Model::Load(const std::filesystem::path& path) {
  const std::string text = ReadTextFile(path, kMaxTextBytes);
  std::filesystem::path folder = path.parent_path();
  return Compile(text, {.asset_folder = folder.empty() ? "." : folder, .subject = path.string(), .more_folders = {}});
}

Model::Model(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Model::~Model() = default;

int Model::qpos_count() const { return static_cast<int>(impl_->m->nq); }
int Model::dof_count() const { return static_cast<int>(impl_->m->nv); }
int Model::act_count() const { return static_cast<int>(impl_->m->na); }
double Model::timestep_s() const { return impl_->m->opt.timestep; }
Vec3 Model::gravity_m_s2() const { return shim::ToVec3(impl_->m->opt.gravity); }

void Model::Describe() {
  const mjModel* m = impl_->m;
  bodies_.clear(), joints_.clear(), geoms_.clear(), actuators_.clear(), sites_.clear(), cameras_.clear();
  sensors_.clear(), equalities_.clear(), keyframes_.clear(), meshes_.clear();
  for (int i = 0; i < m->nbody; ++i) {
    BodyInfo info;
    info.name = Name(m, mjOBJ_BODY, i);
    info.parent_idx = m->body_parentid[i];
    info.root_idx = m->body_rootid[i];
    info.joint_count = m->body_jntnum[i];
    info.first_joint_idx = m->body_jntadr[i];
    info.mass_kg = m->body_mass[i];
    info.com_in_body_m = shim::ToVec3(m->body_ipos + 3 * i);
    info.parent_from_body = shim::ToPose(m->body_pos + 3 * i, m->body_quat + 4 * i);
    info.gravity_compensation = gravity_compensation_[static_cast<size_t>(i)];
    info.mocap_idx = m->body_mocapid[i];
    bodies_.push_back(std::move(info));
  }
  for (int i = 0; i < m->njnt; ++i) {
    JointInfo info;
    info.name = Name(m, mjOBJ_JOINT, i);
    constexpr JointKind kKinds[] = {JointKind::kFree, JointKind::kBall, JointKind::kSlide, JointKind::kHinge};
    info.kind = kKinds[m->jnt_type[i]];
    info.body_idx = m->jnt_bodyid[i];
    info.qpos_idx = m->jnt_qposadr[i];
    info.dof_idx = m->jnt_dofadr[i];
    info.limited = m->jnt_limited[i] != 0;
    info.lower = m->jnt_range[2 * i];
    info.upper = m->jnt_range[2 * i + 1];
    info.damping = m->dof_damping[info.dof_idx];
    info.armature = m->dof_armature[info.dof_idx];
    joints_.push_back(std::move(info));
  }
  for (int i = 0; i < m->ngeom; ++i) {
    GeomInfo info;
    info.name = Name(m, mjOBJ_GEOM, i);
    constexpr GeomKind kKinds[] = {GeomKind::kPlane,     GeomKind::kHeightField, GeomKind::kSphere, GeomKind::kCapsule,
                                   GeomKind::kEllipsoid, GeomKind::kCylinder,    GeomKind::kBox,    GeomKind::kMesh};
    info.kind = kKinds[std::clamp(m->geom_type[i], 0, 7)];
    info.body_idx = m->geom_bodyid[i];
    info.body_from_geom = shim::ToPose(m->geom_pos + 3 * i, m->geom_quat + 4 * i);
    info.half_size_m = shim::ToVec3(m->geom_size + 3 * i);
    if (info.kind == GeomKind::kMesh) info.mesh_idx = m->geom_dataid[i];
    const float* rgba = m->geom_matid[i] >= 0 ? m->mat_rgba + 4 * m->geom_matid[i] : m->geom_rgba + 4 * i;
    std::copy(rgba, rgba + 4, info.rgba.begin());
    info.contype = m->geom_contype[i];
    info.conaffinity = m->geom_conaffinity[i];
    info.group = m->geom_group[i];
    info.friction = m->geom_friction[3 * i];
    geoms_.push_back(std::move(info));
  }
  for (int i = 0; i < shim::ActuatorCount(m); ++i) {
    ActuatorInfo info;
    info.name = Name(m, mjOBJ_ACTUATOR, i);
    const bool on_joint = m->actuator_trntype[i] == mjTRN_JOINT;
    if (on_joint) info.joint_idx = m->actuator_trnid[2 * i];
    info.ctrl_limited = m->actuator_ctrllimited[i] != 0;
    info.ctrl_lower = m->actuator_ctrlrange[2 * i];
    info.ctrl_upper = m->actuator_ctrlrange[2 * i + 1];
    info.force_limited = m->actuator_forcelimited[i] != 0;
    info.force_lower = m->actuator_forcerange[2 * i];
    info.force_upper = m->actuator_forcerange[2 * i + 1];
    const double kp = m->actuator_gainprm[mjNGAIN * i];
    const mjtNum* bias = m->actuator_biasprm + mjNBIAS * i;
    if (on_joint && m->actuator_gaintype[i] == mjGAIN_FIXED && m->actuator_biastype[i] == mjBIAS_AFFINE && kp > 0 &&
        bias[1] == -kp) {
      info.kp = kp;
      info.kv = -bias[2];
    }
    actuators_.push_back(std::move(info));
  }
  for (int i = 0; i < m->nsite; ++i)
    sites_.push_back(
        {Name(m, mjOBJ_SITE, i), m->site_bodyid[i], shim::ToPose(m->site_pos + 3 * i, m->site_quat + 4 * i)});
  for (int i = 0; i < m->ncam; ++i) {
    cameras_.push_back({Name(m, mjOBJ_CAMERA, i), m->cam_bodyid[i],
                        shim::ToPose(m->cam_pos + 3 * i, m->cam_quat + 4 * i), m->cam_fovy[i] * M_PI / 180});
  }
  for (int i = 0; i < m->nsensor; ++i)
    sensors_.push_back({Name(m, mjOBJ_SENSOR, i), m->sensor_adr[i], m->sensor_dim[i]});
  for (int i = 0; i < m->neq; ++i) {
#if mjVERSION_HEADER >= 300
    equalities_.push_back({Name(m, mjOBJ_EQUALITY, i), m->eq_active0[i] != 0});
#else
    equalities_.push_back({Name(m, mjOBJ_EQUALITY, i), m->eq_active[i] != 0});
#endif
  }
  for (int i = 0; i < m->nkey; ++i) {
    const auto row = [i](const mjtNum* values, auto count) {
      return std::vector<double>(values + i * count, values + (i + 1) * count);
    };
    keyframes_.push_back({Name(m, mjOBJ_KEY, i), m->key_time[i], row(m->key_qpos, m->nq), row(m->key_qvel, m->nv),
                          row(m->key_act, m->na), row(m->key_ctrl, m->nu)});
  }
  for (int i = 0; i < m->nmesh; ++i) {
    TriMesh mesh;
    const float* vertices = m->mesh_vert + 3 * m->mesh_vertadr[i];
    for (int v = 0; v < m->mesh_vertnum[i]; ++v)
      mesh.vertices_m.push_back({vertices[3 * v], vertices[3 * v + 1], vertices[3 * v + 2]});
    const int* faces = m->mesh_face + 3 * m->mesh_faceadr[i];
    for (int f = 0; f < m->mesh_facenum[i]; ++f) {
      mesh.triangles.push_back({static_cast<uint32_t>(faces[3 * f]), static_cast<uint32_t>(faces[3 * f + 1]),
                                static_cast<uint32_t>(faces[3 * f + 2])});
    }
    meshes_.push_back(std::move(mesh));
  }
}

TriMesh Model::GeomMesh(int geom_idx, int segments) const {
  const GeomInfo& geom = geoms_.at(static_cast<size_t>(geom_idx));
  const Vec3& half = geom.half_size_m;
  switch (geom.kind) {
    case GeomKind::kPlane: {
      const double x = half.x() > 0 ? half.x() : kInfinitePlane_m / 2;
      const double y = half.y() > 0 ? half.y() : kInfinitePlane_m / 2;
      return {{{-x, -y, 0}, {x, -y, 0}, {x, y, 0}, {-x, y, 0}}, {{0, 1, 2}, {0, 2, 3}}};
    }
    case GeomKind::kHeightField:
      return {};
    case GeomKind::kSphere:
      return SphereMesh(2 * half.x(), segments);
    case GeomKind::kCapsule:
      return CapsuleMesh(2 * half.x(), 2 * (half.x() + half.y()), segments);
    case GeomKind::kEllipsoid: {
      TriMesh mesh = SphereMesh(2, segments);
      for (Vec3& vertex : mesh.vertices_m) vertex = vertex.cwiseProduct(half);
      return mesh;
    }
    case GeomKind::kCylinder:
      return CylinderMesh(2 * half.x(), 2 * half.y(), segments);
    case GeomKind::kBox:
      return BoxMesh(2 * half);
    case GeomKind::kMesh:
      return meshes_.at(static_cast<size_t>(geom.mesh_idx));
  }
  return {};
}

int Model::BodyIdx(std::string_view name) const { return NeedName(bodies_, name, "body"); }
int Model::JointIdx(std::string_view name) const { return NeedName(joints_, name, "joint"); }
int Model::GeomIdx(std::string_view name) const { return NeedName(geoms_, name, "geom"); }
int Model::ActuatorIdx(std::string_view name) const { return NeedName(actuators_, name, "actuator"); }
int Model::SiteIdx(std::string_view name) const { return NeedName(sites_, name, "site"); }
int Model::CameraIdx(std::string_view name) const { return NeedName(cameras_, name, "camera"); }
int Model::SensorIdx(std::string_view name) const { return NeedName(sensors_, name, "sensor"); }
int Model::EqualityIdx(std::string_view name) const { return NeedName(equalities_, name, "equality"); }
int Model::KeyframeIdx(std::string_view name) const { return NeedName(keyframes_, name, "keyframe"); }
int Model::FindBody(std::string_view name) const { return FindName(bodies_, name); }
int Model::FindJoint(std::string_view name) const { return FindName(joints_, name); }
int Model::FindGeom(std::string_view name) const { return FindName(geoms_, name); }
int Model::FindActuator(std::string_view name) const { return FindName(actuators_, name); }
int Model::FindSite(std::string_view name) const { return FindName(sites_, name); }

std::vector<int> Model::Subtree(int body_idx) const {
  std::vector<int> subtree = {body_idx};
  std::vector<bool> inside(bodies_.size(), false);
  inside.at(static_cast<size_t>(body_idx)) = true;
  for (int i = body_idx + 1; i < body_count(); ++i) {  // parents come before their children
    if (!inside[static_cast<size_t>(bodies_[static_cast<size_t>(i)].parent_idx)]) continue;
    inside[static_cast<size_t>(i)] = true;
    subtree.push_back(i);
  }
  return subtree;
}

std::shared_ptr<Model> Model::Copy() const {
  std::shared_ptr<Model> copy(new Model(std::make_unique<Impl>(mj_copyModel(nullptr, impl_->m))));
  copy->bodies_ = bodies_, copy->joints_ = joints_, copy->geoms_ = geoms_, copy->actuators_ = actuators_;
  copy->sites_ = sites_, copy->cameras_ = cameras_, copy->sensors_ = sensors_, copy->equalities_ = equalities_;
  copy->keyframes_ = keyframes_, copy->meshes_ = meshes_, copy->lowered_ = lowered_;
  copy->gravity_compensation_ = gravity_compensation_;
  return copy;
}

std::shared_ptr<const Model> Model::WithTimestep(double timestep_s) const {
  NeedRange(timestep_s > 0 && timestep_s <= 1, "timestep", fmt::format("is {} s; it must be in (0, 1]", timestep_s));
  const auto copy = Copy();
  copy->impl_->m->opt.timestep = timestep_s;
  return copy;
}

std::shared_ptr<const Model> Model::WithFrictionScale(double scale) const {
  NeedRange(scale >= 0 && scale <= 1e3, "friction scale", fmt::format("is {}; it must be in [0, 1000]", scale));
  const auto copy = Copy();
  mjModel* m = copy->impl_->m;
  for (int i = 0; i < m->ngeom; ++i) {
    m->geom_friction[3 * i] *= scale;
    copy->geoms_[static_cast<size_t>(i)].friction = m->geom_friction[3 * i];
  }
  for (int i = 0; i < m->npair; ++i) {
    m->pair_friction[5 * i] *= scale;
    m->pair_friction[5 * i + 1] *= scale;
  }
  return copy;
}

std::shared_ptr<const Model> Model::WithGeomFriction(int geom_idx, double sliding) const {
  NeedRange(geom_idx >= 0 && geom_idx < geom_count(), "geom", fmt::format("{} does not exist", geom_idx));
  NeedRange(sliding >= 0 && sliding <= 1e3, "friction", fmt::format("is {}; it must be in [0, 1000]", sliding));
  const auto copy = Copy();
  copy->impl_->m->geom_friction[3 * geom_idx] = sliding;
  copy->geoms_[static_cast<size_t>(geom_idx)].friction = sliding;
  return copy;
}

std::shared_ptr<const Model> Model::WithBodyMass(int body_idx, double mass_kg) const {
  NeedRange(body_idx > 0 && body_idx < body_count(), "body",
            fmt::format("{} does not exist or is the world", body_idx));
  NeedRange(mass_kg > 0 && mass_kg <= 1e6, "mass", fmt::format("is {} kg; it must be in (0, 1e6]", mass_kg));
  NeedRange(bodies_[static_cast<size_t>(body_idx)].mass_kg > 0, "body", "has no mass to scale");
  const auto copy = Copy();
  mjModel* m = copy->impl_->m;
  const double scale = mass_kg / m->body_mass[body_idx];
  m->body_mass[body_idx] = mass_kg;
  for (int i = 0; i < 3; ++i) m->body_inertia[3 * body_idx + i] *= scale;
  mjData* d = mj_makeData(m);
  mj_setConst(m, d);
  mj_deleteData(d);
  copy->bodies_[static_cast<size_t>(body_idx)].mass_kg = mass_kg;
  return copy;
}

std::shared_ptr<const Model> Model::WithGravity(const Vec3& gravity_m_s2) const {
  NeedRange(gravity_m_s2.allFinite(), "gravity", "is not finite");
  const auto copy = Copy();
  for (int i = 0; i < 3; ++i) copy->impl_->m->opt.gravity[i] = gravity_m_s2[i];
  return copy;
}

}  // namespace takt::sim
