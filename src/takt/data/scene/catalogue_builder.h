// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "takt/data/scene/catalogue.h"

namespace takt::scene {

// Collects the parts of one object of the catalogue. Places are in a working frame; Finish moves the origin to the
// centre of the bottom of the box. All `z` are bottoms, all `x`, `y` centres.
class CatalogueBuilder {
 public:
  CatalogueBuilder(std::string id, std::map<std::string, double> params, std::string color);

  // Value of a parameter; the caller has checked that it is there.
  double operator()(const char* name) const;
  bool Flag(const char* name) const { return (*this)(name) >= 0.5; }
  const std::string& color() const { return color_; }
  Node& node() { return node_; }

  // `material`: id in Palette(); empty: the colour of the object.
  void Add(ShapeKind shape, const Vec3& size_m, const Pose& pose, const char* material = "");
  void Box(const Vec3& size_m, double x, double y, double z, const char* material = "");
  void Cylinder(double diameter_m, double height_m, double x, double y, double z, const char* material = "");
  // Axis along y, `z` the bottom of the round.
  void LyingCylinder(double diameter_m, double length_m, double x, double y, double z, const char* material = "");
  void Sphere(double diameter_m, double x, double y, double z, const char* material = "");
  // 16 boxes whose inner faces touch the circle of `inner_radius_m` around the z axis.
  void Ring(double inner_radius_m, double wall_m, double height_m, double z, const char* material = "");
  // A bottom and four walls around the outer size; the cavity becomes the surface "inside".
  void Tub(const Vec3& size_m, double wall_m, double bottom_m, double z, const char* material = "");
  // A round vessel: bottom, ring, surface "inside", and the numbers that say how much it holds.
  void Vessel(double inner_radius_m, double inner_height_m, double wall_m, double bottom_m, double fill_m,
              const char* material = "");
  // Four square legs of `width_m` inside the rectangle size x, y.
  void Legs(double size_x_m, double size_y_m, double height_m, double width_m, const char* material = "");

  void Surface(const std::string& suffix, const Vec3& size_m, double x, double y, double z);
  void Clear(Side side, double depth_m, const char* what);
  void Extra(const char* key, double value);
  void Name(std::string name) { node_.name = std::move(name); }

  // Centres the body, sums the mass at `density_kg_m3` of the parts' volume, and hands the node out.
  Node Finish(double density_kg_m3, double friction);

 private:
  Node node_;
  std::map<std::string, double> params_;
  std::string color_;
  double liquid_kg_ = 0;
};

struct CatalogueKind {
  std::string_view category, what;
  std::vector<CatalogueParam> params;
  std::vector<std::string_view> colors, surfaces;
  Node (*build)(CatalogueBuilder& b);
};

std::vector<CatalogueKind> WorkpieceKinds();  // cubes, pegs, bins, tools
std::vector<CatalogueKind> VesselKinds();     // cups, bottles and what else is in a laboratory
std::vector<CatalogueKind> FurnitureKinds();  // tables, shelves, cabinets
std::vector<CatalogueKind> FactoryKinds();    // machines, conveyors, robots, safety

}  // namespace takt::scene
