// SPDX-License-Identifier: Apache-2.0
#include "takt/core/geom/mesh.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <numbers>
#include <set>

#include "takt/core/base/bytes.h"
#include "takt/core/base/error.h"
#include "takt/core/base/file.h"
#include "takt/core/base/rng.h"
#include "takt/core/geom/orient.h"

namespace takt {
namespace {

constexpr double kPi = std::numbers::pi;

double Volume(const TriMesh& mesh) {
  double six = 0;
  for (const auto& t : mesh.triangles) {
    six += mesh.vertices_m[t[0]].dot(mesh.vertices_m[t[1]].cross(mesh.vertices_m[t[2]]));
  }
  return six / 6;
}

// Every edge once in each direction, and V - E + F = 2.
void ExpectClosedSphere(const TriMesh& mesh) {
  std::set<std::pair<uint32_t, uint32_t>> edges;
  std::set<uint32_t> used;
  for (const auto& t : mesh.triangles) {
    for (int k = 0; k < 3; ++k) {
      used.insert(t[k]);
      EXPECT_TRUE(edges.emplace(t[k], t[(k + 1) % 3]).second) << "an edge twice in one direction";
    }
  }
  for (const auto& [from, to] : edges) EXPECT_TRUE(edges.count({to, from})) << "an open edge";
  EXPECT_EQ(used.size(), mesh.vertices_m.size());
  EXPECT_EQ(static_cast<long>(used.size()) - static_cast<long>(edges.size() / 2) +
                static_cast<long>(mesh.triangles.size()),
            2);
}

void ExpectHull(const std::vector<Vec3>& points, const TriMesh& hull) {
  ExpectClosedSphere(hull);
  Vec3 low = points[0], high = points[0];
  for (const Vec3& p : points) low = low.cwiseMin(p), high = high.cwiseMax(p);
  const double tolerance_m = 1e-9 * (high - low).maxCoeff();
  size_t outside = 0;
  for (const auto& t : hull.triangles) {
    const Vec3 &a = hull.vertices_m[t[0]], &b = hull.vertices_m[t[1]], &c = hull.vertices_m[t[2]];
    const double length = (b - a).cross(c - a).norm();
    EXPECT_GT(length, 0);
    for (const Vec3& p : points) {
      if (!(-Orient3d(a, b, c, p) <= tolerance_m * length)) ++outside;
    }
  }
  EXPECT_EQ(outside, 0u);
  for (const Vec3& v : hull.vertices_m) EXPECT_NE(std::find(points.begin(), points.end(), v), points.end());
}

std::vector<Vec3> RandomPoints(size_t n, uint64_t seed) {
  const Rng rng(seed);
  std::vector<Vec3> points;
  for (size_t i = 0; i < n; ++i) {
    const auto g = rng.Normal4(i);
    points.emplace_back(g[0], g[1], g[2]);
  }
  return points;
}

TEST(OrientTest, SignIsExactWhereRoundingWouldDecide) {
  EXPECT_GT(Orient3d({0, 0, 0}, {1, 0, 0}, {0, 1, 0}, {0, 0, -1}), 0);
  EXPECT_LT(Orient3d({0, 0, 0}, {1, 0, 0}, {0, 1, 0}, {0, 0, 1}), 0);
  // Points of the plane x + y + z = 1, moved by a single last place.
  const Vec3 a(0.1, 0.2, 0.7), b(0.3, 0.3, 0.4), c(0.25, 0.5, 0.25);
  int crossed = 0;
  for (int i = 0; i < 2000; ++i) {
    const auto w = Rng(7).Words(i);
    const double u = w[0] * 0x1p-32, v = w[1] * 0x1p-32;
    const Vec3 d = a + u * (b - a) + v * (c - a);
    const auto sign = [](double det) { return (det > 0) - (det < 0); };
    const int up = sign(Orient3d(a, b, c, {d[0], d[1], std::nextafter(d[2], 2)}));
    const int down = sign(Orient3d(a, b, c, {d[0], d[1], std::nextafter(d[2], -2)}));
    const int here = sign(Orient3d(a, b, c, d));
    crossed += up < down;
    // One last place up is never a step down; even permutations agree, odd ones are opposite.
    EXPECT_TRUE(up <= here && here <= down);
    EXPECT_EQ(here, sign(Orient3d(b, c, a, d)));
    EXPECT_EQ(here, sign(Orient3d(d, b, a, c)));
    EXPECT_EQ(here, -sign(Orient3d(b, a, c, d)));
  }
  EXPECT_GT(crossed, 500);
  EXPECT_EQ(Orient3d({1e10, 1, 1}, {1e10, 2, 1}, {1e10, 1, 2}, {1e10, 7, -3}), 0);
}

TEST(MeshTest, PrimitivesAreClosedAndHaveTheirVolume) {
  const TriMesh box = BoxMesh({0.2, 0.3, 0.4});
  ExpectClosedSphere(box);
  EXPECT_NEAR(Volume(box), 0.024, 1e-15);
  for (const int segments : {3, 4, 5, 6, 7, 24, 25, 200}) {
    const TriMesh cylinder = CylinderMesh(2, 3, segments), sphere = SphereMesh(2, segments);
    const TriMesh capsule = CapsuleMesh(2, 5, segments), ball = CapsuleMesh(2, 1, segments);
    for (const TriMesh* mesh : {&cylinder, &sphere, &capsule, &ball}) ExpectClosedSphere(*mesh);
    EXPECT_NEAR(Volume(cylinder), 3 * segments / 2.0 * std::sin(2 * kPi / segments), 1e-12);
    EXPECT_LT(Volume(sphere), 4 * kPi / 3);
    EXPECT_GT(Volume(sphere), 4 * kPi / 3 * (1 - 25.0 / (segments * segments)));
    EXPECT_EQ(ball.vertices_m.size(), sphere.vertices_m.size());
    double top = 0, widest = 0;
    for (const Vec3& p : capsule.vertices_m) top = std::max(top, p[2]), widest = std::max(widest, p.head<2>().norm());
    EXPECT_DOUBLE_EQ(top, 2.5);
    EXPECT_LE(widest, 1 + 1e-12);
  }
  EXPECT_NEAR(Volume(CapsuleMesh(2, 5, 200)), 4 * kPi / 3 + 3 * kPi, 0.02);
}

TEST(MeshTest, AppendMovesThePart) {
  TriMesh two = BoxMesh({1, 1, 1});
  Append(&two, BoxMesh({1, 2, 1}), Pose::Yaw(kPi / 2, {5, 0, 0}));
  EXPECT_EQ(two.vertices_m.size(), 16u);
  EXPECT_EQ(two.triangles.size(), 24u);
  EXPECT_NEAR(Volume(two), 3, 1e-12);
  EXPECT_NEAR((two.vertices_m[8] - Vec3(6, -0.5, -0.5)).norm(), 0, 1e-12);
}

TEST(ConvexHullTest, RandomClouds) {
  for (uint64_t seed = 0; seed < 40; ++seed) {
    const auto points = RandomPoints(4 + seed * 7, seed);
    ExpectHull(points, ConvexHull(points, "cloud"));
  }
  std::vector<Vec3> sphere = RandomPoints(2000, 99);
  for (Vec3& p : sphere) p.normalize();
  const TriMesh hull = ConvexHull(sphere, "sphere");
  ExpectHull(sphere, hull);
  EXPECT_EQ(hull.vertices_m.size(), sphere.size());
  EXPECT_NEAR(Volume(hull), 4 * kPi / 3, 0.03);
}

TEST(ConvexHullTest, ManyPointsInFewPlanes) {
  std::vector<Vec3> grid;
  for (int i = 0; i < 9 * 9 * 9; ++i) grid.emplace_back(i % 9, i / 9 % 9, i / 81);
  for (const double yaw_rad : {0.0, 0.3}) {
    std::vector<Vec3> points;
    for (const Vec3& p : grid) points.push_back(Pose::Yaw(yaw_rad, {1e3, 2e3, -5e2}) * p);
    const TriMesh hull = ConvexHull(points, "grid");
    ExpectHull(points, hull);
    EXPECT_NEAR(Volume(hull), 512, 1e-5);
  }
  EXPECT_EQ(ConvexHull(grid, "grid").triangles.size(), 12u);
  const TriMesh cylinder = CylinderMesh(1, 2, 64);
  const TriMesh hull = ConvexHull(cylinder.vertices_m, "cylinder");
  ExpectHull(cylinder.vertices_m, hull);
  EXPECT_NEAR(Volume(hull), Volume(cylinder), 1e-12);
}

TEST(ConvexHullTest, DoesNotDependOnScaleOrOrder) {
  const auto points = RandomPoints(300, 5);
  const TriMesh hull = ConvexHull(points, "cloud");
  for (const double scale : {1e-6, 1e6}) {
    std::vector<Vec3> scaled;
    for (const Vec3& p : points) scaled.push_back(scale * p);
    const TriMesh other = ConvexHull(scaled, "cloud");
    EXPECT_NEAR(Volume(other), scale * scale * scale * Volume(hull), 1e-9 * scale * scale * scale);
    EXPECT_EQ(other.triangles.size(), hull.triangles.size());
  }
  auto twice = points;
  twice.insert(twice.end(), points.rbegin(), points.rend());
  const TriMesh other = ConvexHull(twice, "cloud");
  ExpectHull(points, other);
  EXPECT_EQ(other.triangles.size(), hull.triangles.size());
}

TEST(ConvexHullTest, RefusesWhatHasNoVolume) {
  const auto refuse = [](const std::vector<Vec3>& points) {
    try {
      ConvexHull(points, "flat");
      ADD_FAILURE() << "a hull of " << points.size() << " points";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kBadInput);
    }
  };
  refuse({});
  refuse({{0, 0, 0}, {1, 0, 0}, {0, 1, 0}});
  refuse({{1, 1, 1}, {1, 1, 1}, {1, 1, 1}, {1, 1, 1}});
  refuse({{0, 0, 0}, {1, 1, 1}, {2, 2, 2}, {3, 3, 3}, {7, 7, 7}});
  refuse({{0, 0, 0}, {1, 0, 0}, {0, 1, 0}, {1, 1, 0}, {0.5, 0.5, 1e-14}});
  refuse({{0, 0, 0}, {1, 0, 0}, {0, 1, 0}, {0, 0, NAN}});
  refuse({{0, 0, 0}, {1, 0, 0}, {0, 1, 0}, {0, 0, INFINITY}});
  refuse({{-1e300, 0, 0}, {1e300, 0, 0}, {0, 1e300, 0}, {0, 0, 1e300}});
  std::vector<Vec3> disk;
  for (int i = 0; i < 50; ++i) disk.push_back(Pose::Yaw(0.3 * i) * Vec3(1, 0, 0));
  refuse(disk);
}

// --- files ---

std::vector<uint8_t> BinaryStl(const TriMesh& mesh, const std::string& header = "made here") {
  ByteWriter w;
  std::vector<uint8_t> head(80);
  std::copy(header.begin(), header.end(), head.begin());
  w.Append(head);
  w.Write(static_cast<uint32_t>(mesh.triangles.size()));
  for (const auto& t : mesh.triangles) {
    for (int k = 0; k < 3; ++k) w.Write(0.0f);
    for (const uint32_t v : t) {
      for (int k = 0; k < 3; ++k) w.Write(static_cast<float>(mesh.vertices_m[v][k]));
    }
    w.Write<uint16_t>(0);
  }
  return w.Release();
}

std::vector<uint8_t> Bytes(const std::string& text) { return {text.begin(), text.end()}; }

void ExpectBad(const std::function<TriMesh()>& parse) {
  try {
    parse();
    ADD_FAILURE() << "was read";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kBadInput) << error.what();
  }
}

const char kFacet[] = "facet normal nan 0 1\n outer loop\n  vertex 0 0 0\n  vertex 1 0 0\n  vertex 0 +1e0 -0\n endloop\nendfacet\n";

TEST(StlTest, ReadsBinaryAndWelds) {
  const TriMesh ball = SphereMesh(1, 12);
  for (const char* header : {"made here", "solid that is none"}) {
    const TriMesh read = ParseStl(BinaryStl(ball, header), "ball.stl");
    EXPECT_EQ(read.vertices_m.size(), ball.vertices_m.size());
    EXPECT_EQ(read.triangles.size(), ball.triangles.size());
    ExpectClosedSphere(read);
    EXPECT_NEAR(Volume(read), Volume(ball), 1e-6);
  }
}

TEST(StlTest, ReadsAscii) {
  const std::string text = "\n solid a name of words\n" + std::string(kFacet) + "endsolid a name\nsolid second\n" + kFacet + "endsolid\n";
  const TriMesh read = ParseStl(Bytes(text), "two.stl");
  EXPECT_EQ(read.triangles.size(), 2u);
  EXPECT_EQ(read.vertices_m.size(), 3u);
  EXPECT_FALSE(std::signbit(read.vertices_m[2][2]));
}

TEST(StlTest, HostileFiles) {
  const auto whole = BinaryStl(BoxMesh({1, 1, 1}));
  for (size_t size = 0; size < whole.size(); ++size) {
    ExpectBad([&] { return ParseStl(std::span(whole).first(size), "cut.stl"); });
  }
  const std::string text = "solid x\n" + std::string(kFacet) + "endsolid x";
  for (size_t size = 0; size + 2 < text.size(); ++size) {
    ExpectBad([&] { return ParseStl(Bytes(text.substr(0, size)), "cut.stl"); });
  }
  auto lying = whole;
  for (const uint32_t count : {13u, 0u, 1u << 24, 0xffffffffu}) {
    std::memcpy(&lying[80], &count, 4);
    ExpectBad([&] { return ParseStl(lying, "lying.stl"); });
  }
  auto infinite = whole;
  const float inf = INFINITY;
  std::memcpy(&infinite[84 + 12 + 8], &inf, 4);
  ExpectBad([&] { return ParseStl(infinite, "infinite.stl"); });
  ExpectBad([&] { return ParseStl(Bytes("solid x\nfacet normal 0 0 1 outer loop vertex 0 0 1e999 "), "huge.stl"); });
  TriMesh flat;
  flat.vertices_m = {{0, 0, 0}, {1, 0, 0}};
  flat.triangles = {{0, 1, 1}, {0, 0, 0}};
  ExpectBad([&] { return ParseStl(BinaryStl(flat), "needles.stl"); });
}

TEST(ObjTest, ReadsPolygonsAndRelativeNumbers) {
  const TriMesh read = ParseObj(Bytes("# a comment\nmtllib x.mtl\no box\nv 0 0 0\nv 1 0 0 1.0\r\nv 1 1 0\nv 0 1 0 # here\n"
                                      "vt 0 0\nvn 0 0 1\nf 1/1/1 2/1/1 \\\n3//1 4\nv 0 0 1\nf -1 -5 2\nf 1 1 2\n"),
                                "box.obj");
  EXPECT_EQ(read.vertices_m.size(), 5u);
  ASSERT_EQ(read.triangles.size(), 3u);
  EXPECT_EQ(read.triangles[1], (std::array<uint32_t, 3>{0, 2, 3}));
  EXPECT_EQ(read.triangles[2], (std::array<uint32_t, 3>{4, 0, 1}));
}

TEST(ObjTest, HostileFiles) {
  const std::string head = "v 0 0 0\nv 1 0 0\nv 0 1 0\n";
  for (const char* tail : {"", "f 1 2\n", "f 1 2 4\n", "f 1 2 0\n", "f 1 2 -4\n", "f 1 2 x\n", "f 1 2 99999999999999999999\n",
                           "f 1 2 4294967299\n", "f 1 2 2147483648\n", "v 1 2\nf 1 2 3\n", "v 1 2 nan\nf 1 2 3\n",
                           "v 1 2 1e400\nf 1 2 3\n", "v 1 2 3x\nf 1 2 3\n", "f 1 1 1\n", "f /1 2 3\n"}) {
    ExpectBad([&] { return ParseObj(Bytes(head + tail), "hostile.obj"); });
  }
  const std::string text = head + "f 1 2 3";
  EXPECT_EQ(ParseObj(Bytes(text), "whole.obj").triangles.size(), 1u);
  for (size_t size = 0; size < text.size(); ++size) {
    ExpectBad([&] { return ParseObj(Bytes(text.substr(0, size)), "cut.obj"); });
  }
}

TEST(MeshTest, ReadMeshChoosesBySuffix) {
  try {
    ReadMesh("model.dae");
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUnsupported);
  }
  try {
    ReadMesh("/nowhere/model.STL");
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kNotFound);
  }
}

TEST(MeshTest, RealRobotParts) {
  const std::filesystem::path folder = TAKT_SHARED_DATA "/robot/trs_so_arm100/assets";
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << "needs ../shared/data/robot/trs_so_arm100";
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const TriMesh part = ReadMesh(entry.path());
    EXPECT_GT(part.triangles.size(), 10u) << entry.path();
    EXPECT_LT(part.vertices_m.size(), part.triangles.size()) << entry.path();
    const TriMesh hull = ConvexHull(part.vertices_m, entry.path().string());
    ExpectHull(part.vertices_m, hull);
    EXPECT_GE(Volume(hull), Volume(part) * (1 - 1e-6)) << entry.path();
    ++files;
  }
  EXPECT_EQ(files, 18);
}

}  // namespace
}  // namespace takt
