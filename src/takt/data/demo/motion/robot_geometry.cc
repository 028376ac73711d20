// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "takt/core/base/error.h"
#include "takt/data/demo/motion/motion.h"

namespace takt::demo {
namespace {

// Quick arms reach their largest acceleration in a thirtieth of a second.
constexpr double kJerkPerAcceleration_1_s = 30;

struct Bounds {
  Vec3 low = Vec3::Constant(1e9), high = Vec3::Constant(-1e9);
  bool Empty() const { return !(low.x() <= high.x()); }
  void Add(const Vec3& p) {
    low = low.cwiseMin(p);
    high = high.cwiseMax(p);
  }
};

Bounds GeomBounds(const sim::World& world, int geom_idx, const Pose& tool_from_world) {
  Bounds bounds;
  const Pose tool_from_geom = tool_from_world * world.GeomPose(geom_idx);
  for (const Vec3& v : world.model().GeomMesh(geom_idx, 12).vertices_m) bounds.Add(tool_from_geom * v);
  return bounds;
}

bool Collides(const sim::GeomInfo& geom) { return geom.contype != 0 || geom.conaffinity != 0; }

}  // namespace

TriMesh BodyMesh(const sim::Model& model, int body_idx) {
  TriMesh mesh;
  const std::vector<int> bodies = model.Subtree(body_idx);
  for (int g = 0; g < model.geom_count(); ++g) {
    const sim::GeomInfo& geom = model.geoms()[static_cast<size_t>(g)];
    if (!Collides(geom) || !std::binary_search(bodies.begin(), bodies.end(), geom.body_idx)) continue;
    Pose root_from_body;
    for (int b = geom.body_idx; b != body_idx; b = model.bodies()[static_cast<size_t>(b)].parent_idx) {
      root_from_body = model.bodies()[static_cast<size_t>(b)].parent_from_body * root_from_body;
    }
    Append(&mesh, model.GeomMesh(g), root_from_body * geom.body_from_geom);
  }
  return mesh;
}

Chain MakeChain(sim::World& world, const sim::RobotInfo& robot) {
  const sim::Model& model = world.model();
  const sim::Snapshot before = world.Save();
  Chain chain;
  if (robot.joints.size() > static_cast<size_t>(kMaxJoints)) {
    throw Error(ErrorCode::kUnsupported, robot.name, "has more than 8 arm joints");
  }
  for (const std::string& name : robot.joints) {
    const sim::JointInfo& joint = model.joints()[static_cast<size_t>(model.JointIdx(name))];
    if (joint.kind != sim::JointKind::kHinge) throw Error(ErrorCode::kUnsupported, name, "is not a hinge");
    world.mutable_qpos()[static_cast<size_t>(joint.qpos_idx)] = 0;
  }
  const int site = model.SiteIdx(robot.tool_site);
  chain.world_from_tool_zero = world.SitePose(site);
  const sim::Jacobian jacobian = world.SiteJacobian(site);
  for (size_t i = 0; i < robot.joints.size(); ++i) {
    const sim::JointInfo& joint = model.joints()[static_cast<size_t>(model.JointIdx(robot.joints[i]))];
    // The columns of the site's Jacobian are the screw: angular part the axis, linear part axis x lever.
    const Vec3 linear = jacobian.col(joint.dof_idx).head<3>(), axis = jacobian.col(joint.dof_idx).tail<3>();
    ChainJoint out;
    out.name = robot.joints[i];
    out.axis_in_world = axis.normalized();
    // The foot of the perpendicular from the tool: linear = axis x (tool - foot), so tool - foot = linear x axis.
    const Vec3 foot = chain.world_from_tool_zero.translation_m - linear.cross(out.axis_in_world);
    // Where the joint's body sits: distances between such points are the lengths of the links.
    out.point_in_world = foot + out.axis_in_world * out.axis_in_world.dot(world.BodyPose(joint.body_idx).translation_m - foot);
    out.lower_rad = robot.lower_rad[i];
    out.upper_rad = robot.upper_rad[i];
    out.max_velocity_rad_s = robot.velocity_rad_s[i];
    out.max_acceleration_rad_s2 = robot.acceleration_rad_s2[i];
    out.max_jerk_rad_s3 = kJerkPerAcceleration_1_s * robot.acceleration_rad_s2[i];
    out.max_torque_nm = robot.torque_nm[i];
    chain.joints.push_back(out);
  }
  world.Restore(before);
  return chain;
}

GripperShape MakeGripper(sim::World& world, const sim::RobotInfo& robot) {
  const sim::Model& model = world.model();
  GripperShape shape;
  shape.max_opening_m = robot.gripper_width_m;
  const sim::Snapshot before = world.Save();
  for (const std::string& name : robot.gripper_joints) {
    world.mutable_qpos()[static_cast<size_t>(model.joints()[static_cast<size_t>(model.JointIdx(name))].qpos_idx)] =
        robot.gripper_closed;
  }
  const Pose tool_from_world = world.SitePose(model.SiteIdx(robot.tool_site)).Inverse();
  Bounds fingers, pads, palm;
  for (int g = 0; g < model.geom_count(); ++g) {
    const sim::GeomInfo& geom = model.geoms()[static_cast<size_t>(g)];
    if (!Collides(geom)) continue;
    const std::string& body = model.bodies()[static_cast<size_t>(geom.body_idx)].name;
    const bool finger = std::find(robot.finger_bodies.begin(), robot.finger_bodies.end(), body) != robot.finger_bodies.end();
    if (!finger && body != robot.hand_body) continue;
    const Bounds b = GeomBounds(world, g, tool_from_world);
    if (b.Empty()) continue;
    Bounds& whole = finger && body != robot.hand_body ? fingers : palm;
    whole.Add(b.low);
    whole.Add(b.high);
    // Pads meet at the middle when closed.
    if (&whole == &fingers && std::min(std::abs(b.low.y()), std::abs(b.high.y())) < 1.5e-3) {
      pads.Add(b.low);
      pads.Add(b.high);
    }
  }
  world.Restore(before);
  if (!fingers.Empty()) {
    if (pads.Empty()) pads = fingers;
    shape.finger_tip_m = fingers.high.z();
    shape.finger_depth_m = pads.high.z() - pads.low.z();
    shape.finger_width_m = 2 * std::max(fingers.high.x(), -fingers.low.x());
    shape.finger_thickness_m = std::max(fingers.high.y(), -fingers.low.y());
    shape.finger_length_m = fingers.high.z() - fingers.low.z();
  }
  if (!palm.Empty() && palm.high.z() < shape.finger_tip_m) {
    shape.finger_length_m = shape.finger_tip_m - palm.high.z();
    shape.palm_size_m = {2 * std::max(palm.high.x(), -palm.low.x()), 2 * std::max(palm.high.y(), -palm.low.y()),
                         palm.high.z() - palm.low.z()};
  }
  return shape;
}

}  // namespace takt::demo
