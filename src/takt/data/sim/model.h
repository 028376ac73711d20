// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "takt/core/geom/mesh.h"
#include "takt/core/geom/pose.h"
#include "takt/data/sim/mjcf_lower.h"

namespace takt::sim {

enum class JointKind { kFree, kBall, kSlide, kHinge };
enum class GeomKind { kPlane, kHeightField, kSphere, kCapsule, kEllipsoid, kCylinder, kBox, kMesh };

struct BodyInfo {
  std::string name;     // may be empty
  int parent_idx = 0;   // the world (0) is its own parent
  int root_idx = 0;     // the body under the world whose subtree this is; 0 for the world
  int joint_count = 0;  // joints between this body and its parent
  int first_joint_idx = -1;
  double mass_kg = 0;  // of this body alone
  Vec3 com_in_body_m = Vec3::Zero();
  Pose parent_from_body;            // at qpos0 (without joints)
  double gravity_compensation = 0;  // fraction of the weight that World cancels (MJCF gravcomp)
  int mocap_idx = -1;
};

struct JointInfo {
  std::string name;
  JointKind kind = JointKind::kHinge;
  int body_idx = 0;
  int qpos_idx = 0;  // first of 7, 4 or 1 entries; free: x y z w x y z
  int dof_idx = 0;   // first of 6, 3 or 1 entries; free: linear in world, angular in body
  bool limited = false;
  double lower = 0, upper = 0;  // rad or m; meaningful where limited
  double damping = 0;           // N m s/rad or N s/m
  double armature = 0;          // kg m^2 or kg
};

struct GeomInfo {
  std::string name;
  GeomKind kind = GeomKind::kBox;
  int body_idx = 0;
  Pose body_from_geom;
  Vec3 half_size_m =
      Vec3::Zero();   // box: half extents; sphere: r; capsule, cylinder: r, half length; plane: half x, half y
  int mesh_idx = -1;  // kMesh
  std::array<double, 4> rgba = {0.5, 0.5, 0.5, 1};  // 0-1; of the material where there is one
  int contype = 1, conaffinity = 1;
  int group = 0;        // 0-5; by custom 2 is visual, 3 is collision
  double friction = 1;  // sliding
};

struct ActuatorInfo {
  std::string name;
  int joint_idx = -1;  // -1: not on a joint
  bool ctrl_limited = false;
  double ctrl_lower = 0, ctrl_upper = 0;
  bool force_limited = false;
  double force_lower = 0, force_upper = 0;  // N m or N
  double kp = 0, kv = 0;                    // of a position servo: force = kp (ctrl - q) - kv v; 0 otherwise
};

struct SiteInfo {
  std::string name;
  int body_idx = 0;
  Pose body_from_site;
};

struct CameraInfo {
  std::string name;
  int body_idx = 0;
  Pose body_from_camera;  // MuJoCo's frame: x right, y up, looks along -z
  double fovy_rad = 0;
};

struct SensorInfo {
  std::string name;
  int data_idx = 0;  // first entry in World::SensorData
  int dim = 0;
};

struct EqualityInfo {
  std::string name;
  bool active = true;  // at reset
};

struct KeyframeInfo {
  std::string name;
  double time_s = 0;
  std::vector<double> qpos, qvel, act, ctrl;
};

struct CompileOptions {
  std::filesystem::path asset_folder;               // where include and asset files lie; empty: the text may name none
  std::string subject = "MJCF";                     // how errors name the text
  std::vector<std::filesystem::path> more_folders;  // further folders that absolute names may lie in (a merged robot's)
};

// A compiled model; never changes, so that threads share it. Build one World per thread on it.
class Model {
 public:
  // Lowers `mjcf` to what the installed MuJoCo understands (mjcf_lower.h) and compiles it.
  // Errors: bad_input with the compiler's message and line, or a file outside the folder; not_found for a file.
  // Thread-safe (compilations run one after another). Never prints.
  static std::shared_ptr<const Model> Compile(std::string_view mjcf, const CompileOptions& options = {});
  // The same from a file; its folder is the asset folder.
  static std::shared_ptr<const Model> Load(const std::filesystem::path& path);

  ~Model();
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;

  int body_count() const { return static_cast<int>(bodies_.size()); }
  int joint_count() const { return static_cast<int>(joints_.size()); }
  int geom_count() const { return static_cast<int>(geoms_.size()); }
  int qpos_count() const;
  int dof_count() const;
  int act_count() const;
  int actuator_count() const { return static_cast<int>(actuators_.size()); }
  double timestep_s() const;
  Vec3 gravity_m_s2() const;

  // [body_count()], index 0 is the world.
  std::span<const BodyInfo> bodies() const { return bodies_; }
  std::span<const JointInfo> joints() const { return joints_; }
  std::span<const GeomInfo> geoms() const { return geoms_; }
  std::span<const ActuatorInfo> actuators() const { return actuators_; }
  std::span<const SiteInfo> sites() const { return sites_; }
  std::span<const CameraInfo> cameras() const { return cameras_; }
  std::span<const SensorInfo> sensors() const { return sensors_; }
  std::span<const EqualityInfo> equalities() const { return equalities_; }
  std::span<const KeyframeInfo> keyframes() const { return keyframes_; }
  // Mesh `mesh_idx` in the frame of its geom (MuJoCo moves meshes to their centre of mass and principal axes).
  const TriMesh& mesh(int mesh_idx) const { return meshes_[static_cast<size_t>(mesh_idx)]; }
  int mesh_count() const { return static_cast<int>(meshes_.size()); }
  // The triangles of a geom around its own frame; planes give a rectangle (20 m where infinite), height fields nothing.
  TriMesh GeomMesh(int geom_idx, int segments = 24) const;

  // Index of a name. Errors: not_found, naming what there is.
  int BodyIdx(std::string_view name) const;
  int JointIdx(std::string_view name) const;
  int GeomIdx(std::string_view name) const;
  int ActuatorIdx(std::string_view name) const;
  int SiteIdx(std::string_view name) const;
  int CameraIdx(std::string_view name) const;
  int SensorIdx(std::string_view name) const;
  int EqualityIdx(std::string_view name) const;
  int KeyframeIdx(std::string_view name) const;
  // The same, or -1.
  int FindBody(std::string_view name) const;
  int FindJoint(std::string_view name) const;
  int FindGeom(std::string_view name) const;
  int FindActuator(std::string_view name) const;
  int FindSite(std::string_view name) const;

  // `body_idx` and everything that hangs on it, ascending.
  std::vector<int> Subtree(int body_idx) const;

  // Variants: copies of the compiled model with one thing changed. Cost: a copy of the model, tens of microseconds for
  // an arm of primitives; assets are copied too.
  std::shared_ptr<const Model> WithTimestep(double timestep_s) const;  // > 0
  std::shared_ptr<const Model> WithFrictionScale(double scale) const;  // >= 0; sliding, of every geom and pair
  std::shared_ptr<const Model> WithGeomFriction(int geom_idx, double sliding) const;  // >= 0
  std::shared_ptr<const Model> WithBodyMass(int body_idx, double mass_kg) const;      // > 0; the inertia scales with it
  std::shared_ptr<const Model> WithGravity(const Vec3& gravity_m_s2) const;

  // What lowering changed to make this text load.
  std::span<const LoweredItem> lowered() const { return lowered_; }

  struct Impl;  // MuJoCo's model; complete in model.cc and world.cc only
  const Impl& impl() const { return *impl_; }

 private:
  explicit Model(std::unique_ptr<Impl> impl);
  void Describe();
  std::shared_ptr<Model> Copy() const;

  std::unique_ptr<Impl> impl_;
  std::vector<BodyInfo> bodies_;
  std::vector<JointInfo> joints_;
  std::vector<GeomInfo> geoms_;
  std::vector<ActuatorInfo> actuators_;
  std::vector<SiteInfo> sites_;
  std::vector<CameraInfo> cameras_;
  std::vector<SensorInfo> sensors_;
  std::vector<EqualityInfo> equalities_;
  std::vector<KeyframeInfo> keyframes_;
  std::vector<TriMesh> meshes_;
  std::vector<LoweredItem> lowered_;
  std::vector<double> gravity_compensation_;
};

}  // namespace takt::sim
