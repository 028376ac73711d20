// SPDX-License-Identifier: Apache-2.0
#include "takt/data/scene/repair/convex.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numbers>

#include "takt/core/geom/mesh.h"

namespace takt::scene {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

void SetBound(Convex* c) {
  if (c->cylinder()) {
    c->bound_radius_m = std::hypot(c->half_length_m, c->rim_radius_m) + c->radius_m;
    return;
  }
  Vec3 low = c->points[0], high = low;
  for (const Vec3& p : c->points) {
    low = low.cwiseMin(p);
    high = high.cwiseMax(p);
  }
  c->centre_m = (low + high) / 2;
  double r = 0;
  for (const Vec3& p : c->points) r = std::max(r, (p - c->centre_m).norm());
  c->bound_radius_m = r + c->radius_m;
}

// Adds a direction unless one parallel to it is there.
void AddDirection(std::vector<Vec3>* set, Vec3 d) {
  const double length = d.norm();
  if (!(length > 1e-12)) return;
  d /= length;
  for (const Vec3& other : *set) {
    if (std::abs(other.dot(d)) > 1 - 1e-12) return;
  }
  set->push_back(d);
}

// The core without its radius.
Vec3 CorePoint(const Convex& c, const Vec3& d) {
  if (c.cylinder()) {
    const double along = d.dot(c.axis);
    const Vec3 across = d - along * c.axis;
    const double length = across.norm();
    Vec3 p = c.centre_m + (along >= 0 ? c.half_length_m : -c.half_length_m) * c.axis;
    if (length > 1e-14 * d.norm()) p += across * (c.rim_radius_m / length);
    return p;
  }
  size_t best = 0;
  double value = -kInf;
  for (size_t i = 0; i < c.points.size(); ++i) {
    const double v = c.points[i].dot(d);
    if (v > value) {
      value = v;
      best = i;
    }
  }
  return c.points[best];
}

// The point of the simplex closest to the origin; the simplex shrinks to the corners that carry it.
struct Simplex {
  std::array<Vec3, 4> w;
  int n = 0;

  Vec3 Reduce() {
    if (n == 1) return w[0];
    if (n == 2) return Segment(0, 1, true);
    if (n == 3) return Triangle(0, 1, 2, true);
    return Tetrahedron();
  }

 private:
  void Keep(std::initializer_list<int> which) {
    std::array<Vec3, 4> kept = w;
    int m = 0;
    for (int i : which) kept[m++] = w[i];
    w = kept;
    n = m;
  }
  Vec3 Segment(int i, int j, bool keep) {
    const Vec3 a = w[i], ab = w[j] - a;
    const double length2 = ab.squaredNorm();
    const double t = length2 > 0 ? -a.dot(ab) / length2 : 0;
    if (!(t > 0)) {
      if (keep) Keep({i});
      return a;
    }
    if (t >= 1) {
      const Vec3 b = w[j];
      if (keep) Keep({j});
      return b;
    }
    const Vec3 p = a + t * ab;
    if (keep) Keep({i, j});
    return p;
  }
  Vec3 Triangle(int i, int j, int k, bool keep) {
    const Vec3 a = w[i], b = w[j], c = w[k];
    const Vec3 ab = b - a, ac = c - a, normal = ab.cross(ac);
    const double area2 = normal.squaredNorm();
    if (area2 > 1e-24 * ab.squaredNorm() * ac.squaredNorm()) {
      const double u = (b - a).cross(-a).dot(normal) / area2;  // weight of c
      const double v = (-a).cross(ac).dot(normal) / area2;     // weight of b
      if (u > 0 && v > 0 && u + v < 1) {
        if (keep) Keep({i, j, k});
        return normal * (a.dot(normal) / area2);
      }
    }
    const std::array<std::array<int, 2>, 3> sides = {{{i, j}, {i, k}, {j, k}}};
    int best = 0;
    double least = kInf;
    for (int s = 0; s < 3; ++s) {
      const double d = Segment(sides[s][0], sides[s][1], false).squaredNorm();
      if (d < least) {
        least = d;
        best = s;
      }
    }
    return Segment(sides[best][0], sides[best][1], keep);
  }
  Vec3 Tetrahedron() {
    const std::array<std::array<int, 4>, 4> faces = {{{0, 1, 2, 3}, {0, 1, 3, 2}, {0, 2, 3, 1}, {1, 2, 3, 0}}};
    int best = -1;
    double least = kInf;
    for (int f = 0; f < 4; ++f) {
      const Vec3& a = w[faces[f][0]];
      const Vec3 normal = (w[faces[f][1]] - a).cross(w[faces[f][2]] - a);
      const double inside = normal.dot(w[faces[f][3]] - a), origin = normal.dot(-a);
      const double flat = 1e-12 * normal.norm() * (w[faces[f][3]] - a).norm();
      if (std::abs(inside) > flat && inside * origin > 0) continue;  // the origin is on the inner side
      const double d = Triangle(faces[f][0], faces[f][1], faces[f][2], false).squaredNorm();
      if (d < least) {
        least = d;
        best = f;
      }
    }
    if (best < 0) return Vec3::Zero();
    return Triangle(faces[best][0], faces[best][1], faces[best][2], true);
  }
};

// Distance of the cores; 0 where they meet.
double CoreDistance(const Convex& a, const Convex& b) {
  Simplex simplex;
  Vec3 v = CorePoint(a, Vec3::UnitX()) - CorePoint(b, -Vec3::UnitX());
  simplex.w[0] = v;
  simplex.n = 1;
  double scale2 = std::max(1e-12, v.squaredNorm());
  for (int step = 0; step < 300; ++step) {
    const double vv = v.squaredNorm();
    if (vv <= 1e-24 * scale2) return 0;
    const Vec3 w = CorePoint(a, -v) - CorePoint(b, v);
    scale2 = std::max(scale2, w.squaredNorm());
    if (vv - v.dot(w) <= 1e-11 * vv) return std::sqrt(vv);
    for (int i = 0; i < simplex.n; ++i) {
      if (simplex.w[i] == w) return std::sqrt(vv);
    }
    simplex.w[simplex.n++] = w;
    const Vec3 next = simplex.Reduce();
    if (simplex.n == 4) return 0;
    if (!(next.squaredNorm() < vv)) return std::sqrt(vv);  // rounding: no more progress
    v = next;
  }
  return v.norm();
}

// How far the difference of the cores reaches along a unit direction.
double Reach(const Convex& a, const Convex& b, const Vec3& d) {
  return CorePoint(a, d).dot(d) - CorePoint(b, -d).dot(d);
}

double CoreDepth(const Convex& a, const Convex& b) {
  std::vector<Vec3> axes;
  for (const Convex* c : {&a, &b}) {
    axes.insert(axes.end(), c->normals.begin(), c->normals.end());
    if (c->cylinder()) axes.push_back(c->axis);
  }
  std::vector<Vec3> ea = a.edges, eb = b.edges;
  if (a.cylinder()) ea.push_back(a.axis);
  if (b.cylinder()) eb.push_back(b.axis);
  for (const Vec3& x : ea) {
    for (const Vec3& y : eb) {
      const Vec3 n = x.cross(y);
      const double length = n.norm();
      if (length > 1e-9) axes.push_back(n / length);
    }
  }
  const bool round = a.cylinder() || b.cylinder();
  if (axes.empty() || round) {  // points, segments in line, or round sides
    const Vec3 between = a.centre_m - b.centre_m;
    if (between.norm() > 1e-12) axes.push_back(between.normalized());
    for (const Convex* c : {&a, &b}) {
      const Vec3 axis = c->cylinder() ? c->axis : c->edges.size() == 1 ? c->edges[0] : Vec3(Vec3::UnitZ());
      const Vec3 u = axis.unitOrthogonal(), t = axis.cross(u);
      for (int i = 0; i < 64; ++i) {
        const double phi = std::numbers::pi * i / 64;
        axes.push_back(std::cos(phi) * u + std::sin(phi) * t);
      }
    }
  }
  double depth = kInf;
  std::vector<std::pair<double, Vec3>> best;
  for (const Vec3& axis : axes) {
    for (const double sign : {1.0, -1.0}) {
      const double r = Reach(a, b, sign * axis);
      depth = std::min(depth, r);
      if (round) best.emplace_back(r, sign * axis);
    }
  }
  if (!round) return std::max(depth, 0.0);
  std::stable_sort(best.begin(), best.end(), [](const auto& x, const auto& y) { return x.first < y.first; });
  if (best.size() > 6) best.resize(6);
  for (auto& [value, d] : best) {
    double step = 0.05;
    for (int i = 0; i < 80 && step > 1e-12; ++i) {
      const Vec3 p = CorePoint(a, d) - CorePoint(b, -d);
      Vec3 slope = p - p.dot(d) * d;
      const double length = slope.norm();
      if (!(length > 1e-12)) break;
      const Vec3 next = (d - step * slope / length).normalized();
      const double r = Reach(a, b, next);
      if (r < value) {
        value = r;
        d = next;
        step *= 1.5;
      } else {
        step *= 0.4;
      }
    }
    depth = std::min(depth, value);
  }
  return std::max(depth, 0.0);
}

}  // namespace

Convex BoxConvex(const Vec3& size_m, const Pose& world_from_box) {
  Convex c;
  for (int i = 0; i < 8; ++i) {
    const Vec3 corner((i & 1 ? 0.5 : -0.5) * size_m.x(), (i & 2 ? 0.5 : -0.5) * size_m.y(),
                      (i & 4 ? 0.5 : -0.5) * size_m.z());
    c.points.push_back(world_from_box * corner);
  }
  const Eigen::Matrix3d r = world_from_box.rotation.toRotationMatrix();
  for (int i = 0; i < 3; ++i) c.normals.push_back(r.col(i));
  c.edges = c.normals;
  SetBound(&c);
  return c;
}

Convex SphereConvex(double radius_m, const Vec3& centre_m) {
  Convex c;
  c.points = {centre_m};
  c.radius_m = radius_m;
  SetBound(&c);
  return c;
}

Convex CapsuleConvex(double radius_m, double length_m, const Pose& world_from_capsule) {
  const double half = std::max(0.0, length_m / 2 - radius_m);
  Convex c;
  c.points = {world_from_capsule * Vec3(0, 0, -half), world_from_capsule * Vec3(0, 0, half)};
  c.radius_m = radius_m;
  c.edges = {world_from_capsule.rotation * Vec3::UnitZ()};
  SetBound(&c);
  return c;
}

Convex CylinderConvex(double radius_m, double length_m, const Pose& world_from_cylinder) {
  Convex c;
  c.rim_radius_m = radius_m;
  c.half_length_m = length_m / 2;
  c.axis = world_from_cylinder.rotation * Vec3::UnitZ();
  c.centre_m = world_from_cylinder.translation_m;
  SetBound(&c);
  return c;
}

Convex HullConvex(std::span<const Vec3> points_m, const std::string& subject) {
  const TriMesh hull = ConvexHull(points_m, subject);
  Convex c;
  c.points = hull.vertices_m;
  for (const auto& t : hull.triangles) {
    const Vec3 &p = hull.vertices_m[t[0]], &q = hull.vertices_m[t[1]], &r = hull.vertices_m[t[2]];
    AddDirection(&c.normals, (q - p).cross(r - p));
    AddDirection(&c.edges, q - p);
    AddDirection(&c.edges, r - q);
    AddDirection(&c.edges, p - r);
  }
  SetBound(&c);
  return c;
}

Convex WallConvex(const Vec2& a_m, const Vec2& b_m, double height_m) {
  Convex c;
  c.points = {{a_m.x(), a_m.y(), 0}, {b_m.x(), b_m.y(), 0}, {a_m.x(), a_m.y(), height_m}, {b_m.x(), b_m.y(), height_m}};
  const Vec2 d = (b_m - a_m).normalized();
  c.normals = {Vec3(-d.y(), d.x(), 0)};
  c.edges = {Vec3(d.x(), d.y(), 0), Vec3::UnitZ()};
  SetBound(&c);
  return c;
}

Convex Transformed(const Convex& piece, const Pose& b_from_a) {
  Convex c = piece;
  const Eigen::Matrix3d r = b_from_a.rotation.toRotationMatrix();
  for (Vec3& p : c.points) p = r * p + b_from_a.translation_m;
  for (Vec3& n : c.normals) n = r * n;
  for (Vec3& e : c.edges) e = r * e;
  c.axis = r * c.axis;
  c.centre_m = r * c.centre_m + b_from_a.translation_m;
  return c;
}

Vec3 SupportPoint(const Convex& piece, const Vec3& direction) {
  return CorePoint(piece, direction) + piece.radius_m * direction.normalized();
}

double SignedDistance(const Convex& a, const Convex& b) {
  const double radii = a.radius_m + b.radius_m;
  const double d = CoreDistance(a, b);
  if (d > 0) return d - radii;
  return -(CoreDepth(a, b) + radii);
}

std::vector<Convex> BodyPieces(const Node& node, const std::filesystem::path& assets) {
  std::vector<Convex> pieces;
  if (node.parts.empty()) {
    pieces.push_back(BoxConvex(node.size_m, Pose::Translation(0, 0, node.size_m.z() / 2)));
    return pieces;
  }
  for (const Part& part : node.parts) {
    const Pose& pose = part.object_from_part;
    switch (part.shape) {
      case ShapeKind::kBox: pieces.push_back(BoxConvex(part.size_m, pose)); break;
      case ShapeKind::kSphere: pieces.push_back(SphereConvex(part.size_m.x() / 2, pose.translation_m)); break;
      case ShapeKind::kCapsule: pieces.push_back(CapsuleConvex(part.size_m.x() / 2, part.size_m.z(), pose)); break;
      case ShapeKind::kCylinder: pieces.push_back(CylinderConvex(part.size_m.x() / 2, part.size_m.z(), pose)); break;
      case ShapeKind::kMesh: {
        TriMesh mesh = ReadMesh(assets / part.mesh);
        if (part.size_m.maxCoeff() > 0) {
          Vec3 low = mesh.vertices_m[0], high = low;
          for (const Vec3& p : mesh.vertices_m) {
            low = low.cwiseMin(p);
            high = high.cwiseMax(p);
          }
          Vec3 scale = Vec3::Ones();
          for (int i = 0; i < 3; ++i) {
            if (part.size_m[i] > 0 && high[i] > low[i]) scale[i] = part.size_m[i] / (high[i] - low[i]);
          }
          for (Vec3& p : mesh.vertices_m) p = p.cwiseProduct(scale);
        }
        pieces.push_back(Transformed(HullConvex(mesh.vertices_m, part.mesh), pose));
        break;
      }
    }
  }
  return pieces;
}

Convex ClearancePiece(const Node& node, const Clearance& clearance) {
  const Vec3& s = node.size_m;
  const double d = clearance.depth_m;
  switch (clearance.side) {
    case Side::kFront: return BoxConvex({d, s.y(), s.z()}, Pose::Translation((s.x() + d) / 2, 0, s.z() / 2));
    case Side::kBack: return BoxConvex({d, s.y(), s.z()}, Pose::Translation(-(s.x() + d) / 2, 0, s.z() / 2));
    case Side::kLeft: return BoxConvex({s.x(), d, s.z()}, Pose::Translation(0, (s.y() + d) / 2, s.z() / 2));
    case Side::kRight: return BoxConvex({s.x(), d, s.z()}, Pose::Translation(0, -(s.y() + d) / 2, s.z() / 2));
    case Side::kTop: break;
  }
  return BoxConvex({s.x(), s.y(), d}, Pose::Translation(0, 0, s.z() + d / 2));
}

std::vector<Vec2> OuterOutline(const Convex& piece) {
  constexpr int kSides = 16;
  const double grow = 1 / std::cos(std::numbers::pi / kSides);
  std::vector<Vec2> points;
  if (piece.points.size() == 8 && piece.edges.size() == 3 && piece.radius_m == 0 && std::abs(piece.edges[2].z()) > 1 - 1e-12) {
    for (const int k : {0, 1, 3, 2}) points.emplace_back(piece.points[k].x(), piece.points[k].y());  // an upright box
    if (piece.edges[2].z() < 0) std::reverse(points.begin(), points.end());
    return points;
  }
  const auto add_disc = [&](const Vec3& centre, double radius) {
    for (int i = 0; i < kSides; ++i) {
      const double phi = 2 * std::numbers::pi * (i + 0.5) / kSides;
      points.emplace_back(centre.x() + radius * grow * std::cos(phi), centre.y() + radius * grow * std::sin(phi));
    }
  };
  if (piece.cylinder()) {
    if (std::abs(piece.axis.z()) > 1 - 1e-12) {
      add_disc(piece.centre_m, piece.rim_radius_m + piece.radius_m);
    } else {
      const Vec3 u = piece.axis.unitOrthogonal(), t = piece.axis.cross(u);
      for (const double end : {-1.0, 1.0}) {
        for (int i = 0; i < kSides; ++i) {
          const double phi = 2 * std::numbers::pi * (i + 0.5) / kSides;
          const Vec3 p = piece.centre_m + end * piece.half_length_m * piece.axis +
                         piece.rim_radius_m * grow * (std::cos(phi) * u + std::sin(phi) * t);
          points.emplace_back(p.x(), p.y());
        }
      }
    }
  } else {
    for (const Vec3& p : piece.points) {
      if (piece.radius_m > 0) {
        add_disc(p, piece.radius_m);
      } else {
        points.emplace_back(p.x(), p.y());
      }
    }
  }
  return Hull2(std::move(points));
}

HeightRange Heights(const Convex& piece) {
  return {SupportPoint(piece, -Vec3::UnitZ()).z(), SupportPoint(piece, Vec3::UnitZ()).z()};
}

std::vector<Vec2> Hull2(std::vector<Vec2> points_m) {
  std::sort(points_m.begin(), points_m.end(),
            [](const Vec2& a, const Vec2& b) { return a.x() != b.x() ? a.x() < b.x() : a.y() < b.y(); });
  std::vector<Vec2> hull(points_m.size() * 2);
  size_t n = 0;
  const auto add = [&](const Vec2& p, size_t floor) {
    while (n >= floor + 2) {
      const Vec2 a = hull[n - 1] - hull[n - 2], b = p - hull[n - 1];
      if (a.x() * b.y() - a.y() * b.x() > 1e-14 * (a.norm() * b.norm() + 1e-30)) break;
      --n;
    }
    hull[n++] = p;
  };
  for (const Vec2& p : points_m) add(p, 0);
  const size_t lower = n;
  for (size_t i = points_m.size() - 1; i-- > 0;) add(points_m[i], lower - 1);
  hull.resize(n > 1 ? n - 1 : n);
  return hull;
}

}  // namespace takt::scene
