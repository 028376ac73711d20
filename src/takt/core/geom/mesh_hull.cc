// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "takt/core/base/error.h"
#include "takt/core/geom/mesh.h"
#include "takt/core/geom/orient.h"

namespace takt {
namespace {

constexpr double kRelativeTolerance = 1e-10;  // of the extent: a point this near to a face counts as inside
constexpr uint32_t kNone = std::numeric_limits<uint32_t>::max();

struct Face {
  std::array<uint32_t, 3> vertex;
  std::array<uint32_t, 3> neighbour;  // across the edge from vertex[k] to vertex[k + 1]
  double normal_length = 0;           // of (b - a) x (c - a)
  std::vector<uint32_t> outside;      // points above this face
  uint32_t farthest = kNone;          // of `outside`
  double farthest_m = 0;
  bool alive = true;
};

// Quickhull. Whether a face is visible from the point that is added is decided by the exact sign, so that what is visible
// is always one disk and the hull stays closed, whatever lies in one plane; the tolerance only says which points are
// worth adding.
class Hull {
 public:
  Hull(std::span<const Vec3> points_m, const std::string& subject) : points_(points_m) {
    if (points_.size() < 4) Fail(subject, "has fewer than four points");
    if (points_.size() >= kNone) Fail(subject, "has more than 2^32 - 2 points");
    Vec3 low = points_[0], high = points_[0];
    for (const Vec3& p : points_) {
      if (!p.allFinite()) Fail(subject, "has a point that is not finite");
      low = low.cwiseMin(p), high = high.cwiseMax(p);
    }
    tolerance_m_ = kRelativeTolerance * (high - low).maxCoeff();
    if (!(tolerance_m_ < 1e60)) Fail(subject, "is too large: lengths must stay below 1e70 m");
    if (!(tolerance_m_ > 1e-80)) Fail(subject, "has all its points in one place");
    Start(subject);
  }

  TriMesh Build() {
    // Faces are visited in the order in which they were made; new ones join at the end.
    for (uint32_t f = 0; f < faces_.size(); ++f) {
      if (faces_[f].alive && faces_[f].farthest != kNone) AddPoint(f);
    }
    TriMesh mesh;
    std::vector<uint32_t> renumbered(points_.size(), kNone);
    for (const Face& face : faces_) {
      if (!face.alive) continue;
      std::array<uint32_t, 3> triangle;
      for (int k = 0; k < 3; ++k) {
        uint32_t& idx = renumbered[face.vertex[k]];
        if (idx == kNone) {
          idx = static_cast<uint32_t>(mesh.vertices_m.size());
          mesh.vertices_m.push_back(points_[face.vertex[k]]);
        }
        triangle[k] = idx;
      }
      mesh.triangles.push_back(triangle);
    }
    return mesh;
  }

 private:
  [[noreturn]] static void Fail(const std::string& subject, const std::string& message) {
    throw Error(ErrorCode::kBadInput, subject, message, "a convex hull needs at least four points that span a volume");
  }

  // Positive above the face; proportional to the height.
  double Above(const Face& face, uint32_t point) const {
    return -Orient3d(points_[face.vertex[0]], points_[face.vertex[1]], points_[face.vertex[2]], points_[point]);
  }

  uint32_t MakeFace(uint32_t a, uint32_t b, uint32_t c) {
    Face face;
    face.vertex = {a, b, c};
    face.neighbour = {kNone, kNone, kNone};
    face.normal_length = (points_[b] - points_[a]).cross(points_[c] - points_[a]).norm();
    faces_.push_back(std::move(face));
    return static_cast<uint32_t>(faces_.size() - 1);
  }

  // Gives a point to the face among [first, end) that it is highest above, if there is one.
  void Assign(uint32_t point, size_t first) {
    uint32_t best = kNone;
    double best_m = tolerance_m_;
    for (size_t f = first; f < faces_.size(); ++f) {
      const double above = Above(faces_[f], point);
      if (!(above > 0)) continue;
      const double height_m = above / std::max(faces_[f].normal_length, std::numeric_limits<double>::min());
      if (height_m > best_m) best = static_cast<uint32_t>(f), best_m = height_m;
    }
    if (best == kNone) return;
    Face& face = faces_[best];
    face.outside.push_back(point);
    if (best_m > face.farthest_m) face.farthest = point, face.farthest_m = best_m;
  }

  // A large tetrahedron: ends of the longest axis, then the farthest from that line, then from that plane.
  void Start(const std::string& subject) {
    const auto farthest = [&](const auto& measure) {
      uint32_t best = 0;
      for (uint32_t i = 1; i < points_.size(); ++i) {
        if (measure(points_[i]) > measure(points_[best])) best = i;
      }
      return best;
    };
    uint32_t a = 0, b = 0;
    for (int axis = 0; axis < 3; ++axis) {
      const uint32_t low = farthest([&](const Vec3& p) { return -p[axis]; });
      const uint32_t high = farthest([&](const Vec3& p) { return p[axis]; });
      if (points_[high][axis] - points_[low][axis] > (points_[b] - points_[a]).cwiseAbs().maxCoeff()) a = low, b = high;
    }
    const Vec3 along = (points_[b] - points_[a]).normalized();
    const auto from_line = [&](const Vec3& p) { return (p - points_[a]).cross(along).squaredNorm(); };
    const uint32_t c = farthest(from_line);
    const Vec3 normal = along.cross(points_[c] - points_[a]).normalized();
    const auto from_plane = [&](const Vec3& p) { return std::abs(normal.dot(p - points_[a])); };
    const uint32_t d = farthest(from_plane);
    const double side = Orient3d(points_[a], points_[b], points_[c], points_[d]);
    if (!(std::sqrt(from_line(points_[c])) > tolerance_m_) || !(from_plane(points_[d]) > tolerance_m_) || side == 0) {
      Fail(subject, "has all its points in one plane");
    }
    const std::array<uint32_t, 4> v = side > 0 ? std::array{a, b, c, d} : std::array{a, c, b, d};  // v[3] is below
    MakeFace(v[0], v[1], v[2]);
    MakeFace(v[0], v[3], v[1]);
    MakeFace(v[1], v[3], v[2]);
    MakeFace(v[2], v[3], v[0]);
    faces_[0].neighbour = {1, 2, 3};
    faces_[1].neighbour = {3, 2, 0};
    faces_[2].neighbour = {1, 3, 0};
    faces_[3].neighbour = {2, 1, 0};
    for (uint32_t i = 0; i < points_.size(); ++i) Assign(i, 0);
  }

  void AddPoint(uint32_t seed) {
    const uint32_t eye = faces_[seed].farthest;
    // The visible faces, connected to the first; an edge towards one that is not visible belongs to the horizon.
    visible_.assign(1, seed);
    faces_[seed].alive = false;
    horizon_.clear();
    for (size_t i = 0; i < visible_.size(); ++i) {
      for (int k = 0; k < 3; ++k) {
        const uint32_t across = faces_[visible_[i]].neighbour[k];
        if (!faces_[across].alive) continue;
        if (Above(faces_[across], eye) > 0) {
          faces_[across].alive = false;
          visible_.push_back(across);
        }
      }
    }
    for (const uint32_t f : visible_) {
      for (int k = 0; k < 3; ++k) {
        const uint32_t across = faces_[f].neighbour[k];
        if (faces_[across].alive) horizon_.push_back({faces_[f].vertex[k], faces_[f].vertex[(k + 1) % 3], across});
      }
    }
    const size_t first = faces_.size();
    face_from_.resize(points_.size());
    for (const Edge& edge : horizon_) face_from_[edge.from] = MakeFace(edge.from, edge.to, eye);
    for (size_t i = 0; i < horizon_.size(); ++i) {
      const Edge& edge = horizon_[i];
      const auto made = static_cast<uint32_t>(first + i);
      Face& face = faces_[made];
      const uint32_t next = face_from_[edge.to];
      face.neighbour[0] = edge.across;
      face.neighbour[1] = next;             // edge.to to eye, which `next` has from eye to edge.to
      faces_[next].neighbour[2] = made;
      Face& outer = faces_[edge.across];
      for (int k = 0; k < 3; ++k) {
        if (outer.vertex[k] == edge.to && outer.vertex[(k + 1) % 3] == edge.from) outer.neighbour[k] = made;
      }
    }
    for (const uint32_t f : visible_) {
      const std::vector<uint32_t> left = std::move(faces_[f].outside);
      faces_[f].outside = {};
      for (const uint32_t point : left) {
        if (point != eye) Assign(point, first);
      }
    }
  }

  struct Edge {
    uint32_t from, to, across;
  };
  std::span<const Vec3> points_;
  double tolerance_m_ = 0;
  std::vector<Face> faces_;
  std::vector<uint32_t> visible_, face_from_;
  std::vector<Edge> horizon_;
};

}  // namespace

TriMesh ConvexHull(std::span<const Vec3> points_m, const std::string& subject) { return Hull(points_m, subject).Build(); }

}  // namespace takt
