// SPDX-License-Identifier: Apache-2.0
#include "takt/data/scene/export_sdf.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <pugixml.hpp>
#include <sstream>

#include "takt/data/scene/model/walk.h"
#include "takt/data/scene/solids.h"

namespace takt::scene {
namespace {

void Put(pugi::xml_node parent, const char* name, const std::string& text) {
  parent.append_child(name).text().set(text.c_str());
}

std::string Numbers(const Vec3& v) { return fmt::format("{} {} {}", v[0], v[1], v[2]); }

// "x y z roll pitch yaw": SDFormat turns about fixed x, then y, then z.
std::string PoseText(const Pose& pose) {
  const Eigen::Matrix3d r = pose.rotation.normalized().toRotationMatrix();
  const double pitch = std::asin(std::clamp(-r(2, 0), -1.0, 1.0));
  double roll = std::atan2(r(2, 1), r(2, 2)), yaw = std::atan2(r(1, 0), r(0, 0));
  if (std::abs(r(2, 0)) > 1 - 1e-12) roll = 0, yaw = std::atan2(-r(0, 1), r(1, 1));  // straight up: only their sum counts
  return fmt::format("{} {} {} {}", Numbers(pose.translation_m), roll, pitch, yaw);
}

void PutGeometry(pugi::xml_node parent, const Scene& scene, const Solid& solid, bool is_floor) {
  pugi::xml_node geometry = parent.append_child("geometry");
  const Vec3& s = solid.size_m;
  if (is_floor) {
    pugi::xml_node polyline = geometry.append_child("polyline");
    for (const Vec2& corner : scene.room.floor_m) Put(polyline, "point", fmt::format("{} {}", corner[0], corner[1]));
    Put(polyline, "height", fmt::format("{}", kFloorThickness_m));
    return;
  }
  switch (solid.shape) {
    case ShapeKind::kBox:
      Put(geometry.append_child("box"), "size", Numbers(s));
      break;
    case ShapeKind::kSphere:
      Put(geometry.append_child("sphere"), "radius", fmt::format("{}", s[0] / 2));
      break;
    case ShapeKind::kCylinder:
    case ShapeKind::kCapsule: {
      const bool capsule = solid.shape == ShapeKind::kCapsule;
      pugi::xml_node shape = geometry.append_child(capsule ? "capsule" : "cylinder");
      Put(shape, "radius", fmt::format("{}", s[0] / 2));
      Put(shape, "length", fmt::format("{}", capsule ? std::max(0.0, s[2] - s[0]) : s[2]));  // without the caps
      break;
    }
    case ShapeKind::kMesh: {
      pugi::xml_node mesh = geometry.append_child("mesh");
      Put(mesh, "uri", solid.mesh_file);
      Put(mesh, "scale", Numbers(s));
      break;
    }
  }
}

void PutLink(pugi::xml_node model, const Scene& scene, const Node& node, const std::vector<Solid>& solids) {
  pugi::xml_node link = model.append_child("link");
  link.append_attribute("name") = "link";
  if (node.kind == NodeKind::kObject) {
    const double mass_kg = std::max(MassKg(node, solids), 1e-6);
    pugi::xml_node inertial = link.append_child("inertial");
    Put(inertial, "pose", fmt::format("0 0 {} 0 0 0", node.size_m[2] / 2));
    Put(inertial, "mass", fmt::format("{}", mass_kg));
    pugi::xml_node inertia = inertial.append_child("inertia");
    const Vec3 square = node.size_m.cwiseProduct(node.size_m);
    const auto about = [&](int a, int b) { return fmt::format("{}", std::max(mass_kg * (square[a] + square[b]) / 12, 1e-12)); };
    Put(inertia, "ixx", about(1, 2));
    Put(inertia, "iyy", about(0, 2));
    Put(inertia, "izz", about(0, 1));
    for (const char* name : {"ixy", "ixz", "iyz"}) Put(inertia, name, "0");
  }
  for (size_t i = 0; i < solids.size(); ++i) {
    const Solid& solid = solids[i];
    const bool is_floor = node.kind == NodeKind::kRoom && solid.wall_idx < 0;
    const std::string pose = PoseText(is_floor ? Pose::Translation(0, 0, -kFloorThickness_m) : solid.node_from_solid);
    pugi::xml_node collision = link.append_child("collision");
    collision.append_attribute("name") = fmt::format("collision_{}", i).c_str();
    Put(collision, "pose", pose);
    PutGeometry(collision, scene, solid, is_floor);
    pugi::xml_node ode = collision.append_child("surface").append_child("friction").append_child("ode");
    const std::string friction = fmt::format("{}", node.friction);
    Put(ode, "mu", friction);
    Put(ode, "mu2", friction);
    pugi::xml_node visual = link.append_child("visual");
    visual.append_attribute("name") = fmt::format("visual_{}", i).c_str();
    Put(visual, "pose", pose);
    PutGeometry(visual, scene, solid, is_floor);
    const std::string color = fmt::format("{} {} {} {}", solid.rgba[0], solid.rgba[1], solid.rgba[2], solid.rgba[3]);
    pugi::xml_node material = visual.append_child("material");
    Put(material, "ambient", color);
    Put(material, "diffuse", color);
    if (solid.rgba[3] < 1) Put(visual, "transparency", fmt::format("{}", 1 - solid.rgba[3]));
  }
}

}  // namespace

std::string SceneToSdf(const Scene& scene, const std::filesystem::path& folder, std::vector<std::string>* boxed_robots) {
  if (boxed_robots) boxed_robots->clear();
  pugi::xml_document document;
  pugi::xml_node declaration = document.append_child(pugi::node_declaration);
  declaration.append_attribute("version") = "1.0";
  declaration.append_attribute("encoding") = "UTF-8";
  pugi::xml_node sdf = document.append_child("sdf");
  sdf.append_attribute("version") = "1.9";
  pugi::xml_node world = sdf.append_child("world");
  world.append_attribute("name") = scene.name.empty() ? "scene" : scene.name.c_str();
  pugi::xml_node sun = world.append_child("light");
  sun.append_attribute("type") = "directional";
  sun.append_attribute("name") = "sun";
  Put(sun, "pose", "0 0 10 0 0 0");
  Put(sun, "cast_shadows", "true");
  Put(sun, "diffuse", "0.8 0.8 0.8 1");
  Put(sun, "direction", "-0.35 0.45 -0.82");
  Walk(scene, [&](const Node& node, const Node*, const Pose& world_from_node) {
    if (node.kind != NodeKind::kRoom && node.kind != NodeKind::kObject) return;
    Node shown = node;
    if (!node.robot.empty()) {
      if (boxed_robots) boxed_robots->push_back(node.id);
      shown.robot.clear();
    }
    pugi::xml_node model = world.append_child("model");
    model.append_attribute("name") = node.id.c_str();
    Put(model, "static", node.kind == NodeKind::kRoom || node.fixed || !node.robot.empty() ? "true" : "false");
    Put(model, "pose", PoseText(world_from_node));
    PutLink(model, scene, shown, NodeSolids(scene, shown, folder));
  });
  std::ostringstream out;
  document.save(out, "  ");
  return out.str();
}

}  // namespace takt::scene
