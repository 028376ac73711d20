// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <nlohmann/json.hpp>
#include <pugixml.hpp>
#include <sstream>

#include "takt/core/base/bytes.h"
#include "takt/core/base/error.h"
#include "takt/core/base/file.h"
#include "takt/data/scene/export_glb.h"
#include "takt/data/scene/export_sdf.h"
#include "takt/data/scene/model/scene_io.h"
#include "takt/data/scene/model/test_scenes.h"
#include "takt/data/scene/model/walk.h"
#include "takt/data/scene/solids.h"

namespace takt::scene {
namespace {

using Json = nlohmann::json;

Scene Cell() {
  const ReadResult read = ParseScene(kCellXml, Format::kXml, "cell.xml");
  EXPECT_FALSE(HasErrors(read.diagnostics));
  return read.scene;
}

// --- solids ---

TEST(SolidsTest, FloorsOfAnyShapeAreTriangulated) {
  const std::vector<Vec2> comb = {{0, 0}, {7, 0}, {7, 3}, {6, 3}, {6, 1}, {5, 1}, {5, 3}, {4, 3}, {4, 1}, {3, 1}, {3, 3}, {0, 3}, {0, 1}};
  for (int turned = 0; turned < 2; ++turned) {
    std::vector<Vec2> corners = comb;
    if (turned) std::reverse(corners.begin(), corners.end());
    double area = 0;
    for (const auto& t : Triangulate(corners, "comb")) {
      const Vec2 u = corners[t[1]] - corners[t[0]], v = corners[t[2]] - corners[t[0]];
      EXPECT_GT(u[0] * v[1] - u[1] * v[0], 0);
      area += 0.5 * (u[0] * v[1] - u[1] * v[0]);
    }
    EXPECT_NEAR(area, 7 * 3 - 2 * 2, 1e-12);
  }
  EXPECT_THROW(Triangulate({{0, 0}, {1, 1}, {1, 0}, {0, 1}}, "bow"), Error);
  EXPECT_THROW(Triangulate({{0, 0}, {1, 1}}, "line"), Error);
}

TEST(SolidsTest, WallsLeaveTheirOpeningsFree) {
  const Scene scene = Cell();
  double area = 0;
  for (const Solid& solid : NodeSolids(scene, scene.room, "")) {
    if (solid.wall_idx != 2) continue;
    area += solid.size_m[0] * solid.size_m[2];
    for (const Vec3& v : solid.mesh.vertices_m) EXPECT_GE((solid.node_from_solid * v)[1], 5 - 1e-12) << "outside the floor";
  }
  EXPECT_NEAR(area, (6 + 2 * kWallThickness_m) * 3 - 2 * 1.2, 1e-9);
}

// --- GLB ---

struct Glb {
  Json document;
  std::vector<uint8_t> data;
};

Glb ParseGlb(const std::vector<uint8_t>& bytes) {
  ByteReader reader(bytes, "glb");
  EXPECT_EQ(reader.Read<uint32_t>(), 0x46546C67u);
  EXPECT_EQ(reader.Read<uint32_t>(), 2u);
  EXPECT_EQ(reader.Read<uint32_t>(), bytes.size());
  const auto length = reader.Read<uint32_t>();
  EXPECT_EQ(length % 4, 0u);
  EXPECT_EQ(reader.Read<uint32_t>(), 0x4E4F534Au);
  const auto text = reader.Take(length);
  Glb glb;
  glb.document = Json::parse(text.begin(), text.end());
  if (reader.remaining() > 0) {
    const auto data_length = reader.Read<uint32_t>();
    EXPECT_EQ(reader.Read<uint32_t>(), 0x004E4942u);
    const auto data = reader.Take(data_length);
    glb.data.assign(data.begin(), data.end());
    EXPECT_EQ(reader.remaining(), 0u);
  }
  return glb;
}

Pose NodePose(const Json& node) {
  Pose pose;
  if (node.contains("translation")) pose.translation_m = Vec3(node["translation"][0], node["translation"][1], node["translation"][2]);
  if (node.contains("rotation")) {
    pose.rotation = Quat(double(node["rotation"][3]), double(node["rotation"][0]), double(node["rotation"][1]), double(node["rotation"][2]));
    EXPECT_NEAR(pose.rotation.norm(), 1, 1e-9);
  }
  return pose;
}

TEST(GlbTest, HoldsTheTreeWithItsPlaces) {
  const Scene scene = Cell();
  const auto bytes = SceneToGlb(scene, "");
  EXPECT_EQ(bytes, SceneToGlb(scene, ""));
  const Glb glb = ParseGlb(bytes);
  const Json& doc = glb.document;
  EXPECT_EQ(doc["asset"]["version"], "2.0");
  EXPECT_EQ(doc["buffers"][0]["byteLength"], glb.data.size());
  std::map<std::string, std::pair<Pose, const Json*>> nodes;
  const auto visit = [&](const auto& self, int idx, const Pose& parent) -> void {
    const Json& node = doc["nodes"][idx];
    const Pose pose = parent * NodePose(node);
    nodes[node["name"]] = {pose, &node};
    if (node.contains("children")) {
      for (const int child : node["children"]) self(self, child, pose);
    }
  };
  visit(visit, doc["scenes"][0]["nodes"][0], Pose{});
  size_t count = 0;
  Walk(scene, [&](const Node& node, const Node*, const Pose& world_from_node) {
    ++count;
    ASSERT_TRUE(nodes.count(node.id)) << node.id;
    // x stays, z up becomes y, y becomes -z.
    const Vec3 p = world_from_node.translation_m, want(p[0], p[2], -p[1]);
    EXPECT_NEAR((nodes[node.id].first.translation_m - want).norm(), 0, 1e-9) << node.id;
    EXPECT_EQ(nodes[node.id].second->contains("mesh"), node.kind == NodeKind::kRoom || node.kind == NodeKind::kObject);
  });
  EXPECT_EQ(doc["nodes"].size(), count + 1);
  // Accessors: inside the buffer, bounds as stated, normals of unit length, counter-clockwise outwards.
  for (const Json& mesh : doc["meshes"]) {
    for (const Json& primitive : mesh["primitives"]) {
      const Json& position = doc["accessors"][int(primitive["attributes"]["POSITION"])];
      const Json& normal = doc["accessors"][int(primitive["attributes"]["NORMAL"])];
      const size_t stride = doc["bufferViews"][0]["byteStride"], n = position["count"];
      EXPECT_EQ(n % 3, 0u);
      ASSERT_LE(size_t(normal["byteOffset"]) + (n - 1) * stride + 12, glb.data.size());
      std::array<float, 3> low = {1e9f, 1e9f, 1e9f}, high = {-1e9f, -1e9f, -1e9f};
      std::vector<Vec3> points, normals;
      for (size_t i = 0; i < n; ++i) {
        float p[3], m[3];
        std::memcpy(p, &glb.data[size_t(position["byteOffset"]) + i * stride], 12);
        std::memcpy(m, &glb.data[size_t(normal["byteOffset"]) + i * stride], 12);
        points.emplace_back(p[0], p[1], p[2]);
        normals.emplace_back(m[0], m[1], m[2]);
        EXPECT_NEAR(normals.back().norm(), 1, 1e-5);
        for (int k = 0; k < 3; ++k) low[k] = std::min(low[k], p[k]), high[k] = std::max(high[k], p[k]);
      }
      for (int k = 0; k < 3; ++k) {
        EXPECT_EQ(float(position["min"][k]), low[k]);
        EXPECT_EQ(float(position["max"][k]), high[k]);
      }
      for (size_t i = 0; i < n; i += 3) {
        const Vec3 face = (points[i + 1] - points[i]).cross(points[i + 2] - points[i]);
        EXPECT_GT(face.dot(normals[i]), -1e-9);
      }
    }
  }
  bool blended = false;
  for (const Json& material : doc["materials"]) blended |= material.contains("alphaMode");
  EXPECT_TRUE(blended) << "the cup is of glass";
}

TEST(GlbTest, AnyTreeCanBeWritten) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    Scene scene = RandomScene(seed);
    ParseGlb(SceneToGlb(scene, ""));
  }
}

// --- SDFormat ---

TEST(SdfTest, HoldsModelsWithTheirPlacesAndMasses) {
  const Scene scene = Cell();
  std::vector<std::string> boxed;
  const std::string text = SceneToSdf(scene, "", &boxed);
  EXPECT_EQ(boxed, std::vector<std::string>{"arm"});
  pugi::xml_document document;
  ASSERT_TRUE(document.load_string(text.c_str()));
  EXPECT_STREQ(document.child("sdf").attribute("version").value(), "1.9");
  const pugi::xml_node world = document.child("sdf").child("world");
  EXPECT_STREQ(world.attribute("name").value(), "cell & bench");
  Walk(scene, [&](const Node& node, const Node*, const Pose& world_from_node) {
    const pugi::xml_node model = world.find_child_by_attribute("model", "name", node.id.c_str());
    ASSERT_EQ(bool(model), node.kind == NodeKind::kRoom || node.kind == NodeKind::kObject) << node.id;
    if (!model) return;
    std::istringstream words(model.child("pose").text().get());
    double v[6];
    for (double& value : v) words >> value;
    const Eigen::Matrix3d r = (Eigen::AngleAxisd(v[5], Vec3::UnitZ()) * Eigen::AngleAxisd(v[4], Vec3::UnitY()) *
                               Eigen::AngleAxisd(v[3], Vec3::UnitX())).toRotationMatrix();
    EXPECT_NEAR((r - world_from_node.rotation.toRotationMatrix()).norm(), 0, 1e-7) << node.id;
    EXPECT_NEAR((Vec3(v[0], v[1], v[2]) - world_from_node.translation_m).norm(), 0, 1e-9);
    const pugi::xml_node link = model.child("link");
    size_t visuals = 0, collisions = 0;
    for (const auto& child : link.children("visual")) visuals += bool(child.child("geometry").first_child());
    for (const auto& child : link.children("collision")) collisions += bool(child.child("geometry").first_child());
    EXPECT_EQ(visuals, collisions);
    EXPECT_GE(visuals, 1u);
    if (node.kind != NodeKind::kObject) return;
    const double mass_kg = link.child("inertial").child("mass").text().as_double();
    if (node.mass_kg > 0) {
      EXPECT_EQ(mass_kg, node.mass_kg);
    }
    EXPECT_GT(mass_kg, 0);
    const pugi::xml_node inertia = link.child("inertial").child("inertia");
    const double xx = inertia.child("ixx").text().as_double(), yy = inertia.child("iyy").text().as_double();
    const double zz = inertia.child("izz").text().as_double();
    EXPECT_TRUE(xx + yy >= zz && yy + zz >= xx && xx + zz >= yy) << "no body has such an inertia";
    EXPECT_EQ(std::string(model.child("static").text().get()) == "true", node.fixed || !node.robot.empty());
  });
}

}  // namespace
}  // namespace takt::scene
