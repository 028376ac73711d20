// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <span>
#include <vector>

#include "takt/core/geom/pose.h"
#include "takt/data/scene/model/scene.h"

namespace takt::scene {

// A convex piece: the hull of points, or a cylinder, grown by a radius (sphere: one point; capsule: two).
struct Convex {
  std::vector<Vec3> points;        // m; empty for a cylinder
  double radius_m = 0;             // of the growth
  Vec3 axis = Vec3::UnitZ();       // cylinder: unit
  double half_length_m = 0;        // cylinder
  double rim_radius_m = 0;         // cylinder; > 0 makes it one
  std::vector<Vec3> normals;       // of the faces of the hull, one of each opposite pair
  std::vector<Vec3> edges;         // directions of its edges, one of each parallel set
  Vec3 centre_m = Vec3::Zero();    // of a sphere that holds it
  double bound_radius_m = 0;

  bool cylinder() const { return rim_radius_m > 0; }
};

Convex BoxConvex(const Vec3& size_m, const Pose& world_from_box);  // pose of its centre
Convex SphereConvex(double radius_m, const Vec3& centre_m);
Convex CapsuleConvex(double radius_m, double length_m, const Pose& world_from_capsule);  // length includes the caps
Convex CylinderConvex(double radius_m, double length_m, const Pose& world_from_cylinder);
// The hull of a mesh's vertices. Errors: as ConvexHull.
Convex HullConvex(std::span<const Vec3> points_m, const std::string& subject);
// A flat rectangle from `a` to `b` (on the floor) and up to `height_m`: a wall.
Convex WallConvex(const Vec2& a_m, const Vec2& b_m, double height_m);
Convex Transformed(const Convex& piece, const Pose& b_from_a);

// Point of the piece that is farthest along `direction` (any length > 0).
Vec3 SupportPoint(const Convex& piece, const Vec3& direction);

// Distance of two pieces; where they overlap, minus the least translation that parts them.
// Apart: GJK on the cores, relative error 1e-9. Overlapping hulls, spheres, capsules: separating axes over all face
// normals and edge pairs, exact. Overlapping cylinders: the same axes refined by descent on the sphere of directions, which
// can only report too much depth. Source: Gilbert, Johnson, Keerthi 1988; Gottschalk 1996.
double SignedDistance(const Convex& a, const Convex& b);

// The body of an object in its own frame: its parts, or one box. Errors: as ReadMesh and ConvexHull.
std::vector<Convex> BodyPieces(const Node& node, const std::filesystem::path& assets);
// The space of a clearance in the object's frame.
Convex ClearancePiece(const Node& node, const Clearance& clearance);

// Corners of polygons that hold the projection of a piece to the floor, counter-clockwise. A round outline becomes the
// 16-gon around it with edges along +-x and +-y, so that it touches what the box of the body touches.
std::vector<Vec2> OuterOutline(const Convex& piece);
struct HeightRange {
  double low_m = 0, high_m = 0;
};
HeightRange Heights(const Convex& piece);

// Counter-clockwise hull without collinear points.
std::vector<Vec2> Hull2(std::vector<Vec2> points_m);

}  // namespace takt::scene
