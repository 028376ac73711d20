// SPDX-License-Identifier: Apache-2.0
#include "takt/data/demo/motion/grasp.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "takt/core/base/error.h"
#include "takt/data/demo/motion/chain.h"
#include "takt/data/demo/motion/grasp_mesh.h"

namespace takt::demo {
namespace {

// Sixteen staves and a floor, as the catalogue builds cups.
TriMesh Cup(double diameter_m, double height_m, double wall_m) {
  TriMesh cup;
  const int staves = 16;
  const double radius = diameter_m / 2 - wall_m / 2;
  for (int i = 0; i < staves; ++i) {
    const double angle = 2 * std::numbers::pi * i / staves;
    const double width = 2 * (diameter_m / 2) * std::tan(std::numbers::pi / staves);
    Append(&cup, BoxMesh({wall_m, width, height_m}),
           Pose::Yaw(angle, {radius * std::cos(angle), radius * std::sin(angle), 0}));
  }
  Append(&cup, CylinderMesh(diameter_m - wall_m, wall_m), Pose::Translation(0, 0, -height_m / 2 + wall_m / 2));
  return cup;
}

// A bottle: body, shoulder, neck.
TriMesh Bottle() {
  TriMesh bottle = CylinderMesh(0.06, 0.12);
  Append(&bottle, CylinderMesh(0.04, 0.02), Pose::Translation(0, 0, 0.07));
  Append(&bottle, CylinderMesh(0.026, 0.05), Pose::Translation(0, 0, 0.105));
  return bottle;
}

Support Below(const TriMesh& mesh) {
  Support support;
  support.offset_m = 1e9;
  for (const Vec3& v : mesh.vertices_m) support.offset_m = std::min(support.offset_m, v.z());
  return support;
}

// Nearest point of a triangle by dense search over its edges and face: slow, and owes nothing to the code under test.
double DistanceToTriangle(const Vec3& p, const Vec3& a, const Vec3& b, const Vec3& c) {
  const Vec3 n = (b - a).cross(c - a).normalized();
  const Vec3 q = p - n * n.dot(p - a);
  const bool inside = n.dot((b - a).cross(q - a)) >= 0 && n.dot((c - b).cross(q - b)) >= 0 && n.dot((a - c).cross(q - c)) >= 0;
  if (inside) return std::abs(n.dot(p - a));
  const auto edge = [&](const Vec3& u, const Vec3& v) {
    const double t = std::clamp((p - u).dot(v - u) / (v - u).squaredNorm(), 0.0, 1.0);
    return (p - u - t * (v - u)).norm();
  };
  return std::min({edge(a, b), edge(b, c), edge(c, a)});
}

// Whether some face at the contact, within a micrometre, holds the force along `force` inside its friction cone.
bool HeldAt(const TriMesh& mesh, const Vec3& contact, const Vec3& force, double friction) {
  for (const auto& t : mesh.triangles) {
    const Vec3 &a = mesh.vertices_m[t[0]], &b = mesh.vertices_m[t[1]], &c = mesh.vertices_m[t[2]];
    if (DistanceToTriangle(contact, a, b, c) > 3e-6) continue;
    const Vec3 inward = -(b - a).cross(c - a).normalized();
    if (std::acos(std::clamp(inward.dot(force.normalized()), -1.0, 1.0)) <= std::atan(friction) + 1e-9) return true;
  }
  return false;
}

void ExpectForceClosure(const TriMesh& mesh, const std::vector<Grasp>& grasps, double friction) {
  for (const Grasp& g : grasps) {
    const Vec3 line = g.contact_b_m - g.contact_a_m;
    EXPECT_TRUE(HeldAt(mesh, g.contact_a_m, line, friction));
    EXPECT_TRUE(HeldAt(mesh, g.contact_b_m, -line, friction));
    EXPECT_NEAR(line.norm(), g.width_m, 1e-6);
    EXPECT_NEAR((g.object_from_tool.rotation * Vec3::UnitY()).dot(line.normalized()), 1, 1e-9);
    EXPECT_LE(g.friction_needed, friction);
    EXPECT_GE(g.open_m, g.width_m);
  }
}

GripperShape Small() { return {}; }

TEST(Grasp, EveryShapeIsHeldInsideTheCones) {
  struct Case {
    const char* name;
    TriMesh mesh;
  };
  const Case cases[] = {{"cube", BoxMesh({0.04, 0.04, 0.04})},
                        {"cylinder", CylinderMesh(0.05, 0.08)},
                        {"peg", BoxMesh({0.02, 0.02, 0.1})},
                        {"lying peg", BoxMesh({0.1, 0.02, 0.02})},
                        {"sphere", SphereMesh(0.05)},
                        {"cup", Cup(0.07, 0.09, 0.004)},
                        {"bottle", Bottle()}};
  for (const Case& c : cases) {
    const std::vector<Grasp> grasps = FindGrasps(c.mesh, Vec3::Zero(), Below(c.mesh), Small());
    EXPECT_GE(grasps.size(), 6u) << c.name;
    ExpectForceClosure(c.mesh, grasps, 0.6);
    for (size_t i = 1; i < grasps.size(); ++i) EXPECT_GE(grasps[i - 1].score, grasps[i].score) << c.name;
  }
}

TEST(Grasp, CubesAreTakenFromAboveNearTheMiddle) {
  const TriMesh cube = BoxMesh({0.04, 0.04, 0.04});
  const std::vector<Grasp> grasps = FindGrasps(cube, Vec3::Zero(), Below(cube), Small());
  ASSERT_FALSE(grasps.empty());
  EXPECT_LT((grasps[0].object_from_tool.rotation * Vec3::UnitZ()).z(), -0.8);
  EXPECT_LT(grasps[0].object_from_tool.translation_m.head<2>().norm(), 0.012);
}

TEST(Grasp, CupsAreTakenByTheRimAndAcross) {
  const TriMesh cup = Cup(0.07, 0.09, 0.004);
  GraspOptions options;
  options.keep_upright = true;
  const std::vector<Grasp> grasps = FindGrasps(cup, Vec3::Zero(), Below(cup), Small(), options);
  int rim = 0, across = 0;
  for (const Grasp& g : grasps) (g.width_m < 0.01 ? rim : across) += 1;
  EXPECT_GT(rim, 0);
  EXPECT_GT(across, 0);
}

TEST(Grasp, OpeningAndSupportAreRespected) {
  const TriMesh wide = BoxMesh({0.2, 0.2, 0.2});
  EXPECT_TRUE(FindGrasps(wide, Vec3::Zero(), Below(wide), Small()).empty());
  // A plate on the table: nothing to close on but its rim, which the table guards.
  const TriMesh plate = BoxMesh({0.2, 0.2, 0.004});
  EXPECT_TRUE(FindGrasps(plate, Vec3::Zero(), Below(plate), Small()).empty());
  const TriMesh cube = BoxMesh({0.04, 0.04, 0.04});
  const GripperShape gripper = Small();
  for (const Grasp& g : FindGrasps(cube, Vec3::Zero(), Below(cube), gripper)) {
    for (const double side : {-1.0, 1.0}) {
      const Vec3 tip = g.object_from_tool * Vec3(0, side * g.open_m / 2, gripper.finger_tip_m);
      EXPECT_GT(tip.z(), -0.02);
    }
  }
}

TEST(Grasp, LessFrictionLeavesFewerGrasps) {
  // A cone of a tapered body: eight faces that lean by 17 degrees.
  std::vector<Vec3> points;
  for (int i = 0; i < 8; ++i) {
    const double angle = std::numbers::pi / 4 * i;
    points.push_back({0.035 * std::cos(angle), 0.035 * std::sin(angle), -0.03});
    points.push_back({0.017 * std::cos(angle), 0.017 * std::sin(angle), 0.03});
  }
  const TriMesh cone = ConvexHull(points, "cone");
  GraspOptions options;
  options.friction = 0.8;
  const std::vector<Grasp> rough = FindGrasps(cone, Vec3::Zero(), Below(cone), Small(), options);
  ExpectForceClosure(cone, rough, 0.8);
  EXPECT_GT(rough.size(), 3u);
  options.friction = 0.05;
  const size_t slippery = FindGrasps(cone, Vec3::Zero(), Below(cone), Small(), options).size();
  EXPECT_LT(slippery, rough.size() / 2);
  // A search that believes in more friction than there is returns grasps that do not hold: the check sees it.
  int slipping = 0;
  for (const Grasp& g : rough) {
    const Vec3 line = g.contact_b_m - g.contact_a_m;
    slipping += !HeldAt(cone, g.contact_a_m, line, 0.1) || !HeldAt(cone, g.contact_b_m, -line, 0.1);
  }
  EXPECT_GT(slipping, static_cast<int>(rough.size()) / 2);
}

TEST(Grasp, RepeatsAndDiffers) {
  const TriMesh cube = BoxMesh({0.04, 0.04, 0.04});
  const auto a = FindGrasps(cube, Vec3::Zero(), Below(cube), Small()), b = FindGrasps(cube, Vec3::Zero(), Below(cube), Small());
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].object_from_tool.translation_m, b[i].object_from_tool.translation_m);
    for (size_t j = 0; j < i; ++j) {
      const bool near = (a[i].object_from_tool.translation_m - a[j].object_from_tool.translation_m).norm() < 0.008;
      EXPECT_FALSE(near && AngleBetween(a[i].object_from_tool.rotation, a[j].object_from_tool.rotation) < 0.35);
    }
  }
  EXPECT_THROW(FindGrasps({}, Vec3::Zero(), {}, Small()), Error);
}

TEST(GraspMesh, BoxOverlap) {
  const GraspMesh mesh(BoxMesh({0.1, 0.1, 0.1}));
  EXPECT_TRUE(mesh.OverlapsBox(Pose::Translation(0, 0, 0), {0.01, 0.01, 0.01}));  // inside
  EXPECT_TRUE(mesh.OverlapsBox(Pose::Translation(0.055, 0, 0), {0.01, 0.01, 0.01}));
  EXPECT_FALSE(mesh.OverlapsBox(Pose::Translation(0.061, 0, 0), {0.01, 0.01, 0.01}));
  // A box on its edge reaches further.
  const Pose edge = Pose::Yaw(std::numbers::pi / 4, {0.061, 0, 0});
  EXPECT_TRUE(mesh.OverlapsBox(edge, {0.01, 0.01, 0.01}));
  EXPECT_FALSE(mesh.OverlapsBox(Pose::Yaw(std::numbers::pi / 4, {0.0645, 0, 0}), {0.01, 0.01, 0.01}));
}

}  // namespace
}  // namespace takt::demo
